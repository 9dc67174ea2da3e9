"""The chain: every entry commits to what it says, and to all entries before it.

    commitment = SHA-256(salt, part, row)
    link       = SHA-256(link before, seq, part, commitment)

Whoever changes, adds or takes away a row breaks a commitment or a link. The salt is what lets erasure be
honest: without row and salt, nobody can tell from the commitment what was there, and the links still hold.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select

from lqmodel.ledger.tables import CHAIN

START: Final = "0" * 64
"""The link before the first entry."""
BATCH = 5_000
"""Rows that are written in one go."""


def compact(value: Any) -> str:
    """Write JSON in the one form that is hashed and kept: sorted keys, no spaces.

    >>> compact({"b": 1, "a": None})
    '{"a":null,"b":1}'
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def commitment(salt: str, part: str, row: Mapping[str, Any]) -> str:
    """Return the salted hash of a row, all its columns but seq and salt."""
    said = {name: _stored(value) for name, value in row.items() if name not in ("seq", "salt")}
    return _sha256(salt, part, compact(said))


def _stored(value: Any) -> Any:
    """Return a value as every database gives it back: SQLite knows no minus zero."""
    return value + 0.0 if isinstance(value, float) else value


def link(before: str, seq: int, part: str, commitment: str) -> str:
    """Return what ties an entry to the one before it."""
    return _sha256(before, str(seq), part, commitment)


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()  # only the last part can hold a line break


class Chain:
    """Appends entries within one transaction, which must hold the store's lock."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        last = con.execute(select(CHAIN.c.seq, CHAIN.c.link).order_by(CHAIN.c.seq.desc()).limit(1)).first()
        self.seq, self.head = (0, START) if last is None else (int(last.seq), str(last.link))

    def append(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows of one table, in order; each needs all of its columns but seq and salt."""
        entries: list[dict[str, Any]] = []
        held: list[dict[str, Any]] = []
        for row in rows:
            salt = secrets.token_hex(16)
            said = commitment(salt, table.name, row)
            self.seq += 1
            self.head = link(self.head, self.seq, table.name, said)
            entries.append({"seq": self.seq, "part": table.name, "commitment": said, "link": self.head})
            held.append({"seq": self.seq, "salt": salt, **row})
            if len(entries) == BATCH:
                self._write(table, entries, held)
                entries, held = [], []
        if entries:
            self._write(table, entries, held)

    def _write(self, table: Table, entries: list[dict[str, Any]], held: list[dict[str, Any]]) -> None:
        self._con.execute(insert(CHAIN), entries)
        self._con.execute(insert(table), held)
