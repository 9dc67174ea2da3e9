"""Handoffs of a run → rows of the ledger: whose they are, until when they are answered, which account has one already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from lqmodel.declarations import Handoffs, from_microseconds
from lqmodel.ledger.answers import IN_HAND, Row, answers, chunked
from lqmodel.ledger.owners import Turns, give
from lqmodel.ledger.tables import HANDOFFS
from lqmodel.ledger.tombstones import digest, pepper_of
from lqmodel.roster import ID

HANDOFF, JOINED, SAMPLE = "handoff", "joined", "sample"
ID_DIGITS: Final = 16
KINDS: Final = {
    HANDOFF: "a lead that sales is to answer",
    JOINED: "another lead of an account that sales has in hand",
    SAMPLE: "a lead below the threshold that may be worked, to see what is missed",
}
"""What a row of `handoffs` can be."""


def handed(
    con: Connection,
    found: Sequence[Row],
    rules: Handoffs,
    zone: str,
    now: int,
    first: int,
) -> list[dict[str, Any]]:
    """Return handoffs as rows of the table, the likeliest first: each with its owner and deadline.

    Of one account only one is in sales' hands: further leads of it join that one, with its owner and without
    a deadline of their own.

    Parameters
    ----------
    con : Connection
        Holds the store's lock.
    found : sequence of mapping
        As `compare` gives them, with ``route``.
    rules : Handoffs
    zone : str
        Of the days of absences.
    now : int
        When they are recorded, microseconds UTC.
    first : int
        A number above every seq so far.
    """
    accounts = {h["route"].get("account") for h in found} - {None}
    in_hand = _in_hand(con, accounts, found, now)
    turns = _turns(con, found)
    today = from_microseconds(now).astimezone(ZoneInfo(zone)).date()
    pepper, rows = pepper_of(con), []
    for number, handoff in enumerate(found):
        route = handoff["route"]
        account = route.get("account")
        leader = in_hand.get(account) if account is not None else None
        if leader is not None and leader[ID] != handoff[ID]:
            told = {"kind": JOINED, "joins": leader["handoff_id"]}
            told |= {"owner": leader["owner"], "team": leader["team"], "due_at": None, "wakes_at": None}
        else:
            told = _given(rules, turns, route, handoff, first + number, today, now)
        row = {**_common(handoff, account, now, pepper), **told}
        if row["kind"] == HANDOFF and account is not None:
            in_hand[account] = row
        rows.append(row)
    return rows


def sampled(con: Connection, found: Sequence[Row], rules: Handoffs, now: int) -> list[dict[str, Any]]:
    """Return the leads of the sample that are not in the ledger yet, by their draws, at most as many as declared.

    They belong to nobody: whoever has time may take one.
    """
    if rules.sample is None:
        return []
    h = HANDOFFS.c
    known = {
        (r.model, r.lead_id, r.episode)
        for ids in chunked(sorted({f[ID] for f in found}))
        for r in con.execute(
            select(h.model, h.lead_id, h.episode).where(h.kind == SAMPLE, h.lead_id.in_(ids))
        )
    }
    new = [f for f in found if (f["model"], f[ID], f["episode"]) not in known]
    nobody = {"owner": None, "team": None, "due_at": None, "wakes_at": None, "joins": None}
    pepper = pepper_of(con)
    return [{**_common(f, None, now, pepper), "kind": SAMPLE, **nobody} for f in new[: rules.sample.per_run]]


def _common(handoff: Row, account: str | None, now: int, pepper: str) -> dict[str, Any]:
    said = {name: value for name, value in handoff.items() if name != "route"}
    named = digest(pepper, handoff["run_id"], handoff[ID])[:ID_DIGITS]
    return {**said, "handoff_id": named, "account": account, "recorded_at": now}


def _given(
    rules: Handoffs,
    turns: Turns,
    route: Mapping[str, str | None],
    handoff: Row,
    number: int,
    today: date,
    now: int,
) -> dict[str, Any]:
    given = give(rules.owners, turns, route, route.get("account") or handoff[ID], number, today)
    due = None if rules.respond_within is None else now + rules.respond_within.us
    wakes = None if due is None or rules.return_for is None else due + rules.return_for.us
    return {
        "kind": HANDOFF,
        "joins": None,
        "owner": given.owner,
        "team": given.team,
        "due_at": due,
        "wakes_at": wakes,
    }


def _in_hand(con: Connection, accounts: Iterable[str], found: Sequence[Row], now: int) -> dict[str, Row]:
    """Return account → its handoff that sales has in hand."""
    model = found[0]["model"] if found else None
    h = HANDOFFS.c
    held = [
        dict(row)
        for part in chunked(sorted(accounts))
        for row in con.execute(
            select(HANDOFFS).where(h.kind == HANDOFF, h.model == model, h.account.in_(part)).order_by(h.seq)
        ).mappings()
    ]
    told = zip(held, answers(con, held, now + 1), strict=True)
    return {row["account"]: row for row, answer in told if answer.status in IN_HAND}


def _turns(con: Connection, found: Sequence[Row]) -> Turns:
    """Return who was given a handoff when, and who has the accounts, else the leads, of these."""
    h = HANDOFFS.c
    last = con.execute(
        select(h.owner, func.max(h.seq)).where(h.kind == HANDOFF, h.owner.is_not(None)).group_by(h.owner)
    )
    turns = Turns({str(owner): int(seq) for owner, seq in last})
    accounts = sorted({a for f in found if (a := f["route"].get("account")) is not None})
    leads = sorted({f[ID] for f in found if f["route"].get("account") is None})
    for column, values in ((h.account, accounts), (h.lead_id, leads)):
        for part in chunked(values):
            query = select(column, h.owner).where(h.kind == HANDOFF, h.owner.is_not(None), column.in_(part))
            turns.accounts |= {str(key): str(owner) for key, owner in con.execute(query.order_by(h.seq))}
    return turns
