"""Declared stages → a policy: thresholds as declared, or solved by replaying held-out weeks.

capacity    as many first handoffs a week as sales can take
precision   as many as leave the lower bound of the share won at what was declared
value       as many as bring the most, of what handoffs cost and wins bring
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from lqmodel.declarations import SalesReady, Stages, Value
from lqmodel.errors import BadData, Refused
from lqmodel.stages.policy import Policy, Threshold
from lqmodel.stages.replay import WEEK, Crossings, Floats, Replay, Volume, plainest
from lqmodel.stages.state import Bools

if TYPE_CHECKING:
    from lqmodel.calibration import Calibrator

CONFIDENCE: Final = 0.95
"""How sure a lower bound of precision is, one-sided."""
FEWEST_LEADS: Final = 50
"""A segment with fewer held-out leads gets the threshold of all."""
FEWEST_WINS: Final = 10
"""And so does one with fewer won leads, where a precision is solved."""
CANDIDATES: Final = 400
"""Thresholds that a precision is looked up at: evenly among those at which anything changes."""


@dataclass(frozen=True)
class SolvedPolicy:
    """A policy, the volume to expect of it (None without held-out snapshots), and what to know of it."""

    policy: Policy
    volume: Volume | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A threshold, and where it is not what was asked for, why."""

    threshold: float
    note: str | None = None


def solve_policy(
    stages: Stages, calibrator: Calibrator, zone: str = "UTC", replay: Replay | None = None
) -> SolvedPolicy:
    """Turn declared stages into a policy on this calibrator's margins.

    Replayed, each lead counts once, at its first as_of at or above the threshold; those at the very first
    as_of are the backlog and stand apart. Of the thresholds that hand over the same leads, the one with the
    fewest decimals is taken. It never lies under that of MQL.

    - **capacity**: lowering the threshold from 1, the last one before the mean per week exceeds the capacity.
      Thresholds further down may seem to fit again, because leads that they hand over hide in the backlog;
      they are not taken. Leads of equal probability go together. Where even the likeliest leads, or the
      hand-raisers alone, are too many, it lies above every lead.
    - **precision**: the lowest threshold at which the lower bound of the share won, of the leads that the
      threshold itself hands over (hand-raisers apart), reaches what is declared; where none does, it lies
      above every lead. See `lower_bound`.
    - **value**: the threshold with the greatest sum of uplift × margin × deal value × probability - cost over
      all first handoffs. A lead that waits may still rise, so this lies above the break-even of one contact.

    With `per`, each level is solved by itself; one with too few leads or wins gets the threshold of all.

    Parameters
    ----------
    stages : Stages
        As declared.
    calibrator : Calibrator
        Of the model that will be used.
    zone : str, default "UTC"
    replay : Replay or None
        Needed where a threshold is solved.

    Raises
    ------
    BadData
        A threshold is to be solved and the snapshots do not show two moments.
    """
    replayed = None if replay is None else _Replayed(replay, Crossings.of(replay))
    if replayed is not None and not replayed.crossings.elapsed:
        replayed = None
    ready = stages.sales_ready
    least = stages.mql.at_least
    if ready.at_least is not None:
        found, levels = Found(ready.at_least), {}
    elif replayed is None:
        raise _unseen(ready, replay)
    else:
        found = _solve(ready, replayed.crossings, None, least)
        levels = {} if ready.per is None else dict(_by_level(ready, replayed, found, least))
    policy = _policy(stages, calibrator, zone, found, levels)
    notes = [
        f"{name}: {each.note}" if name else each.note
        for name, each in [("", found), *levels.items()]
        if each.note
    ]
    volume = None if replayed is None else replayed.volume(policy)
    return SolvedPolicy(policy, volume, tuple(notes))


def carried(policy: Policy, stages: Stages, calibrator: Calibrator) -> Policy:
    """Return the same thresholds in probability on the margins of another calibrator."""
    levels = {level: Found(bar.probability) for level, bar in policy.levels}
    return _policy(stages, calibrator, policy.zone, Found(policy.sales_ready.probability), levels)


def check_capacity(stages: Stages, leads: int) -> None:
    """Refuse a capacity of more leads a week than the held-out weeks hold in all.

    Raises
    ------
    Refused
        Sales could take everybody: the number is a mistake, or needs no model.
    """
    capacity = stages.sales_ready.capacity
    asked = 0 if capacity is None else total(capacity.per_week)
    if asked > leads:
        raise Refused(
            f"a capacity of {asked:,} first handoffs a week, and the held-out weeks hold {leads:,} leads in all",
            where="stages.sales_ready.capacity",
            do="declare how many sales can take in one week, or a threshold with at_least",
        )


