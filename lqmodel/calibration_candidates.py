"""The shapes that a calibration may take, the simplest first: each fits knots (margin, logit) to a tally.

A candidate is a pure function of rows and wins at each margin. Every result runs from -LIMIT to LIMIT with
slopes of at least MIN_SLOPE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Knots = tuple[Floats, Floats]
LIMIT = 30.0
"""Margins are clipped to ±LIMIT; odds beyond e³⁰ are not known from any number of leads."""
MIN_SLOPE = 0.01
"""Least slope of logit on margin: small enough to flatten a useless score, large enough to keep its ranking
in double precision."""
LEAST_BLOCK = 20.0
"""Fewest rows under one knot of the isotonic candidate."""
SPLINE_KNOTS = 6
"""Knots that the spline is fitted at: more bends than beta's one, fewer than isotonic's steps."""
PRIOR = 0.5
"""Precision of the Normal prior of a knot's logit around Platt's line, as of ½ in p·(1-p): about two rows at even
odds. What it says on its own is a factor of 10 on the odds, up or down, at a level of 90 %."""
_MOST_POINTS = 1000
_WEAK = 1.0
"""Precision of the prior on a slope (Normal, mean 1): gives separable samples a finite answer."""
_FLAT = 1e-3
"""Precision of the prior on an intercept (Normal, mean 0)."""
_DENSE = 8
"""Stored knots to each knot that a spline was fitted at."""
_LEAST_GAP = 1e-3
_TAIL = 0.02
"""Share of what is known beyond a spline's outermost knots, where Platt's slope goes on."""
_CURVE = np.r_[-LIMIT, np.linspace(-8.0, 8.0, 65), LIMIT]
"""Stored knots of beta's curve: straight between them it errs by under 0.002·|a - b|."""


@dataclass(frozen=True)
class Tally:
    """Rows and wins at each margin: all that a candidate needs to know.

    Attributes
    ----------
    margin : ndarray of float64, shape (n_points,)
        Strictly increasing, within ±LIMIT.
    rows, wins : ndarray of float64, shape (n_points,)
        rows > 0, 0 ≤ wins ≤ rows.
    """

    margin: Floats
    rows: Floats
    wins: Floats


def tally(margin: Floats, wins: Floats) -> Tally:
    """Count rows and wins at each distinct margin; beyond 1,000 of them, in runs of about equal size.

    Parameters
    ----------
    margin : ndarray of float64, shape (n_rows,)
        Sorted.
    wins : ndarray of float64, shape (n_rows,)
        1.0 where won.

    Examples
    --------
    >>> tally(np.array([-1.0, -1.0, 2.0]), np.array([0.0, 1.0, 1.0]))
    Tally(margin=array([-1.,  2.]), rows=array([2., 1.]), wins=array([1., 1.]))
    """
    point = np.concatenate([[0], np.cumsum(np.diff(margin) > 0)])
    if point[-1] >= _MOST_POINTS:
        first = np.searchsorted(point, point)  # where this margin starts: equal margins stay together
        point = first * _MOST_POINTS // len(margin)
    rows, moment, won = (
        np.bincount(point, value).astype(np.float64) for value in (np.ones(len(margin)), margin, wins)
    )
    held = rows > 0
    return Tally(moment[held] / rows[held], rows[held], won[held])


def identity(counts: Tally) -> Knots:
    """Take the margin as the logit."""
    return line(0.0, 1.0)


def intercept(counts: Tally) -> Knots:
    """Shift the margin to the base rate."""
    ones = np.ones((len(counts.margin), 1))
    return line(float(maximum(counts, ones, [_FLAT], [0.0], counts.margin).values[0]), 1.0)


def platt(counts: Tally) -> Knots:
    """Logistic regression of the outcome on the margin (Platt 1999), its slope at least MIN_SLOPE."""
    return line(*platt_line(counts))


