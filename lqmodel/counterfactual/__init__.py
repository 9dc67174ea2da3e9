"""What would help a lead: the smallest set of events after which the model would move it to its next stage."""

from lqmodel.counterfactual.helping import what_would_help
from lqmodel.counterfactual.nurture import NEAREST, Helpful, Nearest, NurtureList, nurture, refuse_points

__all__ = ["NEAREST", "Helpful", "Nearest", "NurtureList", "nurture", "refuse_points", "what_would_help"]
