"""Who looked at which lead, and when. Leads stand in it by a keyed digest, so that erasure leaves it whole."""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, Text, insert, inspect, select

from lqmodel.ledger.store import Store
from lqmodel.ledger.tables import GENESIS
from lqmodel.web.people import TABLES

LATEST = 100
"""Entries that are shown."""
VIEWS = Table(
    "lead_views",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
    Column("subject", Text, nullable=False),  # HMAC-SHA-256 of the lead's id, by the ledger's pepper
    Column("version", Text, nullable=False),  # of the bundle whose answer was seen
    comment="Grain: one row per page of a lead that was shown. Only ever appended to.",
)


@dataclass(frozen=True)
class Seen:
    """One look at a lead's page; ``subject`` is the lead's digest."""

    at: int
    person: str
    subject: str
    version: str


class Trail:
    """The looks at leads of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made = False
        self._turn = (
            threading.Lock()
        )  # who waits in line is let in at once; a database lets them try again later

    def saw(self, person: str, lead_id: str, version: str, now: int) -> None:
        """Write down that a person was shown a lead; before the page goes out."""
        with self._turn, self._store.writing() as con:
            if not self._made:
                TABLES.create_all(con)
            told = {"at": now, "person": person, "version": version}
            con.execute(insert(VIEWS).values(**told, subject=_digest(con, lead_id)))
        self._made = True

    def latest(self) -> list[Seen]:
        """Return the last looks, the newest first."""
        with self._store.reading() as con:
            if not inspect(con).has_table(VIEWS.name):
                return []
            rows = con.execute(select(VIEWS).order_by(VIEWS.c.number.desc()).limit(LATEST))
            return [Seen(r.at, r.person, r.subject, r.version) for r in rows]


def _digest(con: Connection, lead_id: str) -> str:
    pepper = con.execute(select(GENESIS.c.pepper)).scalar() or ""
    return hmac.new(str(pepper).encode(), lead_id.encode(), hashlib.sha256).hexdigest()
