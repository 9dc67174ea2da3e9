"""The only door for time: when each fact was known, and which moments we look from.

Past this door a moment is an integer: microseconds since 1970 in UTC. So every later comparison is
the same on every engine, and no zone or rounding can slip in.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from lqmodel.declarations import Duration, Source, from_microseconds, to_microseconds
from lqmodel.engine import AS_OF, KEY, KNOWN, OCCURRED, fetch_row, materialise
from lqmodel.errors import BadData, UsageError, WrongType
from lqmodel.validity import UNTIL, check_validity

ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
ISO_START = r"^\d{4}-\d{2}-\d{2}"
ISO_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ].*(Z|[+-]\d{2}(:?\d{2})?)$"


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us(moment) -> dt.int64: ...  # type: ignore[no-untyped-def]


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _in_zone(zone: dt.string, local: dt.Timestamp()) -> dt.Timestamp(timezone="UTC"): ...  # type: ignore[valid-type]


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _strptime(text: dt.string, form: dt.string) -> dt.Timestamp(): ...  # type: ignore[valid-type]


EARLIEST, LATEST = to_microseconds("1900-01-01", "UTC"), to_microseconds("2100-01-01", "UTC")
MOST = 0.99
"""Share of facts that have to be known before a stretch of time counts as covered."""


@dataclass(frozen=True)
class Facts:
    """The facts of one source, each with the moment it was known.

    ``table``: one row per fact; ``__key`` (string), ``__occurred`` and ``__known`` (int64 microseconds
    UTC; absent without a clock), and the columns that are read: float64 or string. Of texts the greatest is
    taken by its bytes, so on PostgreSQL their columns need COLLATE "C".
    ``observed_from`` and ``observed_until`` (exclusive) bound what the source covers; ``first_usable`` is
    the earliest moment by which a fact had occurred and was known.
    ``delay`` is how long 99 % of the facts take to become known, in microseconds; the lag without known_at.
    ``set_aside`` counts the rows left out, by reason.
    """

    name: str
    source: Source
    table: ir.Table
    rows: int
    observed_from: int | None
    observed_until: int | None
    first_usable: int | None
    newest_known: int | None
    delay: int
    set_aside: dict[str, int]
    digest: str

    @property
    def has_clock(self) -> bool:
        return self.source.occurred_at is not None

    def covered_from(self) -> int | None:
        """Return the moment from which an absent fact means that nothing happened.

        Undeclared, it is the first moment at which any fact could be used: facts that became known later
        do not move it, so they change no feature.
        """
        return self.observed_from if self.source.observed_from is not None else self.first_usable


def facts(
    con: Backend,
    name: str,
    source: Source,
    table: ir.Table,
    read: Collection[str] = (),
    *,
    may_be_empty: bool = False,
) -> Facts:
    """Put the clock on a source's rows and keep them in the engine; moments that ``read`` names stay as they are, too.

    Raises
    ------
    BadData
        No rows, unless there may be none; a moment that cannot be read; a local time where no zone is declared.
    """
    times: dict[str, ir.IntegerColumn] = {}
    if source.occurred_at is not None:
        times[OCCURRED] = _moment(table, source.occurred_at, source, name)
        arrived = (
            times[OCCURRED] if source.known_at is None else _moment(table, source.known_at, source, name)
        )
        times[KNOWN] = _known(times[OCCURRED], arrived, source)
    ends = {} if source.valid_until is None else {UNTIL: _moment(table, source.valid_until, source, name)}
    raw_times = {source.occurred_at, source.known_at, source.valid_until} - {None}
    kept = [c for c in table.columns if c not in raw_times or c in read]
    everything = table.select(*kept, **times, **ends)
    try:
        everything = materialise(con, f"__{name}_all", everything)
    except duckdb.Error as error:
        raise BadData(
            f"cannot be read: {str(error).splitlines()[0]}",
            where=f"source {name!r}",
            do="mend the values that are named, or write the file anew",
        ) from error
    set_aside = _set_aside(everything, list(times))
    whole = everything.filter(everything[KEY].notnull(), *(_believable(everything[c]) for c in times))
    table = whole if set_aside else everything
    if source.valid_until is not None:
        check_validity(table, name, source.valid_until)
        table = table.select(*(c for c in table.columns if c != UNTIL))
    found = _describe(name, source, table, set_aside)
    if not (found.rows or may_be_empty):
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(set_aside.items()))
        raise BadData(
            f"no row can be used: {reasons}" if reasons else "the table has no rows",
            where=f"source {name!r}",
            do="give a table that holds at least one fact",
        )
    return found


def _known(occurred: ir.IntegerColumn, arrived: ir.IntegerColumn, source: Source) -> ir.IntegerValue:
    """Return when facts were known; those loaded in bulk count as if they had arrived at once."""
    if source.backfilled_before is None:
        return arrived + source.lag.us
    loaded = occurred < to_microseconds(source.backfilled_before, source.zone or "UTC")
    return loaded.ifelse(occurred, arrived) + source.lag.us


def _believable(moment: ir.IntegerColumn) -> ir.BooleanValue:
    """Systems write 0001-01-01 or 9999-12-31 for "never"; taken as dates, they would stretch what is covered."""
    return ((moment >= EARLIEST) & (moment < LATEST)).fill_null(False)


def _set_aside(everything: ir.Table, times: list[str]) -> dict[str, int]:
    no_key = everything[KEY].isnull()
    no_time = ibis.or_(ibis.literal(False), *(everything[c].isnull() for c in times)) & ~no_key
    unbelievable = (
        ibis.or_(ibis.literal(False), *(~_believable(everything[c]) for c in times)) & ~no_key & ~no_time
    )
    counts = everything.aggregate(
        key=everything.count(where=no_key),
        time=everything.count(where=no_time),
        unbelievable=everything.count(where=unbelievable),
    )
    row = fetch_row(counts)
    named = {
        "without a lead id": row["key"],
        "without a time": row["time"],
        "with a time before 1900 or after 2100": row["unbelievable"],
    }
    return {reason: n for reason, n in named.items() if n}


def _describe(name: str, source: Source, table: ir.Table, set_aside: dict[str, int]) -> Facts:
    measures = {"rows": table.count(), "digest": _digest(table)}
    if source.occurred_at is not None:
        usable = ibis.greatest(table[OCCURRED], table[KNOWN])
        measures |= {"first": table[OCCURRED].min(), "last": table[OCCURRED].max()}
        measures |= {"usable": usable.min(), "newest": table[KNOWN].max()}
    if source.known_at is not None:
        took = table[KNOWN] - table[OCCURRED]
        measures |= {"delay": took.quantile(MOST, where=_arrived_by_itself(table, source))}
    row = fetch_row(table.aggregate(**measures))
    first, last = row.get("first"), row.get("last")
    until = None if last is None else last + 1
    if source.observed_from is not None:
        first = to_microseconds(source.observed_from, source.zone or "UTC")
    if source.observed_until is not None:
        until = to_microseconds(source.observed_until, source.zone or "UTC")
    return Facts(
        name=name,
        source=source,
        table=table,
        rows=row["rows"],
        observed_from=first,
        observed_until=until,
        first_usable=row.get("usable"),
        newest_known=row.get("newest"),
        delay=int(row.get("delay", source.lag.us) or 0),
        set_aside=set_aside,
        digest=row["digest"] or "",
    )


def _arrived_by_itself(table: ir.Table, source: Source) -> ir.BooleanValue | None:
    """Facts that were loaded in bulk say nothing of how long others take."""
    if source.backfilled_before is None:
        return None
    return table[OCCURRED] >= to_microseconds(source.backfilled_before, source.zone or "UTC")


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def _mix(hashed: dt.uint64, value) -> dt.uint64: ...  # type: ignore[no-untyped-def]


def _digest(table: ir.Table) -> ir.Scalar:
    """Sum of row hashes: the same for the same rows in any order.

    Values are hashed as they are: to write them as text first would take four times as long.
    """
    hashed: ir.Value = ibis.literal(0, "uint64")
    for column in sorted(table.columns):
        hashed = _mix(hashed, table[column])
    return hashed.sum().cast("string")  # DuckDB adds in 128 bits


def _moment(table: ir.Table, column: str, source: Source, name: str) -> ir.IntegerColumn:
    """Return microseconds UTC of a time column: date, timestamp (with or without zone) or text."""
    values = table[column]
    kind = values.type()
    if kind.is_date():
        return _end_of_day(values.cast("timestamp"), source, name, column)
    if kind.is_timestamp():
        if kind.timezone is not None:
            return _epoch_us(values)
        return _local(values, source, name, column)
    if kind.is_string():
        return (_from_iso if source.time_format is None else _from_format)(table, column, source, name)
    raise WrongType(
        f"column {column!r} holds {kind}, no moments",
        where=f"source {name!r}",
        do="store dates, timestamps or texts such as 2026-01-31T08:00Z",
    )


def _zone_of(source: Source, name: str, column: str, what: str) -> str:
    if source.zone is None:
        raise BadData(
            f"column {column!r} holds {what} without a zone",
            where=f"source {name!r}",
            do=f"declare zone = 'Europe/Berlin' (or 'UTC', …) in [{name}] of features/sources.toml",
        )
    return source.zone


def _local(values: ir.TimestampColumn, source: Source, name: str, column: str) -> ir.IntegerColumn:
    """Read local times; one that the clocks skip or show twice is taken as the later of its readings."""
    zone = _zone_of(source, name, column, "timestamps")
    return _epoch_us(_in_zone(zone, values.cast("timestamp")))


def _end_of_day(midnight: ir.TimestampColumn, source: Source, name: str, column: str) -> ir.IntegerColumn:
    zone = _zone_of(source, name, column, "dates")
    return _epoch_us(_in_zone(zone, midnight + ibis.interval(days=1))) - 1


def _from_format(table: ir.Table, column: str, source: Source, name: str) -> ir.IntegerColumn:
    form = str(source.time_format)
    parsed = _strptime(table[column].strip(), form)
    _refuse_unreadable(table, column, parsed.isnull(), name, f"written as {form}")
    if "%z" in form:
        return _epoch_us(parsed)
    has_time = re.search(r"%-?[HIcX]", form) is not None
    return (_local if has_time else _end_of_day)(parsed, source, name, column)


def _from_iso(table: ir.Table, column: str, source: Source, name: str) -> ir.IntegerColumn:
    text = table[column].strip()
    text = text.re_replace(" ?UTC$", "Z").re_replace(r" (Z|[+-]\d{2}(:?\d{2})?)$", r"\1")
    text = text.re_replace(r"^(.{10}[T ]\d{2}:\d{2})(Z|[+-].*)?$", r"\1:00\2")  # seconds may be left out
    is_date, has_offset = text.re_search(ISO_DATE), text.re_search(ISO_OFFSET)
    naive, aware = text.try_cast("timestamp"), text.try_cast("timestamp('UTC')")
    unreadable = has_offset.ifelse(aware.isnull(), naive.isnull() | ~text.re_search(ISO_START))
    _refuse_unreadable(table, column, unreadable, name, "an ISO date or time such as 2026-01-31T08:00Z")
    is_local = text.notnull() & ~is_date & ~has_offset
    kinds = fetch_row(table.aggregate(dates=table.count(where=is_date), local=table.count(where=is_local)))
    cases = [(has_offset, _epoch_us(aware))]
    if kinds["dates"]:
        cases.append((is_date, _end_of_day(naive, source, name, column)))
    if kinds["local"]:
        cases.append((is_local, _local(naive, source, name, column)))
    return ibis.cases(*cases, else_=None).cast("int64")


def _refuse_unreadable(
    table: ir.Table, column: str, unreadable: ir.BooleanColumn, name: str, wanted: str
) -> None:
    wrong = table[column].notnull() & unreadable
    try:
        row = fetch_row(table.aggregate(n=table.count(where=wrong), example=table[column].min(where=wrong)))
    except duckdb.Error as error:
        raise BadData(
            f"column {column!r} cannot be read as {wanted}: {str(error).splitlines()[0]}",
            where=f"source {name!r}",
            do="mend time_format; its codes are those of strptime, such as '%d.%m.%Y %H:%M'",
        ) from error
    if row["n"]:
        raise BadData(
            f"column {column!r}: {row['n']} values are not {wanted}, such as {row['example']!r}",
            where=f"source {name!r}",
            do="declare time_format (for example '%d.%m.%Y'), list such texts in missing, or mend the file",
        )


def known_before(snapshots: ir.Table, facts: Facts, reach: int | None = None) -> ir.Table:
    """Join to each snapshot the facts of its lead that were known strictly before its as_of.

    Parameters
    ----------
    snapshots : ibis Table
        Grain: (``__key``, ``__as_of``); as_of in int64 microseconds UTC.
    facts : Facts
        With or without a clock; without one every fact counts as known.
    reach : int, optional
        Only facts that occurred within so many microseconds before as_of.

    Returns
    -------
    ibis Table
        One row per (snapshot, fact): the columns of both.
    """
    as_of = snapshots[AS_OF]
    on = [snapshots[KEY] == facts.table[KEY]]
    if facts.has_clock:
        on += [facts.table[KNOWN] < as_of, facts.table[OCCURRED] < as_of]
        if reach is not None:
            on.append(facts.table[OCCURRED] >= as_of - reach)
    return snapshots.select(KEY, AS_OF).inner_join(facts.table, on)


def newest_known(facts: Facts, as_of: int) -> int | None:
    """Return when the newest fact known before as_of became known, microseconds UTC; None if there is none."""
    known = facts.table[KNOWN]
    newest: int | None = fetch_row(facts.table.aggregate(newest=known.max(where=known < as_of)))["newest"]
    return newest


def weekly_grid(start: int, end: int, every: Duration, zone: str) -> list[int]:
    """Return the Mondays 00:00 in ``zone`` within [start, end], in microseconds UTC.

    The grid is anchored at Monday 5 January 1970, so that it never depends on the data.

    >>> monday = to_microseconds("2026-11-16T00:00Z", None)
    >>> weekly_grid(monday, monday, Duration.parse("7d"), "UTC") == [monday]
    True
    """
    step = timedelta(microseconds=every.us)
    anchor = datetime(1970, 1, 5)
    day = anchor + (from_microseconds(start).replace(tzinfo=None) - anchor) // step * step - step
    grid: list[int] = []
    while True:
        moment = to_microseconds(day, zone)
        if moment > end:
            return grid
        if moment >= start:
            grid.append(moment)
        day += step


def parse_as_of(text: str, zone: str, now: datetime) -> int:
    """Read ``today`` (the last midnight in ``zone``), a date (its midnight) or a moment with an offset.

    Raises
    ------
    UsageError
        Not a moment, or a time without an offset.
    """
    if text == "today":
        local = now.astimezone(ZoneInfo(zone))
        return to_microseconds(date(local.year, local.month, local.day), zone)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return to_microseconds(text, zone)
        return to_microseconds(text, None)
    except ValueError as error:
        raise UsageError(
            f"as_of {text!r}: {error}", exists=("today", "2026-01-31", "2026-01-31T00:00Z")
        ) from error


def iso(us: int) -> str:
    """Write a moment for people and files: ``2026-11-16T00:00Z``, seconds only where there are any."""
    text = from_microseconds(us).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return re.sub(r"(:00)?\.0+$", "", text) + "Z"
