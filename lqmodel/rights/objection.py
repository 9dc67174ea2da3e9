"""Objection: who may not be contacted or scored."""

from __future__ import annotations

from collections.abc import Sequence

from lqmodel.ledger import Ledger
from lqmodel.ledger.answers import LIFTED, SUPPRESSED, suppressed
from lqmodel.ledger.audit import note
from lqmodel.ledger.feedback import Feedback, Spoken, append


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
