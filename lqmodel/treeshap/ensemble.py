"""Trees → margin and exact contributions.

Contributions are path-dependent TreeSHAP (Lundberg, Erion, Lee 2018, "Consistent individualized feature
attribution for tree ensembles", algorithm 2): Shapley values of the game in which a column that is not in
the coalition sends a row down both branches, weighted by the training rows that went each way.
Units: margins, bases and contributions are log-odds.

Text is read without numba; the first margin or explanation of a process imports it and loads compiled code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lqmodel.errors import BadData, BundleDamaged
from lqmodel.treeshap.forest import Columns, Floats, Forest, flatten
from lqmodel.treeshap.text import Tree, read_model

if TYPE_CHECKING:
    from lqmodel.treeshap.pairs import Touch
    from lqmodel.treeshap.tables import Lookups, Rule
    from lqmodel.treeshap.units import Units

_BLOCK = 1024  # rows worked on at once: enough that reading the tables from memory is paid for
_BLOCK_BYTES = 32 * 2**20  # working memory of a thread, where trees are so large that it would grow past this


@dataclass(frozen=True)
class Contributions:
    """What each column adds to the margin of each row: base + values.sum(axis=1) is the margin to 1e-9.

    Attributes
    ----------
    margin : ndarray of float64, shape (n_rows,)
    base : float
        Expected margin over the training rows; the same for every row.
    values : ndarray of float64, shape (n_rows, n_columns)
    """

    margin: Floats
    base: float
    values: Floats


@dataclass(frozen=True)
class Difference:
    """What the move of each column did to the margin: values.sum(axis=1) is margin - before to 1e-9.

    Attributes
    ----------
    before, margin : ndarray of float64, shape (n_rows,)
        Of the rows before, and of the rows now.
    values : ndarray of float64, shape (n_rows, n_columns)
        Exactly 0 where a column's move sends the row no other way.
    """

    before: Floats
    margin: Floats
    values: Floats


class TreeEnsemble:
    """Several LightGBM models whose margins are averaged.

    Parameters
    ----------
    models : sequence of sequence of Tree
        Checked trees of each model; `from_texts` makes them.
    n_features : int
        Columns of the encoded array.

    Examples
    --------
    >>> text = '''tree
    ... version=v4
    ... num_class=1
    ... num_tree_per_iteration=1
    ... max_feature_idx=0
    ... objective=binary sigmoid:1
    ...
    ... Tree=0
    ... num_leaves=2
    ... num_cat=0
    ... split_feature=0
    ... threshold=2.5
    ... decision_type=2
    ... left_child=-1
    ... right_child=-2
    ... leaf_value=-2 1
    ... leaf_count=30 10
    ... internal_count=40
    ...
    ... end of trees'''
    >>> trees = TreeEnsemble.from_texts([text], n_features=1)
    >>> trees.base
    -1.25
    >>> trees.explain([[3.0]]).values
    array([[2.25]])
    """

    def __init__(self, models: Sequence[Sequence[Tree]], n_features: int) -> None:
        self.models = tuple(tuple(trees) for trees in models)
        self.n_features = n_features

    @classmethod
    def from_texts(cls, texts: Sequence[str], n_features: int) -> TreeEnsemble:
        """Read LightGBM texts, in the order in which their margins are added.

        Parameters
        ----------
        texts : sequence of str
            Model files as LightGBM writes them; line ends of any kind.
        n_features : int
            Columns of the encoded array.

        Raises
        ------
        BundleDamaged
            A text is not a binary LightGBM model over that many columns, or a tree is not sound.
        """
        if not texts:
            raise BundleDamaged("an ensemble needs at least one model", do="save the bundle again")
        return cls([read_model(text, n_features, f"model {i}") for i, text in enumerate(texts)], n_features)

    @cached_property
    def base(self) -> float:
        """Expected margin over the training rows: the mean of the models' expected values."""
        return sum(sum(tree.expected for tree in trees) for trees in self.models) / len(self.models)

    def margin(self, x: ArrayLike, n_threads: int | None = None) -> Floats:
        """Return the margin of each row.

        Parameters
        ----------
        x : array-like of float64, shape (n_rows, n_features)
            Encoded rows; NaN is missing.
        n_threads : int or None, default None
            None takes every core. Never changes the result, nor does the number of rows given at once.

        Returns
        -------
        ndarray of float64, shape (n_rows,)

        Raises
        ------
        BadData
            Not numbers, not a table of `n_features` columns, or infinite.
        """
        from lqmodel.treeshap.kernel import margins

        rows = self._checked(x)
        margin = np.empty(len(rows))
        columns, forest = self._forest

        def work(block: slice) -> None:
            margins(_own(rows[block]), columns, forest, margin[block])

        self._in_blocks(work, len(rows), n_threads)
        return margin

    def explain(self, x: ArrayLike, n_threads: int | None = None) -> Contributions:
        """Return margin, base and the contribution of every column; parameters and errors as in `margin`."""
        from lqmodel.treeshap.kernel import explain

        rows = self._checked(x)
        margin, values = np.empty(len(rows)), np.zeros(rows.shape)
        (columns, forest), (units, lookups, rule) = self._forest, self._plan

        def work(block: slice) -> None:
            explain(_own(rows[block]), columns, forest, units, lookups, rule, margin[block], values[block])

        self._in_blocks(work, len(rows), n_threads)
        return Contributions(margin, self.base, values)

    def compare(self, x: ArrayLike, before: ArrayLike, n_threads: int | None = None) -> Difference:
        """Return what the move of each column, from its value before to its value now, did to the margin.

        Exact Shapley values with each row's own row of before as the only background; see `pairs`.

        Parameters
        ----------
        x, before : array-like of float64, shape (n_rows, n_features)
            Encoded rows now and before, in the same order; NaN is missing.
        n_threads : int or None, default None
            As in `margin`.

        Raises
        ------
        BadData
            As in `margin`, or not as many rows before as now.
        """
        from lqmodel.treeshap.kernel import encode, margins
        from lqmodel.treeshap.pairs import moves

        rows, old = self._checked(x), self._checked(before)
        if len(rows) != len(old):
            raise BadData(f"{len(rows)} rows and {len(old)} rows before them cannot be paired")
        found = Difference(np.empty(len(rows)), np.empty(len(rows)), np.zeros(rows.shape))
        (columns, forest), touch = self._forest, self._touch

        def work(block: slice) -> None:
            now, then = _own(rows[block]), _own(old[block])
            margins(now, columns, forest, found.margin[block])
            margins(then, columns, forest, found.before[block])
            moves(*encode(now, columns), *encode(then, columns), forest, touch, found.values[block])

        self._in_blocks(work, len(rows), n_threads)
        return found

    @cached_property
    def _touch(self) -> Touch:
        from lqmodel.treeshap.pairs import touch

        return touch(*self._forest)

    @cached_property
    def _forest(self) -> tuple[Columns, Forest]:
        return flatten(self.models)

    @cached_property
    def _plan(self) -> tuple[Units, Lookups, Rule]:
        from lqmodel.treeshap.tables import plan

        return plan(self._forest[1])

    def _in_blocks(self, work: Callable[[slice], None], n_rows: int, n_threads: int | None) -> None:
        """Run over blocks of rows. Threads live as long as the call, so nothing is left for a fork to trip over."""
        n = self._block_length()
        blocks = [slice(start, start + n) for start in range(0, n_rows, n)]
        n_workers = min(n_threads or os.cpu_count() or 1, len(blocks))
        if n_workers <= 1:
            for block in blocks:
                work(block)
            return
        with ThreadPoolExecutor(n_workers) as pool:
            for _ in pool.map(work, blocks):
                pass

    def _block_length(self) -> int:
        """Rows in a block, so that codes, sides, leaves, outcomes and sums of one stay within bounds."""
        columns, forest = self._forest
        a_row = 2 * len(columns.feature) + 8 * len(columns.category) + 8 * len(forest.used)
        a_row += 6 * int(np.diff(forest.split).max()) + 512
        return max(1, min(_BLOCK, _BLOCK_BYTES // a_row))

    def _checked(self, x: ArrayLike) -> Floats:
        try:
            rows = np.asarray(x, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BadData(f"encoded rows must be numbers: {error}") from error
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise BadData(
                f"encoded rows must have {self.n_features} columns, got shape {rows.shape}",
                do="encode the table with the encoding that is stored beside the trees",
            )
        infinite = int(np.isinf(rows).sum())
        if infinite:
            raise BadData(f"encoded rows hold {infinite} infinite values", do="make them missing (NaN)")
        return rows


def _own(rows: Floats) -> Floats:
    """The only sort of array that is compiled for: C order, aligned, writeable; copies a block of any other."""
    return np.require(rows, dtype=np.float64, requirements=["C", "A", "W"])
