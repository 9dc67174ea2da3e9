"""Who is in the population at which moment, and whether they were won within the horizon.

    leads ───────────────> episodes ──┐
    outcomes (reopened) ───────┘      ├──> looks: (lead, as_of), its episode ──> open ones ──> label
    outcomes (won, lost) ─────────────┘

A lead has one episode, unless the declarations say that it may come back.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from lqmodel.asof import Facts
from lqmodel.declarations import Model
from lqmodel.engine import AS_OF, CREATED, EPISODE, FOREVER, GROUP, KEY, KNOWN, OCCURRED, text_of
from lqmodel.verbs import matches

STARTED_KNOWN, SINCE = "started_known", "since"


def come_back(model: Model) -> bool:
    """Whether a lead may have several episodes."""
    return model.population.episodes or bool(model.label.reopened)


def episodes(leads: Facts, outcomes: Facts, model: Model) -> ir.Table:
    """Return when the episodes of each lead started.

    Returns
    -------
    ibis Table
        Grain: one row per (``__key``, start); ``__created`` and ``started_known`` (int64 microseconds UTC).
    """
    table = leads.table
    starts = table.select(KEY, **{CREATED: table[OCCURRED], STARTED_KNOWN: table[KNOWN]})
    if not come_back(model):
        return starts
    if model.label.reopened:
        again = outcomes.table.filter(matches(outcomes.table, model.label.reopened))
        again = again.select(KEY, **{CREATED: again[OCCURRED], STARTED_KNOWN: again[KNOWN]})
        starts = ibis.union(starts, again)
    # two rows of one moment are one start, known when the first of them was
    return starts.group_by(KEY, CREATED).aggregate(**{STARTED_KNOWN: starts[STARTED_KNOWN].min()})


def _accounts(leads: Facts, model: Model) -> ir.Table:
    """Return to which group each row of a lead puts it, and since when. Grain: as the leads' source."""
    table = leads.table
    return table.select(
        KEY, **{GROUP: group(leads, model), "joined": table[OCCURRED], "joined_known": table[KNOWN]}
    )


def _grouped(seen: ir.Table, leads: Facts, model: Model) -> ir.Table:
    """Add to each look the group of the lead's newest row that was known by then; without one there is no look."""
    rows = _accounts(leads, model)
    if not model.population.episodes:
        together = seen.inner_join(rows, KEY)
        return together.filter(together.joined_known < together[AS_OF]).drop("joined", "joined_known")
    on = [seen[KEY] == rows[KEY], rows.joined < seen[AS_OF], rows.joined_known < seen[AS_OF]]
    pairs = seen.select(KEY, AS_OF).inner_join(rows, on)
    newest = pairs.group_by(KEY, AS_OF).aggregate(newest=pairs.joined.max())
    again = rows.view()
    on = [newest[KEY] == again[KEY], newest.newest == again.joined, again.joined_known < newest[AS_OF]]
    chosen = newest.inner_join(again, on)
    # of equally new rows the greatest value counts, as for features
    chosen = chosen.group_by(KEY, AS_OF).aggregate(**{GROUP: chosen[GROUP].max()})
    return seen.inner_join(chosen, [KEY, AS_OF])


