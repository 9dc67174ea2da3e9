"""A beeswarm of families: how far each moves the odds of how many leads, and for which values.

A dot stands for snapshots with about the same effect; it says whether their value was low, middle or high. Only
counts are kept, never a single lead's effects or values. The number of dots grows with the square root of the
number of snapshots, so that the few can be seen beside the many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.declarations import Column
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.drawing import BLUE, GREY, LINE, ORANGE, QUIET, Drawing, Words, decimal, image
from lqmodel.reasons.families import Effects
from lqmodel.reasons.raw import numbers
from lqmodel.reasons.words import ColumnWords

Floats = NDArray[np.float64]
SHOWN: Final = 12
"""Families in a beeswarm, the heaviest first."""
SORTS: Final = ("low", "middle", "high", "other")
COLUMNS: Final = 96
"""Columns of dots from the lowest effect to the highest."""
MOST: Final = 7
"""Dots of the fullest column."""
_LEAST_STEP: Final = 0.002  # log-odds: no family is drawn wider than it is
_DIGITS: Final = 6
WIDTH: Final = 380.0
_PITCH: Final = 3.3
_APART: Final = 38.0  # of ticks
_TEXT = Words(13.0)
_NOTE = Words(12.0, opacity=QUIET)
_MARKS: Final = {
    "low": f'stroke="{ORANGE}" stroke-width="1.5"',
    "middle": f'stroke="{GREY}" stroke-width="2.3" stroke-linecap="round"',
    "high": f'stroke="{BLUE}" stroke-width="3" stroke-linecap="round"',
    "other": f'stroke="{GREY}" stroke-width="1"',
}
_STROKES: Final = {"low": "h2.8", "middle": "h0", "high": "h0", "other": "v2.6"}
_TICKS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 0.9, 1, 1.1, 1.5, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Cluster:
    """The dots of one family.

    Attributes
    ----------
    name, title, of : str
        The family, its words, and the column whose values are told apart: the one that speaks most.
    bins : tuple of int
        Effects, in steps; rising.
    low, middle, high, other : tuple of int
        Snapshots in each bin: with a value in the lowest third, between, in the highest third; unknown, or of a
        category.
    """

    name: str
    title: str
    of: str
    bins: tuple[int, ...]
    low: tuple[int, ...]
    middle: tuple[int, ...]
    high: tuple[int, ...]
    other: tuple[int, ...]


@dataclass(frozen=True)
class Swarm:
    """Counts of snapshots by effect and value.

    Attributes
    ----------
    step : float
        Width of a bin in calibrated log-odds; bin i holds effects about i * step.
    clusters : tuple of Cluster
        The heaviest family first.
    """

    step: float
    clusters: tuple[Cluster, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        clusters = [
            {k: v if isinstance(v, str) else list(v) for k, v in vars(c).items()} for c in self.clusters
        ]
        return {"step": self.step, "clusters": clusters}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Swarm:
        """Read what `to_json` wrote."""
        clusters = (
            Cluster(c["name"], c["title"], c["of"], tuple(c["bins"]), *(tuple(c[sort]) for sort in SORTS))
            for c in values["clusters"]
        )
        return cls(values["step"], tuple(clusters))


def swarm(
    effects: Effects,
    values: pa.Table,
    ages: Floats | None = None,
    most: int = SHOWN,
    language: Language = ENGLISH,
) -> Swarm:
    """Count snapshots by effect and value, for the families that weigh most.

    Parameters
    ----------
    effects : Effects
        Of n snapshots.
    values : pyarrow.Table
        Their raw feature values, in the same order.
    ages : ndarray of float64, shape (n,), or None
        Of the leads, in days; tells "never" from an old last act.
    most : int, default SHOWN
        Families, by mean absolute effect; ties by name. One that moves nothing is left out.
    language : Language, default English
        Of the titles.
    """
    weights = np.abs(effects.effects).sum(axis=0)
    chosen = [i for i in np.argsort(-weights, kind="stable")[:most].tolist() if weights[i] > 0]
    held = effects.effects[:, chosen]
    reach = float(held.max() - held.min()) if held.size else 0.0
    step = math.ceil(max(reach / (COLUMNS - 1), _LEAST_STEP) * 10**_DIGITS) / 10**_DIGITS
    return Swarm(step, tuple(_cluster(effects, i, step, values, ages, language) for i in chosen))


def thirds(values: Floats) -> NDArray[np.int64]:
    """Return for each value its place in `SORTS`: lowest third, between, highest third; other where missing.

    Where many are alike, as those who never came, they are all low, and whatever is more may be high.

    >>> thirds(np.array([0.0, 0.0, 0.0, 0.0, 2.0, 9.0, np.nan])).tolist()
    [0, 0, 0, 0, 2, 2, 3]
    """
    sorts = np.full(len(values), SORTS.index("other"))
    known = values[~np.isnan(values)]
    if len(known):
        low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
        place = np.where(known <= low, 0, np.where(known >= high, 2, 1))
        sorts[~np.isnan(values)] = place
    return sorts


def _cluster(
    effects: Effects, family: int, step: float, values: pa.Table, ages: Floats | None, language: Language
) -> Cluster:
    found, declared = effects.effects[:, family], effects.families.declared[family]
    spoken = np.bincount(effects.speaker[:, family], np.abs(found), len(effects.families.columns))
    column = effects.families.columns[int(np.argmax(spoken))]
    words = ColumnWords(declared, column, language)
    bin_of = np.floor(found / step + 0.5).astype(np.int64)
    bins, where = np.unique(bin_of, return_inverse=True)
    cells = where * len(SORTS) + _sorts(values, column, ages)
    counts = np.bincount(cells, minlength=len(bins) * len(SORTS)).reshape(len(bins), len(SORTS))
    columns = {sort: tuple(counts[:, i].tolist()) for i, sort in enumerate(SORTS)}
    return Cluster(declared.name, words.title, words.named(), tuple(bins.tolist()), **columns)


def _sorts(values: pa.Table, column: Column, ages: Floats | None) -> NDArray[np.int64]:
    if column.dtype != "number":
        return np.full(values.num_rows, SORTS.index("other"))
    return thirds(numbers(values, column, ages))


def draw_swarm(found: Swarm, title: str, language: Language = ENGLISH) -> Drawing:
    """Draw a beeswarm; equal input gives equal bytes.

    Parameters
    ----------
    found : Swarm
    title : str
        What it shows, for those who do not see it.
    language : Language, default English
    """
    scale = _Scale.of(found)
    parts, y = _key(language)
    top = y + 4
    for cluster in found.clusters:
        y += _TEXT.size * LINE + 4
        (line,) = _TEXT.fitted(cluster.title, WIDTH) or ("",)
        parts.append(_TEXT.at(0, y, line, room=WIDTH))
        y += 3 + MOST * _PITCH / 2
        parts += _dots(cluster, found, scale, y)
        y += MOST * _PITCH / 2
    grid, y = _axis(scale, top, y + 8, language)
    told = " ".join(_told(cluster, found.step, language) for cluster in found.clusters)
    return image(title, told, WIDTH, y, [*grid, *parts])


@dataclass(frozen=True)
class _Scale:
    """Effect → place."""

    low: float
    high: float
    most: int

    @classmethod
    def of(cls, found: Swarm) -> _Scale:
        bins = [b for c in found.clusters for b in c.bins] or [0]
        edges = [min(*bins, 0) * found.step, max(*bins, 0) * found.step]
        fullest = max((sum(column) for c in found.clusters for column in _by_bin(c)), default=1)
        return cls(edges[0], max(edges[1], edges[0] + _LEAST_STEP), fullest)

    def __call__(self, log_odds: float) -> float:
        return 6 + (WIDTH - 12) * (log_odds - self.low) / (self.high - self.low)

    def dots(self, snapshots: int) -> int:
        """Return how many dots stand for so many snapshots: at least one for any."""
        return max(round(MOST * math.sqrt(snapshots / self.most)), min(snapshots, 1))


def _by_bin(cluster: Cluster) -> Iterator[tuple[int, int, int, int]]:
    return zip(cluster.low, cluster.middle, cluster.high, cluster.other, strict=True)


def shared(counts: Sequence[int], dots: int) -> list[int]:
    """Deal dots to counts in proportion, by largest remainder; ties to the later.

    >>> shared([10, 0, 30], 4), shared([1, 1, 1], 2)
    ([1, 0, 3], [0, 1, 1])
    """
    total = sum(counts) or 1
    exact = [dots * c / total for c in counts]
    found = [math.floor(e) for e in exact]
    by_remainder = sorted(range(len(counts)), key=lambda i: (exact[i] - found[i], i), reverse=True)
    for i in by_remainder[: dots - sum(found)]:
        found[i] += 1
    return found


def _dots(cluster: Cluster, found: Swarm, scale: _Scale, y: float) -> Iterator[str]:
    """Draw a family's columns of dots around its line: low values below, high ones above."""
    paths: dict[str, list[str]] = {sort: [] for sort in SORTS}
    for position, counts in zip(cluster.bins, _by_bin(cluster), strict=True):
        x = scale(position * found.step)
        dealt = shared(counts, scale.dots(sum(counts)))
        at = y + (sum(dealt) - 1) * _PITCH / 2
        for sort, n in zip(SORTS, dealt, strict=True):
            for _ in range(n):
                dx, dy = (1.4, 0.0) if sort == "low" else (0.0, 1.3) if sort == "other" else (0.0, 0.0)
                paths[sort].append(f"M{decimal(x - dx)} {decimal(at - dy)}{_STROKES[sort]}")
                at -= _PITCH
    for sort in SORTS:
        if paths[sort]:
            yield f'<path class="lq-{sort}" d="{"".join(paths[sort])}" fill="none" {_MARKS[sort]}/>'


