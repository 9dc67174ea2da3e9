"""Whether handoffs were won: read from the project's outcomes, never from what sales said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, FOREVER, KEY, fetch
from lqmodel.inputs import Inputs
from lqmodel.labels import SINCE, label, last_mature, with_outcomes
from lqmodel.roster import ID

_PLACE = "__place"


def won_within(
    declarations: Declarations, inputs: Inputs, handoffs: Sequence[Mapping[str, Any]]
) -> list[bool | None]:
    """Say of each handoff whether its lead was won within the horizon; None where its horizon is not over yet.

    An early win of a young one says nothing: those that are not won yet would be missing beside it.

    Parameters
    ----------
    declarations : Declarations
        Of a model with a clock.
    inputs : Inputs
        With the outcomes.
    handoffs : sequence of mapping
        Rows of `handoffs`, of this model.
    """
    model = declarations.model
    outcomes = inputs.facts[model.label.source]
    seen = pa.table(
        {
            _PLACE: np.arange(len(handoffs), dtype=np.int64),
            KEY: pa.array([h[ID] for h in handoffs], pa.string()),
            AS_OF: pa.array([h["as_of"] for h in handoffs], pa.int64()),
            SINCE: pa.array([-FOREVER] * len(handoffs), pa.int64()),
        }
    )
    inputs.con.con.register("__handoffs", seen)
    with_won = with_outcomes(inputs.con.table("__handoffs"), outcomes, model)
    known = with_won.select(_PLACE, won=label(with_won, model) == 1).distinct()
    found = {row[_PLACE]: row["won"] for row in fetch(known.order_by(_PLACE)).to_pylist()}
    inputs.con.con.unregister("__handoffs")
    mature = last_mature(outcomes, model)
    return [found[i] if h["as_of"] <= mature else None for i, h in enumerate(handoffs)]
