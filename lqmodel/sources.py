"""Declared tables → checked Ibis tables, with the columns that are used and nothing else.

A CSV file has no types: every column is read as text, and the declarations say what is a number or a
moment. So neither the order of rows nor an unlucky sample can change a type between training and
scoring.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from lqmodel.csvfile import CSV, header, read_csv
from lqmodel.declarations import Declarations, Max, Mean, Source, Sum, Taken
from lqmodel.engine import KEY, TEXT, as_text, fetch_row
from lqmodel.errors import BadData, ColumnMissing, NoInput, UsageError, WrongType, nearest

__all__ = ["Reading", "check_overrides", "header", "read", "readings", "resolve"]

PARQUET = (".parquet", ".pq")
LARGEST_SUM = 2.0**62  # a summand times its scale; sums themselves are wider


@dataclass(frozen=True)
class Reading:
    """What declarations read from one source.

    ``numbers`` are the columns that a verb or a comparison takes as numbers, ``texts`` the others.
    ``scales`` holds, for columns that are summed, the largest declared scale. ``both`` are those of the
    numbers whose texts count as well.
    """

    numbers: frozenset[str]
    texts: frozenset[str]
    scales: Mapping[str, int]
    both: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[str]:
        return sorted(self.numbers | self.texts)


def readings(
    declarations: Declarations, *, with_label: bool = True, display: bool = False
) -> dict[str, Reading]:
    """Return for each used source which of its columns are read, and as what.

    Parameters
    ----------
    declarations : Declarations
        The declarations of one model.
    with_label : bool
        Scoring without a clock needs no label column.
    display : bool
        Also read who objects, and the columns of the leads that are shown to people or say whom a handoff goes to.
    """
    model = declarations.model
    columns: dict[str, set[str]] = {name: set() for name in declarations.used_sources(scoring=display)}
    numbers: dict[str, set[str]] = {name: set() for name in columns}
    texts: dict[str, set[str]] = {name: set() for name in columns}
    scales: dict[str, dict[str, int]] = {name: {} for name in columns}
    conditions = []
    for item in (*declarations.features, *declarations.facts):
        feature, source = item.feature, item.feature.source
        columns[source].update(feature.reads())
        conditions += [(source, condition) for condition in feature.where]
        if isinstance(feature, Sum | Mean):
            numbers[source].add(feature.column)
            scales[source][feature.column] = max(feature.scale, scales[source].get(feature.column, 1))
        elif isinstance(feature, Max):
            numbers[source].add(feature.column)
        elif isinstance(feature, Taken):
            (numbers if feature.dtype == "number" else texts)[source].add(feature.column)
    if with_label:
        label = model.label
        conditions += [(label.source, c) for c in (*label.where, *label.lost, *label.reopened)]
    for source, condition in conditions:
        columns[source].add(condition.column)
        (texts if isinstance(condition.values[0], str | bool) else numbers)[source].add(condition.column)
    if model.population.account:
        columns[model.population.source].add(model.population.account)
        texts[model.population.source].add(model.population.account)
    if display:
        columns[model.population.source].update(declarations.sources[model.population.source].display)
        columns[model.population.source].update(model.routes().values())
        for name, declared in declarations.used_sources(scoring=True).items():
            columns[name].update(declared.timeline)
    return {
        name: Reading(
            frozenset(numbers[name]),
            frozenset(used - numbers[name]),
            scales[name],
            frozenset(numbers[name] & texts[name]),
        )
        for name, used in columns.items()
    }


def resolve(source: Source, name: str, root: Path, overrides: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses of a source: the override or the declared ones, variables filled in."""
    base = Path.cwd() if name in overrides else root
    declared = (overrides[name],) if name in overrides else source.uri
    return tuple(_resolve(uri, name, base) for uri in declared)


