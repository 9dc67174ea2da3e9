"""Contributions → reasons in words."""

from lqmodel.reasons.explanation import CUT_OFF, LeadExplanation, Reason, join
from lqmodel.reasons.families import Effects, Families
from lqmodel.reasons.help import Help, NurtureStep, Way
from lqmodel.reasons.leads import explain_leads, reason_texts
from lqmodel.reasons.usual import Usual
from lqmodel.reasons.words import ColumnWords

__all__ = [
    "CUT_OFF",
    "ColumnWords",
    "Effects",
    "Families",
    "Help",
    "LeadExplanation",
    "NurtureStep",
    "Reason",
    "Usual",
    "Way",
    "explain_leads",
    "join",
    "reason_texts",
]
