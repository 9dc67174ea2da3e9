"""Declared stages → a policy: thresholds as declared, or as many handoffs as sales can take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import DAY, Stages
from lqmodel.errors import BadData
from lqmodel.stages.policy import Policy, Threshold

if TYPE_CHECKING:
    from lqmodel.calibration import Calibrator

Floats = NDArray[np.float64]
WEEK = 7 * DAY


@dataclass(frozen=True, eq=False)
class Replay:
    """Held-out snapshots, from which capacity is solved; grain: one row per (lead, as_of), in any order.

    Attributes
    ----------
    lead_id : array-like, shape (n,)
    as_of : array-like of int64, shape (n,)
        Microseconds UTC; regular, such as every Monday.
    probability : array-like of float64, shape (n,)
        Calibrated, by a model that was not fitted on these rows.
    promoted, blocked : array-like of bool, shape (n,), or None
        Whether a `promote_any` or a `block` fact held.
    """

    lead_id: ArrayLike
    as_of: ArrayLike
    probability: ArrayLike
    promoted: ArrayLike | None = None
    blocked: ArrayLike | None = None


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


@dataclass(frozen=True)
class SolvedPolicy:
    """A policy, and the volume to expect of it; None without held-out snapshots."""

    policy: Policy
    volume: Volume | None


def solve_policy(
    stages: Stages, calibrator: Calibrator, zone: str = "UTC", replay: Replay | None = None
) -> SolvedPolicy:
    """Turn declared stages into a policy on this calibrator's margins.

    A capacity is solved by replaying the process over held-out snapshots: each lead counts once, at its
    first as_of at or above the threshold; those at the very first as_of are the backlog and stand apart.
    Lowering the threshold from 1, the last one is taken before the mean per week exceeds the capacity
    (exactly, by sorting: a lead counts at every threshold above its first probability and up to its
    greatest later one). Thresholds further down may seem to fit again, because leads that they hand over
    hide in the backlog; they are not taken. Leads of equal probability go together. Of the thresholds that
    hand over the same leads, the one with the fewest decimals is taken.

    The threshold never lies under that of MQL. Where sales can take every MQL, the two are equal; where
    even the likeliest leads, or the hand-raisers alone, are too many, it lies above every lead.

    Parameters
    ----------
    stages : Stages
        As declared.
    calibrator : Calibrator
        Of the model that will be used.
    zone : str, default "UTC"
    replay : Replay or None
        Needed for a capacity.

    Raises
    ------
    BadData
        A capacity is declared and the snapshots do not show two moments.
    """
    mql, ready = stages.mql.at_least, stages.sales_ready.at_least
    spans = None if replay is None else _spans(replay)
    if ready is None:
        if spans is None or stages.sales_ready.capacity is None:
            raise BadData(
                "a capacity is solved from held-out snapshots, and there are none",
                where="stages.sales_ready.capacity",
                do="declare stages.sales_ready.at_least instead",
            )
        ready = max(mql, spans.lowest(stages.sales_ready.capacity.per_week))
    ratio = stages.demotion.below_ratio
    policy = Policy.of(stages, _threshold(mql, ratio, calibrator), _threshold(ready, ratio, calibrator), zone)
    return SolvedPolicy(policy, None if spans is None else spans.volume(ready))


def _threshold(probability: float, ratio: float, calibrator: Calibrator) -> Threshold:
    margin, kept = calibrator.inverse([probability, ratio * probability]).tolist()
    return Threshold(probability, margin, kept)


@dataclass(frozen=True, eq=False)
class _Spans:
    """Per lead: its probability at the first as_of and its greatest later one; -inf where not seen."""

    first: Floats
    later: Floats
    elapsed: int  # microseconds from the first as_of to the last

    def lowest(self, per_week: int) -> float:
        """Return the lowest threshold from which upwards the mean stays within capacity."""
        counted = self.later > self.first
        starts, ends = np.sort(self.first[counted]), np.sort(self.later[counted])
        values = np.unique(np.concatenate([self.first, self.later]))
        values = values[np.isfinite(values)]
        handed = (len(ends) - np.searchsorted(ends, values)) - (len(starts) - np.searchsorted(starts, values))
        too_many = np.flatnonzero(handed * WEEK > per_week * self.elapsed)
        if not len(too_many):
            return 0.0
        at = int(too_many[-1])
        value = float(values[at])
        above = float(values[at + 1]) if at + 1 < len(values) else (value + 1) / 2
        return _plainest(value, above)

    def volume(self, threshold: float) -> Volume:
        weeks = self.elapsed / WEEK
        handed = int(((self.first < threshold) & (self.later >= threshold)).sum())
        return Volume(handed / weeks, int((self.first >= threshold).sum()), weeks)


def _spans(replay: Replay) -> _Spans:
    leads, lead = np.unique(np.asarray(replay.lead_id), return_inverse=True)
    as_of = np.asarray(replay.as_of, dtype=np.int64)
    p = np.array(replay.probability, dtype=np.float64)
    if not len(lead) == len(as_of) == len(p):
        raise BadData(
            f"{len(lead)} leads, {len(as_of)} moments and {len(p)} probabilities do not go together"
        )
    if not ((p > 0) & (p < 1)).all():
        raise BadData("held-out probabilities must lie in (0, 1)")
    if not len(p) or as_of.min() == as_of.max():
        raise BadData(
            f"first handoffs per week need held-out snapshots at two moments, got {len(np.unique(as_of))}",
            do="lengthen evaluation.test, or declare stages.sales_ready.at_least",
        )
    if replay.promoted is not None:
        p[np.asarray(replay.promoted, dtype=bool)] = np.inf
    if replay.blocked is not None:
        p[np.asarray(replay.blocked, dtype=bool)] = -np.inf
    at_start = as_of == as_of.min()
    first, later = np.full(len(leads), -np.inf), np.full(len(leads), -np.inf)
    np.maximum.at(first, lead[at_start], p[at_start])
    np.maximum.at(later, lead[~at_start], p[~at_start])
    return _Spans(first, later, int(as_of.max() - as_of.min()))


def _plainest(above: float, at_most: float) -> float:
    """Return the number with the fewest decimals in (above, at_most].

    >>> _plainest(0.1371, 0.1429)
    0.14
    """
    for digits in range(1, 17):
        rounded = float(math.floor(at_most * 10**digits) / 10**digits)
        if above < rounded <= at_most:
            return rounded
    return at_most
