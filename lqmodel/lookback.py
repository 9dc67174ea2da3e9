"""Wiring: a run that was written, and the run before beside it → why a lead has its probability, and what changed."""

from __future__ import annotations

from dataclasses import replace

from lqmodel.bundle import Bundle
from lqmodel.errors import BadData, NoInput
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons import Change, LeadExplanation
from lqmodel.runs import Run
from lqmodel.scoring import explain_lead
from lqmodel.since import change_of


def explain_run(bundle: Bundle, run: Run, lead_id: str, language: Language = ENGLISH) -> LeadExplanation:
    """Explain a lead of a run; without the run before, all but what changed, and why that is lacking.

    Raises
    ------
    NoInput, Refused, BadData
        As `explain_lead`: the run does not hold the lead, the lead was not scored, another bundle made the
        scores, or the run was damaged.
    """
    explained = explain_lead(bundle, run, lead_id, language)
    try:
        previous = run.previous()
        change = None if previous is None else change_of(bundle, run, lead_id, previous, language)
    except (NoInput, BadData) as error:
        why = f"{error.where}: {error.message}" if error.where else error.message
        change = Change("unread", None, run.as_of or 0, explained.probability, why=why, language=language)
    return replace(explained, change=change)
