"""Who gets a handoff, until when it is answered, one for an account, and the sample below the threshold."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from killed import DAY
from nights import Databases, rows, write_night

from lqmodel.declarations import Handoffs, Owners
from lqmodel.errors import Refused
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.ledger.owners import Turns, give
from lqmodel.ledger.tables import HANDOFFS

HOUR = DAY // 24
MONDAY = date(2026, 1, 5)


def rules(**tables: Any) -> Handoffs:
    return Handoffs.model_validate(tables)


def owners(**tables: Any) -> Owners:
    return Owners.model_validate(tables)


def given_to(found: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    return [(row["lead_id"], row["owner"], row["team"]) for row in found]


# --- owners --------------------------------------------------------------------------------------

NORTH_AND_REST = {
    "territory": "country",
    "teams": {"north": {"people": ["ann", "ben"], "territory": ["DE", "NO"]}, "rest": {"people": ["cem"]}},
}


def in_turn(rule: Owners, leads: list[dict[str, str | None]], today: date = MONDAY) -> list[str | None]:
    turns = Turns()
    return [give(rule, turns, lead, f"account {i}", i + 1, today).owner for i, lead in enumerate(leads)]


def test_by_territory_then_in_turn() -> None:
    rule = owners(**NORTH_AND_REST)
    leads: list[dict[str, str | None]] = [
        {"territory": place} for place in ("DE", "NO", "FR", "DE", None, "DE")
    ]
    assert in_turn(rule, leads) == ["ann", "ben", "cem", "ann", "cem", "ben"]


def test_whoever_waited_longest_is_next_also_after_an_absence() -> None:
    away = {**NORTH_AND_REST, "absences": {"ann": ["2026-01-05", "2026-01-06"]}}
    rule, turns = owners(**away), Turns()
    days = [date(2026, 1, d) for d in (5, 6, 7, 7, 7)]
    got = [give(rule, turns, {"territory": "DE"}, str(i), i + 1, day).owner for i, day in enumerate(days)]
    assert got == ["ben", "ben", "ann", "ben", "ann"]


def test_a_named_owner_comes_first_and_a_known_one_keeps_the_account() -> None:
    rule, turns = owners(column="owner", **NORTH_AND_REST), Turns()
    assert give(rule, turns, {"owner": "dee", "territory": "DE"}, "acme", 1, MONDAY).owner == "dee"
    assert give(rule, turns, {"owner": "ben", "territory": "FR"}, "blue", 2, MONDAY).team == "north"
    assert give(rule, turns, {"owner": None, "territory": "FR"}, "blue", 3, MONDAY).owner == "ben"
    assert give(rule, turns, {"owner": None, "territory": "DE"}, "acme", 4, MONDAY).owner == "ann", (
        "whom no team has any more keeps nothing"
    )


def test_when_all_are_away_the_team_has_it_and_nobody_yet() -> None:
    away = {
        **NORTH_AND_REST,
        "absences": {"ann": ["2026-01-05", "2026-01-09"], "ben": ["2026-01-01", "2026-01-05"]},
    }
    rule = owners(**away)
    found = give(rule, Turns(), {"territory": "DE"}, "acme", 1, MONDAY)
    assert (found.owner, found.team) == (None, "north")
    assert give(owners(), Turns(), {}, "acme", 1, MONDAY).owner is None


@given(
    st.lists(st.tuples(st.sampled_from(["DE", "NO", "FR", None]), st.integers(0, 9)), max_size=60),
    st.sets(st.sampled_from(["ann", "ben", "cem"]), max_size=2),
)
def test_law_work_is_shared_evenly_and_nobody_absent_gets_any(
    leads: list[tuple[str | None, int]], away: set[str]
) -> None:
    absences = {person: ["2026-01-01", "2026-01-31"] for person in away}
    rule, turns = owners(**NORTH_AND_REST, absences=absences), Turns()
    got = [
        give(rule, turns, {"territory": place}, f"own {i}", i + 1, MONDAY)
        for i, (place, _) in enumerate(leads)
    ]
    assert not away & {g.owner for g in got}
    assert all(
        (g.team == "north") == (place in ("DE", "NO")) for g, (place, _) in zip(got, leads, strict=True)
    )
    counts = [sum(g.owner == person for g in got) for person in ("ann", "ben") if person not in away]
    assert not counts or max(counts) - min(counts) <= 1


# --- recorded ------------------------------------------------------------------------------------


def test_each_handoff_has_its_owner_team_and_deadline(ledger: Ledger, tmp_path: Path) -> None:
    rule = rules(respond_within="2d", return_for="7d", owners=NORTH_AND_REST)
    places = {"a": "DE", "b": "FR", "c": "DE"}
    run = write_night(
        tmp_path,
        1,
        dict.fromkeys("abc", "sales-ready"),
        probability={"a": 0.6, "b": 0.9, "c": 0.7},
        territories=places,
    )
    now = DAY + 2 * HOUR
    ledger.record(run, now, rule)
    found = rows(ledger, HANDOFFS)
    assert given_to(found) == [("b", "cem", "rest"), ("c", "ann", "north"), ("a", "ben", "north")]
    assert {(r["recorded_at"], r["due_at"], r["wakes_at"]) for r in found} == {
        (now, now + 2 * DAY, now + 9 * DAY)
    }
    later = write_night(
        tmp_path,
        2,
        {**dict.fromkeys("abc", "sales-ready"), "d": "sales-ready"},
        previous=run,
        territories={"d": "DE"},
    )
    ledger.record(later, 2 * DAY, rule)
    assert given_to(rows(ledger, HANDOFFS))[3:] == [("d", "ann", "north")], "turns go on from night to night"


def test_of_one_account_one_is_handed_over_and_the_others_join(ledger: Ledger, tmp_path: Path) -> None:
    rule = rules(respond_within="2d", owners=NORTH_AND_REST)
    accounts = {"a": "acme", "b": "acme", "c": "blue", "d": "acme", "e": "acme"}
    places = dict.fromkeys("abcde", "DE")
    first = write_night(
        tmp_path,
        1,
        dict.fromkeys("abc", "sales-ready"),
        probability={"a": 0.6, "b": 0.9, "c": 0.7},
        accounts=accounts,
        territories=places,
    )
    ledger.record(first, DAY, rule)
    b, c, a = rows(ledger, HANDOFFS)
    assert [(r["lead_id"], r["kind"], r["joins"]) for r in (b, c, a)] == [
        ("b", "handoff", None),
        ("c", "handoff", None),
        ("a", "joined", b["handoff_id"]),
    ]
    assert (a["owner"], a["due_at"]) == (b["owner"], None)
    second = write_night(
        tmp_path,
        2,
        dict.fromkeys("abcd", "sales-ready"),
        previous=first,
        accounts=accounts,
        territories=places,
    )
    ledger.record(second, 2 * DAY, rule)
    assert rows(ledger, HANDOFFS)[-1]["joins"] == b["handoff_id"], "it is still in hand"
    ledger.say([Feedback("b", "rejected", 2 * DAY)], Spoken(), 2 * DAY)
    third = write_night(
        tmp_path,
        3,
        {**dict.fromkeys("acde", "sales-ready"), "b": "Recycled"},
        previous=second,
        accounts=accounts,
        territories=places,
    )
    ledger.record(third, 3 * DAY, rule)
    over, new = rows(ledger, HANDOFFS)[-2:]
    assert (over["lead_id"], over["kind"], over["joins"]) == ("a", "handoff", None), (
        "the likeliest takes over"
    )
    assert (over["owner"], over["due_at"]) == (b["owner"], 5 * DAY)
    assert (over["as_of"], over["probability"], over["frozen"]) == (a["as_of"], 0.6, a["frozen"])
    assert (new["lead_id"], new["kind"], new["joins"]) == ("e", "joined", over["handoff_id"])
    told = {row["handoff_id"]: row["status"] for row in ledger.handoffs(3 * DAY, leads=["a"])}
    assert told == {a["handoff_id"]: "took over", over["handoff_id"]: "open"}
    assert statuses(ledger, 5 * DAY + 1, overdue=True) == {"a": "open", "c": "open"}


def test_a_lead_that_joined_takes_over_once_nobody_answered(ledger: Ledger, tmp_path: Path) -> None:
    rule = rules(respond_within="3d", return_for="7d")
    accounts = dict.fromkeys("ab", "acme")
    run = write_night(
        tmp_path, 1, dict.fromkeys("ab", "sales-ready"), probability={"a": 0.9}, accounts=accounts
    )
    ledger.record(run, DAY, rule)
    later = write_night(tmp_path, 3, {"a": "sales-ready", "b": "sales-ready"}, previous=run)
    assert ledger.record(later, 3 * DAY, rule)[-1].taken_over == 0, "it may still be answered"
    last = write_night(tmp_path, 5, {"a": "Recycled", "b": "sales-ready"}, previous=later)
    (done,) = ledger.record(last, 5 * DAY, rule)
    assert str(done).endswith("1 transitions, 0 handoffs, 1 of their accounts' taken over")
    assert ledger.record(last, 5 * DAY, rule)[0].new is False
    assert statuses(ledger, 5 * DAY, statuses=["open"]) == {"b": "open"}
    assert rows(ledger, HANDOFFS)[-1]["due_at"] == 8 * DAY


def test_after_a_win_nobody_takes_over_what_was_joined(ledger: Ledger, tmp_path: Path) -> None:
    accounts = dict.fromkeys("ab", "acme")
    leads = dict.fromkeys("ab", "sales-ready")
    run = write_night(tmp_path, 1, leads, probability={"a": 0.9}, accounts=accounts)
    ledger.record(run, DAY)
    later = write_night(tmp_path, 2, {"a": "Customer", "b": "sales-ready"}, previous=run)
    assert ledger.record(later, 2 * DAY)[-1].taken_over == 0


def test_a_lead_that_came_back_takes_nothing_over_from_its_time_before(
    ledger: Ledger, tmp_path: Path
) -> None:
    accounts = dict.fromkeys("ab", "acme")
    leads = dict.fromkeys("ab", "sales-ready")
    run = write_night(tmp_path, 1, leads, probability={"a": 0.9}, accounts=accounts)
    ledger.record(run, DAY)
    ledger.say([Feedback("a", "rejected", DAY)], Spoken(), DAY)
    again = {"a": "Recycled", "b": "Lead"}
    later = write_night(tmp_path, 2, again, previous=run, episodes={"b": 2})
    assert ledger.record(later, 2 * DAY)[-1].taken_over == 0


def test_whom_somebody_called_stands_for_the_account(ledger: Ledger, tmp_path: Path) -> None:
    accounts = dict.fromkeys("abcd", "acme")
    run = write_night(
        tmp_path, 1, dict.fromkeys("abc", "sales-ready"), probability={"a": 0.9}, accounts=accounts
    )
    ledger.record(run, DAY)
    ledger.say([Feedback("b", "worked", DAY), Feedback("a", "rejected", DAY)], Spoken(), DAY)
    stages = {"a": "Recycled", **dict.fromkeys("bcd", "sales-ready")}
    ledger.record(write_night(tmp_path, 2, stages, previous=run, accounts=accounts), 2 * DAY)
    joined = {row["lead_id"]: row for row in rows(ledger, HANDOFFS)}
    assert joined["d"]["joins"] == joined["b"]["handoff_id"]
    assert len(joined) == 4 == len(rows(ledger, HANDOFFS)), "nobody takes over"


ANSWERS = {"accepted": "SAL", "rejected": "Recycled", "snoozed": "Recycled", "worked": "sales-ready"}
FREE = ("Lead", "MQL", "Recycled")


@settings(max_examples=40, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(st.data())
def test_law_of_an_account_one_is_in_hand_and_none_is_forgotten(
    store: Databases, data: st.DataObject
) -> None:
    """Whatever people answer, or leave unanswered: one handoff at most, and one as long as anybody waits."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        ledger = store.ledger(folder)
        accounts = {"a": "acme", "b": "acme", "c": "acme", "d": "blue", "e": "blue"}
        stages = dict.fromkeys(accounts, "Lead")
        rule, run = rules(respond_within="2d", return_for="30d"), None
        for day in range(1, data.draw(st.integers(2, 6)) + 1):
            returned = {
                r["lead_id"] for r in ledger.acts("m", day * DAY).to_pylist() if r["reason"] == "overdue"
            }
            for lead, stage in stages.items():
                if stage in FREE and data.draw(st.booleans()):
                    stages[lead] = "sales-ready"
                elif stage == "sales-ready" and data.draw(st.integers(0, 5)) == 0:
                    stages[lead] = "MQL"
                elif lead in returned and stage == "sales-ready":
                    stages[lead] = "Recycled"
            run = write_night(folder, day, stages, previous=run, accounts=accounts)
            now = day * DAY + HOUR
            ledger.record(run, now, rule)
            found = ledger.handoffs(day * DAY)
            for account in ("acme", "blue"):
                held = [
                    h
                    for h in found
                    if h["account"] == account and h["status"] in ("open", "worked", "accepted")
                ]
                leading = [h for h in held if h["kind"] == "handoff" or h["status"] != "open"]
                assert len(leading) <= 1 or any(h["kind"] == "joined" for h in leading), leading
                assert leading or not held, f"nobody stands for {held}"
            for handoff in found:
                lead = handoff["lead_id"]
                act = data.draw(st.sampled_from([None, None, *ANSWERS]))
                if handoff["status"] == "open" and stages[lead] == "sales-ready" and act is not None:
                    ledger.say([Feedback(lead, act, now)], Spoken(), now)
                    stages[lead] = ANSWERS[act]


