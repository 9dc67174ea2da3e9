"""The classifier: scikit-learn's contract, one answer whatever the order and the threads, honest margins."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from lqmodel.classifier import LeadClassifier
from lqmodel.errors import TooFewWins
from lqmodel.folds import MIN_WINS, assign_folds, check_enough_wins, group_keys


@parametrize_with_checks([LeadClassifier(repeats=1)])  # as the default, eight times faster
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def leads(n, seed, columns=8, rows_per_lead=1):
    """Simulated snapshots; column 7 is a category. Returns X, y, lead of each row, true probability."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, columns))
    X[rng.random((n, columns)) < 0.05] = np.nan
    X[:, -1] = rng.integers(0, 6, n)
    z = np.nan_to_num(X)
    margin = (
        -1.5 + 0.9 * z[:, 0] + 0.7 * np.sin(2 * z[:, 1]) + 0.6 * z[:, 2] * z[:, 3] + 0.3 * (X[:, -1] == 2)
    )
    p = 1 / (1 + np.exp(-margin))
    return X, (rng.random(n) < p).astype(int), np.arange(n) // rows_per_lead, p


@pytest.fixture(scope="module")
def fitted():
    X, y, lead, _ = leads(600, seed=1, rows_per_lead=3)
    return X, y, lead, LeadClassifier(categorical_features=[7], repeats=3).fit(X, y, groups=lead)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_order_of_rows_and_number_of_threads_change_no_byte(fitted, n_threads):
    X, y, lead, model = fitted
    shuffled = np.random.default_rng(7).permutation(len(y))
    again = LeadClassifier(categorical_features=[7], repeats=3, n_threads=n_threads)
    again.fit(X[shuffled], y[shuffled], groups=lead[shuffled])
    assert again.booster_texts() == model.booster_texts()
    assert np.array_equal(again.oof_margin_, model.oof_margin_[shuffled])
    assert np.array_equal(again.fold_, model.fold_[:, shuffled])
    assert np.array_equal(again.decision_function(X), model.decision_function(X))


def test_without_groups_the_order_of_rows_changes_no_byte():
    X, y, _, _ = leads(300, seed=2)
    X = np.round(X)  # equal rows, which nothing can tell apart
    shuffled = np.random.default_rng(3).permutation(len(y))
    one, other = LeadClassifier(repeats=2).fit(X, y), LeadClassifier(repeats=2).fit(X[shuffled], y[shuffled])
    assert one.booster_texts() == other.booster_texts()


def test_missing_and_zero_have_one_form():
    X, y, lead, _ = leads(300, seed=4)
    X[:, 0] = np.where(X[:, 0] > 0, X[:, 0], 0.0)
    negative = np.where((X == 0.0) & ~np.isnan(X), -0.0, np.where(np.isnan(X), -np.nan, X))
    texts = [LeadClassifier(repeats=1).fit(x, y, groups=lead).booster_texts() for x in (X, negative)]
    assert texts[0] == texts[1]


def test_the_seed_matters(fitted):
    X, y, lead, model = fitted
    other = LeadClassifier(categorical_features=[7], repeats=3, random_state=1).fit(X, y, groups=lead)
    assert other.booster_texts() != model.booster_texts()


def test_margin_is_the_mean_of_the_saved_boosters(fitted):
    import lightgbm

    X, _, _, model = fitted
    saved = [lightgbm.Booster(model_str=text) for text in model.booster_texts()]
    margins = [booster.predict(X, raw_score=True) for booster in saved]
    assert np.allclose(model.decision_function(X), np.mean(margins, axis=0), atol=1e-12)
    assert {booster.num_trees() for booster in saved} == {model.rounds_}
    assert len(saved) == model.repeats_ == 3


def test_groups_never_stand_on_both_sides(fitted):
    _, _, lead, model = fitted
    for partition in model.fold_:
        assert all(len(set(partition[lead == one])) == 1 for one in np.unique(lead))
    assert not np.array_equal(model.fold_[0], model.fold_[1])


def test_held_out_margins_do_not_see_their_own_outcome():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(800, 10)), rng.integers(0, 2, 800)
    model = LeadClassifier(repeats=2, min_child_samples=5).fit(X, y)
    held_out = model.oof_margin_
    assert abs(np.corrcoef(held_out, y)[0, 1]) < 0.12
    assert np.corrcoef(model.decision_function(X), y)[0, 1] > 0.2  # seen rows do


