"""Held-out weeks as the runs saw them: looked at as often as runs come, and not only when a training set looks.

A training set looks at each lead once a week, which is enough to learn from. A run each night meets more: a lead
that is likely on a Wednesday only, or that came on a Tuesday and was won on a Friday. A threshold that is to fill a
capacity has to count them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow.compute as pc

from lqmodel.asof import weekly_grid
from lqmodel.inputs import Inputs
from lqmodel.trainingset import ID, Snapshots, snapshots_at

MOST: Final = 2_000_000
"""Snapshots that are held in memory at a time, about."""


def as_runs_come(
    test: Snapshots, inputs: Inputs, observed_from: Mapping[str, int] | None = None, most: int = MOST
) -> Iterator[Snapshots] | None:
    """Return the held-out stretch at every moment of a run, from its first as_of to its last.

    Parameters
    ----------
    test : Snapshots
        Held out of a training set.
    inputs : Inputs
        The opened sources that they come from.
    observed_from : mapping of str to int, optional
        As in `training_set`.
    most : int
        About so many snapshots at a time.

    Returns
    -------
    iterator of Snapshots, or None
        Parts, the earlier ones first. None where nothing is to be counted between the snapshots: no clock, looks at an
        age, or as declared. Where somebody trains on some of the leads, those alone.
    """
    model = test.declarations.model
    every = model.replayed_every
    if every is None or every == model.population.every or not len(test):
        return None
    moments = weekly_grid(int(test.as_of.min()), int(test.as_of.max()), every, model.zone)
    return _parts(test, inputs, moments, observed_from, most) if len(moments) > 1 else None


def _parts(
    test: Snapshots, inputs: Inputs, moments: list[int], observed_from: Mapping[str, int] | None, most: int
) -> Iterator[Snapshots]:
    each = max(1, len(test) // len(np.unique(test.as_of)))
    size = max(1, most // each)
    whole: bool | None = None
    for start in range(0, len(moments), size):
        found = snapshots_at(test.declarations, inputs, moments[start : start + size], observed_from)
        if whole is None:  # the first part holds the first moment of the test
            whole = _is_whole(test, found)
        yield found if whole else _of_the_same_leads(test, found)


def _is_whole(test: Snapshots, found: Snapshots) -> bool:
    """Whether the held-out part has all leads that there are at its moments."""
    return int(np.isin(found.as_of, test.as_of).sum()) <= int(np.isin(test.as_of, found.as_of).sum())


def _of_the_same_leads(test: Snapshots, found: Snapshots) -> Snapshots:
    kept = pc.is_in(found.table[ID], value_set=test.table[ID].combine_chunks())
    return replace(found, table=found.table.filter(kept))