def _key(language: Language) -> tuple[list[str], float]:
    """Say what the marks mean."""
    parts, x, y = [], 2.0, 11.0
    for sort in SORTS:
        name = language.say(f"swarm.{sort}")
        wide = 10 + _NOTE.width(name)
        if x + wide > WIDTH:
            x, y = 2.0, y + 17
        lift = 1.3 if sort == "other" else 0.0
        parts.append(
            f'<path d="M{decimal(x)} {decimal(y - 4 - lift)}{_STROKES[sort]}" fill="none" {_MARKS[sort]}/>'
        )
        parts.append(_NOTE.at(x + 7, y, name))
        x += wide + 8
    return parts, y


def _axis(scale: _Scale, top: float, y: float, language: Language) -> tuple[list[str], float]:
    """Draw lines at round factors, the one that changes nothing stronger; not closer than their labels allow."""
    parts: list[str] = []
    placed: list[float] = []
    ticks = [t for t in _TICKS if scale.low <= math.log(t) <= scale.high]
    for tick in sorted(ticks, key=lambda t: (abs(math.log(t)), t)):
        x = scale(math.log(tick))
        if any(abs(x - other) < _APART for other in placed):
            continue
        placed.append(x)
        line = f'd="M{decimal(x)} {decimal(top)}V{decimal(y)}" stroke="currentColor" fill="none"'
        parts.append(f'<path {line} opacity="{0.4 if tick == 1 else 0.18}"/>')
        parts.append(_NOTE.at(min(max(x, 16.0), WIDTH - 16), y + 14, f"×{language.number(tick)}", "middle"))
    return parts, y + 20


def _told(cluster: Cluster, step: float, language: Language) -> str:
    """Say how far a family moves the odds: nine in ten of the leads, and by value."""
    counts = np.array([sum(c) for c in _by_bin(cluster)], dtype=np.float64)
    bins = np.array(cluster.bins) * step
    reached = np.cumsum(counts) / counts.sum()
    low, high = (language.effect(math.exp(float(bins[np.searchsorted(reached, q)]))) for q in (0.05, 0.95))
    told = [language.say("swarm.reach", title=cluster.title, low=low, high=high)]
    for key, of in (("swarm.mean_low", cluster.low), ("swarm.mean_high", cluster.high)):
        if sum(of):
            mean = float(np.array(of) @ bins / sum(of))
            told.append(language.say(key, effect=language.effect(math.exp(mean))))
    return f"{'; '.join(told)}."
