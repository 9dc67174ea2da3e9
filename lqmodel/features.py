"""Feature sets → one table of features at the snapshots.

Facts of a source are joined at most twice to the snapshots: once as far back as the longest window,
and once without bound, so that a 30-day window never drags a year of events along. Each ``where`` is
decided before the join, once per fact instead of once per fact and snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts, known_before
from lqmodel.declarations import Attribute, Column, Completeness, Condition, DeclaredFeature, Distinct, Sum
from lqmodel.engine import AS_OF, CREATED, KEY, KNOWN, OCCURRED, as_text
from lqmodel.verbs import Measures, matches, measures, reach, value

GRAIN = (KEY, AS_OF)


def features(
    snapshots: ir.Table,
    facts: Mapping[str, Facts],
    declared: Iterable[DeclaredFeature],
    observed_from: Mapping[str, int],
) -> ir.Table:
    """Compute features at snapshots.

    Parameters
    ----------
    snapshots : ibis Table
        Grain: (``__key``, ``__as_of``); also ``__created``: all times int64 microseconds UTC.
    facts : mapping
        Source name → its facts.
    declared : iterable of DeclaredFeature
        What to compute.
    observed_from : mapping
        Source name → first moment covered; a window that reaches further back is missing.

    Returns
    -------
    ibis Table
        One row per snapshot: ``__key``, ``__as_of``, ``__created`` and the features' columns, by name;
        numbers float64, categories string.
    """
    declared = sorted(declared, key=lambda d: d.name)
    parts = [_aggregates(snapshots, facts[s], group) for (s, _), group in _by_reach(declared).items()]
    parts += [_rows(snapshots, facts[s], group) for s, group in _attributes(declared).items()]
    wide = reduce(_join, parts, snapshots)
    columns = {}
    for item in declared:
        for column in item.columns():
            columns[column.name] = _finished(wide, item, column, observed_from.get(item.feature.source))
    return wide.select(*GRAIN, CREATED, **dict(sorted(columns.items())))


def _by_reach(
    declared: list[DeclaredFeature],
) -> dict[tuple[str, bool], list[tuple[DeclaredFeature, Column]]]:
    """Group the aggregating columns by source and by whether they look back without bound."""
    groups: dict[tuple[str, bool], list[tuple[DeclaredFeature, Column]]] = defaultdict(list)
    for item in declared:
        if not isinstance(item.feature, Attribute | Completeness):
            for column in item.columns():
                groups[item.feature.source, reach(item.feature, column.window) is None].append((item, column))
    return groups


def _attributes(declared: list[DeclaredFeature]) -> dict[str, list[DeclaredFeature]]:
    groups: dict[str, list[DeclaredFeature]] = defaultdict(list)
    for item in declared:
        if isinstance(item.feature, Attribute | Completeness):
            groups[item.feature.source].append(item)
    return groups


def _aggregates(snapshots: ir.Table, facts: Facts, group: list[tuple[DeclaredFeature, Column]]) -> ir.Table:
    bounds = [reach(item.feature, column.window) for item, column in group]
    furthest = None if None in bounds else max(b for b in bounds if b is not None)
    prepared, flags = _prepared(facts, [item for item, _ in group])
    joined = known_before(snapshots, prepared, furthest)
    wanted: Measures = {}
    for item, column in group:
        wanted |= measures(joined, item.feature, column, joined[flags[item.feature.where]])
    return joined.group_by(list(GRAIN)).aggregate(**wanted)


def _prepared(
    facts: Facts, items: Iterable[DeclaredFeature]
) -> tuple[Facts, dict[tuple[Condition, ...], str]]:
    """Decide each ``where`` on the facts; return those that match any, and ``where`` → its column."""
    read: set[str] = set()
    flags: dict[tuple[Condition, ...], str] = {}
    for item in items:
        flags.setdefault(item.feature.where, f"__match_{len(flags)}")
        if isinstance(item.feature, Sum | Distinct):
            read.add(item.feature.column)
    decided = {flag: matches(facts.table, where) for where, flag in flags.items()}
    table = facts.table.select(KEY, OCCURRED, KNOWN, *sorted(read), **decided)
    table = table.filter(ibis.or_(*(table[flag] for flag in flags.values())))
    return replace(facts, table=table), flags


def _rows(snapshots: ir.Table, facts: Facts, group: list[DeclaredFeature]) -> ir.Table:
    """Return for each snapshot the attributes of the newest row known, one row per snapshot.

    Of rows that are equally new the greatest value counts, for each feature by itself.
    """
    by_where = defaultdict(list)
    for item in group:
        by_where[item.feature.where].append(item)
    parts = []
    for where, items in by_where.items():
        matching = replace(facts, table=facts.table.filter(matches(facts.table, where))) if where else facts
        newest = known_before(snapshots, matching)
        if facts.has_clock:
            by_age = ibis.rank().over(group_by=list(GRAIN), order_by=newest[OCCURRED].desc())
            newest = newest.mutate(__rank=by_age)
            newest = newest.filter(newest["__rank"] == 0)
        values = {item.name: _attribute(newest, item).max() for item in items}
        parts.append(newest.group_by(list(GRAIN)).aggregate(**values))
    return reduce(_join, parts)


def _attribute(row: ir.Table, item: DeclaredFeature) -> ir.Value:
    feature = item.feature
    if isinstance(feature, Completeness):
        filled = reduce(lambda a, b: a + b, (row[c].notnull().cast("int64") for c in feature.of))
        return filled.cast("float64") / ibis.literal(float(len(feature.of)))
    if not isinstance(feature, Attribute):
        raise TypeError(f"{feature.verb} is no attribute")
    column = row[feature.column]
    return column.cast("float64") if feature.dtype == "number" else as_text(column)


def _join(left: ir.Table, right: ir.Table) -> ir.Table:
    joined = left.left_join(right, list(GRAIN))
    # selected, not dropped: Ibis writes dropped names in an order that changes from process to process
    return joined.select(*left.columns, *(c for c in right.columns if c not in GRAIN))


def _finished(wide: ir.Table, item: DeclaredFeature, column: Column, observed_from: int | None) -> ir.Value:
    if isinstance(item.feature, Attribute | Completeness):
        return wide[column.name]
    result = value(wide, item.feature, column)
    looks_back = reach(item.feature, column.window)
    if looks_back is None or observed_from is None:
        return result
    return (wide[AS_OF] - looks_back >= observed_from).ifelse(result, None)
