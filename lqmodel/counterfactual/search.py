"""The smallest sets of steps after which the model would move a lead to its next stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from math import comb
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.counterfactual.worlds import Crossing, Ints, World
from lqmodel.declarations import DAY, Declarations
from lqmodel.encoding import Encoding
from lqmodel.scores import facts_of, levels_at
from lqmodel.stages import Decisions, Policy, State, advance
from lqmodel.treeshap import TreeEnsemble

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

TOMORROW: Final = DAY + 7_200_000_000
"""So much later it is another day in any zone: a lead moves once a day at most."""
LARGEST: Final = 3
"""Steps of the largest sets that are tried."""
MOST_SETS: Final = 5_000
"""Sets of one size that are tried; where there would be more, smaller ones alone are."""


@dataclass(frozen=True, eq=False)
class Reached:
    """The smallest sets of steps after which the model would move a lead, by the names of their steps.

    Attributes
    ----------
    size : int
        Steps of each set.
    sets : ndarray of int64, shape (n_sets, size)
        Positions of the steps.
    stage : ndarray of int8, shape (n_sets,)
        Where each would move the lead.
    margin : ndarray of float64, shape (n_sets,)
    """

    size: int
    sets: Ints
    stage: Codes
    margin: Floats


@dataclass(frozen=True, eq=False)
class Judge:
    """Features → margins, and the stages that they lead to.

    Attributes
    ----------
    declarations, encoding, ensemble, policy
        Of the bundle.
    values : pyarrow.Table
        The features and facts that the scores of the leads rest on; by position.
    x : ndarray of float64, shape (n_leads, n_columns)
        Encoded.
    state : State
        Where the leads stand.
    said : Decisions
        What people said that holds on: who may not go to sales, and answers to the checklist.
    as_of : int
        Microseconds UTC.
    threads : int or None
        Results do not depend on it.
    """

    declarations: Declarations
    encoding: Encoding
    ensemble: TreeEnsemble
    policy: Policy
    values: pa.Table
    x: Floats
    state: State
    said: Decisions
    as_of: int
    threads: int | None = None

    def margins(self, leads: Ints, found: pa.Table) -> Floats:
        """Return the margin of each row: ``found`` in place of the values of its lead, ``leads`` its position."""
        changed = [c for c in self.encoding.columns if c.name in found.column_names]
        x = self.x[leads]
        at = [self.encoding.names.index(c.name) for c in changed]
        x[:, at] = Encoding(tuple(changed)).transform(found)
        return self.ensemble.margin(x, self.threads)

    def stages(self, leads: Ints, found: pa.Table, margin: Floats) -> Codes:
        """Return the stage that each row's lead would be moved to at its next step, all else being as it was."""
        per = self.declarations.model.stages.sales_ready.per
        names = {*self.declarations.fact_columns().values(), *([per] if per else [])}
        kept = {c: self.values[c].take(leads) for c in names if c not in found.column_names}
        table = pa.table({**kept, **{c: found[c] for c in names if c in found.column_names}})
        facts = facts_of(self.declarations, table)
        before = State(**{name: of[leads] for name, of in vars(self.state).items()})
        answers = {item: yes[leads] for item, yes in self.said.answers.items()}
        said = replace(Decisions.none(len(leads)), suppressed=self.said.suppressed[leads], answers=answers)
        levels = levels_at(self.declarations, table)
        moved = advance(before, margin, facts, self.as_of + TOMORROW, self.policy, said=said, levels=levels)
        after: Codes = moved.state.stage
        return after


def largest(n_steps: int) -> int:
    """Return how many steps the largest sets have that are tried.

    >>> largest(14), largest(31), largest(200), largest(0)
    (3, 2, 1, 0)
    """
    if not n_steps:
        return 0
    return max((k for k in range(1, LARGEST + 1) if comb(n_steps + k - 1, k) <= MOST_SETS), default=1)


def worlds(steps: Sequence[int], size: int) -> list[World]:
    """Return all sets of so many steps, by the names of their steps; a step may stand in one several times."""
    return list(combinations_with_replacement(steps, size))


def search(crossing: Crossing, judge: Judge, leads: Ints, steps: Sequence[int]) -> dict[int, Reached]:
    """Find for each lead the smallest sets that move it up.

    Every set of a size is looked at before any larger one: none is left out for being unlikely.

    Parameters
    ----------
    crossing : Crossing
    judge : Judge
        Of the same leads.
    leads : ndarray of int64
        Positions of those to search for.
    steps : sequence of int
        Positions of the steps to try, ascending.

    Returns
    -------
    dict of int to Reached
        By position; leads that no set moves are absent.
    """
    found: dict[int, Reached] = {}
    for size in range(largest(len(steps)) + 1):
        tried = worlds(steps, size)
        sets = np.array(tried, np.int64).reshape(len(tried), size)
        left = np.setdiff1d(leads, np.array(list(found), np.int64))
        for part in crossing.batches(left, len(tried)):
            rows = np.repeat(part, len(tried))
            table = crossing.features(part, tried)
            margin = judge.margins(rows, table)
            after = judge.stages(rows, table, margin)
            moved = (after > judge.state.stage[rows]).reshape(len(part), len(tried))
            for i in np.flatnonzero(moved.any(axis=1)).tolist():
                which = np.flatnonzero(moved[i])
                at = i * len(tried) + which
                found[int(part[i])] = Reached(size, sets[which], after[at], margin[at])
    return found
