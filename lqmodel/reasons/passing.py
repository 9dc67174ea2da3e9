"""What moved only because time went by: days were counted up, windows moved on, old activity faded.

Told from two rows of one lead and the time between them, never guessed. Days since the last act bear witness: where
they grew by just that time, no such act happened, nor any of a narrower sort; where they did not, one did, of each
wider sort as well. Without a witness a family passes if none of its columns shows anything new. What then cannot be
told from two rows (means, shares, trends) does not pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.declarations import EVER, Column, DeclaredFeature
from lqmodel.declarations.values import Condition
from lqmodel.reasons.families import Families
from lqmodel.reasons.raw import levels, numbers

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_EXACT = 1e-6  # days; both rows count from the same microseconds
_FALLS = ("count", "distinct", "active_days", "sum", "max")  # fall when a window moves on
SINCE = ("recency", "tenure")


def passed(families: Families, now: pa.Table, before: pa.Table, gap: Floats) -> Bools:
    """Tell which families moved only because time went by.

    Parameters
    ----------
    families : Families
    now, before : pyarrow.Table
        Raw feature values of the same leads in the same order.
    gap : ndarray of float64, shape (n,)
        Days between the two rows.

    Returns
    -------
    ndarray of bool, shape (n, n_families)
        True also where nothing moved at all.
    """
    told = [_told(column, now, before, gap) for column in families.columns]
    found = np.empty((len(gap), len(families.members)), dtype=np.bool_)
    for i, (declared, members) in enumerate(zip(families.declared, families.members, strict=True)):
        found[:, i] = np.logical_and.reduce([told[position] for position in members])
        for witness, (position, *_) in zip(families.declared, families.members, strict=True):
            if witness.feature.verb == "recency" and witness.feature.source == declared.feature.source:
                if _is_within(_rows(declared), witness.feature.where):
                    found[:, i] |= told[position]
                if _is_within(witness.feature.where, _rows(declared)):
                    found[:, i] &= told[position]
    return found


def _rows(declared: DeclaredFeature) -> tuple[Condition, ...]:
    """Return the conditions of the rows that a feature depends on: a share depends on all rows of its source."""
    return () if declared.feature.verb == "share" else declared.feature.where


def _is_within(narrow: Sequence[Condition], wide: Sequence[Condition]) -> bool:
    """Tell whether rows that meet the one conditions meet the others, by the conditions alone."""
    return all(any(_implies(given, wanted) for given in narrow) for wanted in wide)


def _implies(given: Condition, wanted: Condition) -> bool:
    listed = given.column == wanted.column and given.operator == wanted.operator == "eq"
    return given == wanted or (listed and set(given.values) <= set(wanted.values))


def _told(column: Column, now: pa.Table, before: pa.Table, gap: Floats) -> Bools:
    """Tell where a column shows nothing new."""
    if column.dtype != "number":
        return _same_level(column, now, before)
    new, old = numbers(now, column), numbers(before, column)
    nothing: Bools = np.isnan(new) & np.isnan(old)
    if column.verb in SINCE:
        # a constrained "never" counts up as well, but that of a tenure is 0 days and stays so
        never = (new == 0.0) & (old == 0.0) if column.verb == "tenure" else nothing
        nothing |= never | (np.abs(new - old - gap) < _EXACT)
        return nothing
    nothing |= new == old
    if column.verb == "decayed" or (column.verb in _FALLS and column.window != EVER):
        nothing |= (new < old) | ((column.verb == "max") & np.isnan(new))
    return nothing


def _same_level(column: Column, now: pa.Table, before: pa.Table) -> Bools:
    new, new_names = levels(now, column)
    old, old_names = levels(before, column)
    place = {name: i for i, name in enumerate(old_names)}
    translated = np.array([*(place.get(name, -2) for name in new_names), -1], dtype=np.int64)
    same: Bools = translated[new] == old
    return same
