"""What the columns of a table hold: numbers, moments, levels, gaps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from lqmodel.init.reading import Table, literal, quote
from lqmodel.lexicon import MISSING, words

FORMATS: Final = tuple(
    f"{day}{time}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%d-%b-%Y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)
TOP: Final = 60  # levels looked at
COMMA_NUMBER: Final = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
NUMERIC_TYPES: Final = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)
FLOAT_TYPES: Final = ("FLOAT", "DOUBLE", "DECIMAL")
CODED: Final = 0.8  # share of two-letter values from which "NA" is Namibia, not a gap


@dataclass(frozen=True)
class Moments:
    """A column of dates or times: bare dates, local times or times with an offset; how text is written."""

    form: Literal["date", "local", "zoned"]
    time_format: str | None = None
    also: str | None = None  # a second format that fits as well


@dataclass(frozen=True)
class Profile:
    """One column. ``filled`` rows hold something that does not mean missing; ``levels`` are the most frequent."""

    name: str
    sql_type: str
    rows: int
    filled: int
    distinct: int
    number: bool
    whole: bool
    mean_length: float
    levels: tuple[tuple[str, int], ...]
    missing_texts: tuple[str, ...]
    moments: Moments | None

    @property
    def is_text(self) -> bool:
        return self.sql_type == "VARCHAR"

    @property
    def top_share(self) -> float:
        """Share of the most frequent value, missing counted as one."""
        return max([self.rows - self.filled, *(n for _, n in self.levels[:1])]) / self.rows

    @property
    def top(self) -> str:
        most = self.levels[0] if self.levels else ("missing", 0)
        return most[0] if most[1] >= self.rows - self.filled else "missing"

    @property
    def identifies(self) -> bool:
        """Whether it is filled in every row and never twice the same."""
        return self.filled == self.rows == self.distinct


@dataclass(frozen=True)
class Contents:
    """A table with the profiles of its columns and how its numbers are written."""

    table: Table
    profiles: dict[str, Profile]
    decimal: Literal[".", ","]

    @property
    def name(self) -> str:
        return self.table.name

    def without(self, dropped: Callable[[str, str], bool]) -> Contents:
        """Return the contents as if the file did not hold the columns of which ``dropped(table, column)`` holds."""
        kept = {
            column: profile for column, profile in self.profiles.items() if not dropped(self.name, column)
        }
        return replace(self, profiles=kept)

    def missing_texts(self, columns: list[str]) -> list[str]:
        """Return the texts that mean missing in these columns, sorted."""
        return sorted({text for c in columns for text in self.profiles[c].missing_texts})

    def key_sql(self, column: str) -> str:
        """SQL: a key as text; whole numbers without ``.0``, which a Parquet column with gaps would give them."""
        c = quote(column)
        floating = self.table.columns[column].startswith(FLOAT_TYPES)
        return f"TRY_CAST({c} AS BIGINT)::VARCHAR" if floating else f"{c}::VARCHAR"

    def times(self) -> list[str]:
        """Return the columns of dates or times, in the file's order."""
        return [p.name for p in self.profiles.values() if p.moments]


def profile(table: Table) -> Contents:
    """Look at every column of a table."""
    gaps = _gaps(table)
    decimal = _decimal(table, gaps)
    profiles = {c: _profile(table, c, gaps[c], decimal) for c in table.columns}
    return Contents(table, profiles, decimal)


def _gaps(table: Table) -> dict[str, tuple[str, ...]]:
    """Return for each column the texts that mean missing."""
    listed = ", ".join(literal(m) for m in sorted(MISSING))
    found: dict[str, tuple[str, ...]] = {}
    codes = False
    for column, kind in table.columns.items():
        found[column] = ()
        if kind == "VARCHAR":
            c = quote(column)
            rows = table.query(
                f"DISTINCT {c}", f"WHERE lower(strip_accents(trim({c}))) IN ({listed}) ORDER BY 1"
            )
            found[column] = tuple(text for (text,) in rows)
            codes |= "NA" in found[column] and _two_letters(table, column)
    if codes:  # one list serves the whole table, and Namibia is a country
        found = {c: tuple(t for t in texts if t != "NA") for c, texts in found.items()}
    return found


def _two_letters(table: Table, column: str) -> bool:
    c = quote(column)
    ((two, n),) = table.query(
        f"count(DISTINCT {c}) FILTER (regexp_matches({c}, '^[A-Z]{{2}}$')), count(DISTINCT {c})"
    )
    return bool(n > 2 and two >= CODED * n)


def known_sql(column: str, gaps: tuple[str, ...]) -> str:
    """SQL: the column, null where it means missing."""
    c = quote(column)
    return f"CASE WHEN {c} IN ({', '.join(map(literal, gaps))}) THEN NULL ELSE {c} END" if gaps else c


