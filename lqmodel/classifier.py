"""LightGBM as a scikit-learn estimator whose held-out margins calibrate the very margin that it ships.

Grain: one row per snapshot. Unit: the margin is in log-odds. Rows are put in an order of their own before
training and every booster trains in one thread, so that neither the order of the input nor the number of
threads changes a byte of the model.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from lqmodel.folds import assign_folds, group_keys, row_keys

_GAIN = 1e-5
"""Least fall of the held-out log loss, in nats, that counts as better."""
_PLAIN_ROWS = 20_000
"""Up to this many rows a fit is cheap, and nothing is saved; see `LeadClassifier` for the rule beyond."""


class LeadClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Cross-fitted bag of gradient-boosted trees for won or not won.

    Each repeat cuts the rows into folds and trains one booster per fold on the other folds. Every booster
    gets the same number of rounds: the mean, over all of them, of the round with the least log loss on the
    fold held out. One booster of each repeat is kept, and the kept boosters' margins are averaged.

    *Why one of each repeat.* A row that the model is asked about was seen by none of the kept boosters, and
    its margin averages one unseen booster of each repeat. The held-out margin `oof_margin_` of a training row
    averages one unseen booster of each repeat as well: as many, trained on as much, from partitions drawn the
    same way. The two are alike in distribution, so a calibrator fitted on the one is right for the other.
    Keeping every booster would average `folds` times as many margins in use as in calibration, hence a
    smoother margin with a steeper true slope, and score `folds` times as slowly; nesting a whole bag in each
    fold would train `folds` times as many boosters, on less data. Averaged trees remain trees, so
    contributions stay exact.

    *Why the same number of rounds.* A booster stopped by its own held-out fold flatters that fold. Measured
    on simulated leads (20 columns, 1,000 rows; 30 samples): the slope of the outcome on the held-out margin
    was 1.14 times the slope on new rows when each booster stopped by itself, and 1.01 (standard error 0.03)
    with common rounds; at 4,000 rows 1.04, and 1.01.

    *Sizes.* Left at None, learning rate and repeats follow the n rows: `repeats` = 160,000 / n within 2 … 8;
    `learning_rate` = 0.03 · √(n / 20,000) within 0.03 … 0.1; `early_stopping_rounds` = 1.5 / learning rate.
    Few rows get a slow, much averaged fit; many rows, where single boosters differ little, a fast one.

    Parameters
    ----------
    learning_rate : float in (0, 1] or None, default None
        Shrinkage of each tree; None follows the number of rows.
    num_leaves : int, default 15
        Most leaves of a tree.
    max_depth : int, default 6
        Most tests on a path; bounds the tables of exact explanations (2 to this power).
    min_child_samples : int, default 20
        Fewest rows of a leaf.
    feature_fraction : float in (0, 1], default 0.5
        Share of the columns that each tree may use.
    bagging_fraction : float in (0, 1], default 0.8
        Share of the rows that each tree is grown on.
    lambda_l2 : float, default 5.0
        Penalty on squared leaf values.
    cat_smooth, cat_l2 : float, default 10.0
        Smoothing of a level's statistic, and penalty on splits by level: both shrink rare levels.
    max_rounds : int, default 2000
        Most trees of a booster.
    early_stopping_rounds : int or None, default None
        Rounds without a better held-out log loss before a search stops; None follows the learning rate.
    folds : int, default 5
        Parts of each partition; fewer if there are fewer groups of either class.
    repeats : int or None, default None
        Partitions, hence boosters kept; None follows the number of rows.
    monotone_constraints : sequence of {-1, 0, 1} or None, default None
        One per column: the margin never rises (-1), is free (0), or never falls (1) as the column grows.
    categorical_features : sequence of int or None, default None
        Positions of the columns that hold codes of levels.
    n_threads : int or None, default None
        Boosters trained at the same time; None takes every core. Never changes the result.
    random_state : int, default 0
        Seed of partitions and samples.

    Attributes
    ----------
    boosters_ : list of lightgbm.Booster
        One per repeat; the margin is the mean of theirs.
    classes_ : ndarray of shape (2,)
        The two labels; the second is the win.
    oof_margin_ : ndarray of float64, shape (n_rows,)
        Held-out margin of each training row, in the order of `X`.
    fold_ : ndarray of int64, shape (repeats, n_rows)
        Fold of each training row in each repeat.
    best_rounds_ : ndarray of int64, shape (repeats, folds)
        Round with the least held-out log loss of every booster trained.
    rounds_ : int
        Trees of each booster kept: the mean of `best_rounds_`, rounded.
    learning_rate_, repeats_, early_stopping_rounds_
        What was used.
    n_features_in_ : int
        Columns seen.

    Examples
    --------
    >>> import numpy as np
    >>> visits = np.arange(200.0).reshape(-1, 1)
    >>> model = LeadClassifier(repeats=1).fit(visits, (visits[:, 0] > 120).astype(int))
    >>> model.predict([[3.0], [190.0]])
    array([0, 1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "learning_rate": [Interval(Real, 0, 1, closed="right"), None],
        "num_leaves": [Interval(Integral, 2, 4096, closed="both")],
        "max_depth": [Interval(Integral, 1, 16, closed="both")],
        "min_child_samples": [Interval(Integral, 1, None, closed="left")],
        "feature_fraction": [Interval(Real, 0, 1, closed="right")],
        "bagging_fraction": [Interval(Real, 0, 1, closed="right")],
        "lambda_l2": [Interval(Real, 0, None, closed="left")],
        "cat_smooth": [Interval(Real, 0, None, closed="left")],
        "cat_l2": [Interval(Real, 0, None, closed="left")],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
        "early_stopping_rounds": [Interval(Integral, 1, None, closed="left"), None],
        "folds": [Interval(Integral, 2, 100, closed="both")],
        "repeats": [Interval(Integral, 1, 100, closed="both"), None],
        "monotone_constraints": ["array-like", None],
        "categorical_features": ["array-like", None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": [Interval(Integral, 0, 2**31 - 1, closed="both")],
    }

    def __init__(
        self,
        *,
        learning_rate: float | None = None,
        num_leaves: int = 15,
        max_depth: int = 6,
        min_child_samples: int = 20,
        feature_fraction: float = 0.5,
        bagging_fraction: float = 0.8,
        lambda_l2: float = 5.0,
        cat_smooth: float = 10.0,
        cat_l2: float = 10.0,
        max_rounds: int = 2000,
        early_stopping_rounds: int | None = None,
        folds: int = 5,
        repeats: int | None = None,
        monotone_constraints: ArrayLike | None = None,
        categorical_features: ArrayLike | None = None,
        n_threads: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.max_depth = max_depth
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.lambda_l2 = lambda_l2
        self.cat_smooth = cat_smooth
        self.cat_l2 = cat_l2
        self.max_rounds = max_rounds
        self.early_stopping_rounds = early_stopping_rounds
        self.folds = folds
        self.repeats = repeats
        self.monotone_constraints = monotone_constraints
        self.categorical_features = categorical_features
        self.n_threads = n_threads
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the bag.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Encoded features; NaN is missing.
        y : array-like of shape (n_rows,)
            Two labels; the greater one is the win.
        groups : array-like of shape (n_rows,) or None
            Account, else lead, of each row: rows of one group share a fold. None: each row stands alone.

        Raises
        ------
        ValueError
            Not two classes, too few groups to hold any out, or a parameter outside its range.
        """
        self._validate_params()
        features, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        won = self._wins(labels)
        keys = None if groups is None else group_keys(groups)
        check_consistent_length(features, keys)
        n_rows = len(features)
        size = _sizes(n_rows, self.learning_rate, self.repeats, self.early_stopping_rounds)
        self.learning_rate_, self.repeats_, self.early_stopping_rounds_ = size

        # Rows with equal keys are equal, so that their order cannot matter.
        order = np.argsort(row_keys(features, won, keys), kind="stable")
        features, won = np.ascontiguousarray(features[order]), won[order]
        units = np.arange(n_rows, dtype=np.uint64) if keys is None else keys[order]
        partitions = [
            assign_folds(units, won, self.folds, seed=self.random_state + 1_000_003 * repeat)
            for repeat in range(self.repeats_)
        ]
        jobs = [
            _Job(partition, fold, seed=(self.random_state + 1009 * repeat + fold) % 2**31)
            for repeat, partition in enumerate(partitions)
            for fold in range(int(partition.max()) + 1)
        ]
        data = lgb.Dataset(
            features, won, params=self._booster_parameters(), **self._column_kinds()
        ).construct()
        with ThreadPoolExecutor(min(self.n_threads or os.cpu_count() or 1, len(jobs))) as pool:
            grown = list(pool.map(lambda job: self._grow(job, data), jobs))
            self.best_rounds_ = np.array([rounds for _, rounds in grown]).reshape(self.repeats_, -1)
            self.rounds_ = max(round(float(self.best_rounds_.mean())), 1)
            trained = list(pool.map(lambda one: self._finish(one[0]), grown))
            held_out = [np.flatnonzero(job.partition == job.fold) for job in jobs]
            margins = list(
                pool.map(lambda booster, rows: _margin(booster, features[rows], 1), trained, held_out)
            )

        n_folds = self.best_rounds_.shape[1]
        self.boosters_ = [trained[n_folds * repeat + repeat % n_folds] for repeat in range(self.repeats_)]
        total = np.zeros(n_rows)
        for rows, margin in zip(held_out, margins, strict=True):
            total[rows] += margin
        self.oof_margin_ = np.empty(n_rows)
        self.oof_margin_[order] = total / self.repeats_
        self.fold_ = np.empty((self.repeats_, n_rows), dtype=np.int64)
        self.fold_[:, order] = partitions
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the margin (uncalibrated log-odds of a win), shape (n_rows,)."""
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        total = np.zeros(len(features))
        for booster in self.boosters_:
            total += _margin(booster, features, self.n_threads or os.cpu_count() or 1)
        margin: NDArray[np.float64] = total / len(self.boosters_)
        return margin

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return uncalibrated probabilities of both classes, shape (n_rows, 2)."""
        margin = self.decision_function(X)
        p = np.exp(-np.logaddexp(0.0, -margin))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likelier label of each row, shape (n_rows,)."""
        likelier = (self.decision_function(X) > 0).astype(np.intp)
        labels: NDArray[Any] = self.classes_[likelier]
        return labels

    def booster_texts(self) -> list[str]:
        """Return the kept boosters as LightGBM text, in the order in which their margins are added."""
        check_is_fitted(self)
        return [booster.model_to_string() for booster in self.boosters_]

    def _wins(self, y: NDArray[Any]) -> NDArray[np.float64]:
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. "
                f"The type of the target is {type_of_target(y)}, with {len(self.classes_)} classes."
            )
        if len(self.classes_) < 2:
            raise ValueError(f"Two classes are needed, but y holds only one class: {self.classes_[0]}.")
        return codes.astype(np.float64)

    def _column_kinds(self) -> dict[str, Any]:
        """Check the per-column parameters and return LightGBM's form of the categories."""
        n = self.n_features_in_
        positions = (
            [] if self.categorical_features is None else np.asarray(self.categorical_features).tolist()
        )
        if not all(isinstance(i, int) and 0 <= i < n for i in positions):
            raise ValueError(f"categorical_features must be positions in 0 … {n - 1}, got {positions}.")
        signs = [0] * n if self.monotone_constraints is None else list(np.asarray(self.monotone_constraints))
        if len(signs) != n or not set(signs) <= {-1, 0, 1}:
            raise ValueError(f"monotone_constraints must be {n} values of -1, 0 or 1, got {signs}.")
        if any(signs[i] for i in positions):
            both = [i for i in positions if signs[i]]
            raise ValueError(f"levels have no order, but columns {both} are categorical and constrained.")
        return {"categorical_feature": positions}

    def _booster_parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "objective": "binary",
            "learning_rate": self.learning_rate_,
            "num_leaves": self.num_leaves,
            "max_depth": self.max_depth,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "cat_smooth": self.cat_smooth,
            "cat_l2": self.cat_l2,
            "linear_tree": False,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        if self.monotone_constraints is not None and np.any(self.monotone_constraints):
            parameters["monotone_constraints"] = np.asarray(self.monotone_constraints).tolist()
            parameters["monotone_constraints_method"] = "intermediate"
        return parameters

    def _grow(self, job: _Job, data: lgb.Dataset) -> tuple[lgb.Booster, int]:
        """Train on the other folds until the held-out log loss stops falling; return its best round."""
        held_out = job.partition == job.fold
        booster = lgb.Booster(
            self._booster_parameters() | {"seed": job.seed}, data.subset(np.flatnonzero(~held_out).tolist())
        )
        booster.add_valid(data.subset(np.flatnonzero(held_out).tolist()), "held out")
        best_loss, best_rounds, stale = np.inf, 1, 0
        for _ in range(self.max_rounds):
            finished = booster.update()  # True: no split among the columns drawn; others may be drawn next
            loss = booster.eval_valid()[0][2]
            if not finished and loss < best_loss - _GAIN:
                best_loss, best_rounds, stale = loss, booster.current_iteration(), 0
            else:
                stale += 1
            if stale >= self.early_stopping_rounds_:
                break
        return booster, best_rounds

    def _finish(self, booster: lgb.Booster) -> lgb.Booster:
        """Bring a booster to the common number of rounds, and drop the training data."""
        for _ in range(self.rounds_ - booster.current_iteration()):
            booster.update()
        # Through text, so that what predicts is, to the digit, what is saved.
        return lgb.Booster(model_str=booster.model_to_string(num_iteration=self.rounds_))


@dataclass(frozen=True)
class _Job:
    partition: NDArray[np.int64]
    fold: int
    seed: int


def _margin(booster: lgb.Booster, X: NDArray[np.float64], n_threads: int) -> NDArray[np.float64]:
    return np.asarray(booster.predict(X, raw_score=True, num_threads=n_threads), dtype=np.float64)


def _sizes(
    n_rows: int, learning_rate: float | None, repeats: int | None, patience: int | None
) -> tuple[float, int, int]:
    """Fill in what was left at None; the rule stands in `LeadClassifier`."""
    if learning_rate is None:
        learning_rate = round(min(max(0.03 * (n_rows / _PLAIN_ROWS) ** 0.5, 0.03), 0.1), 4)
    if repeats is None:
        repeats = min(max(8 * _PLAIN_ROWS // n_rows, 2), 8)
    if patience is None:
        patience = max(round(1.5 / learning_rate), 1)
    return learning_rate, repeats, patience
