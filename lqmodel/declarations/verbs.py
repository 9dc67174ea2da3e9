"""The verbs: a closed set of what a feature makes of the rows of its source.

Rows are those known strictly before as_of that match ``where``. A window w is [as_of - w, as_of); a day is
24 hours. Where a window reaches back before its source begins, the column is missing.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from lqmodel.declarations.base import Misfit
from lqmodel.declarations.feature import Dtype, Feature, Windowed
from lqmodel.declarations.values import DAY, EVER, Duration, Length, Names, Where


class Count(Windowed):
    """How many rows match; 0 when none."""

    verb: Literal["count"]


class ActiveDays(Windowed):
    """On how many different dates rows match, in the model's zone; 0 when none.

    A date is told from the moment at which the fact occurred, by the rules of the model's `zone`: a fact
    at 23:30 UTC belongs to the next date in Europe/Berlin.
    """

    verb: Literal["active_days"]


class Share(Windowed):
    """Matching rows / all rows of the source in the window, 0 to 1; missing where it has no row at all.

    `where` is required: without it the share would always be 1.
    """

    verb: Literal["share"]
    where: Where = Field(min_length=1, description="the rows whose share is taken; required")


class OfColumn(Windowed):
    """A windowed feature that reads one column of the rows."""

    column: str = Field(description="the column that it reads")

    def reads(self) -> tuple[str, ...]:
        return tuple(sorted({*super().reads(), self.column}))


class Distinct(OfColumn):
    """How many different values of ``column`` match; missing values do not count; 0 when none."""

    verb: Literal["distinct"]
    column: str = Field(description="the column whose values are counted")


class Sum(OfColumn):
    """Sum of ``column`` over matching rows; 0 when none.

    Values are rounded half up to 1/``scale`` and added as integers, so that the order of rows and
    the number of threads change nothing.
    """

    verb: Literal["sum"]
    column: str = Field(description="the column of numbers that is added up")
    scale: int = Field(1000, ge=1, le=1_000_000, description="values are rounded to 1/scale")


class Mean(OfColumn):
    """Mean of ``column`` over the matching rows that have a value; missing when none has.

    Σ⌊x · scale + 1/2⌋ / (n · scale): values are rounded half up to 1/``scale`` and added as integers, so
    that the order of rows and the number of threads change nothing.
    """

    verb: Literal["mean"]
    column: str = Field(description="the column of numbers that is averaged")
    scale: int = Field(1000, ge=1, le=1_000_000, description="values are rounded to 1/scale")


class Max(OfColumn):
    """Greatest value of ``column`` over matching rows; missing when none has a value."""

    verb: Literal["max"]
    column: str = Field(description="the column of numbers whose greatest is taken")


class Trend(Windowed):
    """ln((n in the window + 1) / (n in the window before + 1))."""

    verb: Literal["trend"]

    @field_validator("windows")
    @classmethod
    def _has_a_before(cls, windows: tuple[Duration, ...]) -> tuple[Duration, ...]:
        if EVER in windows:
            raise Misfit("nothing stands before 'ever'", do="write a length, such as '30d'")
        return windows


class Decayed(Feature):
    """How many rows match, each weighing less with its age; 0 when none.

    Σ 2^(-⌊age in days⌋ / half_life): a row of today counts 1, one that is a half-life old 1/2. Weights are
    rounded half up to 2^-20 and added as integers, so that the order of rows and the number of threads
    change nothing. A row older than 20 half-lives weighs nothing.
    """

    verb: Literal["decayed"]
    half_life: Length = Field(description="the age at which a row counts half; whole days, at most 1000d")

    SCALE: ClassVar[int] = 2**20
    HALF_LIVES: ClassVar[int] = 20  # beyond them a weight would round to 0 or 1 part of SCALE
    LONGEST: ClassVar[int] = 1000 * DAY  # until there no engine's exp can round a weight otherwise

    @field_validator("half_life")
    @classmethod
    def _is_whole_days(cls, half_life: Duration) -> Duration:
        if half_life.us % DAY:
            raise Misfit(
                f"{half_life.text!r} is not a number of whole days", do="write whole days, such as '30d'"
            )
        if half_life.us > cls.LONGEST:
            raise Misfit(
                f"{half_life.text!r} is longer than 1000 days", do="write a shorter one, such as '365d'"
            )
        return half_life

    def weights(self) -> tuple[int, ...]:
        """Return the weight of a row by its age in whole days, in parts of ``SCALE``; older rows weigh 0.

        >>> decayed = Decayed(verb="decayed", source="events", half_life="7d")
        >>> decayed.weights()[0] == 2**20, decayed.weights()[7] == 2**19, len(decayed.weights())
        (True, True, 141)
        """
        days = self.half_life.us // DAY
        ages = range(self.HALF_LIVES * days + 1)
        return tuple(math.floor(2.0 ** (-age / days) * self.SCALE + 0.5) for age in ages)


class Recency(Feature):
    """Days since the last matching row.

    "Never" is missing, except where ``direction`` is declared: a missing value would then escape the
    constraint, so "never" is the age of the lead plus one day.
    """

    verb: Literal["recency"]


class Tenure(Feature):
    """Days since the first matching row, over all that is known.

    "Never" is missing, except where ``direction`` is declared: a missing value would then escape the
    constraint, so "never" is 0 days, less than after any match.
    """

    verb: Literal["tenure"]


class OfRow(Feature):
    """A feature that is read off one row instead of being counted over many."""


class Taken(OfRow):
    """One value of ``column``, as it stands."""

    column: str = Field(description="the column that is taken over")
    dtype: Dtype = Field(description="how the model reads it")

    def reads(self) -> tuple[str, ...]:
        return tuple(sorted({*super().reads(), self.column}))

    def _dtype(self) -> Dtype:
        return self.dtype


class Attribute(Taken):
    """``column`` of the row with the greatest occurred_at before as_of; of equally new rows the greatest."""

    verb: Literal["attribute"]


class Latest(Taken):
    """Last value of ``column`` that is not missing, over all that is known; missing when there is none.

    It differs from `attribute` where the newest row leaves the column empty. Of equally new values the
    greatest counts.
    """

    verb: Literal["latest"]


class Completeness(OfRow):
    """Share of ``of`` that is filled in the row with the greatest occurred_at before as_of, 0 to 1."""

    verb: Literal["completeness"]
    of: Names = Field(min_length=1, description="the columns that should be filled")

    def reads(self) -> tuple[str, ...]:
        return tuple(sorted({*super().reads(), *self.of}))


VERBS: dict[str, type[Feature]] = {
    "count": Count,
    "distinct": Distinct,
    "active_days": ActiveDays,
    "sum": Sum,
    "mean": Mean,
    "max": Max,
    "share": Share,
    "trend": Trend,
    "decayed": Decayed,
    "recency": Recency,
    "tenure": Tenure,
    "attribute": Attribute,
    "latest": Latest,
    "completeness": Completeness,
}
