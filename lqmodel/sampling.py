"""A small share of the leads below the threshold that sales may work all the same, to see what is missed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.declarations import Declarations
from lqmodel.roster import ID
from lqmodel.stages import BANDS, LEAD, MQL, STAGES, Policy, holds
from lqmodel.states import EPISODE, Walked

DRAW = "draw"


def with_draws(
    scored: pa.Table,
    walked: Walked,
    facts: Mapping[str, NDArray[np.float64]],
    declarations: Declarations,
    policy: Policy,
) -> pa.Table:
    """Add to the scored leads the column ``draw``: a number in [0, 1), for those in the sample; null for the others.

    The draw is a hash of model, lead and episode, so a lead is in the sample or not, every night, and nobody
    can choose. Only leads at Lead or MQL are in it, below the band of sales-ready, that no fact keeps from sales.
    """
    draws: list[float | None] = [None] * len(scored)
    sample = declarations.model.handoffs.sample
    if sample is not None:
        stages = np.asarray(walked.table["stage"].slice(0, len(scored)).to_pylist(), dtype=object)
        below = np.asarray(scored["band"].to_pylist(), dtype=object) != BANDS[-1]
        blocked = np.logical_or.reduce(
            [np.zeros(len(scored), bool), *(holds(facts[n]) for n in policy.block)]
        )
        rows = np.flatnonzero(np.isin(stages, (STAGES[LEAD], STAGES[MQL])) & below & ~blocked).tolist()
        ids, episodes = scored[ID].to_pylist(), scored[EPISODE].to_pylist()
        for row in rows:
            drawn = draw(declarations.name, ids[row], episodes[row])
            draws[row] = drawn if drawn < sample.share else None
    return scored.append_column(DRAW, pa.array(draws, pa.float64()))


def draw(model: str, lead_id: str, episode: int) -> float:
    """Return a lead's number in [0, 1), the same for ever.

    >>> 0 <= draw("m", "a", 1) < 1
    True
    """
    hashed = hashlib.blake2b(f"{model}\n{lead_id}\n{episode}".encode(), digest_size=6)
    return int.from_bytes(hashed.digest()) / 2**48
