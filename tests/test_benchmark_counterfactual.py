"""The benchmark of worlds runs, and both ways give the same table."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.counterfactual import measure


def test_both_ways_agree_on_few_leads() -> None:
    found = measure(leads=15, repetitions=1)
    assert [one.n // 15 for one in found] == [int(one.case.split(" × ")[1].split()[0]) for one in found]
    assert {one.max_error for one in found} == {0.0}
