"""Search for the classifier's parameters by held-out log loss, and write down what was chosen."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lqmodel.classifier import LeadClassifier
from lqmodel.errors import UsageError


@dataclass(frozen=True)
class Tuning:
    """What a search chose.

    Attributes
    ----------
    parameters : dict of str to int or float
        For `LeadClassifier`; empty if nothing beat the defaults.
    trials : int
        Trials completed, the defaults being the first: running as many again chooses the same.
    log_loss, default_log_loss : float
        Held-out, in nats per row, of the choice and of the defaults; the first is the least of many, hence
        a little flattered.
    """

    parameters: dict[str, Any]
    trials: int
    log_loss: float
    default_log_loss: float

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return asdict(self)


def tune(
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    seconds: float | None = None,
    trials: int | None = None,
    base: LeadClassifier | None = None,
    random_state: int = 0,
) -> Tuning:
    """Search with a seeded tree-structured Parzen estimator (Bergstra et al. 2011).

    A time limit decides after how many trials to stop, so two machines may stop at different ones: the
    number is part of the result, and `trials=` repeats it to the digit. A trial trains a single repeat.

    Parameters
    ----------
    X, y, groups
        As in `LeadClassifier.fit`.
    seconds : float, optional
        No trial starts later than this.
    trials : int, optional
        Most trials; at least one of the two limits is needed.
    base : LeadClassifier, optional
        Holds what is not searched: constraints, categories, threads.
    random_state : int, default 0

    Raises
    ------
    UsageError
        Neither limit is given, or one is not positive.
    """
    limits = [limit for limit in (seconds, trials) if limit is not None]
    if not limits or min(limits) <= 0:
        raise UsageError(f"a search needs a positive limit, got seconds={seconds}, trials={trials}")
    import optuna

    template = LeadClassifier() if base is None else base
    won = np.unique(np.asarray(y), return_inverse=True)[1]

    def loss(parameters: dict[str, Any]) -> float:
        model = LeadClassifier(**(template.get_params() | {"repeats": 1} | parameters)).fit(X, y, groups)
        margin = model.oof_margin_
        return float(np.mean(np.logaddexp(0.0, margin) - won * margin))

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would announce the study on stderr
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=random_state, n_startup_trials=8))
    optuna.logging.set_verbosity(verbosity)
    started = time.monotonic()
    default_loss = loss({})
    done = 1
    while done < (trials or np.inf) and (seconds is None or time.monotonic() - started < seconds):
        trial = study.ask()
        study.tell(trial, loss(_suggest(trial)))
        done += 1
    better = [trial for trial in study.trials if trial.value is not None and trial.value < default_loss]
    if not better:
        return Tuning({}, done, default_loss, default_loss)
    best = min(better, key=lambda trial: (trial.value, trial.number))
    return Tuning(dict(best.params), done, float(best.value or 0.0), default_loss)


def _suggest(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 48, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 7),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 200, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 50.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 100.0, log=True),
        "cat_l2": trial.suggest_float("cat_l2", 1.0, 100.0, log=True),
    }
