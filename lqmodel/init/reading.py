"""Files as they are found: how they are written, and their tables in the engine."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
from ibis.backends.duckdb import Backend

from lqmodel.csvfile import CSV, header, read_csv
from lqmodel.declarations import Source
from lqmodel.errors import BadData, NoInput, UsageError

PARQUET: Final = (".parquet", ".pq")
DELIMITERS: Final = (",", ";", "\t", "|")
ENCODINGS: Final = ("utf-8", "cp1252", "latin-1")
SNIFFED: Final = 1 << 18  # bytes that tell the delimiter
CHUNK: Final = 1 << 22


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Table:
    """A table of the engine, as the file has it: CSV columns are text, Parquet columns keep their types."""

    name: str
    path: Path
    con: duckdb.DuckDBPyConnection
    columns: Mapping[str, str]  # name → DuckDB type
    rows: int
    dialect: Dialect | None

    @property
    def relation(self) -> str:
        return quote(self.name)

    def query(self, select: str, rest: str = "") -> list[tuple[Any, ...]]:
        """Run ``SELECT select FROM this table rest``."""
        rows: list[tuple[Any, ...]] = self.con.execute(
            f"SELECT {select} FROM {self.relation} {rest}"
        ).fetchall()
        return rows


def quote(name: str) -> str:
    """Write an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write an SQL text."""
    return "'" + text.replace("'", "''") + "'"


def open_table(con: Backend, name: str, path: Path) -> Table:
    """Open one file.

    Raises
    ------
    NoInput
        It is not there.
    BadData, UsageError
        It is empty, damaged or of a kind that cannot be read.
    """
    if not path.exists():
        there = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else None
        raise NoInput(f"no file {path}", where=f"--source {name}", exists=there, do="mend the path")
    dialect = None
    if path.is_dir() or path.name.lower().endswith(PARQUET):
        _view(con, name, path)
    elif path.name.lower().endswith(CSV):
        dialect = sniff(path)
        draft = Source(uri=(str(path),), key="?", delimiter=dialect.delimiter, encoding=dialect.encoding)
        columns = [c for c in header(path, draft) if c.strip()]
        read_csv(con, name, draft, path, columns, f"source {name!r}: {path}")
    else:
        raise UsageError(
            f"cannot read {path.name}",
            where=f"--source {name}",
            exists=(*CSV, *PARQUET, "a folder of Parquet files"),
        )
    described = con.con.execute(f"DESCRIBE SELECT * FROM {quote(name)}").fetchall()
    (rows,) = con.con.execute(f"SELECT count(*) FROM {quote(name)}").fetchall()[0]
    if not rows:
        raise BadData(
            "the table has no rows",
            where=f"source {name!r}: {path}",
            do="give a table that holds at least one fact",
        )
    return Table(name, path, con.con, {d[0]: d[1] for d in described}, rows, dialect)


def _view(con: Backend, name: str, path: Path) -> None:
    files = (
        [path]
        if path.is_file()
        else sorted(p for p in path.rglob("*") if p.suffix in PARQUET and p.name[0] not in "._")
    )
    if not files:
        raise NoInput(
            f"no Parquet file in {path}",
            where=f"--source {name}",
            exists=sorted(p.name for p in path.iterdir()),
        )
    listed = ", ".join(literal(str(p)) for p in files)
    try:
        con.con.execute(f"CREATE TEMP VIEW {quote(name)} AS SELECT * FROM read_parquet([{listed}])")
    except duckdb.Error as error:
        raise BadData(
            f"cannot be read: {str(error).splitlines()[0]}",
            where=f"source {name!r}: {path}",
            do="give a whole Parquet file",
        ) from error


def sniff(path: Path) -> Dialect:
    """Find a CSV file's encoding and delimiter.

    Encodings are tried in the order of ENCODINGS on the whole file (UTF-16 by its mark): UTF-8 seldom fits by
    chance, Latin-1 always fits.
    """
    encoding = _encoding(path)
    with _open_text(path, encoding) as file:
        head = file.read(SNIFFED)
    lines = head.splitlines()[:100] if len(head) < SNIFFED else head.splitlines()[:-1][:100]
    return Dialect(max(DELIMITERS, key=lambda d: (_regularity(lines, d), -DELIMITERS.index(d))), encoding)


def _regularity(lines: list[str], delimiter: str) -> float:
    """Return how far a delimiter cuts all lines into equally many fields: fields × share of such lines."""
    widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    if not widths:
        return 0.0
    width, rows = max(widths.items(), key=lambda w: (w[1], w[0]))
    return width * (rows / sum(widths.values())) ** 2 if width > 1 else 0.0


def _encoding(path: Path) -> str:
    with _open_bytes(path) as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    for encoding in ENCODINGS:
        try:
            with _open_text(path, encoding) as file:
                while file.read(CHUNK):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    return ENCODINGS[-1]


def _open_bytes(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _open_text(path: Path, encoding: str) -> Any:
    return (
        gzip.open(path, "rt", encoding=encoding, newline="")
        if path.suffix == ".gz"
        else path.open(encoding=encoding, newline="")
    )


def same_name(wanted: str, columns: Collection[str]) -> str | None:
    """Return the column of that name; letter case and signs between words do not count if none is the same."""
    if wanted in columns:
        return wanted
    plain = re.sub(r"[\W_]+", "", wanted).casefold()
    return next((c for c in columns if re.sub(r"[\W_]+", "", c).casefold() == plain), None)
