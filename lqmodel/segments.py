"""Reliability by segment: what was said and what happened in each level of a category.

Many segments looked at at once give false alarms: at the 5 % level one in twenty lies apart by chance alone.
So two things are said: which segments lie apart on their own (and how many chance would give), and which do
so even with all of them counted (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from lqmodel.errors import BadData
from lqmodel.evaluation import checked, rounded
from lqmodel.folds import group_keys
from lqmodel.intervals import DRAWS, LEVEL, Draws, Estimate, estimate
from lqmodel.metrics import Floats
from lqmodel.reasons.raw import levels
from lqmodel.reasons.words import clean
from lqmodel.trainingset import Snapshots

LEAST_VARIANCE = 5.0
"""A segment stands alone from n·p·(1-p) = 5 on, n counted as clusters allow: below, a rate says little."""
BY_DEFAULT = 3
"""Categories that are segmented by where none are declared."""
MOST_LEVELS = 8
"""Levels of a category that stand alone, the largest first."""
Verdict = Literal["as predicted", "higher", "lower", "too few"]


@dataclass(frozen=True)
class Segment:
    """One level of a category, or several small ones together.

    Attributes
    ----------
    level : str or None
        None where it is not known, and where levels are pooled.
    pooled : int
        How many small levels stand together here; 0 for one level or for "not known".
    snapshots, leads, wins : int
        Rows, distinct leads, and rows won.
    predicted : float
        Mean probability.
    observed : Estimate
        Share won, with its cluster-bootstrap interval.
    p_value : float
        How often chance alone gives a share at least so far from the predicted one, 0 to 1, two-sided.
    verdict : {"as predicted", "higher", "lower", "too few"}
        What happened against what was said, at the 5 % level of this segment alone.
    sure : bool
        Whether it lies apart even at the 5 % level of all segments together.
    """

    level: str | None
    pooled: int
    snapshots: int
    leads: int
    wins: int
    predicted: float
    observed: Estimate
    p_value: float
    verdict: Verdict
    sure: bool


@dataclass(frozen=True)
class Segmented:
    """One category: its segments, from the largest on; pooled and unknown ones last."""

    name: str
    title: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Segments:
    """Every segment that was looked at.

    Attributes
    ----------
    columns : tuple of Segmented
    looked_at : int
        Segments that are large enough for a verdict.
    apart : int
        How many of them lie apart on their own.
    by_chance : float
        How many would if every probability were right.
    inflation : float
        Variance of a share over what independent snapshots would give (design effect), at least 1.
    """

    columns: tuple[Segmented, ...]
    looked_at: int
    apart: int
    by_chance: float
    inflation: float

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`, floats rounded to 6 digits."""
        return dict(rounded(vars(self)))

    def warnings(self) -> list[str]:
        """Say which segments lie apart even with all of them counted."""
        return [
            f"segment {column.title} = {clean(said(segment.level, segment.pooled))}: {segment.predicted:.1%} predicted, "
            f"{segment.observed.value:.1%} observed, farther apart than chance would put any of {self.looked_at} segments"
            for column in self.columns
            for segment in column.segments
            if segment.sure
        ]


@dataclass(frozen=True)
class Level:
    """A column to segment by: its name, its words, and each row's level, None where not known."""

    name: str
    title: str
    values: ArrayLike


def said(level: str | None, pooled: int) -> str:
    """Return the words for a segment.

    >>> said("Germany", 0), said(None, 3), said(None, 1), said(None, 0)
    ('Germany', 'other (3 levels)', 'other (1 level)', 'not known')
    """
    if pooled:
        return f"other ({pooled} level{'' if pooled == 1 else 's'})"
    return "not known" if level is None else level


def segments_of(test: Snapshots, probability: Floats, heaviest: Sequence[str] = ()) -> Segments:
    """Judge the declared segments apart.

    Parameters
    ----------
    test : Snapshots
    probability : ndarray of float64, shape (n,)
    heaviest : sequence of str
        Names of features, the heaviest first: where no segments are declared, the first few categories of them
        are taken.
    """
    model = test.declarations.model
    declared = {f.name: f for f in (*test.declarations.features, *test.declarations.facts)}
    categories = {name for name, d in declared.items() if d.columns()[0].dtype == "category"}
    names = model.evaluation.segments or [name for name in heaviest if name in categories][:BY_DEFAULT]
    columns = []
    for item in (declared[name] for name in names):
        at, texts = levels(test.table, item.columns()[0])
        values = np.array([*texts, None], dtype=object)[at]
        columns.append(Level(item.name, item.title, values))
    seed = model.classifier.seed
    return segments(test.won, probability, test.groups, test.lead_ids, columns, random_state=seed)


