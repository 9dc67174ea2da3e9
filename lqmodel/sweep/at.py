"""Features at snapshots, by the quickest way that the engine has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import ibis.expr.types as ir

from lqmodel.asof import Facts
from lqmodel.declarations import DeclaredFeature
from lqmodel.features import features

MEASURED = "__measured"


@contextmanager
def features_at(
    snapshots: ir.Table,
    facts: Mapping[str, Facts],
    declared: Iterable[DeclaredFeature],
    observed_from: Mapping[str, int],
) -> Iterator[ir.Table]:
    """Compute features at snapshots: parameters and table as in `features.features`, equal to the byte.

    On DuckDB every verb that aggregates is swept; the table may then be queried inside the ``with`` only. The sweep
    holds up to 2 GiB of facts at once, beside its measures: 4 or 8 bytes per snapshot and measure.
    """
    declared = tuple(declared)
    con = snapshots.get_backend()
    if con.name != "duckdb":
        yield features(snapshots, facts, declared, observed_from)
        return
    from lqmodel.sweep.measuring import measured  # numba only where it is needed

    table, names = measured(snapshots, facts, declared)
    if not names:
        yield features(snapshots, facts, declared, observed_from)
        return
    con.con.register(MEASURED, table)
    try:
        yield features(con.table(MEASURED), facts, declared, observed_from, names)
    finally:
        con.con.unregister(MEASURED)
