"""Horizon, test and thresholds for dated data, from when leads came and when they were won."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lqmodel.errors import UsageError

DAY_US: Final = 86_400_000_000
WEEK: Final = 7
HORIZONS: Final = (365, 270, 180, 120, 90, 60, 45, 30, 21, 14, 7)  # days
COVERED: Final = 0.85  # share of the wins that the horizon should reach
OLDEST: Final = 0.98  # share of the wins that come before a lead is too old
AGES: Final = (30, 60, 90, 180, 365, 730, 1095)  # days
TEST_SHARE: Final = 0.25  # of the positive snapshots
TRAIN_SHARE: Final = 0.4  # of them are to be left for training, after the purge
ABOVE_MQL: Final = 2.5  # sales-ready starts at so many times the base rate

Days = NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """``horizon``, ``test`` and ``max_age`` in days; ``base_rate`` of weekly snapshots; positives of each part.

    ``unseen`` is the share of wins that come before the first weekly look at the lead.
    """

    horizon: int
    test: int
    max_age: int
    base_rate: float
    train_wins: int
    test_wins: int
    covered: float
    median_lag: float
    unseen: float

    def told(self) -> Iterator[str]:
        """Yield what was chosen, a sentence each."""
        yield (
            f"a win counts within {self.horizon} days: {self.covered:.0%} of the wins come so soon, half of them within "
            f"{self.median_lag:.0f} days (mend horizon in the model's file)"
        )
        yield (
            f"the last {self.test} days are the test: about {self.test_wins:,} positive weekly snapshots, and {self.train_wins:,} to "
            "train on (mend test in the model's file)"
        )
        if self.unseen >= 0.05:
            yield f'{self.unseen:.0%} of the wins come before the first Monday after the lead was made: no snapshot sees them (every = "7d" in the model\'s file)'


def choose_clock(created: Days, won: Days, lost: Days, observed: tuple[float, float], source: str) -> Clock:
    """Choose horizon, test length and age limit.

    The horizon is the shortest of HORIZONS that reaches COVERED of the wins, or the next shorter one for which
    training keeps TRAIN_SHARE of the positive snapshots once TEST_SHARE of them are set apart, latest first,
    and those whose horizon reaches into the test are purged.

    Parameters
    ----------
    created, won, lost : ndarray of float64, shape (n_leads,)
        Days since 1970 (UTC); ``won`` and ``lost`` are NaN for leads that were not.
    observed : tuple of float
        First and last moment that the outcomes cover, in days since 1970.
    source : str
        The table of the outcomes, for messages.

    Raises
    ------
    UsageError
        No lead was won after it was created, or the history is shorter than any horizon leaves room for.
    """
    lag = (won - created)[won > created]
    if not len(lag):
        raise UsageError(
            "no lead was won after it was created", where=f"source {source!r}",
            do="check --created, --time and --key: leads and outcomes must be about the same ids",
        )  # fmt: skip
    reach = float(np.quantile(lag, COVERED))
    wanted = min((h for h in HORIZONS if h >= reach), default=HORIZONS[0])
    oldest = float(np.quantile(lag, OLDEST))
    max_age = max(min((a for a in AGES if a >= oldest), default=AGES[-1]), wanted)
    closed = np.fmin(won, lost)
    tried = [_plan(created, won, closed, observed, h, max_age) for h in HORIZONS if h <= wanted]
    plans = [p for p in tried if p is not None]
    if not plans:
        span = observed[1] - observed[0]
        raise UsageError(
            f"the outcomes cover {span:.0f} days: too few to train on and test with any horizon", where=f"source {source!r}",
            do="give a longer history",
        )  # fmt: skip
    horizon, test, train_wins, test_wins, rate = next(
        (p for p in plans if p[2] >= TRAIN_SHARE * (p[2] + p[3])), max(plans, key=lambda p: min(p[2], p[3]))
    )
    return Clock(
        horizon, test, max_age, rate, train_wins, test_wins,
        covered=float((lag <= horizon).mean()), median_lag=float(np.median(lag)),
        unseen=1 - float((_first_look(created) <= won)[won >= created].mean()),
    )  # fmt: skip


def _first_look(created: Days) -> Days:
    """The first Monday after creation, in days since 1970 (a Thursday)."""
    return (np.floor((created - 4) / WEEK) + 1) * WEEK + 4


def _plan(
    created: Days, won: Days, closed: Days, observed: tuple[float, float], horizon: int, max_age: int
) -> tuple[int, int, int, int, float] | None:
    """Return horizon, test length, positives in training and test, and the base rate; None if nothing is left."""
    first, last = observed[0], observed[1] - horizon
    looks = np.arange(_first_look(np.array([first - 1e-9]))[0], last + 1e-9, WEEK)
    if len(looks) < 4:
        return None
    end = np.fmin(closed, created + max_age)
    at_risk = _per_look(looks, created, end)
    won_leads = ~np.isnan(won)
    positive = _per_look(looks, np.maximum(created, won - horizon)[won_leads], end[won_leads])
    if positive.sum() == 0:
        return None
    best = None
    for weeks in range(1, len(looks) - 1):
        in_test = looks > looks[-1] - weeks * WEEK
        in_training = looks + horizon <= looks[in_test][0]
        train, test = positive[in_training].sum(), positive[in_test].sum()
        if train == 0:
            break
        best = (horizon, weeks * WEEK, int(train), int(test), float(positive.sum() / at_risk.sum()))
        if test >= TEST_SHARE * positive.sum() and weeks >= 4:
            break
    return best if best and best[3] else None


def _per_look(looks: Days, start: Days, end: Days) -> Days:
    """Count at each look the leads with start < look ≤ end."""
    counts = np.zeros(len(looks) + 1)
    np.add.at(counts, np.searchsorted(looks, start, side="right"), 1.0)
    closed = np.maximum(
        np.searchsorted(looks, end, side="right"), np.searchsorted(looks, start, side="right")
    )
    np.add.at(counts, closed, -1.0)
    return np.asarray(np.cumsum(counts)[:-1])


def to_days(us: np.ndarray) -> Days:
    """Microseconds, perhaps masked, to days; missing is NaN."""
    return np.ma.filled(np.ma.asarray(us).astype(np.float64) / DAY_US, np.nan)


def thresholds(base_rate: float) -> tuple[float, float]:
    """Return where MQL and sales-ready start: the base rate, and 2.5 times it or half-way from it to 1.

    >>> thresholds(0.04)
    (0.04, 0.1)
    >>> thresholds(0.385)
    (0.39, 0.7)
    """
    mql = _round(min(max(base_rate, 0.001), 0.9))
    ready = _round(min(ABOVE_MQL * mql, (1 + mql) / 2))
    return mql, ready


def _round(p: float) -> float:
    return float(f"{p:.2g}")
