"""Held-out weeks as the runs saw them: looked at as often as runs come, and not only when a training set looks.

A training set looks at each lead once a week, which is enough to learn from. A run each night meets more: a lead
that is likely on a Wednesday only, or that came on a Tuesday and was won on a Friday. A threshold that is to fill a
capacity has to count them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from lqmodel.asof import weekly_grid
from lqmodel.inputs import Inputs
from lqmodel.trainingset import ID, Snapshots, snapshots_at


def as_runs_come(
    test: Snapshots, inputs: Inputs, observed_from: Mapping[str, int] | None = None
) -> Snapshots | None:
    """Return the held-out stretch at every moment of a run, from its first as_of to its last.

    Parameters
    ----------
    test : Snapshots
        Held out of a training set.
    inputs : Inputs
        The opened sources that they come from.
    observed_from : mapping of str to int, optional
        As in `training_set`.

    Returns
    -------
    Snapshots or None
        None where nothing is to be counted between the snapshots: no clock, looks at an age, or as declared.
        Where somebody trains on some of the leads, those alone.
    """
    model = test.declarations.model
    every = model.replayed_every
    if every is None or every == model.population.every or not len(test):
        return None
    first, last = int(test.as_of.min()), int(test.as_of.max())
    moments = weekly_grid(first, last, every, model.zone)
    if len(moments) < 2:
        return None
    found = snapshots_at(test.declarations, inputs, moments, observed_from)
    return found if _whole(test, found) else _of_the_same_leads(test, found)


def _whole(test: Snapshots, found: Snapshots) -> bool:
    """Whether the held-out part has all leads that there are at its moments."""
    both = np.isin(found.as_of, test.as_of)
    return int(both.sum()) <= int(np.isin(test.as_of, found.as_of).sum())


def _of_the_same_leads(test: Snapshots, found: Snapshots) -> Snapshots:
    kept = pc.is_in(found.table[ID], value_set=test.table[ID].combine_chunks())
    return replace(found, table=found.table.filter(kept))
