"""Contributions of columns → effects of families, on the calibrated scale.

A family is all columns of one declared feature. An effect is in calibrated log-odds; exp(effect) is a factor
on the odds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lqmodel.declarations import Column, DeclaredFeature
from lqmodel.errors import ColumnMissing

if TYPE_CHECKING:
    from lqmodel.calibration import Calibrator
    from lqmodel.treeshap import Contributions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SAME = 1e-9  # margins this close to the base: the quotient of differences would be noise


@dataclass(frozen=True)
class Families:
    """Which columns belong together.

    Attributes
    ----------
    declared : tuple of DeclaredFeature
        The families, sorted by name.
    columns : tuple of Column
        In the order of the encoded array.
    members : tuple of tuple of int
        For each family the positions of its columns.
    """

    declared: tuple[DeclaredFeature, ...]
    columns: tuple[Column, ...]
    members: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, declared: Iterable[DeclaredFeature], names: Sequence[str]) -> Families:
        """Find the families of an encoded array.

        Parameters
        ----------
        declared : iterable of DeclaredFeature
            The model's features.
        names : sequence of str
            Columns of the encoded array, in its order (`Encoding.names`).

        Raises
        ------
        ColumnMissing
            A column belongs to no declared feature.
        """
        features = sorted(declared, key=lambda feature: feature.name)
        known = {column.name: column for feature in features for column in feature.columns()}
        for name in names:
            if name not in known:
                raise ColumnMissing(
                    f"column {name!r} belongs to no declared feature",
                    exists=sorted(known),
                    do="explain with the declarations that the model was trained from",
                )
        columns = tuple(known[name] for name in names)
        present = [f for f in features if any(column.family == f.name for column in columns)]
        members = tuple(tuple(i for i, c in enumerate(columns) if c.family == f.name) for f in present)
        return cls(tuple(present), columns, members)

    def measure(self, contributions: Contributions, calibrator: Calibrator) -> Effects:
        """Scale contributions to the calibrated logit and add them up by family.

        With margin m, base m₀ and calibrated logits l(m), l(m₀), each contribution φ becomes
        φ·(l(m) - l(m₀)) / (m - m₀); where m = m₀, φ times the calibrator's slope there. The calibrator
        rises strictly, so signs and ranks stay, and base plus effects is the lead's calibrated logit.

        Of a family's columns the one speaks whose contribution is greatest in the direction of the family's
        sum: the largest one could pull the other way, and its words would then contradict the effect.
        """
        base = float(calibrator.logit([contributions.base])[0])
        logit = calibrator.logit(contributions.margin)
        distance = contributions.margin - contributions.base
        same = np.abs(distance) < _SAME
        slope = float(calibrator.slope([contributions.base])[0])
        scale = np.where(same, slope, (logit - base) / np.where(same, 1.0, distance))
        n = len(logit)
        effects, speaker = np.empty((n, len(self.members))), np.empty((n, len(self.members)), dtype=np.int64)
        for family, positions in enumerate(self.members):
            parts = contributions.values[:, positions]
            total = parts.sum(axis=1)
            effects[:, family] = total * scale
            speaker[:, family] = np.array(positions)[np.argmax(parts * np.sign(total)[:, None], axis=1)]
        return Effects(self, contributions.margin, contributions.base, base, logit, effects, speaker)


@dataclass(frozen=True, eq=False)
class Effects:
    """What each family does to each lead: base + effects.sum(axis=1) is the logit to 1e-6.

    Attributes
    ----------
    families : Families
    margin : ndarray of float64, shape (n,)
    base_margin : float
    base : float
        Calibrated logit of the base margin.
    logit : ndarray of float64, shape (n,)
    effects : ndarray of float64, shape (n, n_families)
        Calibrated log-odds.
    speaker : ndarray of int64, shape (n, n_families)
        Position of the column that gives the family its words.
    """

    families: Families
    margin: Floats
    base_margin: float
    base: float
    logit: Floats
    effects: Floats
    speaker: Ints

    @property
    def fit(self) -> Floats:
        """Sum of the effects of who they are, shape (n,)."""
        return self._subtotal("fit")

    @property
    def engagement(self) -> Floats:
        """Sum of the effects of what they do, shape (n,)."""
        return self._subtotal("engagement")

    def _subtotal(self, kind: str) -> Floats:
        positions = [i for i, feature in enumerate(self.families.declared) if feature.kind == kind]
        total: Floats = self.effects[:, positions].sum(axis=1)
        return total
