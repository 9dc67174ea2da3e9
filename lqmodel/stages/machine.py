"""(state, margin, facts, acts, policy) → state: where each lead stands after one step. Pure functions over arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import from_microseconds, to_microseconds
from lqmodel.errors import BadData, ColumnMissing, Refused
from lqmodel.stages.decisions import ACCEPTED, DECISIONS, QUALIFIED, REJECTED, SNOOZED, Decisions
from lqmodel.stages.policy import Bars, Policy
from lqmodel.stages.state import (
    CUSTOMER,
    LEAD,
    MQL,
    NEVER,
    RECYCLED,
    SAL,
    SALES_READY,
    SQL,
    Bools,
    Codes,
    State,
    Times,
    holds,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Advance:
    """What one step did; arrays of shape (n,), aligned with the leads.

    Attributes
    ----------
    state : State
        After the step.
    previous_stage : ndarray of int8
        Before it.
    moved : ndarray of bool
    handoff : ndarray of bool
        Moved into sales-ready (or through it to SAL or SQL) by probability or hand-raise.
    cause : ndarray of int16
        Position in `causes`; -1 where not moved.
    causes : tuple of str
        Names of facts, acts, and "probability", "gates", "woken", "won".
    """

    state: State
    previous_stage: Codes
    moved: Bools
    handoff: Bools
    cause: NDArray[np.int16]
    causes: tuple[str, ...]

    def cause_names(self) -> NDArray[np.object_]:
        """Return the cause of each lead's move as text; None where not moved."""
        names: NDArray[np.object_] = np.array([*self.causes, None], dtype=object)[self.cause]
        return names


@dataclass(frozen=True, eq=False)
class _Given:
    """What is known of each lead at one moment, checked; arrays of shape (n,)."""

    margin: Floats  # 0 where not scored
    scored: Bools
    facts: Mapping[str, Bools]
    said: Decisions
    won: Bools
    as_of: int
    policy: Policy
    ready: Bars

    def any(self, gate: tuple[str, ...]) -> Bools:
        held = np.zeros(len(self.margin), dtype=bool)
        for name in gate:
            held |= self.facts[name]
        return held

    def all(self, gate: tuple[str, ...]) -> Bools:
        held = np.ones(len(self.margin), dtype=bool)
        for name in gate:
            held &= self.facts[name]
        return held

    def since(self, happens: Bools, before: Times) -> Times:
        """Return the first as_of of an unbroken stretch; where a lead is not scored, nothing new is known."""
        now = np.where(happens, np.where(before == NEVER, self.as_of, before), NEVER)
        return np.where(self.scored, now, before)

    def lasts(self, since: Times, duration: int) -> Bools:
        found: Bools = (since != NEVER) & (since <= self.as_of - duration)
        return found