def beta(counts: Tally) -> Knots:
    """Beta calibration (Kull, Silva Filho and Flach 2017) of p = σ(margin).

    logit = c + a·ln p - b·ln(1-p): one bend, with slope a far to the left and b far to the right. Both are at
    least MIN_SLOPE; where the free maximum lies outside, the best of the maxima on the bounds is taken.
    """
    columns = _beta_columns(counts.margin)
    found = []
    for held in ((), (1,), (2,), (1, 2)):
        free = [i for i in range(3) if i not in held]
        offset = MIN_SLOPE * columns[:, list(held)].sum(axis=1)
        prior, centre = np.array([_FLAT, _WEAK, _WEAK])[free], np.array([0.0, 1.0, 1.0])[free]
        fit = maximum(counts, columns[:, free], prior, centre, offset)
        values = np.array([0.0, MIN_SLOPE, MIN_SLOPE])
        values[free] = fit.values
        if (values[1:] >= MIN_SLOPE).all():
            found.append((fit.loss + 0.5 * _WEAK * len(held) * (1.0 - MIN_SLOPE) ** 2, values))
        if not held and found:
            break
    values = min(found, key=lambda one: one[0])[1]
    return _CURVE, np.einsum("ni,i->n", _beta_columns(_CURVE), values)


def _beta_columns(margin: Floats) -> Floats:
    return np.column_stack([np.ones_like(margin), -np.logaddexp(0.0, -margin), np.logaddexp(0.0, margin)])


def spline(counts: Tally) -> Knots:
    """Smooth rising curve: PCHIP (Fritsch and Carlson 1980) through logits fitted at SPLINE_KNOTS knots.

    The logits maximise the likelihood of a line with bends at the knots, are made to rise by isotonic
    regression weighted with their information, and MIN_SLOPE is added on top. Tails as in `isotonic`.
    """
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import isotonic_regression

    at = bend_points(counts, SPLINE_KNOTS, _TAIL)
    fit = fit_bends(counts, at)
    risen = isotonic_regression(fit.values - MIN_SLOPE * at, weights=np.diag(fit.information)).x
    margins = between(at, _DENSE)
    logits = PchipInterpolator(at, risen)(margins)
    return _with_tails(margins, np.maximum.accumulate(logits) + MIN_SLOPE * margins, counts)


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
    if not blocks:
        return platt(counts)
    rows, wins, moment = np.array(blocks).T
    margins = moment / rows
    logits = np.log(wins + 0.5) - np.log(rows - wins + 0.5)
    within = np.abs(margins) < LIMIT - 1.0  # leaves the outer segments a length to have a slope on
    if not within.any():
        return platt(counts)
    return _with_tails(margins[within], logits[within], counts)


def _with_tails(margins: Floats, logits: Floats, counts: Tally) -> Knots:
    """Let Platt's slope, at most 1, go on beyond the outermost knots."""
    outer = min(platt_line(counts)[1], 1.0)
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
    "beta": beta,
    "spline": spline,
    "isotonic": isotonic,
}
"""Name → fit, from the simplest to the most flexible: the order in which ties are decided."""


def line(at_zero: float, slope: float) -> Knots:
    """Return the knots of a straight line."""
    ends = np.array([-LIMIT, LIMIT])
    return ends, at_zero + slope * ends


def platt_line(counts: Tally, least: float = MIN_SLOPE) -> tuple[float, float]:
    """Return intercept and slope of Platt's line; a slope under `least` is held there."""
    columns = np.column_stack([np.ones_like(counts.margin), counts.margin])
    at_zero, slope = maximum(counts, columns, [_FLAT, _WEAK], [0.0, 1.0]).values.tolist()
    if slope < least:
        slope = least
        held = maximum(counts, columns[:, :1], [_FLAT], [0.0], slope * counts.margin)
        at_zero = float(held.values[0])
    return at_zero, slope


