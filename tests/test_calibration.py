"""Calibration: strictly increasing, in (0, 1), inside its interval, and right on synthetic truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqmodel.calibration import Calibrator, fit_calibrator
from lqmodel.calibration_candidates import CANDIDATES, LIMIT, MIN_SLOPE, platt_line, tally
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
}


@st.composite
def tallies(draw):
    n = draw(st.integers(2, 60))
    margin = np.sort(draw(st.lists(st.floats(-LIMIT, LIMIT), min_size=n, max_size=n)))
    wins = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=float)
    weight = np.array(draw(st.lists(st.integers(1, 40), min_size=n, max_size=n)), dtype=float)
    return tally(margin, wins, weight)


@pytest.mark.parametrize("name", CANDIDATES)
@given(counts=tallies())
def test_every_candidate_rises_over_the_whole_range(name, counts):
    margins, logits = CANDIDATES[name](counts)
    assert (margins[0], margins[-1]) == (-LIMIT, LIMIT)
    assert np.isfinite(logits).all()
    assert (np.diff(margins) > 0).all()
    assert (np.diff(logits) >= (MIN_SLOPE - 1e-9) * np.diff(margins)).all()


@pytest.fixture(scope="module", params=DISTORTIONS)
def fitted(request):
    return fit_calibrator(*sample(1200, 3, DISTORTIONS[request.param]), draws=50).calibrator


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
    one = fit_calibrator(margin, won, lead, draws=30)
    assert fit_calibrator(margin[order], won[order], lead[order], draws=30) == one


@pytest.mark.parametrize("name", DISTORTIONS)
def test_error_shrinks_with_rows(name):
    error = {}
    for n in (1000, 16_000):
        errors = []
        for seed in range(4):
            margin, won, lead = sample(n, seed, DISTORTIONS[name])
            calibrator = fit_calibrator(margin, won, lead, draws=2).calibrator
            errors.append(np.abs(calibrator.probability(margin) - truth(margin, DISTORTIONS[name])).mean())
        error[n] = np.mean(errors)
    assert error[16_000] < 0.011
    assert error[16_000] < error[1000] or error[1000] < 0.011


@pytest.mark.parametrize(
    ("name", "simplest"),
    [("shifted", "intercept"), ("flatter", "platt"), ("bent", "isotonic")],
)
def test_the_simplest_candidate_that_will_do_is_chosen(name, simplest):
    result = fit_calibrator(*sample(16_000, 1, DISTORTIONS[name]), draws=2)
    assert result.chosen == simplest
    assert [c.name for c in result.candidates] == ["constant", *CANDIDATES]
    losses = {c.name: c.log_loss for c in result.candidates}
    assert losses[simplest] < losses["constant"]
    assert min(c.excess for c in result.candidates[1:]) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["identity", "shifted", "steeper"])
def test_intervals_cover_the_truth(name):
    covered = []
    for seed in range(100):
        margin, won, lead = sample(1200, seed, DISTORTIONS[name])
        low, high = fit_calibrator(margin, won, lead, draws=60, random_state=seed).calibrator.interval(margin)
        p = truth(margin, DISTORTIONS[name])
        covered.append(np.mean((low <= p) & (p <= high)))
    assert np.mean(covered) >= 0.8


def test_noise_is_no_signal():
    refused = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        margin, won = rng.normal(-2, 1, 1000), (rng.random(1000) < 0.12).astype(int)
        try:
            fit_calibrator(margin, won, np.arange(1000), draws=2)
        except NoSignal:
            refused += 1
    assert refused >= 17


def test_margins_that_rank_backwards_are_no_signal():
    margin, won, lead = sample(2000, 5, lambda m: -m - 3)
    with pytest.raises(NoSignal, match=r"do not beat the base rate 0.*for the constant"):
        fit_calibrator(margin, won, lead, draws=2)


def test_perfectly_separated_margins_stay_inside_0_and_1():
    margin = np.r_[np.full(100, -8.0), np.full(100, 8.0)] + np.linspace(0, 1, 200)
    calibrator = fit_calibrator(margin, (margin > 0).astype(int), np.arange(200), draws=20).calibrator
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
