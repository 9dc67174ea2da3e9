"""Points: what a lead is worth by a table that people wrote, until there are wins enough to learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from lqmodel.declarations.base import Declared, Misfit, short, suggestion
from lqmodel.declarations.values import COMPARISONS, EVER, SIGNS, Duration, Operator

MOST_POINTS = 1_000_000
"""Most points of one line: sums then stay exact."""
UNTIL_THEN = "until then a [points] table in models/NAME.toml can serve: `lqmodel predict --points`"
"""What can be done where there is too little to learn from."""
LINE_KEYS = (*COMPARISONS, "window", "points")
FORMS = ("10", "{ ge = 50, points = 10 }", "a list of such tables", "{ software = 15, retail = 5 }")


@dataclass(frozen=True)
class Worth:
    """One line of a points table: what must hold, and the points that it gives.

    Attributes
    ----------
    name : str
        The feature or fact.
    points : int
        May be negative.
    level : str or None
        The value of a category that must be there.
    bounds : tuple of (operator, number)
        What a number must hold; none: it holds when present and above zero.
    window : Duration or None
        Which of the feature's windows; None: the widest.
    """

    name: str
    points: int
    level: str | None = None
    bounds: tuple[tuple[Operator, float], ...] = ()
    window: Duration | None = None


def parse_worths(value: Any) -> tuple[Worth, ...]:
    """Read ``{ unsubscribed = -50, industry = { software = 15 }, employees = { ge = 50, points = 10 } }``.

    >>> parse_worths({"visits": 10, "industry": {"software": 15}})
    (Worth(name='industry', points=15, level='software', bounds=(), window=None), \
Worth(name='visits', points=10, level=None, bounds=(), window=None))
    """
    if isinstance(value, tuple) and all(isinstance(line, Worth) for line in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a table, got {short(value)}", do="write lines such as pricing_visits = 10")
    return tuple(line for name, given in sorted(value.items()) for line in _lines(name, given))


def _lines(name: str, given: Any) -> list[Worth]:
    if isinstance(given, list | tuple) and given:
        return [_line(name, table) for table in given]
    if isinstance(given, Mapping) and given:
        if set(given) & set(LINE_KEYS):
            return [_line(name, given)]
        return [Worth(name, _points(points, (name, level)), level) for level, points in sorted(given.items())]
    return [Worth(name, _points(given, (name,)))]


def _line(name: str, table: Any) -> Worth:
    """Read ``{ window = "7d", ge = 3, points = 10 }``."""
    if not isinstance(table, Mapping):
        raise Misfit(
            f"item {short(table)} is no table", at=(name,), do="write a list of { ge = 50, points = 10 }"
        )
    for key in table:
        if key not in LINE_KEYS:
            near = f"write {SIGNS[key]!r}" if key in SIGNS else suggestion(key, LINE_KEYS)
            raise Misfit(
                f"unknown key {key!r}",
                at=(name, key),
                exists=LINE_KEYS,
                do=near or "write one of these, or nothing but levels of a category",
            )
    if "points" not in table:
        raise Misfit(f"no points: {short(table)}", at=(name,), do="add points = 10")
    bounds = tuple((key, _bound(table[key], (name, key))) for key in COMPARISONS if key in table)
    return Worth(name, _points(table["points"], (name, "points")), None, bounds, _window(table, name))


def _points(given: Any, at: tuple[str, ...]) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        exists = FORMS if len(at) == 1 else None
        raise Misfit(
            f"points must be a whole number, got {short(given)}", at=at, exists=exists, do="write 10 or -10"
        )
    if abs(given) > MOST_POINTS:
        raise Misfit(f"{given} is beyond {MOST_POINTS:,} points", at=at, do="write a smaller number")
    return given


def _bound(given: Any, at: tuple[str, ...]) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise Misfit(f"compares with {short(given)}", at=at, do="write a finite number")
    return float(given)


def _window(table: Mapping[str, Any], name: str) -> Duration | None:
    if "window" not in table:
        return None
    try:
        return EVER if table["window"] == EVER.text else Duration.parse(table["window"])
    except Misfit as misfit:
        raise Misfit(str(misfit), at=(name, "window"), exists=misfit.exists, do=misfit.do) from misfit


Worths = Annotated[tuple[Worth, ...], BeforeValidator(parse_worths)]


class Points(Declared):
    """What a lead is worth by a rule that people wrote.

    It serves until there are wins enough to learn from (`lqmodel predict --points`), and stays as a
    baseline that the model must beat. A lead has the sum of the points of all lines that hold.
    """

    mql: int = Field(ge=1, description="marketing nurtures from so many points on")
    sales_ready: int = Field(description="sales takes over from so many points on")
    worths: Worths = Field(
        alias="for",
        min_length=1,
        description="feature or fact = what it is worth, while it holds: present and above zero",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Points:
        if self.sales_ready <= self.mql:
            raise Misfit(
                f"{self.sales_ready} is not above mql = {self.mql}",
                at=("sales_ready",),
                do="put the handoff above the threshold of marketing",
            )
        return self

    def names(self) -> tuple[str, ...]:
        """Return the features and facts that give points, sorted."""
        return tuple(sorted({line.name for line in self.worths}))
