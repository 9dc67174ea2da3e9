from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.declarations import DAY, Stages, to_microseconds
from lqmodel.errors import BadData, ColumnMissing, Refused
from lqmodel.stages import (
    CUSTOMER,
    LEAD,
    MQL,
    NEVER,
    RECYCLED,
    SAL,
    SALES_READY,
    SQL,
    STAGES,
    Policy,
    Replay,
    State,
    Threshold,
    advance,
    band,
    bands,
    holds,
    margin_band,
    score,
    solve_policy,
    stage_names,
)

MONDAY = to_microseconds("2026-06-01T00:00:00Z", None)
WEEK = 7 * DAY


def logit(p):
    return np.log(p) - np.log1p(-np.asarray(p))


class Halved:
    """Stands in for a calibrator: logit = margin / 2."""

    def inverse(self, probability):
        return 2 * logit(np.asarray(probability, dtype=float))


def threshold(p: float) -> Threshold:
    return Threshold(p, float(logit(p)), float(logit(0.8 * p)))


POLICY = Policy(
    mql=threshold(0.05),
    sales_ready=threshold(0.30),
    below_ratio=0.8,
    demote_after=WEEK,
    promote_any=("demo", "proposal"),
    block=("unsubscribed",),
    accepted=("accepted",),
    require=("budget", "authority"),
)
NO_FACTS = {name: [False] for name in POLICY.facts()}


def walk(probabilities, facts=None, policy=POLICY, state=None, step=DAY, start=MONDAY, won=None):
    """Run one lead through nights; return the names of its stages and the steps."""
    steps = []
    for night, p in enumerate(probabilities):
        held = NO_FACTS | {name: [night in nights] for name, nights in (facts or {}).items()}
        wins = None if won is None else [night in won]
        step_taken = advance(state, [float(logit(p))], held, start + night * step, policy, wins)
        state = step_taken.state
        steps.append(step_taken)
    return [STAGES[s.state.stage[0]] for s in steps], steps


# ── the state machine ────────────────────────────────────────────────────────────────────────────────────────


def test_up_at_once_down_with_memory() -> None:
    seen, steps = walk([0.01, 0.06, 0.31, *[0.2] * 8, 0.2])
    assert seen == ["Lead", "MQL", *["sales-ready"] * 8, "MQL", "MQL"]
    assert [bool(s.handoff[0]) for s in steps] == [False, False, True] + [False] * 9
    assert [s.cause_names()[0] for s in steps[:3]] == [None, "probability", "probability"]
    assert steps[10].cause_names()[0] == "probability"
    assert steps[3].state.below_since[0] == MONDAY + 3 * DAY
    assert steps[10].state.below_since[0] == NEVER
    assert steps[10].previous_stage[0] == SALES_READY


def test_one_night_above_the_bar_forgets_the_stretch_below() -> None:
    seen, _ = walk([0.31, *[0.2] * 6, 0.25, *[0.2] * 7, 0.2])  # 0.25 > 0.8 × 0.30
    assert seen == ["sales-ready"] * 15 + ["MQL"]


def test_a_lead_falls_to_its_band_and_a_step_may_skip_stages() -> None:
    seen, _ = walk([0.31, *[0.01] * 8])
    assert seen == [*["sales-ready"] * 8, "Lead"]
    assert walk([0.06, *[0.041] * 20])[0] == ["MQL"] * 21
    assert walk([0.06, *[0.039] * 8])[0] == [*["MQL"] * 8, "Lead"]


def test_demotion_without_a_duration_is_immediate() -> None:
    assert walk([0.31, 0.2], policy=replace(POLICY, demote_after=0))[0] == ["sales-ready", "MQL"]


def test_a_hand_raiser_is_handed_over_at_any_probability_and_kept_while_it_holds() -> None:
    seen, steps = walk([0.001] * 14, {"proposal": range(1, 5), "demo": [2]})
    assert seen == ["Lead", *["sales-ready"] * 11, "Lead", "Lead"]
    assert steps[1].handoff[0]
    assert steps[1].cause_names()[0] == "proposal"
    assert steps[5].state.below_since[0] == MONDAY + 5 * DAY  # not before the hand was down


