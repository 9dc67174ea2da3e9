"""Snapshots and facts in DuckDB → a table of the snapshots with their measures, as the SQL form would group them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lqmodel.asof import Facts
from lqmodel.declarations import Column, DeclaredFeature
from lqmodel.engine import fetch
from lqmodel.sweep.kernel import measure
from lqmodel.sweep.layout import Layout, lay_out, line_up
from lqmodel.sweep.plan import COVERED, plan
from lqmodel.sweep.programme import NEVER, Ints, Longs, Measure
from lqmodel.sweep.reading import lag_of, reading
from lqmodel.sweep.records import Records, as_floats, gather

BUDGET = 2 * 2**30
"""Bytes of records held at once; more facts are swept in several passes, each over some of the leads."""
EXACT = 2**53
"""Sums beyond this are left to SQL, so that they become floats by the same rounding."""

Columns = list[tuple[DeclaredFeature, Column]]


def measured(
    snapshots: ir.Table, facts: Mapping[str, Facts], declared: Iterable[DeclaredFeature]
) -> tuple[pa.Table, frozenset[str]]:
    """Sweep the facts of every source that can be swept.

    Parameters
    ----------
    snapshots, facts, declared
        As in `features.features`; in DuckDB.

    Returns
    -------
    table : pyarrow.Table
        The snapshots, in another order, and measures by the names of `verbs.measures`: int32 or int64, greatest
        values float64; missing where there is no moment or no greatest value.
    names : frozenset of str
        The columns whose measures are there.
    """
    table = fetch(snapshots)
    wanted = {name: columns for name, columns in _by_source(declared).items() if facts[name].has_clock}
    most = max((facts[name].rows for name in wanted), default=0)
    if not wanted or not len(table):
        return table, frozenset()
    laid_out = lay_out(table, most)
    if laid_out is None:
        return table, frozenset()
    layout, table = laid_out
    names: set[str] = set()
    with ThreadPoolExecutor(_threads(snapshots)) as pool:
        for name, columns in sorted(wanted.items()):
            made = _sweep(snapshots, facts[name], columns, layout, pool)
            if made is not None:
                names.update(column.name for _, column in columns)
                for measure_name, values in made.items():
                    table = table.append_column(measure_name, values)
    return table, frozenset(names)


def _by_source(declared: Iterable[DeclaredFeature]) -> dict[str, Columns]:
    wanted: dict[str, Columns] = defaultdict(list)
    for item in sorted(declared, key=lambda d: d.name):
        if isinstance(item.feature, COVERED):
            wanted[item.feature.source] += [(item, column) for column in item.columns()]
    return wanted


def _threads(table: ir.Table) -> int:
    con = table.get_backend()
    return int(con.con.sql("SELECT current_setting('threads')").fetchone()[0])


def _sweep(
    snapshots: ir.Table, facts: Facts, columns: Columns, layout: Layout, pool: ThreadPoolExecutor
) -> dict[str, pa.Array] | None:
    """Return the measures of one source; None if sums may be so large that floats cannot hold them."""
    planned = plan(columns, layout.words.shape[1], lag_of(facts))
    items = [item for item, _ in columns]
    query = reading(facts, items, planned, int(layout.as_of.min()), int(layout.as_of.max()))
    p, n, n_buckets = planned.programme, len(layout.as_of), 1 << layout.bits
    counts, sums = np.empty((p.n_counts, n), np.int32), np.empty((p.n_totals - p.n_counts, n), np.int64)
    moments = np.empty((p.n_moments, n), np.int64)
    passes = max(1, min(n_buckets, -(-facts.rows * planned.n_fields * 8 // BUDGET)))
    for one in range(passes):
        buckets = range(n_buckets * one // passes, n_buckets * (one + 1) // passes)
        records = gather(snapshots.get_backend(), query, planned, layout, buckets, pool, facts.rows)
        if records.greatest * facts.rows >= EXACT:
            return None

        def work(b: int, records: Records = records) -> None:
            order, start = line_up(records.fields, records.starts, layout, b)
            measure(records.fields, order, start, layout, p, b, counts, sums, moments)

        for _ in pool.map(work, buckets):
            pass
    return {name: _array(m, counts, sums, moments) for name, m in planned.measures.items()}


def _array(measure: Measure, counts: Ints, sums: Longs, moments: Longs) -> pa.Array:
    """Return a measure as the SQL form gives it, but 0 where no fact is counted or added."""
    if measure.sort == "count":
        return pa.array(counts[measure.row])
    if measure.sort == "sum":
        return pa.array(sums[measure.row])
    values = moments[measure.row]
    missing = values == NEVER
    if measure.sort == "greatest":
        return pa.array(as_floats(values), mask=missing)
    return pa.array(-values if measure.sort == "earliest" else values, mask=missing)
