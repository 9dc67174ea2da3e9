"""Probability → band, and a score from 0 to 100 in which the thresholds keep their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.stages.policy import Policy

Floats = NDArray[np.float64]
BANDS = ("lead", "mql", "sales_ready")
"""Names of the bands of probability, from the lowest."""
MQL_SCORE, SALES_READY_SCORE = 40.0, 70.0
_STEEPEST = 300.0  # score points per unit of logit beyond the thresholds, where these nearly coincide


@dataclass(frozen=True)
class Band:
    """An interval of probability, from `low` up to but without `high`; the last one holds 1."""

    name: str
    low: float
    high: float


def bands(policy: Policy, level: str | None = None) -> tuple[Band, ...]:
    """Return the bands of leads of a level, from the lowest; together they are [0, 1]."""
    ready = dict(policy.levels).get(level or "", policy.sales_ready)
    edges = (0.0, policy.mql.probability, ready.probability, 1.0)
    return tuple(Band(name, *edge) for name, edge in zip(BANDS, pairwise(edges), strict=True))


def band(probability: ArrayLike, policy: Policy, levels: ArrayLike | None = None) -> NDArray[np.object_]:
    """Return the name of each probability's band; ``levels`` as in `Policy.ready`."""
    return _band(probability, policy.mql.probability, policy.ready(levels).probability)


def margin_band(margin: ArrayLike, policy: Policy, levels: ArrayLike | None = None) -> NDArray[np.object_]:
    """Return the name of each margin's band; compares where stages do, so that the two agree."""
    return _band(margin, policy.mql.margin, policy.ready(levels).margin)


def _band(values: ArrayLike, mql: float, ready: Floats) -> NDArray[np.object_]:
    found = np.asarray(values, dtype=np.float64)
    place = np.where(found >= ready, 2, (found >= mql).astype(int))
    named: NDArray[np.object_] = np.array(BANDS, dtype=object)[place]
    return named


def score(probability: ArrayLike, policy: Policy, levels: ArrayLike | None = None) -> Floats:
    """Return a strictly increasing score in (0, 100) in which the thresholds keep their numbers.

    With L = logit p, a and b the logits of the thresholds and s = 30 / (b - a):
    40 + s·(L - a) between them, 40 / (1 + s·(a - L) / 40) below, 100 - 30 / (1 + s·(L - b) / 30) above. Value
    and slope agree at both joints; hyperbolas, because exponentials would reach 0 and 100 in double
    precision. Thresholds closer than 0.1 in the logit have a kink instead of an endless slope.

    Parameters
    ----------
    probability : array-like of float64
        In (0, 1).
    policy : Policy
    levels : array-like of str or None, shape (n,), or None
        As in `Policy.ready`: 70 is where sales-ready begins for the lead's level.

    Returns
    -------
    ndarray of float64
        40 at the threshold of MQL, 70 at that of sales-ready (where both are one: 70). Round it down to
        show it: 69.9 is not yet sales-ready.
    """
    p = np.asarray(probability, dtype=np.float64)
    bar = policy.ready(levels).probability
    a, b = _logit(np.asarray(policy.mql.probability)), _logit(bar)
    logit, apart = _logit(p), b > a
    width = np.where(apart, b - a, 1.0)
    s = np.where(apart, np.minimum(30.0 / width, _STEEPEST), _STEEPEST)
    below = 40.0 / (1.0 + s * np.maximum(a - logit, 0.0) / 40.0)
    above = 100.0 - 30.0 / (1.0 + s * np.maximum(logit - b, 0.0) / 30.0)
    share = np.where(apart, (logit - a) / width, 0.0)
    between = MQL_SCORE + (SALES_READY_SCORE - MQL_SCORE) * share
    is_mql, is_ready = p >= policy.mql.probability, p >= bar
    between = np.clip(between, MQL_SCORE, np.nextafter(SALES_READY_SCORE, 0))
    below = np.minimum(below, np.nextafter(MQL_SCORE, 0))
    scores: Floats = np.where(is_ready, above, np.where(is_mql, between, below))
    return scores


def _logit(p: Floats) -> Floats:
    logit: Floats = np.log(p) - np.log1p(-p)
    return logit
