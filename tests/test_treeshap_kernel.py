"""The compiled code against LightGBM, on trees that training seldom makes, and against itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.treeshap import TreeEnsemble, forest, kernel, tables
from lqmodel.treeshap import ensemble as module
from lqmodel.treeshap.units import MOST_CONDITIONS

N_COLUMNS = 6
ZERO = float(np.float32(1e-35))  # what LightGBM takes for zero
AROUND_ZERO = [0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1), 1e-36, -1e-36]
THRESHOLDS = [*AROUND_ZERO, -2.0, -0.5, 0.3, 1.0, 2.0, 7.0, 1e300, np.inf, -np.inf]
VALUES = [np.nan, *AROUND_ZERO, -2.5, -2.0, -1.0, -0.9, 0.2, 0.9, 1.0, 1.9, 7.0, 31.0, 32.0, 65.0, 95.0, 96.0]
HUGE = [2.0**31 - 1, 2.0**31, 2.0**32, 1e300, -1e300, 2.0**63]


def tree_text(rng: np.random.Generator, n_leaves: int, n_columns: int, chain: bool = False) -> str:
    """Any sound tree: every sort of missing value and default, sets of categories, columns that come again."""
    m = n_leaves - 1
    left, right = np.zeros(m, int), np.zeros(m, int)
    open_ends: list[tuple[np.ndarray, int]] = []
    for split in range(m):
        if open_ends:
            side, parent = open_ends.pop(-1 if chain else int(rng.integers(len(open_ends))))
            side[parent] = split
        open_ends += [(left, split), (right, split)]
    for leaf, (side, parent) in enumerate(open_ends):
        side[parent] = -1 - leaf
    leaf_count, count = rng.integers(1, 50, n_leaves), np.zeros(m, int)
    for split in range(m - 1, -1, -1):
        count[split] = sum(count[c] if c >= 0 else leaf_count[~c] for c in (left[split], right[split]))
    by_category = rng.random(m) < 0.3
    sets = [rng.integers(0, 2**32, rng.integers(1, 4)) for _ in range(by_category.sum())]
    threshold = rng.choice(THRESHOLDS, m)
    threshold[by_category] = np.arange(len(sets))
    lines = {
        "num_leaves": [n_leaves],
        "num_cat": [len(sets)],
        "split_feature": rng.integers(0, n_columns, m),
        "threshold": threshold,
        "decision_type": np.where(by_category, 1, 4 * rng.integers(0, 3, m) + 2 * rng.integers(0, 2, m)),
        "left_child": left,
        "right_child": right,
        "leaf_value": rng.normal(size=n_leaves),
        "leaf_count": leaf_count,
        "internal_count": count,
    }
    if sets:
        lines |= {
            "cat_boundaries": forest.starts([len(s) for s in sets]),
            "cat_threshold": np.concatenate(sets),
        }
    written = [f"{k}={' '.join(map(repr, np.asarray(v).tolist()))}" for k, v in lines.items()]
    return "\n".join([*written, "is_linear=0", "shrinkage=1"])


def model_text(trees: list[str], n_columns: int = N_COLUMNS) -> str:
    head = [
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0",
        f"max_feature_idx={n_columns - 1}\nobjective=binary sigmoid:1",
        "feature_names=" + " ".join(f"Column_{i}" for i in range(n_columns)),
        "feature_infos=" + " ".join(["none"] * n_columns) + "\n",
    ]
    return "\n".join([*head, *(f"Tree={i}\n{tree}\n\n" for i, tree in enumerate(trees)), "end of trees\n"])


def values(rng: np.random.Generator, n: int, n_columns: int = N_COLUMNS) -> np.ndarray:
    x = rng.choice([*VALUES, *HUGE], (n, n_columns))
    return np.where(rng.random(x.shape) < 0.3, rng.normal(size=x.shape) * 3, x)


def theirs(texts: list[str], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    boosters = [lgb.Booster(model_str=text) for text in texts]
    margin = sum(b.predict(x, raw_score=True, num_threads=1) for b in boosters) / len(texts)
    return margin, np.mean([b.predict(x, pred_contrib=True, num_threads=1) for b in boosters], axis=0)


def agree(texts: list[str], x: np.ndarray) -> TreeEnsemble:
    trees = TreeEnsemble.from_texts(texts, x.shape[1])
    found = trees.explain(x)
    margin, contributions = theirs(texts, x)
    assert found.margin.tobytes() == margin.tobytes() == trees.margin(x).tobytes()
    np.testing.assert_allclose(found.values, contributions[:, :-1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.margin, rtol=0, atol=1e-9)
    return trees


# ── against LightGBM ────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(2, 24), min_size=1, max_size=4), st.integers(1, 3))
def test_any_tree_is_read_as_lightgbm_reads_it(seed: int, leaves: list[int], n_models: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [model_text([tree_text(rng, n, N_COLUMNS) for n in leaves]) for _ in range(n_models)]
    agree(texts, values(rng, 40))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.fixed_dictionaries(
        {
            "use_missing": st.booleans(),
            "zero_as_missing": st.booleans(),
            "num_leaves": st.sampled_from([2, 5, 40]),
            "max_bin": st.sampled_from([3, 255]),
            "boost_from_average": st.booleans(),
        }
    ),
)
def test_trained_models_agree(seed: int, options: dict[str, object]) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(300, N_COLUMNS)), 1)
    x[:, 1] = rng.integers(0, 30, 300)
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.15] = 0
    won = np.nan_to_num(x[:, 0] + (x[:, 1] % 2)) + np.isnan(x[:, 2]) + rng.normal(size=300) > 0.7
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "seed": 1}
    categories = {"min_data_per_group": 3, "cat_smooth": 1.0, "max_cat_to_onehot": 2}
    booster = lgb.train(fixed | categories | options, lgb.Dataset(x, won, categorical_feature=[1]), 4)
    agree([booster.model_to_string()], np.concatenate([x[:40], values(rng, 40)]))


@pytest.mark.parametrize("n_leaves", [2, 255, 1000])
def test_trees_of_any_size(n_leaves: int) -> None:
    rng = np.random.default_rng(n_leaves)
    n_columns = 30
    text = model_text([tree_text(rng, n_leaves, n_columns) for _ in range(3)], n_columns)
    trees = agree([text], values(rng, 60, n_columns))
    assert trees._plan[0].has_table.any()


@pytest.mark.parametrize(("n_leaves", "n_columns"), [(20, 40), (60, 80), (65, 3)])
def test_chains_with_more_conditions_than_a_table_has(n_leaves: int, n_columns: int) -> None:
    rng = np.random.default_rng(n_leaves)
    trees = agree(
        [model_text([tree_text(rng, n_leaves, n_columns, chain=True)], n_columns)], values(rng, 50, n_columns)
    )
    units = trees._plan[0]
    assert (units.has_table == 0).any() == (n_columns > MOST_CONDITIONS)


def test_a_constant_among_trees() -> None:
    rng = np.random.default_rng(1)
    constant = (
        "num_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\ndecision_type=\nleft_child=\nright_child=\n"
    )
    constant += "leaf_value=0.25\nleaf_count=\ninternal_count=\nis_linear=0\nshrinkage=1"
    text = model_text([constant.replace("leaf_count=\n", "leaf_count=9\n"), tree_text(rng, 5, N_COLUMNS)])
    trees = TreeEnsemble.from_texts([text], N_COLUMNS)
    x = values(rng, 30)
    alone = TreeEnsemble.from_texts([text.replace("leaf_value=0.25", "leaf_value=0")], N_COLUMNS)
    np.testing.assert_allclose(trees.margin(x), alone.margin(x) + 0.25, rtol=0, atol=1e-15)
    assert trees.explain(x).values.tobytes() == alone.explain(x).values.tobytes()
    assert trees.base == pytest.approx(alone.base + 0.25)


# ── against itself ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(5)
    return [model_text([tree_text(rng, 31, N_COLUMNS) for _ in range(40)]) for _ in range(2)]


@pytest.mark.parametrize("most_bytes", [0, 300, 20_000, 200_000])
def test_tables_stay_within_their_memory_and_polynomials_give_the_same(
    texts, monkeypatch, most_bytes
) -> None:
    x = values(np.random.default_rng(6), 200)
    with_tables = TreeEnsemble.from_texts(texts, N_COLUMNS)
    expected = with_tables.explain(x)
    monkeypatch.setattr(tables, "TABLE_BYTES", most_bytes)
    trees = TreeEnsemble.from_texts(texts, N_COLUMNS)
    found = trees.explain(x)
    assert trees._plan[1].tables.nbytes <= most_bytes < with_tables._plan[1].tables.nbytes
    assert found.margin.tobytes() == expected.margin.tobytes()
    np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("most_bytes", [0, tables.TABLE_BYTES])
def test_threads_batches_and_row_order_change_no_byte(texts, monkeypatch, most_bytes) -> None:
    monkeypatch.setattr(tables, "TABLE_BYTES", most_bytes)
    trees = TreeEnsemble.from_texts(texts, N_COLUMNS)
    rng = np.random.default_rng(7)
    x = values(rng, 2500)
    whole = trees.explain(x, n_threads=1)
    shuffled = rng.permutation(len(x))
    again = trees.explain(x[shuffled], n_threads=3)
    assert again.values.tobytes() == whole.values[shuffled].tobytes()
    assert again.margin.tobytes() == whole.margin[shuffled].tobytes()
    for length in (1, 7, 333):
        monkeypatch.setattr(module, "_BLOCK", length)
        assert trees.explain(x[:700], n_threads=2).values.tobytes() == whole.values[:700].tobytes()
        assert trees.margin(x[:700], n_threads=2).tobytes() == whole.margin[:700].tobytes()


def test_two_callers_at_once_do_not_disturb_each_other(texts) -> None:
    x = values(np.random.default_rng(8), 3000)
    expected = TreeEnsemble.from_texts(texts, N_COLUMNS).explain(x)
    trees = TreeEnsemble.from_texts(texts, N_COLUMNS)
    before = numba.get_num_threads()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: trees.explain(x, n_threads=2), range(8)))
    assert {one.values.tobytes() for one in found} == {expected.values.tobytes()}
    assert numba.get_num_threads() == before


def test_any_layout_of_rows_is_taken_and_nothing_is_compiled_twice(texts) -> None:
    trees = TreeEnsemble.from_texts(texts, N_COLUMNS)
    x = np.round(values(np.random.default_rng(9), 50), 2).clip(-100, 100)
    expected = trees.explain(x)
    kept = x.copy()
    kept.flags.writeable = False
    layouts = [kept, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.tolist(), x[::-1][::-1]]
    for layout in layouts:
        assert trees.explain(layout).values.tobytes() == expected.values.tobytes()
        assert trees.margin(layout).tobytes() == expected.margin.tobytes()
    TreeEnsemble.from_texts([model_text([tree_text(np.random.default_rng(1), 2, 1)], 1)], 1).explain([[1.0]])
    assert len(kernel.explain.signatures) == len(kernel.margins.signatures) == 1
    np.testing.assert_array_equal(kept, x)


def test_the_rules_of_integration_are_exact() -> None:
    points, weights = tables._rule(32)
    for n in range(1, 33):
        for power in range(2 * n):
            found = float(np.sum(weights[n, :n] * points[n, :n] ** power))
            assert found == pytest.approx(1 / (power + 1), abs=1e-14)


def test_more_thresholds_than_a_code_can_count(texts, monkeypatch) -> None:
    x = values(np.random.default_rng(10), 300)
    expected = TreeEnsemble.from_texts(texts, N_COLUMNS).explain(x)
    monkeypatch.setattr(forest, "_SPAN", 3)
    trees = TreeEnsemble.from_texts(texts, N_COLUMNS)
    assert trees.explain(x).values.tobytes() == expected.values.tobytes()
    columns, _ = trees._forest
    assert len(columns.feature) > 3 * N_COLUMNS


def test_working_memory_is_bounded() -> None:
    small = TreeEnsemble.from_texts(
        [model_text([tree_text(np.random.default_rng(1), 31, N_COLUMNS)])], N_COLUMNS
    )
    assert small._block_length() == module._BLOCK
    text = model_text([tree_text(np.random.default_rng(2), 2**16, N_COLUMNS)])
    assert TreeEnsemble.from_texts([text], N_COLUMNS)._block_length() * 6 * 2**16 <= module._BLOCK_BYTES
