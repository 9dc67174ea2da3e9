"""Calibration: strictly increasing, in (0, 1), inside its interval, and right on synthetic truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.calibration import Calibrator, fit_calibrator
from lqmodel.calibration_candidates import (
    CANDIDATES,
    LIMIT,
    MIN_SLOPE,
    bend_points,
    beta,
    fit_bends,
    line,
    platt_line,
    tally,
)
from lqmodel.calibration_interval import rate_interval
from lqmodel.errors import BadData, NoSignal

SIGMA = 0.5


def truth(margin, distortion):
    """P(won | margin): `distortion` of the margin, averaged over the leads' own Normal effects."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    logit = distortion(margin)[:, None] + SIGMA * nodes
    return (1 / (1 + np.exp(-logit))) @ (weights / weights.sum())


def sample(n, seed, distortion, per_lead=4):
    """Draw margins and outcomes, four snapshots a lead, correlated within a lead."""
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(n // per_lead), per_lead)
    margin = rng.normal(-1.5, 1.0, n // per_lead)[lead] + rng.normal(0, 0.7, len(lead))
    effect = rng.normal(0, SIGMA, n // per_lead)[lead]
    won = rng.random(len(lead)) < 1 / (1 + np.exp(-(distortion(margin) + effect)))
    return margin, won.astype(int), lead


DISTORTIONS = {
    "identity": lambda m: m,
    "shifted": lambda m: m - 1.0,
    "steeper": lambda m: 0.3 + 1.6 * m,
    "flatter": lambda m: -0.5 + 0.5 * m,
    "bent": lambda m: np.where(m < -1.5, 0.5, 1.5) * (m + 1.5) - 2.0,
    "saturated": lambda m: np.minimum(m, 0.15 * m - 0.425),
    "stepped": lambda m: sum(1.2 / (1 + np.exp((c - m) / 0.15)) for c in (-3, -2, -1, 0, 1)) - 3.3,
    "rare": lambda m: m - 2.2,
    "leaning": lambda m: -0.3 * np.logaddexp(0, -m) + 2.5 * np.logaddexp(0, m) - 1.5,
    "s-shaped": lambda m: 2.2 * np.tanh(m + 1.5) - 1.5,
}


@st.composite
def tallies(draw):
    n = draw(st.integers(2, 30))
    margin = np.sort(draw(st.lists(st.floats(-LIMIT, LIMIT), min_size=n, max_size=n)))
    wins = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=float)
    weight = np.array(draw(st.lists(st.integers(1, 40), min_size=n, max_size=n)))
    return tally(np.repeat(margin, weight), np.repeat(wins, weight))


@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize("name", CANDIDATES)
@given(counts=tallies())
def test_every_candidate_rises_over_the_whole_range(name, counts):
    margins, logits = CANDIDATES[name](counts)
    assert (margins[0], margins[-1]) == (-LIMIT, LIMIT)
    assert np.isfinite(logits).all()
    assert (np.diff(margins) > 0).all()
    assert (np.diff(logits) >= (MIN_SLOPE - 1e-9) * np.diff(margins)).all()


@pytest.fixture(scope="module", params=["identity", "flatter", "leaning", "s-shaped"])
def fitted(request):
    return fit_calibrator(*sample(1200, 3, DISTORTIONS[request.param])).calibrator


@given(a=st.floats(-LIMIT, LIMIT), gap=st.floats(1e-9, 1.0))
def test_logits_rise_with_margins(fitted, a, gap):
    b = min(a + gap, LIMIT)
    if b - a >= 1e-9:
        assert fitted.logit(a) < fitted.logit(b)
        assert fitted.probability(a) <= fitted.probability(b)


@given(margin=st.floats(-1e6, 1e6))
def test_probabilities_lie_inside_their_interval_and_inside_0_and_1(fitted, margin):
    low, high = fitted.interval(margin)
    assert 0 < low <= fitted.probability(margin) <= high < 1
    assert fitted.slope(margin) >= MIN_SLOPE - 1e-9


@given(p=st.floats(1e-6, 1 - 1e-6))
def test_inverse(fitted, p):
    margin = fitted.inverse(p)
    if abs(margin) < LIMIT:
        assert fitted.probability(margin) == pytest.approx(p, rel=1e-9, abs=1e-12)


def test_json_round_trip_keeps_every_bit(fitted):
    text = json.dumps(fitted.to_json())
    again = Calibrator.from_json(json.loads(text))
    assert again == fitted
    assert json.dumps(again.to_json()) == text
    margin = np.linspace(-40, 40, 999)
    assert again.probability(margin).tobytes() == fitted.probability(margin).tobytes()


def test_slope_is_that_of_the_logit(fitted):
    margin = np.linspace(-5, 3, 50)
    measured = (fitted.logit(margin + 1e-7) - fitted.logit(margin)) / 1e-7
    assert np.allclose(measured, fitted.slope(margin), rtol=1e-4)


def test_order_of_rows_changes_no_bit():
    margin, won, lead = sample(800, 4, DISTORTIONS["steeper"])
    order = np.random.default_rng(0).permutation(len(won))
    one = fit_calibrator(margin, won, lead)
    assert fit_calibrator(margin[order], won[order], lead[order]) == one


@pytest.mark.parametrize("name", ["identity", "shifted", "steeper", "flatter", "bent"])
def test_error_shrinks_with_rows(name):
    error = {}
    for n in (1000, 16_000):
        errors = []
        for seed in range(4):
            margin, won, lead = sample(n, seed, DISTORTIONS[name])
            calibrator = fit_calibrator(margin, won, lead).calibrator
            errors.append(np.abs(calibrator.probability(margin) - truth(margin, DISTORTIONS[name])).mean())
        error[n] = np.mean(errors)
    assert error[16_000] < 0.011
    assert error[16_000] < error[1000] or error[1000] < 0.011


@pytest.mark.parametrize(
    ("name", "simplest"),
    [("shifted", "intercept"), ("flatter", "platt"), ("leaning", "beta"), ("s-shaped", "spline")],
)
def test_the_simplest_candidate_that_will_do_is_chosen(name, simplest):
    result = fit_calibrator(*sample(16_000, 1, DISTORTIONS[name]))
    assert result.chosen == simplest
    assert [c.name for c in result.candidates] == ["constant", *CANDIDATES]
    losses = {c.name: c.log_loss for c in result.candidates}
    assert losses[simplest] < losses["constant"]
    assert min(c.excess for c in result.candidates[1:]) == 0.0


def oracle_width(p, n, bins=20):
    """Mean width of binomial 90 % intervals of 20 bins of equal count whose true rates are known."""
    rate = p.reshape(bins, -1).mean(axis=1)
    return np.mean(2 * 1.645 * np.sqrt(rate * (1 - rate) / (n / bins)))


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize(("n", "seeds"), [(500, 40), (2000, 30), (20_000, 12)])
def test_intervals_cover_the_truth(name, n, seeds, tell):
    """The share of 50 bins of new margins whose true rate lies inside, and the width against an oracle's."""
    margin = np.sort(sample(40_000, 10**6, DISTORTIONS[name])[0])[20::40]
    p = truth(margin, DISTORTIONS[name])
    binned = p.reshape(50, -1).mean(axis=1)
    covered, widths = [], []
    for seed in range(seeds):
        try:
            low, high = fit_calibrator(*sample(n, seed, DISTORTIONS[name])).calibrator.interval(margin)
        except NoSignal:
            continue
        ends = low.reshape(50, -1).mean(axis=1), high.reshape(50, -1).mean(axis=1)
        covered.append(np.mean((ends[0] <= binned) & (binned <= ends[1])))
        widths.append(np.mean(high - low) / oracle_width(p, n))
    tell(
        f"{name}, {n:,} rows: 90 % intervals hold {np.mean(covered):.0%}, width {np.mean(widths):.2f} of 20 bins'"
    )
    assert len(covered) >= 0.9 * seeds
    assert np.mean(covered) >= 0.85
    assert np.mean(widths) <= 1.3


@st.composite
def clustered_rows(draw):
    n = draw(st.integers(2, 30))
    margin = np.sort(draw(st.lists(st.floats(-LIMIT, LIMIT), min_size=n, max_size=n)))
    wins = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=float)
    wins[:2] = [0, 1]
    return (
        margin,
        wins,
        np.unique(draw(st.lists(st.integers(0, 20), min_size=n, max_size=n)), return_inverse=True)[1],
    )


@settings(deadline=None, max_examples=50)
@given(rows=clustered_rows())
def test_an_interval_of_any_rows_is_open_and_rises(rows):
    margins, low, high = rate_interval(*rows)
    assert (margins[0], margins[-1]) == (-LIMIT, LIMIT)
    assert (np.diff(margins) > 0).all()
    assert np.isfinite([low, high]).all()
    assert (np.diff([low, high]) >= 0).all()
    assert (high - low > 0.1).all()


def test_beyond_what_was_seen_intervals_only_widen():
    margin, won, lead = sample(1000, 1, DISTORTIONS["steeper"])
    c = fit_calibrator(margin, won, lead).calibrator
    for outwards in (np.linspace(margin.min(), -12, 60), np.linspace(margin.max(), 12, 60)):
        low, high = (np.log(end / (1 - end)) for end in c.interval(outwards))
        assert high[0] - low[0] > 0.2
        assert (np.diff(high - low) >= -1e-9).all()
        outer = (c.logit(outwards) - low) if outwards[-1] < 0 else (high - c.logit(outwards))
        assert (np.diff(outer) >= -1e-9).all()
        assert outer[0] > 0.1


def test_scores_without_a_win_have_an_interval_that_allows_some():
    rng = np.random.default_rng(3)
    margin = rng.normal(-2, 2, 1500)
    won = (margin > -1.5) & (rng.random(1500) < 0.5)  # 800 leads below, and not one of them won
    low, high = fit_calibrator(margin, won.astype(int), np.arange(1500)).calibrator.interval([-4.0, -3.0])
    assert (low < 0.003).all()
    assert (high > 3 / 800).all()  # the rule of three: what a 95 % bound of 0 in 800 allows
    assert (high < 0.1).all()


def test_the_same_snapshots_again_make_nothing_surer():
    margin, won, lead = sample(1200, 2, DISTORTIONS["identity"])
    once = fit_calibrator(margin, won, lead).calibrator.interval(margin)
    thrice = fit_calibrator(*(np.tile(a, 3) for a in (margin, won, lead))).calibrator.interval(margin)
    assert np.mean(thrice[1] - thrice[0]) > 0.9 * np.mean(once[1] - once[0])


@pytest.mark.parametrize("name", CANDIDATES)
def test_twice_the_weight_is_twice_the_rows(name):
    margin, won, _ = sample(800, 7, DISTORTIONS["bent"])
    margin = np.sort(np.round(margin * 4) / 4)  # sums of quarters are exact
    counts = tally(np.repeat(margin, 2), np.repeat(won.astype(float), 2))
    weighted = replace(once := tally(margin, won.astype(float)), rows=2 * once.rows, wins=2 * once.wins)
    for ours, theirs in zip(CANDIDATES[name](weighted), CANDIDATES[name](counts), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_beta_finds_the_slopes_of_both_sides():
    margin = np.sort(np.random.default_rng(0).normal(-1, 2, 40_000))
    logit = 0.3 * -np.logaddexp(0, -margin) + 1.4 * np.logaddexp(0, margin) - 0.5
    won = (np.random.default_rng(1).random(len(margin)) < 1 / (1 + np.exp(-logit))).astype(float)
    margins, logits = beta(tally(margin, won))
    slopes = np.diff(logits) / np.diff(margins)
    assert slopes[[0, -1]] == pytest.approx([0.3, 1.4], abs=0.08)
    assert (np.diff(slopes) > 0).all()


def test_beta_on_its_bounds_still_rises():
    margin = np.linspace(-3, 3, 600)
    _, logits = beta(tally(margin, (margin < 0).astype(float)))
    assert np.diff(logits)[[0, -1]] == pytest.approx(MIN_SLOPE * (LIMIT - 8))
    assert logits[33] == pytest.approx(0.0, abs=0.05)


def test_bends_of_a_straight_truth_lie_on_the_line():
    margin, won, _ = sample(40_000, 6, DISTORTIONS["flatter"])
    order = np.argsort(margin)
    counts = tally(margin[order], won[order].astype(float))
    at = bend_points(counts, 5, 0.1)
    ends, logits = line(*platt_line(counts))
    assert fit_bends(counts, at).values == pytest.approx(np.interp(at, ends, logits), abs=0.25)


@pytest.mark.parametrize(("wins", "rows"), [(30, 300), (60, 600), (120, 1200)])
def test_shuffled_outcomes_are_refused_nearly_always(wins, rows):
    refused = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        lead = np.repeat(np.arange(rows // 2), 2)
        margin = rng.normal(-2.2, 1, rows // 2)[lead] + rng.normal(0, 0.3, rows)
        won = rng.permutation(np.repeat([1, 0], [wins, rows - wins]))
        try:
            fit_calibrator(margin, won, lead)
        except NoSignal:
            refused += 1
    assert refused >= 27  # 98 % to 100 % of 200


@pytest.mark.parametrize(("n", "least"), [(300, 6), (600, 9), (1200, 10)])
def test_few_wins_with_a_signal_are_accepted(n, least):
    """About 30, 60 and 120 wins: fewer wins, wider intervals."""
    widths = []
    for seed in range(10):
        margin, won, lead = sample(n, seed, lambda m: 1.2 * m - 1.5)
        try:
            low, high = fit_calibrator(margin, won, lead).calibrator.interval([-1.5])
        except NoSignal:
            continue
        widths.append(float(high[0] - low[0]))
    assert len(widths) >= least
    assert 0.02 < np.mean(widths) < 3.5 / np.sqrt(n)


def test_margins_that_rank_backwards_are_no_signal():
    margin, won, lead = sample(2000, 5, lambda m: -m - 3)
    with pytest.raises(NoSignal, match=r"do not beat the base rate 0.*for the constant"):
        fit_calibrator(margin, won, lead)


def test_perfectly_separated_margins_stay_inside_0_and_1():
    margin = np.r_[np.full(100, -8.0), np.full(100, 8.0)] + np.linspace(0, 1, 200)
    calibrator = fit_calibrator(margin, (margin > 0).astype(int), np.arange(200)).calibrator
    p = calibrator.probability([-1e9, -30, 0, 30, 1e9])
    assert (p > 0).all()
    assert (p < 1).all()


def test_tally_merges_equal_margins_and_keeps_every_row():
    rng = np.random.default_rng(0)
    margin = np.sort(np.round(rng.normal(size=50_000), 4))
    won = (rng.random(50_000) < 0.2).astype(float)
    counts = tally(margin, won)
    assert len(counts.margin) <= 1001
    assert (np.diff(counts.margin) > 0).all()
    assert (counts.rows.sum(), counts.wins.sum()) == (50_000, won.sum())


def test_platt_line_is_the_maximum_of_the_likelihood():
    margin, won, _ = sample(4000, 6, DISTORTIONS["flatter"])
    order = np.argsort(margin)
    counts = tally(margin[order], won[order].astype(float))
    at_zero, slope = platt_line(counts)

    def loss(a, b):
        z = a + b * counts.margin
        prior = 0.5 * (1e-3 * a**2 + (b - 1) ** 2)
        return np.sum(counts.rows * np.logaddexp(0, z) - counts.wins * z) + prior

    least = loss(at_zero, slope)
    assert all(
        loss(at_zero + da, slope + db) > least for da, db in [(1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)]
    )


@pytest.mark.parametrize(
    ("margin", "y", "says"),
    [
        ([0.0, np.nan], [0, 1], "1 of 2 margins are not finite"),
        ([0.0, 1.0], [0, 2], "outcomes must be 0 and 1"),
        ([0.0, 1.0], [0, 0], "with both present"),
        ([0.0, 1.0, 2.0], [0, 1], "3 margins, 2 outcomes and 2 groups"),
    ],
)
def test_bad_input_is_refused(margin, y, says):
    with pytest.raises(BadData, match=says):
        fit_calibrator(margin, y, ["a", "b"])


LINE = {
    "name": "x",
    "level": 0.9,
    "margins": [-30, 30],
    "logits": [-30, 30],
    "low": [-31, 29],
    "high": [-29, 31],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"logits": [30, -30]}, "must rise"),
        ({"margins": [-20, 30]}, "from -30 to 30"),
        ({"low": [-29, 29]}, "low ≤ logit ≤ high"),
        ({"high": [40, 31]}, "must not fall"),
        ({"logits": [-30, float("nan")]}, "finite"),
        ({"low": [-31]}, "equally many"),
        ({"level": 0.5}, "level must be 0.9"),
        ({"margins": None}, "not a stored calibrator"),
    ],
)
def test_what_is_not_a_calibrator_is_refused(change, says):
    assert Calibrator.from_json(LINE).name == "x"
    with pytest.raises(BadData, match=says):
        Calibrator.from_json(LINE | change)


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, float("nan")])
def test_inverse_refuses_what_is_no_probability(p):
    with pytest.raises(BadData, match="must lie in"):
        Calibrator.from_json(LINE).inverse(p)
