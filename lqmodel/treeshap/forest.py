"""Checked trees → the flat arrays that compiled code reads.

A tree of m splits has 2m + 1 *nodes*: splits 0 … m - 1, then leaves m … 2m. Values become small integers,
*codes*, whose order is all that a split by number asks for.

Decisions are LightGBM's (`NumericalDecision` and `CategoricalDecision` in its `tree.h`; before them, its
predictor makes each number within ±1e-35 an exact zero):

- by number, value ≤ threshold goes left. What is missing goes to the side that the split names; missing is NaN,
  or NaN and zero, or nothing, and then NaN counts as zero;
- by category, the value is cut to an integer, and one in the split's set goes left. NaN, a negative integer and
  one outside the set go right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lqmodel.treeshap.text import Tree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shorts = NDArray[np.uint16]

YES = 2**16 - 1
"""A true condition, in 16 bits; a false one is 0."""
_SPAN = 2**16 - 2  # thresholds of one coded column: a code has 16 bits, and 0 is kept for missing
_MOST_CATEGORY = 2**31  # LightGBM cuts to 32-bit integers
_BY_CATEGORY, _DEFAULT_LEFT = 1, 2  # bits of `decision`; the next two say what is missing


class Columns(NamedTuple):
    """How values become codes.

    Attributes
    ----------
    feature, missing : ndarray of int64, shape (n_coded,)
        Column of x that each coded column is made from, and what is missing there: 0 nothing, 1 zero, 2 NaN.
    start : ndarray of int64, shape (n_coded + 1,)
        The cuts of coded column c are cuts[start[c]:start[c + 1]].
    cuts : ndarray of float64
        Increasing; filled up with +inf to a length of 2^k - 1. A code is 1 + the number of cuts below the value,
        or 0 where the value is missing.
    category : ndarray of int64, shape (n_category_columns,)
        Columns of x that hold categories.
    outside : ndarray of int64, shape (n_category_columns,)
        Code of what cannot be in any set.
    """

    feature: Ints
    missing: Ints
    start: Ints
    cuts: Floats
    category: Ints
    outside: Ints


class Forest(NamedTuple):
    """All trees, one after the other; splits, nodes and leaves are counted from 0 within each tree.

    Attributes
    ----------
    member : ndarray of int64, shape (n_models + 1,)
        Model i has the trees member[i] … member[i + 1] - 1.
    split, node : ndarray of int64, shape (n_trees + 1,)
        Where the splits and the nodes of each tree start. The leaves of tree t start at split[t] + t.
    slot : ndarray of int64, shape (n_splits,)
        Column tested, as a position in `used`.
    left, right : ndarray of int64, shape (n_splits,)
        Nodes that follow.
    code : ndarray of int64, shape (n_splits,)
        Coded column tested; for a split by category, -1 - the category column.
    low, high : ndarray of uint16, shape (n_splits,)
        Codes from low to high go left.
    word, n_words : ndarray of int64, shape (n_splits,)
        Start and length in `words` of the set of a split by category.
    words : ndarray of uint32
        Bit sets of the categories that go left; a zero stands after each.
    parent : ndarray of int64, shape (n_nodes,)
        Split above, -1 above a root.
    is_left : ndarray of uint16, shape (n_nodes,)
        YES for a left child, else 0.
    share : ndarray of float64, shape (n_nodes,)
        Training rows of the node over those of its parent.
    value : ndarray of float64, shape (n_leaves,)
        In log-odds.
    used : ndarray of int64
        Columns of x that any split tests, increasing.
    """

    member: Ints
    split: Ints
    node: Ints
    slot: Ints
    left: Ints
    right: Ints
    code: Ints
    low: Shorts
    high: Shorts
    word: Ints
    n_words: Ints
    words: NDArray[np.uint32]
    parent: Ints
    is_left: Shorts
    share: Floats
    value: Floats
    used: Ints


def flatten(models: Sequence[Sequence[Tree]]) -> tuple[Columns, Forest]:
    """Lay checked trees out for compiled code."""
    trees = [tree for model in models for tree in model]
    sizes = np.array([len(tree.left) for tree in trees], dtype=np.int64)
    feature = np.concatenate([tree.feature for tree in trees])
    decision = np.concatenate([tree.decision for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    used, slot = np.unique(feature, return_inverse=True)
    columns, code, high = _code_columns(feature, decision, threshold)
    word, n_words, words = _sets(trees, decision, sizes)
    category, outside = _category_columns(feature, decision, n_words, code)
    left, right, parent, is_left, share = (
        np.concatenate(parts) for parts in zip(*map(_links, trees), strict=True)
    )
    forest = Forest(
        member=starts([len(model) for model in models]),
        split=starts(sizes),
        node=starts(2 * sizes + 1),
        slot=slot.astype(np.int64),
        left=left,
        right=right,
        code=code,
        low=np.where(decision & _DEFAULT_LEFT, 0, 1).astype(np.uint16),
        high=high,
        word=word,
        n_words=n_words,
        words=words,
        parent=parent,
        is_left=is_left,
        share=share,
        value=np.concatenate([tree.leaf for tree in trees]),
        used=used,
    )
    return columns._replace(category=category, outside=outside), forest


def starts(lengths: Sequence[int] | Ints) -> Ints:
    """Where parts of these lengths start when laid end to end; the last number is the end.

    >>> starts([2, 3]).tolist()
    [0, 2, 5]
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _links(tree: Tree) -> tuple[Ints, Ints, Ints, Shorts, Floats]:
    """Children as nodes; of each node its parent, side and share."""
    m = len(tree.left)
    left, right = (np.where(child < 0, m - 1 - child, child) for child in (tree.left, tree.right))
    parent, is_left = np.full(2 * m + 1, -1, dtype=np.int64), np.zeros(2 * m + 1, dtype=np.uint16)
    parent[left] = parent[right] = np.arange(m)
    is_left[left] = YES
    count = np.concatenate([tree.count, tree.leaf_count])
    return left, right, parent, is_left, count / count[np.maximum(parent, 0)]