def _resolve(uri: str, name: str, base: Path) -> str:
    def fill(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise NoInput(
                f"the variable {found[1]} is not set",
                where=f"source {name!r}: {uri}",
                do=f"export {found[1]}=…, or give --source {name}=FILE",
            )
        return os.environ[found[1]]

    uri = re.sub(r"\$\{(\w+)\}", fill, uri)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", uri):
        raise UsageError(
            f"cannot read {uri.split(':', 1)[0]}:// addresses",
            where=f"source {name!r}",
            exists=("CSV files", "Parquet files", "folders of Parquet files"),
            do="export the table to one of these",
        )
    return str((base / Path(uri).expanduser()).resolve())


def check_overrides(overrides: Mapping[str, str], sources: Collection[str]) -> None:
    """Refuse an override of a source that is not declared."""
    for name in overrides:
        if name not in sources:
            near = nearest(name, sources)
            raise UsageError(
                f"no source {name!r} to override",
                exists=sorted(sources),
                do=f"write {near!r}" if near else "name one of these",
            )


def read(
    con: Backend,
    name: str,
    source: Source,
    uris: Sequence[str],
    reading: Reading,
    only: ir.Table | None = None,
) -> ir.Table:
    """Open one source, of one table or of several that hold the same columns.

    Parameters
    ----------
    con : Backend
    name, source
        What is declared.
    uris : sequence of str
        Of `resolve`.
    reading : Reading
        What is read.
    only : ibis Table, optional
        ``__key`` of the leads whose rows are read; default: all rows.

    Returns
    -------
    ibis Table
        Grain: one row per fact, as in the file. Columns: ``__key`` (string), the declared time columns
        as they are, ``reading.texts`` (string), ``reading.numbers`` (float64), and the texts of
        ``reading.both`` (string) under names that begin with ``__text_``.
        Empty texts, declared missing texts and NaN are null.

    Raises
    ------
    NoInput
        There is no such file.
    ColumnMissing, WrongType, BadData
        The content does not fit the declaration.
    """
    times = time_columns(source)
    wanted = list(dict.fromkeys([source.key, *times, *reading.columns]))
    several = [_open(con, f"{name}_{i}", name, source, Path(uri), wanted) for i, uri in enumerate(uris)]
    chosen = [raw.select(*wanted) for raw in several]
    if only is not None:
        chosen = [raw.semi_join(only, as_text(raw[source.key]) == only[KEY]) for raw in chosen]
    typed = [
        _typed(raw, source, reading, f"source {name!r}: {uri}") for raw, uri in zip(chosen, uris, strict=True)
    ]
    return typed[0] if len(typed) == 1 else ibis.union(*_alike(typed, times))


def _typed(raw: ir.Table, source: Source, reading: Reading, where: str) -> ir.Table:
    """Turn the columns of one file into what the declarations read them as."""
    times, missing = time_columns(source), ["", *source.missing]
    cleaned = {c: _blank(raw[c], [""] if c == source.key else missing) for c in raw.columns}
    raw = raw.select(**cleaned)
    numbers = {c: _as_number(raw[c], source) for c in sorted(reading.numbers)}
    _check_numbers(raw, numbers, reading.scales, where)
    texts = {c: raw[c] if c in times else as_text(raw[c]) for c in sorted(reading.texts)}
    texts |= {TEXT + c: as_text(raw[c]) for c in sorted(reading.both)}
    return raw.select(**{KEY: as_text(raw[source.key])} | {c: raw[c] for c in times} | texts | numbers)


def time_columns(source: Source) -> list[str]:
    """Return the columns of a source that hold its moments."""
    return [c for c in (source.occurred_at, source.known_at, source.valid_until) if c]


def _alike(tables: list[ir.Table], times: list[str]) -> list[ir.Table]:
    """Bring tables of different files together: where the types of a column of times differ it is read as text."""
    mixed = [c for c in times if len({table[c].type() for table in tables}) > 1]
    return [
        table.select(**{c: as_text(table[c]) if c in mixed else table[c] for c in tables[0].columns})
        for table in tables
    ]


def _open(con: Backend, table: str, name: str, source: Source, path: Path, wanted: list[str]) -> ir.Table:
    where = f"source {name!r}"
    if not path.exists():
        folder = path.parent
        raise NoInput(
            f"no file {path}",
            where=where,
            exists=sorted(p.name for p in folder.iterdir()) if folder.is_dir() else None,
            do=f"give its place with --source {name}=FILE, or mend uri in features/sources.toml",
        )
    if path.is_file() and path.name.lower().endswith(CSV):
        _check_columns(header(path, source), f"{where}: {path}", wanted)
        return read_csv(con, f"__{table}_text", source, path, wanted, f"{where}: {path}")
    files = _parquet_files(path, where)
    try:
        _check_each(files, where, wanted, [source.key, *time_columns(source)])
        opened = con.read_parquet([_literal(file) for file in files], union_by_name=True)
    except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
        raise BadData(
            f"cannot be read: {str(error).splitlines()[0]}",
            where=f"{where}: {path}",
            do="write the Parquet file anew, or give the right file",
        ) from error
    _check_columns(opened.columns, f"{where}: {path}", wanted)
    return opened


def _check_each(files: list[str], where: str, wanted: list[str], needed: list[str]) -> None:
    """Refuse a file of a folder in which a column seems to have another name: its rows would hold no value.

    A file that was written before a column was there has no column of its own instead.
    """
    names = {file: set(pq.read_schema(file).names) for file in files} if len(files) > 1 else {}
    usual = set().union(*(there for there in names.values() if there.issuperset(wanted)))
    for file, there in names.items():
        renamed = bool(usual) and not there <= usual
        _check_columns(sorted(there), f"{where}: {file}", wanted if renamed else needed)


def _parquet_files(path: Path, where: str) -> list[str]:
    if path.is_file() and path.name.lower().endswith(PARQUET):
        if path.stat().st_size == 0:
            raise BadData("the file is empty", where=f"{where}: {path}", do="give a table that holds facts")
        return [str(path)]
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.suffix in PARQUET)
        files = [str(p) for p in inside if not p.name.startswith((".", "_"))]
        if files:
            return files
        raise NoInput(
            f"no Parquet file in {path}",
            where=where,
            exists=sorted(p.name for p in path.iterdir()),
            do="name one of these files, or another folder",
        )
    raise UsageError(
        f"cannot read {path.name}",
        where=where,
        exists=(*CSV, *PARQUET, "a folder of Parquet files"),
        do="export the table to one of these",
    )