def advance(
    state: State | None,
    margin: ArrayLike,
    facts: Mapping[str, ArrayLike],
    as_of: int,
    policy: Policy,
    won: ArrayLike | None = None,
    *,
    said: Decisions | None = None,
    scored: ArrayLike | None = None,
    levels: ArrayLike | None = None,
) -> Advance:
    """Move each lead by one step, at most once a calendar day.

    - Up, at once: to sales-ready at its threshold if a `require_any` fact holds (or none is declared), or at
      any probability by a `promote_any` fact; to MQL at its threshold, or by a `nurture_any` fact. A step
      may skip stages.
    - Down, with memory: from a bar once the probability stayed under `below_ratio` × threshold, at every
      as_of, for `demote_after`. A hand-raise that still holds keeps the lead.
    - A `block` fact, or a suppression, keeps a lead from sales, hand-raise or not; one that is sales-ready
      falls to MQL or Lead at once.
    - Accepted: SAL. SQL with all `require` facts or answers; without any declared, once a person says
      `qualified`. Under ``sql_after = "handoff"`` a sales-ready lead with all of them is SQL, and as long as
      nobody accepted it, it falls back like a sales-ready one.
    - Rejected or snoozed: Recycled. It wakes on its date and then goes where its probability puts it; by a
      hand-raise that began since; or by an acceptance.
    - Won: Customer, for good.

    An act counts once it is known, and until the lead has moved since. A fact that says what sales said
    counts from when it began to hold.

    Parameters
    ----------
    state : State or None
        None: no lead was seen before.
    margin : array-like of float64, shape (n,)
        Uncalibrated log-odds, of the model that the policy was solved for; any number where not scored.
    facts : mapping of str to array-like of bool, shape (n,)
        At least `policy.facts()` but for the checklist; numbers count as in `holds`.
    as_of : int
        Microseconds UTC. Leads whose `last_as_of` is this moment are left as they are.
    policy : Policy
    won : array-like of bool, shape (n,), or None
    said : Decisions or None
        What people said; None: nothing.
    scored : array-like of bool, shape (n,), or None
        Leads outside the population are not: only people's acts and a win move them. None: all are.
    levels : array-like of str or None, shape (n,), or None
        The level of `policy.per` that each lead has.

    Raises
    ------
    Refused
        A lead was already advanced at a later moment.
    ColumnMissing
        A fact that the policy looks at is not given.
    BadData
        Lengths differ, or a margin is not finite.
    """
    before, given = _checked(state, margin, facts, as_of, policy, won, said, scored, levels)
    stage, entered = before.stage, before.entered_at
    block = given.any(policy.block) | given.said.suppressed
    raised = given.any(policy.promote_any)
    marks = {
        "raised_since": given.since(raised, before.raised_since),
        "accepted_since": given.since(given.any(policy.accepted), before.accepted_since),
        "rejected_since": given.since(given.any(policy.rejected), before.rejected_since),
    }
    news = {name: (since != NEVER) & (since > entered) for name, since in marks.items()}
    yes, no, by_act = _said(given, entered, news)
    promote = raised & ~block & given.scored
    wake_at = np.where(no, _wakes(given, by_act, marks), before.wake_at)
    due = (wake_at != NEVER) & (wake_at <= as_of)
    woken = given.scored & (stage == RECYCLED) & (due | (promote & news["raised_since"]))

    model = _by_model(before, given, promote, block, woken)
    wanted = np.where(model.own & ~yes, model.stage, _by_people(stage, yes, given))
    wanted = np.where(no & ~woken, RECYCLED, wanted)
    wanted = np.where(given.won | (stage == CUSTOMER), CUSTOMER, wanted).astype(np.int8)

    live = before.last_as_of != as_of
    moved = live & (entered < _midnight(as_of, policy.zone)) & (wanted != stage)
    now = np.where(moved, wanted, stage)
    after = {
        "stage": now,
        "entered_at": np.where(moved, as_of, entered),
        "below_since": _below(before, given, model, now),
        "below_mql_since": model.below_mql,
        **marks,
        "wake_at": np.where(now == RECYCLED, wake_at, NEVER),
        "last_as_of": np.full(len(now), as_of),
    }
    after = {name: np.where(live, value, getattr(before, name)) for name, value in after.items()}
    handoff = moved & model.own & (model.level < SALES_READY) & model.hands_over
    handoff &= (wanted >= SALES_READY) & (wanted <= SQL)
    enters = yes & ((stage < SAL) | (stage == RECYCLED))
    sent_back = wanted == RECYCLED
    decided = {name: by_act & (given.said.decision == code) for code, name in enumerate(DECISIONS)}
    cause, causes = _first(
        ("won", wanted == CUSTOMER),
        *((name, sent_back & decided[name]) for name in ("rejected", "snoozed")),
        *((name, sent_back & given.facts[name]) for name in policy.rejected),
        *((name, enters & decided[name]) for name in ("qualified", "accepted")),
        *((name, enters & given.facts[name]) for name in policy.accepted),
        *((name, model.at_ready & given.facts[name]) for name in policy.block),
        ("suppressed", model.at_ready & given.said.suppressed),
        *((name, handoff & promote & given.facts[name]) for name in policy.promote_any),
        ("probability", handoff),
        ("woken", woken),
        *((name, model.nurtured & given.facts[name]) for name in policy.nurture_any),
        ("probability", model.own & (model.level_after != model.level)),
        ("qualified", ~np.full(len(now), bool(policy.require))),
        ("gates", np.ones(len(now), dtype=bool)),
    )
    cause[~moved] = -1
    return Advance(State(**after), stage, moved, handoff, cause, causes)


