"""Who is in the population at which moment, and whether they were won within the horizon."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts
from lqmodel.declarations import Model
from lqmodel.engine import AS_OF, CREATED, GROUP, KEY, KNOWN, OCCURRED, as_text
from lqmodel.verbs import matches


def closings(outcomes: Facts, model: Model) -> ir.Table:
    """Return when each lead was won or lost.

    Returns
    -------
    ibis Table
        Grain: one row per lead with an outcome; ``__key``, ``won`` and ``won_known`` (first win:
        occurred, known), ``closed_known`` (when the first win or loss was known); int64 microseconds UTC or null.
    """
    table = outcomes.table
    won = matches(table, model.label.where)
    lost = matches(table, model.label.lost) if model.label.lost else ibis.literal(False)
    return table.group_by(KEY).aggregate(
        won=table[OCCURRED].min(where=won),
        won_known=table[KNOWN].min(where=won),
        closed_known=table[KNOWN].min(where=won | lost),
    )


def population(leads: Facts, closed: ir.Table, model: Model, as_ofs: list[int]) -> ir.Table:
    """Return the open leads at each as_of: created strictly before, not known to be won or lost, not too old.

    Returns
    -------
    ibis Table
        Grain: (``__key``, ``__as_of``); ``__created``, ``__group`` (string), ``won``, ``won_known``, and ``late``: won before
        as_of, but known only later (to be counted and left out).
    """
    times = {CREATED: leads.table[OCCURRED], "created_known": leads.table[KNOWN]}
    table = leads.table.select(KEY, **{GROUP: group(leads, model)} | times)
    grid = ibis.literal(as_ofs, type="array<int64>").unnest().name(AS_OF).as_table()
    conditions = [table[CREATED] < grid[AS_OF], table.created_known < grid[AS_OF]]
    if model.population.max_age is not None:
        conditions.append(grid[AS_OF] - table[CREATED] <= model.population.max_age.us)
    crossed = table.inner_join(grid, conditions)
    crossed = crossed.left_join(closed, KEY).drop(f"{KEY}_right")
    is_open = (crossed.closed_known >= crossed[AS_OF]).fill_null(True)
    late = (crossed.won < crossed[AS_OF]).fill_null(False)
    return crossed.filter(is_open).mutate(late=late).drop("created_known", "closed_known")


def group(leads: Facts, model: Model) -> ir.StringValue:
    """Return what folds and intervals keep together: the account where there is one, else the lead."""
    key = leads.table[KEY]
    if model.population.account is None:
        return key
    return ibis.coalesce(as_text(leads.table[model.population.account]), key)


def label(snapshots: ir.Table, model: Model) -> ir.IntegerValue:
    """Return 1 where the first win occurs in [as_of, as_of + horizon), else 0."""
    if model.label.horizon is None:
        raise TypeError("a label without a clock stands in the leads' table")
    won = (snapshots.won >= snapshots[AS_OF]) & (snapshots.won < snapshots[AS_OF] + model.label.horizon.us)
    return won.fill_null(False).cast("int8")


def last_mature(outcomes: Facts, model: Model) -> int:
    """Return the last as_of whose horizon the outcomes cover, in microseconds UTC.

    Outcomes that arrive late (known_at) are waited for as long as most of them take. Maturity depends on
    what the source covers, never on the outcome itself.
    """
    if model.label.horizon is None or outcomes.observed_until is None:
        raise TypeError("maturity needs a clock")
    return outcomes.observed_until - model.label.horizon.us - max(outcomes.source.lag.us, outcomes.delay)
