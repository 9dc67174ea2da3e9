"""What sales would have got: leads at their first handoff in the held-out weeks, and how many of them were won.

A band counts a lead in each of its snapshots; sales get it once. So the number that sales feel is another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import DAY
from lqmodel.evaluation import checked, rounded
from lqmodel.folds import group_keys
from lqmodel.intervals import DRAWS, Draws, Estimate, widened
from lqmodel.metrics import Floats, mean
from lqmodel.stages import Policy, holds
from lqmodel.trainingset import Snapshots

Bools = NDArray[np.bool_]


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


def handoffs_of(test: Snapshots, probability: Floats, policy: Policy) -> FirstHandoffs | None:
    """Count the first handoffs of held-out snapshots under a policy; None without a clock, or of one moment.

    Parameters
    ----------
    test : Snapshots
    probability : ndarray of float64, shape (n,)
    policy : Policy
    """
    if not test.declarations.model.has_clock:
        return None
    acts = gates(test)
    return first_handoffs(
        test.won,
        probability,
        test.groups,
        test.lead_ids,
        test.as_of,
        policy.ready(levels_of(test)).probability,
        acts.promoted,
        acts.blocked,
        acts.engaged,
        random_state=test.declarations.model.classifier.seed,
    )


@dataclass(frozen=True, eq=False)
class Gates:
    """What stands beside the probability; arrays of bool, shape (n,).

    Attributes
    ----------
    promoted : ndarray of bool
        An act hands over at any probability.
    blocked : ndarray of bool
        One keeps from sales.
    engaged : ndarray of bool
        One is there without which the probability hands nothing over.
    """

    promoted: Bools
    blocked: Bools
    engaged: Bools


def gates(snapshots: Snapshots) -> Gates:
    """Say what stands beside the probability of each snapshot."""
    ready = snapshots.declarations.model.stages.sales_ready

    def any_of(names: tuple[str, ...]) -> Bools:
        none = np.zeros(len(snapshots), dtype=bool)
        found: Bools = np.logical_or.reduce([none, *(holds(snapshots.fact(name)) for name in names)])
        return found

    blocked = any_of(ready.block)
    engaged = any_of(ready.require_any) | (not ready.require_any)
    return Gates(any_of(ready.promote_any) & ~blocked, blocked, engaged)


def levels_of(snapshots: Snapshots) -> NDArray[np.object_] | None:
    """Return the level that each snapshot has of the category with thresholds of its own; None without one."""
    per = snapshots.declarations.model.stages.sales_ready.per
    return None if per is None else np.array(snapshots.table[per].to_pylist(), dtype=object)


def first_handoffs(
    y: ArrayLike,
    p: ArrayLike,
    groups: ArrayLike,
    leads: ArrayLike,
    as_of: ArrayLike,
    threshold: ArrayLike,
    promoted: ArrayLike | None = None,
    blocked: ArrayLike | None = None,
    engaged: ArrayLike | None = None,
    random_state: int = 0,
    draws: int = DRAWS,
) -> FirstHandoffs | None:
    """Replay the handoffs over held-out snapshots, as capacity is solved (`lqmodel.stages.solve_policy`).

    Parameters
    ----------
    y : array-like of {0, 1}, shape (n_rows,)
        1 where won within the horizon.
    p : array-like of float in [0, 1], shape (n_rows,)
    groups, leads : array-like, shape (n_rows,)
        Account, else lead: the unit of the interval; and the lead of each row.
    as_of : array-like of int64, shape (n_rows,)
        Microseconds UTC.
    threshold : float, or array-like of float, shape (n_rows,)
        Probability from which a lead is handed over.
    promoted, blocked, engaged : array-like of bool, shape (n_rows,), or None
        As in `Gates`.
    random_state, draws : int
        Of the interval.

    Returns
    -------
    FirstHandoffs or None
        None where all snapshots are of one moment: there is no week to speak of.
    """
    won, units, (p,) = checked(y, groups, p)
    moments, lead = np.asarray(as_of, dtype=np.int64), group_keys(leads)
    if moments.min() == moments.max():
        return None
    handed = p >= np.asarray(threshold, dtype=np.float64)
    if engaged is not None:
        handed &= np.asarray(engaged, dtype=bool)
    if promoted is not None:
        handed |= np.asarray(promoted, dtype=bool)
    if blocked is not None:
        handed &= ~np.asarray(blocked, dtype=bool)
    order = np.lexsort((moments, lead))
    order = order[handed[order]]
    first = order[np.unique(lead[order], return_index=True)[1]]
    after = first[moments[first] > moments.min()]
    weeks = float(moments.max() - moments.min()) / (7 * DAY)
    observed = None
    if len(after):
        draw = Draws(units[after], random_state, draws)
        rate = draw.estimates({"rate": partial(mean, won[after])})["rate"]
        observed = widened(rate, won[after], draw.group)
    return FirstHandoffs(
        leads=len(after),
        backlog=len(first) - len(after),
        weeks=weeks,
        per_week=len(after) / weeks,
        wins=int(won[after].sum()),
        predicted=float(p[after].mean()) if len(after) else None,
        observed=observed,
    )
