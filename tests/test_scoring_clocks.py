"""Scoring where leads are looked at once, at an age, and where they come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from projects import QUICK
from strategies import DAY, timestamps, us, write

from lqmodel.api import open_project
from lqmodel.asof import iso
from lqmodel.bundle import Bundle
from lqmodel.roster import REASON
from lqmodel.runs import Run, write_run
from lqmodel.scoring import explain_lead, score

START = us("2025-01-06T00:00Z")
SOURCES = """
[leads]
uri = "leads.parquet"
key = "lead_id"
occurred_at = "created_at"
[events]
uri = "events.parquet"
key = "lead_id"
occurred_at = "at"
observed_from = "2025-01-01"
zone = "UTC"
[outcomes]
uri = "outcomes.parquet"
key = "lead_id"
occurred_at = "at"
"""
FEATURES = """
kind = "engagement"
[visits]
source = "events"
verb = "count"
windows = ["2d", "ever"]
reason.en.other = "{value} visits"
"""
MODEL = """
features = ["all"]
[label]
source = "outcomes"
where = { outcome = "won" }
lost = { outcome = "lost" }
reopened = { outcome = "reopened" }
horizon = "30d"
[population]
LOOK
[evaluation]
test = "60d"
[stages.mql]
at_least = 0.05
[stages.sales_ready]
at_least = 0.5
"""


def write_project(root: Path, look: str) -> Path:
    """Write 900 leads of a year; visits in the first two days make wins likelier; every third loser comes back."""
    rng = np.random.default_rng(4)
    n = 900
    created = START + rng.integers(0, 360, n) * DAY + rng.integers(0, DAY, n)
    visits = rng.poisson(1.5, n)
    who = np.repeat(np.arange(n), visits)
    at = created[who] + rng.integers(1, 2 * DAY, len(who))
    won = rng.random(n) < 1 / (1 + np.exp(3.2 - 1.2 * visits))
    closed = created + rng.integers(4 * DAY, 25 * DAY, n)
    again = ~won & (np.arange(n) % 3 == 0)
    back = closed[again] + 10 * DAY
    ids = np.array([f"L{i:03d}" for i in range(n)])
    write(root, "leads", lead_id=ids, created_at=timestamps(created.tolist()))
    write(root, "events", lead_id=ids[who], at=timestamps(at.tolist()))
    write(
        root,
        "outcomes",
        lead_id=[*ids, *ids[again]],
        at=timestamps([*closed.tolist(), *back.tolist()]),
        outcome=[*np.where(won, "won", "lost").tolist(), *["reopened"] * int(again.sum())],
    )
    for folder in ("features", "models"):
        (root / folder).mkdir()
    (root / "features" / "sources.toml").write_text(SOURCES)
    (root / "features" / "all.toml").write_text(FEATURES)
    (root / "models" / "m.toml").write_text(MODEL.replace("LOOK", look) + QUICK)
    return root


@pytest.fixture(scope="module")
def at_age(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    root = tmp_path_factory.mktemp("age")
    write_project(root, 'at_age = "3d"')
    return root, open_project(root).train().bundle


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    root = tmp_path_factory.mktemp("weekly")
    write_project(root, 'every = "7d"')
    return root, open_project(root).train().bundle


WHEN = us("2025-12-20T00:00Z")


def test_leads_are_scored_from_the_moment_they_came_of_age(at_age: tuple[Path, Bundle]) -> None:
    root, bundle = at_age
    scores = score(bundle, root, None, WHEN)
    rows = {row["lead_id"]: row for row in scores.table.to_pylist()}
    why = {row["lead_id"]: row["reason"] for row in scores.skipped.to_pylist()}
    project = open_project(root)
    outcomes = project.inputs("m").facts["outcomes"].table.to_pyarrow().to_pylist()
    created = {
        row["__key"]: row["__occurred"]
        for row in project.inputs("m").facts["leads"].table.to_pyarrow().to_pylist()
    }
    expected: dict[str, tuple[str, int | None]] = {}
    for lead, born in created.items():
        mine = [row for row in outcomes if row["__key"] == lead and row["__occurred"] < WHEN]
        starts = sorted([born, *(r["__occurred"] for r in mine if r["outcome"] == "reopened")])
        looks = [s + 3 * DAY for s in starts if s + 3 * DAY <= WHEN]
        if not looks:
            expected[lead] = ("not of age before as_of", None)
            continue
        start = looks[-1] - 3 * DAY
        since = start if len(looks) > 1 else 0
        closed = any(r["outcome"] != "reopened" and r["__occurred"] >= since for r in mine)
        over = looks[-1] + 30 * DAY <= WHEN
        told = (
            "won or lost before as_of"
            if closed
            else "its 30d from the age of 3d on are over"
            if over
            else "scored"
        )
        expected[lead] = (told, looks[-1] if told == "scored" else None)
    found = {
        lead: (why[lead], None)
        if row["status"] != "scored"
        else ("scored", int(row["as_of"].timestamp() * 1e6))
        for lead, row in rows.items()
    }
    assert {told for told, _ in expected.values()} == {
        "scored",
        "won or lost before as_of",
        "not of age before as_of",
        "its 30d from the age of 3d on are over",
    }
    assert {k: v[0] for k, v in found.items()} == {k: v[0] for k, v in expected.items()}
    assert all(abs((found[k][1] or 0) - (v[1] or 0)) < 1000 for k, v in expected.items())  # float seconds


def test_what_a_lead_did_after_it_came_of_age_changes_nothing(
    at_age: tuple[Path, Bundle], tmp_path: Path
) -> None:
    root, bundle = at_age
    table = open_project(root).inputs("m").facts["events"].table.to_pyarrow()
    events = [(row["__key"], row["__occurred"]) for row in table.to_pylist()]
    more = [(f"L{i:03d}", WHEN - 1000 - i) for i in range(900)]
    write(
        tmp_path,
        "events",
        lead_id=[lead for lead, _ in (*events, *more)],
        at=timestamps([at for _, at in (*events, *more)]),
    )
    before = score(bundle, root, None, WHEN)
    after = score(bundle, root, {"events": str(tmp_path / "events.parquet")}, WHEN)
    young = WHEN - 10_000  # only who came of age in the last moments could have seen the new visits
    kept = [row for row in before.table.to_pylist() if row["as_of"].timestamp() * 1e6 < young]
    assert kept == [row for row in after.table.to_pylist() if row["as_of"].timestamp() * 1e6 < young]


def test_an_explanation_speaks_of_the_leads_own_moment(at_age: tuple[Path, Bundle], tmp_path: Path) -> None:
    root, bundle = at_age
    run = write_run(score(bundle, root, None, WHEN), tmp_path / "scores", "bundle")
    row = next(r for r in run.table.to_pylist() if r["status"] == "scored")
    told = explain_lead(bundle, run, row["lead_id"])
    assert told.as_of is not None
    assert iso(told.as_of)[:16] == row["as_of"].strftime("%Y-%m-%dT%H:%M")
    assert told.probability == pytest.approx(row["probability"], abs=1e-6)


def test_a_lead_that_comes_back_starts_afresh(weekly: tuple[Path, Bundle], tmp_path: Path) -> None:
    root, bundle = weekly
    rows = open_project(root).inputs("m").facts["outcomes"].table.to_pyarrow().to_pylist()
    reopened = {r["__key"]: r["__occurred"] for r in rows if r["outcome"] == "reopened"}
    lead, back = min(reopened.items(), key=lambda item: item[1])
    lost = next(r["__occurred"] for r in rows if r["__key"] == lead and r["outcome"] == "lost")
    runs: list[Run] = []
    for moment in (lost - DAY, lost + DAY, back + DAY):
        previous = runs[-1] if runs else None
        runs.append(write_run(score(bundle, root, None, moment, previous), tmp_path / "scores", "bundle"))
    seen = [next(r for r in run.table.to_pylist() if r["lead_id"] == lead) for run in runs]
    assert [row["status"] for row in seen] == ["scored", "outside_population", "scored"]
    assert [row["episode"] for row in seen] == [1, None, 2]
    straight = write_run(score(bundle, root, None, back + DAY, runs[0]), tmp_path / "straight", "bundle")
    again = next(r for r in straight.table.to_pylist() if r["lead_id"] == lead)
    assert again["previous_stage"] == seen[2]["previous_stage"]  # not what it was before it was lost
    assert REASON not in straight.table.column_names
