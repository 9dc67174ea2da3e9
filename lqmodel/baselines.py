"""What the booster has to beat: the base rate, a points rule, and logistic regression.

Each is fitted on the encoded training rows and returns probabilities for encoded rows: NaN is missing,
categories are codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.calibration_candidates import platt_line, tally
from lqmodel.errors import UsageError

Floats = NDArray[np.float64]


def base_rate(y: ArrayLike, n_rows: int) -> Floats:
    """Give every row the share of training rows that won.

    >>> base_rate([0, 0, 0, 1], 2)
    array([0.25, 0.25])
    """
    return np.full(n_rows, np.asarray(y, dtype=np.float64).mean())


@dataclass(frozen=True)
class PointsRule:
    """One point for each numeric feature beyond its training median, in its direction; Platt-scaled.

    Attributes
    ----------
    positions : tuple of int
        Columns that can give a point.
    signs : tuple of {-1, 1}
        1: above the median gives the point; -1: below it.
    medians : tuple of float
        Of the training rows that hold a value; NaN for a column without any, which then gives no points.
    at_zero, slope : float
        Log-odds at no points, and per point (negative if points turn out to speak against winning).

    Examples
    --------
    >>> visits = np.arange(100.0).reshape(-1, 1)
    >>> rule = PointsRule.fit(visits, visits[:, 0] > 60, directions=[1])
    >>> rule.points([[3.0], [90.0], [np.nan]])
    array([0., 1., 0.])
    """

    positions: tuple[int, ...]
    signs: tuple[int, ...]
    medians: tuple[float, ...]
    at_zero: float
    slope: float

    @classmethod
    def fit(
        cls, X: ArrayLike, y: ArrayLike, directions: Sequence[int], categorical: Sequence[int] = ()
    ) -> Self:
        """Learn medians and the scale.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_columns)
        y : array-like of {0, 1}, shape (n_rows,)
        directions : sequence of {-1, 0, 1}, one per column
            Declared direction; 0 counts as 1.
        categorical : sequence of int
            Positions that hold codes, and give no points.
        """
        X = np.asarray(X, dtype=np.float64)
        if len(directions) != X.shape[1] or not set(directions) <= {-1, 0, 1}:
            raise UsageError(f"directions must be {X.shape[1]} values of -1, 0 or 1, got {list(directions)}")
        positions = tuple(i for i in range(X.shape[1]) if i not in set(categorical))
        signs = tuple(-1 if directions[i] < 0 else 1 for i in positions)
        medians = tuple(_median(X[:, i]) for i in positions)
        points = cls(positions, signs, medians, 0.0, 1.0).points(X)
        order = np.argsort(points, kind="stable")
        at_zero, slope = platt_line(
            tally(points[order], np.asarray(y, dtype=np.float64)[order]), least=-np.inf
        )
        return cls(positions, signs, medians, at_zero, slope)

    def points(self, X: ArrayLike) -> Floats:
        """Return the points of each row, shape (n_rows,); a missing value gives none."""
        X = np.asarray(X, dtype=np.float64)[:, list(self.positions)]
        given: Floats = (
            ((X - np.array(self.medians)) * np.array(self.signs) > 0).sum(axis=1).astype(np.float64)
        )
        return given

    def predict(self, X: ArrayLike) -> Floats:
        """Return P(won) of each row, shape (n_rows,)."""
        return np.exp(-np.logaddexp(0.0, -(self.at_zero + self.slope * self.points(X))))


def logistic_baseline(categorical: Sequence[int] = ()) -> Any:
    """Return an unfitted scikit-learn pipeline: impute and scale numbers, one-hot categories, regress.

    Parameters
    ----------
    categorical : sequence of int
        Positions that hold codes; missing is a level of its own, levels under 20 rows share a column.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Its `predict_proba` gives P(won) in column 1.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    codes = sorted(set(categorical))
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    return make_pipeline(
        make_column_transformer((levels, codes), remainder=numbers), LogisticRegression(max_iter=2000)
    )


def _median(values: Floats) -> float:
    held = values[~np.isnan(values)]
    return float(np.median(held)) if len(held) else float("nan")
