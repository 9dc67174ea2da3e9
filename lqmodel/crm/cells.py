"""Cells and files: what a spreadsheet would run is made harmless, and no file is larger than the importer takes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lqmodel.declarations.crm import FORMULA

Cell = str | int | float | None
Row = Mapping[str, Cell]
GUARD: Final = "'"
DIGITS: Final = 6
"""Digits of numbers: as many as a run holds."""


@dataclass(frozen=True)
class Limits:
    """What an importer takes as one file: rows below the header, columns, bytes."""

    rows: int
    columns: int
    bytes: int

    def within(self, rows: int | None) -> Limits:
        """Return the limits with fewer rows, where fewer are declared."""
        return self if rows is None else Limits(min(rows, self.rows), self.columns, self.bytes)


def utf16(text: str) -> int:
    """Return the length of a text as databases of CRMs count it: in UTF-16 units.

    >>> utf16("a"), utf16("😀")
    (1, 2)
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a text.

    >>> is_formula("=1+1"), is_formula("a=1")
    (True, False)
    """
    return text.startswith(FORMULA)


def written(cell: Cell) -> str:
    """Write one cell: numbers plainly, texts that a spreadsheet would run behind an apostrophe.

    >>> written("=HYPERLINK(1)"), written(-3), written(0.25), written(1e-06), written(None)
    ("'=HYPERLINK(1)", '-3', '0.25', '0.000001', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return GUARD + cell if is_formula(cell) else cell
    if isinstance(cell, int):
        return str(cell)
    return f"{cell:.{DIGITS}f}".rstrip("0").rstrip(".")


def write_sheet(
    folder: Path, name: str, columns: tuple[str, ...], rows: Iterable[Row], limits: Limits
) -> dict[str, int]:
    """Write rows as ``NAME.csv``, or as ``NAME-1.csv``, ``NAME-2.csv`` … where one file would be too large.

    Comma-separated UTF-8 with a header, lines ended as RFC 4180 has it.

    Parameters
    ----------
    folder : Path
        There already; a folder that is being built.
    name : str
    columns : tuple of str
        In the order of the file.
    rows : iterable of mapping
        Each with all columns.
    limits : Limits

    Returns
    -------
    dict of str to int
        File name → rows.
    """
    head = _line(columns)
    counts: dict[str, int] = {}
    parts: list[bytes] = []
    size = count = 0

    def close() -> None:
        file = f"{name}-{len(counts) + 1}.csv"
        (folder / file).write_bytes(b"".join([head, *parts]))
        counts[file] = count

    for row in rows:
        line = _line([written(row[column]) for column in columns])
        if parts and (count >= limits.rows or len(head) + size + len(line) > limits.bytes):
            close()
            parts, size, count = [], 0, 0
        parts.append(line)
        size, count = size + len(line), count + 1
    close()
    if len(counts) > 1:
        return counts
    (folder / f"{name}-1.csv").replace(folder / f"{name}.csv")
    return {f"{name}.csv": count}


def sheet(columns: tuple[str, ...], rows: Iterable[Row]) -> bytes:
    """Return rows as one CSV file with a header, safe as `written` makes each cell.

    >>> sheet(("a",), [{"a": "=1+1"}]).splitlines()
    [b'a', b"'=1+1"]
    """
    return b"".join([_line(columns), *(_line([written(row[column]) for column in columns]) for row in rows)])


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