def test_sizes_follow_the_rows():
    X, y, lead, _ = leads(120, seed=6)
    model = LeadClassifier().fit(X, y, groups=lead)
    assert (model.learning_rate_, model.repeats_, model.early_stopping_rounds_) == (0.03, 8, 50)
    assert len(model.boosters_) == 8
    assert model.best_rounds_.shape == (8, 5)


@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_constraints_hold(sign):
    X, y, lead, _ = leads(600, seed=8)
    model = LeadClassifier(monotone_constraints=[sign] + [0] * 7, repeats=2).fit(X, y, groups=lead)
    probe = np.repeat(X[:50], 21, axis=0)
    probe[:, 0] = np.tile(np.linspace(-3, 3, 21), 50)
    steps = np.diff(model.decision_function(probe).reshape(50, 21), axis=1)
    assert (sign * steps >= -1e-12).all()
    assert sign < 0 or (steps > 0).any()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"num_leaves": 1}, "num_leaves.*range"),
        ({"folds": 1}, "folds.*range"),
        ({"learning_rate": 0}, "learning_rate.*range"),
        ({"categorical_features": [8]}, "positions in 0 … 7, got \\[8\\]"),
        ({"monotone_constraints": [1]}, "8 values of -1, 0 or 1"),
        (
            {"monotone_constraints": [0] * 7 + [1], "categorical_features": [7]},
            "levels have no order.*\\[7\\]",
        ),
    ],
)
def test_parameters_are_checked_in_fit(parameters, says):
    X, y, lead, _ = leads(100, seed=9)
    with pytest.raises(ValueError, match=says):
        LeadClassifier(**parameters).fit(X, y, groups=lead)


def test_linear_tree_is_no_parameter():
    with pytest.raises(TypeError, match="linear_tree"):
        LeadClassifier(linear_tree=True)


def test_one_winning_group_cannot_be_held_out():
    X, y, _, _ = leads(100, seed=10)
    with pytest.raises(ValueError, match=r"at least two groups.*groups with a win=1"):
        LeadClassifier().fit(X, y, groups=np.where(y == 1, "won", np.arange(100).astype(str)))


def test_too_few_wins_are_refused():
    y = np.r_[np.ones(MIN_WINS - 1, int), np.zeros(500, int)]
    with pytest.raises(TooFewWins, match="29 won and 500 not won; training needs 30 of each"):
        check_enough_wins(y)
    check_enough_wins(np.append(y, 1))
    with pytest.raises(TooFewWins, match="1 won and 50 not won"):
        check_enough_wins([1] * 40 + [0] * 50, groups=["a"] * 40 + list(range(50)))


def test_folds_balance_wins_and_rows():
    rng = np.random.default_rng(11)
    units = group_keys(np.repeat(np.arange(400), rng.integers(1, 6, 400)))
    won = (rng.random(len(units)) < 0.1).astype(float)
    folds = assign_folds(units, won, 5)
    wins, rows = np.bincount(folds, won), np.bincount(folds)
    assert wins.max() - wins.min() <= 1
    assert rows.max() - rows.min() <= 5
    shuffled = rng.permutation(len(units))
    assert np.array_equal(assign_folds(units[shuffled], won[shuffled], 5), folds[shuffled])


def test_groups_are_known_by_value():
    assert np.array_equal(group_keys([1, 2, 1]), group_keys(["1", "2", "1"]))


@pytest.mark.slow
def test_held_out_margins_calibrate_the_shipped_bag():
    """The slope of the outcome on held-out margins is the slope on new rows (see `LeadClassifier`)."""
    from lqmodel.calibration_candidates import platt_line, tally

    new, _, _, true = leads(8000, seed=99)
    fitted, shipped = [], []
    for seed in range(10):
        X, y, lead, _ = leads(1000, seed=seed)
        model = LeadClassifier(categorical_features=[7], repeats=2).fit(X, y, groups=lead)
        order = np.argsort(model.oof_margin_)
        fitted.append(platt_line(tally(model.oof_margin_[order], y[order].astype(float)))[1])
        margin = model.decision_function(new)
        order = np.argsort(margin)
        shipped.append(platt_line(tally(margin[order], true[order]))[1])
    ratio = np.mean(fitted) / np.mean(shipped)
    assert 0.92 < ratio < 1.08, ratio
