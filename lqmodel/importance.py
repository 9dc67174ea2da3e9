"""How much each family of features moves the leads' odds, and whether the model needs it.

Both are measured on held-out snapshots, with a clustered interval each. The move is the mean size of a family's
effect: it is never below zero, so its interval cannot say that a family is idle. The gain can: by how much the log
loss grows when a family tells of another lead instead, all its windows together (permutation importance, Breiman
2001, by groups of columns). For a family that says nothing about the outcome it is zero on average, whatever the
model has learnt of it by chance; to take its contributions out would blame it for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import Column
from lqmodel.evaluation import checked, rounded
from lqmodel.intervals import DRAWS, Draws, Estimate
from lqmodel.metrics import Floats, row_losses
from lqmodel.reasons import Effects
from lqmodel.reasons.raw import levels, numbers

NOTHING_AT_ZERO: Final = (
    "count",
    "distinct",
    "sum",
    "active_days",
    "decayed",
    "share",
    "trend",
    "completeness",
)
"""Verbs whose 0 says that there is nothing."""
LEVEL: Final = 0.90
"""Level of these intervals: one that lies above zero is a one-sided test at 5 %."""


@dataclass(frozen=True)
class FamilyWeight:
    """The weight of one declared feature, all its windows together.

    Attributes
    ----------
    name, title, kind : str
        The feature, its words, and "fit" or "engagement".
    weight : Estimate
        Mean absolute effect on the calibrated log-odds, per snapshot.
    up, down : float
        Mean of the effects that raise, and of those that lower; ``up`` - ``down`` is the weight.
    gain : Estimate
        Mean growth of the log loss, in nats per snapshot, when the family tells of another lead instead.
    seen : float
        Share of the snapshots, 0 to 1, for which it holds anything: neither unknown nor 0 in all its columns.
    """

    name: str
    title: str
    kind: str
    weight: Estimate
    up: float
    down: float
    gain: Estimate
    seen: float

    def to_json(self) -> dict[str, Any]:
        """Return a flat dictionary for `json.dumps`: the ends of intervals stand beside their figures."""
        values: dict[str, Any] = {}
        for key, value in vars(self).items():
            if isinstance(value, Estimate):
                values |= {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
            else:
                values[key] = value
        return dict(rounded(values))


@dataclass(frozen=True)
class Importance:
    """The families of a model on held-out snapshots, the heaviest first.

    Attributes
    ----------
    families : tuple of FamilyWeight
    gain : Estimate
        Mean gain of the whole model in log loss over the share won, in nats per snapshot.
    snapshots, groups, wins : int
        Rows that were explained, accounts (else leads) among them, and rows won.
    """

    families: tuple[FamilyWeight, ...]
    gain: Estimate
    snapshots: int
    groups: int
    wins: int

    def to_json(self) -> dict[str, Any]:
        """Return what stands in metrics.json beside the families."""
        counts = {key: getattr(self, key) for key in ("snapshots", "groups", "wins")}
        return {**counts, "level": LEVEL, "gain": rounded(self.gain)}


def importance(
    effects: Effects,
    gains: Floats,
    values: pa.Table,
    won: ArrayLike,
    groups: ArrayLike,
    ages: Floats | None = None,
    random_state: int = 0,
    draws: int = DRAWS,
) -> Importance:
    """Measure how far each family moves the odds of held-out snapshots, and what it gains.

    Parameters
    ----------
    effects : Effects
        Of snapshots that the model was not fitted on, shape (n, n_families).
    gains : ndarray of float64, shape (n, n_families)
        By how much the log loss of each grows without a family: `gains_of`.
    values : pyarrow.Table
        Their raw feature values, in the same order.
    won : array-like of {0, 1}, shape (n,)
    groups : array-like, shape (n,)
        Account, else lead: the unit of every interval.
    ages : ndarray of float64, shape (n,), or None
        Of the leads, in days; tells "never" from an old last act.
    random_state : int, default 0
    draws : int, default DRAWS

    Raises
    ------
    BadData
        Lengths differ, or an outcome is not 0 or 1.
    """
    y, units, (p,) = checked(won, groups, _probability(effects.logit))
    draw = Draws(units, random_state, draws)
    whole = row_losses(y, np.full(len(y), y.mean())) - row_losses(y, p)
    *found, model = draw.means(np.column_stack([np.abs(effects.effects), gains, whole]), LEVEL)
    n = len(effects.families.declared)
    families = [
        FamilyWeight(
            name=declared.name,
            title=declared.title,
            kind=declared.kind,
            weight=found[i],
            up=float(np.maximum(effects.effects[:, i], 0).mean()),
            down=float(np.minimum(effects.effects[:, i], 0).mean()),
            gain=found[n + i],
            seen=_seen(values, (c for c in effects.families.columns if c.family == declared.name), ages),
        )
        for i, declared in enumerate(effects.families.declared)
    ]
    families.sort(key=lambda family: (-family.weight.value, family.name))
    return Importance(tuple(families), model, len(y), draw.n_groups, int(y.sum()))


def gains_of(
    x: Floats,
    members: Sequence[Sequence[int]],
    loss_of: Callable[[Floats], Floats],
    donors: Sequence[NDArray[np.intp]],
) -> Floats:
    """Return by how much each row's loss grows when a family tells of another row instead.

    Parameters
    ----------
    x : ndarray of float64, shape (n, n_columns)
        Encoded rows.
    members : sequence of sequence of int
        Positions of each family's columns.
    loss_of : callable
        Encoded rows, shape (n, n_columns), → loss of each, shape (n,).
    donors : sequence of ndarray of intp, shape (n,)
        Several deals: for each row, which row it is told of; the mean over them is returned.

    Returns
    -------
    ndarray of float64, shape (n, n_families)
        In the unit of the loss; below 0 where a row is told better by another's values.
    """
    loss = loss_of(x)
    gains = np.zeros((len(x), len(members)))
    dealt = x.copy()
    for family, positions in enumerate(members):
        own = list(positions)
        for donor in donors:
            dealt[:, own] = x[donor][:, own]
            gains[:, family] += (loss_of(dealt) - loss) / len(donors)
        dealt[:, own] = x[:, own]
    return gains


def _probability(logit: Floats) -> Floats:
    odds = np.exp(-np.abs(logit))
    return np.where(logit > 0, 1.0, odds) / (1.0 + odds)


def _seen(values: pa.Table, columns: Iterable[Column], ages: Floats | None) -> float:
    held = np.zeros(values.num_rows, dtype=bool)
    for column in columns:
        if column.dtype == "number":
            read = numbers(values, column, ages)
            held |= ~np.isnan(read) & ((read != 0) | (column.verb not in NOTHING_AT_ZERO))
        else:
            held |= levels(values, column)[0] >= 0
    return float(held.mean())