def test_a_blocked_lead_stays_out_and_falls_back_to_its_band() -> None:
    seen, steps = walk([0.9, 0.9, 0.9, 0.01], {"unsubscribed": [1, 2], "proposal": [1, 2]})
    assert seen == ["sales-ready", "MQL", "MQL", "MQL"]
    assert steps[1].cause_names()[0] == "unsubscribed"
    assert walk([0.001], {"unsubscribed": [0], "demo": [0]})[0] == ["Lead"]
    # out of sales at once, out of nurture with the memory of that bar
    assert walk([0.9, *[0.001] * 8], {"unsubscribed": range(1, 99)})[0] == [
        "sales-ready",
        *["MQL"] * 7,
        "Lead",
    ]


def test_acceptance_is_a_persons_act() -> None:
    seen, steps = walk(
        [0.31, *[0.001] * 11], {"accepted": [1], "budget": range(9, 20), "authority": range(10, 20)}
    )
    assert seen == ["sales-ready", *["SAL"] * 9, "SQL", "SQL"]
    assert steps[1].cause_names()[0] == "accepted"
    assert steps[10].cause_names()[0] == "gates"
    assert not any(s.handoff[0] for s in steps[1:])
    assert walk([0.9], {"accepted": [0], "budget": [0], "authority": [0]})[0] == ["SQL"]
    assert walk([0.9, 0.9], {"accepted": [1], "unsubscribed": [1]})[0] == ["sales-ready", "SAL"]
    assert walk([0.001], {"accepted": [0]})[0] == ["SAL"]


def test_a_policy_may_let_the_handoff_make_sql() -> None:
    policy = replace(POLICY, sql_after="handoff", require=("budget",))
    seen, steps = walk([0.31, 0.31, *[0.01] * 8], {"budget": range(1, 99)}, policy)
    assert seen == ["sales-ready", *["SQL"] * 8, "Lead"]
    assert steps[1].cause_names()[0] == "gates"
    straight, steps = walk([0.06, 0.31], {"budget": range(99)}, policy)
    assert straight == ["MQL", "SQL"]
    assert steps[1].handoff[0]
    accepted, _ = walk([0.31, *[0.01] * 9], {"budget": range(99), "accepted": range(1, 99)}, policy)
    assert accepted == ["SQL"] * 10
    assert walk([0.31, 0.31], {"budget": [0], "unsubscribed": [1]}, policy)[0] == ["SQL", "MQL"]
    gone, steps = walk([0.31, 0.31], {"budget": [0]}, policy)
    assert gone == ["SQL", "sales-ready"]
    assert not steps[1].handoff[0]


def test_won_is_final() -> None:
    seen, steps = walk([0.01, 0.01, 0.9], won=[1])
    assert seen == ["Lead", "Customer", "Customer"]
    assert steps[1].cause_names()[0] == "won"


def test_at_most_one_transition_a_calendar_day_of_the_zone() -> None:
    berlin = replace(POLICY, zone="Europe/Berlin")
    start = to_microseconds("2026-06-01T20:00", "Europe/Berlin")
    hours = 3_600_000_000
    assert walk([0.06, 0.31], policy=berlin, start=start, step=hours)[0] == ["MQL", "MQL"]
    assert walk([0.06, 0.31], policy=berlin, start=start, step=4 * hours)[0] == ["MQL", "sales-ready"]
    # a lead that has not moved yet may do so on the day it was first seen
    assert walk([0.01, 0.31], policy=berlin, start=start, step=hours)[0] == ["Lead", "sales-ready"]


def test_the_same_moment_twice_is_a_no_op() -> None:
    once = advance(None, logit([0.01, 0.1, 0.9]), spread(3), MONDAY, POLICY)
    again = advance(once.state, logit([0.9, 0.9, 0.001]), spread(3, demo=[1, 1, 1]), MONDAY, POLICY)
    assert_equal(again.state, once.state)
    assert not again.moved.any()
    assert not again.handoff.any()
    assert again.cause_names().tolist() == [None] * 3


def test_an_earlier_moment_is_refused() -> None:
    state = advance(None, logit([0.1, 0.1]), spread(2), MONDAY, POLICY).state
    with pytest.raises(Refused, match=r"2 of 2 leads were already advanced after 2026-05-31T00:00:00\+00:00"):
        advance(state, logit([0.1, 0.1]), spread(2), MONDAY - DAY, POLICY)


def spread(n: int, **held) -> dict[str, np.ndarray]:
    return {name: np.asarray(held.get(name, np.zeros(n)), dtype=bool) for name in POLICY.facts()}


