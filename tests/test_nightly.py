"""Two nights with people in between: what sales said moves the stages, and what nobody said does too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pytest
from conftest import Ended
from nights import rows
from projects import AS_OF, Trained, agree_on, write_flat

from lqmodel.api import open_project
from lqmodel.bundle import Bundle
from lqmodel.declarations import to_microseconds
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.ledger.tables import HANDOFFS
from lqmodel.nightly import Night, handled
from lqmodel.runs import Run, previous_run
from lqmodel.sampling import DRAW, draw
from lqmodel.scoring import score

DAY = 86_400_000_000
HOUR = DAY // 24
FIRST = to_microseconds("2024-12-23T00:00Z", None)
RULES = """
[handoffs]
respond_within = "2d"
return_for = "30d"
sample = { share = 0.05, per_run = 3 }
[handoffs.owners]
territory = "country"
[handoffs.owners.teams]
dach = { people = ["ann", "ben"], territory = ["DE", "AT", "CH"] }
world = { people = ["cem"] }
"""


@pytest.fixture
def project(company: Trained, tmp_path: Path) -> Path:
    """The small company, whose rules for handoffs were written after training."""
    root = company.copy(tmp_path / "project")
    agree_on(root, RULES)
    return root


def night(root: Path, as_of: int) -> Run:
    """What `lqmodel predict --record` does, two hours after midnight."""
    bundle = handled(Bundle.load(root / "bundle"), root)
    prepared = Night.of(root, bundle, as_of, True, as_of + 2 * HOUR)
    before = previous_run(root / "scores", bundle, as_of)
    acts = prepared.acts(bundle.declarations.name, as_of)
    made = score(bundle, root, None, as_of, before, acts=acts, barred=prepared.barred())
    return prepared.keep(made, root / "scores", "bundle")[0]


def stage_of(run: Run, lead_id: str) -> tuple[str, str | None]:
    row = run.table.filter(pc.equal(run.table["lead_id"], lead_id)).to_pylist()[0]
    return row["stage"], row["cause"]


def test_what_people_said_and_did_not_say_is_seen_the_next_night(project: Path) -> None:
    night(project, FIRST)
    ledger = Ledger.of(project)
    now = FIRST + 5 * HOUR
    open_ones = [h for h in ledger.handoffs(now) if h["kind"] == "handoff"]
    assert {h["owner"] for h in open_ones} <= {"ann", "ben", "cem"}
    assert all((h["team"] == "dach") == (h["owner"] != "cem") for h in open_ones)
    accepted, rejected, silent = (h["lead_id"] for h in open_ones[:3])
    said = [
        Feedback(accepted, "accepted", now, person="ann"),
        Feedback(rejected, "rejected", now, person="ben"),
    ]
    assert ledger.say(said, Spoken(), now).taken == 2
    run = night(project, FIRST + 7 * DAY)
    assert stage_of(run, accepted) == ("SAL", "accepted")
    assert stage_of(run, rejected) == ("Recycled", "rejected")
    assert stage_of(run, silent) == ("Recycled", "snoozed"), (
        "not answered in two days, and declared to go back"
    )
    moved = [
        (r["from_stage"], r["to_stage"]) for r in ledger.of_lead(accepted) if r["entry"] == "transitions"
    ]
    assert moved == [("Lead", "sales-ready"), ("sales-ready", "SAL")]
    statuses = {h["lead_id"]: h["status"] for h in ledger.handoffs(FIRST + 8 * DAY)}
    assert (statuses[accepted], statuses[rejected], statuses[silent]) == ("accepted", "rejected", "returned")
    assert ledger.verify().problems == ()


def test_law_10_the_night_again_is_the_same_night(project: Path) -> None:
    night(project, FIRST)
    lead = Ledger.of(project).handoffs(FIRST + DAY)[0]["lead_id"]
    Ledger.of(project).say([Feedback(lead, "accepted", FIRST + 5 * HOUR)], Spoken(), FIRST + 5 * HOUR)
    first = night(project, FIRST + 7 * DAY)
    entries = Ledger.of(project).verify().entries
    Ledger.of(project).say([Feedback(lead, "qualified", FIRST + 8 * DAY)], Spoken(), FIRST + 8 * DAY)
    again = night(project, FIRST + 7 * DAY)
    assert (again.run_id, again.folder) == (first.run_id, first.folder), "what was said since is not seen"
    assert Ledger.of(project).verify().entries == entries + 1
    assert len(list((project / "scores").glob("2024*"))) == 2


def test_the_sample_lies_below_the_threshold_and_is_drawn_by_a_hash(project: Path) -> None:
    run = night(project, FIRST)
    drawn = run.table.filter(pc.is_valid(run.table[DRAW])).to_pylist()
    below = run.table.filter(pc.is_in(run.table["stage"], pc.pa.array(["Lead", "MQL"])))
    assert 0.02 < len(drawn) / len(below) < 0.09
    assert {row["band"] for row in drawn} <= {"lead", "mql"}
    assert all(row[DRAW] == draw("lead_conversion", row["lead_id"], 1) < 0.05 for row in drawn)
    column = open_project(project).declarations().fact_columns()["unsubscribed"]
    unsubscribed = run.features.filter(pc.greater(run.features[column], 0))["lead_id"].to_pylist()
    assert unsubscribed
    assert not {row["lead_id"] for row in drawn} & set(unsubscribed), "who does not want to be called is not"
    sampled = [r for r in rows(Ledger.of(project), HANDOFFS) if r["kind"] == "sample"]
    assert [r["lead_id"] for r in sampled] == [
        row["lead_id"] for row in sorted(drawn, key=lambda row: row[DRAW])[:3]
    ]


def test_rules_for_handoffs_make_no_other_model(company: Trained, project: Path) -> None:
    before, after = (open_project(root).declarations() for root in (company.root, project))
    assert before.fingerprint() == after.fingerprint()
    bundle = Bundle.load(project / "bundle")
    assert handled(bundle, project).version == bundle.version
    assert handled(bundle, project).declarations.model.handoffs.sample is not None
    nowhere = replace(bundle, declarations=bundle.declarations)
    assert handled(nowhere, project / "data").declarations.model.handoffs.sample is None


def test_rejection_never_becomes_a_label(project: Path) -> None:
    opened = open_project(project)
    before = opened.training_set()
    night(project, FIRST)
    ledger = opened.ledger()
    leads = [h["lead_id"] for h in ledger.handoffs(FIRST + DAY)]
    ledger.say([Feedback(lead, "rejected", FIRST + DAY) for lead in leads], Spoken(), FIRST + DAY)
    after = open_project(project).training_set()
    assert (after.won == before.won).all()
    assert after.table.equals(before.table)


def test_from_the_command_line(
    project: Path, lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(project)
    assert lqmodel("predict", "--model", "bundle", "--as-of", AS_OF, "--record").code == 0
    listed = json.loads(lqmodel("handoffs", "--status", "open", "--format", "json").out)
    handed = [row for row in listed if row["kind"] == "handoff"]
    a, b = handed[0]["lead_id"], handed[1]["lead_id"]
    text = lqmodel("handoffs", "--status", "open", "--owner", "cem").out
    assert text.count("\n") == sum(row["owner"] == "cem" for row in listed)
    assert "open, 47 h left" in text
    assert lqmodel("handoffs", "--overdue").out == "no such handoffs\n"
    calls = tmp_path / "calls.csv"
    moment = "2025-06-01 10:00"
    calls.write_text(
        f"lead_id,act,at,person\n{a},accepted,{moment},ann\n{b},snoozed,{moment},ben\nzz,accepted,{moment},\n"
    )
    command = ("feedback", "import", calls, "--zone", "Europe/Berlin", "--rejects", tmp_path / "rejects.csv")
    told = lqmodel(*command)
    assert (told.code, told.out) == (65, "2 taken, 0 held already, 1 set aside\n")
    assert "row 3: no recorded run handed lead 'zz' over" in told.err
    assert "what was taken is not taken twice" in told.err
    assert "no recorded run handed lead" in (tmp_path / "rejects.csv").read_text()
    assert lqmodel(*command).out == "0 taken, 2 held already, 1 set aside\n"
    assert "ann: accepted" in lqmodel("history", a).out
    report = json.loads(lqmodel("feedback", "report", "--format", "json").out)
    assert report["statuses"]["accepted"] == 1
    assert report["acceptance"] == 1.0
    assert any(row["kind"] == "sample" for row in report["conversion"])
    assert "conversion by band" in lqmodel("feedback", "report").out
    assert "ann" not in lqmodel("feedback", "report").out
    for zone in ("Mars", "", "Europe/../Berlin"):
        lqmodel(*command[:4], zone).refused(2, f"--zone {zone!r} is no time zone", "Europe/Berlin or UTC")
    flat = tmp_path / "flat"
    write_flat(flat)
    lqmodel(*command[:3], "--project", flat).refused(2, "has no clock", "docs/time.md")
    assert not (flat / ".lqmodel").exists()
    lqmodel("feedback", "import").refused(2, "feedback import needs a file")
    lqmodel("handoffs", "--status", "opn").refused(2, "no handoff comes to that", "open, worked, accepted")
    lqmodel("handoffs", "--overdue", "--run", "scores/latest").refused(2, "the ledger holds all of them")
