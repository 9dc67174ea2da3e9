"""Verbs → Ibis expressions, in the one form that is the same on every engine.

Each aggregating verb has two steps. ``measures`` are integers (or moments) over the rows that were
known, one group per (lead, as_of). ``value`` turns them into the float64 column, where a missing
group (no row at all) arrives as null.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any

import ibis
import ibis.expr.types as ir

from lqmodel.declarations import (
    DAY,
    EVER,
    Column,
    Condition,
    Count,
    Distinct,
    Duration,
    Feature,
    Recency,
    Sum,
    Trend,
)
from lqmodel.engine import AS_OF, CREATED, OCCURRED, as_text

Measures = dict[str, ir.Value]
OPERATORS: dict[str, Callable[[Any, float], ir.BooleanValue]] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")


def matches(table: ir.Table, where: tuple[Condition, ...]) -> ir.BooleanValue:
    """Return the row predicate of a ``where``; a null never matches."""
    terms = [_term(table[c.column], c).fill_null(False) for c in where]
    return ibis.and_(*terms) if terms else ibis.literal(True)


def _term(column: ir.Column, condition: Condition) -> ir.BooleanValue:
    values = condition.values
    if condition.operator != "eq":
        return OPERATORS[condition.operator](column.cast("float64"), float(values[0]))
    if isinstance(values[0], bool):
        texts = [text for value in values for text in (TRUE if value else FALSE)]
        return as_text(column).lower().isin(texts)
    if isinstance(values[0], str):
        return as_text(column).isin(list(values))
    return column.cast("float64").isin([float(value) for value in values])


def reach(feature: Feature, window: Duration | None) -> int | None:
    """Return how far back a column looks, in microseconds; None: without bound."""
    if window is None or window == EVER:
        return None
    return 2 * window.us if isinstance(feature, Trend) else window.us


def measures(
    joined: ir.Table, feature: Feature, column: Column, match: ir.BooleanValue | None = None
) -> Measures:
    """Return the aggregates of one column over the joined rows (``__as_of`` and the facts).

    Parameters
    ----------
    joined : ibis Table
        One row per (snapshot, fact known before its as_of).
    feature, column : Feature, Column
        What to compute.
    match : ibis BooleanValue, optional
        Whether a row matches the feature's ``where``, where that is already computed.

    Raises
    ------
    TypeError
        The verb does not aggregate (attribute, completeness).
    """
    match = matches(joined, feature.where) if match is None else match
    name = column.name
    if isinstance(feature, Recency):
        return {name: joined[OCCURRED].max(where=match)}
    if column.window is None:
        raise TypeError(f"{feature.verb} does not aggregate")
    inside = match & _within(joined, column.window.us, 0)
    if isinstance(feature, Trend):
        before = match & _within(joined, 2 * column.window.us, column.window.us)
        return {name: joined.count(where=inside), _before(name): joined.count(where=before)}
    if isinstance(feature, Count):
        return {name: joined.count(where=inside)}
    if isinstance(feature, Distinct):
        return {name: joined[feature.column].nunique(where=inside)}
    if isinstance(feature, Sum):
        scaled = (joined[feature.column] * float(feature.scale) + 0.5).floor().cast("int64")
        return {name: scaled.sum(where=inside)}
    raise TypeError(f"{feature.verb} does not aggregate")


def _before(name: str) -> str:
    return f"__before_{name}"


def _within(joined: ir.Table, oldest: int, newest: int) -> ir.BooleanValue:
    """Rows with as_of − oldest ≤ occurred < as_of − newest."""
    if oldest >= EVER.us:
        return ibis.literal(True)
    inside = joined[OCCURRED] >= joined[AS_OF] - oldest
    return inside & (joined[OCCURRED] < joined[AS_OF] - newest) if newest else inside


def value(table: ir.Table, feature: Feature, column: Column) -> ir.FloatingValue:
    """Return the float64 column from its measures, on the table of snapshots (``__as_of``, ``__created``)."""
    measure = table[column.name]
    if isinstance(feature, Recency):
        days = (table[AS_OF] - measure).cast("float64") / ibis.literal(float(DAY))
        if column.constraint == 0:
            return days
        never = (table[AS_OF] - table[CREATED]).cast("float64") / ibis.literal(float(DAY)) + 1.0
        return days.fill_null(never)
    number = measure.fill_null(0).cast("float64")
    if isinstance(feature, Sum):
        return number / ibis.literal(float(feature.scale))
    if isinstance(feature, Trend):
        before = table[_before(column.name)].fill_null(0).cast("float64")
        ratio = (number + 1.0) / (before + 1.0)
        # rounded, because logarithms differ in the last bit from engine to engine
        return (ratio.ln() * 1e9 + 0.5).floor().cast("float64") / ibis.literal(1e9)
    return number
