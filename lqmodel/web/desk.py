"""Handoffs as the worklist needs them: read from the ledger, and kept until it holds more."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from lqmodel.ledger import Ledger
from lqmodel.ledger.accounts import HANDOFF, JOINED
from lqmodel.ledger.answers import chunked
from lqmodel.ledger.tables import ERASURES, FEEDBACK, HANDOFFS, TRANSITIONS
from lqmodel.roster import ID
from lqmodel.scores import CREATED_AT, LOOKED_AT
from lqmodel.web.board import Board, Handed

FRESH = 60_000_000
"""How long deadlines may stand as they were looked at, microseconds."""


PART = 1_000
"""Leads that are read at once: a handoff's frozen facts and reasons are by far the most of it, and not kept."""
MOVED = (HANDOFFS, TRANSITIONS, FEEDBACK)
"""What the board is read off. Looks at pages are entries as well, and change nothing here."""
NEWEST = select(*(select(func.max(table.c.seq)).scalar_subquery() for table in (*MOVED, ERASURES)))


@dataclass(frozen=True)
class _Upto:
    """Up to which entry, erasure and moment the ledger was read."""

    seq: int
    erased: int
    now: int

    @classmethod
    def of(cls, con: Connection, now: int) -> _Upto:
        *moved, erased = (seq or 0 for seq in con.execute(NEWEST).one())
        return cls(max(moved), erased, now)

    def holds(self, other: _Upto) -> bool:
        """Whether nothing is new at the other look: many look at once, and the later one may be here first."""
        if self.erased != other.erased or self.is_set_back(other):
            return False
        return self.seq >= other.seq and self.now // FRESH >= other.now // FRESH

    def is_set_back(self, other: _Upto) -> bool:
        """Whether the other look was made by a clock that was set back since, and not just a moment before."""
        return self.now - other.now > FRESH


STRONGEST = 2
"""Reasons that a line shows."""
_NO_LEVELS = (ID, LOOKED_AT, CREATED_AT)
_NOTHING = _Upto(0, 0, 0)


class Desk:
    """All handoffs of a ledger, and whose they are.

    What became of a handoff is read off the entries of its lead and off its deadline: so only leads with new
    entries, or whose deadline has passed since, are looked at again.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._lock = threading.Lock()
        self._upto = _NOTHING
        self._board = Board({})

    def handed(self, now: int) -> Board:
        """Return lead → its last handoff."""
        if not self.ledger.exists():
            return Board({})
        with self.ledger.store.reading() as con:
            upto = _Upto.of(con, now)
        if self._upto.holds(upto):
            return self._board
        with self._lock:
            if not self._upto.holds(upto):
                leads = self._touched(upto)
                upto = upto if leads is None else replace(upto, now=max(upto.now, self._upto.now))
                fresh = self._read(upto.now, leads)
                board = self._board
                self._board = Board(fresh, board.grain + 1) if leads is None else board.changed(leads, fresh)
                self._upto = upto
            return self._board

    def _touched(self, upto: _Upto) -> set[str] | None:
        """Return the leads of which anything may have changed; None where it may be any."""
        last = self._upto
        if last.seq == 0 or upto.erased != last.erased or last.is_set_back(upto):
            return None
        h = HANDOFFS.c
        leads: set[str] = set()
        with self.ledger.store.reading() as con:
            for table in MOVED:
                leads.update(con.scalars(select(table.c.lead_id).where(table.c.seq > last.seq)))
            leads.update(con.scalars(select(h.lead_id).where(h.due_at >= last.now, h.due_at <= upto.now)))
        return leads

    def _read(self, now: int, leads: set[str] | None) -> dict[str, Handed]:
        with self.ledger.store.reading() as con:
            # what is there already counts, also where it was said by a clock that is ahead of this look's
            said = con.scalar(select(func.max(FEEDBACK.c.known_at))) or 0
            every = set(con.scalars(select(HANDOFFS.c.lead_id))) if leads is None else leads
        found: dict[str, Handed] = {}
        for part in chunked(sorted(every), PART):
            rows = sorted(self.ledger.handoffs(max(now, said), leads=part), key=lambda row: row["seq"])
            found |= {r["lead_id"]: _handed(r) for r in rows if r["kind"] in (HANDOFF, JOINED)}
        return found


def _handed(row: Mapping[str, Any]) -> Handed:
    why = row["frozen"]["why"]
    return Handed(
        row["lead_id"],
        who(why, row["lead_id"]),
        row["owner"],
        row["status"],
        bool(row["overdue"]),
        row["as_of"],
        row["due_at"],
        row["probability"],
        row["low"],
        row["high"],
        tuple(reason["text"] for reason in why.get("up", [])[:STRONGEST]) or _listed(why),
        row["seq"],
        why.get("language", ""),
        tuple(
            (k, v) for k, v in row["frozen"]["facts"].items() if isinstance(v, str) and k not in _NO_LEVELS
        ),
        row["account"],
        row["kind"] == JOINED,
    )


def _listed(why: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the first two reasons of a handoff that was caught up with: it froze the run's text alone."""
    return tuple(str(why.get("reasons_up") or "").split("; ")[:STRONGEST])


def who(why: Mapping[str, Any], lead_id: str) -> str:
    """Return the display columns of a frozen handoff in one text, else the lead's id."""
    return ", ".join(str(v) for v in why.get("display", {}).values() if v) or lead_id
