"""Handoffs of a run → rows of the ledger: whose they are, until when they are answered, which account has one already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from lqmodel.declarations import Handoffs, from_microseconds
from lqmodel.ledger.accounts import HANDOFF, JOINED, SAMPLE, in_hand, likeliest, waiting
from lqmodel.ledger.answers import Row, chunked
from lqmodel.ledger.owners import Turns, give
from lqmodel.ledger.tables import HANDOFFS
from lqmodel.ledger.tombstones import digest, pepper_of
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.states import EPISODE

ID_DIGITS: Final = 16


def handed(
    con: Connection,
    run: Run,
    as_of: int,
    found: Sequence[Row],
    rules: Handoffs,
    zone: str,
    now: int,
    first: int,
) -> list[dict[str, Any]]:
    """Return handoffs as rows of the table, the likeliest first: each with its owner and deadline.

    Of one account only one is in sales' hands: further leads of it join that one, with its owner and without
    a deadline of their own. When it has ended without a win, the likeliest of them takes it over.

    Parameters
    ----------
    con : Connection
        Holds the store's lock.
    run : Run
        Whose handoffs these are.
    as_of : int
        Its moment, microseconds UTC.
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
    fresh = {(h[ID], h[EPISODE]) for h in found}
    again = [h for h in waiting(con, run, as_of) if (h[ID], h[EPISODE]) not in fresh]
    candidates = sorted([*found, *again], key=likeliest)
    accounts = {h["route"].get("account") for h in candidates} - {None}
    # what ended since the run looked is not over before the next one moves it: it may still be answered late
    busy = in_hand(con, run.model_name, accounts, now) | in_hand(con, run.model_name, accounts, as_of)
    turns = _turns(con, candidates)
    today = from_microseconds(now).astimezone(ZoneInfo(zone)).date()
    pepper = pepper_of(con)
    rows: list[dict[str, Any]] = []
    for handoff in candidates:
        route = handoff["route"]
        account = route.get("account")
        leader = busy.get(account) if account is not None else None
        if leader is None or leader[ID] == handoff[ID]:
            told = _given(rules, turns, route, handoff, first + len(rows), today, now)
        elif (handoff[ID], handoff[EPISODE]) in fresh:
            told = _joining(leader)
        else:
            continue  # it joined before, and goes on waiting
        row = {**_common({**handoff, "run_id": run.run_id}, account, now, pepper), **told}
        if row["kind"] == HANDOFF and account is not None:
            busy[account] = row
        rows.append(row)
    return rows


def _joining(leader: Row) -> dict[str, Any]:
    whose = {"owner": leader["owner"], "team": leader["team"]}
    return {"kind": JOINED, "joins": leader["handoff_id"], **whose, "due_at": None, "wakes_at": None}


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
