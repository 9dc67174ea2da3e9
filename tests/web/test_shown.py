"""What the view looks up in a run, and what it compares it with."""

from __future__ import annotations

from pathlib import Path

from nights import write_night

from lqmodel.runs import Run
from lqmodel.web.shown import Shown, week_before

STAGES = {"A": "MQL", "B": "MQL"}


def chain(out: Path, chances: dict[int, float]) -> dict[int, Run]:
    """Write a run for each of these days, in which A has that chance, and B a half."""
    runs: dict[int, Run] = {}
    for day, chance in chances.items():
        before = runs[max(runs)] if runs else None
        runs[day] = write_night(out, day, STAGES, previous=before, probability={"A": chance})
    return runs


def test_a_trend_is_told_over_a_week_however_often_runs_come(tmp_path: Path) -> None:
    chances = (0.2, 0.2, 0.2, 0.2, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    runs = chain(tmp_path, dict(enumerate(chances, start=1)))
    assert [week_before(runs[day]) for day in (12, 9, 8)] == [runs[5], runs[2], runs[1]]
    told = {day: Shown(runs[day]).brief("A").trend for day in runs}
    assert (told[12], told[9], told[8]) == ("down", "up", "up"), "the night before it was the same"
    assert {Shown(run).brief("B").trend for day, run in runs.items() if day > 1} == {"steady"}
    assert told[1] == ""


def test_of_runs_that_are_rare_or_few_the_nearest_to_a_week_counts(tmp_path: Path) -> None:
    rare = chain(tmp_path / "rare", {1: 0.2, 15: 0.3, 29: 0.5})
    assert week_before(rare[29]) == rare[15]
    few = chain(tmp_path / "few", {1: 0.2, 2: 0.3, 3: 0.5})
    assert week_before(few[3]) == few[1]
    assert week_before(few[2]) == few[1]
    assert week_before(few[1]) is None


def test_a_run_that_was_damaged_since_takes_the_trends_and_nothing_else(tmp_path: Path) -> None:
    runs = chain(tmp_path, {1: 0.2, 8: 0.3})
    with (runs[1].folder / "scores.parquet").open("ab") as file:
        file.write(b"x")
    brief = Shown(runs[8]).brief("A")
    assert (brief.probability, brief.trend, brief.stage) == (0.3, "", "MQL")


def test_what_a_run_does_not_hold_is_empty(tmp_path: Path) -> None:
    shown = Shown(write_night(tmp_path, 1, STAGES))
    assert [shown.holds(lead) for lead in ("", "A", "AA", "B", "C")] == [False, True, False, True, False]
    assert shown.brief("C").probability is None
    assert shown.texts("A", "reasons_up") == {"reasons_up": "looked at the prices"}
    assert shown.texts("C", "reasons_up") == {"reasons_up": ""}
    assert shown.texts("A") == {}
