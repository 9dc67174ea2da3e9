"""What a bundle's probabilities rest on, as hashes: tells which runs of different bundles can be compared.

Two runs rest on the same trees, or on the same trees under another calibrator, or on other trees that read
columns of the same meaning, or on columns of another meaning. What people read (words, titles) is no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lqmodel.bundle import Bundle
from lqmodel.files import canonical, sha256

_DIGITS = 12
_SAID = {"title", "reason", "actionable"}  # of a feature: what its values do not depend on
_PLACE = {"uri", "columns", "display", "timeline", "freshness"}  # of a source


@dataclass(frozen=True)
class Makeup:
    """Hashes of the parts of a bundle.

    Attributes
    ----------
    trees : str
        The boosters, and how columns become numbers.
    calibrator : str
    features : mapping of str to str
        Family → how its columns come about: its declaration, that of its source, and since when that is covered.
    """

    trees: str
    calibrator: str
    features: Mapping[str, str]

    @classmethod
    def of(cls, bundle: Bundle) -> Makeup:
        """Hash the parts of a bundle."""
        return cls(
            trees=_hash([list(bundle.texts), bundle.encoding.to_json()]),
            calibrator=_hash(bundle.calibrator.to_json()),
            features={f.name: _hash(_meaning(bundle, f.file, f.name)) for f in bundle.declarations.features},
        )

    def other_features(self, other: Makeup) -> tuple[str, ...]:
        """Return the families of this bundle whose columns mean something else in another, or are not there; sorted."""
        return tuple(sorted(f for f, meaning in self.features.items() if other.features.get(f) != meaning))

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return {"trees": self.trees, "calibrator": self.calibrator, "features": dict(self.features)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Makeup:
        """Rebuild what `to_json` returned."""
        return cls(stored["trees"], stored["calibrator"], dict(stored["features"]))


def _meaning(bundle: Bundle, file: str, name: str) -> list[Any]:
    raw = bundle.declarations.raw
    feature = {k: v for k, v in raw["features"][file][name].items() if k not in _SAID}
    source = {k: v for k, v in raw["sources"][feature["source"]].items() if k not in _PLACE}
    start = bundle.fitted.observed_from.get(feature["source"])
    return [feature, source, start, bundle.declarations.model.zone]


def _hash(value: Any) -> str:
    return sha256(canonical(value))[:_DIGITS]
