"""Rows of single leads out of a large Parquet file that is ordered by lead, without reading the file."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


class Lookup:
    """A file whose footer is read once; a look-up then reads the groups of rows alone that can hold what is asked for.

    Parameters
    ----------
    path : Path
        Ordered by ``key``; where another one takes its place, that is read.
    key : str
        A column of text.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        with path.open("rb") as file:
            self._is = _identity(file)
            self._footer = pq.read_metadata(file)
        column = self._footer.schema.to_arrow_schema().get_field_index(key)
        groups = (
            self._footer.row_group(i).column(column).statistics for i in range(self._footer.num_row_groups)
        )
        ends = [(s.min, s.max) for s in groups if s is not None and s.has_min_max]
        self._ends = ends if len(ends) == self._footer.num_row_groups else None

    def rows(self, keys: Collection[str], columns: Collection[str] | None = None) -> pa.Table:
        """Return the rows of these keys, in the file's order; ``columns`` are read beside the key, by default all."""
        wanted = pa.array(sorted(set(keys)), pa.string())
        with self._path.open("rb") as file:
            if _identity(file) != self._is:
                return Lookup(self._path, self._key).rows(keys, columns)
            opened = pq.ParquetFile(file, metadata=self._footer)
            # so little is read that threads would cost more than they bring
            chosen = None if columns is None else [self._key, *columns]
            found = opened.read_row_groups(self._groups(wanted.to_pylist()), chosen, use_threads=False)
        return found.filter(pc.is_in(found[self._key], wanted))

    def _groups(self, keys: list[str]) -> list[int]:
        """Return which groups can hold any of these keys; all, where the file does not say what is in each."""
        if self._ends is None:
            return list(range(self._footer.num_row_groups))
        starts, stops = [low for low, _ in self._ends], [high for _, high in self._ends]
        found: set[int] = set()
        for key in keys:
            found.update(range(bisect_left(stops, key), bisect_right(starts, key)))
        return sorted(found)


def _identity(file: BinaryIO) -> tuple[int, int, int]:
    told = os.fstat(file.fileno())
    return told.st_ino, told.st_size, told.st_mtime_ns