def statuses(ledger: Ledger, now: int, **which: Any) -> dict[str, str]:
    return {row["lead_id"]: row["status"] for row in ledger.handoffs(now, **which)}


def test_a_handoff_that_nobody_answers_is_overdue_then_goes_back(ledger: Ledger, tmp_path: Path) -> None:
    leads = dict.fromkeys("abcd", "sales-ready")
    run = write_night(tmp_path, 1, leads)
    ledger.record(run, DAY, rules(respond_within="2d", return_for="7d"))
    ledger.say([Feedback("a", "accepted", 2 * DAY)], Spoken(), 2 * DAY)
    ledger.say([Feedback("b", "worked", 3 * DAY)], Spoken(), 3 * DAY)
    assert statuses(ledger, 3 * DAY - 1) == {"a": "accepted", "b": "open", "c": "open", "d": "open"}
    assert statuses(ledger, 3 * DAY - 1, overdue=True) == {}
    assert statuses(ledger, 3 * DAY)["b"] == "worked"
    after = 3 * DAY + 1
    assert statuses(ledger, after, overdue=True) == {"c": "returned", "d": "returned"}
    known = ledger.acts("m", after)
    assert sorted((r["lead_id"], r["act"], r["reason"]) for r in known.to_pylist() if r["reason"]) == [
        ("c", "snoozed", "overdue"),
        ("d", "snoozed", "overdue"),
    ]
    late = Feedback("c", "accepted", 5 * DAY)
    ledger.say([late], Spoken(), 5 * DAY)
    assert statuses(ledger, 5 * DAY + 1)["c"] == "accepted", "late is better than never"
    assert [r["lead_id"] for r in ledger.acts("m", 6 * DAY).to_pylist() if r["reason"]] == ["d"]