def looks(starts: ir.Table, model: Model, moments: list[int] | tuple[int, int]) -> ir.Table:
    """Return the moments at which each lead is looked at, within the episode that was then the latest known.

    Parameters
    ----------
    starts : ibis Table
        From :func:`episodes`.
    model : Model
    moments : list of int, or pair of int
        With ``every``: the as_ofs, microseconds UTC. With ``at_age``: the first and the last that count.

    Returns
    -------
    ibis Table
        Grain: (``__key``, ``__as_of``); ``__created``, ``__episode`` (int64, from 1), and ``since``
        (outcomes from here on belong to the episode; those before it to an earlier one).
    """
    at_age = model.population.at_age
    if at_age is None:
        grid = ibis.literal(list(moments), type="array<int64>").unnest().name(AS_OF).as_table()
        known = (starts[CREATED] < grid[AS_OF]) & (starts[STARTED_KNOWN] < grid[AS_OF])
        conditions = [known]
        if model.population.max_age is not None and not come_back(model):
            conditions.append(grid[AS_OF] - starts[CREATED] <= model.population.max_age.us)
        seen = starts.inner_join(grid, conditions)
    else:
        seen = starts.mutate(**{AS_OF: _moment_of_age(starts, at_age.us)})
        seen = seen.filter((seen[AS_OF] >= moments[0]) & (seen[AS_OF] <= moments[-1]))
        if model.population.max_age is not None:  # reached only by leads that became known late
            seen = seen.filter(seen[AS_OF] - seen[CREATED] <= model.population.max_age.us)
    if not come_back(model):
        return seen.mutate(**{EPISODE: ibis.literal(1, "int64"), SINCE: ibis.literal(-FOREVER, "int64")})
    if at_age is not None:
        return _since(_numbered(seen, starts))
    newest = ibis.row_number().over(group_by=[KEY, AS_OF], order_by=seen[CREATED].desc())
    episode = ibis.window(group_by=[KEY, AS_OF])
    seen = seen.mutate(__newest=newest, **{EPISODE: seen[CREATED].count().over(episode)})
    seen = seen.filter(seen["__newest"] == 0)
    if model.population.max_age is not None:
        seen = seen.filter(seen[AS_OF] - seen[CREATED] <= model.population.max_age.us)
    return _since(seen).select(KEY, CREATED, AS_OF, EPISODE, SINCE)


def _moment_of_age(starts: ir.Table, age: int) -> ir.IntegerValue:
    """Return created + age, or the first moment after which the lead was known, if that is later.

    A date, which stands for its day's last microsecond, counts from the midnight after it.
    """
    last_of_second = starts[CREATED] % 1_000_000 == 999_999
    moment = starts[CREATED] + last_of_second.ifelse(1, 0).cast("int64") + age
    return ibis.greatest(moment, starts[STARTED_KNOWN] + 1)


def _numbered(seen: ir.Table, starts: ir.Table) -> ir.Table:
    """Keep the looks at an age that no newer episode known by then overtook, and number their episodes."""
    before = starts.select(KEY, __start=starts[CREATED], __known=starts[STARTED_KNOWN])
    own = seen.select(KEY, CREATED, AS_OF)
    pairs = own.inner_join(
        before, [own[KEY] == before[KEY], before["__start"] < own[AS_OF], before["__known"] < own[AS_OF]]
    )
    numbered = pairs.group_by(KEY, CREATED, AS_OF).aggregate(
        **{EPISODE: pairs.count(), "__newest": pairs["__start"].max()}
    )
    numbered = numbered.filter(numbered["__newest"] == numbered[CREATED])
    joined = seen.inner_join(numbered, [KEY, CREATED, AS_OF])
    return joined.select(KEY, CREATED, AS_OF, EPISODE)


def _since(seen: ir.Table) -> ir.Table:
    """The first episode also owns outcomes that came before it, such as a deal won before the first contact."""
    return seen.mutate(**{SINCE: (seen[EPISODE] == 1).ifelse(ibis.literal(-FOREVER, "int64"), seen[CREATED])})


def looked_at(leads: Facts, outcomes: Facts, model: Model, moments: list[int] | tuple[int, int]) -> ir.Table:
    """Return the looks at leads, each with its group (``__group``, string): the account, else the lead."""
    return _grouped(looks(episodes(leads, outcomes, model), model, moments), leads, model)


def _won_lost(table: ir.Table, model: Model) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    """Say of each outcome whether it is a win, and whether it is a loss."""
    lost = matches(table, model.label.lost) if model.label.lost else ibis.literal(False)
    return matches(table, model.label.where), lost