def _said(given: _Given, entered: Times, news: Mapping[str, Bools]) -> tuple[Bools, Bools, Bools]:
    """Say where sales accepts, where it sends back, and where an act says so: what is news to the lead's stage."""
    said = given.said
    by_act = (said.known_at != NEVER) & (said.known_at >= entered)
    yes_act = by_act & ((said.decision == ACCEPTED) | (said.decision == QUALIFIED))
    no_act = by_act & ((said.decision == SNOOZED) | (said.decision == REJECTED))
    no = no_act | (news["rejected_since"] & ~yes_act)
    return yes_act | (news["accepted_since"] & ~no), no, by_act


def _wakes(given: _Given, by_act: Bools, marks: Mapping[str, Times]) -> Times:
    """Return when a lead that is sent back wakes."""
    sleep, since = given.policy.wake_after, marks["rejected_since"]
    by_fact = np.where(since == NEVER, NEVER, since + (sleep or 0)) if sleep is not None else NEVER
    return np.where(by_act & (given.said.decision >= SNOOZED), given.said.wake_at, by_fact)


def _below(before: State, given: _Given, model: _Model, now: Codes) -> Times:
    """Return since when each lead has been below the bar of the stage that it has now."""
    below = np.where(now == MQL, model.below_mql, np.where(model.at_ready, model.below_ready, NEVER))
    below = np.where(given.scored, below, before.below_since)
    has_bar = (now == MQL) | (now == SALES_READY) | ((model.own | ~given.scored) & (now == SQL))
    return np.where(has_bar, below, NEVER)


@dataclass(frozen=True, eq=False)
class _Model:
    """What the model alone would do; arrays of shape (n,)."""

    own: Bools  # it may move the lead; from SAL on, people do
    level: Codes  # at which it holds the lead now, as Lead, MQL or sales-ready
    level_after: Codes
    stage: Codes
    hands_over: Bools
    nurtured: Bools  # an MQL by a fact alone
    at_ready: Bools
    below_ready: Times
    below_mql: Times


def _by_model(before: State, given: _Given, promote: Bools, block: Bools, woken: Bools) -> _Model:
    """Move leads between Lead, MQL and sales-ready.

    Each bar has a memory of its own, so that of two leads the likelier one is never the lower.
    """
    policy, margin, stage = given.policy, given.margin, before.stage
    by_handoff = policy.sql_after == "handoff"
    accepted = given.any(policy.accepted) | np.isin(given.said.decision, (ACCEPTED, QUALIFIED))
    own = given.scored & ((stage <= SALES_READY) | woken | ((stage == SQL) & ~accepted & by_handoff))
    level = np.where(woken, LEAD, np.minimum(stage, SALES_READY)).astype(np.int8)
    at_ready = own & (level == SALES_READY)

    engaged = given.any(policy.require_any) if policy.require_any else np.ones(len(margin), dtype=bool)
    hands_over = (promote | (engaged & (margin >= given.ready.margin))) & ~block
    nurture = given.any(policy.nurture_any)
    above = margin >= policy.mql.margin
    aim = np.where(hands_over, SALES_READY, np.where(nurture | above, MQL, LEAD))

    below_mql = given.since(~promote & ~nurture & (margin < policy.mql.kept_margin), before.below_mql_since)
    below_ready = given.since(
        at_ready & ~promote & (margin < given.ready.kept_margin),
        np.where(at_ready, before.below_since, NEVER),
    )
    faded = given.lasts(below_mql, policy.demote_after)
    falls = at_ready & (block | given.lasts(below_ready, policy.demote_after))
    kept = np.where(falls, MQL, level)
    kept = np.where((kept == MQL) & faded, LEAD, kept)
    level_after = np.maximum(aim, kept).astype(np.int8)
    gates = given.all(policy.require)
    after = np.where((level_after == SALES_READY) & gates & by_handoff, SQL, level_after)
    nurtured = own & (level_after == MQL) & (level < MQL) & ~above
    return _Model(own, level, level_after, after, hands_over, nurtured, at_ready, below_ready, below_mql)