def _literal(file: str) -> str:
    """Keep DuckDB from reading ``*``, ``?`` and ``[`` in a file's name as a pattern."""
    return re.sub(r"([*?[])", r"[\1]", file)


def _check_columns(columns: Collection[str], where: str, wanted: list[str]) -> None:
    for column in wanted:
        if column not in columns:
            near = nearest(column, columns)
            raise ColumnMissing(
                f"no column {column!r}",
                where=where,
                exists=columns,
                do=f"did you mean {near!r}? Mend the declaration or the file"
                if near
                else "mend the declaration or the file",
            )


def _blank(column: ir.Column, missing: list[str]) -> ir.Column:
    """Turn texts that mean missing into null."""
    return column.isin(missing).ifelse(None, column) if column.type().is_string() else column


def _as_number(column: ir.Column, source: Source) -> ir.FloatingColumn:
    """Turn a column into float64; what is no number becomes null (and is then refused)."""
    if column.type().is_string():
        text = column.strip()
        if source.decimal == ",":
            german = text.re_search(r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)?(,\d*)?([eE][+-]?\d+)?$")
            plain = text.replace(".", "").replace(",", ".")
            text = (german | text.lower().isin(["nan", "inf", "-inf"])).ifelse(plain, None)
        number = text.try_cast("float64")
    else:
        number = column.try_cast("float64")
    return number.isnan().ifelse(None, number)


def _check_numbers(
    raw: ir.Table, numbers: Mapping[str, ir.FloatingColumn], scales: Mapping[str, int], where: str
) -> None:
    """Refuse texts that are no numbers, infinite numbers and too large ones; one scan for all columns."""
    if not numbers:
        return
    measures = {}
    for i, (column, number) in enumerate(numbers.items()):
        kind = raw[column].type()
        if not (kind.is_string() or kind.is_numeric() or kind.is_boolean()):
            raise WrongType(
                f"column {column!r} must hold numbers and holds {kind}",
                where=where,
                do="declare dtype = 'category', or mend the file",
            )
        if kind.is_string():  # all else is a number already, and to write each as text would take long
            wrong = raw[column].notnull() & number.isnull() & (raw[column].strip().lower() != "nan")
            measures[f"wrong{i}"] = raw.count(where=wrong)
            measures[f"example{i}"] = raw[column].min(where=wrong)
        measures[f"infinite{i}"] = raw.count(where=number.isinf())
        measures[f"largest{i}"] = number.abs().max()
    row = fetch_row(raw.aggregate(**measures))
    for i, column in enumerate(numbers):
        if row.get(f"wrong{i}"):
            raise WrongType(
                f"column {column!r} must hold numbers; {row[f'wrong{i}']} rows do not, such as {row[f'example{i}']!r}",
                where=where,
                do="declare such texts as missing = [...], mend the file, or declare dtype = 'category'",
            )
        if row[f"infinite{i}"]:
            raise BadData(
                f"column {column!r} holds {row[f'infinite{i}']} infinite numbers",
                where=where,
                do="leave unknown numbers empty",
            )
        if (row[f"largest{i}"] or 0.0) * scales.get(column, 0) >= LARGEST_SUM:
            raise BadData(
                f"column {column!r} holds {row[f'largest{i}']:g}, too large to be summed exactly",
                where=where,
                do=f"mend the file, or declare a scale below {scales[column]}",
            )
