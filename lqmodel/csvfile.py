"""CSV files: encoding, header, and every column as text."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterable
from csv import reader
from pathlib import Path
from typing import IO

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from pyarrow import csv

from lqmodel.declarations import Source
from lqmodel.engine import materialise
from lqmodel.errors import BadData, UsageError

CSV = (".csv", ".tsv", ".txt", ".csv.gz")
SEPARATORS = {";": "semicolon", "\t": "tab", ",": "comma", "|": "bar"}
CHUNK = 1 << 22


def header(path: Path, source: Source) -> list[str]:
    """Return the column names of a CSV file, checked for encoding and delimiter.

    Raises
    ------
    BadData
        The file is empty, in another encoding, separated otherwise, or names a column twice.
    """
    try:
        with _opened(path, source) as file:
            names = next(reader(file, delimiter=source.delimiter), [])
    except UnicodeDecodeError as error:
        raise _not_in_encoding(path, source, error) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error
    if not names:
        raise BadData("the file is empty", where=str(path), do="give a table with a header and rows")
    if len(names) == 1:
        for other, word in SEPARATORS.items():
            if other in names[0] and other != source.delimiter:
                shown = "\\t" if other == "\t" else other
                raise BadData(
                    f"the header has one column only; it looks {word}-separated: {names[0][:60]!r}",
                    where=str(path),
                    do=f'declare delimiter = "{shown}" for this source',
                )
    _check_once(names, path)
    return names


def _unreadable(path: Path, error: Exception) -> BadData:
    return BadData(
        f"cannot be read: {str(error)[:120] or type(error).__name__}",
        where=str(path),
        do="check that the file is whole, and compressed as its name says",
    )


def _check_once(names: Iterable[str], path: Path) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise BadData(f"two columns are called {name!r}", where=str(path), do="rename one of them")
        seen.add(name)


def read_csv(con: Backend, table: str, source: Source, path: Path, wanted: list[str], where: str) -> ir.Table:
    """Read the wanted columns of a CSV file, all as text, into a table of the engine.

    The engine guesses nothing: names, delimiter and types are given, so no sample of rows matters.
    An empty field is null.

    Raises
    ------
    BadData
        A row does not fit the header, or a byte the encoding.
    """
    names = header(path, source)
    try:
        if _codec(source) in ("utf-8", "ascii"):
            return materialise(con, table, _with_duckdb(con, source, path, names).select(*wanted))
        con.con.register(f"{table}_arrow", _with_arrow(source, path, wanted))
        kept = materialise(con, table, con.table(f"{table}_arrow"))
        con.con.unregister(f"{table}_arrow")
        return kept
    except (duckdb.Error, pa.ArrowInvalid, UnicodeDecodeError) as error:
        _check_encoding(path, source)
        raise BadData(
            f"cannot be read: {_short(error)}",
            where=where,
            do="mend this line: each row needs as many fields as the header, with a comma or a line break only "
            "inside double quotes",
        ) from error


def _with_duckdb(con: Backend, source: Source, path: Path, names: list[str]) -> ir.Table:
    places = {f"c{i}": name for i, name in enumerate(names)}
    text = con.read_csv(
        str(path),
        columns=dict.fromkeys(places, "VARCHAR"),
        header=True,
        delim=source.delimiter,
        quote='"',
        escape='"',
        nullstr="",
    )
    return text.select(**{name: text[place] for place, name in places.items()})


def _with_arrow(source: Source, path: Path, wanted: list[str]) -> csv.CSVStreamingReader:
    """Read what DuckDB has no encoding for."""
    return csv.open_csv(
        path,
        csv.ReadOptions(encoding=source.encoding),
        csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True),
        csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _short(error: Exception) -> str:
    """Return the lines of an engine's message that speak of the file."""
    told = str(error).split("Possible ", 1)[0].split("\n\n", 1)[0]
    return "; ".join(line.strip().removeprefix("Invalid Input Error: ") for line in told.splitlines())


def _opened(path: Path, source: Source) -> IO[str]:
    encoding = _codec(source)
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding  # spreadsheets write a mark in front
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _codec(source: Source) -> str:
    try:
        return codecs.lookup(source.encoding).name
    except LookupError as error:
        raise UsageError(
            f"unknown encoding {source.encoding!r}",
            exists=("utf-8", "cp1252", "latin-1", "utf-16"),
            do="declare one of these",
        ) from error


def _not_in_encoding(path: Path, source: Source, error: UnicodeDecodeError) -> BadData:
    return BadData(
        f"byte 0x{error.object[error.start]:02x} is not {source.encoding}",
        where=str(path),
        do="declare the file's encoding for this source, often encoding = 'cp1252', or save it as UTF-8",
    )


def _check_encoding(path: Path, source: Source) -> None:
    """Refuse the first byte that the encoding does not have."""
    try:
        with _opened(path, source) as file:
            while file.read(CHUNK):
                pass
    except UnicodeDecodeError as error:
        raise _not_in_encoding(path, source, error) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error
