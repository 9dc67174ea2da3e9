"""The small values that declarations are made of: durations, moments, conditions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from lqmodel.declarations.base import Misfit, short
from lqmodel.errors import UsageError
from lqmodel.languages import NAMES, meant_by

MICROSECONDS = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
DAY = MICROSECONDS["d"]
LONGEST = 36_500 * DAY  # differences of two moments then stay far inside 64 bits
Operator = Literal["eq", "ge", "gt", "le", "lt"]
COMPARISONS: tuple[Operator, ...] = ("ge", "gt", "le", "lt")
SIGNS = {">=": "ge", ">": "gt", "<=": "le", "<": "lt", "gte": "ge", "lte": "le"}
Scalar = str | bool | int | float


@dataclass(frozen=True, order=True)
class Duration:
    """A length of time; a day is 24 hours.

    >>> Duration.parse("90d").us == 90 * 24 * 3600 * 10**6
    True
    """

    us: int
    text: str

    @classmethod
    def parse(cls, value: Any) -> Duration:
        """Read ``"90d"``, ``"36h"``, ``"15m"``, ``"2w"``; raise ValueError on anything else."""
        if isinstance(value, Duration):
            return value
        found = re.fullmatch(r"(0|[1-9][0-9]*)([mhdw])", value) if isinstance(value, str) else None
        if not found:
            raise Misfit(
                f"{short(value)} is no duration",
                exists=("m", "h", "d", "w"),
                do="write a whole number and one of these letters, such as '90d' or '36h'",
            )
        us = int(found[1]) * MICROSECONDS[found[2]] if len(found[1]) < 12 else LONGEST + 1
        if us > LONGEST:
            raise Misfit(
                f"{short(value)} is longer than 100 years", do="write a shorter duration, such as '3650d'"
            )
        return cls(us, value)

    @property
    def days(self) -> float:
        return self.us / DAY


EVER = Duration(2**62, "ever")


def _parse_length(value: Any) -> Duration:
    length = Duration.parse(value)
    if length.us == 0:
        raise Misfit(f"{short(value)} is no length of time", do="write a number above 0, such as '7d'")
    return length


def _parse_window(value: Any) -> Duration:
    return EVER if value in ("ever", EVER) else _parse_length(value)


def _check_windows(windows: tuple[Duration, ...]) -> tuple[Duration, ...]:
    seen: dict[int, Duration] = {}
    for window in windows:
        if window.us in seen:
            raise Misfit(
                f"{seen[window.us].text!r} and {window.text!r} are one window", do="take one of them out"
            )
        seen[window.us] = window
    return windows


def _check_once(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise Misfit(f"{name!r} is listed twice", do="take one of them out")
    return names


def _check_zone(value: Any) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise Misfit(
            f"{short(value)} is no time zone", do="write a name such as 'Europe/Berlin' or 'UTC'"
        ) from error
    return str(value)


def check_zone(zone: str, flag: str = "--zone") -> str:
    """Return a zone that was given by a flag.

    Raises
    ------
    UsageError
        There is no such zone.
    """
    try:
        return _check_zone(zone)
    except Misfit as error:
        raise UsageError(
            f"{flag} {zone!r} is no time zone", do="write a name such as Europe/Berlin or UTC"
        ) from error


def to_microseconds(value: date | datetime | str, zone: str | None, *, end_of_day: bool = False) -> int:
    """Turn a moment into microseconds since 1970 in UTC.

    Parameters
    ----------
    value : date, datetime or ISO 8601 str
        Without an offset it is local time in ``zone``.
    zone : str or None
        None refuses a value without an offset.
    end_of_day : bool
        A bare date means its last microsecond instead of its midnight.

    Raises
    ------
    ValueError
        Not a moment, or without offset where no zone is declared.
    """
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime.combine(value, time.max if end_of_day else time.min)
    if value.tzinfo is None:
        if zone is None:
            raise ValueError(f"{value.isoformat()} has no zone; write it with an offset, such as ...T00:00Z")
        value = value.replace(tzinfo=ZoneInfo(zone))
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def from_microseconds(us: int) -> datetime:
    """Inverse of :func:`to_microseconds`, in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))


