"""What the view keeps of handoffs, where many look at once and clocks do not agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from nights import NOW, write_night

from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.runs import Run
from lqmodel.web import Person
from lqmodel.web.desk import FRESH, Desk

OWNERS = {"a": "ann", "b": "ann", "c": "ben"}


def recorded(ledger: Ledger, folder: Path, day: int = 1, **more: str) -> Run:
    run = write_night(folder / "runs", day, {**dict.fromkeys(OWNERS, "sales-ready"), **more}, owners=OWNERS)
    ledger.record(run, NOW)
    return run


def accept(ledger: Ledger, lead: str, now: int) -> None:
    said = Feedback(lead, "accepted", now, person="ann", token=f"a-token-about-{lead}-{now}")
    assert ledger.say([said], Spoken(), now).taken == 1


def test_an_act_counts_for_a_look_that_began_a_moment_before(ledger: Ledger, tmp_path: Path) -> None:
    recorded(ledger, tmp_path)
    desk = Desk(ledger)
    desk.handed(NOW)
    accept(ledger, "a", NOW + 10)
    assert desk.handed(NOW + 5)["a"].status == "accepted"
    assert desk.handed(NOW + 20)["a"].status == "accepted"


def test_looks_out_of_order_do_not_read_all_anew(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(ledger, tmp_path)
    desk, read = Desk(ledger), Ledger.handoffs
    asked: list[object] = []

    def handoffs(self: Ledger, now: int, **chosen: object) -> object:
        asked.append(chosen["leads"])
        return read(self, now, **chosen)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "handoffs", handoffs)
    desk.handed(NOW + FRESH)
    accept(ledger, "a", NOW + FRESH)
    desk.handed(NOW + FRESH - 1)
    desk.handed(NOW + FRESH - 1)
    assert asked == [[*OWNERS], ["a"]]
    desk.handed(NOW - 2 * FRESH)
    assert asked == [[*OWNERS], ["a"], [*OWNERS]], "a clock that was set back"


def test_a_board_is_cut_by_owner_and_its_grain_is_what_was_handed_over(
    ledger: Ledger, tmp_path: Path
) -> None:
    first = recorded(ledger, tmp_path)
    desk = Desk(ledger)
    board = desk.handed(NOW)
    owners = {h.lead_id: h.owner for h in board.values()}
    for owner in {owner for owner in owners.values() if owner}:
        seller, theirs = (
            Person(owner, "seller", owner),
            {lead for lead, its in owners.items() if its == owner},
        )
        assert {*board.lines(seller)} == theirs
        assert {lead for lead in owners if board.owned(seller, lead)} == theirs
    assert {*board.lines(Person("mia", "manager", "mia"))} == {*owners}
    nobody = Person("nobody", "seller", "nobody")
    assert not board.lines(nobody)
    assert not board.owned(nobody, "a")
    assert not board.owned(nobody, "not there")
    accept(ledger, "a", NOW + 1)
    answered = desk.handed(NOW + 1)
    assert answered["a"].status == "accepted"
    assert board["a"].status == "open", "a board that somebody reads is not changed"
    assert answered.grain == board.grain
    stages = {**dict.fromkeys(OWNERS, "sales-ready"), "d": "sales-ready"}
    ledger.record(write_night(tmp_path / "runs", 2, stages, previous=first), NOW + 2)
    assert desk.handed(NOW + 2).grain != board.grain


def test_an_act_by_a_clock_that_is_ahead_counts_though_another_came_after_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    recorded(ledger, tmp_path)
    accept(ledger, "a", NOW + FRESH)
    accept(ledger, "c", NOW)
    assert {lead: h.status for lead, h in Desk(ledger).handed(NOW).items()} == {
        "a": "accepted",
        "b": "open",
        "c": "accepted",
    }
