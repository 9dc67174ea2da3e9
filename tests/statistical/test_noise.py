"""Where there is nothing to learn, nothing is learnt: a shuffled label is refused, and ranks no better than chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lqmodel.classifier import LeadClassifier
from lqmodel.encoding import Encoding
from lqmodel.errors import NoSignal
from lqmodel.fitting import fit
from lqmodel.metrics import auc
from lqmodel.trainingset import WON, Snapshots
from statistical.truth import opened, simulated

SHUFFLES = 3
LEADS = 1_000


def shuffled(snapshots: Snapshots, seed: int) -> Snapshots:
    """Deal the labels anew among all snapshots."""
    won = pa.array(np.random.default_rng(seed).permutation(snapshots.won))
    place = snapshots.table.schema.get_field_index(WON)
    return replace(snapshots, table=snapshots.table.set_column(place, WON, won))


def later_auc(snapshots: Snapshots) -> float:
    """Fit the classifier without the check for a signal; return its AUC on later snapshots."""
    train, test = snapshots.split()
    encoding = Encoding.fit(train.features(), {column.name: column.dtype for column in train.columns})
    classifier = LeadClassifier(categorical_features=encoding.categorical, repeats=2)
    classifier.fit(encoding.transform(train.features()), train.won, groups=train.groups)
    margin = classifier.decision_function(encoding.transform(test.features()))
    return auc(test.won.astype(np.float64), margin)


@pytest.mark.slow
def test_a_shuffled_label_is_refused_and_ranks_as_chance_does(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    snapshots, _ = opened(simulated(tmp_path, LEADS, seed=21))
    true_label = later_auc(snapshots)
    ranked = []
    for seed in range(SHUFFLES):
        noise = shuffled(snapshots, seed)
        with pytest.raises(NoSignal, match="do not beat the base rate"):
            fit(noise.split()[0])
        ranked.append(later_auc(noise))
    tell(
        f"shuffled label, {LEADS:,} leads: NoSignal {SHUFFLES} times of {SHUFFLES}; AUC on later snapshots "
        f"{', '.join(f'{a:.3f}' for a in ranked)}, mean {np.mean(ranked):.3f} (the true label: {true_label:.3f})"
    )
    # about 110 later wins: a standard error of 0.03 each
    assert abs(np.mean(ranked) - 0.5) < 0.06
    assert true_label > 0.7
