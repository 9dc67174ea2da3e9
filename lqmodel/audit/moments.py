"""Moments that far more leads share than chance allows: imports in bulk, and clean-ups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts, iso
from lqmodel.audit.case import FEWEST_LEADS, Case
from lqmodel.audit.finding import Finding
from lqmodel.audit.rows import END_OF_DAY, SECOND
from lqmodel.engine import KEY, KNOWN, OCCURRED, fetch_row
from lqmodel.verbs import matches

HALF: Final = 0.5  # share of all facts at one moment that is never chance
LARGE: Final = 0.05  # or this share …
ABOVE_USUAL: Final = 5.0  # … if so many times the facts of a usual moment
FAR_ABOVE_USUAL: Final = 50.0  # or so many times, whatever the share
SPREAD: Final = 7 * 86_400 * SECOND  # facts of so long a time that arrive at once were loaded in bulk


@dataclass(frozen=True)
class Shared:
    """The moment that most leads share, and how many more moments stand out.

    ``moment``: microseconds UTC. ``facts`` and ``leads`` at it; ``usual``: facts of the median moment.
    ``days``: between the first and the last of these facts to happen. ``won``: of these facts.
    ``by_day``: the moment is a whole day's last second.
    """

    moment: int
    facts: int
    leads: int
    usual: float
    days: float
    won: int
    others: int
    by_day: bool


def shared_moments(case: Case) -> Iterator[Finding]:
    """Moments at which far more happened, or arrived, than usual.

    Whole days are no moments. Only where the outcomes have nothing but days, a day counts that is far beyond the
    usual one: a campaign may bring many leads on one day, but they are not lost on one day.
    """
    label = case.declarations.model.label.source
    for name, facts in sorted(case.inputs.facts.items()):
        if not facts.has_clock:
            continue
        is_label = name == label
        told = _most_shared(case, facts, is_label)
        if told is not None:
            yield _happened(case, name, facts, told, is_label)
        elif facts.source.known_at is not None and (loaded := _loaded(facts)) is not None:
            yield _arrived(case, name, facts, loaded)


def _most_shared(case: Case, facts: Facts, is_label: bool) -> Shared | None:
    table, by_day = facts.table, facts.table[OCCURRED] % SECOND == END_OF_DAY
    days = fetch_row(table.aggregate(n=table.count(where=by_day)))["n"]
    only_days = days == facts.rows
    if only_days and not is_label:
        return None
    timed = table if only_days else table.filter(~by_day)
    won = matches(timed, case.declarations.model.label.where) if is_label else ibis.literal(False)
    seconds = timed.select(KEY, OCCURRED, moment=timed[OCCURRED] // SECOND * SECOND, won=won)
    return _standing_out(seconds, facts.rows, only_far=only_days)


def _loaded(facts: Facts) -> Shared | None:
    table = facts.table
    arrived = table.select(KEY, OCCURRED, moment=table[KNOWN] - facts.source.lag.us, won=ibis.literal(False))
    return _standing_out(arrived, facts.rows, only_far=False, spread=SPREAD)


def _standing_out(facts: ir.Table, rows: int, *, only_far: bool, spread: int = 0) -> Shared | None:
    """Return the moment with the most leads among those that stand out; of equals the earliest."""
    each = facts.group_by("moment").aggregate(facts=facts.count())
    usual = fetch_row(each.aggregate(usual=each.facts.quantile(0.5)))["usual"]
    if usual is None:
        return None
    far, above = each.facts >= FAR_ABOVE_USUAL * usual, each.facts >= ABOVE_USUAL * usual
    out = far if only_far else far | (above & (each.facts >= LARGE * rows)) | (each.facts >= HALF * rows)
    among = facts.semi_join(each.filter(out, each.facts >= FEWEST_LEADS).select("moment"), "moment")
    found = among.group_by("moment").aggregate(
        facts=among.count(), leads=among[KEY].nunique(), won=among.count(where=among.won),
        first=among[OCCURRED].min(), last=among[OCCURRED].max(),
    )  # fmt: skip
    # one lead alone may do much in one second
    found = found.filter(found.leads >= FEWEST_LEADS, found["last"] - found["first"] >= spread)
    n = fetch_row(found.aggregate(n=found.count()))["n"]
    if not n:
        return None
    row = fetch_row(found.order_by(ibis.desc("leads"), "moment").limit(1))
    between = (row["last"] - row["first"]) / 86_400 / SECOND
    return Shared(
        row["moment"], row["facts"], row["leads"], float(usual), between, row["won"], int(n) - 1, only_far
    )


def _happened(case: Case, name: str, facts: Facts, told: Shared, is_label: bool) -> Finding:
    when = f"at {iso(told.moment)}"
    if told.by_day:
        when = f"on the day that ends {iso(told.moment + SECOND)}"
    message = (
        f"{told.facts:,} facts of {told.leads:,} leads ({told.facts / facts.rows:.1%} of all) happened {when}, "
        f"where {told.usual:g} {'is' if told.usual == 1 else 'are'} usual{_others(told)}"
    )
    if is_label:
        message += f"; {told.won:,} of them are wins"
        do = (
            "if old leads were closed or moved in bulk, that is no outcome of theirs at that moment: take these rows out of the "
            "outcomes, or give each the moment of its own"
        )
    else:
        do = (
            "if they were imported, give occurred_at as the first system had it (and known_at: when each row arrived), or let "
            "observed_from begin after it; if they did happen at once, such as a mailing, nothing"
        )
    return Finding("warn", "shared_moment", name, case.source_at(name), message, do)


def _arrived(case: Case, name: str, facts: Facts, told: Shared) -> Finding:
    message = (
        f"{told.facts:,} facts of {told.leads:,} leads ({told.facts / facts.rows:.1%} of all) arrived at {iso(told.moment)}, though "
        f"they happened over {told.days:,.0f} days{_others(told)}: before it the model knows none of them"
    )
    do = f'if they were loaded in bulk, write backfilled_before = "{iso(told.moment)}" in [{name}]'
    return Finding("warn", "shared_moment", name, case.source_at(name), message, do)


def _others(told: Shared) -> str:
    return (
        f", and {told.others:,} more {'moment is' if told.others == 1 else 'moments are'} like it"
        if told.others
        else ""
    )
