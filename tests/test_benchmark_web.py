"""The load generator runs: nothing fails, nothing is lost, and what was lost would be told."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.web import BARRED, LARGEST, QUICK, _lost, measure, missed, table
from benchmarks.web_company import build


@pytest.mark.slow
def test_a_small_company_under_load(tmp_path: Path) -> None:
    run = build(tmp_path, QUICK.size)
    assert run.manifest["counts"] == {"scored": len(run.table)}
    assert len(run.table) >= QUICK.size.leads
    outcome = measure(tmp_path, QUICK, run)
    assert outcome.wrong == ()
    assert {page.case.partition(",")[0] for page in outcome.pages} >= {*BARRED, "act"}
    assert all(page.bytes < LARGEST for page in outcome.pages)
    assert not [
        problem for problem in missed(outcome, QUICK) if not re.search("of 100 within|memory", problem)
    ]
    assert "acts acknowledged" in table(outcome)


def test_what_was_lost_is_told() -> None:
    assert _lost(["a", "b"], ["a", "b"]) == []
    assert _lost(["a", "b"], ["a"]) == ["act b was acknowledged, and is lost"]
    assert _lost(["a"], ["a", "b"]) == ["act b was never acknowledged"]
    assert _lost(["a"], ["a", "a"]) == ["an act is there twice"]
