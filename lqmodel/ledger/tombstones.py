"""Tombstones: that somebody was erased, without saying who.

A digest is keyed by the ledger's pepper: the store alone does not tell a name, but whoever comes back with one
is recognised.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from lqmodel.ledger.tables import GENESIS, TOMBSTONES

DIGITS = 32


@dataclass(frozen=True)
class Tombstones:
    """Who was erased from a ledger.

    Attributes
    ----------
    pepper : str
    digests : frozenset of str
    """

    pepper: str
    digests: frozenset[str]

    @classmethod
    def of(cls, con: Connection) -> Tombstones:
        """Read them from the store."""
        digests = frozenset(map(str, con.execute(select(TOMBSTONES.c.digest)).scalars()))
        return cls(pepper_of(con), digests)

    def among(self, leads: Iterable[str]) -> list[str]:
        """Return those leads that were erased, in their order."""
        return [lead for lead in leads if digest(self.pepper, lead) in self.digests] if self.digests else []


def digest(pepper: str, *parts: str) -> str:
    """Return a keyed hash of a lead, or of something about one: HMAC-SHA-256 under the ledger's pepper."""
    return hmac.new(pepper.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()[:DIGITS]


def pepper_of(con: Connection) -> str:
    """Return the key of this ledger's digests."""
    return str(con.execute(select(GENESIS.c.pepper)).scalar_one())
