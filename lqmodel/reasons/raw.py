"""Raw feature values, as people would say them: never, unknown, numbers, levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import DAY, Column
from lqmodel.errors import ColumnMissing, WrongType

Raw = float | str | None
_EXACT = 1e-6  # days; "never" is computed from the same microseconds, so it agrees to far less


def numbers(table: pa.Table, column: Column, ages: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return a column of numbers; NaN is missing.

    Parameters
    ----------
    table : pyarrow.Table
        Feature values; the column may hold numbers or booleans.
    column : Column
    ages : ndarray of float64, shape (n,), or None
        Age of each lead in days. A constrained recency says "never" as the lead's age plus one day; with
        the ages given, that becomes NaN. So does the 0 of a constrained tenure.

    Raises
    ------
    ColumnMissing, WrongType
    """
    found = _column(table, column.name)
    if pa.types.is_boolean(found.type):
        found = found.cast(pa.uint8())
    try:
        values: NDArray[np.float64] = found.cast(pa.float64(), safe=False).to_numpy()
    except pa.ArrowInvalid as error:
        raise WrongType(f"column {column.name!r} is declared as a number but holds {found.type}") from error
    if column.verb == "tenure" and column.constraint:
        return np.where(values == 0.0, np.nan, values)  # what has happened did so before as_of
    if column.verb == "recency" and column.constraint and ages is not None:
        return np.where(np.abs(values - ages - 1.0) < _EXACT, np.nan, values)
    return values


def levels(table: pa.Table, column: Column) -> tuple[NDArray[np.int64], list[str]]:
    """Return each row's position in the list of levels, -1 where missing; whole floats read as integers."""
    found = _column(table, column.name)
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    coded = pc.dictionary_encode(found)
    if not coded.num_chunks:
        return np.empty(0, dtype=np.int64), []
    array = coded.combine_chunks()
    positions = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return positions, [_level(value) for value in array.dictionary.to_pylist()]


class RawColumns:
    """A table of feature values, each column read once, as people would say it.

    Parameters
    ----------
    values : pyarrow.Table
        Raw feature values, one row per lead.
    columns : sequence of Column
    ages : ndarray of float64, shape (n,), or None
        Age of each lead in days; see `numbers`.
    """

    def __init__(
        self, values: pa.Table, columns: Sequence[Column], ages: NDArray[np.float64] | None = None
    ) -> None:
        self.values, self.columns, self.ages = values, columns, ages
        self._read: dict[int, tuple[NDArray[np.float64] | NDArray[np.int64], list[str]]] = {}

    def read(self, position: int) -> NDArray[np.float64] | NDArray[np.int64]:
        """Return a column by its position: numbers, or positions in the list of its levels."""
        return self._column(position)[0]

    def raw(self, position: int, read: float) -> Raw:
        """Return a value as it is said, from what stands in the column's array."""
        if self.columns[position].dtype == "number":
            return None if np.isnan(read) else float(read)
        return self._column(position)[1][int(read)] if read >= 0 else None

    def _column(self, position: int) -> tuple[NDArray[np.float64] | NDArray[np.int64], list[str]]:
        if position not in self._read:
            column = self.columns[position]
            is_number = column.dtype == "number"
            self._read[position] = (
                (numbers(self.values, column, self.ages), []) if is_number else levels(self.values, column)
            )
        return self._read[position]


def lead_ages(created: ArrayLike | None, as_of: ArrayLike | None) -> NDArray[np.float64] | None:
    """Return as_of - created in days, from microseconds; None where either is not given."""
    if created is None or as_of is None:
        return None
    ages: NDArray[np.float64] = (np.asarray(as_of) - np.asarray(created)).astype(np.float64) / float(DAY)
    return ages


def _level(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise ColumnMissing(f"column {name!r} is not among the feature values", exists=table.column_names)
    return table.column(name)