def assert_equal(a: State, b: State) -> None:
    for name in ("stage", "entered_at", "below_since", "last_as_of"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(ColumnMissing, match="looks at the fact 'accepted'"):
        advance(None, [0.0], {}, MONDAY, POLICY)
    with pytest.raises(BadData, match="1 of 1 margins are not finite"):
        advance(None, [np.nan], NO_FACTS, MONDAY, POLICY)
    with pytest.raises(BadData, match="2 states and 1 margins"):
        advance(State.fresh(2), [0.0], NO_FACTS, MONDAY, POLICY)
    with pytest.raises(BadData, match="demo"):
        advance(None, [0.0], NO_FACTS | {"demo": [True, False]}, MONDAY, POLICY)


def test_facts_hold_when_present_and_above_zero() -> None:
    assert holds([np.nan, 0, -1, 2]).tolist() == [False, False, False, True]
    held = advance(None, logit([0.01, 0.01]), spread(2) | {"demo": [np.nan, 3.0]}, MONDAY, POLICY)
    assert stage_names(held.state.stage).tolist() == ["Lead", "sales-ready"]


histories = st.lists(
    st.tuples(st.sampled_from([0.001, 0.03, 0.045, 0.1, 0.25, 0.5]), st.integers(0, 63), st.integers(0, 40)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(histories, st.sampled_from(["acceptance", "handoff"]))
def test_laws_of_any_history(history, after) -> None:
    policy = replace(POLICY, sql_after=after)
    state, now, last_move = None, MONDAY, None
    below: list[tuple[int, float]] = []
    for p, bits, hours in history:
        held = {name: [bool(bits >> i & 1)] for i, name in enumerate(policy.facts())}
        step = advance(state, [float(logit(p))], held, now, policy)
        was, became = int(step.previous_stage[0]), int(step.state.stage[0])
        if step.moved[0]:
            assert was != became
            assert last_move is None or last_move // DAY < now // DAY  # MONDAY is a midnight of UTC
            last_move = now
            assert step.state.entered_at[0] == now
            assert step.cause_names()[0] is not None
        else:
            assert was == became
            assert step.cause_names()[0] is None
        if step.handoff[0]:
            assert was < SALES_READY <= became
            assert not held["unsubscribed"][0]
        if was == MQL and became == LEAD:  # the demotion saw a whole week below the bar
            stretch = [t for t, seen in below if seen >= 0.8 * 0.05]
            assert now - max(stretch, default=MONDAY) >= WEEK
        if was == SALES_READY and became < SALES_READY and not held["unsubscribed"][0]:
            assert p < 0.8 * 0.30
            assert now - max([t for t, seen in below if seen >= 0.8 * 0.30], default=MONDAY) >= WEEK
        if after == "acceptance" and was in (SAL, SQL):
            assert became >= was
        assert became not in (CUSTOMER, RECYCLED)
        below.append((now, p))
        state, now = step.state, now + max(hours, 1) * 3_600_000_000


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_shuffling_leads_changes_nothing(seed, n) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    state, shuffled = None, None
    for night in range(12):
        margin = rng.normal(-2, 2, n)
        facts = {name: rng.random(n) < 0.1 for name in POLICY.facts()}
        plain = advance(state, margin, facts, MONDAY + night * DAY, POLICY)
        other = advance(
            shuffled, margin[order], {k: v[order] for k, v in facts.items()}, MONDAY + night * DAY, POLICY
        )
        state, shuffled = plain.state, other.state
        np.testing.assert_array_equal(plain.state.stage[order], other.state.stage)
        np.testing.assert_array_equal(plain.cause[order], other.cause)


def test_a_state_goes_through_a_table_unchanged() -> None:
    rng = np.random.default_rng(0)
    state = advance(None, rng.normal(-2, 2, 50), spread(50), MONDAY, POLICY).state
    table = state.to_table()
    assert table.schema.field("stage").type == pa.string()
    assert table.column("entered_at").null_count == int((state.entered_at == NEVER).sum()) > 0
    assert_equal(State.from_table(table), state)
    nulls = pa.table({f.name: pa.nulls(2, f.type) for f in table.schema})
    assert_equal(State.from_table(nulls), State.fresh(2))
    assert_equal(State.from_table(State.fresh(0).to_table()), State.fresh(0))
    with pytest.raises(BadData, match="unknown stage 'Hot'"):
        State.from_table(table.set_column(0, "stage", pa.array(["Hot"] * 50)))
    with pytest.raises(ColumnMissing, match="below_since"):
        State.from_table(table.drop_columns(["below_since"]))


@pytest.mark.slow
def test_a_million_leads_in_a_second() -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    margin, facts = rng.normal(-3, 2, n), spread(n, demo=rng.random(n) < 0.01)
    state = advance(None, margin, facts, MONDAY, POLICY).state
    start = time.process_time()
    advance(state, margin + 1, facts, MONDAY + DAY, POLICY)
    assert time.process_time() - start < 1


# ── bands and scores ─────────────────────────────────────────────────────────────────────────────────────────

probabilities = st.floats(1e-9, 1 - 1e-9)


@st.composite
def policies(draw) -> Policy:
    low, high = sorted((draw(st.floats(0.0005, 0.98)), draw(st.floats(0.0005, 0.98))))
    return replace(POLICY, mql=threshold(low), sales_ready=threshold(high))


@given(policies(), st.lists(probabilities, min_size=1, max_size=30))
def test_bands_partition_the_unit_interval(policy, ps) -> None:
    cut = bands(policy)
    assert cut[0].low == 0
    assert cut[-1].high == 1
    assert all(a.high == b.low for a, b in pairwise(cut))
    for p, name in zip(ps, band(ps, policy), strict=True):
        assert [b.name for b in cut if b.low <= p < b.high] == [name]


def test_bands_by_margin_are_the_bands_of_the_stages() -> None:
    margins = np.array([POLICY.mql.margin, np.nextafter(POLICY.mql.margin, -9), POLICY.sales_ready.margin])
    assert margin_band(margins, POLICY).tolist() == ["mql", "lead", "sales_ready"]
    stages = advance(None, margins, spread(3), MONDAY, POLICY).state.stage
    assert stage_names(stages).tolist() == ["MQL", "Lead", "sales-ready"]


@settings(max_examples=300)
@given(policies(), st.lists(probabilities, min_size=2, max_size=30, unique=True))
def test_scores_rise_and_keep_the_thresholds(policy, ps) -> None:
    a, b = policy.mql.probability, policy.sales_ready.probability
    ps = np.sort([*ps, a, b])
    found = score(ps, policy)
    assert ((found > 0) & (found < 100)).all()
    steps = np.diff(found)
    assert (steps >= 0).all()
    assert (steps[np.diff(logit(ps)) > 1e-9] > 0).all()
    assert set(found[ps == b]) == {70.0}
    if a < b:
        assert set(found[ps == a]) == {40.0}
    assert (np.searchsorted([40, 70], found, side="right") == np.searchsorted([a, b], ps, side="right")).all()


@given(policies())
def test_the_score_has_one_slope_at_each_joint(policy) -> None:
    a, b = logit(policy.mql.probability), logit(policy.sales_ready.probability)
    if b - a < 0.1:
        return
    for joint in (a, b):
        at = 1 / (1 + np.exp(-(joint + np.array([-1e-5, 0, 1e-5]))))
        left, right = np.diff(score(at, policy))
        assert left == pytest.approx(right, rel=1e-2)


def test_between_the_thresholds_the_score_is_linear_in_the_logit() -> None:
    middle = 1 / (1 + np.exp(-(logit(0.05) + logit(0.30)) / 2))
    assert score(middle, POLICY) == pytest.approx(55)


# ── solving a policy ─────────────────────────────────────────────────────────────────────────────────────────


def declared(**ready) -> Stages:
    return Stages.model_validate({"mql": {"at_least": 0.05}, "sales_ready": ready})


def first_handoffs(leads, as_of, p, t) -> tuple[float, int]:
    """Count by walking through the moments, as the nightly process does."""
    handed, per_moment = set(), []
    for moment in sorted(set(as_of)):
        now = {lead for lead, at, q in zip(leads, as_of, p, strict=True) if at == moment and q >= t}
        per_moment.append(len(now - handed))
        handed |= now
    weeks = (max(as_of) - min(as_of)) / WEEK
    return sum(per_moment[1:]) / weeks, per_moment[0]


def handed_at(rows, t) -> dict[int, int]:
    """Return lead → the first moment at or above the threshold."""
    found: dict[int, int] = {}
    for lead, at, q in sorted(rows):
        if q >= t:
            found.setdefault(lead, at)
    return found


def test_fixed_thresholds_go_through_the_calibrator() -> None:
    solved = solve_policy(declared(at_least=0.3, promote_any=["demo"]), Halved(), zone="Europe/Berlin")
    assert solved.volume is None
    policy = solved.policy
    assert policy.sales_ready == Threshold(0.3, 2 * logit(0.3), 2 * logit(0.8 * 0.3))
    assert (policy.promote_any, policy.demote_after, policy.zone) == (("demo",), WEEK, "Europe/Berlin")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4), st.integers(1, 19)), min_size=1, max_size=60),
    st.integers(1, 4),
    st.sampled_from([DAY, WEEK, 2 * WEEK]),
)
def test_capacity_is_kept_and_used(rows, per_week, step) -> None:
    rows = [*{(lead, k): (lead, MONDAY + k * step, p / 20) for lead, k, p in rows}.values()]
    rows += [(99, MONDAY, 0.01), (99, MONDAY + step, 0.01)]
    leads, as_of, p = (list(c) for c in zip(*rows, strict=True))
    solved = solve_policy(declared(capacity={"per_week": per_week}), Halved(), replay=Replay(leads, as_of, p))
    t = solved.policy.sales_ready.probability
    assert t >= 0.05
    mean, backlog = first_handoffs(leads, as_of, p, t)
    assert solved.volume.per_week == pytest.approx(mean)
    assert solved.volume.backlog == backlog
    assert mean <= per_week + 1e-9
    lower = [q for q in sorted(set(p), reverse=True) if q < t and handed_at(rows, q) != handed_at(rows, t)]
    if t > 0.05:  # the next threshold that hands over anything else would have been too much
        assert first_handoffs(leads, as_of, p, lower[0])[0] > per_week
    assert all(first_handoffs(leads, as_of, p, q)[0] <= per_week for q in p if q >= t)


