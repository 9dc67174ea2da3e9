"""Who is to be scored at a moment, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.asof import iso, newest_known
from lqmodel.bundle import Bundle
from lqmodel.engine import AS_OF, CREATED, KEY, KNOWN, OCCURRED, fetch, materialise
from lqmodel.errors import Refused
from lqmodel.inputs import Inputs
from lqmodel.labels import closings, population

ID, REASON = "lead_id", "__reason"
INSIDE = "__inside"
SKIPPED = pa.schema({"source": pa.string(), ID: pa.string(), "reason": pa.string(), "rows": pa.int64()})


def check_moment(bundle: Bundle, inputs: Inputs, as_of: int) -> None:
    """Refuse a moment before any data, and facts too old to be believed."""
    leads = inputs.facts[bundle.declarations.model.population.source]
    if leads.observed_from is not None and newest_known(leads, as_of) is None:
        raise Refused(
            f"as_of {iso(as_of)} lies before any lead: the first is of {iso(leads.observed_from)}",
            where=f"source {leads.name!r}",
            do="take a later --as-of",
        )
    for name, facts in sorted(inputs.facts.items()):
        limit = facts.source.freshness
        if limit is None:
            continue
        newest = newest_known(facts, as_of)
        if newest is None or as_of - newest > limit.us:
            age = "there is none" if newest is None else f"the newest is of {iso(newest)}"
            raise Refused(
                f"no fact within {limit.text} before {iso(as_of)}: {age}",
                where=f"source {name!r}",
                do="mend the feed, so that silence does not demote everyone; or score with --as-of at a moment that the data covers",
            )


def everyone(bundle: Bundle, inputs: Inputs, as_of: int | None) -> pa.Table:
    """Return every lead of the input by id: its status, the reason where it is not scored, display columns."""
    model = bundle.declarations.model
    leads = inputs.facts[model.population.source]
    table = leads.table
    reason: ir.Value = ibis.null("string")
    if as_of is not None:
        closed = closings(inputs.facts[model.label.source], model)
        inside = materialise(
            inputs.con, INSIDE, population(leads, closed, model, [as_of]).select(KEY, AS_OF, CREATED)
        )
        table = table.left_join(closed, KEY).drop(f"{KEY}_right")
        too_old = (
            f"older than {model.population.max_age.text}"
            if model.population.max_age
            else "outside the population"
        )
        reason = ibis.cases(
            (table[KEY].isin(inside[KEY]), ibis.null("string")),
            ((table.closed_known < as_of).fill_null(False), ibis.literal("won or lost before as_of")),
            ((table[OCCURRED] >= as_of) | (table[KNOWN] >= as_of), ibis.literal("not known before as_of")),
            else_=ibis.literal(too_old),
        )
    shown = {name: table[name].cast("string") for name in leads.source.display}
    return fetch(table.select(**{ID: table[KEY], REASON: reason}, **shown).order_by(ID))


def to_score(bundle: Bundle, inputs: Inputs, as_of: int | None) -> ir.Table:
    """Return the leads to be scored, after `everyone`. Grain: (``__key``, ``__as_of``); also ``__created``."""
    if as_of is not None:
        return inputs.con.table(INSIDE, database=("temp", "main"))
    table = inputs.facts[bundle.declarations.model.population.source].table
    return table.select(**{KEY: table[KEY], AS_OF: ibis.literal(0, "int64"), CREATED: ibis.null("int64")})


def skipped(
    leads: pa.Table, inputs: Inputs, unseen: Mapping[str, Mapping[str, int]], source: str
) -> pa.Table:
    """Return what was left out or could not be used. Grain: (source, lead_id or null, reason)."""
    outside = leads.filter(pc.is_valid(leads[REASON]))
    rows = [
        {"source": name, ID: None, "reason": why, "rows": n}
        for name, f in sorted(inputs.facts.items())
        for why, n in sorted(f.set_aside.items())
    ]
    rows += [
        {"source": name, ID: None, "reason": "of leads that are not in the leads' source", "rows": n}
        for name, n in sorted(inputs.unknown.items())
    ]
    rows += [
        {
            "source": source,
            ID: None,
            "reason": f"{column}: training did not see level {level!r}, or too rarely to learn from",
            "rows": n,
        }
        for column, levels in sorted(unseen.items())
        for level, n in sorted(levels.items())
    ]
    listed = {
        "source": pa.array([source] * len(outside)),
        ID: outside[ID],
        "reason": outside[REASON],
        "rows": pa.array(np.ones(len(outside), np.int64)),
    }
    return pa.concat_tables([pa.Table.from_pylist(rows, SKIPPED), pa.table(listed).cast(SKIPPED)])
