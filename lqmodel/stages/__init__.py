"""(state, margin, facts, acts, policy) → state: which leads marketing nurtures and which sales gets.

The model moves a lead between Lead, MQL and sales-ready. From SAL on a person has acted, and only people's
acts move it further: an acceptance, a gate's facts, a win. Recycled is set by people alone (a handoff sent
back) and left on its wake-up date, by a hand-raise that began since, by an acceptance or a win: neither a
score nor a hand-raise that stood before it undoes it.
"""

from lqmodel.stages.acts import ACT_SCHEMA, ACTS, Act, acts_digest, acts_table, checked_acts
from lqmodel.stages.bands import BANDS, MQL_SCORE, SALES_READY_SCORE, Band, band, bands, margin_band, score
from lqmodel.stages.decisions import Decisions, decisions
from lqmodel.stages.machine import Advance, advance
from lqmodel.stages.policy import Policy, Threshold
from lqmodel.stages.replay import Crossings, Replay, Volume
from lqmodel.stages.solving import (
    SolvedPolicy,
    carried,
    check_capacity,
    gains,
    lower_bound,
    solve_policy,
    total,
)
from lqmodel.stages.state import (
    CUSTOMER,
    LEAD,
    MQL,
    NEVER,
    RECYCLED,
    SAL,
    SALES_READY,
    SQL,
    STAGES,
    STATE_SCHEMA,
    State,
    holds,
    stage_names,
)

__all__ = [
    "ACTS",
    "ACT_SCHEMA",
    "BANDS",
    "CUSTOMER",
    "LEAD",
    "MQL",
    "MQL_SCORE",
    "NEVER",
    "RECYCLED",
    "SAL",
    "SALES_READY",
    "SALES_READY_SCORE",
    "SQL",
    "STAGES",
    "STATE_SCHEMA",
    "Act",
    "Advance",
    "Band",
    "Crossings",
    "Decisions",
    "Policy",
    "Replay",
    "SolvedPolicy",
    "State",
    "Threshold",
    "Volume",
    "acts_digest",
    "acts_table",
    "advance",
    "band",
    "bands",
    "carried",
    "check_capacity",
    "checked_acts",
    "decisions",
    "gains",
    "holds",
    "lower_bound",
    "margin_band",
    "score",
    "solve_policy",
    "stage_names",
    "total",
]