@dataclass(frozen=True, eq=False)
class _Replayed:
    replay: Replay
    crossings: Crossings

    def volume(self, policy: Policy) -> Volume:
        """Count each lead once, at its first as_of at or above the threshold of its level."""
        if not policy.levels:
            return self.crossings.volume(policy.sales_ready.probability)
        p = np.asarray(self.replay.probability, dtype=np.float64)
        handed = p >= policy.ready(self.replay.level).probability
        if self.replay.engaged is not None:
            handed &= np.asarray(self.replay.engaged, dtype=bool)
        if self.replay.promoted is not None:
            handed |= np.asarray(self.replay.promoted, dtype=bool)
        return Crossings.of(replace(self.replay, promoted=handed)).volume(1.0)


def _policy(
    stages: Stages, calibrator: Calibrator, zone: str, found: Found, levels: Mapping[str, Found]
) -> Policy:
    def bar(probability: float) -> Threshold:
        ratio = stages.demotion.below_ratio
        margin, kept = calibrator.inverse([probability, ratio * probability]).tolist()
        return Threshold(probability, margin, kept)

    ours = tuple((level, bar(each.threshold)) for level, each in sorted(levels.items()))
    policy = Policy.of(stages, bar(stages.mql.at_least), bar(found.threshold), zone)
    return replace(policy, levels=ours)


def _unseen(ready: SalesReady, replay: Replay | None) -> BadData:
    rule = next(name for name in ("capacity", "precision", "value") if getattr(ready, name) is not None)
    if replay is None:
        message = f"a threshold by {rule} is solved from held-out snapshots, and there are none"
    else:
        n = len(np.unique(np.asarray(replay.as_of)))
        message = f"first handoffs per week need held-out snapshots at two moments, got {n}"
    return BadData(
        message,
        where=f"stages.sales_ready.{rule}",
        do="lengthen evaluation.test, or declare stages.sales_ready.at_least",
    )


def _by_level(
    ready: SalesReady, replayed: _Replayed, overall: Found, least: float
) -> Iterator[tuple[str, Found]]:
    """Solve each level of the category by itself, where it is large enough."""
    everyone = replayed.crossings
    seen = set(everyone.level.tolist()) - {""}
    named = ready.capacity.per_week if ready.capacity else None
    asked = {level for level, _ in named} if isinstance(named, tuple) else seen
    for level in sorted(asked):
        ours = Crossings.of(replayed.replay, level)
        leads, wins = len(np.unique(ours.lead)), len(np.unique(ours.lead[ours.won]))
        if leads < FEWEST_LEADS:
            few = f"{leads:,} held-out leads, fewer than {FEWEST_LEADS}"
        elif ready.precision is not None and wins < FEWEST_WINS:
            few = f"{wins:,} won leads, fewer than {FEWEST_WINS}"
        else:
            yield level, _solve(ready, ours, level, least)
            continue
        yield level, Found(overall.threshold, f"{few}: the threshold of all")


def _solve(ready: SalesReady, crossings: Crossings, level: str | None, least: float) -> Found:
    if ready.capacity is not None:
        per_week = ready.capacity.per_week
        limit = (
            dict(per_week)[level] if level is not None and isinstance(per_week, tuple) else total(per_week)
        )
        return _capacity(crossings, limit, least)
    if ready.precision is not None:
        return _precision(crossings, ready.precision, least)
    assert ready.value is not None
    return _value(crossings, ready.value, least)


def total(per_week: int | tuple[tuple[str, int], ...]) -> int:
    """Return a capacity of all levels together."""
    return per_week if isinstance(per_week, int) else sum(n for _, n in per_week)


def _capacity(crossings: Crossings, per_week: int, least: float) -> Found:
    """Return the lowest threshold from which upwards the mean stays within capacity."""
    values = crossings.thresholds()
    handed = crossings.total((~crossings.start).astype(np.int64), values)
    too_many = np.flatnonzero(handed * WEEK > per_week * crossings.elapsed)
    at = int(too_many[-1]) if len(too_many) else -1
    if at < 0 or values[at] < least:
        weekly = crossings.volume(least).per_week
        told = (
            f"a capacity of {per_week:,} a week is not used up: every MQL goes to sales, {weekly:.1f} a week"
        )
        plain = 0.0 if at < 0 or at + 1 == len(values) else plainest(float(values[at]), float(values[at + 1]))
        return Found(max(least, plain), told if weekly < per_week else None)
    if at + 1 < len(values):
        return Found(plainest(float(values[at]), float(values[at + 1])))
    above = _above_all(crossings)
    weekly = crossings.volume(above).per_week
    note = None
    if weekly > per_week:
        note = (
            f"hand-raisers alone are {weekly:.0f} first handoffs a week, more than the capacity of {per_week:,}: "
            "no lead is handed over by its probability; raise the capacity or shorten promote_any"
        )
    return Found(above, note)


