from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from math import factorial

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.errors import BadData, BundleDamaged
from lqmodel.treeshap import MOST_DEPTH, Tree, TreeEnsemble
from lqmodel.treeshap import ensemble as module

N_COLUMNS = 5


def rows(n: int, seed: int) -> np.ndarray:
    """Two numbers, a count with many zeros, a category of 40 codes, a number that is often missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_COLUMNS))
    x[:, 2] = rng.poisson(0.7, n)
    x[:, 3] = rng.integers(0, 40, n)
    x[rng.random(n) < 0.5, 4] = np.nan
    x[rng.random((n, N_COLUMNS)) < 0.05] = np.nan
    return x


def train(seed: int, rounds: int = 12, leaves: int = 7, n: int = 1500) -> lgb.Booster:
    x = rows(n, seed)
    signal = x[:, 0] + 2 * (x[:, 3] % 3 == 0) + np.nan_to_num(x[:, 2]) - np.isnan(x[:, 4])
    won = (np.nan_to_num(signal) + np.random.default_rng(seed).normal(size=n) > 1).astype(float)
    options = {"objective": "binary", "num_leaves": leaves, "bagging_fraction": 0.7, "bagging_freq": 1}
    fixed = {
        "verbosity": -1,
        "num_threads": 1,
        "seed": seed,
        "min_data_in_leaf": 10,
        "min_data_per_group": 10,
    }
    return lgb.train(options | fixed, lgb.Dataset(x, won, categorical_feature=[3]), rounds)


@pytest.fixture(scope="module")
def boosters() -> list[lgb.Booster]:
    return [train(seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def texts(boosters: list[lgb.Booster]) -> list[str]:
    return [b.model_to_string() for b in boosters]


@pytest.fixture(scope="module")
def ensemble(texts: list[str]) -> TreeEnsemble:
    return TreeEnsemble.from_texts(texts, N_COLUMNS)


def test_margin_is_the_mean_of_the_models_to_the_byte(ensemble, boosters) -> None:
    x = rows(500, 9)
    total = np.zeros(500)
    for booster in boosters:
        total += booster.predict(x, raw_score=True)
    assert ensemble.margin(x).tobytes() == (total / 3).tobytes()


def test_contributions_add_up_and_the_base_is_lightgbms(ensemble, boosters) -> None:
    x = rows(700, 10)
    found = ensemble.explain(x)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.margin, rtol=0, atol=1e-9)
    assert found.margin.tobytes() == ensemble.margin(x).tobytes()
    theirs = np.mean([b.predict(x, pred_contrib=True) for b in boosters], axis=0)
    np.testing.assert_allclose(theirs[:, -1], found.base, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.values, theirs[:, :-1], rtol=0, atol=1e-12)


def test_batches_and_threads_change_no_byte(ensemble, monkeypatch) -> None:
    x = rows(60, 11)
    whole = ensemble.explain(x, n_threads=2)
    one_by_one = [ensemble.explain(row[None, :], n_threads=1) for row in x]
    assert whole.values.tobytes() == b"".join(one.values.tobytes() for one in one_by_one)
    assert whole.margin.tobytes() == b"".join(ensemble.margin(row[None, :]).tobytes() for row in x)
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert ensemble.explain(np.asfortranarray(x), n_threads=1).values.tobytes() == whole.values.tobytes()


def test_no_rows(ensemble) -> None:
    found = ensemble.explain(np.empty((0, N_COLUMNS)))
    assert found.values.shape == (0, N_COLUMNS)
    assert found.margin.shape == (0,)
    assert ensemble.margin(np.empty((0, N_COLUMNS))).shape == (0,)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 4)), r"must have 5 columns, got shape \(2, 4\)"),
        (np.zeros(5), r"got shape \(5,\)"),
        (np.full((1, 5), np.inf), "5 infinite"),
        ([["a"] * 5], "must be numbers"),
    ],
)
def test_rows_of_another_shape_are_refused(ensemble, x, words) -> None:
    with pytest.raises(BadData, match=words):
        ensemble.margin(x)
    with pytest.raises(BadData, match=words):
        ensemble.explain(x)


# ── an independent oracle: the Shapley formula, subset by subset ─────────────────────────────────────────────


def expectation(tree: Tree, row: np.ndarray, known: set[int], node: int = 0) -> float:
    if node < 0:
        return float(tree.leaf[~node])
    children = (int(tree.left[node]), int(tree.right[node]))
    if tree.feature[node] in known:
        return expectation(tree, row, known, children[0 if goes_left(tree, row, node) else 1])
    counts = [tree.count[c] if c >= 0 else tree.leaf_count[~c] for c in children]
    return sum(
        n / sum(counts) * expectation(tree, row, known, c) for n, c in zip(counts, children, strict=True)
    )


def goes_left(tree: Tree, row: np.ndarray, node: int) -> bool:
    value, decision = row[tree.feature[node]], int(tree.decision[node])
    if decision & 1:
        which = int(tree.threshold[node])
        words = tree.cat_words[tree.cat_starts[which] : tree.cat_starts[which + 1]]
        code = -1 if np.isnan(value) or value <= -1 else int(value)  # cut towards zero
        return 0 <= code < 32 * len(words) and bool(int(words[code // 32]) >> (code % 32) & 1)
    missing = decision >> 2
    if missing == 2 and np.isnan(value):
        return bool(decision & 2)
    return bool((0.0 if np.isnan(value) else value) <= tree.threshold[node])


def shapley(tree: Tree, row: np.ndarray) -> np.ndarray:
    players = range(N_COLUMNS)
    values = np.zeros(N_COLUMNS)
    for i in players:
        others = [j for j in players if j != i]
        for size in range(N_COLUMNS):
            weight = factorial(size) * factorial(N_COLUMNS - size - 1) / factorial(N_COLUMNS)
            for subset in combinations(others, size):
                with_i = expectation(tree, row, {*subset, i})
                values[i] += weight * (with_i - expectation(tree, row, set(subset)))
    return values


def test_contributions_are_shapley_values() -> None:
    text = train(5, rounds=3, leaves=8).model_to_string()
    ensemble = TreeEnsemble.from_texts([text], N_COLUMNS)
    x = rows(15, 12)
    trees = ensemble.models[0]
    assert {int(d) & 1 for tree in trees for d in tree.decision} == {0, 1}  # both sorts of splits are in it
    expected = [sum(shapley(tree, row) for tree in trees) for row in x]
    np.testing.assert_allclose(ensemble.explain(x).values, expected, rtol=0, atol=1e-9)
    assert ensemble.base == pytest.approx(sum(expectation(tree, x[0], set()) for tree in trees))


# ── texts that are not what was saved ────────────────────────────────────────────────────────────────────────


def test_line_ends_and_what_follows_the_trees_do_not_matter(texts) -> None:
    x = rows(20, 13)
    plain = TreeEnsemble.from_texts(texts, N_COLUMNS).margin(x)
    windows = TreeEnsemble.from_texts([t.replace("\n", "\r\n") for t in texts], N_COLUMNS)
    cut = TreeEnsemble.from_texts([t[: t.index("end of trees") + 12] for t in texts], N_COLUMNS)
    assert windows.margin(x).tobytes() == plain.tobytes() == cut.margin(x).tobytes()


def test_a_model_that_found_nothing_is_a_constant() -> None:
    x = rows(100, 1)
    options = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 99}
    booster = lgb.train(options, lgb.Dataset(x, np.arange(100) % 3 == 0), 2)
    ensemble = TreeEnsemble.from_texts([booster.model_to_string()], N_COLUMNS)
    assert set(ensemble.margin(x)) == {ensemble.base}
    assert not ensemble.explain(x).values.any()


def small(**changes: str) -> str:
    tree = {
        "num_leaves": "3",
        "num_cat": "1",
        "split_feature": "0 1",
        "threshold": "0.5 0",
        "decision_type": "10 1",
        "left_child": "1 -2",
        "right_child": "-1 -3",
        "leaf_value": "0.1 -0.2 0.3",
        "leaf_count": "5 6 7",
        "internal_count": "18 13",
        "cat_boundaries": "0 1",
        "cat_threshold": "6",
    }
    header = {
        "version": "v4",
        "num_class": "1",
        "num_tree_per_iteration": "1",
        "max_feature_idx": "1",
        "objective": "binary sigmoid:1",
    }
    head = {k: changes.get(k, v) for k, v in header.items()}
    body = {k: changes.get(k, v) for k, v in tree.items()} | {
        k: v for k, v in changes.items() if k not in header | tree
    }
    lines = ["tree", *(f"{k}={v}" for k, v in head.items()), "", "Tree=0"]
    return "\n".join([*lines, *(f"{k}={v}" for k, v in body.items()), "", "end of trees"])


def test_the_small_tree_itself_is_sound() -> None:
    x = [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [np.nan, np.nan]]
    assert TreeEnsemble.from_texts([small()], 2).margin(x).tolist() == [-0.2, 0.3, 0.1, 0.3]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split_feature": "0 2"}, "split_feature must lie in 0 … 1"),
        ({"split_feature": "-1 0"}, "split_feature"),
        ({"split_feature": "0"}, "holds 1 values where 2 belong"),
        ({"left_child": "1 -9"}, "outside the tree"),
        ({"left_child": "2 -2"}, "outside the tree"),
        ({"left_child": "0 -2"}, "before its parent"),
        ({"left_child": "1 1"}, "before its parent"),
        ({"left_child": "1 -1"}, "no parent, or two"),
        ({"leaf_count": "0 6 7"}, "leaf_count"),
        ({"leaf_count": "5 6 8"}, "add up"),
        ({"internal_count": "18 12"}, "add up"),
        ({"leaf_value": "nan 0 0"}, "NaN"),
        ({"leaf_value": "inf 0 0"}, "leaf_value must lie within"),
        ({"leaf_value": "1e9 0 0"}, "leaf_value"),
        ({"leaf_value": "a 0 0"}, "no number"),
        ({"threshold": "nan 0"}, "NaN"),
        ({"threshold": "0.5 inf"}, "one of the 1 sets"),
        ({"threshold": "0.5 1"}, "one of the 1 sets"),
        ({"threshold": "0.5 0.5"}, "one of the 1 sets"),
        ({"threshold": "0.5 -1"}, "one of the 1 sets"),
        ({"num_cat": "0"}, "one of the 0 sets"),
        ({"cat_boundaries": "0 2"}, "cat_boundaries"),
        ({"cat_boundaries": "1 1"}, "cat_boundaries"),
        ({"cat_threshold": "4294967296"}, "32-bit"),
        ({"cat_threshold": "-1"}, "32-bit"),
        ({"cat_threshold": "9" * 30}, "out of range"),
        ({"decision_type": "12 1"}, "decision_type"),
        ({"num_leaves": "0"}, "cannot be"),
        ({"num_leaves": "4"}, "belong"),
        ({"num_leaves": "1000000000"}, "more than 65536"),
        ({"is_linear": "1"}, "linear"),
        ({"objective": "binary sigmoid:2"}, "objective must be 'binary sigmoid:1', got 'binary sigmoid:2'"),
        ({"objective": "regression"}, "objective"),
        ({"num_class": "3"}, "num_class"),
        ({"max_feature_idx": "7"}, "made for 8 columns, but the encoding has 2"),
    ],
)
def test_damage_is_named(changes: dict[str, str], words: str) -> None:
    with pytest.raises(BundleDamaged, match=words) as caught:
        TreeEnsemble.from_texts([small(), small(**changes)], 2)
    assert caught.value.where is not None
    assert caught.value.where.startswith("model 1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tree",
        "no model\nend of trees",
        small().replace("end of trees", ""),
        small().replace("Tree=0", "Tree=1"),
        small().replace("num_cat=1", "num_cat=1\nnum_cat=0"),
        small().replace("num_class=1", "num_class=1\naverage_output"),
        small()[: small().index("Tree=0")] + "\nend of trees",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(BundleDamaged):
        TreeEnsemble.from_texts([text], 2)


def test_no_model_is_refused() -> None:
    with pytest.raises(BundleDamaged, match="at least one"):
        TreeEnsemble.from_texts([], 2)


def test_a_chain_that_is_too_deep_is_refused() -> None:
    n = MOST_DEPTH + 1
    chain = small(
        num_leaves=str(n + 1),
        num_cat="0",
        split_feature=" ".join(["0"] * n),
        threshold=" ".join(["0"] * n),
        decision_type=" ".join(["2"] * n),
        left_child=" ".join(str(-i - 1) for i in range(n)),
        right_child=" ".join([*map(str, range(1, n)), str(-n - 1)]),
        leaf_value=" ".join(["0"] * (n + 1)),
        leaf_count=" ".join(["1"] * (n + 1)),
        internal_count=" ".join(str(n + 1 - i) for i in range(n)),
    )
    with pytest.raises(BundleDamaged, match="65 tests deep"):
        TreeEnsemble.from_texts([chain], 2)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_text_is_refused_or_read_but_never_crashes(texts, data) -> None:
    text = texts[0][: texts[0].index("end of trees") + 13]
    at = data.draw(st.integers(0, len(text) - 1))
    cut = data.draw(st.integers(0, 12))
    other = data.draw(st.text(alphabet="0123456789 -.=\n\rexyT_", max_size=8) | st.text(max_size=3))
    damaged = text[:at] + other + text[at + cut :]
    try:
        found = TreeEnsemble.from_texts([damaged], N_COLUMNS)
    except BundleDamaged:
        return
    explained = found.explain(rows(3, 14))
    assert np.isfinite(explained.values).all()
    total = explained.base + explained.values.sum(axis=1)
    np.testing.assert_allclose(total, explained.margin, rtol=1e-9, atol=1e-6)


def test_scoring_needs_neither_lightgbm_nor_other_heavy_imports() -> None:
    code = f"""
import sys
from lqmodel.treeshap import TreeEnsemble
trees = TreeEnsemble.from_texts([{small()!r}], 2)
trees.base
print("numba" in sys.modules)
trees.margin([[0.0, 1.0]]), trees.explain([[0.0, 1.0]])
print([m for m in ("lightgbm", "sklearn", "pandas", "mlflow", "shap") if m in sys.modules])
"""  # numba itself imports scipy's linear algebra
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False", "[]"]
