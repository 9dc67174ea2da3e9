"""Metrics of probabilities against outcomes, each with a weight per row.

All are pure functions of `y` (1.0 where won), `p` (probability) and `weight` (how often each row counts; None
is once), arrays of float64 of one length. Rows in rising order of `p` make them fastest. A metric that needs
both outcomes is NaN without them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ECE_BINS = 15
TOP = 0.10
"""Share of rows, the likeliest first, that lift looks at."""
_LEAST_P = 1e-15
Z_90 = 1.6448536269514722


def mean(values: Floats, weight: Floats | None = None) -> float:
    """Weighted mean; NaN if no row counts."""
    if weight is None:
        return float(values.mean())
    total = weight.sum()
    return float(values @ weight / total) if total > 0 else float("nan")


def row_losses(y: Floats, p: Floats) -> Floats:
    """-ln(probability given to what happened) of each row, in nats; p is kept 1e-15 away from 0 and 1."""
    p = np.clip(p, _LEAST_P, 1.0 - _LEAST_P)
    return -np.where(y > 0, np.log(p), np.log1p(-p))


def log_loss(y: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Mean of `row_losses`.

    >>> round(log_loss(np.array([0.0, 1.0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    return mean(row_losses(y, p), weight)


def brier(y: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return mean((p - y) ** 2, weight)


def auc(y: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Chance that a won row stands above a lost one, ties counting half (Mann and Whitney 1947)."""
    lost, won = _by_score(y, p, weight)
    pairs = lost.sum() * won.sum()
    return float(won @ (np.cumsum(lost) - lost / 2) / pairs) if pairs > 0 else float("nan")


def average_precision(y: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Mean over wins of the precision among rows that score no lower than they."""
    lost, won = (counts[::-1] for counts in _by_score(y, p, weight))
    found = np.cumsum(won)
    taken = found + np.cumsum(lost)
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    return float(won @ precision / found[-1]) if found[-1] > 0 else float("nan")


def ece(y: Floats, p: Floats, weight: Floats | None = None, bins: int = ECE_BINS) -> float:
    """Expected calibration error: mean of |observed - predicted| over bins of equal count.

    Naeini, Cooper and Hauskrecht 2015, with quantile bins; rows with equal `p` are binned as they stand.
    """
    y, p, counted = _rising(y, p, weight)
    reached = np.cumsum(counted)
    bin_of = np.minimum(((reached - counted / 2) / reached[-1] * bins).astype(np.intp), bins - 1)
    return float(np.abs(np.bincount(bin_of, counted * (y - p))).sum() / reached[-1])


def lift(y: Floats, p: Floats, weight: Floats | None = None, top: float = TOP) -> float:
    """Rate of wins in the likeliest `top` of the rows, over the base rate.

    >>> y = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    >>> lift(y, np.arange(10) / 10)
    5.0
    """
    return float(gains(y, p, weight, np.array([top]))[0]) / top


def gains(y: Floats, p: Floats, weight: Floats | None, shares: Floats) -> Floats:
    """Share of all wins found among the likeliest shares of the rows; a tie at a cut counts in proportion."""
    lost, won = (counts[::-1] for counts in _by_score(y, p, weight))
    wins = won.sum()
    if wins <= 0:
        return np.full(len(shares), np.nan)
    taken = np.concatenate([[0.0], np.cumsum(won + lost)])
    found = np.concatenate([[0.0], np.cumsum(won)])
    held = np.append(True, np.diff(taken) > 0)
    found_share: Floats = np.interp(shares * taken[-1], taken[held], found[held]) / wins
    return found_share


METRICS: dict[str, Callable[[Floats, Floats, Floats | None], float]] = {
    "log_loss": log_loss,
    "brier": brier,
    "auc": auc,
    "average_precision": average_precision,
    "ece": ece,
    "lift_at_10": lift,
}


def wilson(wins: int, n: int, z: float = Z_90) -> tuple[float, float]:
    """Return Wilson's interval of a share; of independent rows, with no bootstrap that few rows could not bear.

    (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n), with p = wins / n (Wilson 1927).

    Parameters
    ----------
    wins : int
    n : int
        At least 1.
    z : float, default 1.645
        Quantile of the normal distribution: 90 % of it lie within ± z.

    >>> [round(x, 3) for x in wilson(3, 10)]
    [0.127, 0.558]
    """
    p, spread = wins / n, z * z / n
    middle, half = p + spread / 2, z * math.sqrt(p * (1 - p) / n + spread / (4 * n))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def _by_score(y: Floats, p: Floats, weight: Floats | None) -> tuple[Floats, Floats]:
    """Return lost and won weight at each distinct score, rising."""
    y, p, counted = _rising(y, p, weight)
    starts = np.flatnonzero(np.append(True, np.diff(p) > 0))
    won = np.add.reduceat(counted * y, starts)
    return np.add.reduceat(counted, starts) - won, won


def _rising(y: Floats, p: Floats, weight: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Return outcome, probability and weight by rising probability."""
    counted = np.ones(len(y)) if weight is None else weight
    if bool((p[1:] >= p[:-1]).all()):
        return y, p, counted
    order = np.argsort(p, kind="stable")
    return y[order], p[order], counted[order]
