"""Two rows → what the move of each column did to the margin: exact Shapley values, the other row the only background.

The game: a column in the coalition takes its value of now, any other its value of before. So a column whose value
sends no row another way gets exactly 0, and the values add up to the difference of the two margins (Lundberg et al.
2020, "From local explanations to global understanding with explainable AI for trees", interventional TreeSHAP with
one row of background).

A leaf counts only where the two rows part. Let the row of now alone pass all tests of `a` columns on the leaf's path,
the row of before alone those of `b` others, and both rows those of the rest. The leaf is reached if and only if the
coalition holds the `a` and none of the `b`. The Shapley value of that indicator is (a-1)! b! / (a+b)! for each of the
`a` and -a! (b-1)! / (a+b)! for each of the `b`. Where the rows go the same way, the walk does not branch, and trees
that test no column that moved are not walked.

Nothing here checks bounds: indices come from trees that `text` has checked, or were made by `forest`.
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lqmodel.compiled import entry, inner
from lqmodel.treeshap.forest import Columns, Floats, Forest, Ints, Shorts
from lqmodel.treeshap.text import MOST_DEPTH

_WORD = 64  # columns in a word of a set of columns


class Touch(NamedTuple):
    """Which columns each tree tests, and the weights of a leaf.

    Attributes
    ----------
    code_slot, category_slot : ndarray of int64
        Of each coded and each category column of `Columns` its position in `Forest.used`.
    tested : ndarray of uint64, shape (n_trees, n_words)
        Bit set of the positions that the tree's splits test.
    weight : ndarray of float64, shape (MOST_DEPTH + 1, MOST_DEPTH + 1)
        weight[a, b] = (a-1)! b! / (a+b)!; 0 where a = 0.
    """

    code_slot: Ints
    category_slot: Ints
    tested: NDArray[np.uint64]
    weight: Floats


def touch(columns: Columns, forest: Forest) -> Touch:
    """Prepare what `moves` looks up."""
    n_words = max(1, -(-len(forest.used) // _WORD))
    tested = np.zeros((len(forest.split) - 1, n_words), dtype=np.uint64)
    tree = np.repeat(np.arange(len(forest.split) - 1), np.diff(forest.split))
    bit = np.left_shift(np.uint64(1), (forest.slot % _WORD).astype(np.uint64))
    np.bitwise_or.at(tested, (tree, forest.slot // _WORD), bit)
    size = MOST_DEPTH + 1
    weight = [[1 / (a * comb(a + b, a)) if a else 0.0 for b in range(size)] for a in range(size)]
    return Touch(
        np.searchsorted(forest.used, columns.feature).astype(np.int64),
        np.searchsorted(forest.used, columns.category).astype(np.int64),
        tested,
        np.array(weight),
    )


class Pair(NamedTuple):
    """The codes of one row, now and before: what is worked on at a time."""

    now: Shorts
    level: Ints
    then: Shorts
    old_level: Ints


class Parted(NamedTuple):
    """Where the rows of a pair have parted on the way to a node, and the other sides yet to be walked.

    Attributes
    ----------
    slot : ndarray of int64, shape (MOST_DEPTH,)
        Columns at which they parted, from the root down; from there on only one of the rows meets the tests of
        that column.
    is_now : ndarray of bool, shape (MOST_DEPTH,)
        Whether that is the row of now.
    node, height, of_now : ndarray of int64, shape (MOST_DEPTH,)
        A stack of nodes still open: how often the rows had parted above, and how often it was the row of now's way.
    """

    slot: Ints
    is_now: NDArray[np.bool_]
    node: Ints
    height: Ints
    of_now: Ints


@entry
def moves(
    codes: Shorts,
    categories: Ints,
    old_codes: Shorts,
    old_categories: Ints,
    forest: Forest,
    touch: Touch,
    values: Floats,
) -> None:
    """Write what the move of each column did to the margin of each row.

    Parameters
    ----------
    codes, categories : ndarray
        The rows of now, as `kernel.encode` gives them.
    old_codes, old_categories : ndarray
        The rows of before.
    forest : Forest
    touch : Touch
    values : ndarray of float64, shape (n_rows, n_features)
        Written to where a column is used by any split.
    """
    n_coded, n_categories, n_used = codes.shape[0], categories.shape[0], forest.used.shape[0]
    pair = Pair(
        np.empty(n_coded, np.uint16),
        np.empty(n_categories, np.int64),
        np.empty(n_coded, np.uint16),
        np.empty(n_categories, np.int64),
    )
    parted = Parted(
        np.empty(MOST_DEPTH, np.int64),
        np.empty(MOST_DEPTH, np.bool_),
        np.empty(MOST_DEPTH, np.int64),
        np.empty(MOST_DEPTH, np.int64),
        np.empty(MOST_DEPTH, np.int64),
    )
    moved, total = np.empty(touch.tested.shape[1], np.uint64), np.empty(n_used)
    n_models, touched = forest.member.shape[0] - 1, np.empty(touch.tested.shape[0], np.int64)
    for i in range(codes.shape[1]):
        for c in range(n_coded):
            pair.now[c], pair.then[c] = codes[c, i], old_codes[c, i]
        for c in range(n_categories):
            pair.level[c], pair.old_level[c] = categories[c, i], old_categories[c, i]
        _find_moved(pair, touch, moved)
        total[:] = 0.0
        for k in range(_find_touched(touch.tested, moved, touched)):
            _walk(forest, touched[k], pair, touch.weight, parted, total)
        for slot in range(n_used):
            values[i, forest.used[slot]] = total[slot] / n_models


@inner
def _find_moved(pair: Pair, touch: Touch, moved: NDArray[np.uint64]) -> None:
    """Write the set of columns whose code changed."""
    moved[:] = np.uint64(0)
    for c in range(pair.now.shape[0]):
        if pair.now[c] != pair.then[c]:
            moved[touch.code_slot[c] >> 6] |= np.uint64(1) << np.uint64(touch.code_slot[c] & 63)
    for c in range(pair.level.shape[0]):
        if pair.level[c] != pair.old_level[c]:
            moved[touch.category_slot[c] >> 6] |= np.uint64(1) << np.uint64(touch.category_slot[c] & 63)


@inner
def _find_touched(tested: NDArray[np.uint64], moved: NDArray[np.uint64], touched: Ints) -> int:
    """Write the trees that test a column that moved; return how many."""
    n = 0
    for tree in range(tested.shape[0]):
        common = np.uint64(0)
        for w in range(moved.shape[0]):
            common |= tested[tree, w] & moved[w]
        touched[n] = tree
        n += common != 0
    return n


@inner
def _walk(forest: Forest, tree: int, pair: Pair, weight: Floats, parted: Parted, total: Floats) -> None:
    """Add what a tree's leaves give to the columns at which the rows part on the way there.

    The left side comes first, whichever row goes there: rows exchanged give the same numbers with the other sign.
    """
    first = forest.split[tree]
    m = forest.split[tree + 1] - first
    node, n_parted, n_now, n_open = 0, 0, 0, 0
    while True:
        while node < m:
            split = first + node
            left = _goes_left(forest, split, pair.now, pair.level)
            if left != _goes_left(forest, split, pair.then, pair.old_level):
                slot, known = forest.slot[split], -1
                for k in range(n_parted):
                    if parted.slot[k] == slot:
                        known = k
                        break
                if known < 0:
                    parted.slot[n_parted], parted.is_now[n_parted] = slot, left
                    parted.node[n_open], parted.height[n_open] = forest.right[split], n_parted
                    parted.of_now[n_open] = n_now
                    n_open += 1
                    n_parted += 1
                    n_now += left
                    left = True
                elif not parted.is_now[known]:
                    left = not left
            node = forest.left[split] if left else forest.right[split]
        leaf = forest.value[first + tree + node - m]
        for_now, for_then = leaf * weight[n_now, n_parted - n_now], leaf * weight[n_parted - n_now, n_now]
        for k in range(n_parted):
            total[parted.slot[k]] += for_now if parted.is_now[k] else -for_then
        if n_open == 0:
            return
        n_open -= 1
        node, n_parted = parted.node[n_open], parted.height[n_open]
        parted.is_now[n_parted] = not parted.is_now[n_parted]
        n_now = parted.of_now[n_open] + parted.is_now[n_parted]
        n_parted += 1


@inner
def _goes_left(forest: Forest, split: int, codes: Shorts, categories: Ints) -> bool:
    column = forest.code[split]
    if column >= 0:
        return bool((codes[column] >= forest.low[split]) & (codes[column] <= forest.high[split]))
    code = categories[-1 - column]
    word = forest.words[forest.word[split] + min(code >> 5, forest.n_words[split])]
    return bool((word >> np.uint32(code & 31)) & 1)
