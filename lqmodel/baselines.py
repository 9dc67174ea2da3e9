"""What the booster has to beat: the base rate, a points rule, logistic regression, and scores that are in use.

Each is fitted on training rows and returns probabilities for others: NaN is missing, and in encoded rows
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
class PlattScaled:
    """Probabilities from one score: log-odds on a line (Platt 1999), and a rate for where there is no score.

    Attributes
    ----------
    mean, scale : float
        Of the training rows' scores: so that any unit will do.
    at_mean, slope : float
        Log-odds at the mean, and per standard deviation; the slope is negative where the score turns out to
        speak against winning.
    missing : float
        P(won) without a score.

    Examples
    --------
    >>> score = np.arange(100.0)
    >>> scaled = PlattScaled.fit(score, score < 30)
    >>> scaled.slope < 0, bool(scaled.predict([90.0])[0] < scaled.predict([10.0])[0])
    (True, True)
    """

    mean: float
    scale: float
    at_mean: float
    slope: float
    missing: float

    @classmethod
    def fit(cls, score: ArrayLike, y: ArrayLike) -> Self:
        """Learn the line from the rows that hold a score, and the rate of those that do not.

        Parameters
        ----------
        score : array-like of float, shape (n_rows,)
            In any unit and direction; NaN is missing.
        y : array-like of {0, 1}, shape (n_rows,)
        """
        score, y = np.asarray(score, dtype=np.float64), np.asarray(y, dtype=np.float64)
        held = np.flatnonzero(~np.isnan(score))
        without = y[np.isnan(score)]
        # as if one more row had been seen at the base rate: a few rows without a score must not say 0 or 1
        missing = float((without.sum() + y.mean()) / (len(without) + 1))
        if not len(held):
            return cls(0.0, 1.0, 0.0, 0.0, missing)
        order = held[np.argsort(score[held], kind="stable")]
        mean, scale = float(score[held].mean()), float(score[held].std()) or 1.0
        at_mean, slope = platt_line(tally((score[order] - mean) / scale, y[order]), least=-np.inf)
        return cls(mean, scale, at_mean, slope, missing)

    def predict(self, score: ArrayLike) -> Floats:
        """Return P(won) of each row, shape (n_rows,)."""
        score = np.asarray(score, dtype=np.float64)
        held = ~np.isnan(score)
        margin = self.at_mean + self.slope * (score[held] - self.mean) / self.scale
        given = np.full(len(score), self.missing)
        given[held] = np.exp(-np.logaddexp(0.0, -margin))
        return given


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
    scaled : PlattScaled or None
        Points → probability; None until fitted.

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
    scaled: PlattScaled | None = None

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
        points = cls(positions, signs, medians).points(X)
        return cls(positions, signs, medians, PlattScaled.fit(points, y))

    def points(self, X: ArrayLike) -> Floats:
        """Return the points of each row, shape (n_rows,); a missing value gives none."""
        X = np.asarray(X, dtype=np.float64)[:, list(self.positions)]
        given: Floats = (
            ((X - np.array(self.medians)) * np.array(self.signs) > 0).sum(axis=1).astype(np.float64)
        )
        return given

    def predict(self, X: ArrayLike) -> Floats:
        """Return P(won) of each row, shape (n_rows,)."""
        if self.scaled is None:
            raise UsageError("the points rule has not been fitted", do="make it with PointsRule.fit")
        return self.scaled.predict(self.points(X))


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
