"""What facts measure once some steps have happened, from what they measure with each step alone.

All steps of a lead happen at one moment. So counts and sums grow by what each step adds, the last moment and the
greatest value are the greatest of all, the first moment the least. Different values (and dates) grow by the different
ones among the steps that alone would add one. All of it is in integers, or picks one of the values: exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.declarations import ActiveDays, DeclaredFeature, Distinct, Feature, Max, Recency, Tenure
from lqmodel.steps import Step
from lqmodel.verbs import beside

Sort = Literal["added", "greatest", "least", "different"]
Ints = NDArray[np.int64]
Array = NDArray[Any]
LEAST, GREATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Measure:
    """One measure of each lead, alone and with each step.

    Attributes
    ----------
    sort : {"added", "greatest", "least", "different"}
        How it takes several steps together.
    alone : ndarray, shape (n_leads,)
    with_step : ndarray, shape (n_leads, n_steps)
        int64, or float64 of a greatest value; what is missing is beyond all others.
    value : ndarray of int64, shape (n_steps,)
        Which steps hold the same value, where different ones are counted.
    """

    sort: Sort
    alone: Array
    with_step: Array
    value: Ints

    def combined(self, leads: Ints, worlds: Ints) -> pa.Array:
        """Return the measure of leads in worlds: shape (n_leads · n_worlds,), all worlds of the first lead first."""
        found = np.repeat(self.alone[leads][:, None], len(worlds), axis=1)
        with_step = self.with_step[leads]
        grown = with_step - found[:, :1] if self.sort in ("added", "different") else with_step
        for i, step in enumerate(worlds.T):
            if self.sort == "added":
                found += grown[:, step]
            elif self.sort == "greatest":
                np.maximum(found, with_step[:, step], out=found)
            elif self.sort == "least":
                np.minimum(found, with_step[:, step], out=found)
            else:
                more = grown[:, step]
                for earlier in worlds.T[:i]:
                    same = self.value[earlier] == self.value[step]
                    more = np.where(same & (grown[:, earlier] > 0), 0, more)
                found += more
        flat = found.ravel()
        if self.sort == "greatest" or self.sort == "least":
            return pa.array(flat, mask=flat == _missing(self.sort, flat.dtype))
        return pa.array(flat)


@dataclass(frozen=True, eq=False)
class Measures:
    """The measures of each lead, by the names of `verbs.measures`."""

    by_name: Mapping[str, Measure]

    @classmethod
    def of(cls, table: pa.Table, declared: Sequence[DeclaredFeature], steps: Sequence[Step]) -> Measures:
        """Take the measures of all leads apart.

        Parameters
        ----------
        table : pyarrow.Table
            Of `sweep.measuring.measured`: for each lead a row of its facts alone, then one with each step.
        declared : sequence of DeclaredFeature
            All of whose columns were measured.
        steps : sequence of Step
        """
        found = {}
        for item in declared:
            sort, value = _sort(item.feature), _values(item.feature, steps)
            for column in item.columns():
                for name in (column.name, beside(column.name)):
                    if name in table.column_names:
                        read = _filled(table[name], sort).reshape(-1, len(steps) + 1)
                        found[name] = Measure(sort, read[:, 0], read[:, 1:], value)
        return cls(found)

    def combined(self, leads: Ints, worlds: Ints) -> dict[str, pa.Array]:
        """Return each measure of leads in worlds, as `Measure.combined`.

        Parameters
        ----------
        leads : ndarray of int64
            Positions.
        worlds : ndarray of int64, shape (n_worlds, n_steps_of_each)
        """
        return {name: measure.combined(leads, worlds) for name, measure in sorted(self.by_name.items())}


def _sort(feature: Feature) -> Sort:
    if isinstance(feature, Recency | Max):
        return "greatest"
    if isinstance(feature, Tenure):
        return "least"
    return "different" if isinstance(feature, Distinct | ActiveDays) else "added"


def _values(feature: Feature, steps: Sequence[Step]) -> Ints:
    """Number the values that different ones are counted of; the date of all steps is one."""
    if not isinstance(feature, Distinct):
        return np.zeros(len(steps), np.int64)
    values = [dict(step.values).get(feature.column) for step in steps]
    known: dict[Any, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _filled(column: pa.ChunkedArray, sort: Sort) -> Array:
    """Return a measure as an array; what is missing is beyond all others."""
    kind = np.dtype(np.float64 if pa.types.is_floating(column.type) else np.int64)
    missing = _missing(sort, kind) if column.null_count else 0
    filled: Array = np.asarray(column.fill_null(pa.scalar(missing, column.type))).astype(kind)
    return filled


def _missing(sort: Sort, kind: np.dtype[Any]) -> float | int:
    if kind == np.float64:
        return -np.inf if sort == "greatest" else np.inf
    return LEAST if sort == "greatest" else GREATEST
