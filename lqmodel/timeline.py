"""What the view shows of a lead besides its score: the declared columns of who it is, and of what it did.

Nothing that is not declared for it, and nothing that was known only later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.asof import Facts, known_before
from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, KEY, OCCURRED, fetch
from lqmodel.inputs import Inputs
from lqmodel.roster import ID

SCHEMA: Final = pa.schema(
    {ID: pa.string(), "at": pa.timestamp("us", "UTC"), "what": pa.string(), "text": pa.string()}
)
"""timeline.parquet. Grain: one row per lead and display column (``at`` is null), and per event that is shown."""
MOST: Final = 20
"""Events of a lead and source that are kept, the newest."""
BETWEEN: Final = " · "
_LEADS: Final = "__shown_leads"


def timeline(
    declarations: Declarations,
    inputs: Inputs,
    leads: pa.Table,
    named: pa.ChunkedArray,
    followed: pa.ChunkedArray,
    as_of: int | None,
) -> pa.Table:
    """Return what is shown of leads.

    Parameters
    ----------
    declarations : Declarations
    inputs : Inputs
        With the columns that are shown.
    leads : pyarrow.Table
        As of `roster.everyone`.
    named : array of str
        Leads whose display columns are kept.
    followed : array of str
        Leads whose events are kept.
    as_of : int or None
        Microseconds UTC; only events that were known before it. None: no events.

    Returns
    -------
    pyarrow.Table
        Of `SCHEMA`, by lead id, the newest event first, display columns last.
    """
    population = declarations.sources[declarations.model.population.source]
    chosen = leads.take(pc.index_in(named, leads[ID]))
    parts = [_columns(chosen, column) for column in population.display]
    if as_of is not None:
        parts += _events(inputs, followed, as_of)
    if not parts:
        return SCHEMA.empty_table()
    found = pa.concat_tables(parts)
    order = [(ID, "ascending"), ("at", "descending"), ("what", "ascending"), ("text", "ascending")]
    return found.take(pc.sort_indices(found, order)).combine_chunks()


def _columns(leads: pa.Table, column: str) -> pa.Table:
    told = leads.filter(pc.is_valid(leads[column]))
    return _table(told[ID], pa.nulls(len(told), SCHEMA.field("at").type), column, told[column])


def _events(inputs: Inputs, followed: pa.ChunkedArray, as_of: int) -> Iterator[pa.Table]:
    for name, facts in sorted(inputs.facts.items()):
        if facts.source.timeline and facts.has_clock:
            rows = _newest(inputs, facts, followed, as_of)
            texts = [pc.cast(rows[column], pa.string()) for column in facts.source.timeline]
            said = pc.binary_join_element_wise(*texts, BETWEEN, null_handling="skip")
            at = rows[OCCURRED].cast(pa.int64()).cast(SCHEMA.field("at").type)
            yield _table(rows[KEY], at, name, said)


def _newest(inputs: Inputs, facts: Facts, followed: pa.ChunkedArray, as_of: int) -> pa.Table:
    """Return the newest events of these leads that were known before a moment; of equals all that come first by their texts."""
    columns: Sequence[str] = facts.source.timeline
    moments = pa.table({KEY: followed, AS_OF: pa.array([as_of] * len(followed), pa.int64())})
    inputs.con.con.register(_LEADS, moments)
    known = known_before(inputs.con.table(_LEADS), facts)
    newest = [known[OCCURRED].desc(), *(known[c] for c in columns)]
    ranked = known.mutate(__rank=ibis.row_number().over(group_by=KEY, order_by=newest))
    found = fetch(ranked.filter(ranked["__rank"] < MOST).select(KEY, OCCURRED, *columns))
    inputs.con.con.unregister(_LEADS)
    return found


def _table(leads: pa.ChunkedArray, at: pa.Array, what: str, text: pa.ChunkedArray) -> pa.Table:
    columns = [leads, at, pa.array([what] * len(leads), pa.string()), text]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True))).cast(SCHEMA)
