"""Access: all that is held of a lead."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from lqmodel.asof import iso
from lqmodel.ledger import Ledger
from lqmodel.ledger.audit import note
from lqmodel.ledger.erasing import OF_LEADS
from lqmodel.ledger.tables import AUDIT, TOMBSTONES
from lqmodel.ledger.tombstones import digest, pepper_of
from lqmodel.reasons.words import clean
from lqmodel.rewriting import Held, held_of
from lqmodel.rights.folders import folders

MOST = 2_000
"""Characters of one value on a terminal."""


@dataclass(frozen=True)
class Access:
    """All that is held of a lead.

    Attributes
    ----------
    lead_id : str
    erased : bool
        It was erased before, and a tombstone keeps it from coming back.
    ledger : dict of str to list of dict
        Table → its rows.
    audit : list of dict
        Who saw or changed what about it.
    folders : dict of str to dict
        Run, or files for a CRM → file → its rows.
    """

    lead_id: str
    erased: bool
    ledger: dict[str, list[dict[str, Any]]]
    audit: list[dict[str, Any]]
    folders: dict[str, dict[str, list[dict[str, Any]]]]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return json.loads(json.dumps(asdict(self), default=_plain))  # type: ignore[no-any-return]

    def __str__(self) -> str:
        """Say it for a terminal: each place, then each row, value by value."""
        told = self.to_json()
        places = {**{f"ledger, {name}": rows for name, rows in told["ledger"].items()}}
        places |= {
            f"{folder}/{name}": rows
            for folder, files in told["folders"].items()
            for name, rows in files.items()
        }
        places["who saw or changed what"] = told["audit"]
        lines = [f"{self.lead_id}: erased, and a tombstone keeps it from coming back"] if self.erased else []
        for place, rows in places.items():
            for row in rows:
                lines += [
                    "",
                    place,
                    *(f"  {name:18} {_told(value)}" for name, value in row.items() if value is not None),
                ]
        return "\n".join(lines).strip("\n") or f"nothing is held of {self.lead_id!r}"


def access(ledger: Ledger, outs: Sequence[Path], lead_id: str, person: str, now: int) -> Access:
    """Return all that is held of a lead, and note that somebody looked.

    Parameters
    ----------
    ledger : Ledger
    outs : sequence of Path
        Folders of runs.
    lead_id : str
    person : str
        Who looks.
    now : int
        Microseconds UTC.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    audit: list[dict[str, Any]] = []
    erased = False
    if ledger.exists():
        with ledger.writing(now) as (con, chain):
            subject = digest(pepper_of(con), lead_id)
            for table in OF_LEADS:
                query = select(table).where(table.c.lead_id == lead_id).order_by(table.c.seq)
                rows[table.name] = [read_row(dict(row)) for row in con.execute(query).mappings()]
            seen = select(AUDIT).where(AUDIT.c.subject == subject).order_by(AUDIT.c.seq)
            audit = [read_row(dict(row)) for row in con.execute(seen).mappings()]
            stone = select(TOMBSTONES.c.seq).where(TOMBSTONES.c.digest == subject)
            erased = con.execute(stone).first() is not None
            note(con, chain, person, "access", now, lead_id)
    found = [held_of(folder, [lead_id]) for out in outs for folder in folders(out)]
    return Access(lead_id, erased, rows, audit, {str(h.folder): _rows(h) for h in found if h.rows})


def read_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without its salt, what was frozen as values, moments as text."""
    del row["salt"]
    for name in ("frozen", "checklist", "detail"):
        if name in row:
            row[name] = json.loads(row[name])
    moments = ("as_of", "recorded_at", "due_at", "wakes_at", "at", "known_at", "until")
    return {k: iso(v) if k in moments and v is not None else v for k, v in row.items()}


def _rows(held: Held) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{k: v for k, v in row.items() if v is not None} for row in rows]
        for name, rows in held.rows.items()
    }


def _told(value: Any) -> str:
    return clean(value, MOST) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)
