"""Contributions → reasons in words."""

from lqmodel.reasons.change import Change
from lqmodel.reasons.changes import Compared, Since
from lqmodel.reasons.explanation import LeadExplanation, Reason
from lqmodel.reasons.families import CUT_OFF, Effects, Families, Moves
from lqmodel.reasons.help import Help, Helps, NurtureStep, Way
from lqmodel.reasons.joining import join
from lqmodel.reasons.leads import explain_leads, reason_texts
from lqmodel.reasons.moved import Move
from lqmodel.reasons.usual import Usual
from lqmodel.reasons.words import ColumnWords

__all__ = [
    "CUT_OFF",
    "Change",
    "ColumnWords",
    "Compared",
    "Effects",
    "Families",
    "Help",
    "Helps",
    "LeadExplanation",
    "Move",
    "Moves",
    "NurtureStep",
    "Reason",
    "Since",
    "Usual",
    "Way",
    "explain_leads",
    "join",
    "reason_texts",
]
