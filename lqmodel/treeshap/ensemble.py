"""Trees → margin and exact contributions.

Contributions are path-dependent TreeSHAP (Lundberg, Erion, Lee 2018, "Consistent individualized feature
attribution for tree ensembles", algorithm 2): Shapley values of the game in which a column that is not in
the coalition sends a row down both branches, weighted by the training rows that went each way.
Units: margins, bases and contributions are log-odds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.errors import BadData, BundleDamaged
from lqmodel.treeshap.text import Tree, read_model, write_model

Floats = NDArray[np.float64]

_BLOCK = 4096  # rows explained at once: bounds the memory beyond the result


@dataclass(frozen=True)
class Contributions:
    """What each column adds to the margin of each row: base + values.sum(axis=1) is the margin to 1e-6.

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
        return self._margin(self._checked(x), n_threads or os.cpu_count() or 1)

    def explain(self, x: ArrayLike, n_threads: int | None = None) -> Contributions:
        """Return margin, base and the contribution of every column; parameters and errors as in `margin`."""
        rows = self._checked(x)
        threads = n_threads or os.cpu_count() or 1
        values = np.zeros(rows.shape)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            for booster in self._boosters:
                parts = booster.predict(rows[block], pred_contrib=True, num_threads=threads)
                values[block] += np.asarray(parts)[:, :-1]  # the last column is the base
        values /= len(self.models)
        return Contributions(self._margin(rows, threads), self.base, values)

    def _margin(self, rows: Floats, threads: int) -> Floats:
        total = np.zeros(len(rows))
        if len(rows):
            for booster in self._boosters:
                total += booster.predict(rows, raw_score=True, num_threads=threads)
        return total / len(self.models)

    @cached_property
    def _boosters(self) -> list[Any]:
        import lightgbm

        return [lightgbm.Booster(model_str=write_model(trees, self.n_features)) for trees in self.models]

    def _checked(self, x: ArrayLike) -> Floats:
        try:
            rows = np.ascontiguousarray(x, dtype=np.float64)
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
