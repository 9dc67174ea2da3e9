"""Whose each handed lead is; of an account, which handoff sales has in hand, and who waits for it to end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from lqmodel.asof import iso
from lqmodel.ledger.answers import ACCEPTED, IN_HAND, OPEN, QUALIFIED, WON, WORKED, Row, answers, chunked
from lqmodel.ledger.tables import HANDOFFS
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.stages import SALES_READY, STAGES
from lqmodel.states import EPISODE

HANDOFF, JOINED, SAMPLE = "handoff", "joined", "sample"
"""Kinds of a row of `handoffs`, as its table says."""
TAKEN_UP: Final = (WORKED, ACCEPTED, QUALIFIED)
"""What makes a lead that joined count as the one in hand: somebody turned to it."""
OWN_ROW: Final = (
    "seq",
    "salt",
    "handoff_id",
    "run_id",
    "kind",
    "joins",
    "owner",
    "team",
    "due_at",
    "wakes_at",
)
"""Columns that a lead gets anew when it takes its account's handoff over; all others stay as they were frozen."""


@dataclass(frozen=True)
class Given:
    """Whose a handed lead is, and until when it is answered.

    Attributes
    ----------
    handoff_id : str
    kind : str
        `HANDOFF` or `JOINED`.
    joins : str or None
        The lead that stands for the account, where this one joined it.
    owner, team : str or None
    due_at : int or None
        Microseconds UTC.
    """

    handoff_id: str
    kind: str
    joins: str | None
    owner: str | None
    team: str | None
    due_at: int | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; the moment as text."""
        return {**vars(self), "due_at": None if self.due_at is None else iso(self.due_at)}


def given_json(told: Given | None) -> dict[str, Any]:
    """Return whose a handed lead is as JSON values; all null where its run was not recorded."""
    return dict.fromkeys(f.name for f in fields(Given)) if told is None else told.to_json()


def given(con: Connection, model: str) -> Mapping[tuple[int, str], Given]:
    """Return as_of and lead → to whom a model's runs gave the lead; where it took over since, that."""
    h = HANDOFFS.c
    columns = (h.as_of, h.lead_id, h.handoff_id, h.kind, h.joins, h.owner, h.team, h.due_at)
    query = select(*columns).where(h.model == model, h.kind != SAMPLE).order_by(h.seq)
    rows = con.execute(query).all()
    leads = {row.handoff_id: row.lead_id for row in rows}
    return {(row.as_of, row.lead_id): Given(*row[2:4], leads.get(row.joins), *row[5:]) for row in rows}


def in_hand(con: Connection, model: str, accounts: Iterable[str], now: int) -> dict[str, Row]:
    """Return account → its handoff that sales has in hand."""
    h = HANDOFFS.c
    query = select(HANDOFFS).where(h.model == model, h.kind.in_((HANDOFF, JOINED)))
    return {
        row["account"]: row
        for row, status in _told(con, query, sorted(accounts), now)
        if status in (IN_HAND if row["kind"] == HANDOFF else TAKEN_UP)
    }


def waiting(con: Connection, run: Run, as_of: int) -> list[dict[str, Any]]:
    """Return the leads that joined a handoff which did not end in a win, as rows that may be handed over.

    Of those that stand at sales-ready in the run; each with ``route``, and the facts, probability and reasons
    of the day on which it joined.
    """
    h = HANDOFFS.c
    of_model = select(HANDOFFS).where(h.model == run.model_name)
    newest = select(func.max(h.seq)).where(h.model == run.model_name).group_by(h.lead_id, h.episode)
    joined = select(h.account).where(h.kind == JOINED, h.seq.in_(newest)).distinct()
    stand = run.states.filter(pc.equal(run.states["stage"], STAGES[SALES_READY]))
    ready = set(zip(stand[ID].to_pylist(), stand[EPISODE].to_pylist(), strict=True))
    found: list[dict[str, Any]] = []
    leading: dict[str, str] = {}
    for row, status in _told(con, of_model, sorted(map(str, con.scalars(joined))), as_of):
        if row["kind"] == HANDOFF:
            leading[row["account"]] = status
        elif row["kind"] == JOINED and status == OPEN and (row[ID], row[EPISODE]) in ready:
            found.append({name: row[name] for name in row if name not in OWN_ROW} | {"route": _route(row)})
    return [row for row in found if leading.get(row["account"]) != WON]


def likeliest(row: Row) -> tuple[float, float, str]:
    """Order rows of `handoffs`: the likeliest first."""
    return -(row["probability"] or 0.0), -(row["score"] or 0.0), row[ID]


def _told(con: Connection, query: Any, accounts: list[str], now: int) -> Iterator[tuple[Row, str]]:
    """Yield handoffs of accounts with what became of them, by seq."""
    for part in chunked(accounts):
        chosen = query.where(HANDOFFS.c.account.in_(part)).order_by(HANDOFFS.c.seq)
        rows = [dict(row) for row in con.execute(chosen).mappings()]
        yield from zip(rows, (told.status for told in answers(con, rows, now + 1)), strict=True)


def _route(row: Row) -> dict[str, Any]:
    return dict(json.loads(row["frozen"])["why"].get("route") or {})
