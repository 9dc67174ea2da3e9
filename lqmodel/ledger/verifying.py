"""Whether the ledger is what was recorded: nothing changed, added or taken away but by a recorded erasure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from lqmodel.errors import Refused
from lqmodel.ledger.chain import START, commitment, link
from lqmodel.ledger.erasing import ERASABLE, from_ranges
from lqmodel.ledger.tables import CHAIN, ERASURES, PARTS

SHOWN = 20
"""Problems that a message names; the others are counted."""
STREAMED = {"yield_per": 10_000}


@dataclass(frozen=True)
class Seen:
    """An entry that this machine saw at the end of the chain, kept outside the store."""

    seq: int
    link: str


@dataclass(frozen=True)
class Verified:
    """What a look over the whole ledger found.

    Attributes
    ----------
    entries : int
    head : str
        The last link: whoever keeps it can tell later whether all up to here still stands.
    erased : int
        Entries whose content was erased.
    problems : tuple of str
    """

    entries: int
    head: str
    erased: int
    problems: tuple[str, ...]

    def raise_if_changed(self) -> None:
        """Refuse a ledger that was changed by hand.

        Raises
        ------
        Refused
        """
        if self.problems:
            more = len(self.problems) - SHOWN
            listed = [*self.problems[:SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
            raise Refused(
                "the ledger is not what was recorded:\n    " + "\n    ".join(listed),
                do="find out who wrote into the store, and restore it from a backup; new entries do not mend it",
            )

    def __str__(self) -> str:
        """Say it in a line or two."""
        erased = f", {self.erased:,} of them erased" if self.erased else ""
        return f"the ledger holds: {self.entries:,} entries{erased}\nhead {self.head}"


def verify(con: Connection, seen: Seen | None = None) -> Verified:
    """Hold every row against the chain, and the chain against itself.

    Parameters
    ----------
    con : Connection
        Reading one moment of the store.
    seen : Seen, optional
        Where the chain ended when this machine last wrote: what was cut off at the end is found by it.
    """
    problems: list[str] = []
    parts: dict[str, dict[int, str]] = {name: {} for name in PARTS}
    entries, head = 0, START
    for row in con.execute(select(CHAIN).order_by(CHAIN.c.seq), execution_options=STREAMED):
        if row.seq != entries + 1:
            problems.append(f"entry {entries + 1} is not there: the next is {row.seq}")
        entries = int(row.seq)
        head = link(head, entries, row.part, row.commitment)
        if head != row.link:
            problems.append(f"entry {entries}: the chain breaks here")
            head = row.link
        if seen is not None and entries == seen.seq and row.link != seen.link:
            problems.append(f"entry {entries} is not the one that this machine saw")
        if row.part in parts:
            parts[row.part][entries] = row.commitment
        else:
            problems.append(f"entry {entries} names the unknown table {row.part!r}")
    if seen is not None and entries < seen.seq:
        problems.append(f"the chain ends at entry {entries}; this machine saw entry {seen.seq}")
    erased = _erased(con)
    allowed = {table.name for table in ERASABLE}
    for name, committed in parts.items():
        problems += _part_problems(con, PARTS[name], committed, erased if name in allowed else set())
    gone = {seq for name in allowed for seq in parts[name] if seq in erased}
    return Verified(entries, head, len(gone), tuple(problems))


def _erased(con: Connection) -> set[int]:
    found: set[int] = set()
    for seqs in con.execute(select(ERASURES.c.seqs)).scalars():
        found |= from_ranges(seqs)
    return found


def _part_problems(
    con: Connection, table: Table, committed: dict[int, str], erased: set[int]
) -> Iterator[str]:
    """Yield what is wrong with the rows of one table."""
    left = dict(committed)
    for row in con.execute(select(table).order_by(table.c.seq), execution_options=STREAMED).mappings():
        seq = int(row["seq"])
        expected = left.pop(seq, None)
        if expected is None:
            yield f"{table.name} holds row {seq}, which is no entry of the chain"
        elif commitment(row["salt"], table.name, dict(row)) != expected:
            yield f"entry {seq}: its row in {table.name} was changed"
        elif seq in erased:
            yield f"entry {seq} was erased, and a row stands in {table.name} again"
    for seq in sorted(left.keys() - erased):
        yield f"entry {seq}: its row in {table.name} is gone, and no erasure names it"
