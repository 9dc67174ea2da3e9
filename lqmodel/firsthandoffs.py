"""What sales would have got: leads at their first handoff in the held-out weeks, and how many of them were won.

A band counts a lead in each of its snapshots; sales get it once. So the number that sales feel is another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.evaluation import rounded
from lqmodel.heldout import HeldOut
from lqmodel.intervals import DRAWS, Draws, Estimate, widened
from lqmodel.metrics import mean
from lqmodel.stages import Policy


@dataclass(frozen=True)
class FirstHandoffs:
    """Leads handed over for the first time in held-out weeks; each counts once.

    Attributes
    ----------
    leads : int
        Handed over after the first as_of.
    backlog : int
        Handed over at the first as_of: the stock that gathered before there was a policy; in no other figure.
    weeks, per_week : float
        From the first as_of to the last; leads by weeks.
    wins : int
        Of ``leads``, how many were won within the horizon of their handoff.
    predicted : float or None
        Their mean probability at the handoff; None without any.
    observed : Estimate or None
        Share of them that was won, with its cluster-bootstrap interval.
    """

    leads: int
    backlog: int
    weeks: float
    per_week: float
    wins: int
    predicted: float | None
    observed: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`, floats rounded to 6 digits."""
        return dict(rounded(vars(self)))


def handoffs_of(held: HeldOut | None, policy: Policy, random_state: int = 0) -> FirstHandoffs | None:
    """Count the first handoffs of held-out snapshots under a policy; None without a clock, or of one moment."""
    if held is None:
        return None
    return first_handoffs(held, policy.ready(held.level).probability, random_state)


def first_handoffs(
    held: HeldOut, threshold: ArrayLike, random_state: int = 0, draws: int = DRAWS
) -> FirstHandoffs | None:
    """Replay the handoffs over held-out snapshots, as capacity is solved (`lqmodel.stages.solve_policy`).

    Parameters
    ----------
    held : HeldOut
    threshold : float, or array-like of float, shape (n,)
        Probability from which a lead is handed over.
    random_state, draws : int
        Of the interval.

    Returns
    -------
    FirstHandoffs or None
        None where all snapshots are of one moment: there is no week to speak of.
    """
    weeks = held.weeks
    if not weeks:
        return None
    after, start = held.first(threshold)
    observed = None
    if len(after):
        observed = share_of(held.won[after], held.group[after], random_state, draws)
    return FirstHandoffs(
        leads=len(after),
        backlog=len(start),
        weeks=weeks,
        per_week=len(after) / weeks,
        wins=int(held.won[after].sum()),
        predicted=float(held.probability[after].mean()) if len(after) else None,
        observed=observed,
    )


def share_of(yes: ArrayLike, group: NDArray[np.int64], random_state: int = 0, draws: int = DRAWS) -> Estimate:
    """Return a share of rows, with an interval that knows which of them go together.

    Parameters
    ----------
    yes : array-like of bool, shape (n,)
        At least one row.
    group : ndarray of int64, shape (n,)
    random_state, draws : int
        Of the interval.
    """
    values, draw = np.asarray(yes, dtype=np.float64), Draws(group.astype(np.uint64), random_state, draws)
    return widened(draw.estimates({"share": partial(mean, values)})["share"], values, draw.group)
