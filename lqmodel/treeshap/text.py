"""LightGBM text → checked trees.

A crafted text can make LightGBM read and write out of bounds (CVE-2026-92786). So it is parsed and checked here,
and compiled code, which checks no bounds, is given only what passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lqmodel.errors import BundleDamaged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_DEPTH = 64
"""Most tests on a path: the work of explaining a leaf grows with its square."""
MOST_LEAVES = 2**16
"""Most leaves of a tree: leaves are counted in 16 bits."""
LARGEST_LEAF = 1e6
"""Largest size of a leaf value in log-odds; sums of leaves then stay finite."""
# decision_type: bit 0 by category, bit 1 missing goes left, bits 2-3 what is missing (nothing, zero, NaN)
_CATEGORICAL, _LARGEST_DECISION = 1, 11
_RANGE = 2**61
_EXPECTED_HEADER = {
    "version": "v4",
    "num_class": "1",
    "num_tree_per_iteration": "1",
    "objective": "binary sigmoid:1",
}


@dataclass(frozen=True)
class Tree:
    """One checked tree of m splits and m + 1 leaves, in LightGBM's layout.

    Attributes
    ----------
    feature, decision, left, right, count : ndarray of int64, shape (m,)
        Column tested; decision bits; children (a leaf i is ~i, a split has a greater index than its parent);
        training rows that came through.
    threshold : ndarray of float64, shape (m,)
        Bound of a number (≤ goes left; infinite where only missing goes right), or position in `cat_starts`
        of a split by category.
    leaf : ndarray of float64, shape (m + 1,)
        Value of each leaf in log-odds.
    leaf_count : ndarray of int64, shape (m + 1,)
        Training rows in each leaf, at least 1.
    cat_starts, cat_words : ndarray of int64
        Bit sets of the codes that go left: set i is the 32-bit words cat_starts[i] … cat_starts[i + 1] - 1.
    """

    feature: Ints
    threshold: Floats
    decision: Ints
    left: Ints
    right: Ints
    count: Ints
    leaf: Floats
    leaf_count: Ints
    cat_starts: Ints
    cat_words: Ints

    @property
    def expected(self) -> float:
        """Mean leaf value over the training rows."""
        return float(np.dot(self.leaf, self.leaf_count / self.leaf_count.sum()))


def read_model(text: str, n_features: int, where: str) -> list[Tree]:
    """Cut a text into header and trees; what stands after the trees is not used, so it is not read."""
    before, end, _ = text.replace("\r\n", "\n").replace("\r", "\n").partition("\nend of trees")
    if not end:
        raise _damaged("the text breaks off before 'end of trees'", where)
    head, *sections = ("\n" + before).split("\nTree=")
    name, _, rest = head.lstrip("\n").partition("\n")
    if name.strip() != "tree":
        raise _damaged(f"starts with {name[:40]!r}, not with 'tree'", where)
    header = _pairs(rest, where)
    for key, wanted in _EXPECTED_HEADER.items():
        if header.get(key) != wanted:
            raise _damaged(f"{key} must be {wanted!r}, got {header.get(key)!r}", where)
    columns = _Fields(header, where).integer("max_feature_idx") + 1
    if columns != n_features:
        raise _damaged(f"made for {columns} columns, but the encoding has {n_features}", where)
    if not sections:
        raise _damaged("holds no tree", where)
    return [_read_tree(section, i, n_features, f"{where}, tree {i}") for i, section in enumerate(sections)]


def _read_tree(section: str, position: int, n_features: int, where: str) -> Tree:
    number, _, body = section.partition("\n")
    if number.strip() != str(position):
        raise _damaged(f"stands where tree {position} should, under the number {number[:20]!r}", where)
    fields = _Fields(_pairs(body, where), where)
    if fields.integer("is_linear", 0):
        raise _damaged("has linear leaves, which cannot be explained exactly", where)
    n_leaves, n_sets = fields.integer("num_leaves"), fields.integer("num_cat")
    if n_leaves < 1 or n_sets < 0:
        raise _damaged(f"{n_leaves} leaves and {n_sets} sets of categories cannot be", where)
    if n_leaves > MOST_LEAVES:
        raise _damaged(f"has {n_leaves} leaves, more than {MOST_LEAVES}", where)
    n_splits = n_leaves - 1
    tree = Tree(
        feature=fields.integers("split_feature", n_splits),
        threshold=fields.floats("threshold", n_splits),
        decision=fields.integers("decision_type", n_splits),
        left=fields.integers("left_child", n_splits),
        right=fields.integers("right_child", n_splits),
        count=fields.integers("internal_count", n_splits),
        leaf=fields.floats("leaf_value", n_leaves),
        leaf_count=fields.integers("leaf_count", n_leaves) if n_splits else np.ones(1, dtype=np.int64),
        cat_starts=fields.integers("cat_boundaries", n_sets + 1) if n_sets else np.zeros(1, dtype=np.int64),
        cat_words=fields.integers("cat_threshold") if n_sets else np.zeros(0, dtype=np.int64),
    )
    _check_values(tree, n_features, where)
    _check_categories(tree, n_sets, where)
    _check_shape(tree, where)
    return tree


@dataclass(frozen=True)
class _Fields:
    """The key=value lines of one section, turned into numbers or refused."""

    pairs: Mapping[str, str]
    where: str

    def integer(self, key: str, default: int | None = None) -> int:
        if default is not None and key not in self.pairs:
            return default
        return int(self.integers(key, 1)[0])

    def integers(self, key: str, n: int | None = None) -> Ints:
        try:
            values = np.array(self._numbers(key, n, int), dtype=np.int64)
        except OverflowError as error:
            raise _damaged(f"{key} holds an integer out of range", self.where) from error
        if ((values < -_RANGE) | (values > _RANGE)).any():  # so that differences cannot overflow
            raise _damaged(f"{key} holds an integer out of range", self.where)
        return values

    def floats(self, key: str, n: int) -> Floats:
        values = np.array(self._numbers(key, n, float), dtype=np.float64)
        if np.isnan(values).any():
            raise _damaged(f"{key} holds what is not a number (NaN)", self.where)
        return values

    def _numbers(self, key: str, n: int | None, kind: Callable[[str], Any]) -> list[Any]:
        if key not in self.pairs:
            raise _damaged(f"has no {key}", self.where)
        try:
            values = list(map(kind, self.pairs[key].split()))
        except ValueError as error:
            raise _damaged(f"{key} holds what is no number: {str(error)[:80]}", self.where) from error
        if n is not None and len(values) != n:
            raise _damaged(f"{key} holds {len(values)} values where {n} belong", self.where)
        return values


def _pairs(lines: str, where: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in lines.split("\n"):
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise _damaged(f"the line {line[:40]!r} is not known here", where)
        if key in pairs:
            raise _damaged(f"{key[:40]} stands twice", where)
        pairs[key] = value.strip()
    return pairs


def _check_values(tree: Tree, n_features: int, where: str) -> None:
    rules = {
        f"split_feature must lie in 0 … {n_features - 1}": (tree.feature >= 0) & (tree.feature < n_features),
        f"decision_type must lie in 0 … {_LARGEST_DECISION}": (tree.decision >= 0)
        & (tree.decision <= _LARGEST_DECISION),
        f"leaf_value must lie within ±{LARGEST_LEAF:g}": np.abs(tree.leaf) <= LARGEST_LEAF,
        "leaf_count must be from 1 to 2³¹ - 1": (tree.leaf_count >= 1) & (tree.leaf_count < 2**31),
    }
    for rule, holds in rules.items():
        if not holds.all():
            raise _damaged(rule, where)


def _check_categories(tree: Tree, n_sets: int, where: str) -> None:
    starts, words = tree.cat_starts, tree.cat_words
    if n_sets and (starts[0] != 0 or starts[-1] != len(words) or (np.diff(starts) <= 0).any()):
        raise _damaged(f"cat_boundaries do not cut the {len(words)} words of cat_threshold into sets", where)
    if ((words < 0) | (words >= 2**32)).any():
        raise _damaged("cat_threshold must hold 32-bit words", where)
    sets = tree.threshold[(tree.decision & _CATEGORICAL) > 0]
    if ((sets < 0) | (sets >= n_sets) | (sets != np.floor(sets))).any():
        raise _damaged(f"a split by category must name one of the {n_sets} sets", where)


def _check_shape(tree: Tree, where: str) -> None:
    """Every node has one parent, which stands before it: no cycle, no node out of reach; counts add up."""
    n_splits = len(tree.left)
    if not n_splits:
        return
    children = np.concatenate([tree.left, tree.right])
    parents = np.tile(np.arange(n_splits), 2)
    if (children < -n_splits - 1).any() or (children >= n_splits).any():
        raise _damaged("a child lies outside the tree", where)
    if ((children >= 0) & (children <= parents)).any():
        raise _damaged("a child stands before its parent", where)
    if not np.array_equal(np.sort(children), [*range(-n_splits - 1, 0), *range(1, n_splits)]):
        raise _damaged("a node has no parent, or two", where)
    depth = [1] * n_splits
    count = tree.count.tolist()
    leaf_count = tree.leaf_count.tolist()
    for parent, pair in enumerate(zip(tree.left.tolist(), tree.right.tolist(), strict=True)):
        for child in pair:
            if child >= 0:
                depth[child] = depth[parent] + 1
        if count[parent] != sum(count[child] if child >= 0 else leaf_count[~child] for child in pair):
            raise _damaged("counts of children do not add up to their parent's", where)
    if max(depth) > MOST_DEPTH:
        raise _damaged(f"is {max(depth)} tests deep, more than {MOST_DEPTH}", where)


def _damaged(message: str, where: str) -> BundleDamaged:
    return BundleDamaged(message, where=where, do="take the bundle from where it was saved, or train again")
