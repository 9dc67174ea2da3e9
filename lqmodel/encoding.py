"""Tables → the numbers that the classifier sees: stored once at training, applied everywhere.

Grain: one row in, one row out, in the same order. Columns are found by name, never by position, and stand
sorted by name, so that the order of an input's columns changes nothing. Missing is NaN; a category is the
position of its level. Needs pyarrow and numpy alone, because `lqmodel predict` imports this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.errors import BadData, ColumnMissing, WrongType, nearest

Dtype = Literal["number", "category"]
DTYPES: tuple[str, ...] = get_args(Dtype)
OTHER = "other"
"""The level that rare levels share. A level of this name in the data means the same and shares the code."""


@dataclass(frozen=True)
class ColumnEncoding:
    """How one column becomes numbers.

    Attributes
    ----------
    name : str
        Column of the table.
    dtype : {"number", "category"}
        A number is taken as it is; a category as the position of its level.
    levels : tuple of str
        Levels of a category by falling count, then name; a level's code is its position. Empty for a number.
    """

    name: str
    dtype: Dtype
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise BadData(f"dtype {self.dtype!r} is unknown", where=self.name, exists=DTYPES)
        if self.dtype == "number" and self.levels:
            raise BadData("a number has no levels", where=self.name)
        if len(set(self.levels)) != len(self.levels):
            twice = [level for level, n in Counter(self.levels).items() if n > 1]
            raise BadData("levels stand twice", where=self.name, exists=twice)


@dataclass(frozen=True)
class Encoding:
    """How a table becomes the classifier's input.

    Attributes
    ----------
    columns : tuple of ColumnEncoding
        One per feature, sorted by name.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"visits": [3, None], "country": ["DE", "RO"]})
    >>> encoding = Encoding.fit(table, {"visits": "number", "country": "category"}, min_count=1)
    >>> encoding.names
    ('country', 'visits')
    >>> encoding.transform(table)
    array([[ 0.,  3.],
           [ 1., nan]])
    """

    columns: tuple[ColumnEncoding, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if names != sorted(set(names)):
            raise BadData("columns of an encoding stand once each, sorted by name", exists=names)

    @classmethod
    def fit(cls, table: pa.Table, dtypes: Mapping[str, str], min_count: int = 10) -> Encoding:
        """Learn the levels of every category.

        Parameters
        ----------
        table : pyarrow.Table
            Training rows, one per snapshot.
        dtypes : mapping of str to {"number", "category"}
            Type of each column to encode; columns not named are ignored.
        min_count : int, default 10
            Levels with fewer rows share the level "other".

        Raises
        ------
        ColumnMissing
            A named column is not in the table.
        WrongType
            A column declared as a number holds something else.
        BadData
            A number is infinite, or a dtype is unknown.
        """
        columns = []
        for name in sorted(dtypes):
            dtype = dtypes[name]
            if dtype not in DTYPES:
                raise BadData(f"dtype {dtype!r} is unknown", where=name, exists=DTYPES)
            if dtype == "number":
                _numbers(table, name)  # refuses here what it would refuse in transform
                columns.append(ColumnEncoding(name, "number"))
            else:
                columns.append(ColumnEncoding(name, "category", _common_levels(table, name, min_count)))
        return cls(tuple(columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in the order of the encoded array."""
        return tuple(column.name for column in self.columns)

    @property
    def categorical(self) -> list[int]:
        """Positions of the categories in the encoded array."""
        return [i for i, column in enumerate(self.columns) if column.dtype == "category"]

    def transform(self, table: pa.Table) -> NDArray[np.float64]:
        """Encode a table.

        Parameters
        ----------
        table : pyarrow.Table
            Rows to encode; other columns and any order of columns are welcome.

        Returns
        -------
        ndarray of float64, shape (n_rows, n_columns)
            NaN where missing; codes of levels for categories. A level that was not seen at training is
            "other" if that exists, else missing.

        Raises
        ------
        ColumnMissing, WrongType, BadData
            As in `fit`.
        """
        encoded = np.empty((table.num_rows, len(self.columns)), order="F")
        for i, column in enumerate(self.columns):
            if column.dtype == "number":
                encoded[:, i] = _numbers(table, column.name)
            else:
                codes = {level: float(code) for code, level in enumerate(column.levels)}
                unseen = codes.get(OTHER, np.nan)
                indices, levels = _levels(table, column.name)
                lookup = np.array([*(codes.get(level, unseen) for level in levels), np.nan])
                encoded[:, i] = lookup[indices]
        return np.ascontiguousarray(encoded)

    def unseen(self, table: pa.Table) -> dict[str, dict[str, int]]:
        """Count the rows of each level that has no code of its own, so that nothing is merged in silence.

        Returns
        -------
        dict of str to dict of str to int
            Column → level → rows, by falling count, then name; columns with none are absent.
        """
        found = {}
        for column in self.columns:
            if column.dtype == "category":
                counts = _counts(*_levels(table, column.name))
                own = set(column.levels)
                unknown = {level: n for level, n in _by_count(counts) if level not in own}
                if unknown:
                    found[column.name] = unknown
        return found

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return {"columns": [_column_to_json(column) for column in self.columns]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Encoding:
        """Rebuild what `to_json` returned.

        Raises
        ------
        BadData
            The dictionary is not an encoding.
        """
        try:
            columns = [_column_from_json(column) for column in stored["columns"]]
        except (KeyError, TypeError) as error:
            raise BadData(f"this is not a stored encoding: {error!r}", where="encoding") from error
        return cls(tuple(columns))


def _column_to_json(column: ColumnEncoding) -> dict[str, Any]:
    stored: dict[str, Any] = {"name": column.name, "dtype": column.dtype}
    return stored if column.dtype == "number" else stored | {"levels": list(column.levels)}


def _column_from_json(stored: Mapping[str, Any]) -> ColumnEncoding:
    levels = stored.get("levels", [])
    if not isinstance(stored["name"], str) or not isinstance(levels, list):
        raise TypeError("name must be a string and levels a list")
    if not all(isinstance(level, str) for level in levels):
        raise TypeError("levels must be strings")
    return ColumnEncoding(stored["name"], cast(Dtype, stored["dtype"]), tuple(levels))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    found = table.schema.get_all_field_indices(name)
    if not found:
        near = nearest(name, table.column_names)
        raise ColumnMissing(
            f"column {name!r} is not in the table",
            exists=table.column_names,
            do=f"did you mean {near!r}?" if near else f"add the column {name!r} to the input",
        )
    if len(found) > 1:
        raise BadData(f"column {name!r} stands {len(found)} times in the table", exists=table.column_names)
    return table.column(found[0])


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = _column(table, name)
    kind = column.type
    if not (pa.types.is_boolean(kind) or _is_numeric(kind) or pa.types.is_null(kind)):
        raise WrongType(
            f"column {name!r} is declared as a number but holds {kind}",
            exists=[str(value) for value in column.slice(0, 3).to_pylist()],
            do="declare it as a category, or turn it into a number in its source",
        )
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    values = np.asarray(
        column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
    )
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise BadData(
            f"column {name!r} holds {infinite} infinite values in {len(values)} rows",
            do="make them missing, or correct the division that produced them",
        )
    return values


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _levels(table: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return each row's position in the list of level names; -1 where missing."""
    column = _column(table, name)
    if pa.types.is_nested(column.type):
        raise WrongType(f"column {name!r} is declared as a category but holds {column.type}")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    coded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # a table without rows has no chunk to combine
        return np.empty(0, dtype=np.int64), []
    indices = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return indices, [_level_name(value) for value in coded.dictionary.to_pylist()]


def _level_name(value: object) -> str:
    """Name a level the same whether its column came as integers, or as floats for want of a null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _counts(indices: NDArray[np.int64], levels: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    rows = np.bincount(indices[indices >= 0], minlength=len(levels))
    for level, n in zip(levels, rows.tolist(), strict=True):
        counts[level] += n
    return counts


def _by_count(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _common_levels(table: pa.Table, name: str, min_count: int) -> tuple[str, ...]:
    kept: Counter[str] = Counter()
    for level, n in _counts(*_levels(table, name)).items():
        kept[level if n >= min_count else OTHER] += n
    return tuple(level for level, _ in _by_count(kept))
