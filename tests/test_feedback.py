"""What sales did and said: taken once, told when not taken, seen by the stages, and never a label."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed import DAY
from nights import NOW, Databases, rows, write_night

from lqmodel.declarations import Handoffs
from lqmodel.errors import BadData, ColumnMissing, NoInput, UsageError
from lqmodel.ledger import Feedback, Ledger, Spoken, read_feedback, write_rejects
from lqmodel.ledger.feedback import KINDS
from lqmodel.ledger.tables import FEEDBACK
from lqmodel.stages import ACT_SCHEMA, ACTS, checked_acts

HOUR = DAY // 24
SPOKEN = Spoken(("competitor", "no_budget"), ("budget", "authority"))
CHECKLIST = ("budget", "authority")


@pytest.fixture
def handed(ledger: Ledger, tmp_path: Path) -> Ledger:
    """A ledger in which a, b and c were handed over on day 1, and d became an MQL."""
    stages = {**dict.fromkeys("abc", "sales-ready"), "d": "MQL"}
    ledger.record(write_night(tmp_path, 1, stages), DAY, Handoffs.model_validate({"respond_within": "2d"}))
    return ledger


def said(ledger: Ledger, *feedback: Feedback, now: int = 2 * DAY) -> Any:
    return ledger.say(feedback, SPOKEN, now)


# --- taken ---------------------------------------------------------------------------------------


def test_feedback_belongs_to_the_handoff_that_it_answers(handed: Ledger) -> None:
    a = Feedback(
        "a",
        "qualified",
        2 * DAY,
        checklist={"budget": True, "authority": False},
        note="call back",
        person="ann",
    )
    taken = said(handed, a, Feedback("d", "worked", 2 * DAY))
    assert str(taken) == "2 taken, 0 held already, 0 set aside"
    first, second = rows(handed, FEEDBACK)
    handoff = next(r for r in handed.of_lead("a") if r["entry"] == "handoffs")
    assert (first["handoff_id"], first["model"], first["episode"]) == (handoff["handoff_id"], "m", 1)
    assert json.loads(first["checklist"]) == {"authority": False, "budget": True}
    assert (first["note"], first["person"], first["at"], first["known_at"]) == (
        "call back",
        "ann",
        2 * DAY,
        2 * DAY,
    )
    assert (second["handoff_id"], second["model"]) == (None, "m"), "an MQL may be worked too"


def test_the_same_feedback_again_is_held_already(handed: Ledger) -> None:
    feedback = [Feedback("a", "accepted", 2 * DAY, person="ann"), Feedback("b", "worked", 2 * DAY)]
    assert str(said(handed, *feedback)) == "2 taken, 0 held already, 0 set aside"
    assert str(said(handed, *feedback, *feedback, now=3 * DAY)) == "0 taken, 4 held already, 0 set aside"
    assert (
        str(said(handed, *[Feedback("c", "worked", 2 * DAY)] * 2)) == "1 taken, 1 held already, 0 set aside"
    )
    assert len(rows(handed, FEEDBACK)) == 3


REFUSED = {
    "an unknown lead": (
        Feedback("zz", "accepted", DAY),
        "no recorded run handed lead 'zz' over or moved it to another stage",
    ),
    "an unknown model": (
        Feedback("a", "accepted", DAY, model="n"),
        "no recorded run handed lead 'a' over or moved it to another stage in model 'n'",
    ),
    "an unknown act": (Feedback("a", "acepted", DAY), "no act 'acepted', did you mean 'accepted'?"),
    "to come": (Feedback("a", "accepted", 3 * DAY), "1970-01-04T00:00Z is still to come"),
    "no reason": (
        Feedback("a", "rejected", DAY),
        "a rejection needs a reason; there is: competitor, no_budget",
    ),
    "another reason": (
        Feedback("a", "rejected", DAY, reason="rude"),
        "no reason 'rude' is declared; there is: competitor, no_budget",
    ),
    "a reason to accept": (
        Feedback("a", "accepted", DAY, reason="no_budget"),
        "a reason goes with rejected or snoozed, not with 'accepted'",
    ),
    "until before": (
        Feedback("a", "snoozed", 2 * DAY, until=DAY),
        "until 1970-01-02T00:00Z does not fit: it goes with rejected or snoozed, and lies after the act",
    ),
    "an item": (
        Feedback("a", "qualified", DAY, checklist={"mood": True}),
        "the checklist has no item 'mood'; there is: budget, authority",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_told_and_the_rest_is_taken(case: str, handed: Ledger) -> None:
    feedback, why = REFUSED[case]
    taken = said(handed, feedback, Feedback("b", "accepted", DAY))
    assert (taken.taken, taken.held) == (1, 0)
    assert [(a.feedback, a.why) for a in taken.aside] == [(feedback, why)]


def test_other_values_under_the_same_name_are_not_taken(handed: Ledger) -> None:
    said(handed, Feedback("a", "rejected", DAY, reason="no_budget"))
    taken = said(handed, Feedback("a", "rejected", DAY, reason="competitor"))
    assert taken.aside[0].why == "was recorded before with other values: say what changed by a later act"
    assert [r["reason"] for r in rows(handed, FEEDBACK)] == ["no_budget"]


def test_anybody_may_object_known_or_not(handed: Ledger) -> None:
    assert said(handed, Feedback("zz", "suppressed", DAY), Feedback("a", "suppressed", DAY)).taken == 2
    assert {h["lead_id"]: h["status"] for h in handed.handoffs(2 * DAY)} == {
        "a": "suppressed",
        "b": "open",
        "c": "open",
    }
    said(handed, Feedback("a", "lifted", 2 * DAY))
    assert handed.handoffs(2 * DAY)[0]["status"] == "open"


def test_every_act_of_the_stages_can_be_said() -> None:
    assert set(ACTS) <= set(KINDS)


def test_what_a_run_saw_stays_what_it_saw(handed: Ledger, tmp_path: Path) -> None:
    """Feedback that arrives with a clock behind the last run is known after that run, not before."""
    handed.record(write_night(tmp_path, 5, {"a": "sales-ready"}), 5 * DAY)
    said(handed, Feedback("a", "accepted", 2 * DAY), now=3 * DAY)
    assert rows(handed, FEEDBACK)[0]["known_at"] == 5 * DAY
    assert len(handed.acts("m", 5 * DAY)) == 0
    assert len(handed.acts("m", 5 * DAY + 1)) == 1


def test_the_stages_get_acts_as_they_take_them(handed: Ledger) -> None:
    said(
        handed,
        Feedback("a", "qualified", DAY, checklist={"budget": True}),
        Feedback("b", "rejected", DAY, reason="no_budget", until=9 * DAY),
        Feedback("c", "note", DAY, note="nice people"),
        Feedback("d", "suppressed", DAY),
    )
    found = handed.acts("m", 3 * DAY)
    assert found.schema.equals(ACT_SCHEMA)
    assert [(r["lead_id"], r["act"]) for r in checked_acts(found).to_pylist()] == [
        ("a", "qualified"),
        ("b", "rejected"),
    ]
    assert dict(found["checklist"][0].as_py()) == {"budget": True}
    assert found["until"].cast(pa.int64())[1].as_py() == 9 * DAY
    assert len(handed.acts("m", 2 * DAY)) == 0, "it was known at 2, and a run at 2 looks strictly before"
    assert len(handed.acts("another model", 3 * DAY)) == 0


ACT = st.builds(
    Feedback,
    lead_id=st.sampled_from("abcdz"),
    act=st.sampled_from(sorted(KINDS)),
    at=st.integers(0, 3 * DAY),
    reason=st.none() | st.just("no_budget"),
    person=st.none() | st.just("ann"),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(ACT, max_size=6), max_size=4))
def test_law_nothing_is_lost_and_nothing_is_doubled(
    batches: list[list[Feedback]], store: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("feedback")
    ledger = store.ledger(folder)
    ledger.record(write_night(folder, 1, {**dict.fromkeys("abc", "sales-ready"), "d": "MQL"}), DAY)
    accepted: set[tuple[object, ...]] = set()
    for batch in batches:
        taken = ledger.say(batch, SPOKEN, 2 * DAY)
        assert taken.taken + taken.held + len(taken.aside) == len(batch)
        aside = [a.feedback for a in taken.aside]
        accepted |= {(f.lead_id, f.act, f.at, f.reason, f.person) for f in batch if f not in aside}
    found = [(r["lead_id"], r["act"], r["at"], r["reason"], r["person"]) for r in rows(ledger, FEEDBACK)]
    assert len(found) == len(set(found))
    assert set(found) == accepted
    assert ledger.verify().problems == ()


# --- files ---------------------------------------------------------------------------------------


def read(path: Path, zone: str | None = None, **columns: str) -> Any:
    return read_feedback(path, CHECKLIST, zone, 2 * NOW, columns)


def test_a_csv_file_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "lead_id;act;at;worked_at;reason;until;budget;authority;note;person;Phone\r\n"
        'a;Accepted;2026-01-05T10:00+01:00;2026-01-05T09:00+01:00;;;yes;No;"likes it; a lot";ann;1\r\n'
        "b;rejected;2026-01-06;;no_budget;2026-06-01;;;;;\r\n",
        encoding="utf-8-sig",
    )
    found = read(path, "Europe/Berlin")
    worked, accepted, rejected = found.feedback
    assert (worked.act, accepted.act, worked.person) == ("worked", "accepted", "ann")
    assert accepted.at - worked.at == HOUR
    assert accepted.checklist == {"budget": True, "authority": False}
    assert (accepted.note, worked.note) == ("likes it; a lot", None)
    assert (rejected.reason, rejected.row, rejected.checklist) == ("no_budget", 2, {})
    assert (rejected.at + 1) % DAY == 23 * HOUR, "the end of the day in Berlin"
    assert found.unused == ("Phone",)


def test_a_parquet_file_and_columns_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    moments = pa.array([2 * DAY], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"Lead": ["a"], "act": ["worked"], "at": moments, "episode": [2]}), path)
    (found,) = read(path, lead_id="Lead").feedback
    assert (found.lead_id, found.at, found.episode) == ("a", 2 * DAY, 2)


ROWS = {
    ",accepted,2026-01-05T10:00Z,": "no lead_id",
    "a,,2026-01-05T10:00Z,": "no act",
    "a,accepted,,": "no at: when was it done?",
    "a,accepted,yesterday,": "at 'yesterday' is no moment: write 2026-01-31 or 2026-01-31T09:30+01:00",
    "a,accepted,2026-01-05T10:00,": "at '2026-01-05T10:00': 2026-01-05T10:00:00 has no zone; write it with an offset, "
    "such as ...T00:00Z, or say --zone",
    "a,qualified,2026-01-05T10:00Z,perhaps": "budget is 'perhaps': write yes or no, or leave it empty",
}


@pytest.mark.parametrize("line", ROWS)
def test_a_row_that_cannot_be_read_is_told_with_its_number(line: str, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(f"lead_id,act,at,budget\nb,worked,2026-01-05T10:00Z,\n{line}\n")
    found = read(path)
    assert [f.lead_id for f in found.feedback] == ["b"]
    assert [(a.feedback.row, a.why) for a in found.aside] == [(2, ROWS[line])]


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    with pytest.raises(NoInput, match="no file"):
        read(path)
    path.write_text("lead_id,at\n")
    with pytest.raises(ColumnMissing, match="feedback has no column 'act'") as error:
        read(path)
    assert "--column act=" in str(error.value)
    with pytest.raises(UsageError, match="feedback has no 'akt'"):
        read(path, akt="x")
    path.write_bytes(b"lead_id,act,at\n\xff\xfe")
    with pytest.raises(BadData, match="is not UTF-8"):
        read(path)
    (tmp_path / "calls.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadData, match="cannot be read"):
        read(tmp_path / "calls.parquet")


def test_rejects_are_a_file_that_a_spreadsheet_does_not_run(tmp_path: Path, handed: Ledger) -> None:
    taken = said(handed, Feedback('=HYPERLINK("x")', "accepted", DAY, row=3))
    write_rejects(taken.aside, (tmp_path / "rejects.csv").write_bytes)
    with (tmp_path / "rejects.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(r["row"], r["lead_id"], r["act"]) for r in found] == [("3", '\'=HYPERLINK("x")', "accepted")]
    assert found[0]["why"].startswith("no recorded run handed lead")


# --- report --------------------------------------------------------------------------------------


def test_the_report_counts_handoffs_and_never_sellers(ledger: Ledger, tmp_path: Path) -> None:
    leads = dict.fromkeys("abcdefgh", "sales-ready")
    chance = {name: 0.55 + i / 50 for i, name in enumerate("abcdefgh")}
    rules = Handoffs.model_validate(
        {"respond_within": "2d", "owners": {"teams": {"t": {"people": ["ann", "ben"]}}}}
    )
    ledger.record(write_night(tmp_path, 1, leads, probability=chance), DAY, rules)
    said(
        ledger,
        Feedback("a", "worked", DAY + 2 * HOUR),
        Feedback("a", "accepted", DAY + 5 * HOUR),
        Feedback("b", "qualified", DAY + 4 * HOUR),
        Feedback("c", "rejected", DAY + 6 * HOUR, reason="no_budget"),
        Feedback("d", "rejected", DAY + 8 * HOUR, reason="no_budget"),
        Feedback("e", "rejected", DAY + 60 * HOUR, reason="competitor"),
        now=5 * DAY,
    )
    outcome = dict(zip("abcdefgh", [True, True, False, False, False, False, None, None], strict=True))
    found = ledger.report("m", 6 * DAY, lambda rows: [outcome[r["lead_id"]] for r in rows])
    assert found.statuses == {"rejected": 3, "open": 3, "accepted": 1, "qualified": 1}
    assert found.acceptance == 2 / 5
    assert (found.touched, found.hours_to_touch) == (5, (4.0, 6.0, 8.0))
    assert (found.in_time, found.overdue) == (4 / 8, 3)
    assert found.reasons == {"no_budget": 2, "competitor": 1}
    (row,) = found.conversion
    assert (row.band, row.handoffs, row.mature, row.won, row.rate) == ("sales_ready", 8, 6, 2, 2 / 6)
    assert row.low is not None
    assert row.low < 2 / 6 < (row.high or 0)
    assert row.predicted == pytest.approx(sum(chance[x] for x in "abcdef") / 6)
    told = str(found) + json.dumps(found.to_json())
    assert not any(name in told for name in ("ann", "ben")), "no ranking of sellers"
    assert str(found).splitlines()[:5] == [
        "handoffs         8: 3 open, 1 accepted, 1 qualified, 3 rejected",
        "accepted         40% of those decided on, or not answered in time",
        "first touch      after 6 h (half of them after 4 h to 8 h), 5 handoffs",
        "in time          50% of those whose deadline has passed; 3 are overdue",
        "rejected for     no_budget 2, competitor 1",
    ]


def test_whoever_bought_before_anybody_answered_was_not_accepted(ledger: Ledger, tmp_path: Path) -> None:
    leads = dict.fromkeys("abcd", "sales-ready")
    first = write_night(tmp_path, 1, leads)
    ledger.record(first, DAY)
    said(
        ledger,
        Feedback("b", "accepted", DAY + HOUR),
        Feedback("c", "rejected", DAY + HOUR, reason="no_budget"),
        Feedback("d", "snoozed", DAY + HOUR),
        now=DAY + 2 * HOUR,
    )
    ledger.record(write_night(tmp_path, 2, dict.fromkeys("abcd", "Customer"), previous=first), 2 * DAY)
    found = ledger.report("m", 3 * DAY)
    assert found.statuses == {"won": 4}
    assert found.acceptance == 1 / 2
    ours = {h["lead_id"]: h["accepted"] for h in ledger.handoffs(3 * DAY)}
    assert ours == {"a": None, "b": True, "c": False, "d": None}


def test_a_report_of_nothing(ledger: Ledger, tmp_path: Path, tell: Callable[[str], None]) -> None:
    ledger.record(write_night(tmp_path, 1, {"a": "Lead"}), DAY)
    assert str(ledger.report("m", 2 * DAY)) == "handoffs         0"
