"""Thresholds solved by replaying held-out weeks, held against counting by hand; and what they promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_stages import MONDAY, WEEK, Halved, declared, logit

from lqmodel.declarations import DAY, Stages
from lqmodel.errors import BadData, Refused
from lqmodel.stages import (
    Crossings,
    Policy,
    Replay,
    advance,
    bands,
    carried,
    check_capacity,
    gains,
    lower_bound,
    margin_band,
    score,
    solve_policy,
)

Rows = dict[str, Any]


@st.composite
def histories(draw: st.DrawFn) -> Rows:
    """Leads over five weeks with ties, acts, wins, accounts and teams."""
    cells = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=4, max_size=40, unique=True)
    rows = draw(cells.filter(lambda cells: len({week for _, week in cells}) > 1))
    n = len(rows)
    acts = draw(
        st.lists(st.sampled_from(["", "", "", "promoted", "blocked", "idle"]), min_size=n, max_size=n)
    )
    return {
        "lead_id": [f"L{lead}" for lead, _ in rows],
        "as_of": [MONDAY + week * WEEK for _, week in rows],
        "probability": draw(st.lists(st.integers(1, 19).map(lambda k: k / 20), min_size=n, max_size=n)),
        "promoted": [act == "promoted" for act in acts],
        "blocked": [act == "blocked" for act in acts],
        "engaged": [act != "idle" for act in acts],
        "won": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
        "group": [f"A{lead // 2}" for lead, _ in rows],
        "level": [["north", "south", None][lead % 3] for lead, _ in rows],
    }


def by_hand(rows: Rows, threshold: float) -> list[int]:
    """Return the rows at which leads are handed over for the first time, walking week by week."""
    handed: dict[str, int] = {}
    for i in sorted(range(len(rows["lead_id"])), key=lambda i: rows["as_of"][i]):
        likely = rows["probability"][i] >= threshold and rows["engaged"][i]
        over = (likely or rows["promoted"][i]) and not rows["blocked"][i]
        if over and rows["lead_id"][i] not in handed:
            handed[rows["lead_id"][i]] = i
    return sorted(handed.values())


def after_start(rows: Rows, chosen: list[int]) -> list[int]:
    return [i for i in chosen if rows["as_of"][i] > min(rows["as_of"])]


@settings(max_examples=200, deadline=None)
@given(histories(), st.sampled_from([0.01, 0.25, 0.3, 0.5, 0.72, 0.99]), st.randoms())
def test_crossings_are_the_first_handoffs_at_every_threshold(rows: Rows, threshold: float, random) -> None:
    order = random.sample(range(len(rows["lead_id"])), len(rows["lead_id"]))
    found = Crossings.of(Replay(**{name: [values[i] for i in order] for name, values in rows.items()}))
    chosen = by_hand(rows, threshold)
    handed = found.handed(threshold)
    assert sorted(found.probability[handed]) == sorted(rows["probability"][i] for i in chosen)
    assert int(found.won[handed].sum()) == sum(rows["won"][i] for i in chosen)
    assert found.total(np.ones(len(handed)), [threshold])[0] == handed.sum() == len(chosen)
    assert found.volume(threshold).per_week * found.weeks == pytest.approx(len(after_start(rows, chosen)))
    assert found.volume(threshold).backlog == len(chosen) - len(after_start(rows, chosen))


# ── value ────────────────────────────────────────────────────────────────────────────────────────────────────


def worth(rows: Rows, threshold: float, cost: float, gain: float) -> float:
    chosen = after_start(rows, by_hand(rows, threshold))
    return sum(gain * rows["probability"][i] - cost for i in chosen)


@settings(max_examples=200, deadline=None)
@given(histories(), st.sampled_from([10.0, 100.0, 400.0, 2000.0]))
def test_no_threshold_brings_more_than_the_one_that_is_solved(rows: Rows, cost: float) -> None:
    value = {"contact_cost": cost, "deal_value": 2000, "margin": 0.5, "uplift": 0.8}
    solved = solve_policy(declared(value=value), Halved(), replay=Replay(**rows))
    t = solved.policy.sales_ready.probability
    best = worth(rows, t, cost, 800.0)
    assert t >= 0.05
    assert all(worth(rows, q, cost, 800.0) <= best + 1e-9 for q in [k / 20 for k in range(1, 21)])


def test_a_lead_that_may_still_rise_is_worth_waiting_for() -> None:
    """Leads at 0.2 rise to 0.6 or fall away; handed over at 0.2 they cost a contact each."""
    leads = [*range(40), *range(40), 99, 99]
    as_of = [*[MONDAY + WEEK] * 40, *[MONDAY + 2 * WEEK] * 40, MONDAY, MONDAY + 2 * WEEK]
    p = [*[0.2] * 40, *[0.6] * 13, *[0.01] * 27, 0.01, 0.01]
    value = {"contact_cost": 150, "deal_value": 1000}
    solved = solve_policy(declared(value=value), Halved(), replay=Replay(leads, as_of, p))
    assert solved.policy.sales_ready.probability > 0.15, "the break-even of one contact"
    assert solved.volume is not None
    assert solved.volume.per_week == 13 / 2


def test_where_no_contact_pays_hand_raisers_alone_are_handed_over() -> None:
    rows = Replay([0, 1, 2], [MONDAY, MONDAY + WEEK, MONDAY + WEEK], [0.1, 0.5, 0.4], promoted=[0, 0, 1])
    solved = solve_policy(declared(value={"contact_cost": 900, "deal_value": 1000}), Halved(), replay=rows)
    assert 0.5 < solved.policy.sales_ready.probability < 1
    assert solved.volume is not None
    assert solved.volume.per_week == 1
    assert "no threshold brings more" in solved.notes[0]


def test_deal_values_by_level_and_the_mean_for_others() -> None:
    ready = Stages.model_validate(
        {
            "mql": {"at_least": 0.05},
            "sales_ready": {
                "per": "size",
                "value": {"contact_cost": 1, "deal_value": {"small": 100, "large": 900.5}, "uplift": 0.5},
            },
        }
    ).sales_ready
    assert ready.value is not None
    found = gains(ready.value, np.array(["small", "large", "", "other"], dtype=object))
    assert found.tolist() == [50.0, 450.25, 250.125, 250.125]


# ── precision ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_lower_bound_is_that_of_clopper_and_pearson() -> None:
    for k, n in ((1, 10), (7, 20), (50, 100), (300, 300)):
        won = np.arange(n) < k
        exact = stats.binomtest(k, n, alternative="greater").proportion_ci(0.95, method="exact").low
        assert lower_bound(won, np.arange(n)) == pytest.approx(exact)
    assert lower_bound(np.zeros(5, bool), np.arange(5)) == 0


def test_rows_that_go_together_say_less() -> None:
    won = np.repeat(np.arange(40) < 16, 5)
    alone, together = lower_bound(won, np.arange(200)), lower_bound(won, np.repeat(np.arange(40), 5))
    as_forty = lower_bound(np.arange(40) < 16, np.arange(40))
    assert together < alone
    assert together == pytest.approx(as_forty, abs=0.01)
    assert lower_bound(won, np.zeros(200)) < 0.1, "one account is one case"


@settings(max_examples=150, deadline=None)
@given(histories(), st.sampled_from([0.05, 0.1, 0.2, 0.4]))
def test_a_precision_is_the_lowest_threshold_that_holds_it(rows: Rows, asked: float) -> None:
    solved = solve_policy(declared(precision=asked), Halved(), replay=Replay(**rows))

    def bound(threshold: float) -> float:
        chosen = [i for i in after_start(rows, by_hand(rows, threshold)) if not rows["promoted"][i]]
        return lower_bound(
            np.array([rows["won"][i] for i in chosen], dtype=bool),
            np.array([rows["group"][i] for i in chosen]),
        )

    t = solved.policy.sales_ready.probability
    if solved.notes:
        assert f"reaches a precision of {asked:g}" in solved.notes[0]
        assert t > max(rows["probability"])
        assert all(bound(k / 20) < asked for k in range(1, 20))
    else:
        assert bound(t) >= asked
        assert all(bound(q) < asked for q in Crossings.of(Replay(**rows)).thresholds() if 0.05 <= q < t)


@pytest.mark.slow
def test_the_promised_precision_holds_for_the_leads_to_come() -> None:
    """Over many companies the true precision of the solved threshold is seldom below what was asked for."""
    rng = np.random.default_rng(3)
    broken = solved = 0
    for _ in range(300):
        leads, weeks = 900, 10
        base = rng.normal(-2.5, 1.2, leads)
        drift = np.cumsum(rng.normal(0, 0.4, (weeks, leads)), axis=0)
        p = 1 / (1 + np.exp(-(base + drift)))
        account = rng.integers(0, 600, leads)
        tilt = rng.normal(0, 0.5, 600)[account]  # what leads of an account share, and the model does not know
        true = 1 / (1 + np.exp(-(base + drift + tilt)))
        won = rng.random((weeks, leads)) < true
        grid = np.repeat(np.arange(weeks), leads)
        replay = Replay(
            np.tile(np.arange(leads), weeks),
            MONDAY + grid * WEEK,
            p.ravel(),
            won=won.ravel(),
            group=np.tile(account, weeks),
        )
        found = solve_policy(declared(precision=0.3), Halved(), replay=replay)
        if found.notes:
            continue
        handed = Crossings.of(replace(replay, won=None)).handed(found.policy.sales_ready.probability)
        crossed = Crossings.of(replay)
        rows = handed & ~crossed.start
        week = np.array(
            [np.argmax(p[:, lead] >= found.policy.sales_ready.probability) for lead in crossed.lead[rows]]
        )
        broken += float(true[week, crossed.lead[rows]].mean()) < 0.3
        solved += 1
    assert solved > 250
    assert (
        broken / solved <= 0.08
    )  # measured: 17 of 300; one in twenty, and what looking at many thresholds costs


# ── by level ─────────────────────────────────────────────────────────────────────────────────────────────────


def company(leads: int = 900, weeks: int = 8, seed: int = 0) -> Replay:
    """Leads that come week by week; the south with twice the leads and half the chances, the west with few."""
    rng = np.random.default_rng(seed)
    team = rng.choice(["north", "south", "west", None], leads, p=[0.3, 0.63, 0.03, 0.04])
    base = rng.normal(np.where(team == "south", -3.0, -2.0), 1.0)
    p = 1 / (1 + np.exp(-(base + np.cumsum(rng.normal(0, 0.4, (weeks, leads)), axis=0))))
    there = (rng.integers(0, weeks, leads) <= np.arange(weeks)[:, None]).ravel()
    return Replay(
        np.tile(np.arange(leads), weeks)[there],
        (MONDAY + np.repeat(np.arange(weeks), leads) * WEEK)[there],
        p.ravel()[there],
        won=(rng.random((weeks, leads)) < p).ravel()[there],
        level=np.tile(team, weeks)[there],
    )


def of_level(replay: Replay, level: str) -> Replay:
    rows = np.asarray(replay.level) == level
    return replace(replay, **{k: np.asarray(v)[rows] for k, v in vars(replay).items() if v is not None})


def test_each_team_gets_what_it_can_take() -> None:
    replay = company()
    teams = {"north": 8, "south": 20, "west": 3, "gone": 2}
    stages = declared(capacity={"per_week": teams}, per="team")
    solved = solve_policy(stages, Halved(), replay=replay)
    bars = dict(solved.policy.levels)
    assert solved.policy.per == "team"
    assert set(bars) == set(teams)
    for team in ("north", "south"):
        alone = solve_policy(
            declared(capacity={"per_week": teams[team]}), Halved(), replay=of_level(replay, team)
        )
        assert bars[team] == alone.policy.sales_ready
        volume = Crossings.of(replay, team).volume(bars[team].probability)
        assert teams[team] - 1 < volume.per_week <= teams[team]
    overall = solve_policy(declared(capacity={"per_week": 33}), Halved(), replay=replay).policy.sales_ready
    assert solved.policy.sales_ready == bars["west"] == bars["gone"] == overall
    west = len(np.unique(np.asarray(replay.lead_id)[np.asarray(replay.level) == "west"]))
    assert solved.notes == (
        "gone: 0 held-out leads, fewer than 50: the threshold of all",
        f"west: {west} held-out leads, fewer than 50: the threshold of all",
    )


def test_the_volume_of_levels_together_counts_each_lead_once() -> None:
    replay = company()
    solved = solve_policy(
        declared(capacity={"per_week": {"north": 8, "south": 20}}, per="team"), Halved(), replay=replay
    )
    rows = {
        "lead_id": list(replay.lead_id),
        "as_of": list(replay.as_of),
        "probability": [],
        "promoted": [
            p >= t
            for p, t in zip(replay.probability, solved.policy.ready(replay.level).probability, strict=True)
        ],
        "blocked": [False] * len(replay.lead_id),
        "engaged": [False] * len(replay.lead_id),
    }
    rows["probability"] = [0.5] * len(rows["lead_id"])
    chosen = by_hand(rows, 0.9)
    assert solved.volume is not None
    assert solved.volume.per_week * 7 == pytest.approx(len(after_start(rows, chosen)))
    assert solved.volume.backlog == len(chosen) - len(after_start(rows, chosen))


def test_a_precision_needs_won_leads_in_the_segment() -> None:
    replay = company()
    won = np.asarray(replay.won) & ~(
        (np.asarray(replay.level) == "north") & (np.asarray(replay.lead_id) % 40 > 0)
    )
    solved = solve_policy(declared(precision=0.1, per="team"), Halved(), replay=replace(replay, won=won))
    bars = dict(solved.policy.levels)
    assert bars["north"] == solved.policy.sales_ready != bars["south"]
    assert any(
        n.startswith("north: ") and "won leads, fewer than 10: the threshold of all" in n
        for n in solved.notes
    )


def test_stages_bands_and_scores_go_by_the_level() -> None:
    policy = solve_policy(
        declared(capacity={"per_week": {"north": 8, "south": 20}}, per="team"), Halved(), replay=company()
    ).policy
    north, south = (dict(policy.levels)[team] for team in ("north", "south"))
    assert south.probability < policy.sales_ready.probability or north.probability != south.probability
    levels = ["north", "south", None, "other"]
    bars = [north, south, policy.sales_ready, policy.sales_ready]
    assert min(bar.probability for bar in bars) > 0.05
    for shift, band, stage in ((0.0, "sales_ready", 2), (-1e-9, "mql", 1)):
        margins = np.array([bar.margin + shift for bar in bars])
        assert margin_band(margins, policy, levels).tolist() == [band] * 4
        assert advance(None, margins, {}, MONDAY, policy, levels=levels).state.stage.tolist() == [stage] * 4
    at = [bar.probability for bar in bars]
    assert score(at, policy, levels).tolist() == [70.0] * 4
    assert [bands(policy, level)[-1].low for level in levels] == at
    assert Policy.from_json(policy.to_json()) == policy
    with pytest.raises(BadData, match="2 levels and 4 margins"):
        advance(None, np.zeros(4), {}, MONDAY, policy, levels=levels[:2])


def test_falling_back_goes_by_the_level_too() -> None:
    policy = solve_policy(
        declared(capacity={"per_week": {"north": 3, "south": 60}}, per="team"), Halved(), replay=company()
    ).policy
    south = dict(policy.levels)["south"].margin
    state = None
    for day, margin in enumerate([20.0, *[south] * 9]):
        step = advance(state, [margin, margin], {}, MONDAY + day * DAY, policy, levels=["north", "south"])
        state = step.state
    assert step.state.stage.tolist() == [1, 2]


def test_thresholds_are_carried_over_to_another_calibrator() -> None:
    stages = declared(capacity={"per_week": {"north": 8, "south": 20}}, per="team")

    class Shifted:
        def inverse(self, probability):
            return 1 + logit(np.asarray(probability, dtype=float))

    policy = solve_policy(stages, Halved(), replay=company()).policy
    other = carried(policy, stages, Shifted())
    for bar, moved in [
        (policy.sales_ready, other.sales_ready),
        *zip(*(dict(p.levels).values() for p in (policy, other)), strict=True),
    ]:
        assert bar.probability == moved.probability
        assert moved.margin == 1 + logit(bar.probability)
    assert other.per == "team"


# ── what cannot be ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_capacity_larger_than_the_population_is_refused() -> None:
    stages = declared(capacity={"per_week": {"north": 300, "south": 300}}, per="team")
    check_capacity(stages, 600)
    with pytest.raises(
        Refused, match="a capacity of 600 first handoffs a week, and the held-out weeks hold 599 leads in all"
    ) as error:
        check_capacity(stages, 599)
    assert error.value.where == "stages.sales_ready.capacity"
    check_capacity(declared(at_least=0.3), 1)


def test_a_capacity_that_is_not_used_up_is_told() -> None:
    solved = solve_policy(declared(capacity={"per_week": 500}), Halved(), replay=company())
    assert solved.policy.sales_ready.probability == 0.05
    assert solved.volume is not None
    assert solved.notes == (
        f"a capacity of 500 a week is not used up: every MQL goes to sales, {solved.volume.per_week:.1f} a week",
    )


def test_hand_raisers_beyond_the_capacity_are_told() -> None:
    replay = company()
    raised = np.asarray(replay.as_of) > MONDAY
    solved = solve_policy(
        declared(capacity={"per_week": 2}), Halved(), replay=replace(replay, promoted=raised)
    )
    assert solved.notes[0].startswith("hand-raisers alone are ")
    assert solved.policy.sales_ready.probability > np.asarray(replay.probability).max()


@pytest.mark.parametrize("rule", [{"precision": 0.3}, {"value": {"contact_cost": 1, "deal_value": 9}}])
def test_every_rule_needs_two_moments(rule: dict[str, Any]) -> None:
    name = next(iter(rule))
    with pytest.raises(
        BadData, match=f"stages.sales_ready.{name}: a threshold by {name} is solved from held-out"
    ):
        solve_policy(declared(**rule), Halved())
    with pytest.raises(BadData, match="two moments, got 1"):
        solve_policy(declared(**rule), Halved(), replay=Replay([1, 2], [MONDAY] * 2, [0.5, 0.4]))


def test_a_fixed_threshold_has_a_volume_where_there_are_weeks() -> None:
    replay = company()
    solved = solve_policy(declared(at_least=0.3), Halved(), replay=replay)
    assert solved.volume == Crossings.of(replay).volume(0.3)
    assert solve_policy(declared(at_least=0.3), Halved(), replay=Replay([1], [MONDAY], [0.5])).volume is None