def bend_points(counts: Tally, n: int, outside: float) -> Floats:
    """Return up to `n`, at least 2, margins at which a line may bend: equal shares of what is known.

    The share of a point is the mean of its share of the rows and its share of Platt's information n·p·(1-p):
    by rows alone, rare wins would get few bends; by information alone, the many cold leads. `outside` is the
    share that lies beyond the first, and beyond the last.
    """
    at_zero, slope = platt_line(counts)
    p = sigmoid(at_zero + slope * counts.margin)
    information = counts.rows * p * (1.0 - p)
    share = np.cumsum(counts.rows / counts.rows.sum() + information / information.sum()) / 2.0
    at = np.interp(
        np.linspace(outside, 1.0 - outside, n), share, np.clip(counts.margin, 1.0 - LIMIT, LIMIT - 1.0)
    )
    apart: Floats = at[np.append(True, np.diff(at) > _LEAST_GAP)]
    if len(apart) < 2:
        apart = apart[0] + np.array([-0.5, 0.5])
    return apart


def between(at: Floats, pieces: int) -> Floats:
    """Cut every gap between points into equal pieces."""
    steps = np.arange((len(at) - 1) * pieces + 1) / pieces
    points: Floats = np.interp(steps, np.arange(len(at)), at)
    return points


def bends(at: Floats, margin: Floats) -> Floats:
    """Return the weight of each knot's value in a line through the knots, shape (n_margins, n_knots).

    Beyond the outermost knots the outer pieces go on straight, so that weights may be negative.

    >>> bends(np.array([0.0, 2.0]), np.array([0.0, 1.5, 3.0])).tolist()
    [[1.0, 0.0], [0.25, 0.75], [-0.5, 1.5]]
    """
    i = np.clip(np.searchsorted(at, margin, side="right") - 1, 0, len(at) - 2)
    along = (margin - at[i]) / (at[i + 1] - at[i])
    weights = np.zeros((len(margin), len(at)))
    rows = np.arange(len(margin))
    weights[rows, i], weights[rows, i + 1] = 1.0 - along, along
    return weights


def fit_bends(counts: Tally, at: Floats) -> Maximum:
    """Fit the logits at knots, straight between; PRIOR ties each to Platt's line."""
    at_zero, slope = platt_line(counts)
    prior = np.full(len(at), PRIOR)
    return maximum(counts, bends(at, counts.margin), prior, at_zero + slope * at)


@dataclass(frozen=True)
class Maximum:
    """Where a penalised binomial likelihood is greatest.

    Attributes
    ----------
    values : ndarray of float64, shape (n_columns,)
    information : ndarray of float64, shape (n_columns, n_columns)
        Second derivatives of the loss there, the prior's included.
    loss : float
        Negative log likelihood and prior, in nats.
    """

    values: Floats
    information: Floats
    loss: float


def maximum(
    counts: Tally, columns: Floats, prior: ArrayLike, centre: ArrayLike, offset: Floats | float = 0.0
) -> Maximum:
    """Maximise the binomial likelihood of logit = offset + columns · values by Newton's method.

    `prior` and `centre` are precision and mean of a Normal prior of each value; it keeps them finite. Steps
    are halved until the loss falls. The loss is convex, so this ends at its one minimum. Sums are einsum's,
    not BLAS's, whose order may follow the number of threads.
    """
    prior, centre = np.asarray(prior, dtype=np.float64), np.asarray(centre, dtype=np.float64)

    def loss(values: Floats) -> float:
        z = offset + np.einsum("ni,i->n", columns, values)
        fit = np.sum(counts.rows * np.logaddexp(0.0, z) - counts.wins * z)
        return float(fit + 0.5 * np.sum(prior * (values - centre) ** 2))

    values, now = centre, loss(centre)
    for _ in range(100):
        p = sigmoid(offset + np.einsum("ni,i->n", columns, values))
        weight = counts.rows * p * (1.0 - p)
        information = np.einsum("ni,nj->ij", columns, columns * weight[:, None]) + np.diag(prior)
        gradient = np.einsum("ni,n->i", columns, counts.rows * p - counts.wins) + prior * (values - centre)
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while (then := loss(values - size * step)) > now and size > 1e-6:
            size /= 2.0
        if then > now:
            break
        values, gained, now = values - size * step, now - then, then
        if gained < 1e-12 * (1.0 + abs(now)):
            break
    return Maximum(values, information, now)


def sigmoid(logit: Floats) -> Floats:
    """Return 1 / (1 + e^-logit), without overflow."""
    p: Floats = np.exp(-np.logaddexp(0.0, -logit))
    return p
