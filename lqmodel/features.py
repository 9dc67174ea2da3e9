"""Feature sets → one table of features at the snapshots.

Facts of a source are joined at most twice to the snapshots: once as far back as the longest window,
and once without bound, so that a 30-day window never drags a year of events along. What can be decided of
a fact alone (each ``where``, its scaled integers) is decided before the join, once per fact instead of once
per fact and snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts, known_before
from lqmodel.declarations import Column, Condition, DeclaredFeature, Latest, OfRow, Share
from lqmodel.engine import AS_OF, CREATED, KEY, KNOWN, OCCURRED, TEXT
from lqmodel.verbs import Measures, ingredients, matches, measures, oldest, reach, row_value, value

GRAIN = (KEY, AS_OF)
NEWEST = "__newest"
Wheres = tuple[Condition, ...]


def features(
    snapshots: ir.Table,
    facts: Mapping[str, Facts],
    declared: Iterable[DeclaredFeature],
    observed_from: Mapping[str, int],
    measured: frozenset[str] = frozenset(),
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
    measured : frozenset of str
        Columns whose measures stand in ``snapshots`` already, by the names of `verbs.measures`.

    Returns
    -------
    ibis Table
        One row per snapshot: ``__key``, ``__as_of``, ``__created`` and the features' columns, by name;
        numbers float64, categories string.
    """
    declared = sorted(declared, key=lambda d: d.name)
    parts = [
        _aggregates(snapshots, facts[s], group) for (s, _), group in _by_reach(declared, measured).items()
    ]
    parts += [
        _newest(snapshots, facts[s], where, filled, group)
        for (s, where, filled), group in _by_rows(declared).items()
    ]
    wide = reduce(_join, parts, snapshots)
    columns = {}
    for item in declared:
        for column in item.columns():
            columns[column.name] = _finished(wide, item, column, observed_from.get(item.feature.source))
    return wide.select(*GRAIN, CREATED, **dict(sorted(columns.items())))


def _by_reach(
    declared: list[DeclaredFeature], measured: frozenset[str]
) -> dict[tuple[str, bool], list[tuple[DeclaredFeature, Column]]]:
    """Group the aggregating columns that are not measured yet by source and by whether they look back without bound."""
    groups: dict[tuple[str, bool], list[tuple[DeclaredFeature, Column]]] = defaultdict(list)
    for item in declared:
        if not isinstance(item.feature, OfRow):
            for column in (c for c in item.columns() if c.name not in measured):
                groups[item.feature.source, reach(item.feature, column.window) is None].append((item, column))
    return groups


def _by_rows(
    declared: list[DeclaredFeature],
) -> dict[tuple[str, Wheres, str | None], list[DeclaredFeature]]:
    """Group the features that are read off one row by source, and by the rows that may be it.

    These are the rows that match a ``where`` and, for `latest`, hold a value in its column.
    """
    groups: dict[tuple[str, Wheres, str | None], list[DeclaredFeature]] = defaultdict(list)
    for item in declared:
        if isinstance(item.feature, OfRow):
            filled = item.feature.column if isinstance(item.feature, Latest) else None
            groups[item.feature.source, item.feature.where, filled].append(item)
    return groups


def _aggregates(snapshots: ir.Table, facts: Facts, group: list[tuple[DeclaredFeature, Column]]) -> ir.Table:
    bounds = [oldest(item.feature, column.window) for item, column in group]
    furthest = None if None in bounds else max(b for b in bounds if b is not None)
    prepared, flags = _prepared(facts, [item for item, _ in group])
    joined = known_before(snapshots, prepared, furthest)
    wanted: Measures = {}
    for item, column in group:
        where = item.feature.where
        match = joined[flags[where]] if where else None
        wanted |= measures(joined, item.feature, column, match)
    return joined.group_by(list(GRAIN)).aggregate(**wanted)


def _prepared(facts: Facts, items: list[DeclaredFeature]) -> tuple[Facts, dict[Wheres, str]]:
    """Decide each ``where`` on the facts; return those that some feature counts, and ``where`` → its column."""
    wheres = list(dict.fromkeys(item.feature.where for item in items))
    flags = {where: f"__match_{i}" for i, where in enumerate(w for w in wheres if w)}
    decided: dict[str, ir.Value] = {flag: matches(facts.table, where) for where, flag in flags.items()}
    for item in items:
        decided |= ingredients(facts.table, item.feature)
    table = facts.table.select(KEY, OCCURRED, KNOWN, **dict(sorted(decided.items())))
    if () not in wheres and not any(isinstance(item.feature, Share) for item in items):
        table = table.filter(ibis.or_(*(table[flag] for flag in flags.values())))
    return replace(facts, table=table), flags


def _newest(
    snapshots: ir.Table, facts: Facts, where: Wheres, filled: str | None, items: list[DeclaredFeature]
) -> ir.Table:
    """Read features off the newest row known at each snapshot.

    Of rows that are equally new the greatest value counts, for each feature by itself; without a clock
    all rows of a lead are.
    """
    eligible = [matches(facts.table, where)] if where else []
    eligible += [facts.table[filled].notnull()] if filled else []
    table = facts.table.filter(*eligible) if eligible else facts.table
    times = [OCCURRED, KNOWN] if facts.has_clock else []
    read = {column for item in items for column in item.feature.reads()}
    read |= {TEXT + column for column in read} & set(table.columns)
    table = table.select(KEY, *times, *sorted(read))
    rows = known_before(snapshots, replace(facts, table=table))
    if facts.has_clock:
        # two plain aggregates are far cheaper than to rank or to window all that is known
        newest = rows.group_by(list(GRAIN)).aggregate(**{NEWEST: rows[OCCURRED].max()})
        again = table.view()
        on = [newest[KEY] == again[KEY], newest[NEWEST] == again[OCCURRED], again[KNOWN] < newest[AS_OF]]
        rows = newest.inner_join(again, on)
    values = {item.name: row_value(rows, item.feature) for item in items}
    return rows.group_by(list(GRAIN)).aggregate(**values)


def _join(left: ir.Table, right: ir.Table) -> ir.Table:
    joined = left.left_join(right, list(GRAIN))
    # selected, not dropped: Ibis writes dropped names in an order that changes from process to process
    return joined.select(*left.columns, *(c for c in right.columns if c not in GRAIN))


def _finished(wide: ir.Table, item: DeclaredFeature, column: Column, observed_from: int | None) -> ir.Value:
    if isinstance(item.feature, OfRow):
        return wide[column.name]
    result = value(wide, item.feature, column)
    looks_back = reach(item.feature, column.window)
    if looks_back is None or observed_from is None:
        return result
    return (wide[AS_OF] - looks_back >= observed_from).ifelse(result, None)