def _by_people(stage: Codes, yes: Bools, given: _Given) -> Codes:
    """Move leads to SAL and SQL by what people said and found."""
    asked = given.policy.require
    qualifies = given.all(asked) if asked else given.said.decision == QUALIFIED
    accepted = np.where(qualifies, SQL, SAL)
    return np.where(stage == SQL, SQL, np.where(yes | (stage == SAL), accepted, stage)).astype(np.int8)


def _first(*rules: tuple[str, Bools]) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Return for each lead the position of the first rule that applies, and the rules' names."""
    cause = np.full(len(rules[0][1]), -1, dtype=np.int16)
    for code, (_, applies) in enumerate(rules):
        cause[(cause < 0) & applies] = code
    return cause, tuple(name for name, _ in rules)


def _checked(
    state: State | None,
    margin: ArrayLike,
    facts: Mapping[str, ArrayLike],
    as_of: int,
    policy: Policy,
    won: ArrayLike | None,
    said: Decisions | None,
    scored: ArrayLike | None,
    levels: ArrayLike | None,
) -> tuple[State, _Given]:
    """Return the state before, and what is given, as arrays of one length; or refuse."""
    margins = np.asarray(margin, dtype=np.float64)
    n = len(margins)
    before = State.fresh(n) if state is None else state
    if len(before) != n:
        raise BadData(f"{len(before)} states and {n} margins do not go together")
    known = _flags(np.ones(n) if scored is None else scored, n, "scored")
    if not np.isfinite(margins[known]).all():
        raise BadData(f"{int((~np.isfinite(margins[known])).sum())} of {n} margins are not finite")
    later = int((before.last_as_of > as_of).sum())
    if later:
        raise Refused(
            f"{later} of {n} leads were already advanced after {from_microseconds(as_of).isoformat()}",
            do="start from the latest state before that moment, or take a later as_of",
        )
    told = Decisions.none(n) if said is None else said
    unknown = [name for name in policy.facts() if name not in facts and name not in policy.checklist]
    if unknown:
        raise ColumnMissing(f"the policy looks at the fact {unknown[0]!r}", exists=sorted(facts))
    nothing = np.zeros(n, dtype=bool)
    given = {
        name: (known & _flags(facts.get(name, nothing), n, name)) | told.answers.get(name, nothing)
        for name in policy.facts()
    }
    wins = _flags(nothing if won is None else won, n, "won")
    bars = policy.ready(levels)
    if bars.margin.shape not in ((), (n,)):
        raise BadData(f"{len(bars.margin)} levels and {n} margins do not go together", where="levels")
    return before, _Given(np.where(known, margins, 0.0), known, given, told, wins, as_of, policy, bars)


def _flags(values: ArrayLike, n: int, name: str) -> Bools:
    flags = np.asarray(values)
    if flags.shape != (n,):
        raise BadData(f"{flags.shape} values and {n} margins do not go together", where=name)
    return flags if flags.dtype == np.bool_ else holds(flags)


def _midnight(as_of: int, zone: str) -> int:
    """Return the moment at which the calendar day of as_of began."""
    day = from_microseconds(as_of).astimezone(ZoneInfo(zone)).date()
    return to_microseconds(day, zone)