def _code_columns(feature: Ints, decision: Ints, threshold: Floats) -> tuple[Columns, Ints, Shorts]:
    """Coded columns, one for each column and sort of missing value; and of each split its column and `high`."""
    code, high = np.zeros(len(feature), dtype=np.int64), np.zeros(len(feature), dtype=np.uint16)
    keys: list[tuple[int, int]] = []
    cuts: list[Floats] = [np.empty(0)]
    key = np.where(decision & _BY_CATEGORY, -1, 3 * feature + (decision >> 2))
    for k in np.unique(key[key >= 0]).tolist():
        splits = np.flatnonzero(key == k)
        found, rank = np.unique(threshold[splits], return_inverse=True)
        code[splits] = len(keys) + rank // _SPAN
        high[splits] = 1 + rank % _SPAN
        for first in range(0, len(found), _SPAN):
            part = found[first : first + _SPAN]
            filling = 2 ** len(part).bit_length() - 1 - len(part)
            keys.append((k // 3, k % 3))
            cuts.append(np.append(part, np.full(filling, np.inf)))
    of = np.array(keys, dtype=np.int64).reshape(-1, 2)
    none = np.empty(0, dtype=np.int64)
    start = starts([len(part) for part in cuts[1:]])
    return Columns(of[:, 0].copy(), of[:, 1].copy(), start, np.concatenate(cuts), none, none), code, high


def _sets(trees: Sequence[Tree], decision: Ints, sizes: Ints) -> tuple[Ints, Ints, NDArray[np.uint32]]:
    """Where the set of each split by category lies among the words of all."""
    word, n_words = np.zeros(len(decision), dtype=np.int64), np.zeros(len(decision), dtype=np.int64)
    words: list[Ints] = []
    end, first = 0, 0
    for tree, size in zip(trees, sizes.tolist(), strict=True):
        n_sets = len(tree.cat_starts) - 1
        if n_sets:
            splits = np.flatnonzero(tree.decision & _BY_CATEGORY)
            which = tree.threshold[splits].astype(np.int64)
            word[first + splits] = end + tree.cat_starts[which] + which  # one zero after each set before
            n_words[first + splits] = np.diff(tree.cat_starts)[which]
            words.append(np.insert(tree.cat_words, tree.cat_starts[1:], 0))
            end += len(words[-1])
        first += size
    return word, n_words, np.concatenate([*words, [0]]).astype(np.uint32)


def _category_columns(feature: Ints, decision: Ints, n_words: Ints, code: Ints) -> tuple[Ints, Ints]:
    """Columns that hold categories, and the code past all their sets; fills `code` for their splits."""
    splits = np.flatnonzero(decision & _BY_CATEGORY)
    category, which = np.unique(feature[splits], return_inverse=True)
    code[splits] = -1 - which
    longest = np.zeros(len(category), dtype=np.int64)
    np.maximum.at(longest, which, n_words[splits])
    return category, np.minimum(32 * longest, _MOST_CATEGORY)
