"""Facts that exist for won leads only, or come with the win or after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from lqmodel.audit.case import FEWEST_LEADS, Case, Judged, accepting
from lqmodel.audit.finding import Finding
from lqmodel.declarations import Condition, DeclaredFeature, Taken
from lqmodel.engine import KEY, KNOWN, OCCURRED, fetch_row
from lqmodel.verbs import matches

WINNERS_ONLY: Final = 0.95  # from this share of won leads on, facts exist for winners only
ABOVE_BASE: Final = 0.2  # … if that is so far above the share of all leads that were won
MOSTLY_LATE: Final = 0.9  # from this share on, a winner's facts come after the win …
MOSTLY_WINNERS: Final = 0.5  # … and are its consequence where at least so many of their leads were won
AT_THE_WIN: Final = 60_000_000  # microseconds before the win in which a fact is part of it

Usage = tuple[tuple[Condition, ...], str | None]  # the rows that count, and the column taken from them
WHOLE: Final[Usage] = ((), None)


@dataclass(frozen=True)
class Timing:
    """Leads with a fact, those of them that were won, the facts of these, and how many came after the win.

    ``close``: how many happened in the last minute before it.
    """

    leads: int
    won: int
    facts: int
    late: int
    close: int


def known_too_late(case: Case) -> Iterator[Judged]:
    """Facts that exist for won leads only, or come with or after the win.

    A feature whose own facts are too few to tell is judged by its whole source.
    """
    label = case.declarations.model.label.source if case.declarations.model.has_clock else None
    usages: dict[str, dict[Usage, list[DeclaredFeature]]] = {}
    for item in case.declarations.features:
        column = item.feature.column if isinstance(item.feature, Taken) else None
        if item.feature.source != label:
            usages.setdefault(item.feature.source, {}).setdefault((item.feature.where, column), []).append(
                item
            )
    for source, by_usage in sorted(usages.items()):
        whole, *each = _timings(case, source, [WHOLE, *by_usage])
        for items, told in zip(by_usage.values(), each, strict=True):
            few = told.leads < FEWEST_LEADS
            for item in items:
                yield from _late(case, source, item, whole if few else told, "source " if few else "")


def _timings(case: Case, source: str, usages: list[Usage]) -> list[Timing]:
    facts = case.inputs.facts[source]
    joined = case.leads.inner_join(facts.table, KEY)
    no = ibis.literal(False)
    late = (joined[KNOWN] >= joined.won).fill_null(False) if facts.has_clock else no
    close = (joined[OCCURRED] >= joined.won - AT_THE_WIN).fill_null(False) & ~late if facts.has_clock else no
    rows: dict[str, ir.Value] = {}
    for i, (where, column) in enumerate(usages):
        match = matches(joined, where)
        match = match & joined[column].notnull() if column else match
        rows |= {f"n{i}": joined.count(where=match), f"late{i}": joined.count(where=match & late)}
        rows |= {f"close{i}": joined.count(where=match & close)}
    each = joined.group_by(KEY).aggregate(is_won=joined.is_won.any(), **rows)
    sums: dict[str, ir.Value] = {}
    for i in range(len(usages)):
        n = each[f"n{i}"]
        sums |= {f"leads{i}": each.count(where=n > 0), f"won{i}": each.count(where=(n > 0) & each.is_won)}
        sums |= {f"facts{i}": n.sum(where=each.is_won)}
        sums |= {f"late{i}": each[f"late{i}"].sum(), f"close{i}": each[f"close{i}"].sum()}
    row = fetch_row(each.aggregate(**sums))
    parts = ("leads", "won", "facts", "late", "close")
    return [Timing(*(int(row[f"{part}{i}"] or 0) for part in parts)) for i in range(len(usages))]


def _late(case: Case, source: str, item: DeclaredFeature, told: Timing, whose: str) -> Iterator[Judged]:
    if told.leads < FEWEST_LEADS or told.won / told.leads - case.base < ABOVE_BASE:
        return
    share, facts = told.won / told.leads, max(told.facts, 1)
    declared = case.declarations.sources[source]
    columns = [*item.feature.reads(), declared.occurred_at, declared.key]
    accept = item.feature.reads()[0] if item.feature.reads() else declared.occurred_at or declared.key
    do = f"take [{item.name}] out, or, if {accepting(source, accept)}"
    its = f"the facts of {whose}{source!r}" if whose else "its facts"
    if share >= WINNERS_ONLY:
        rule = "winners_only"
        message = (
            f"{its} exist for {told.leads} leads; {share:.0%} of them were won, of all leads {case.base:.0%}"
        )
    elif told.late >= MOSTLY_LATE * facts and share >= MOSTLY_WINNERS:
        # the door of time keeps these out of every feature, so they cannot flatter: a warning is enough
        message = (
            f"{told.late / facts:.0%} of {its} of won leads are known only after the win: "
            "next to nothing is left that could speak in time"
        )
        do = f"take [{item.name}] out; or keep it, if customers who come back are in the population"
        yield Finding("warn", "after_the_win", item.name, case.where(item), message, do), [item.name]
        return
    elif told.late + told.close >= MOSTLY_LATE * facts and share >= MOSTLY_WINNERS:
        message = (
            f"{(told.late + told.close) / facts:.0%} of {its} of won leads come after the win or in the minute before it: "
            "they are part of the win, and say nothing in time"
        )
        do = f"take [{item.name}] out, or move it to the facts that only gates read"
        yield Finding("warn", "at_the_win", item.name, case.where(item), message, do), [item.name]
        return
    else:
        return
    yield case.judged(rule, item.name, case.where(item), message, do, source, columns), [item.name]