def closings(outcomes: Facts, model: Model) -> ir.Table:
    """Return when each lead was won or lost.

    Returns
    -------
    ibis Table
        Grain: one row per lead with an outcome; ``__key``, ``won`` and ``won_known`` (when the first win
        occurred, and when that win was known), ``closed_known`` and ``any_won_known`` (when the first win or
        loss, and the first of the wins, was known); int64 microseconds UTC or null.
    """
    table = outcomes.table
    won, lost = _won_lost(table, model)
    closed = table.group_by(KEY).aggregate(
        won=table[OCCURRED].min(where=won),
        closed_known=table[KNOWN].min(where=won | lost),
        any_won_known=table[KNOWN].min(where=won),
    )
    wins = table.filter(won).view()
    first = wins.inner_join(closed, [wins[KEY] == closed[KEY], wins[OCCURRED] == closed.won])
    known = first.group_by(KEY).aggregate(won_known=first[KNOWN].min())
    return closed.left_join(known, KEY).drop(f"{KEY}_right")


def contradicted(outcomes: Facts, model: Model) -> ir.Table:
    """Return the leads (``__key``) that were won and lost at one moment; the win is what counts."""
    table = outcomes.table
    won, lost = _won_lost(table, model)
    both = table.group_by(KEY, OCCURRED).aggregate(
        won=table.count(where=won), lost=table.count(where=lost & ~won)
    )
    return both.filter(both.won > 0, both.lost > 0).select(KEY).distinct()


def with_outcomes(seen: ir.Table, outcomes: Facts, model: Model, known_at: int | None = None) -> ir.Table:
    """Add to each look what its episode came to.

    Parameters
    ----------
    seen : ibis Table
        From :func:`looks`.
    outcomes : Facts
    model : Model
    known_at : int, optional
        Judge whether a lead is open by what was known before this moment instead of the look's own.

    Returns
    -------
    ibis Table
        ``seen`` and ``is_open``, ``is_won`` (known to be won), ``late`` (won before as_of, but known only
        later), ``won`` (first win that counts for a label: occurred) and ``won_known``.
    """
    if not come_back(model):
        joined = seen.left_join(closings(outcomes, model), KEY).drop(f"{KEY}_right")
        until = _judged_at(joined, known_at)
        return joined.mutate(
            is_open=(joined.closed_known >= until).fill_null(True),
            is_won=(joined.any_won_known < until).fill_null(False),
            late=(joined.won < joined[AS_OF]).fill_null(False),
        ).drop("closed_known", "any_won_known")
    table = outcomes.table
    won, lost = _won_lost(table, model)
    closing = table.filter(won | lost).select(KEY, OCCURRED, KNOWN, __won=won)
    pairs = seen.inner_join(closing, KEY)
    until = _judged_at(pairs, known_at)
    own = pairs[OCCURRED] >= pairs[SINCE]
    before = own & (pairs[OCCURRED] < pairs[AS_OF])
    ahead = pairs["__won"] & (pairs[OCCURRED] >= pairs[AS_OF])
    found = pairs.group_by(KEY, AS_OF).aggregate(
        closed=pairs.count(where=own & (pairs[KNOWN] < until)),
        bought=pairs.count(where=own & pairs["__won"] & (pairs[KNOWN] < until)),
        late=pairs.count(where=before & pairs["__won"] & (pairs[KNOWN] >= until)),
        won=pairs[OCCURRED].min(where=ahead),
    )
    first = pairs.filter(ahead).inner_join(found, [KEY, AS_OF])
    first = first.filter(first[OCCURRED] == first.won)
    known = first.group_by(KEY, AS_OF).aggregate(won_known=first[KNOWN].min())
    found = found.left_join(known, [KEY, AS_OF]).drop(f"{KEY}_right", f"{AS_OF}_right")
    joined = seen.left_join(found, [KEY, AS_OF]).drop(f"{KEY}_right", f"{AS_OF}_right")
    return joined.mutate(
        is_open=joined.closed.fill_null(0) == 0,
        is_won=joined.bought.fill_null(0) > 0,
        late=joined.late.fill_null(0) > 0,
    ).drop("closed", "bought")


