"""The shapes that a calibration may take, the simplest first: each fits knots (margin, logit) to a tally.

A candidate is a pure function of rows and wins at each margin, so that a bootstrap refits it to weighted
counts. Every result runs from -LIMIT to LIMIT with slopes of at least MIN_SLOPE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Knots = tuple[Floats, Floats]
LIMIT = 30.0
"""Margins are clipped to ±LIMIT; odds beyond e³⁰ are not known from any number of leads."""
MIN_SLOPE = 0.01
"""Least slope of logit on margin: small enough to flatten a useless score, large enough to keep its ranking
in double precision."""
LEAST_BLOCK = 20.0
"""Fewest rows under one knot of the isotonic candidate."""
_MOST_POINTS = 1000
_WEAK = 1.0
"""Precision of the prior on Platt's slope (Normal, mean 1): gives separable samples a finite answer."""


@dataclass(frozen=True)
class Tally:
    """Rows and wins at each margin: all that a candidate needs to know.

    Attributes
    ----------
    margin : ndarray of float64, shape (n_points,)
        Strictly increasing, within ±LIMIT.
    rows, wins : ndarray of float64, shape (n_points,)
        Weighted counts; rows > 0, 0 ≤ wins ≤ rows.
    """

    margin: Floats
    rows: Floats
    wins: Floats


def tally(margin: Floats, wins: Floats, weight: Floats | None = None) -> Tally:
    """Count rows and wins at each distinct margin; beyond 1,000 of them, in runs of about equal size.

    Parameters
    ----------
    margin : ndarray of float64, shape (n_rows,)
        Sorted.
    wins : ndarray of float64, shape (n_rows,)
        1.0 where won.
    weight : ndarray of float64, shape (n_rows,) or None
        How often each row counts.

    Examples
    --------
    >>> tally(np.array([-1.0, -1.0, 2.0]), np.array([0.0, 1.0, 1.0]))
    Tally(margin=array([-1.,  2.]), rows=array([2., 1.]), wins=array([1., 1.]))
    """
    if weight is None:
        weight = np.ones(len(margin))
    point = np.concatenate([[0], np.cumsum(np.diff(margin) > 0)])
    if point[-1] >= _MOST_POINTS:
        first = np.searchsorted(point, point)  # where this margin starts: equal margins stay together
        point = first * _MOST_POINTS // len(margin)
    rows, moment, won = (
        np.bincount(point, value).astype(np.float64) for value in (weight, weight * margin, weight * wins)
    )
    held = rows > 0
    return Tally(moment[held] / rows[held], rows[held], won[held])


def identity(counts: Tally) -> Knots:
    """Take the margin as the logit."""
    return line(0.0, 1.0)


def intercept(counts: Tally) -> Knots:
    """Shift the margin to the base rate."""
    return line(_newton(counts, slope=1.0)[0], 1.0)


def platt(counts: Tally) -> Knots:
    """Logistic regression of the outcome on the margin (Platt 1999), its slope at least MIN_SLOPE."""
    return line(*platt_line(counts))


def isotonic(counts: Tally) -> Knots:
    """Isotonic regression made strict.

    Blocks of the isotonic fit are pooled, from the left, until each holds LEAST_BLOCK rows and lies above the
    one before by MIN_SLOPE. A block stands at its mean margin, its rate is (wins + ½) / (rows + 1), away from
    0 and 1, and the logit runs straight between blocks. Beyond the outer ones Platt's slope goes on, at most 1.
    """
    from scipy.optimize import isotonic_regression

    starts = isotonic_regression(counts.wins / counts.rows, weights=counts.rows).blocks[:-1]
    parts = np.add.reduceat([counts.rows, counts.wins, counts.rows * counts.margin], starts, axis=1).T
    blocks: list[Floats] = []
    pending = np.zeros(3)
    for part in parts:
        pending = pending + part
        if pending[0] >= LEAST_BLOCK:
            _push(blocks, pending)
            pending = np.zeros(3)
    if pending[0] > 0 and blocks:
        _push(blocks, blocks.pop() + pending)
    slope = platt_line(counts)[1]
    if not blocks:
        return platt(counts)
    rows, wins, moment = np.array(blocks).T
    margins = moment / rows
    logits = np.log(wins + 0.5) - np.log(rows - wins + 0.5)
    within = np.abs(margins) < LIMIT - 1.0  # leaves the outer segments a length to have a slope on
    if not within.any():
        return platt(counts)
    margins, logits = margins[within], logits[within]
    outer = min(slope, 1.0)
    ends = logits[0] - outer * (margins[0] + LIMIT), logits[-1] + outer * (LIMIT - margins[-1])
    return np.r_[-LIMIT, margins, LIMIT], np.r_[ends[0], logits, ends[1]]


