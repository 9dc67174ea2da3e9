"""Contributions of columns → effects of families, on the calibrated scale.

A family is all columns of one declared feature. An effect is in calibrated log-odds; exp(effect) is a factor
on the odds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lqmodel.declarations import Column, DeclaredFeature
from lqmodel.errors import ColumnMissing

if TYPE_CHECKING:
    from lqmodel.calibration import Calibrator
    from lqmodel.treeshap import Contributions, Difference

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CUT_OFF = math.log(1.05)
"""Effects smaller than this (5 % on the odds) are not put into words; they are part of "all else"."""
_SAME = 1e-9  # margins this close to each other: the quotient of differences would be noise


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
        scale = _scale(calibrator, np.full(len(logit), contributions.base), contributions.margin)
        effects, speaker = self._added_up(contributions.values, scale)
        return Effects(self, contributions.margin, contributions.base, base, logit, effects, speaker)

    def compare(self, difference: Difference, calibrator: Calibrator) -> Moves:
        """Scale what changed since an earlier row to the calibrated logit, and add it up by family.

        As `measure`, with each row's own margin of before in the place of the base: the logit of before plus
        the effects is the logit.
        """
        scale = _scale(calibrator, difference.before, difference.margin)
        before, logit = calibrator.logit(difference.before), calibrator.logit(difference.margin)
        return Moves(self, before, logit, *self._added_up(difference.values, scale))

    def _added_up(self, values: Floats, scale: Floats) -> tuple[Floats, Ints]:
        """Return the effect of each family, and the column that gives it its words."""
        n = len(values)
        effects, speaker = np.empty((n, len(self.members))), np.empty((n, len(self.members)), dtype=np.int64)
        for family, positions in enumerate(self.members):
            parts = values[:, positions]
            total = _row_sums(values, positions)
            effects[:, family] = total * scale
            speaker[:, family] = np.array(positions)[np.argmax(parts * np.sign(total)[:, None], axis=1)]
        return effects, speaker


def _row_sums(values: Floats, positions: Sequence[int]) -> Floats:
    """Add columns one after the other: numpy's own sum takes another order for one row than for many."""
    total = np.zeros(len(values))
    for position in positions:
        total += values[:, position]
    return total


def _scale(calibrator: Calibrator, start: Floats, end: Floats) -> Floats:
    """Calibrated log-odds per log-odds of margin on the way between two margins."""
    distance = end - start
    same = np.abs(distance) < _SAME
    climb = calibrator.logit(end) - calibrator.logit(start)
    return np.where(same, calibrator.slope(start), climb / np.where(same, 1.0, distance))


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
        return _row_sums(self.effects, positions)


@dataclass(frozen=True, eq=False)
class Moves:
    """What each family's move did to each lead: before + effects.sum(axis=1) is the logit to 1e-6.

    Attributes
    ----------
    families : Families
    before, logit : ndarray of float64, shape (n,)
        Calibrated logits of the rows before and of those of now, by one calibrator.
    effects : ndarray of float64, shape (n, n_families)
        Calibrated log-odds; exactly 0 where no column of the family moved.
    speaker : ndarray of int64, shape (n, n_families)
        Position of the column that gives the family its words.
    """

    families: Families
    before: Floats
    logit: Floats
    effects: Floats
    speaker: Ints