def test_leads_of_equal_probability_go_together() -> None:
    leads = [0, *range(8)]
    as_of = [MONDAY, *[MONDAY + WEEK] * 8]
    p = [0.01, 0.5, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1]
    by_capacity = {
        n: solve_policy(declared(capacity={"per_week": n}), Halved(), replay=Replay(leads, as_of, p))
        for n in (1, 5, 99)
    }
    assert {n: s.policy.sales_ready.probability for n, s in by_capacity.items()} == {1: 0.5, 5: 0.4, 99: 0.05}
    assert {n: s.volume.per_week for n, s in by_capacity.items()} == {1: 1, 5: 5, 99: 8}


def test_where_the_likeliest_are_too_many_the_threshold_lies_above_them() -> None:
    replay = Replay([0, 1, 2, 3], [MONDAY, *[MONDAY + WEEK] * 3], [0.1, 0.4, 0.4, 0.4])
    solved = solve_policy(declared(capacity={"per_week": 2}), Halved(), replay=replay)
    assert 0.4 < solved.policy.sales_ready.probability < 1
    assert solved.volume.per_week == 0


def test_hand_raisers_take_part_of_the_capacity_and_blocked_leads_none() -> None:
    leads, as_of, p = [0, 1, 2, 3], [MONDAY, *[MONDAY + WEEK] * 3], [0.01, 0.5, 0.4, 0.01]
    stages = declared(capacity={"per_week": 2})
    plain = solve_policy(stages, Halved(), replay=Replay(leads, as_of, p))
    raised = solve_policy(stages, Halved(), replay=Replay(leads, as_of, p, promoted=[0, 0, 0, 1]))
    blocked = solve_policy(stages, Halved(), replay=Replay(leads, as_of, p, blocked=[0, 1, 0, 0]))
    found = [s.policy.sales_ready.probability for s in (plain, raised, blocked)]
    assert found == [0.4, 0.5, 0.05]
    assert raised.volume.per_week == 2


