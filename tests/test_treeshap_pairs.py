"""What changed between two rows: the Shapley formula, coalition by coalition, and the laws of its values."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_treeshap_kernel import N_COLUMNS, model_text, tree_text, values

from lqmodel.errors import BadData
from lqmodel.treeshap import Tree, TreeEnsemble, pairs
from lqmodel.treeshap import ensemble as module


def margins(texts: list[str], x: np.ndarray) -> np.ndarray:
    """LightGBM's own margins, averaged over the models."""
    boosters = [lgb.Booster(model_str=text) for text in texts]
    return sum(b.predict(x, raw_score=True, num_threads=1) for b in boosters) / len(texts)


def enumerated(texts: list[str], x: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The definition: over all 2^d coalitions, what a column adds by taking its value of now."""
    d = x.shape[1]
    coalitions = (np.arange(2**d)[:, None] >> np.arange(d)) & 1 == 1
    mixed = np.where(coalitions[:, None, :], x, before)
    worth = margins(texts, mixed.reshape(-1, d)).reshape(2**d, -1)
    found = np.zeros(x.shape)
    for column in range(d):
        without = np.flatnonzero(~coalitions[:, column])
        size = coalitions[without].sum(axis=1)
        weight = np.array([factorial(s) * factorial(d - 1 - s) / factorial(d) for s in size.tolist()])
        found[:, column] = weight @ (worth[without + 2**column] - worth[without])
    return found


def agree(texts: list[str], x: np.ndarray, before: np.ndarray) -> None:
    trees = TreeEnsemble.from_texts(texts, x.shape[1])
    found = trees.compare(x, before)
    np.testing.assert_allclose(found.values, enumerated(texts, x, before), rtol=0, atol=1e-12)
    lawful(trees, x, before)


def lawful(trees: TreeEnsemble, x: np.ndarray, before: np.ndarray) -> None:
    found, exchanged = trees.compare(x, before), trees.compare(before, x)
    assert found.margin.tobytes() == trees.margin(x).tobytes()
    assert found.before.tobytes() == trees.margin(before).tobytes()
    np.testing.assert_allclose(found.values.sum(axis=1), found.margin - found.before, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(exchanged.values, -found.values)  # to the bit
    still = (x == before) | (np.isnan(x) & np.isnan(before))
    assert (found.values[still] == 0.0).all()


def moved(rng: np.random.Generator, x: np.ndarray, share: float = 0.6) -> np.ndarray:
    return np.where(rng.random(x.shape) < share, values(rng, *x.shape), x)


# ── against the definition ──────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=250, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(2, 24), min_size=1, max_size=4),
    st.integers(1, 3),
    st.sampled_from([0.2, 0.6, 1.0]),
)
def test_any_trees_give_the_shapley_values(seed, leaves, n_models, share) -> None:
    rng = np.random.default_rng(seed)
    texts = [model_text([tree_text(rng, n, N_COLUMNS) for n in leaves]) for _ in range(n_models)]
    x = values(rng, 8)
    agree(texts, x, moved(rng, x, share))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.booleans(), st.sampled_from([2, 5, 40]))
def test_trained_models_give_the_shapley_values(seed, use_missing, zero_as_missing, leaves) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(300, N_COLUMNS)), 1)
    x[:, 1] = rng.integers(0, 30, 300)
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.15] = 0
    won = np.nan_to_num(x[:, 0] + (x[:, 1] % 2)) + np.isnan(x[:, 2]) + rng.normal(size=300) > 0.7
    options = {
        "objective": "binary",
        "verbosity": -1,
        "num_threads": 1,
        "min_data_in_leaf": 3,
        "min_data_per_group": 3,
        "cat_smooth": 1.0,
        "max_cat_to_onehot": 2,
        "use_missing": use_missing,
        "zero_as_missing": zero_as_missing,
        "num_leaves": leaves,
    }
    texts = [
        lgb.train(options | {"seed": s}, lgb.Dataset(x, won, categorical_feature=[1]), 4).model_to_string()
        for s in (1, 2)
    ]
    agree(texts, x[:20], x[20:40])


def leaf_by_leaf(tree: Tree, sides: np.ndarray) -> list[Fraction]:
    """In exact fractions: the product of indicators at each leaf; ``sides``: which way (now, before) go at each split."""
    n_columns = int(max(tree.feature)) + 1
    found = [Fraction(0)] * n_columns

    def visit(node: int, now: dict[int, bool], then: dict[int, bool]) -> None:
        if node >= 0:
            column = int(tree.feature[node])
            for child, left in ((int(tree.left[node]), True), (int(tree.right[node]), False)):
                goes = {column: now.get(column, True) and bool(sides[0][node]) == left}
                went = {column: then.get(column, True) and bool(sides[1][node]) == left}
                visit(child, now | goes, then | went)
            return
        these = [c for c in now if now[c] and not then[c]]
        those = [c for c in now if then[c] and not now[c]]
        if any(not now[c] and not then[c] for c in now):
            return
        a, b, leaf = len(these), len(those), Fraction(float(tree.leaf[~node]))
        for column in these:
            found[column] += leaf * Fraction(factorial(a - 1) * factorial(b), factorial(a + b))
        for column in those:
            found[column] -= leaf * Fraction(factorial(a) * factorial(b - 1), factorial(a + b))

    visit(0, {}, {})
    return found


@pytest.mark.parametrize(
    ("n_leaves", "n_columns", "chain"), [(65, 90, True), (65, 3, True), (255, 130, False)]
)
def test_deep_and_wide_trees_against_exact_fractions(n_leaves: int, n_columns: int, chain: bool) -> None:
    rng = np.random.default_rng(n_leaves + n_columns)
    text = model_text([tree_text(rng, n_leaves, n_columns, chain=chain)], n_columns)
    trees = TreeEnsemble.from_texts([text], n_columns)
    tree = trees.models[0][0]
    x = rng.choice([np.nan, 0.0, 1.5, -1.0, 40.0], (12, n_columns))
    before = rng.choice([np.nan, 0.0, 1.5, -1.0, 40.0], (12, n_columns))
    found = trees.compare(x, before).values
    for i in range(len(x)):
        sides = np.array(
            [[goes_left(tree, row, s) for s in range(n_leaves - 1)] for row in (x[i], before[i])]
        )
        expected = leaf_by_leaf(tree, sides)
        expected += [Fraction(0)] * (n_columns - len(expected))
        np.testing.assert_allclose(found[i], [float(v) for v in expected], rtol=0, atol=1e-13)
    lawful(trees, x, before)


def goes_left(tree: Tree, row: np.ndarray, split: int) -> bool:
    value, decision = row[tree.feature[split]], int(tree.decision[split])
    if decision & 1:
        which = int(tree.threshold[split])
        words = tree.cat_words[tree.cat_starts[which] : tree.cat_starts[which + 1]]
        code = -1 if np.isnan(value) or value <= -1 else int(value)
        return 0 <= code < 32 * len(words) and bool(int(words[code // 32]) >> (code % 32) & 1)
    missing = decision >> 2
    if (missing == 2 and np.isnan(value)) or (missing == 1 and (np.isnan(value) or value == 0)):
        return bool(decision & 2)
    return bool((0.0 if np.isnan(value) else value) <= tree.threshold[split])


# ── the laws of Shapley values ──────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_columns_that_play_the_same_part_get_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = tree_text(rng, 12, 4)
    line = next(part for part in tree.split("\n") if part.startswith("split_feature="))
    columns = line.removeprefix("split_feature=").split()
    twin = tree.replace(line, "split_feature=" + " ".join({"0": "1", "1": "0"}.get(c, c) for c in columns))
    trees = TreeEnsemble.from_texts([model_text([tree, twin], 4)], 4)
    x, before = values(rng, 20, 4), values(rng, 20, 4)
    x[:, 1], before[:, 1] = x[:, 0], before[:, 0]
    found = trees.compare(x, before).values
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=0, atol=1e-12)


def test_models_that_are_averaged_give_the_mean(texts) -> None:
    rng = np.random.default_rng(2)
    x, before = values(rng, 50), values(rng, 50)
    alone = [TreeEnsemble.from_texts([text], N_COLUMNS).compare(x, before).values for text in texts]
    both = TreeEnsemble.from_texts(texts, N_COLUMNS).compare(x, before).values
    np.testing.assert_allclose(both, np.mean(alone, axis=0), rtol=0, atol=1e-12)


def test_a_column_that_no_tree_tests_gets_nothing() -> None:
    rng = np.random.default_rng(3)
    trees = TreeEnsemble.from_texts([model_text([tree_text(rng, 20, 3)], 5)], 5)
    found = trees.compare(values(rng, 30, 5), values(rng, 30, 5)).values
    assert found[:, :3].any()
    assert (found[:, 3:] == 0.0).all()


AND = """num_leaves=3
num_cat=0
split_feature=0 1
threshold=0.5 0.5
decision_type=2 2
left_child=-1 -2
right_child=1 -3
leaf_value=0 0 1
leaf_count=50 25 25
internal_count=100 50
is_linear=0
shrinkage=1"""


def test_two_explanations_subtracted_blame_what_did_not_move() -> None:
    """Why this module exists: of "both are there", one came; the other, there all along, is blamed for a quarter."""
    trees = TreeEnsemble.from_texts([model_text([AND], 2)], 2)
    before, now = [[0.0, 1.0]], [[1.0, 1.0]]
    assert trees.compare(now, before).values.tolist() == [[1.0, 0.0]]
    subtracted = trees.explain(now).values - trees.explain(before).values
    assert subtracted.tolist() == [[0.75, 0.25]]


# ── the same bytes ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(5)
    return [model_text([tree_text(rng, 31, N_COLUMNS) for _ in range(40)]) for _ in range(2)]


def test_threads_batches_and_row_order_change_no_byte(texts, monkeypatch) -> None:
    trees = TreeEnsemble.from_texts(texts, N_COLUMNS)
    rng = np.random.default_rng(7)
    x = values(rng, 2500)
    before = moved(rng, x)
    whole = trees.compare(x, before, n_threads=1)
    shuffled = rng.permutation(len(x))
    again = trees.compare(np.asfortranarray(x[shuffled]), before[shuffled], n_threads=3)
    assert again.values.tobytes() == whole.values[shuffled].tobytes()
    assert again.before.tobytes() == whole.before[shuffled].tobytes()
    for length in (1, 7, 333):
        monkeypatch.setattr(module, "_BLOCK", length)
        found = trees.compare(x[:700], before[:700], n_threads=2)
        assert found.values.tobytes() == whole.values[:700].tobytes()
    assert len(pairs.moves.signatures) == 1, "compiled once, for any layout"


def test_no_rows_and_trees_that_are_constants(texts) -> None:
    found = TreeEnsemble.from_texts(texts, N_COLUMNS).compare(
        np.empty((0, N_COLUMNS)), np.empty((0, N_COLUMNS))
    )
    assert found.values.shape == (0, N_COLUMNS)
    constant = AND[: AND.index("leaf_value")].replace("num_leaves=3", "num_leaves=1")
    for line in (
        "split_feature=0 1",
        "threshold=0.5 0.5",
        "decision_type=2 2",
        "left_child=-1 -2",
        "right_child=1 -3",
    ):
        constant = constant.replace(line, line.split("=")[0] + "=")
    constant += "leaf_value=0.25\nleaf_count=9\ninternal_count=\nis_linear=0\nshrinkage=1"
    alone = TreeEnsemble.from_texts([model_text([constant], 2)], 2).compare([[0.0, 1.0]], [[1.0, 1.0]])
    assert (alone.margin[0], alone.before[0], alone.values.tolist()) == (0.25, 0.25, [[0.0, 0.0]])


@pytest.mark.parametrize(
    ("x", "before", "words"),
    [
        (np.zeros((2, 6)), np.zeros((3, 6)), "2 rows and 3 rows before them cannot be paired"),
        (np.zeros((2, 6)), np.zeros((2, 5)), r"must have 6 columns, got shape \(2, 5\)"),
        (np.zeros((1, 6)), np.full((1, 6), np.inf), "6 infinite"),
        (np.full((1, 6), -np.inf), np.zeros((1, 6)), "6 infinite"),
        (np.zeros((1, 6)), [["a"] * 6], "must be numbers"),
    ],
)
def test_rows_that_cannot_be_paired_are_refused(texts, x, before, words) -> None:
    with pytest.raises(BadData, match=words):
        TreeEnsemble.from_texts(texts, N_COLUMNS).compare(x, before)
