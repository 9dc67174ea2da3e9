"""What a fit looks at, on held-out snapshots: families with their moves and gains, a beeswarm, the typical best lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lqmodel.evaluation import rounded
from lqmodel.fitting import Fit
from lqmodel.importance import Importance, gains_of, importance
from lqmodel.metrics import Floats, row_losses
from lqmodel.reasons import Families
from lqmodel.reasons.raw import lead_ages
from lqmodel.reasons.swarm import Swarm, swarm
from lqmodel.trainingset import Snapshots, hash_share
from lqmodel.typical import Typical, typical

ROWS: Final = 50_000
"""Held-out snapshots that are explained, at most: where there are more, a sample by a hash of lead and moment."""
DEALS: Final = 4
"""How often each snapshot is told of another, for the gain of a family; their losses are averaged."""


@dataclass(frozen=True)
class Explained:
    """What the explained snapshots tell; ``of`` counts those that there are."""

    importance: Importance
    swarm: Swarm
    typical: Typical
    of: int

    def to_json(self) -> dict[str, Any]:
        """Return what stands in metrics.json."""
        return {
            "families": [family.to_json() for family in self.importance.families],
            "importance": {**self.importance.to_json(), "of": self.of},
            "swarm": self.swarm.to_json(),
            "typical": rounded(self.typical),
        }


def explained(fitted: Fit, test: Snapshots, thresholds: Mapping[str, float]) -> Explained:
    """Explain held-out snapshots, `ROWS` of them at most.

    Parameters
    ----------
    fitted : Fit
    test : Snapshots
        That it was not fitted on.
    thresholds : mapping of str to float
        Name of a band → probability at which it starts.
    """
    sample = test.take(sampled(test))
    values, model = sample.features(), test.declarations.model
    x, won = fitted.encoding.transform(values), sample.won.astype(np.float64)
    families = Families.of(test.declarations.features, fitted.encoding.names)
    contributions = fitted.ensemble.explain(x)
    effects = families.measure(contributions, fitted.calibration.calibrator)

    def loss_of(rows: Floats) -> Floats:
        return row_losses(won, fitted.calibration.calibrator.probability(fitted.ensemble.margin(rows)))

    gains = gains_of(x, families.members, loss_of, donors(sample))
    ages = lead_ages(sample.created, sample.as_of) if model.has_clock else None
    return Explained(
        importance(effects, gains, values, won, sample.groups, ages, model.classifier.seed),
        swarm(effects, values, ages),
        typical(effects, fitted.calibration.calibrator.probability(contributions.margin), thresholds),
        len(test),
    )


def sampled(test: Snapshots, most: int = ROWS) -> NDArray[np.bool_]:
    """Choose snapshots by a hash of lead and moment, which the order of rows does not change; shape (n,)."""
    chosen = np.zeros(len(test), dtype=bool)
    chosen[np.argsort(_shares(test), kind="stable")[:most]] = True
    return chosen


def donors(sample: Snapshots, deals: int = DEALS) -> list[NDArray[np.intp]]:
    """Deal each snapshot another one, by a hash of lead and moment, which the order of rows does not change."""
    found = []
    for deal in range(deals):
        order = np.argsort(_shares(sample, f"deal {deal}"), kind="stable")
        donor = np.empty(len(order), dtype=np.intp)
        donor[order] = np.roll(order, 1)
        found.append(donor)
    return found


def _shares(snapshots: Snapshots, salt: str = "") -> Floats:
    """Return a number in [0, 1) for each snapshot, by a hash."""
    moments = np.char.add(snapshots.as_of.astype(str), salt)
    return hash_share(np.char.add(snapshots.lead_ids.astype(str), moments).astype(object))