def number_sql(text: str, decimal: str) -> str:
    """SQL: a text as a number, null where it is none."""
    plain = text
    if decimal == ",":
        commas = f"replace(replace({text}, '.', ''), ',', '.')"
        plain = f"CASE WHEN regexp_matches(trim({text}), '{COMMA_NUMBER}') THEN {commas} END"
    number = f"TRY_CAST({plain} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _decimal(table: Table, gaps: dict[str, tuple[str, ...]]) -> Literal[".", ","]:
    comma = False
    for column, kind in table.columns.items():
        if kind != "VARCHAR":
            continue
        known = known_sql(column, gaps[column])
        ((n, commas, with_comma, dots, with_dot),) = table.con.execute(
            f"SELECT count(v), count(*) FILTER (regexp_matches(v, '{COMMA_NUMBER}')), count(*) FILTER (contains(v, ',')), "
            f"count({number_sql('v', '.')}), count(*) FILTER (regexp_matches(v, '\\.\\d{{1,2}}$')) "
            f"FROM (SELECT {known} AS v FROM {table.relation})"
        ).fetchall()
        if n and dots == n and with_dot:
            return "."
        comma |= bool(n and commas == n and with_comma)
    return "," if comma else "."


def _profile(table: Table, column: str, gaps: tuple[str, ...], decimal: str) -> Profile:
    kind, v = table.columns[column], known_sql(column, gaps)
    text = kind == "VARCHAR"
    number = number_sql("v", decimal) if text else "v"
    numeric = kind.split("(")[0] in NUMERIC_TYPES
    measured = number if text or numeric else "NULL::DOUBLE"
    inner = f"(SELECT {v} AS v FROM {table.relation})"
    if numeric and kind.startswith(FLOAT_TYPES):
        inner = f"(SELECT CASE WHEN isnan(v) THEN NULL ELSE v END AS v FROM {inner})"
    ((filled, distinct, numbers, wholes, length),) = table.con.execute(
        f"SELECT count(v), count(DISTINCT v), count({measured}), count(*) FILTER ({measured} = floor({measured})), "
        f"coalesce(avg(length(v::VARCHAR)), 0) FROM {inner}"
    ).fetchall()
    levels = table.con.execute(
        f"SELECT v::VARCHAR, count(*) n FROM {inner} WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, 1 LIMIT {TOP}"
    ).fetchall()
    found = Profile(
        column, kind, table.rows, filled, distinct, bool(filled and numbers == filled), bool(filled and wholes == filled),
        float(length), tuple(levels), gaps, None,
    )  # fmt: skip
    return replace(found, moments=_moments(table, found, inner))


def _moments(table: Table, found: Profile, inner: str) -> Moments | None:
    if found.sql_type == "DATE":
        return Moments("date")
    if found.sql_type.startswith("TIMESTAMP"):
        return Moments("zoned" if "TIME ZONE" in found.sql_type else "local")
    if not found.is_text or not found.filled or (found.number and not _dated_digits(found)):
        return None
    if found.number:
        formats = ["%Y%m%d"]
    else:
        if not all(re.match(r"\d{1,4}[./-]", value.strip()) for value, _ in found.levels):
            return None
        iso = _iso(table, found, inner)
        if iso:
            return iso
        formats = list(FORMATS)
    counts = ", ".join(f"count(try_strptime(v, '{f}'))" for f in formats)
    (fits,) = table.con.execute(f"SELECT {counts} FROM {inner}").fetchall()
    good = [f for f, n in zip(formats, fits, strict=True) if n == found.filled]
    if not good:
        return None
    return Moments("local" if ":%M" in good[0] else "date", good[0], good[1] if len(good) > 1 else None)


def _iso(table: Table, found: Profile, inner: str) -> Moments | None:
    ((dates, times, zoned),) = table.con.execute(
        "SELECT count(*) FILTER (regexp_matches(v, '^\\d{4}-\\d\\d-\\d\\d$')), "
        "count(*) FILTER (regexp_matches(v, '^\\d{4}-\\d\\d-\\d\\d[T ]\\d') AND TRY_CAST(v AS TIMESTAMPTZ) IS NOT NULL), "
        f"count(*) FILTER (regexp_matches(v, '^\\d{{4}}-\\d\\d-\\d\\d[T ].*(Z|[+-]\\d\\d(:?\\d\\d)?)$')) FROM {inner}"
    ).fetchall()
    if dates + times < found.filled:
        return None
    return Moments("date" if dates == found.filled else "zoned" if zoned == found.filled else "local")


def _dated_digits(found: Profile) -> bool:
    """Whether whole numbers look like 20260131 and are called a date."""
    dated = {"date", "datum", "data", "dato", "day", "time"} & set(words(found.name))
    return bool(dated) and all(len(v) == 8 and v[:2] in ("19", "20") for v, _ in found.levels)


def moment_sql(column: str, found: Profile, zone: str) -> str:
    """SQL: the column as microseconds since 1970 in UTC; a bare date means its last microsecond."""
    c, moments = quote(column), found.moments
    if moments is None:
        raise TypeError(f"{column} holds no moments")
    if moments.form == "zoned":
        return f"epoch_us(TRY_CAST({c} AS TIMESTAMPTZ))"
    naive = (
        f"try_strptime({c}, '{moments.time_format}')"
        if moments.time_format
        else f"TRY_CAST({c} AS TIMESTAMP)"
    )
    if moments.form == "date":
        return f"epoch_us(timezone({literal(zone)}, {naive} + INTERVAL 1 DAY)) - 1"
    return f"epoch_us(timezone({literal(zone)}, {naive}))"
