"""Intervals that know which rows belong together: the cluster bootstrap.

Groups (account, else lead) are drawn with replacement, and each row weighs as often as its group was drawn
(Cameron, Gelbach and Miller 2008, "pairs cluster bootstrap"); the interval is the percentile one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lqmodel.metrics import Floats

LEVEL = 0.95
"""Level of an interval, where nothing else is said."""
DRAWS = 200
"""Draws of groups behind an interval."""
FEW = 10
"""With fewer groups that won, or that did not, draws alone do not show how uncertain a rate is."""
Metric = Callable[[Floats | None], float]


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its clustered interval: 95 %, where nothing else is said.

    Attributes
    ----------
    value, low, high : float
        In the unit of the figure; low ≤ value ≤ high.
    """

    value: float
    low: float
    high: float


class Draws:
    """Draws of groups with replacement, the same ones for every figure.

    Parameters
    ----------
    units : ndarray of uint64, shape (n_rows,)
        Key of each row's group, see `lqmodel.folds.group_keys`.
    random_state : int
    draws : int, default DRAWS

    Attributes
    ----------
    n_groups : int
    group : ndarray of intp, shape (n_rows,)
        Position of each row's group among the sorted keys.
    """

    def __init__(self, units: NDArray[np.uint64], random_state: int, draws: int = DRAWS) -> None:
        keys, self.group = np.unique(units, return_inverse=True)
        self.n_groups = len(keys)
        self.random_state = random_state
        self.draws = draws

    def counts(self) -> Iterator[Floats]:
        """Yield how often each group was drawn, shape (n_groups,), whole numbers as float64."""
        rng = np.random.default_rng(self.random_state)
        for _ in range(self.draws):
            drawn = np.bincount(rng.integers(self.n_groups, size=self.n_groups), minlength=self.n_groups)
            yield drawn.astype(np.float64)

    def estimates(self, metrics: Mapping[str, Metric]) -> dict[str, Estimate]:
        """Return each metric on the rows as they are, and its interval."""
        drawn: dict[str, list[float]] = {name: [] for name in metrics}
        for counts in self.counts():
            weight = counts[self.group]
            for name, metric in metrics.items():
                drawn[name].append(metric(weight))
        return {name: estimate(metric(None), drawn[name]) for name, metric in metrics.items()}

    def means(self, columns: Floats, level: float = LEVEL) -> list[Estimate]:
        """Return the mean of each column and its interval; summed by group once, so that many cost little.

        Parameters
        ----------
        columns : ndarray of float64, shape (n_rows, n_columns)
        level : float in (0, 1), default LEVEL
        """
        order = np.argsort(self.group, kind="stable")
        starts = np.flatnonzero(np.diff(self.group[order], prepend=-1))
        sums = np.add.reduceat(columns[order], starts, axis=0)
        sizes = np.bincount(self.group).astype(np.float64)
        drawn = np.array([counts @ sums / (counts @ sizes) for counts in self.counts()])
        return [estimate(float(c.mean()), d, level) for c, d in zip(columns.T, drawn.T, strict=True)]


def estimate(value: float, drawn: Sequence[float] | Floats, level: float = LEVEL) -> Estimate:
    """Return a figure with the percentile interval of its draws, hulled with it.

    Draws that are not finite are left out: one without wins has no AUC.

    >>> estimate(0.5, [0.4, 0.5, 0.6, float("nan")])
    Estimate(value=0.5, low=0.405, high=0.595)
    """
    held = np.asarray(drawn, dtype=np.float64)
    held = held[np.isfinite(held)]
    if not len(held):
        return Estimate(value, value, value)
    low, high = np.quantile(held, [(1.0 - level) / 2, (1.0 + level) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))


def widened(rate: Estimate, y: Floats, group: NDArray[np.intp]) -> Estimate:
    """Widen the interval of an observed rate where FEW groups won, or did not: without a win every draw says 0.

    The interval is hulled with the exact binomial one (Clopper and Pearson 1934) at the effective number of rows
    of Korn and Graubard (1998), which takes the outcomes of a group as one: (Σn)² / Σn² for groups of n rows.
    Of 60 groups of 1 to 9 like rows, drawn 2,000 times, the 95 % interval held a true rate of 0.5 %, 2 % and
    10 % in 63 %, 81 % and 90 % of the draws before, and in 100 %, 99 % and 91 % so.

    Parameters
    ----------
    rate : Estimate
        Share that won, with the interval of its draws.
    y : ndarray of float64, shape (n_rows,)
        1.0 where won, else 0.0; at least one row.
    group : ndarray of intp, shape (n_rows,)
        Number of each row's group.

    Examples
    --------
    >>> nothing = Estimate(0.0, 0.0, 0.0)
    >>> round(widened(nothing, np.zeros(300), np.arange(300)).high, 4)
    0.0122
    """
    from scipy.special import betaincinv

    if min(len(np.unique(group[y == outcome])) for outcome in (0.0, 1.0)) >= FEW:
        return rate
    sizes = np.bincount(group).astype(np.float64)
    n = len(y) ** 2 / float(np.sum(sizes**2))
    won = rate.value * n
    tail = (1.0 - LEVEL) / 2
    low = float(betaincinv(won, n - won + 1.0, tail)) if rate.value > 0 else 0.0
    high = float(betaincinv(won + 1.0, n - won, 1.0 - tail)) if rate.value < 1 else 1.0
    return Estimate(rate.value, min(rate.low, low), max(rate.high, high))
