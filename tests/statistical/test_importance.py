"""Does the gain tell what is needed from what is not? On drawn leads, where noise is known to be noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from lqmodel.calibration import fit_calibrator
from lqmodel.classifier import LeadClassifier
from lqmodel.declarations import VERBS, DeclaredFeature
from lqmodel.explained import DEALS
from lqmodel.importance import FamilyWeight, gains_of, importance
from lqmodel.metrics import row_losses
from lqmodel.reasons import Families
from lqmodel.treeshap import TreeEnsemble

SEEDS = 40
LEADS, SNAPSHOTS = 700, 3
NOISE = ("noise", "noise_of_the_lead", "noise_category")
NAMES = ("strong", "weak", *NOISE)


def declared(name: str) -> DeclaredFeature:
    dtype = "category" if name == "noise_category" else "number"
    feature = VERBS["attribute"].model_validate(
        {"source": "leads", "verb": "attribute", "column": name, "dtype": dtype}
    )
    return DeclaredFeature(name, "fit", "fit", feature)


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Snapshots of leads that share a temper of their own, which no feature tells: columns, outcomes, leads."""
    n = LEADS * SNAPSHOTS
    lead = np.repeat(np.arange(LEADS), SNAPSHOTS)
    temper = 0.8 * rng.normal(size=LEADS)[lead]
    x = rng.normal(size=(n, 5))
    x[:, NAMES.index("noise_of_the_lead")] = rng.normal(size=LEADS)[lead]
    x[:, NAMES.index("noise_category")] = rng.integers(0, 8, n)
    logit = -2.0 + 1.0 * x[:, 0] + 0.3 * x[:, 1] + temper
    return x, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float), lead


def measured(seed: int) -> dict[str, FamilyWeight]:
    rng = np.random.default_rng(seed)
    (x, won, lead), (later, later_won, later_lead) = drawn(rng), drawn(rng)
    classifier = LeadClassifier(
        repeats=2, folds=3, max_rounds=150, categorical_features=[NAMES.index("noise_category")]
    )
    classifier.fit(x, won, groups=lead)
    calibrator = fit_calibrator(classifier.oof_margin_, won, lead).calibrator
    ensemble = TreeEnsemble.from_texts(classifier.booster_texts(), len(NAMES))
    families = Families.of(map(declared, NAMES), NAMES)
    effects = families.measure(ensemble.explain(later), calibrator)

    def loss_of(rows: np.ndarray) -> np.ndarray:
        return row_losses(later_won, calibrator.probability(ensemble.margin(rows)))

    gains = gains_of(later, families.members, loss_of, [rng.permutation(len(later)) for _ in range(DEALS)])
    values = pa.table({name: later[:, i] for i, name in enumerate(NAMES)})
    found = importance(effects, gains, values, later_won, later_lead, random_state=seed)
    return {family.name: family for family in found.families}


@pytest.mark.slow
def test_the_gain_of_noise_holds_zero_and_that_of_truth_does_not(tell: Callable[[str], None]) -> None:
    found = [measured(seed) for seed in range(SEEDS)]
    held = {name: np.mean([f[name].gain.low <= 0 <= f[name].gain.high for f in found]) for name in NAMES}
    above = {name: np.mean([f[name].gain.low > 0 for f in found]) for name in NAMES}
    tell(
        f"90 % interval of the gain, {SEEDS} companies of {LEADS} leads: holds zero in "
        + ", ".join(f"{name} {held[name]:.0%}" for name in NAMES)
        + f"; noise above zero in {', '.join(f'{above[name]:.0%}' for name in NOISE)}"
    )
    assert all(f["strong"].gain.low > 0 for f in found)
    for name in NOISE:
        assert held[name] >= 0.85
        assert above[name] <= 0.15
    # and the weight of noise is never zero, which is why it cannot answer
    assert all(f["noise"].weight.low > 0 for f in found if f["noise"].weight.value > 0)
