"""What is usual: quantiles and shares among the snapshots of training, stored for the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from lqmodel.errors import BadData
from lqmodel.reasons.families import Families
from lqmodel.reasons.raw import lead_ages, levels, numbers

QUANTILES = (0.1, 0.5, 0.9)
MOST_LEVELS = 100
"""Levels of a category whose share is stored, the commonest first."""


@dataclass(frozen=True)
class Usual:
    """What is usual in each column.

    Attributes
    ----------
    numbers : mapping of str to tuple of float
        Column → 10, 50 and 90 % quantile among values that are not missing; each is a value that occurs.
    levels : mapping of str to mapping of str to float
        Column → level → share of the snapshots that have a level, 0 to 1.
    """

    numbers: Mapping[str, tuple[float, ...]]
    levels: Mapping[str, Mapping[str, float]]

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        families: Families,
        created: ArrayLike | None = None,
        as_of: ArrayLike | None = None,
    ) -> Usual:
        """Learn from the snapshots of training.

        Parameters
        ----------
        table : pyarrow.Table
            Raw feature values, one row per snapshot.
        families : Families
        created, as_of : array-like of int64, or None
            Microseconds UTC; with both, "never" does not count among days since the last act.
        """
        ages = lead_ages(created, as_of)
        quantiles: dict[str, tuple[float, ...]] = {}
        shares: dict[str, dict[str, float]] = {}
        for column in sorted(families.columns, key=lambda c: c.name):
            if column.dtype == "number":
                values = numbers(table, column, ages)
                values = values[~np.isnan(values)]
                if len(values):
                    found = np.quantile(values, QUANTILES, method="inverted_cdf")
                    quantiles[column.name] = tuple(found.tolist())
            else:
                counts: Counter[str] = Counter()
                positions, names = levels(table, column)
                rows = np.bincount(positions[positions >= 0], minlength=len(names)).tolist()
                for name, n in zip(names, rows, strict=True):
                    counts[name] += n
                common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_LEVELS]
                shares[column.name] = {name: n / counts.total() for name, n in common}
        return cls(quantiles, shares)

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return {
            "numbers": {name: list(values) for name, values in self.numbers.items()},
            "levels": {name: dict(shares) for name, shares in self.levels.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Usual:
        """Rebuild what `to_json` returned.

        Raises
        ------
        BadData
            The dictionary is not what was stored.
        """
        try:
            quantiles = {str(k): tuple(map(float, v)) for k, v in stored["numbers"].items()}
            shares = {str(k): {str(n): float(s) for n, s in v.items()} for k, v in stored["levels"].items()}
            if any(len(v) != len(QUANTILES) or list(v) != sorted(v) for v in quantiles.values()):
                raise ValueError("a number needs three rising quantiles")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadData(f"these are not stored quantiles: {error!r}", where="usual") from error
        return cls(quantiles, shares)