def segments(
    y: ArrayLike,
    p: ArrayLike,
    groups: ArrayLike,
    leads: ArrayLike,
    columns: Sequence[Level],
    random_state: int = 0,
    draws: int = DRAWS,
) -> Segments:
    """Hold probabilities against outcomes in each segment.

    Parameters
    ----------
    y : array-like of {0, 1}, shape (n_rows,)
        1 where won.
    p : array-like of float in [0, 1], shape (n_rows,)
        Probabilities.
    groups, leads : array-like, shape (n_rows,)
        Account, else lead: the unit of every interval; and the lead of each row.
    columns : sequence of Level
        What to segment by.
    random_state, draws : int
        Of the intervals.

    Returns
    -------
    Segments
        Columns in the order given. The verdict is a two-sided exact binomial test (mid-p) at the effective
        number of rows (Korn and Graubard 1998, "Confidence intervals for proportions with small expected
        number of positive counts"): its variance is Σp(1-p) under the probabilities as said, times the
        inflation that whole groups show over all rows (Rao and Scott 1992). Unlike an interval around the
        observed share, it holds where nothing was won.

    Raises
    ------
    BadData
        As `evaluate`, or a column of another length.
    """
    y, units, (p,) = checked(y, groups, p)
    leads = group_keys(leads)
    values = [np.asarray(column.values, dtype=object) for column in columns]
    if any(len(v) != len(y) for v in (leads, *values)):
        raise BadData(
            f"{len(y)} outcomes do not go with {[len(v) for v in (leads, *values)]} leads and levels"
        )
    order = np.lexsort((p, y, units))
    y, p, units, leads = y[order], p[order], units[order], leads[order]
    draw = Draws(units, random_state, draws)
    inflation = _inflation(y - p, p, draw.group)
    codes = [_codes(v[order], p, inflation) for v in values]
    rates = _rates(y, draw, [code for code, _ in codes])
    found = [
        _described(names, code, rate, y, p, leads, inflation)
        for (code, names), rate in zip(codes, rates, strict=True)
    ]
    tested = [s for column in found for s in column if s["verdict"] != "too few"]
    for segment in tested:
        segment["sure"] = segment["p_value"] * len(tested) <= 1.0 - LEVEL
    return Segments(
        columns=tuple(
            Segmented(column.name, column.title, tuple(Segment(**s) for s in segments))
            for column, segments in zip(columns, found, strict=True)
        ),
        looked_at=len(tested),
        apart=sum(s["verdict"] != "as predicted" for s in tested),
        by_chance=(1.0 - LEVEL) * len(tested),
        inflation=inflation,
    )


def _inflation(residual: Floats, p: Floats, group: NDArray[np.intp]) -> float:
    """Return the variance of group sums over that of independent rows, at least 1."""
    within = float((p * (1.0 - p)).sum())
    sums = np.bincount(group, residual - residual.mean())
    return max(1.0, float((sums**2).sum()) / within) if within > 0 else 1.0


def _codes(
    values: NDArray[np.object_], p: Floats, inflation: float
) -> tuple[NDArray[np.intp], list[tuple[str | None, int]]]:
    """Return each row's segment, and (level, pooled) of each segment: large, then pooled, then unknown."""
    known = np.array([v is not None and v == v for v in values.tolist()], dtype=bool)
    texts = np.array([str(v) if k else "" for v, k in zip(values.tolist(), known.tolist(), strict=True)])
    levels, at = np.unique(texts[known], return_inverse=True)
    rows = np.bincount(at, minlength=len(levels))
    variance = np.bincount(at, (p * (1.0 - p))[known], minlength=len(levels)) / inflation
    by_size = np.lexsort((np.arange(len(levels)), -rows))
    alone = [int(i) for i in by_size if variance[i] >= LEAST_VARIANCE][:MOST_LEVELS]
    rest = len(levels) - len(alone)
    names: list[tuple[str | None, int]] = [(str(levels[i]), 0) for i in alone]
    place = np.full(len(levels), len(names), dtype=np.intp)
    place[alone] = np.arange(len(alone))
    if rest == 1:
        names.append((str(levels[next(i for i in range(len(levels)) if i not in alone)]), 0))
    elif rest:
        names.append((None, rest))
    code = np.full(len(values), len(names), dtype=np.intp)
    code[known] = place[at]
    return code, names if known.all() else [*names, (None, 0)]