def _check_moment(value: Any) -> str:
    if isinstance(value, date):  # datetime is a date
        return value.isoformat()
    try:
        to_microseconds(value, "UTC")
    except (ValueError, TypeError) as error:
        raise Misfit(f"{short(value)} is no moment", do="write 2026-01-31 or 2026-01-31T08:00Z") from error
    return str(value)


def _check_language(value: Any) -> str:
    if not isinstance(value, str) or value not in NAMES:
        meant = meant_by(value) if isinstance(value, str) else None
        raise Misfit(
            f"no words in language {short(value)}",
            exists=[f"{name} ({NAMES[name]})" for name in sorted(NAMES)],
            do=f"write {meant!r}" if meant else "write one of these",
        )
    return value


DurationField = Annotated[Duration, BeforeValidator(Duration.parse)]
Length = Annotated[Duration, BeforeValidator(_parse_length)]
Window = Annotated[Duration, BeforeValidator(_parse_window)]
Windows = Annotated[tuple[Window, ...], AfterValidator(_check_windows)]
Names = Annotated[tuple[str, ...], AfterValidator(_check_once)]
Zone = Annotated[str, BeforeValidator(_check_zone)]
Moment = Annotated[str, BeforeValidator(_check_moment)]
Spoken = Annotated[str, BeforeValidator(_check_language)]


@dataclass(frozen=True)
class Condition:
    """One term of a ``where``: a column against values (``eq``: any of them) or a number."""

    column: str
    operator: Operator
    values: tuple[Scalar, ...]


def parse_conditions(value: Any) -> tuple[Condition, ...]:
    """Read ``{ page = "pricing", kind = ["a", "b"], duration_s = { ge = 5 } }``; sorted by column.

    >>> parse_conditions({"page": "pricing"})
    (Condition(column='page', operator='eq', values=('pricing',)),)
    """
    if isinstance(value, tuple) and all(isinstance(term, Condition) for term in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(
            f"must be a table, got {short(value)}", do="write conditions such as { type = 'page_view' }"
        )
    return tuple(term for column, wanted in sorted(value.items()) for term in _terms(column, wanted))


def _terms(column: str, wanted: Any) -> list[Condition]:
    if isinstance(wanted, Mapping):
        return _comparisons(column, wanted)
    values = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
    sorts = {_sort(v) for v in values}
    if not values or None in sorts:
        raise Misfit(
            f"got {short(wanted)}",
            at=(column,),
            exists=("a text", "a finite number", "true or false", "a list of one of these", "{ ge = 5 }"),
            do="write one of these",
        )
    if len(sorts) > 1:
        both = " and ".join(sorted(str(s) for s in sorts))
        raise Misfit(
            f"compares with {both} at once: {short(wanted)}",
            at=(column,),
            do="write values of one kind, as the column holds",
        )
    return [Condition(column, "eq", values)]


def _comparisons(column: str, wanted: Mapping[str, Any]) -> list[Condition]:
    if not wanted:
        raise Misfit(
            "holds no comparison", at=(column,), exists=COMPARISONS, do="write one, such as { ge = 5 }"
        )
    terms = []
    for operator, bound in sorted(wanted.items()):
        if operator not in COMPARISONS:
            raise Misfit(
                f"unknown comparison {operator!r}",
                at=(column, operator),
                exists=COMPARISONS,
                do=f"write {SIGNS[operator]!r}"
                if operator in SIGNS
                else "write one of these, such as { ge = 5 }",
            )
        if _sort(bound) != "numbers":
            raise Misfit(
                f"compares numbers, got {short(bound)}",
                at=(column, operator),
                do=f"write a number, such as {operator} = 5",
            )
        terms.append(Condition(column, operator, (bound,)))
    return terms


def _sort(value: Any) -> str | None:
    if isinstance(value, str):
        return "texts"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, float):
        return "numbers" if math.isfinite(value) else None
    return "numbers" if isinstance(value, int) else None


Where = Annotated[tuple[Condition, ...], BeforeValidator(parse_conditions)]
