"""The audit log: who saw or changed what, appended to the same chain. Leads stand in it by their digest alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from lqmodel.ledger.chain import Chain, compact
from lqmodel.ledger.tables import AUDIT
from lqmodel.ledger.tombstones import digest, pepper_of


def note(
    con: Connection,
    chain: Chain,
    person: str,
    action: str,
    now: int,
    lead_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> None:
    """Append an entry; ``con`` holds the store's lock.

    Parameters
    ----------
    con, chain
        Of the transaction in which it happens, so that both are there or neither.
    person : str
        Who did it.
    action : str
        What was done: "access", "erase", "purge", "feedback", "suppress", "see" …
    now : int
        Microseconds UTC.
    lead_id : str, optional
        Whom it is about; only its digest is kept, so that erasure leaves the log whole.
    detail : mapping, optional
        JSON values, without anything that names a lead.
    version : str, optional
        Of the bundle whose answer was seen.
    """
    subject = None if lead_id is None else digest(pepper_of(con), lead_id)
    row = {"at": now, "person": person, "action": action, "subject": subject, "version": version}
    chain.append(AUDIT, [{**row, "detail": compact(dict(detail or {}))}])


@dataclass(frozen=True)
class Noted:
    """One entry of the log; ``subject`` is the lead's digest, ``at`` in microseconds UTC."""

    at: int
    person: str
    action: str
    subject: str | None
    version: str | None
    detail: Mapping[str, Any]


def latest(con: Connection, most: int = 100, person: str | None = None) -> list[Noted]:
    """Return the last entries, the newest first; of one person, where one is named."""
    a = AUDIT.c
    query = (
        select(a.at, a.person, a.action, a.subject, a.version, a.detail).order_by(a.seq.desc()).limit(most)
    )
    rows = con.execute(query if person is None else query.where(a.person == person)).mappings()
    return [Noted(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
