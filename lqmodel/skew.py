"""Whether rows look as those did that a model was fitted on: one small histogram per column, kept and compared.

snapshots of training ──> Reference (reference.json of a bundle) ──┐
latest stretch, or leads to be scored ─────────────────────────────┴──> Skew of each column
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.declarations import Column
from lqmodel.errors import BadData
from lqmodel.trainingset import Snapshots

FEWEST_LEADS: Final = 100  # fewer, on either side, are no distribution
SAMPLE: Final = 50_000  # rows of either side that are looked at, evenly spread
BINS: Final = 20  # of a number: about as many rows each
MOST_LEVELS: Final = 1_000  # of a category that are stored, the commonest first …
COMPARED: Final = 30  # … and compared one by one; the others together
DIVERGENT: Final = 0.15  # bits: as far as two bell curves one standard deviation apart
FILL_DIFFERENCE: Final = 0.3  # between the shares with a value
FILL_RATIO: Final = 20.0  # between them, where one is small (as in TransmogrifAI's RawFeatureFilter)
FEWEST_FILLED: Final = 0.02  # a column that is filled less on both sides says too little
UNSEEN: Final = 0.2  # share of values that training never saw
BY_CHANCE: Final = 1e-6

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """How one column's values lay; shares in [0, 1].

    ``missing``: share of rows without a value. A number has ``edges`` (rising; bin i holds values above edge i − 1
    up to edge i, the last those above all); a category has ``levels``. ``shares`` of the rows with a value: one for
    each bin, or for each level; what is left belongs to levels that are not stored.
    """

    missing: float
    shares: tuple[float, ...]
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Skew:
    """How one column differs from its reference.

    Attributes
    ----------
    column, family : str
        The column, and the feature that makes it.
    missing_then, missing_now : float
        Share of rows without a value, 0 to 1.
    divergence : float
        Jensen-Shannon divergence of the values in bits, 0 (alike) to 1 (nothing in common), less what chance
        alone is expected to give.
    unseen : float
        Share of the rows with a value whose level the reference does not hold; 0 for numbers.
    told : tuple of str
        What differs by more than it should, in words with figures; empty where all is as it was.
    """

    column: str
    family: str
    missing_then: float
    missing_now: float
    divergence: float
    unseen: float
    told: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; figures are rounded to 4 digits."""
        figures = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {**figures, "told": list(self.told)}


