"""Verbs → Ibis expressions, in the one form that is the same on every engine.

Each aggregating verb has three steps. ``ingredients`` are computed once per fact. ``measures`` are integers
(or moments, or plain maxima) over the facts that were known, one group per (lead, as_of). ``value`` turns
them into the float64 column, where a missing group (no row at all) arrives as null. The verbs that are read
off one row (:class:`~lqmodel.declarations.OfRow`) have only ``row_value``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import add, ge, gt, le, lt
from typing import Any

import ibis
import ibis.expr.types as ir

from lqmodel.declarations import (
    DAY,
    EVER,
    ActiveDays,
    Column,
    Completeness,
    Condition,
    Count,
    Decayed,
    Distinct,
    Duration,
    Feature,
    Max,
    Mean,
    Recency,
    Share,
    Sum,
    Taken,
    Tenure,
    Trend,
)
from lqmodel.engine import AS_OF, CREATED, LOCAL_DAY, OCCURRED, text_of

Measures = dict[str, ir.Value]
OPERATORS: dict[str, Callable[[Any, float], ir.BooleanValue]] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")


def matches(table: ir.Table, where: tuple[Condition, ...]) -> ir.BooleanValue:
    """Return the row predicate of a ``where``; a null never matches."""
    terms = [_term(table, c).fill_null(False) for c in where]
    return ibis.and_(*terms) if terms else ibis.literal(True)


def _term(table: ir.Table, condition: Condition) -> ir.BooleanValue:
    column, values = condition.column, condition.values
    if condition.operator != "eq":
        return OPERATORS[condition.operator](table[column].cast("float64"), float(values[0]))
    if isinstance(values[0], bool):
        texts = [text for value in values for text in (TRUE if value else FALSE)]
        return text_of(table, column).lower().isin(texts)
    if isinstance(values[0], str):
        return text_of(table, column).isin(list(values))
    return table[column].cast("float64").isin([float(value) for value in values])


def reach(feature: Feature, window: Duration | None) -> int | None:
    """Return how far back a column's window goes, in microseconds; None: to the beginning.

    A column whose window goes back further than its source does is missing.
    """
    if window is None or window == EVER:
        return None
    return 2 * window.us if isinstance(feature, Trend) else window.us


def oldest(feature: Feature, window: Duration | None) -> int | None:
    """Return the age from which facts change a column no more, in microseconds; None: each counts."""
    if isinstance(feature, Decayed):
        return feature.HALF_LIVES * feature.half_life.us
    return reach(feature, window)


def ingredients(table: ir.Table, feature: Feature) -> dict[str, ir.Value]:
    """Return what the measures of a feature read of each fact, besides its times and whether it matches.

    Parameters
    ----------
    table : ibis Table
        The facts of the feature's source.
    feature : Feature
        One that aggregates.
    """
    if isinstance(feature, Sum | Mean):
        whole = (table[feature.column] * _float(feature.scale) + 0.5).floor().cast("int64")
        return {scaled(feature): whole}
    if isinstance(feature, Distinct | Max):
        return {feature.column: table[feature.column]}
    if isinstance(feature, ActiveDays):
        return {LOCAL_DAY: table[LOCAL_DAY]}
    return {}


def measures(joined: ir.Table, feature: Feature, column: Column, match: ir.BooleanValue | None) -> Measures:
    """Return the aggregates of one column over the joined rows (``__as_of`` and the facts).

    Parameters
    ----------
    joined : ibis Table
        One row per (snapshot, fact known before its as_of): ``__as_of``, ``__occurred`` and the ingredients.
    feature, column : Feature, Column
        What to compute.
    match : ibis BooleanValue or None
        Whether a row matches the feature's ``where``; None: every row does.

    Raises
    ------
    TypeError
        The verb does not aggregate (attribute, latest, completeness).
    """
    name, other = column.name, beside(column.name)
    if isinstance(feature, Recency):
        return {name: joined[OCCURRED].max(where=match)}
    if isinstance(feature, Tenure):
        return {name: joined[OCCURRED].min(where=match)}
    if isinstance(feature, Decayed):
        recent = joined[OCCURRED] >= joined[AS_OF] - oldest(feature, None)
        return {name: _weight(joined, feature).sum(where=_all(match, recent))}
    if column.window is None:
        raise TypeError(f"{feature.verb} does not aggregate")
    window = None if column.window == EVER else joined[OCCURRED] >= joined[AS_OF] - column.window.us
    inside = _all(match, window)
    if isinstance(feature, Count):
        return {name: joined.count(where=inside)}
    if isinstance(feature, Share):
        return {name: joined.count(where=inside), other: joined.count(where=window)}
    if isinstance(feature, Trend):
        start, end = joined[AS_OF] - 2 * column.window.us, joined[AS_OF] - column.window.us
        before = _all(match, joined[OCCURRED] >= start, joined[OCCURRED] < end)
        return {name: joined.count(where=inside), other: joined.count(where=before)}
    if isinstance(feature, ActiveDays):
        return {name: joined[LOCAL_DAY].nunique(where=inside)}
    if isinstance(feature, Distinct):
        return {name: joined[feature.column].nunique(where=inside)}
    if isinstance(feature, Max):
        return {name: joined[feature.column].max(where=inside)}
    if isinstance(feature, Sum):
        return {name: joined[scaled(feature)].sum(where=inside)}
    if isinstance(feature, Mean):
        values = joined[scaled(feature)]
        return {name: values.sum(where=inside), other: values.count(where=inside)}
    raise TypeError(f"{feature.verb} does not aggregate")


def _all(*terms: ir.BooleanValue | None) -> ir.BooleanValue | None:
    """Return whether all terms hold; None where there is none, so that no engine filters by true."""
    given = [term for term in terms if term is not None]
    return ibis.and_(*given) if given else None


def beside(name: str) -> str:
    """Return the name of a column's second measure."""
    return f"__beside_{name}"


