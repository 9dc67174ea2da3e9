"""Damage in the rows of a source: no id, ids that nearly agree, facts that stand there twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts
from lqmodel.audit.case import Case
from lqmodel.audit.finding import Finding, Level
from lqmodel.declarations import Count, Decayed, Mean, Share, Sum, Trend
from lqmodel.engine import KEY, OCCURRED, fetch, fetch_row
from lqmodel.errors import listing

NO_ID: Final = "without a lead id"
MISSING_IDS: Final = 0.01  # share of rows from which on it is a warning
REPEATED: Final = 0.01  # share of facts that repeat another, from which on it is a warning
REPEATED_IN_A_DAY: Final = 0.05  # of facts without a time of day, which may be alike and yet two
FEWEST_REPEATED: Final = 10
EXAMPLES: Final = 3
COUNTING: Final = (Count, Decayed, Mean, Share, Sum, Trend)  # verbs that a fact sent twice moves
SECOND: Final = 1_000_000
END_OF_DAY: Final = SECOND - 1  # a date stands for its day's last microsecond


def missing_ids(case: Case) -> Iterator[Finding]:
    """Rows that name no lead."""
    for name, facts in sorted(case.inputs.facts.items()):
        n, rows = facts.set_aside.get(NO_ID, 0), facts.rows + sum(facts.set_aside.values())
        if n:
            message = f"{n:,} of {rows:,} rows ({n / rows:.1%}) name no lead in {facts.source.key!r}, and were set aside"
            do = "ask where they come from: a visitor without a name yet, or a join that failed"
            level: Level = "warn" if n >= MISSING_IDS * rows else "note"
            yield Finding(level, "missing_ids", name, case.source_at(name), message, do)


def ids_that_collide(case: Case) -> Iterator[Finding]:
    """Ids that are the same but for space around them, capitals, or zeros before a number."""
    leads = case.declarations.model.population.source
    ids = _alike(case.inputs.facts[leads].table.select(KEY).distinct())
    by_form = ids.group_by("form").aggregate(n=ids.count(), low=ids[KEY].min(), high=ids[KEY].max())
    several = by_form.filter(by_form.n > 1)
    n = fetch_row(several.aggregate(n=several.count()))["n"]
    if n:
        pairs = fetch(several.order_by("form").limit(EXAMPLES)).to_pylist()
        shown = listing(f"{p['low']!r} and {p['high']!r}" for p in pairs)
        message = (
            f"{n:,} ids of leads agree with another but for space, capitals or leading zeros, such as {shown}"
        )
        do = "if they are one lead, write its id one way everywhere; if capitals matter in your ids, nothing"
        yield Finding("warn", "ids_collide", leads, case.source_at(leads), message, do)
    for name in sorted(case.inputs.unknown):
        yield from _nearly_known(case, name, by_form)


def _nearly_known(case: Case, name: str, leads: ir.Table) -> Iterator[Finding]:
    """Ids of a source that no lead has, though one would if they were written alike."""
    table = case.inputs.facts[name].table
    ids = table.group_by(KEY).aggregate(rows=table.count())
    known = case.inputs.facts[case.declarations.model.population.source].table
    unknown = _alike(ids.anti_join(known, KEY))
    near = unknown.inner_join(leads, "form")
    row = fetch_row(near.aggregate(n=near.count(), rows=near.rows.sum()))
    if not row["n"]:
        return
    pairs = fetch(near.order_by(KEY).limit(EXAMPLES)).to_pylist()
    shown = listing(f"{p[KEY]!r} for {p['low']!r}" for p in pairs)
    message = (
        f"{row['n']:,} ids ({int(row['rows']):,} rows, set aside) would name a lead but for space, capitals or leading zeros, "
        f"such as {shown}"
    )
    do = "write ids one way in all sources: without space around them, in one case, with the same zeros"
    yield Finding("warn", "ids_collide", name, case.source_at(name), message, do)


def _alike(ids: ir.Table) -> ir.Table:
    """Add ``form``: the id without space around it, in lower case, numbers without leading zeros or a final .0."""
    form = ids[KEY].strip().lower()
    form = form.re_replace(r"^([0-9]+)\.0+$", r"\1").re_replace(r"^0+([0-9]+)$", r"\1")
    return ids.mutate(form=form)


def repeated_rows(case: Case) -> Iterator[Finding]:
    """Facts that agree with another in lead, time and every column that is read: events sent twice count twice."""
    for name, facts in sorted(case.inputs.facts.items()):
        if facts.has_clock and not case.one_row.get(name, False):
            yield from _repeated(case, name, facts)


def _repeated(case: Case, name: str, facts: Facts) -> Iterator[Finding]:
    table = facts.table.drop(*(c for c in facts.source.display if c in facts.table.columns))
    moments = table.group_by([KEY, OCCURRED]).aggregate(__n=ibis._.count())
    several = moments.filter(moments["__n"] > 1)  # few, so that comparing all columns is cheap
    often = table.semi_join(several, [KEY, OCCURRED])
    same = often.group_by(table.columns).aggregate(__n=ibis._.count())
    same = same.filter(same["__n"] > 1)
    by_day = same[OCCURRED] % SECOND == END_OF_DAY
    more = same["__n"] - 1
    row = fetch_row(
        same.aggregate(
            timed=more.sum(where=~by_day), dated=more.sum(where=by_day),
            leads=same[KEY].nunique(), most=same["__n"].max(), example=same[KEY].min(),
        )
    )  # fmt: skip
    timed, dated = int(row["timed"] or 0), int(row["dated"] or 0)
    n = timed + dated
    certain = timed >= max(FEWEST_REPEATED, REPEATED * facts.rows)
    if not certain and n < max(FEWEST_REPEATED, REPEATED_IN_A_DAY * facts.rows):
        return
    counted = [
        i.name
        for i in case.declarations.features
        if i.feature.source == name and isinstance(i.feature, COUNTING)
    ]
    message = (
        f"{n:,} of {facts.rows:,} facts ({n / facts.rows:.1%}) repeat another of the same lead, time and values read; "
        f"{row['leads']:,} leads, up to {row['most']:,} times, such as lead {row['example']!r}"
    )
    if not certain:
        message += "; with days only, two true facts of one day look alike"
    if counted:
        message += f"; counted each time by {listing(counted, most=5)}"
    do = "if they were sent or loaded twice, keep one of each by the event's own id before they are read"
    level: Level = "warn" if certain and counted else "note"
    yield Finding(level, "repeated_rows", name, case.source_at(name), message, do)
