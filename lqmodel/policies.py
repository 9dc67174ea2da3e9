"""Settings of the handoff's threshold, compared on the held-out weeks that the one in force was solved on.

Each setting is solved and replayed as training does it (`lqmodel.stages.solve_policy`, `lqmodel.firsthandoffs`): on
the probabilities of the model that was evaluated, never of the one that was fitted on everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from lqmodel.bundle import Bundle
from lqmodel.comparison import Compared, Comparison
from lqmodel.declarations import DAY, SalesReady, Stages, Value
from lqmodel.declarations.model import NIGHTLY
from lqmodel.declarations.stages import Capacity
from lqmodel.errors import BadData, Refused, UsageError
from lqmodel.evaluation import rounded
from lqmodel.firsthandoffs import first_handoffs, handoffs_of, share_of
from lqmodel.heldout import DO, HeldOut, place
from lqmodel.intervals import Estimate
from lqmodel.stages import Policy, gains, solve_policy, total

LADDER = (0.25, 0.5, 0.75, 1.25, 1.5, 2.0)
"""Multiples of the volume in force that are compared where nothing is asked for."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants compared; nothing of it means a ladder around the setting in force.

    Attributes
    ----------
    capacity : tuple of int
        First handoffs a week.
    precision, at_least : tuple of float
        Lower bounds of the share won, and thresholds; in (0, 1).
    contact_cost, deal_value, margin, uplift : float or None
        What a handoff costs and brings; None: as declared.
    """

    capacity: tuple[int, ...] = ()
    precision: tuple[float, ...] = ()
    at_least: tuple[float, ...] = ()
    contact_cost: float | None = None
    deal_value: float | None = None
    margin: float | None = None
    uplift: float | None = None

    @property
    def settings(self) -> int:
        """How many settings are named."""
        return len(self.capacity) + len(self.precision) + len(self.at_least)


def compare_policies(bundle: Bundle, held: HeldOut | None, asked: Asked | None = None) -> Comparison:
    """Compare settings of the threshold: how many leads each hands over, how many of them are won, what it brings.

    Parameters
    ----------
    bundle : Bundle
        Its policy is the setting in force, its declarations say all that is not compared.
    held : HeldOut or None
        What its training held out; None without a clock.
    asked : Asked, optional

    Raises
    ------
    Refused
        There are no weeks to replay, or a capacity is larger than the population.
    UsageError
        A setting cannot be, or stands twice.
    BadData
        The held-out weeks are not those of this bundle.
    """
    asked = asked or Asked()
    name = bundle.declarations.name
    if held is None:
        raise Refused(
            f"the data of model {name!r} has no clock: there are no weeks in which leads could be handed over",
            do="compare thresholds by the bands of the report, or give the sources dates (occurred_at)",
        )
    if not held.weeks:
        raise Refused(
            "all held-out snapshots are of one moment: there is no week in which leads could be handed over",
            do="lengthen evaluation.test and train again",
        )
    _check_same(bundle, held)
    stages = bundle.declarations.model.stages
    value = _value(stages.sales_ready.value, asked)
    seed = bundle.declarations.model.classifier.seed
    now = _compared(_said(stages.sales_ready), True, bundle.policy, held, value, seed)
    seldom = _seldom(bundle, held, stages.sales_ready)
    now = replace(now, notes=(*bundle.metrics["policy"]["notes"], *seldom))
    rows: list[Compared] = []
    for ready in _settings(stages, held, asked, value, now):
        solved = solve_policy(
            _with(stages, ready), bundle.calibrator, bundle.declarations.model.zone, held.replay()
        )
        one = _compared(_said(ready), False, solved.policy, held, value, seed)
        if asked.settings or one.bars not in {row.bars for row in (now, *rows)}:
            rows.append(replace(one, notes=(*solved.notes, *_seldom(bundle, held, ready))))
    horizon = bundle.declarations.model.label.horizon
    return Comparison(
        model=name,
        bundle=bundle.version,
        first=int(held.as_of.min()),
        last=int(held.as_of.max()),
        weeks=held.weeks,
        leads=_count(held.lead),
        won_leads=_count(held.lead[held.won]),
        mql=stages.mql.at_least,
        horizon=horizon.text if horizon else "",
        value=value,
        settings=(now, *sorted(rows, key=lambda row: (row.per_week, row.name))),
    )


def _seldom(bundle: Bundle, held: HeldOut, ready: SalesReady) -> Iterator[str]:
    """Say that a capacity was solved on fewer looks than runs will take."""
    model = bundle.declarations.model
    runs = model.evaluation.runs_every or NIGHTLY
    if ready.capacity is not None and held.every >= 2 * runs.us:
        yield (
            f"looked at every {held.every // DAY} days, and a run every {runs.text} hands over more: declare "
            f"evaluation.runs_every = '{runs.text}' and train again to have it counted"
        )


def kept(bundle: Bundle, state: Path) -> HeldOut | None:
    """Read what the training of a bundle held out from a project's state folder; None without a clock.

    Raises
    ------
    NoInput
        It is not there.
    """
    return HeldOut.load(state, bundle.version) if bundle.declarations.model.has_clock else None


def _check_same(bundle: Bundle, held: HeldOut) -> None:
    """Refuse held-out weeks that do not give the first handoffs that training reported."""
    found = handoffs_of(held, bundle.policy, bundle.declarations.model.classifier.seed)
    told = bundle.metrics.get("first_handoffs")
    if rounded(found and found.to_json()) != told:
        raise BadData(
            f"these are not the held-out weeks of bundle {bundle.version}: its first handoffs were others",
            where=str(place(Path(), bundle.version)),
            do=DO,
        )


def _compared(
    name: str, in_force: bool, policy: Policy, held: HeldOut, value: Value | None, seed: int
) -> Compared:
    bars = policy.ready(held.level).probability
    handed = first_handoffs(held, bars, seed)
    assert handed is not None
    after, start = held.first(bars)
    found, recall = _recalled(held, np.concatenate([after, start]), seed)
    brought = None
    if value is not None:
        worth = gains(value, held.level[after]) * held.probability[after] - value.contact_cost
        brought = float(worth.sum()) / held.weeks
    return Compared(
        name=name,
        in_force=in_force,
        threshold=policy.sales_ready.probability,
        levels=tuple((level, bar.probability) for level, bar in policy.levels),
        per_week=handed.per_week,
        at_start=handed.backlog,
        leads=handed.leads,
        wins=handed.wins,
        predicted=handed.predicted,
        precision=handed.observed,
        found=found,
        recall=recall,
        value_per_week=brought,
    )


def _recalled(held: HeldOut, first: np.ndarray, seed: int) -> tuple[int, Estimate]:
    """Return how many leads that were won had been handed over before, and their share of all that were won.

    A lead stands in snapshots until it is won: it was handed over before if its first handoff is no later
    than its last snapshot with a win ahead.
    """
    last_won = np.full(int(held.lead.max()) + 1, np.iinfo(np.int64).min)
    np.maximum.at(last_won, held.lead[held.won], held.as_of[held.won])
    handed_at = np.full(len(last_won), np.iinfo(np.int64).max)
    handed_at[held.lead[first]] = held.as_of[first]
    won, at = np.unique(held.lead[held.won], return_index=True)
    before = handed_at[won] <= last_won[won]
    return int(before.sum()), share_of(before, held.group[held.won][at], seed)


def _settings(
    stages: Stages, held: HeldOut, asked: Asked, value: Value | None, now: Compared
) -> Iterator[SalesReady]:
    """Yield what is compared with the setting in force."""
    ready = stages.sales_ready
    plain = {"at_least": None, "capacity": None, "precision": None, "value": None}
    alone = {**plain, "per": None}
    if asked.settings:
        _check(stages, held, asked)
        for n in asked.capacity:
            yield ready.model_copy(update={**alone, "capacity": Capacity(per_week=n)})
        for share in asked.precision:
            yield ready.model_copy(update={**plain, "precision": share})
        for threshold in asked.at_least:
            yield ready.model_copy(update={**alone, "at_least": threshold})
    else:
        for capacity in _ladder(ready, held, now):
            per = ready.per if isinstance(capacity.per_week, tuple) else None
            yield ready.model_copy(update={**plain, "per": per, "capacity": capacity})
    if value is not None and value != ready.value:
        yield ready.model_copy(update={**plain, "value": value})


def _ladder(ready: SalesReady, held: HeldOut, now: Compared) -> Iterator[Capacity]:
    """Yield capacities below and above what is handed over now, each once."""
    volume = max(1, round(now.per_week))
    declared = ready.capacity.per_week if ready.capacity else volume
    used = min(1.0, volume / total(declared))  # what is not used up says nothing of how much more there is
    seen = {declared}
    for factor in LADDER:
        scaled: int | tuple[tuple[str, int], ...]
        if isinstance(declared, tuple):
            scaled = tuple((level, _scaled(n, factor * used)) for level, n in declared)
        else:
            scaled = _scaled(declared, factor * used)
        if scaled not in seen and total(scaled) <= _count(held.lead):
            seen.add(scaled)
            yield Capacity(per_week=scaled)


def _scaled(n: int, factor: float) -> int:
    return max(1, round(n * factor))


def _check(stages: Stages, held: HeldOut, asked: Asked) -> None:
    """Refuse settings that cannot be."""
    for flag, values in (
        ("capacity", asked.capacity),
        ("precision", asked.precision),
        ("at_least", asked.at_least),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise UsageError(f"{flag} {twice[0]:g} stands twice", do="name each setting once")
    leads = _count(held.lead)
    for n in asked.capacity:
        if n < 1:
            raise UsageError(f"a capacity of {n:,} leads a week hands nobody over", do="name one from 1 on")
        if n > leads:
            raise Refused(
                f"a capacity of {n:,} first handoffs a week, and the held-out weeks hold {leads:,} leads in all",
                do="name how many sales can take in one week, or a threshold with at_least",
            )
    for what, shares in (("precision", asked.precision), ("threshold", asked.at_least)):
        for share in shares:
            if not 0 < share < 1:
                raise UsageError(
                    f"a {what} of {share:g} does not lie between 0 and 1", do="write 0.3 for 30 %"
                )
    mql = stages.mql.at_least
    for threshold in asked.at_least:
        if threshold < mql:
            raise UsageError(
                f"a threshold of {threshold:g} lies under that of MQL, {mql:g}: sales would get leads before marketing",
                do=f"name one from {mql:g} on, or lower stages.mql.at_least and train again",
            )


def _value(declared: Value | None, asked: Asked) -> Value | None:
    """Return what a handoff costs and brings: as declared, and as asked for where it is."""
    given = {
        name: number
        for name in ("contact_cost", "deal_value", "margin", "uplift")
        if (number := getattr(asked, name)) is not None
    }
    if not given:
        return declared
    whole = {**(declared.model_dump() if declared else {}), **given}
    missing = [name for name in ("contact_cost", "deal_value") if name not in whole]
    if missing:
        raise UsageError(
            f"a value needs what a handoff costs and what a won deal brings: {' and '.join(missing)} is not given",
            do="name both, or declare stages.sales_ready.value",
        )
    try:
        value = Value.model_validate(whole)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}, got {first['input']}",
            do="costs and values are above 0, shares in (0, 1]",
        ) from error
    most = float(np.max(gains(value, np.array([name for name, _ in _deals(value)], dtype=object))))
    if value.contact_cost >= most:
        raise UsageError(
            f"a handoff costs {value.contact_cost:,g} and its win brings {most:,g} at most: none can pay",
            do="check contact_cost against uplift × margin × deal_value",
        )
    return value


def _deals(value: Value) -> Sequence[tuple[str, float]]:
    return value.deal_value if isinstance(value.deal_value, tuple) else (("", value.deal_value),)


def _with(stages: Stages, ready: SalesReady) -> Stages:
    return stages.model_copy(update={"sales_ready": ready})


def _said(ready: SalesReady) -> str:
    """Name a setting."""
    if ready.at_least is not None:
        return f"from {ready.at_least * 100:g}%"
    if ready.precision is not None:
        return f"precision {ready.precision * 100:g}%"
    if ready.capacity is not None:
        return f"{total(ready.capacity.per_week):,} a week"
    return "most value"


def _count(values: np.ndarray) -> int:
    return len(np.unique(values))
