"""Erasure within the ledger: rows and salts go, the chain stays, a tombstone says that somebody was here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from lqmodel.declarations.handoffs import Retention
from lqmodel.ledger.answers import OBJECTIONS, chunked
from lqmodel.ledger.audit import note
from lqmodel.ledger.chain import Chain, compact
from lqmodel.ledger.tables import AUDIT, ERASURES, FEEDBACK, HANDOFFS, TOMBSTONES, TRANSITIONS
from lqmodel.ledger.tombstones import Tombstones, digest, pepper_of

OF_LEADS: Final = (TRANSITIONS, HANDOFFS, FEEDBACK)
ERASABLE: Final = (*OF_LEADS, AUDIT)
"""Tables of which rows may be erased: by a person's right, or by retention."""
BY_RIGHT, BY_RETENTION = "right", "retention"


@dataclass(frozen=True)
class Erased:
    """What was erased from the ledger.

    Attributes
    ----------
    rows : dict of str to int
        Table → rows.
    new : bool
        False: the lead had been erased before.
    """

    rows: dict[str, int]
    new: bool


def erase_lead(con: Connection, chain: Chain, lead_id: str, person: str, now: int) -> Erased:
    """Take away all that the ledger holds of a lead, and set a tombstone; again is a no-op.

    ``con`` holds the store's lock.
    """
    rows, seqs = {}, []
    for table in OF_LEADS:
        found = list(con.execute(select(table.c.seq).where(table.c.lead_id == lead_id)).scalars())
        rows[table.name] = len(found)
        seqs += found
        con.execute(delete(table).where(table.c.lead_id == lead_id))
    new = not Tombstones.of(con).among([lead_id])
    subject = digest(pepper_of(con), lead_id)
    if new:
        chain.append(TOMBSTONES, [{"digest": subject, "recorded_at": now}])
    if seqs:
        chain.append(ERASURES, [_erasure(BY_RIGHT, rows, seqs, now)])
    if new or seqs:
        note(con, chain, person, "erase", now, lead_id, {"rows": rows})
    return Erased(rows, new)


def out_of_date(
    con: Connection, model: str, retention: Retention, now: int
) -> dict[str, ColumnElement[bool]]:
    """Return table → which of its rows are older than declared. Objections stay: they must be honoured."""
    t, h, f, a = TRANSITIONS.c, HANDOFFS.c, FEEDBACK.c, AUDIT.c
    limits = {
        TRANSITIONS.name: (retention.transitions, t.as_of, t.model == model),
        HANDOFFS.name: (retention.handoffs, h.recorded_at, h.model == model),
        FEEDBACK.name: (retention.feedback, f.known_at, (f.model == model) & f.act.not_in(OBJECTIONS)),
        AUDIT.name: (retention.audit, a.at, a.at == a.at),
    }
    return {
        name: (when < now - kept.us) & of for name, (kept, when, of) in limits.items() if kept is not None
    }


def count_old(con: Connection, model: str, retention: Retention, now: int) -> dict[str, int]:
    """Return table → how many of its rows are older than declared."""
    tables = {table.name: table for table in ERASABLE}
    old = out_of_date(con, model, retention, now)
    return {
        name: int(con.execute(select(func.count()).select_from(tables[name]).where(which)).scalar_one())
        for name, which in old.items()
    }


def purge_old(
    con: Connection, chain: Chain, model: str, retention: Retention, person: str, now: int
) -> dict[str, int]:
    """Take away rows that are older than declared; ``con`` holds the store's lock."""
    tables = {table.name: table for table in ERASABLE}
    rows: dict[str, int] = {}
    seqs: list[int] = []
    for name, which in out_of_date(con, model, retention, now).items():
        table = tables[name]
        found = list(con.execute(select(table.c.seq).where(which)).scalars())
        _delete(con, table, found)
        rows[name] = len(found)
        seqs += found
    if seqs:
        chain.append(ERASURES, [_erasure(BY_RETENTION, rows, seqs, now)])
        note(con, chain, person, "purge", now, None, {"model": model, "rows": rows})
    return rows


def _delete(con: Connection, table: Table, seqs: Sequence[int]) -> None:
    for part in chunked(seqs):
        con.execute(delete(table).where(table.c.seq.in_(part)))


def _erasure(why: str, rows: dict[str, int], seqs: Iterable[int], now: int) -> dict[str, Any]:
    return {"why": why, "rows": compact(rows), "seqs": as_ranges(seqs), "recorded_at": now}


def as_ranges(numbers: Iterable[int]) -> str:
    """Write numbers as ranges.

    >>> as_ranges([3, 1, 2, 7])
    '1-3,7'
    """
    ranges: list[list[int]] = []
    for n in sorted(set(numbers)):
        if ranges and ranges[-1][1] == n - 1:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def from_ranges(text: str) -> set[int]:
    """Inverse of `as_ranges`; of a text that was changed by hand what can be read.

    >>> sorted(from_ranges("1-3,7"))
    [1, 2, 3, 7]
    """
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return found
