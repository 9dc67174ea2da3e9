"""How the facts of a source are read: DuckDB decides tests and values, once per fact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts
from lqmodel.declarations import DeclaredFeature
from lqmodel.engine import KEY, KNOWN, LOCAL_DAY, OCCURRED, fetch, text_of
from lqmodel.sweep.deciding import Texts, decided_by_fact, decided_by_text
from lqmodel.sweep.programme import Plan, Value
from lqmodel.verbs import ingredients

USABLE, BITS_OF, TEXT, VALUE = "__usable", "__bits", "__text", "__value"
FEW = 1_000
"""Different texts that a column may hold to be handed over as numbers without a join …"""
LONGEST = 1_000_000
"""… and their characters together."""


class Query(NamedTuple):
    """How the facts of a source are read.

    Attributes
    ----------
    sql : str
        Gives ``__key``, ``__occurred``; ``__usable``, where that is a field of its own; ``__bits0`` …, where a fact
        decides any; ``__text0`` …, one for each of ``texts``; ``__value0`` …
    texts : list of Texts
    """

    sql: str
    texts: list[Texts]


def lag_of(facts: Facts) -> int | None:
    """Return how much later than it occurred every fact was known, microseconds; None if that varies."""
    return facts.source.lag.us if facts.source.known_at is None else None


def reading(facts: Facts, items: Iterable[DeclaredFeature], plan: Plan, earliest: int, latest: int) -> Query:
    """Return how to read each fact that may count at some snapshot.

    Parameters
    ----------
    facts : Facts
        With a clock.
    items : iterable of DeclaredFeature
        What was planned.
    plan : Plan
    earliest, latest : int
        First and last as_of of all snapshots, microseconds UTC.
    """
    occurred, lag = facts.table[OCCURRED], lag_of(facts)
    usable = ibis.greatest(occurred, facts.table[KNOWN]) if lag is None else occurred + lag
    kept = [usable < latest]
    if plan.furthest is not None:
        kept.append(occurred >= earliest - plan.furthest)
    needed: dict[str, ir.Value] = {}
    for item in items:
        needed |= ingredients(facts.table, item.feature)
    columns = {} if lag is not None else {USABLE: usable}
    few = _few_texts(facts.table.filter(*kept), plan, earliest)
    for word in range(plan.n_bit_words):
        bits = decided_by_fact(facts.table, plan.tests, word, few)
        if bits is not None:
            columns[f"{BITS_OF}{word}"] = bits
    texts = decided_by_text(plan.tests, few)
    columns |= {f"{TEXT}{i}": text_of(facts.table, one.column) for i, one in enumerate(texts)}
    read = {
        i: _plain(facts.table[v.name] if v.sort == "sum" else needed[v.name], v)
        for i, v in enumerate(plan.values)
        if v.sort != "code" or v.name not in few
    }
    columns |= {f"{VALUE}{i}": value for i, value in read.items()}
    table = facts.table.filter(*kept).select(KEY, OCCURRED, **columns)
    for i in read:
        if plan.values[i].sort == "code" and plan.values[i].name != LOCAL_DAY:
            table = _coded(table, f"{VALUE}{i}", facts.table, plan.values[i].name)
    return Query(_as_enums(table.get_backend().compile(table), texts), texts)


def _plain(column: ir.Value, value: Value) -> ir.Value:
    """Return a value as it is dealt out; one that is compared without the sign of zero."""
    if value.sort == "code":
        return column
    number = column if column.type().is_float64() else column.cast("float64")
    return number + 0.0 if value.sort == "number" else number


def _few_texts(table: ir.Table, plan: Plan, earliest: int) -> dict[str, list[str]]:
    """Return column → its texts, for columns of few different texts; of those that no window reaches, none."""
    found = {}
    for value, reach in zip(plan.values, plan.reaches, strict=True):
        column = table[value.name]
        if value.sort == "code" and column.type().is_string():
            values = table.filter(column.notnull(), table[OCCURRED] >= earliest - reach)
            values = values.select(__text=values[value.name]).distinct()
            texts: list[str] = fetch(values.limit(FEW + 1))["__text"].to_pylist()
            # they are written into the query, which cannot hold the character NUL
            if 0 < len(texts) <= FEW and sum(map(len, texts)) <= LONGEST and "\0" not in "".join(texts):
                found[value.name] = texts
    return found


def _coded(table: ir.Table, column: str, everything: ir.Table, name: str) -> ir.Table:
    """Replace the values of a column by numbers that tell them apart."""
    values = everything.select(__told=everything[name]).distinct()
    values = values.mutate(__code=ibis.row_number())
    joined = table.left_join(values, table[column] == values["__told"])
    return joined.select(**{c: joined["__code" if c == column else c] for c in table.columns})


def _as_enums(sql: str, texts: list[Texts]) -> str:
    """Let DuckDB hand over texts as numbers: those that conditions name, missing otherwise."""
    casts = []
    for i, one in enumerate(texts):
        named = ", ".join("'" + text.replace("'", "''") + "'" for text in one.named)
        casts.append(f'TRY_CAST("{TEXT}{i}" AS ENUM ({named})) AS "{TEXT}{i}"')
    return f"SELECT * REPLACE ({', '.join(casts)}) FROM ({sql})" if casts else sql
