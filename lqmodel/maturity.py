"""Which moments a training set may look from: those whose horizon is covered, and whose facts were all there."""

from __future__ import annotations

import ibis.expr.types as ir

from lqmodel.asof import MOST, Facts, iso, newest_known, weekly_grid
from lqmodel.declarations import Duration, Model
from lqmodel.engine import AS_OF, FOREVER, KEY, OCCURRED, fetch_row
from lqmodel.errors import BadData, Refused
from lqmodel.inputs import Inputs
from lqmodel.labels import contradicted, episodes, last_mature, looks


def mature_moments(leads: Facts, outcomes: Facts, inputs: Inputs, model: Model) -> list[int]:
    """Return the as_ofs whose horizon the outcomes cover; for looks at an age, the first and the last of them."""
    every, horizon = model.population.every, model.label.horizon
    if horizon is None or leads.observed_from is None or outcomes.observed_from is None:
        raise TypeError("a dated training set needs a clock")
    _check_last(outcomes, horizon)
    first = max(leads.observed_from, outcomes.observed_from)
    mature = last_mature(outcomes, model)
    ends = covered_until(inputs, mature)
    last = min([mature, *ends.values()])
    grid = [first, last] if every is None and first <= last else []
    if every is not None:
        grid = weekly_grid(first, last, every, model.zone)
    if not grid:
        raise Refused(
            f"no snapshot is mature: source {outcomes.name!r} covers {iso(outcomes.observed_from)} to "
            f"{iso(outcomes.observed_until or 0)}, too short for a week's start and a horizon of {horizon.text}"
            + "".join(f"; source {name!r} ends on {iso(end)}" for name, end in ends.items() if end == last),
            do="shorten label.horizon, or wait until more outcomes are known",
        )
    return grid


def covered_until(inputs: Inputs, as_of: int) -> dict[str, int]:
    """Return for each source that says so the last moment, up to as_of, from which its facts may be looked back on.

    A source covers as_of until its declared observed_until, or until its newest fact is older than its freshness:
    the same rule at which `predict` refuses.
    """
    found: dict[str, int] = {}
    for name, f in sorted(inputs.facts.items()):
        ends = []
        if f.source.observed_until is not None and f.observed_until is not None:
            ends.append(f.observed_until)
        newest = newest_known(f, as_of) if f.source.freshness is not None else None
        if f.source.freshness is not None and newest is not None:
            ends.append(newest + f.source.freshness.us)
        if ends:
            found[name] = min(ends)
    return found


def _check_last(outcomes: Facts, horizon: Duration) -> None:
    """Refuse to take a lone outcome far in the future for the end of what is covered: all before it would be losses."""
    if outcomes.source.observed_until is not None or outcomes.observed_until is None:
        return
    table = outcomes.table
    usual = int(fetch_row(table.aggregate(usual=table[OCCURRED].quantile(MOST)))["usual"])
    if outcomes.observed_until - usual > 3 * horizon.us:
        raise BadData(
            f"the last outcome is of {iso(outcomes.observed_until - 1)}, but 99 % of them are before {iso(usual)}",
            where=f"source {outcomes.name!r}",
            do=f"mend that date, or declare observed_until in [{outcomes.name}] of features/sources.toml",
        )


def out_of_reach(leads: Facts, outcomes: Facts, model: Model, moments: list[int]) -> dict[str, int]:
    """Count the looks at an age that the outcomes do not cover."""
    if model.population.at_age is None:
        return {}
    all_looks = looks(episodes(leads, outcomes, model), model, (-FOREVER, FOREVER))
    as_of = all_looks[AS_OF]
    row = fetch_row(
        all_looks.aggregate(
            early=all_looks.count(where=as_of < moments[0]), late=all_looks.count(where=as_of > moments[-1])
        )
    )
    named = {
        "of leads that came of age before the outcomes begin, left out": row["early"],
        "of leads whose horizon is not covered yet, left out": row["late"],
    }
    return {reason: n for reason, n in named.items() if n}


def won_and_lost(snapshots: ir.Table, outcomes: Facts, model: Model) -> dict[str, int]:
    """Count the snapshots of leads whose outcomes contradict each other."""
    both = snapshots.semi_join(contradicted(outcomes, model), KEY)
    row = fetch_row(both.aggregate(n=both.count(), example=both[KEY].min()))
    told = f"of leads won and lost at one moment (such as {row['example']!r}), taken as won"
    return {told: row["n"]} if row["n"] else {}