def test_a_capacity_needs_two_moments() -> None:
    stages = declared(capacity={"per_week": 2})
    with pytest.raises(BadData, match="there are none"):
        solve_policy(stages, Halved())
    with pytest.raises(BadData, match="two moments, got 1"):
        solve_policy(stages, Halved(), replay=Replay([1], [MONDAY], [0.5]))
    with pytest.raises(BadData, match=r"in \(0, 1\)"):
        solve_policy(stages, Halved(), replay=Replay([1, 1], [MONDAY, MONDAY + WEEK], [0.5, 1.0]))


def test_a_policy_goes_through_json_unchanged() -> None:
    assert Policy.from_json(json.loads(json.dumps(POLICY.to_json()))) == POLICY


@pytest.mark.parametrize(
    "changes",
    [
        {"mql": None},
        {"mql": {"probability": 0.5, "margin": 9.0, "kept_margin": 0.0}},
        {"below_ratio": 0.0},
        {"zone": "Mars"},
        {"sql_after": "never"},
        {"demote_after": -1},
        {"block": 3},
    ],
)
def test_what_is_no_policy_is_refused(changes) -> None:
    with pytest.raises(BadData, match="policy"):
        Policy.from_json(POLICY.to_json() | changes)
    with pytest.raises(BadData, match="policy"):
        Policy.from_json({})
