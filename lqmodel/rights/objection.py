"""Objection: who may not be contacted or scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import select

from lqmodel.errors import LqmodelError, nearest
from lqmodel.ledger import Ledger
from lqmodel.ledger.answers import LIFTED, SUPPRESSED, suppressed
from lqmodel.ledger.audit import note
from lqmodel.ledger.erasing import OF_LEADS
from lqmodel.ledger.feedback import Feedback, Spoken, append
from lqmodel.roster import ID
from lqmodel.runs import LATEST, Run

LOOKED_THROUGH = 50_000
"""Leads among which a misspelt one is looked for."""


def object_to(
    ledger: Ledger,
    leads: Sequence[str],
    person: str,
    now: int,
    *,
    lift: bool = False,
    words: str | None = None,
) -> int:
    """Put leads on the list of those who object, or take them off; return how many that changed.

    They are not scored from the next run on, whatever its moment. The list and the log change together.
    """
    act = LIFTED if lift else SUPPRESSED
    with ledger.writing(now) as (con, chain):
        listed = set(suppressed(con))
        new = [lead for lead in dict.fromkeys(leads) if (lead in listed) == lift]
        given = [Feedback(lead, act, now, person=person, note=words) for lead in new]
        taken = append(con, chain, given, Spoken(), now)
        refused = {aside.feedback.lead_id for aside in taken.aside}
        for lead in new:
            if lead not in refused:
                note(con, chain, person, act, now, lead)
    return taken.taken


def strangers(ledger: Ledger, outs: Iterable[Path], leads: Sequence[str]) -> tuple[str, ...]:
    """Say of which leads neither the ledger nor the newest run of a folder knows, each with the nearest that it does.

    A misspelt id would otherwise leave somebody scored who objects.
    """
    known = {lead for out in outs for lead in _newest(out)}
    missing = [lead for lead in leads if lead not in known and not _recorded(ledger, lead)]
    told = []
    for lead in missing:
        near = nearest(lead, known) if len(known) <= LOOKED_THROUGH else None
        told.append(
            f"{lead!r} is in no recorded or newest run" + (f", did you mean {near!r}?" if near else "")
        )
    return tuple(told)


def _newest(out: Path) -> list[str]:
    try:
        return [str(lead) for lead in Run.open(out / LATEST).states[ID].to_pylist()]
    except LqmodelError:  # no run, or one that `history --verify` tells about
        return []


def _recorded(ledger: Ledger, lead: str) -> bool:
    if not ledger.exists():
        return False
    with ledger.store.reading() as con:
        return any(con.execute(select(t.c.seq).where(t.c.lead_id == lead).limit(1)).first() for t in OF_LEADS)
