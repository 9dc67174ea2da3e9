"""The recipe, fitted once: snapshots → encoding, bag of boosters, calibrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lqmodel.calibration import CalibrationResult, fit_calibrator
from lqmodel.classifier import LeadClassifier
from lqmodel.encoding import Encoding
from lqmodel.folds import check_enough_wins
from lqmodel.trainingset import Snapshots
from lqmodel.treeshap import TreeEnsemble
from lqmodel.tuning import Tuning, tune

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """One fitting of the recipe: encoding, bag of boosters, calibrator."""

    encoding: Encoding
    texts: tuple[str, ...]
    ensemble: TreeEnsemble
    calibration: CalibrationResult
    params: Mapping[str, Any]

    def margin(self, snapshots: Snapshots) -> Floats:
        """Log-odds of the booster, shape (n,), float64."""
        return self.ensemble.margin(self.encoding.transform(snapshots.features()))

    def probability(self, snapshots: Snapshots) -> Floats:
        """Calibrated probability, shape (n,), float64 in (0, 1)."""
        return self.calibration.calibrator.probability(self.margin(snapshots))


def fit(snapshots: Snapshots, threads: int | None = None, tuned: Mapping[str, Any] | None = None) -> Fit:
    """Fit encoding, classifier and calibrator on labelled snapshots.

    Parameters
    ----------
    snapshots : Snapshots
    threads : int, optional
        Results do not depend on it.
    tuned : mapping, optional
        Parameters of the classifier that a search chose; declared ones come first.

    Raises
    ------
    TooFewWins
        Fewer leads won or lost than can be learned from.
    NoSignal
        Nothing beats the base rate on held-out folds.
    """
    won, groups = snapshots.won, snapshots.groups
    check_enough_wins(won, groups)
    seed = snapshots.declarations.model.classifier.seed
    encoding = _encoding(snapshots)
    classifier = _classifier(snapshots, encoding, threads, tuned or {})
    classifier.fit(encoding.transform(snapshots.features()), won, groups=groups)
    calibration = fit_calibrator(classifier.oof_margin_, won, groups, random_state=seed)
    texts = tuple(classifier.booster_texts())
    params = {
        **{
            k: v
            for k, v in classifier.get_params().items()
            if k not in ("monotone_constraints", "categorical_features", "n_threads")
        },
        "learning_rate": classifier.learning_rate_,
        "repeats": classifier.repeats_,
        "early_stopping_rounds": classifier.early_stopping_rounds_,
        "rounds": classifier.rounds_,
        "calibration": calibration.calibrator.name,
        "features": len(encoding.names),
        "rows": len(snapshots),
    }
    return Fit(encoding, texts, TreeEnsemble.from_texts(texts, len(encoding.names)), calibration, params)


def search(snapshots: Snapshots, seconds: float, threads: int | None = None) -> Tuning:
    """Search the classifier's parameters by held-out log loss for so many seconds."""
    encoding = _encoding(snapshots)
    base = _classifier(snapshots, encoding, threads, {})
    x = encoding.transform(snapshots.features())
    return tune(
        x, snapshots.won, snapshots.groups, seconds=seconds, base=base, random_state=base.random_state
    )


def _encoding(snapshots: Snapshots) -> Encoding:
    return Encoding.fit(snapshots.features(), {c.name: c.dtype for c in snapshots.columns})


def _classifier(
    snapshots: Snapshots, encoding: Encoding, threads: int | None, tuned: Mapping[str, Any]
) -> LeadClassifier:
    options = snapshots.declarations.model.classifier
    by_name = {c.name: c.constraint for c in snapshots.columns}
    constraints = [by_name[name] for name in encoding.names]
    parameters: dict[str, Any] = {**tuned, **options.given()}
    return LeadClassifier(
        **parameters,
        monotone_constraints=constraints if any(constraints) else None,
        categorical_features=encoding.categorical or None,
        n_threads=threads,
        random_state=options.seed,
    )
