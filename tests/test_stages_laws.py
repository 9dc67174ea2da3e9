"""Laws of the state machine over thousands of days, and a second machine, written as a person reads the rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from test_stages import MONDAY, POLICY, WEEK, logit

from lqmodel.declarations import DAY, from_microseconds
from lqmodel.stages import (
    NEVER,
    STAGES,
    STATE_SCHEMA,
    Act,
    Policy,
    State,
    acts_table,
    advance,
    band,
    bands,
    decisions,
    margin_band,
)

HOUR = 3_600_000_000
WHOLE = replace(
    POLICY,
    nurture_any=("form",),
    require_any=("visits", "clicks"),
    rejected=("not_a_fit",),
    checklist=("budget", "need"),
    require=("budget", "need"),
    wake_after=30 * DAY,
    reasons=(("competitor", None), ("timing", 10 * DAY)),
    zone="Europe/Berlin",
)
POLICIES = {
    "acceptance": WHOLE,
    "handoff": replace(WHOLE, sql_after="handoff"),
    "no gates": replace(WHOLE, require=(), require_any=(), checklist=()),
    "no memory": replace(WHOLE, demote_after=0, below_ratio=1.0),
    "one bar": replace(WHOLE, mql=WHOLE.sales_ready),
}
FACTS = WHOLE.facts()
ACTS = ("accepted", "rejected", "qualified", "worked", "snoozed", "suppressed")
LEVEL = {"Lead": 0, "MQL": 1, "sales-ready": 2, "SAL": 3, "SQL": 4, "Customer": 5}
each_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


@dataclass
class Oracle:
    """One lead, by the words of `advance`: no arrays, no codes."""

    policy: Policy
    stage: str = "Lead"
    moved_at: int | None = None
    wake_at: int | None = None
    last: int | None = None
    started: dict[str, int] | None = None  # what has been so, without a break, since when

    def __post_init__(self) -> None:
        self.started = {}

    def lasts(self, name: str, happens: bool, now: int) -> int | None:
        """Keep the beginning of a stretch, and return it."""
        if not happens:
            self.started.pop(name, None)
        return self.started.setdefault(name, now) if happens else None

    def news(self, since: int | None) -> bool:
        return since is not None and (self.moved_at is None or since > self.moved_at)

    def step(self, p: float, facts: set[str], acts: list[Act], now: int, won=False, scored=True) -> str:
        if self.last == now:
            return self.stage
        self.last = now
        rule, was = self.policy, self.stage
        known = sorted((a for a in acts if a.known_at < now), key=lambda a: a.at)
        held = (facts if scored else set()) | {
            item
            for item in rule.checklist
            if [a.checklist[item] for a in known if item in a.checklist][-1:] == [True]
        }
        any_of = lambda names: any(name in held for name in names)  # noqa: E731
        decisive = [a for a in known if a.act in ("accepted", "qualified", "rejected", "snoozed")]
        last = decisive[-1] if decisive else None
        fresh = last is not None and (self.moved_at is None or last.known_at >= self.moved_at)
        blocked = any_of(rule.block) or any(a.act == "suppressed" for a in known)
        if scored:
            raised = self.lasts("raised", any_of(rule.promote_any), now)
            by_fact_yes = self.news(self.lasts("accepted", any_of(rule.accepted), now))
            no_since = self.lasts("rejected", any_of(rule.rejected), now)
        else:
            raised = self.started.get("raised")
            by_fact_yes = self.news(self.started.get("accepted"))
            no_since = self.started.get("rejected")
        yes_act = fresh and last.act in ("accepted", "qualified")
        no_act = fresh and not yes_act
        no = no_act or (self.news(no_since) and not yes_act)
        yes = yes_act or (by_fact_yes and not no)
        if no_act:
            sleep = dict(rule.reasons).get(last.reason, rule.wake_after)
            wake_at = last.until if last.until is not None else None if sleep is None else last.at + sleep
        elif no:
            wake_at = None if rule.wake_after is None else no_since + rule.wake_after
        else:
            wake_at = self.wake_at
        raises = any_of(rule.promote_any) and not blocked and scored
        awake = (
            was == "Recycled"
            and scored
            and ((wake_at is not None and wake_at <= now) or (raises and self.news(raised)))
        )

        margin = float(logit(p))
        at = "Lead" if awake else "sales-ready" if was == "SQL" else was
        accepted = any_of(rule.accepted) or (last is not None and last.act in ("accepted", "qualified"))
        models = scored and (
            was in ("Lead", "MQL", "sales-ready")
            or awake
            or (was == "SQL" and rule.sql_after == "handoff" and not accepted)
        )
        nurtured = any_of(rule.nurture_any)
        up = not blocked and (
            raises
            or (margin >= rule.sales_ready.margin and (any_of(rule.require_any) or not rule.require_any))
        )
        goal = "sales-ready" if up else "MQL" if nurtured or margin >= rule.mql.margin else "Lead"
        if scored:
            low = self.lasts("low", margin < rule.mql.kept_margin and not nurtured and not raises, now)
            cool = self.lasts(
                "cool",
                models and at == "sales-ready" and margin < rule.sales_ready.kept_margin and not raises,
                now,
            )
        if models:
            gone = lambda since: since is not None and now - since >= rule.demote_after  # noqa: E731
            stays = at
            if stays == "sales-ready" and (blocked or gone(cool)):
                stays = "MQL"
            if stays == "MQL" and gone(low):
                stays = "Lead"
            level = max(goal, stays, key=LEVEL.get)
            if (
                level == "sales-ready"
                and rule.sql_after == "handoff"
                and all(n in held for n in rule.require)
            ):
                level = "SQL"
        qualified = (
            all(n in held for n in rule.require)
            if rule.require
            else last is not None and last.act == "qualified"
        )
        if won or was == "Customer":
            to = "Customer"
        elif no and not awake:
            to = "Recycled"
        elif models and not yes:
            to = level
        elif was == "SQL":
            to = "SQL"
        elif yes or was == "SAL":
            to = "SQL" if qualified else "SAL"
        else:
            to = was
        zone = ZoneInfo(rule.zone)
        day = lambda moment: from_microseconds(moment).astimezone(zone).date()  # noqa: E731
        if to != was and (self.moved_at is None or day(self.moved_at) < day(now)):
            self.stage, self.moved_at = to, now
        self.wake_at = wake_at if self.stage == "Recycled" else None
        has_bar = self.stage in ("sales-ready", "SQL") and (not scored or (models and at == "sales-ready"))
        if not has_bar:
            self.started.pop("cool", None)
        return self.stage


def facts_of(held) -> dict[str, np.ndarray]:
    return {name: np.array([name in one for one in held]) for name in FACTS}


def said_of(acts, n: int, now: int, policy: Policy):
    ids = pa.chunked_array([[f"L{i}" for i in range(n)]])
    return decisions(acts_table(acts), ids, pa.chunked_array([np.ones(n, np.int64)]), now, policy)


def random_walks(rng, n: int, days: int) -> np.ndarray:
    """Margins that drift over all bars, shape (days, n)."""
    steps = rng.normal(0, 0.5, (days, n))
    walk = np.empty((days, n))
    walk[0] = rng.normal(-2, 1.5, n)
    for day in range(1, days):
        walk[day] = -2 + 0.95 * (walk[day - 1] + 2) + steps[day]
    return walk


def random_facts(rng, n: int, held: list[set[str]], rate: float = 0.01) -> None:
    """Let each fact of each lead begin or end now and then."""
    for i, j in zip(*np.nonzero(rng.random((n, len(FACTS))) < rate), strict=True):
        held[i] ^= {FACTS[j]}


def random_acts(rng, n: int, now: int, rate: float = 0.004) -> list[Act]:
    """Let people act: known within two days, each at a moment of its own."""
    told = []
    for i in np.flatnonzero(rng.random(n) < rate):
        at = now - int(rng.integers(1, 20 * HOUR))
        told.append(
            Act(
                f"L{i}",
                1,
                str(rng.choice(ACTS, p=[0.3, 0.25, 0.15, 0.15, 0.14, 0.01])),
                at,
                at + int(rng.integers(0, 2 * DAY)),
                [None, "timing", "competitor"][rng.integers(3)],
                [None, at + int(rng.integers(1, 60 * DAY))][rng.integers(2)],
                {item: bool(rng.random() < 0.7) for item in ("budget", "need") if rng.random() < 0.5},
            )
        )
    return told


@each_policy
def test_a_second_machine_agrees_on_every_lead_and_every_run(policy: Policy) -> None:
    rng = np.random.default_rng(5)
    n, days = 40, 400
    leads, held, acts, state = [Oracle(policy) for _ in range(n)], [set() for _ in range(n)], [], None
    margins = random_walks(rng, n, days)
    seen = set()
    for day in range(days):
        for now in (MONDAY + day * DAY, MONDAY + day * DAY + int(rng.integers(1, 23 * HOUR)))[: 1 + day % 2]:
            random_facts(rng, n, held)
            acts += random_acts(rng, n, now)
            scored, won = rng.random(n) < 0.9, rng.random(n) < 0.0005
            p = 1 / (1 + np.exp(-margins[day]))
            said = said_of(acts, n, now, policy)
            step = advance(state, logit(p), facts_of(held), now, policy, won, said=said, scored=scored)
            state = step.state
            for i, lead in enumerate(leads):
                own = [a for a in acts if a.lead_id == f"L{i}"]
                expected = lead.step(p[i], held[i], own, now, won[i], scored[i])
                assert STAGES[state.stage[i]] == expected, (day, i, STAGES[step.previous_stage[i]])
                assert state.wake_at[i] == (NEVER if lead.wake_at is None else lead.wake_at)
            seen |= set(
                zip(step.previous_stage[step.moved].tolist(), state.stage[step.moved].tolist(), strict=True)
            )
    assert len(seen) > 12, "the histories went through the machine"


@pytest.mark.slow
@each_policy
def test_of_two_leads_the_likelier_is_never_the_lower_one(policy: Policy) -> None:
    rng = np.random.default_rng(11)
    n, days = 300, 1500
    low = random_walks(rng, n, days)
    above = low + rng.gamma(0.5, 0.8, (days, n)) * (rng.random((days, n)) < 0.7)
    held, acts, states = [set() for _ in range(n)], [], [None, None]
    apart = 0
    for day in range(days):
        now = MONDAY + day * DAY
        random_facts(rng, n, held, 0.004)
        acts = [*acts, *random_acts(rng, n, now, 0.001)][-400:]
        said, facts = said_of(acts, n, now, policy), facts_of(held)
        states = [
            advance(state, margin, facts, now, policy, said=said).state
            for state, margin in zip(states, (low[day], above[day]), strict=True)
        ]
        lower, upper = (s.stage.astype(int) for s in states)
        asleep = lower == 6
        np.testing.assert_array_equal(asleep, upper == 6)
        assert (upper >= lower)[~asleep].all()
        apart += int((upper > lower).sum())
    assert apart > days


@each_policy
def test_a_lead_that_does_not_change_does_not_oscillate(policy: Policy) -> None:
    rng = np.random.default_rng(23)
    n = 400
    held, acts, state = [set() for _ in range(n)], [], None
    margins = random_walks(rng, n, 60)
    for day in range(60):  # whatever happened before
        now = MONDAY + day * DAY
        random_facts(rng, n, held)
        acts += random_acts(rng, n, now, 0.01)
        said = said_of(acts, n, now, policy)
        state = advance(state, margins[day], facts_of(held), now, policy, said=said).state
    stages, moves = [state.stage], np.zeros(n, dtype=int)
    acts = [a for a in acts if a.known_at < MONDAY + 59 * DAY]
    said, facts = said_of(acts, n, MONDAY + 60 * DAY, policy), facts_of(held)
    for day in range(60, 3000):
        step = advance(state, margins[-1], facts, MONDAY + day * DAY, policy, said=said)
        state = step.state
        moves += step.moved
        if step.moved.any():
            stages.append(state.stage)
    assert moves.max() <= 3
    settled = np.array(stages)
    for i in range(n):  # a stage that was left is never entered again
        path = [s for s, before in zip(settled[1:, i], settled[:-1, i], strict=True) if s != before]
        assert len({settled[0, i], *path}) == len(path) + 1


@each_policy
def test_the_same_run_twice_and_other_batches_change_nothing(policy: Policy) -> None:
    rng = np.random.default_rng(7)
    n, days = 60, 200
    held, acts, state, alone = [set() for _ in range(n)], [], None, [None] * 3
    margins = random_walks(rng, n, days)
    parts = np.array_split(rng.permutation(n), 3)
    for day in range(days):
        now = MONDAY + day * DAY
        random_facts(rng, n, held)
        acts += random_acts(rng, n, now, 0.01)
        said, facts = said_of(acts, n, now, policy), facts_of(held)
        step = advance(state, margins[day], facts, now, policy, said=said)
        again = advance(step.state, rng.normal(-2, 3, n), facts_of([set()] * n), now, policy, said=said)
        assert again.state.to_table().equals(step.state.to_table())
        assert not again.moved.any()
        state = State.from_table(step.state.to_table())
        for k, rows in enumerate(parts):
            ids = pa.chunked_array([[f"L{i}" for i in rows]])
            told = decisions(
                acts_table(acts), ids, pa.chunked_array([np.ones(len(rows), np.int64)]), now, policy
            )
            mine = {name: held_by[rows] for name, held_by in facts.items()}
            alone[k] = advance(alone[k], margins[day][rows], mine, now, policy, said=told).state
            assert alone[k].to_table().equals(state.to_table().take(rows))
    assert state.to_table().schema == STATE_SCHEMA


class OneLead(RuleBasedStateMachine):
    """Anything that can happen to a lead, in any order; hypothesis looks for the shortest trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.p, self.held, self.acts = MONDAY, 0.01, set(), []
        self.state, self.oracle, self.policy = None, None, WHOLE
        self.moves: list[int] = []

    @precondition(lambda self: self.state is None)
    @rule(
        name=st.sampled_from(sorted(POLICIES)),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    )
    def choose(self, name, zone) -> None:
        self.policy = replace(POLICIES[name], zone=zone)

    @rule(p=st.sampled_from([0.0001, 0.03, 0.039, 0.04, 0.05, 0.2, 0.24, 0.3, 0.9]))
    def changes(self, p) -> None:
        self.p = p

    @rule(fact=st.sampled_from(FACTS))
    def does(self, fact) -> None:
        self.held ^= {fact}

    @rule(
        kind=st.sampled_from(ACTS[:-1]),
        delay=st.sampled_from([0, 1, DAY]),
        reason=st.sampled_from([None, "timing", "competitor"]),
        until=st.sampled_from([None, HOUR, 20 * DAY]),
        answers=st.dictionaries(st.sampled_from(["budget", "need"]), st.booleans()),
    )
    def acts_on(self, kind, delay, reason, until, answers) -> None:
        at = self.now + len(self.acts)  # each at a moment of its own
        wakes = None if until is None else at + until
        self.acts.append(Act("L0", 1, kind, at, at + delay, reason, wakes, answers))

    @rule(
        hours=st.sampled_from([0, 1, 5, 24, 24, 24, 7 * 24, 40 * 24]),
        won=st.integers(0, 30),
        scored=st.integers(0, 5),
    )
    def runs(self, hours, won, scored) -> None:
        self.now += hours * HOUR
        self.oracle = self.oracle or Oracle(self.policy)
        said = said_of(self.acts, 1, self.now, self.policy)
        step = advance(
            self.state, [logit(self.p)], facts_of([self.held]), self.now, self.policy, [won == 30], said=said, scored=[scored > 0]
        )  # fmt: skip
        expected = self.oracle.step(self.p, self.held, self.acts, self.now, won == 30, scored > 0)
        assert STAGES[step.state.stage[0]] == expected
        if step.moved[0]:
            self.moves.append(self.now)
            assert step.cause_names()[0] is not None
        if step.handoff[0]:
            assert "unsubscribed" not in self.held
        self.state = step.state

    @invariant()
    def moves_once_a_day(self) -> None:
        zone = ZoneInfo(self.policy.zone)
        days = [datetime.fromtimestamp(m / 1e6, zone).date() for m in self.moves]
        assert len(days) == len(set(days))

    @invariant()
    def sleeps_only_while_recycled(self) -> None:
        if self.state is not None:
            assert STAGES[self.state.stage[0]] == "Recycled" or self.state.wake_at[0] == NEVER

    @invariant()
    def bands_partition(self) -> None:
        name = band([self.p], self.policy)[0]
        assert [b.name for b in bands(self.policy) if b.low <= self.p < b.high] == [name]
        assert margin_band([logit(self.p)], self.policy)[0] == name


TestOneLead = OneLead.TestCase
TestOneLead.settings = settings(max_examples=120, stateful_step_count=60, deadline=None)


def test_the_memory_of_each_bar_is_its_own() -> None:
    """Where both bars had one memory, the likelier of two leads could fall below the other."""
    cool = [0.31, *[0.2] * 6, 0.07, 0.04, 0.03, 0.03]
    cold = [0.31, *[0.2] * 6, 0.06, 0.03, 0.03, 0.03]
    state = None
    for day, (a, b) in enumerate(zip(cool, cold, strict=True)):
        facts = {name: [False, False] for name in POLICY.facts()}
        state = advance(state, logit([a, b]), facts, MONDAY + day * WEEK // 7, POLICY).state
        assert state.stage[0] >= state.stage[1]
