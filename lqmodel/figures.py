"""What one column alone says of the outcome, on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.declarations import Column
from lqmodel.trainingset import hash_share

FOLDS: Final = 5
BINS: Final = 20  # of a number with more values than that
SMOOTHING: Final = 20.0  # rows at the base rate that every level starts from

Codes = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Names = NDArray[np.object_]


@dataclass(frozen=True)
class Figures:
    """What one column of the training set says alone; shares in [0, 1].

    Attributes of leads are judged once per lead, against whether it was ever won; the others per snapshot.

    ``auc``: of held-out rows ranked by this column alone, 0.5 for nothing (see :func:`single_auc`).
    ``empty_auc``: of "is it missing?" alone, at least 0.5.
    ``won_empty``, ``won_filled``: share won among rows without and with a value; NaN where there is none.
    """

    column: str
    feature: str
    rows: int
    levels: int
    missing: float
    top_value: str
    top_share: float
    auc: float
    empty_auc: float
    won_empty: float
    won_filled: float


def figures_of(column: Column, values: pa.ChunkedArray, won: Bools, fold: Codes) -> Figures:
    """Return the figures of one column.

    Parameters
    ----------
    column : Column
        Its name, family and dtype.
    values : pyarrow ChunkedArray, length n
        float64 or string.
    won : ndarray of bool, shape (n,)
    fold : ndarray of int64, shape (n,)
        See :func:`folds_of`.
    """
    codes, n_levels = as_levels(values, column.dtype)
    empty = codes == n_levels
    top_value, top_rows, n_values = _most_frequent(values)
    wins = np.bincount(empty, won, 2).astype(np.float64)
    others = np.bincount(empty, ~won, 2).astype(np.float64)
    both = won.any() and not won.all()
    empty_auc = _auc(np.array([0.0, 1.0]), wins, others) if both else 0.5
    return Figures(
        column=column.name, feature=column.family, rows=len(codes),
        levels=n_values,
        missing=float(empty.mean()),
        top_value=top_value,
        top_share=top_rows / len(codes),
        auc=single_auc(codes, won, fold), empty_auc=max(empty_auc, 1 - empty_auc),
        won_empty=float(won[empty].mean()) if empty.any() else float("nan"),
        won_filled=float(won[~empty].mean()) if not empty.all() else float("nan"),
    )  # fmt: skip


def _most_frequent(values: pa.ChunkedArray) -> tuple[str, int, int]:
    """Return the most frequent value (of equals the smallest), its rows, and the number of values but missing."""
    counts = values.value_counts()
    value, rows = counts.field("values"), counts.field("counts")
    most = pc.max(rows)
    tied = value.filter(pc.equal(rows, most))
    name = "missing" if tied.null_count else str(pc.min(tied).as_py())
    return name, int(most.as_py()), len(value) - value.null_count


def folds_of(groups: Names) -> Codes:
    """Return the fold of each row, 0 to FOLDS − 1, by a hash of its group's name; shape (n,)."""
    return (hash_share(groups) * FOLDS).astype(np.int64)


def single_auc(codes: Codes, won: Bools, fold: Codes) -> float:
    """Return how well one column alone ranks held-out rows.

    Each fold is ranked by the share won of its level in the other folds, smoothed towards their base rate: (wins + s·base) / (rows + s), s = SMOOTHING. So ends and middle of a
    number both count, and a level seen once says nothing. The AUC (Mann and Whitney 1947, ties one half) is
    averaged over the folds, weighted by their pairs.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Level of each row, from 0; missing is a level of its own.
    won : ndarray of bool, shape (n,)
    fold : ndarray of int64, shape (n,)
        Rows of one fold never rank each other.

    Returns
    -------
    float
        In [0, 1]; 0.5 where there is nothing to compare.
    """
    n_levels = int(codes.max()) + 1
    cells = np.bincount((fold * n_levels + codes) * 2 + won, minlength=FOLDS * n_levels * 2)
    counts = cells.reshape(FOLDS, n_levels, 2).astype(np.float64)
    everything = counts.sum(axis=0)
    total, weight = 0.0, 0.0
    for held_out in counts:
        rest = everything - held_out
        wins, rows = rest[:, 1], rest.sum(axis=1)
        score = (wins + SMOOTHING * wins.sum() / max(rows.sum(), 1.0)) / (rows + SMOOTHING)
        pairs = held_out[:, 0].sum() * held_out[:, 1].sum()
        if pairs:
            total += pairs * _auc(score, held_out[:, 1], held_out[:, 0])
            weight += pairs
    return float(total / weight) if weight else 0.5


def _auc(score: Floats, wins: Floats, others: Floats) -> float:
    """AUC of levels that hold so many wins and others; at least one of each."""
    _, tied = np.unique(score.round(12), return_inverse=True)
    win, other = np.bincount(tied, wins), np.bincount(tied, others)
    below = np.cumsum(other) - other
    return float((win * (below + other / 2)).sum() / (win.sum() * other.sum()))


def as_levels(column: pa.ChunkedArray, dtype: str) -> tuple[Codes, int]:
    """Return the level of each row, from 0, and how many there are; missing is one more.

    A number with more than BINS values falls into bins of about as many rows each.
    """
    known = column.drop_null()
    if dtype == "number":
        values = known.to_numpy()
        edges, position = np.unique(values, return_inverse=True)
        if len(edges) > BINS:
            edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:]))
            position = np.searchsorted(edges[:-1], values, side="right")
        n_levels = len(edges)
    else:
        encoded = known.combine_chunks().dictionary_encode()
        n_levels, position = len(encoded.dictionary), encoded.indices.to_numpy()
    codes = np.full(len(column), n_levels, dtype=np.int64)
    codes[column.is_valid().to_numpy()] = position
    return codes, n_levels
