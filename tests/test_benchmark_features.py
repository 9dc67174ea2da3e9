"""The benchmark of features runs, and its peers give the numbers that lqmodel gives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("polars")
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.features import error, measure


def test_all_systems_agree_on_few_events(tmp_path: Path) -> None:
    found = measure(tmp_path, n_events=20_000, repetitions=1)
    assert {one.case for one in found} == {
        "one as_of, in memory",
        "snapshots, in memory",
        "one as_of, from files",
        "snapshots, from files",
        "10x leads, per lead",
    }
    assert max(one.max_error for one in found) < 1e-9  # the digits that logarithms are rounded to


def test_other_numbers_are_told(tmp_path: Path) -> None:
    import pyarrow as pa

    ours = pa.table({"__key": ["a", "b"], "x": [1.0, None]})
    assert error(ours, pa.table({"__key": ["a"], "x": [3.5]})) == 2.5
    with pytest.raises(ValueError, match="'x' is missing elsewhere"):
        error(ours, pa.table({"__key": ["a", "b"], "x": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="other rows"):
        error(ours, pa.table({"__key": ["a", "c"], "x": [1.0, 2.0]}))
