"""Handoffs as the worklist needs them: read from the ledger, and kept until it holds more."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from lqmodel.ledger import Ledger
from lqmodel.ledger.handing import HANDOFF
from lqmodel.ledger.tables import CHAIN
from lqmodel.web.people import Person

FRESH = 60_000_000
"""How long deadlines may stand as they were looked at, microseconds."""


@dataclass(frozen=True)
class Handed:
    """A handoff, as a line of the worklist: the last one of its lead.

    Attributes
    ----------
    lead_id, who : str
        The lead, and its display columns in one text; the id where there are none.
    owner : str or None
    status : str
        One of `ledger.STATUSES`.
    overdue : bool
    handed_at : int
        Microseconds UTC.
    due_at : int or None
    probability, low, high : float or None
        As they were handed over; None by points.
    reasons : tuple of str
        The strongest, for the lead.
    """

    lead_id: str
    who: str
    owner: str | None
    status: str
    overdue: bool
    handed_at: int
    due_at: int | None
    probability: float | None
    low: float | None
    high: float | None
    reasons: tuple[str, ...]


class Desk:
    """All handoffs of a ledger, and whose they are."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._lock = threading.Lock()
        self._key: tuple[int, int] | None = None
        self._held: dict[str, Handed] = {}

    def handed(self, now: int) -> Mapping[str, Handed]:
        """Return lead → its last handoff."""
        if not self.ledger.exists():
            return {}
        with self.ledger.store.reading() as con:
            head = con.execute(select(func.max(CHAIN.c.seq))).scalar() or 0
        key = (head, now // FRESH)
        if key != self._key:
            with self._lock:
                if key != self._key:
                    rows = sorted(self.ledger.handoffs(now), key=lambda row: row["seq"])
                    self._held = {r["lead_id"]: _handed(r) for r in rows if r["kind"] == HANDOFF}
                    self._key = key
        return self._held

    def owns(self, person: Person, lead_id: str, now: int) -> bool:
        """Whether a person may see a lead: everybody's, or one whose last handoff is theirs."""
        if person.sees_all:
            return True
        found = self.handed(now).get(lead_id)
        return found is not None and found.owner == person.owner


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
        tuple(reason["text"] for reason in why.get("up", [])[:2]) or _listed(why),
    )


def _listed(why: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the first two reasons of a handoff that was caught up with: it froze the run's text alone."""
    return tuple(str(why.get("reasons_up") or "").split("; ")[:2])


def who(why: Mapping[str, Any], lead_id: str) -> str:
    """Return the display columns of a frozen handoff in one text, else the lead's id."""
    return ", ".join(str(v) for v in why.get("display", {}).values() if v) or lead_id