def scaled(feature: Sum | Mean) -> str:
    """Return the name of a column's scaled integers among the ingredients."""
    return f"__{feature.column}_{feature.scale}"


def _weight(joined: ir.Table, feature: Decayed) -> ir.IntegerValue:
    """Return ``feature.weights()`` at each row's age.

    The exponentials of two engines differ in their last bits, 1e-10 of a weight's unit. No weight of a
    half-life up to 1000 days comes nearer than 1e-8 to where rounding tips over, so all round alike.
    """
    days = feature.half_life.us // DAY
    age = ((joined[AS_OF] - joined[OCCURRED]).cast("float64") / _float(DAY)).floor().cast("float64")
    age = ibis.least(age, _float(feature.HALF_LIVES * days))  # PostgreSQL refuses an exp that rounds to 0
    return ((age * _float(-math.log(2.0) / days)).exp() * _float(feature.SCALE) + 0.5).floor().cast("int64")


def value(table: ir.Table, feature: Feature, column: Column) -> ir.FloatingValue:
    """Return the float64 column from its measures, on the table of snapshots (``__as_of``, ``__created``)."""
    measure, as_of = table[column.name], table[AS_OF]
    if isinstance(feature, Recency | Tenure):
        days = (as_of - measure).cast("float64") / _float(DAY)
        if column.constraint == 0:
            return days
        age = (as_of - table[CREATED]).cast("float64") / _float(DAY)
        return days.fill_null(age + 1.0 if isinstance(feature, Recency) else _float(0))
    if isinstance(feature, Max):
        return _number(measure)
    if isinstance(feature, Mean | Share):
        n = table[beside(column.name)].nullif(0).cast("float64")
        scale = feature.scale if isinstance(feature, Mean) else 1
        return measure.cast("float64") / (n * _float(scale))
    number = measure.fill_null(0).cast("float64")
    if isinstance(feature, Sum):
        return number / _float(feature.scale)
    if isinstance(feature, Decayed):
        return number / _float(feature.SCALE)
    if isinstance(feature, Trend):
        before = table[beside(column.name)].fill_null(0).cast("float64")
        ratio = (number + 1.0) / (before + 1.0)
        # rounded, because logarithms differ in the last bit from engine to engine
        return (ratio.ln() * 1e9 + 0.5).floor().cast("float64") / _float(1e9)
    return number


def row_value(rows: ir.Table, feature: Feature) -> ir.Value:
    """Return what a feature takes of equally new rows: the greatest value that one of them gives.

    Raises
    ------
    TypeError
        The verb aggregates.
    """
    if isinstance(feature, Completeness):
        filled = reduce(add, (rows[c].notnull().ifelse(1, 0) for c in feature.of))
        return filled.max().cast("float64") / _float(len(feature.of))
    if isinstance(feature, Taken):
        if feature.dtype == "category":
            return text_of(rows, feature.column).max()
        return _number(rows[feature.column].cast("float64").max())
    raise TypeError(f"{feature.verb} is not read off one row")


def _number(greatest: ir.NumericValue) -> ir.FloatingValue:
    """Return a maximum as float64; -0.0, which equals 0.0 and has other bytes, becomes 0.0."""
    return greatest.cast("float64") + 0.0


def _float(number: float) -> ir.FloatingScalar:
    return ibis.literal(float(number))
