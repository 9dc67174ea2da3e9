"""The date of a fact in the model's zone: the one place where a moment becomes a date again."""

from __future__ import annotations

from dataclasses import replace

import ibis
import ibis.expr.datatypes as dt

from lqmodel.asof import Facts
from lqmodel.declarations import ActiveDays, Declarations
from lqmodel.engine import LOCAL_DAY, OCCURRED


@ibis.udf.scalar.builtin(name="make_timestamptz")  # type: ignore[untyped-decorator]
def _moment(us: dt.int64) -> dt.Timestamp(timezone="UTC"): ...  # type: ignore[valid-type]


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _local(zone: dt.string, moment: dt.Timestamp(timezone="UTC")) -> dt.Timestamp(): ...  # type: ignore[valid-type]


@ibis.udf.scalar.builtin(name="date_diff")  # type: ignore[untyped-decorator]
def _boundaries(part: dt.string, start: dt.Timestamp(), end: dt.Timestamp()) -> dt.int64: ...  # type: ignore[valid-type]


def needs_local_days(declarations: Declarations) -> frozenset[str]:
    """Return the sources of which some used feature counts dates."""
    used = (*declarations.features, *declarations.facts)
    return frozenset(item.feature.source for item in used if isinstance(item.feature, ActiveDays))


def with_local_days(facts: Facts, zone: str) -> Facts:
    """Add to each fact its date in ``zone``.

    Parameters
    ----------
    facts : Facts
        With a clock.
    zone : str
        A zone of the tz database; its rules at the moment of the fact hold, summer time included.

    Returns
    -------
    Facts
        ``table`` also has ``__day`` (int64): days from 1970-01-01 to the date on which the fact occurred.
    """
    local = _local(zone, _moment(facts.table[OCCURRED]))
    start = ibis.literal("1970-01-01", type="timestamp")
    days = _boundaries("day", start, local)
    return replace(facts, table=facts.table.mutate(**{LOCAL_DAY: days}))