@dataclass(frozen=True)
class Reference:
    """How the columns of a training set lay.

    Attributes
    ----------
    leads : int
        Distinct leads behind it: what chance is reckoned from.
    columns : mapping of str to Histogram
        By name.
    """

    leads: int
    columns: Mapping[str, Histogram]

    @classmethod
    def of(cls, table: pa.Table, columns: Iterable[Column], leads: int) -> Reference:
        """Describe rows.

        Parameters
        ----------
        table : pyarrow.Table
            Raw feature values (float64 or string), one row per snapshot, in an order that the input's does not change.
        columns : iterable of Column
            The model's.
        leads : int
            Distinct leads among the rows.
        """
        thinned = _thinned(table)
        found = {c.name: _histogram(thinned[c.name], c.dtype) for c in sorted(columns, key=lambda c: c.name)}
        return cls(leads, found)

    def compare(self, table: pa.Table, columns: Iterable[Column], leads: int) -> tuple[Skew, ...]:
        """Hold other rows against this; nothing where either side is too small.

        Parameters
        ----------
        table, columns, leads
            As in :meth:`of`; columns that the reference does not know are passed over.
        """
        if min(leads, self.leads) < FEWEST_LEADS:
            return ()
        chance = (1 / leads + 1 / self.leads) / (8 * math.log(2))  # of divergence, per degree of freedom
        thinned, found = _thinned(table), []
        for column in sorted(columns, key=lambda c: c.name):
            before = self.columns.get(column.name)
            if before is not None:
                found.append(_compared(column, before, thinned[column.name], leads, chance))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return {"leads": self.leads, "columns": {name: _to_json(h) for name, h in self.columns.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Reference:
        """Rebuild what `to_json` returned.

        Raises
        ------
        BadData
            The dictionary is not what was stored.
        """
        try:
            return cls(
                int(stored["leads"]),
                {str(name): _from_json(values) for name, values in stored["columns"].items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadData(f"this is no stored reference: {error!r}", where="reference") from error


def reference_of(snapshots: Snapshots) -> Reference:
    """Return how the columns of snapshots lay."""
    return Reference.of(snapshots.features(), snapshots.columns, _leads(snapshots))


def compare_parts(train: Snapshots, test: Snapshots) -> tuple[Skew, ...]:
    """Return how each column of ``test`` differs from ``train``."""
    return reference_of(train).compare(test.features(), test.columns, _leads(test))


def _leads(snapshots: Snapshots) -> int:
    return len(np.unique(snapshots.lead_ids.astype(str)))


def in_words(skews: Iterable[Skew]) -> dict[str, str]:
    """Return family → what differs of its columns, alike ones together; families as they were are absent."""
    found: dict[str, dict[str, list[str]]] = {}
    for skew in skews:
        if skew.told:
            found.setdefault(skew.family, {}).setdefault(" and ".join(skew.told), []).append(skew.column)
    return {
        family: "; ".join(f"{', '.join(columns)}: {words}" for words, columns in told.items())
        for family, told in sorted(found.items())
    }


def divergence(p: Floats, q: Floats) -> float:
    """Return the Jensen-Shannon divergence of two distributions in bits (Lin 1991).

    >>> divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5])), divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    (0.0, 1.0)
    """
    middle = (p + q) / 2
    parts = [x[x > 0] * np.log2(x[x > 0] / middle[x > 0]) for x in (p, q)]
    return float(sum(part.sum() for part in parts) / 2)


def _thinned(table: pa.Table) -> pa.Table:
    """Return at most SAMPLE rows, evenly spread over the table's order."""
    n = len(table)
    return table if n <= SAMPLE else table.take(pa.array(np.arange(SAMPLE) * n // SAMPLE))


def _histogram(values: pa.ChunkedArray, dtype: str) -> Histogram:
    known = values.drop_null()
    missing = 1 - len(known) / max(len(values), 1)
    if dtype == "number":
        numbers = known.to_numpy()
        steps = np.linspace(0, 1, BINS + 1)[1:-1]
        # edges are values that occur, so that what is always the same has a bin of its own
        edges = np.unique(np.quantile(numbers, steps, method="inverted_cdf")) if len(numbers) else np.empty(0)
        return Histogram(missing, tuple(_number_shares(numbers, edges).tolist()), tuple(edges.tolist()))
    counts = sorted(_counts(known).items(), key=lambda item: (-item[1], item[0]))[:MOST_LEVELS]
    shares = tuple(n / len(known) for _, n in counts)
    return Histogram(missing, shares, levels=tuple(level for level, _ in counts))


def _number_shares(numbers: Floats, edges: Floats) -> Floats:
    rows = np.bincount(np.searchsorted(edges, numbers, side="left"), minlength=len(edges) + 1)
    return rows / max(len(numbers), 1)


def _counts(known: pa.ChunkedArray) -> dict[str, int]:
    counted = known.value_counts()
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _compared(column: Column, before: Histogram, values: pa.ChunkedArray, leads: int, chance: float) -> Skew:
    known = values.drop_null()
    missing = 1 - len(known) / max(len(values), 1)
    p, q, unseen = np.empty(0), np.empty(0), 0.0
    if len(known) and before.missing < 1:
        if before.levels is None:
            p, q = np.array(before.shares), _number_shares(known.to_numpy(), np.array(before.edges))
        else:
            p, q, unseen = _level_shares(before.levels, before.shares, known)
    degrees = int(np.count_nonzero(p + q)) - 1
    far = max(divergence(p, q) - degrees * chance, 0.0) if degrees > 0 else 0.0
    told = [] if column.window else _filled_otherwise(1 - before.missing, 1 - missing)
    if far >= DIVERGENT:
        told.append(f"its values lie elsewhere (divergence {far:.2f} of 1)")
    elif unseen < UNSEEN:
        told += _all_alike(p, q, leads * (1 - missing))
    if unseen >= UNSEEN:
        told.append(f"{unseen:.0%} of its values were not there in training")
    return Skew(column.name, column.family, before.missing, missing, far, unseen, tuple(told))


def _filled_otherwise(then: float, now: float) -> list[str]:
    """Say that a column is filled more or less than it was.

    Not asked of columns with a window: they are missing only where their source does not reach back far enough,
    which is counted elsewhere.
    """
    low, high = sorted((then, now))
    if high - low >= FILL_DIFFERENCE or (high >= FILL_RATIO * low and high >= FEWEST_FILLED):
        return [f"{now:.1%} of rows have a value, {then:.1%} in training"]
    return []


def _all_alike(p: Floats, q: Floats, leads: float) -> list[str]:
    """Say that all values fall into one bin, where chance would have put some elsewhere: a feed may be dead."""
    if np.count_nonzero(q) != 1:
        return []
    then = float(p[q > 0][0])
    return [f"all its values are alike, {then:.1%} of them in training"] if then**leads < BY_CHANCE else []


def _level_shares(
    levels: tuple[str, ...], shares: tuple[float, ...], known: pa.ChunkedArray
) -> tuple[Floats, Floats, float]:
    """Return the shares then and now of the commonest levels and of all others together, and of levels never stored."""
    now = {level: n / len(known) for level, n in _counts(known).items()}
    stored = set(levels)
    outside = max(sum(n for level, n in now.items() if level not in stored) - (1 - sum(shares)), 0.0)
    p = np.array([*shares[:COMPARED], 1 - sum(shares[:COMPARED])])
    q = np.array([now.get(level, 0.0) for level in levels[:COMPARED]])
    return p.clip(0, 1), np.append(q, 1 - q.sum()).clip(0, 1), outside


def _to_json(histogram: Histogram) -> dict[str, Any]:
    stored: dict[str, Any] = {"missing": histogram.missing, "shares": list(histogram.shares)}
    if histogram.levels is None:
        return stored | {"edges": list(histogram.edges)}
    return stored | {"levels": list(histogram.levels)}


def _from_json(stored: Mapping[str, Any]) -> Histogram:
    shares = tuple(map(float, stored["shares"]))
    levels = tuple(map(str, stored["levels"])) if "levels" in stored else None
    edges = tuple(map(float, stored["edges"])) if levels is None else ()
    wanted = len(edges) + 1 if levels is None else len(levels)
    if len(shares) != wanted or list(edges) != sorted(edges):
        raise ValueError("shares and bins do not fit each other")
    return Histogram(float(stored["missing"]), shares, edges, levels)
