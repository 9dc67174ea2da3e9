"""Tuning: seeded, limited, and written down."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lqmodel.classifier import LeadClassifier
from lqmodel.errors import UsageError
from lqmodel.tuning import tune


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return X, (rng.random(200) < 1 / (1 + np.exp(1 - 2 * X[:, 0]))).astype(int), np.arange(200) // 2


def test_the_same_trials_choose_the_same(rows):
    base = LeadClassifier(max_rounds=20, n_threads=1)
    one, other = (tune(*rows, trials=3, base=base) for _ in range(2))
    assert one == other
    assert one.trials == 3
    assert one.log_loss <= one.default_log_loss
    assert json.loads(json.dumps(one.to_json())) == one.to_json()
    LeadClassifier(**one.parameters).fit(*rows)


def test_a_time_limit_stops_the_search_and_counts(rows):
    result = tune(*rows, seconds=0.001, base=LeadClassifier(max_rounds=5))
    assert (result.trials, result.parameters) == (1, {})


@pytest.mark.parametrize("limits", [{}, {"seconds": 0}, {"trials": -1}])
def test_a_search_needs_a_limit(rows, limits):
    with pytest.raises(UsageError, match="positive limit"):
        tune(*rows, **limits)