def _rates(y: Floats, draw: Draws, codes: Sequence[NDArray[np.intp]]) -> list[list[Estimate]]:
    """Return the share won of each segment of each column, with its interval."""
    cells = [_cells(y, draw.group, code) for code in codes]
    drawn: list[list[Floats]] = [[] for _ in codes]
    with np.errstate(invalid="ignore"):  # a draw may hold no row of a small segment
        for counts in draw.counts():
            for kept, (group, segment, wins, rows, n) in zip(drawn, cells, strict=True):
                weight = counts[group]
                kept.append(np.bincount(segment, weight * wins, n) / np.bincount(segment, weight * rows, n))
    return [
        [
            estimate(float(value), [float(one[i]) for one in kept])
            for i, value in enumerate(np.bincount(segment, wins, n) / np.bincount(segment, rows, n))
        ]
        for kept, (_, segment, wins, rows, n) in zip(drawn, cells, strict=True)
    ]


def _cells(
    y: Floats, group: NDArray[np.intp], code: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats, int]:
    """Return group, segment, wins and rows of each (group, segment) that occurs, and the number of segments."""
    n = int(code.max()) + 1
    keys, at = np.unique(group * n + code, return_inverse=True)
    wins, rows = np.bincount(at, weights=y), np.bincount(at).astype(np.float64)
    return keys // n, (keys % n).astype(np.intp), wins.astype(np.float64), rows, n


def _described(
    names: Sequence[tuple[str | None, int]],
    code: NDArray[np.intp],
    rates: Sequence[Estimate],
    y: Floats,
    p: Floats,
    leads: NDArray[np.uint64],
    inflation: float,
) -> list[dict[str, Any]]:
    found = []
    for i, ((level, pooled), observed) in enumerate(zip(names, rates, strict=True)):
        rows = code == i
        n, predicted, within = (
            int(rows.sum()),
            float(p[rows].mean()),
            float((p[rows] * (1.0 - p[rows])).sum()),
        )
        p_value = 1.0
        if within > 0:
            p_value = mid_p(
                observed.value, predicted, predicted * (1.0 - predicted) * n**2 / (within * inflation)
            )
        apart: Verdict = "higher" if observed.value > predicted else "lower"
        found.append(
            {
                "level": level,
                "pooled": pooled,
                "snapshots": n,
                "leads": len(np.unique(leads[rows])),
                "wins": int(y[rows].sum()),
                "predicted": predicted,
                "observed": observed,
                "p_value": p_value,
                "verdict": "too few"
                if within / inflation < LEAST_VARIANCE
                else apart
                if p_value < 1.0 - LEVEL
                else "as predicted",
                "sure": False,
            }
        )
    return found


def mid_p(observed: float, predicted: float, n: float) -> float:
    """Return the two-sided mid-p of a binomial test, also where the number of trials is not whole.

    Parameters
    ----------
    observed, predicted : float
        Shares in 0 … 1; 0 < predicted < 1.
    n : float
        Trials, above 0. Tails at x = n·observed are incomplete betas: P(X ≥ x) = I(predicted; x, n - x + 1).

    Examples
    --------
    >>> round(mid_p(0.0, 0.5, 4.0), 4)  # half of 1/16, on both sides
    0.0625
    """
    x = observed * n
    at_least = float(betainc(x, n - x + 1.0, predicted)) if x > 0 else 1.0
    above = float(betainc(x + 1.0, n - x, predicted)) if x < n else 0.0
    upper = (at_least + above) / 2.0
    return min(1.0, 2.0 * min(upper, 1.0 - upper))