def population(
    leads: Facts,
    outcomes: Facts,
    model: Model,
    moments: list[int] | tuple[int, int],
    customers: Facts | None = None,
) -> ir.Table:
    """Return the open leads at each moment: created strictly before, not known to be won or lost, not too old.

    Returns
    -------
    ibis Table
        Grain: (``__key``, ``__as_of``); ``__created``, ``__episode``, ``__group`` (string), ``won``, ``won_known``,
        and ``late``: won before as_of, but known only later (to be counted and left out).
    """
    seen = looked_at(leads, outcomes, model, moments)
    seen = with_outcomes(seen, outcomes, model)
    seen = seen.filter(seen.is_open)
    business = model.population.business
    if business is not None:
        seen = with_customers(seen, leads, outcomes, model, customers)
        seen = seen.filter(seen.customer if business == "expansion" else ~seen.customer)
    return seen.select(KEY, AS_OF, CREATED, EPISODE, GROUP, "won", "won_known", "late")


def with_customers(
    seen: ir.Table,
    leads: Facts,
    outcomes: Facts,
    model: Model,
    customers: Facts | None,
    known_at: int | None = None,
) -> ir.Table:
    """Add ``customer`` to each look: whether its lead was by then known to be one.

    A customer is a lead that was won before, a lead of an account of which one was, or what the source of
    customers names: accounts where ``population.account`` is declared, else leads.
    """
    won = outcomes.table.filter(matches(outcomes.table, model.label.where)).select(KEY, KNOWN)
    pairs = won.inner_join(_accounts(leads, model), KEY)
    # an account bought once both are known: the win, and that the lead is of that account
    bought = pairs.select(GROUP, **{KNOWN: ibis.greatest(pairs[KNOWN], pairs.joined_known)})
    if customers is not None:
        named = customers.table
        since = named[KNOWN] if customers.has_clock else ibis.literal(-FOREVER, "int64")
        bought = ibis.union(bought, named.select(**{GROUP: named[KEY], KNOWN: since}))
    first = bought.group_by(GROUP).aggregate(customer_since=bought[KNOWN].min())
    joined = seen.left_join(first, GROUP).drop(f"{GROUP}_right")
    known = joined.customer_since < _judged_at(joined, known_at)
    return joined.mutate(customer=known.fill_null(False))


def _judged_at(seen: ir.Table, known_at: int | None) -> ir.IntegerValue:
    """Return the moment before which something must be known to count: the look's own, or a later one for all."""
    return seen[AS_OF] if known_at is None else ibis.literal(known_at, "int64")


def group(leads: Facts, model: Model) -> ir.StringValue:
    """Return what folds and intervals keep together: the account where there is one, else the lead."""
    key = leads.table[KEY]
    if model.population.account is None:
        return key
    return ibis.coalesce(text_of(leads.table, model.population.account), key)


def label(snapshots: ir.Table, model: Model) -> ir.IntegerValue:
    """Return 1 where the first win occurs in [as_of, as_of + horizon), else 0."""
    if model.label.horizon is None:
        raise TypeError("a label without a clock stands in the leads' table")
    won = (snapshots.won >= snapshots[AS_OF]) & (snapshots.won < snapshots[AS_OF] + model.label.horizon.us)
    return won.fill_null(False).ifelse(1, 0).cast("int8")


def last_mature(outcomes: Facts, model: Model) -> int:
    """Return the last as_of whose horizon the outcomes cover, in microseconds UTC.

    Outcomes that arrive late (known_at) are waited for as long as most of them take. Maturity depends on
    what the source covers, never on the outcome itself.
    """
    if model.label.horizon is None or outcomes.observed_until is None:
        raise TypeError("maturity needs a clock")
    return outcomes.observed_until - model.label.horizon.us - max(outcomes.source.lag.us, outcomes.delay)
