"""Contributions → reasons in words."""

from lqmodel.reasons.explanation import CUT_OFF, LeadExplanation, Reason, join
from lqmodel.reasons.families import Effects, Families
from lqmodel.reasons.leads import explain_leads, reason_texts
from lqmodel.reasons.usual import Usual
from lqmodel.reasons.words import ColumnWords

__all__ = [
    "CUT_OFF",
    "ColumnWords",
    "Effects",
    "Families",
    "LeadExplanation",
    "Reason",
    "Usual",
    "explain_leads",
    "join",
    "reason_texts",
]
