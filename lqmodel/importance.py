"""How much each family of features moves the leads' odds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lqmodel.evaluation import DIGITS
from lqmodel.reasons import Effects


@dataclass(frozen=True)
class FamilyWeight:
    """The weight of one declared feature, all its windows together.

    Attributes
    ----------
    name, title, kind : str
        The feature, its words, and "fit" or "engagement".
    weight : float
        Mean absolute effect on the calibrated log-odds, per snapshot.
    up, down : float
        Mean of the effects that raise, and of those that lower; ``up`` - ``down`` is ``weight``.
    """

    name: str
    title: str
    kind: str
    weight: float
    up: float
    down: float

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return {k: round(v, DIGITS) if isinstance(v, float) else v for k, v in asdict(self).items()}


def family_weights(effects: Effects) -> tuple[FamilyWeight, ...]:
    """Return the families by weight, heaviest first."""
    found = []
    for declared, column in zip(effects.families.declared, effects.effects.T, strict=True):
        up, down = float(np.maximum(column, 0).mean()), float(np.minimum(column, 0).mean())
        found.append(FamilyWeight(declared.name, declared.title, declared.kind, up - down, up, down))
    return tuple(sorted(found, key=lambda family: (-family.weight, family.name)))