def test_without_return_for_it_is_listed_and_stays(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(write_night(tmp_path, 1, {"a": "sales-ready"}), DAY, rules(respond_within="2d"))
    assert statuses(ledger, 4 * DAY, overdue=True) == {"a": "open"}
    assert len(ledger.acts("m", 4 * DAY)) == 0


def test_an_answer_in_time_that_was_known_late_counts(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(
        write_night(tmp_path, 1, {"a": "sales-ready"}), DAY, rules(respond_within="2d", return_for="1d")
    )
    assert [r["act"] for r in ledger.acts("m", 5 * DAY).to_pylist()] == ["snoozed"]
    ledger.say([Feedback("a", "worked", 2 * DAY)], Spoken(), 5 * DAY)
    assert [r["act"] for r in ledger.acts("m", 5 * DAY).to_pylist()] == ["snoozed"], (
        "that moment stays as it was"
    )
    assert [r["act"] for r in ledger.acts("m", 6 * DAY).to_pylist()] == ["worked"]


def test_the_sample_is_taken_once_by_its_draws(ledger: Ledger, tmp_path: Path) -> None:
    rule = rules(sample={"share": 0.1, "per_run": 2})
    draws = {"a": 0.03, "b": 0.01, "c": 0.09}
    first = write_night(tmp_path, 1, dict.fromkeys("abcd", "Lead"), draws=draws)
    second = write_night(tmp_path, 2, dict.fromkeys("abcd", "Lead"), previous=first, draws=draws)
    ledger.record(first, DAY, rule)
    ledger.record(second, 2 * DAY, rule)
    found = rows(ledger, HANDOFFS)
    assert [(r["lead_id"], r["kind"], r["cause"], r["owner"], r["due_at"]) for r in found] == [
        ("b", "sample", "draw", None, None),
        ("a", "sample", "draw", None, None),
        ("c", "sample", "draw", None, None),
    ]
    assert ledger.record(second, 2 * DAY, rule)[0].handoffs == 0, "a sample is no handoff"
    ledger.say([Feedback("b", "worked", 2 * DAY)], Spoken(), 2 * DAY)
    assert statuses(ledger, 3 * DAY)["b"] == "worked"


def test_two_people_on_one_lead_nothing_is_lost(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(write_night(tmp_path, 1, {"a": "sales-ready"}), DAY)
    seen = ledger.of_lead("a")[-1]["seq"]
    first = Feedback("a", "accepted", 2 * DAY, person="ann", token="click 1")
    for _ in range(2):  # a double click
        ledger.say([first], Spoken(), 2 * DAY, seen)
    with pytest.raises(Refused, match="meanwhile ann said 'accepted', at 1970-01-03T00:00Z") as error:
        ledger.say([Feedback("a", "rejected", 2 * DAY, person="ben")], Spoken(), 2 * DAY, seen)
    assert "look at it again" in str(error.value)
    assert [r["act"] for r in ledger.of_lead("a") if r["entry"] == "feedback"] == ["accepted"]