def _above_all(crossings: Crossings) -> float:
    return plainest(crossings.greatest, (crossings.greatest + 1) / 2)


def _precision(crossings: Crossings, asked: float, least: float) -> Found:
    """Return the lowest threshold at which the lower bound of the share won is what was asked for."""
    values = crossings.thresholds()
    counted = ~crossings.start & np.isfinite(crossings.at_most)
    tops = values[values >= least]
    picked = np.unique(tops[np.linspace(0, len(tops) - 1, CANDIDATES).astype(int)]) if len(tops) else tops
    best = 0.0
    for candidate in picked.tolist():
        handed = counted & crossings.handed(candidate)
        bound = lower_bound(crossings.won[handed], crossings.group[handed])
        if bound >= asked:
            below = values[values < candidate]
            return Found(max(least, plainest(float(below[-1:].max(initial=0.0)), candidate)))
        best = max(best, bound)
    return Found(
        max(least, _above_all(crossings)),
        f"no threshold reaches a precision of {asked:g}: the greatest lower bound is {best:.3f}; no lead is handed "
        "over by its probability; declare less, or another rule",
    )


def lower_bound(won: Bools, group: NDArray[np.int64], confidence: float = CONFIDENCE) -> float:
    """Return the lower bound of a share, one-sided, where rows of a group go together.

    The bound of Clopper and Pearson (1934), a quantile of Beta(k, n - k + 1), on n and k divided by the
    design effect, the variance with groups over that without (Korn and Graubard 1998, "Confidence intervals
    for proportions with small expected number of positive counts", Survey Methodology 24:193).

    Parameters
    ----------
    won : ndarray of bool, shape (n,)
    group : ndarray, shape (n,)
    confidence : float
        In (0, 1).

    Returns
    -------
    float
        In [0, 1); 0 where nobody was won.

    Examples
    --------
    >>> round(lower_bound(np.repeat([True, False], 50), np.arange(100)), 3)
    0.414
    """
    from scipy.special import betaincinv

    n, k = len(won), int(won.sum())
    if not k:
        return 0.0
    share = k / n
    code = np.unique(group, return_inverse=True)[1]
    groups = int(code.max()) + 1
    effect = 1.0
    if 1 < groups < n and k < n:
        residual = np.bincount(code, won - share, groups)
        spread = float((residual**2).sum()) / n**2 * groups / (groups - 1)
        effect = max(1.0, spread / (share * (1 - share) / n))
    elif groups == 1:
        effect = float(n)
    return float(betaincinv(k / effect, (n - k) / effect + 1, 1 - confidence))


def gains(value: Value, levels: NDArray[np.object_]) -> Floats:
    """Return what a win at each of these levels brings, where the handoff is why it came."""
    deal = value.deal_value
    if isinstance(deal, tuple):
        named = dict(deal)
        unknown = float(np.mean([amount for _, amount in deal]))  # of a level that is not named: their mean
        deals = np.array([named.get(level, unknown) for level in levels.tolist()], dtype=np.float64)
    else:
        deals = np.full(len(levels), deal, dtype=np.float64)
    return value.uplift * value.margin * deals


def _value(crossings: Crossings, value: Value, least: float) -> Found:
    """Return the threshold of the greatest value; of equals the one with the fewest handoffs."""
    worth = gains(value, crossings.level) * crossings.probability - value.contact_cost
    values = crossings.thresholds()
    values = np.append(values[values >= least], 1.0)  # 1: hand-raisers alone
    totals = crossings.total(np.where(crossings.start, 0.0, worth), values)
    at = len(values) - 1 - int(np.argmax(totals[::-1]))
    if at == len(values) - 1:
        return Found(
            max(least, _above_all(crossings)),
            "no threshold brings more than handing over nobody by probability",
        )
    below = crossings.thresholds()
    below = below[below < values[at]]
    return Found(max(least, plainest(float(below[-1:].max(initial=0.0)), float(values[at]))))