def _push(blocks: list[Floats], block: Floats) -> None:
    """Append a block, pooled with those before it that it does not rise above."""
    while blocks:
        rise = _logit(block) - _logit(blocks[-1])
        if rise > MIN_SLOPE * (block[2] / block[0] - blocks[-1][2] / blocks[-1][0]):
            break
        block = block + blocks.pop()
    blocks.append(block)


def _logit(block: Floats) -> float:
    rows, wins, _ = block
    return float(np.log(wins + 0.5) - np.log(rows - wins + 0.5))


CANDIDATES: dict[str, Callable[[Tally], Knots]] = {
    "identity": identity,
    "intercept": intercept,
    "platt": platt,
    "isotonic": isotonic,
}
"""Name → fit, from the simplest to the most flexible: the order in which ties are decided."""
STIFF = ("identity", "intercept")
"""Candidates with too little to fit for their refits to show the uncertainty of P(won | margin)."""


def line(at_zero: float, slope: float) -> Knots:
    """Return the knots of a straight line."""
    ends = np.array([-LIMIT, LIMIT])
    return ends, at_zero + slope * ends


def platt_line(counts: Tally, least: float = MIN_SLOPE) -> tuple[float, float]:
    """Return intercept and slope of Platt's line; a slope under `least` is held there."""
    at_zero, slope = _newton(counts)
    return (at_zero, slope) if slope >= least else _newton(counts, slope=least)


def _newton(counts: Tally, slope: float | None = None) -> tuple[float, float]:
    """Maximise the binomial likelihood of intercept and slope (or of the intercept alone) by Newton's method.

    Steps are halved until the loss falls; the prior (see `_WEAK`, and 1e-3 on the intercept) keeps both
    finite. The loss is convex, so this ends at its one minimum.
    """
    m, n, k = counts.margin, counts.rows, counts.wins
    free = slope is None
    b = np.array([0.0, 1.0 if slope is None else slope])
    prior, centre = np.array([1e-3, _WEAK]), np.array([0.0, 1.0])

    def loss(b: Floats) -> float:
        z = b[0] + b[1] * m
        return float(np.sum(n * np.logaddexp(0.0, z) - k * z) + 0.5 * np.sum(prior * (b - centre) ** 2))

    now = loss(b)
    for _ in range(100):
        p = np.exp(-np.logaddexp(0.0, -(b[0] + b[1] * m)))
        w = n * p * (1.0 - p)
        gradient = np.array([np.sum(n * p - k), np.sum((n * p - k) * m)]) + prior * (b - centre)
        hessian = np.array([[w.sum(), (w * m).sum()], [(w * m).sum(), (w * m * m).sum()]]) + np.diag(prior)
        step = np.linalg.solve(hessian, gradient) if free else np.array([gradient[0] / hessian[0, 0], 0.0])
        size = 1.0
        while (then := loss(b - size * step)) > now and size > 1e-6:
            size /= 2.0
        if then > now:
            break
        b, gained, now = b - size * step, now - then, then
        if gained < 1e-12 * (1.0 + abs(now)):
            break
    return float(b[0]), float(b[1])
