"""Who is to be scored at a moment, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.asof import Facts, iso, newest_known
from lqmodel.barring import OBJECTS, Kept
from lqmodel.declarations import Declarations, Model
from lqmodel.engine import AS_OF, CREATED, EPISODE, FOREVER, KEY, KNOWN, OCCURRED, fetch, materialise
from lqmodel.errors import Refused
from lqmodel.inputs import Inputs
from lqmodel.labels import looked_at, with_customers, with_outcomes

ID, REASON, CAME, WON = "lead_id", "__reason", "__came", "__won"
SEEN, INSIDE = "__seen_leads", "__inside"
SKIPPED = pa.schema({"source": pa.string(), ID: pa.string(), "reason": pa.string(), "rows": pa.int64()})


class Scorer(Protocol):
    """What gives leads their scores: a bundle, or a points table."""

    @property
    def declarations(self) -> Declarations: ...
    @property
    def version(self) -> str: ...


def check_moment(scorer: Scorer, inputs: Inputs, as_of: int) -> None:
    """Refuse a moment before any data, and facts too old to be believed."""
    leads = inputs.facts[scorer.declarations.model.population.source]
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


def cutoffs(inputs: Inputs, as_of: int | None) -> dict[str, str | None]:
    """Return source → when its newest fact before as_of became known, for the sources with a clock."""
    if as_of is None:
        return {}
    newest = {n: newest_known(f, as_of) for n, f in sorted(inputs.facts.items()) if f.has_clock}
    return {name: None if moment is None else iso(moment) for name, moment in newest.items()}


def everyone(scorer: Scorer, inputs: Inputs, as_of: int | None, kept: Kept) -> pa.Table:
    """Return every lead of the input that was not erased, by id.

    Returns
    -------
    pyarrow.Table
        ``lead_id``; ``__reason`` why it is not scored, null if it is; ``__came`` the episode that it is in,
        null before any; ``__won`` whether that is known to be won; ``__account``, ``__owner`` and
        ``__territory`` where they are declared; and the columns that are shown to people.
    """
    gone, objecting = kept.table.filter(kept.table.gone), kept.table.filter(~kept.table.gone)
    model = scorer.declarations.model
    leads = inputs.facts[model.population.source]
    routes, display = model.routes(), leads.source.display
    read = {*display, *routes.values()}
    table = one_row_each(leads, as_of, read) if model.population.episodes else leads.table
    table = table.anti_join(gone, KEY)
    reason: ir.Value = ibis.null("string")
    if as_of is not None:
        seen = materialise(inputs.con, SEEN, _seen(inputs, model, as_of))
        inside = seen.filter(seen.outside.isnull()).anti_join(kept.table, KEY)
        materialise(inputs.con, INSIDE, inside.select(KEY, AS_OF, CREATED, EPISODE))
        table = table.left_join(
            seen.select(KEY, EPISODE, "outside", "is_won", __seen=ibis.literal(True)), KEY
        )
        unseen = "not known before as_of" if model.population.at_age is None else "not of age before as_of"
        reason = table["__seen"].isnull().ifelse(ibis.literal(unseen), table.outside)
    objecting = objecting.select(__whom=objecting[KEY])
    table = table.left_join(objecting, table[KEY] == objecting["__whom"])
    reason = table["__whom"].isnull().ifelse(reason, OBJECTS)
    came = {CAME: ibis.literal(1, "int64"), WON: ibis.literal(False)}
    if as_of is not None:
        came = {CAME: table[EPISODE].cast("int64"), WON: table.is_won.fill_null(False)}
    shown = {name: table[name].cast("string") for name in display}
    shown |= {f"__{name}": table[column].cast("string") for name, column in routes.items()}
    return fetch(table.select(**{ID: table[KEY], REASON: reason}, **came, **shown).order_by(ID))


def one_row_each(leads: Facts, as_of: int | None, columns: Collection[str] | None = None) -> ir.Table:
    """Return these columns (default: those that are shown) of the newest row of each lead that was known before as_of, else its newest; of equals the greatest values."""
    table = leads.table
    moment = FOREVER if as_of is None else as_of
    table = table.mutate(__then=((table[OCCURRED] < moment) & (table[KNOWN] < moment)).ifelse(1, 0))
    newest = ibis.rank().over(group_by=KEY, order_by=[table["__then"].desc(), table[OCCURRED].desc()])
    table = table.mutate(__rank=newest)
    table = table.filter(table["__rank"] == 0)
    return table.group_by(KEY).aggregate(
        **{c: table[c].max() for c in sorted(columns if columns is not None else leads.source.display)}
    )


def _seen(inputs: Inputs, model: Model, as_of: int) -> ir.Table:
    """Return each lead's look that counts at as_of, and why it is outside the population, null if it is not.

    Looks on the weekly grid are made at as_of itself. A look at an age stands at the lead's own moment, and
    counts until its horizon is over; whether the lead is still open is judged at as_of.
    """
    leads, outcomes = inputs.facts[model.population.source], inputs.facts[model.label.source]
    name, at_age, horizon = model.population.customers, model.population.at_age, model.label.horizon
    unlimited = model.model_copy(update={"population": model.population.model_copy(update={"max_age": None})})
    moments = [as_of] if at_age is None else [-FOREVER, as_of]
    seen = with_outcomes(looked_at(leads, outcomes, unlimited, moments), outcomes, model, as_of)
    if at_age is not None:
        newest = ibis.row_number().over(group_by=KEY, order_by=seen[AS_OF].desc())
        seen = seen.mutate(__newest=newest)
        seen = seen.filter(seen["__newest"] == 0)
    business = model.population.business
    if business is not None:
        customers = None if name is None else inputs.facts[name]
        seen = with_customers(seen, leads, outcomes, model, customers, as_of)
    reasons = [(~seen.is_open, "won or lost before as_of")]
    if model.population.max_age is not None:
        limit = model.population.max_age
        reasons.append((as_of - seen[CREATED] > limit.us, f"older than {limit.text}"))
    if at_age is not None and horizon is not None:
        over = seen[AS_OF] + horizon.us <= as_of
        reasons.append((over, f"its {horizon.text} from the age of {at_age.text} on are over"))
    if business == "new":
        reasons.append((seen.customer, "a customer before as_of"))
    elif business == "expansion":
        reasons.append((~seen.customer, "no customer before as_of"))
    outside = ibis.cases(*((found, ibis.literal(told)) for found, told in reasons), else_=ibis.null("string"))
    return seen.select(KEY, AS_OF, CREATED, EPISODE, "is_won", outside=outside)


def to_score(scorer: Scorer, inputs: Inputs, as_of: int | None, kept: Kept) -> ir.Table:
    """Return the leads to be scored, after `everyone`. Grain: (``__key``, ``__as_of``); also ``__created``, ``__episode``."""
    if as_of is not None:
        return inputs.con.table(INSIDE, database=("temp", "main"))
    table = inputs.facts[scorer.declarations.model.population.source].table.anti_join(kept.table, KEY)
    nothing = {
        AS_OF: ibis.literal(0, "int64"),
        CREATED: ibis.null("int64"),
        EPISODE: ibis.literal(1, "int64"),
    }
    return table.select(**{KEY: table[KEY], **nothing})


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
