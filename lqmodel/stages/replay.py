"""Held-out snapshots replayed as the nightly process: at which threshold each lead is handed over, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import DAY
from lqmodel.errors import BadData
from lqmodel.stages.state import Bools

Floats = NDArray[np.float64]
WEEK: Final = 7 * DAY


@dataclass(frozen=True, eq=False)
class Replay:
    """Held-out snapshots, from which thresholds are solved; grain: one row per (lead, as_of), in any order.

    Attributes
    ----------
    lead_id : array-like, shape (n,)
    as_of : array-like of int64, shape (n,)
        Microseconds UTC; regular, such as every Monday.
    probability : array-like of float64, shape (n,)
        Calibrated, by a model that was not fitted on these rows.
    promoted, blocked : array-like of bool, shape (n,), or None
        Whether a `promote_any` or a `block` fact held.
    engaged : array-like of bool, shape (n,), or None
        Whether a `require_any` fact held; None: none is asked for.
    won : array-like of {0, 1}, shape (n,), or None
        Whether the lead was won within the horizon; a precision needs it.
    group : array-like, shape (n,), or None
        Account, else lead: what intervals keep together; None: the lead.
    level : array-like of str, shape (n,), or None
        The level of the category that thresholds are solved per; "" or None where it is not known.
    """

    lead_id: ArrayLike
    as_of: ArrayLike
    probability: ArrayLike
    promoted: ArrayLike | None = None
    blocked: ArrayLike | None = None
    engaged: ArrayLike | None = None
    won: ArrayLike | None = None
    group: ArrayLike | None = None
    level: ArrayLike | None = None


@dataclass(frozen=True)
class Volume:
    """How much a policy hands over.

    Attributes
    ----------
    per_week : float
        Mean first handoffs per week, after the start.
    backlog : int
        Leads handed over at the first as_of: the stock that gathered before there was a policy.
    weeks : float
        Length of what `per_week` is the mean of.
    """

    per_week: float
    backlog: int
    weeks: float


@dataclass(frozen=True, eq=False)
class Crossings:
    """The snapshots at which some threshold hands a lead over for the first time.

    A row counts at the thresholds t with above < t ≤ at_most, at which each lead has but one. Grain: one row
    per snapshot that is likelier than all of its lead before it; by lead and time.

    Attributes
    ----------
    lead, group : ndarray of int64, shape (n,)
    above : ndarray of float64, shape (n,)
        The lead's greatest probability before; -inf without any.
    at_most : ndarray of float64, shape (n,)
        The probability; inf where the hand was raised.
    probability : ndarray of float64, shape (n,)
        In (0, 1), hand-raisers too.
    won, start : ndarray of bool, shape (n,)
        Whether it was won within the horizon; whether it is of the first as_of.
    level : ndarray of object, shape (n,)
        The level of the segment; "" where it is not known.
    elapsed : int
        Microseconds from the first as_of to the last.
    greatest : float
        The greatest probability of any snapshot.
    """

    lead: NDArray[np.int64]
    group: NDArray[np.int64]
    above: Floats
    at_most: Floats
    probability: Floats
    won: Bools
    start: Bools
    level: NDArray[np.object_]
    elapsed: int
    greatest: float

    @classmethod
    def of(cls, replay: Replay, level: str | None = None) -> Crossings:
        """Replay all leads, or the snapshots of one level.

        Raises
        ------
        BadData
            Lengths differ, or a probability is not in (0, 1).
        """
        rows = _checked(replay)
        first, last = int(rows.as_of.min(initial=2**62)), int(rows.as_of.max(initial=-(2**62)))
        if level is not None:
            rows = rows.take(rows.level == level)
        rows = rows.take(np.lexsort((rows.as_of, rows.lead)))
        value = np.where(rows.engaged, rows.probability, -np.inf)
        value[rows.promoted] = np.inf
        value[rows.blocked] = -np.inf
        before = _greatest_before(rows.lead, value)
        rises = value > before
        greatest = float(rows.probability.max(initial=0.0))
        rows = rows.take(rises)
        start = rows.as_of == first
        return cls(
            rows.lead,
            rows.group,
            before[rises],
            value[rises],
            rows.probability,
            rows.won,
            start,
            rows.level,
            max(0, last - first),
            greatest,
        )

    @property
    def weeks(self) -> float:
        return self.elapsed / WEEK

    def thresholds(self) -> Floats:
        """Return the distinct probabilities at which what is handed over changes, ascending."""
        values: Floats = np.unique(np.concatenate([self.above, self.at_most]))
        finite: Floats = values[np.isfinite(values)]
        return finite

    def total(self, weight: ArrayLike, thresholds: ArrayLike) -> Floats:
        """Return the sum of a weight over the rows that each threshold hands over."""
        weights, at = np.asarray(weight), np.asarray(thresholds, dtype=np.float64)
        sums: Floats = _from(self.at_most, weights, at) - _from(self.above, weights, at)
        return sums

    def handed(self, threshold: float) -> Bools:
        """Return which rows one threshold hands over."""
        handed: Bools = (self.above < threshold) & (threshold <= self.at_most)
        return handed

    def volume(self, threshold: float) -> Volume:
        """Count what one threshold hands over; there must be two moments."""
        handed = self.handed(threshold)
        after = int((handed & ~self.start).sum())
        return Volume(after / self.weeks, int((handed & self.start).sum()), self.weeks)


def _from(bounds: Floats, weights: NDArray[np.generic], thresholds: Floats) -> Floats:
    """Return the sum of the weights whose bound is at least the threshold."""
    order = np.argsort(bounds, kind="stable")
    sums = np.concatenate([np.zeros(1, weights.dtype), np.cumsum(weights[order])])
    found: Floats = (sums[-1] - sums[np.searchsorted(bounds[order], thresholds, side="left")]).astype(float)
    return found


def _greatest_before(lead: NDArray[np.int64], value: Floats) -> Floats:
    """Return the greatest value of the same lead in the rows before; -inf without any. Rows stand by lead."""
    if not len(lead):
        return value
    levels, rank = np.unique(value, return_inverse=True)
    greatest = np.maximum.accumulate(lead * len(levels) + rank) % len(levels)
    before = np.full(len(lead), -np.inf)
    same = lead[1:] == lead[:-1]
    before[1:][same] = levels[greatest[:-1]][same]
    return before


@dataclass(frozen=True, eq=False)
class _Rows:
    lead: NDArray[np.int64]
    group: NDArray[np.int64]
    as_of: NDArray[np.int64]
    probability: Floats
    promoted: Bools
    blocked: Bools
    engaged: Bools
    won: Bools
    level: NDArray[np.object_]

    def take(self, rows: NDArray[np.generic]) -> _Rows:
        return _Rows(**{name: values[rows] for name, values in vars(self).items()})


def _checked(replay: Replay) -> _Rows:
    lead = _codes(replay.lead_id)
    p = np.asarray(replay.probability, dtype=np.float64)
    as_of = np.asarray(replay.as_of, dtype=np.int64)
    if not len(lead) == len(as_of) == len(p):
        raise BadData(
            f"{len(lead)} leads, {len(as_of)} moments and {len(p)} probabilities do not go together"
        )
    if not ((p > 0) & (p < 1)).all():
        raise BadData("held-out probabilities must lie in (0, 1)")
    n = len(p)

    def flags(values: ArrayLike | None, usual: bool) -> Bools:
        return np.full(n, usual) if values is None else np.asarray(values).astype(bool)

    level = np.full(n, "", dtype=object)
    if replay.level is not None:
        level = np.array(
            [each or "" for each in np.asarray(replay.level, dtype=object).tolist()], dtype=object
        )
    return _Rows(
        lead=lead,
        group=lead if replay.group is None else _codes(replay.group),
        as_of=as_of,
        probability=p,
        promoted=flags(replay.promoted, False),
        blocked=flags(replay.blocked, False),
        engaged=flags(replay.engaged, True),
        won=flags(replay.won, False),
        level=level,
    )


def _codes(values: ArrayLike) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = np.unique(np.asarray(values), return_inverse=True)[1].astype(np.int64)
    return codes


def plainest(above: float, at_most: float) -> float:
    """Return the number with the fewest decimals in (above, at_most].

    >>> plainest(0.1371, 0.1429)
    0.14
    """
    for digits in range(1, 17):
        rounded = float(math.floor(at_most * 10**digits) / 10**digits)
        if above < rounded <= at_most:
            return rounded
    return at_most
