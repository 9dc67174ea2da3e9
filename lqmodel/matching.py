"""Winners matched with the others of the same week, and how two matched sides compare.

Weights and placements are whole multiples of 1/SCALE: their sums are exact, in any order and on any number of
threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lqmodel.declarations import DAY
from lqmodel.folds import group_keys
from lqmodel.trainingset import Snapshots

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SCALE = 2**20


@dataclass(frozen=True, eq=False)
class Matched:
    """Winners and others of the same weeks; grain: one row per (lead, as_of) that is compared.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Positions among the rows that these were taken from.
    won : ndarray of bool, shape (n,)
        Whether the row is a winner's.
    stratum : ndarray of int64, shape (n,)
        The week; without a clock, one for all.
    weight : ndarray of int64, shape (n,)
        In multiples of 1/SCALE: 1 for winners; the others of a week share its winners out evenly.
    lead : ndarray of int64, shape (n,)
        Tells leads apart.
    units : ndarray of uint64, shape (n,)
        Key of the account, else of the lead.
    unmatched : int
        Winners in whose week nobody else was there.
    """

    rows: Ints
    won: Bools
    stratum: Ints
    weight: Ints
    lead: Ints
    units: NDArray[np.uint64]
    unmatched: int

    @classmethod
    def of(cls, snapshots: Snapshots) -> Matched:
        """Choose each winner's last snapshot, and the others of the same week."""
        lead = np.unique(snapshots.lead_ids.astype(str), return_inverse=True)[1]
        won = snapshots.won == 1
        order = np.lexsort((snapshots.as_of, lead))
        wins, others = order[won[order]], order[~won[order]]
        last = wins[np.append(lead[wins][1:] != lead[wins][:-1], np.ones(min(1, len(wins)), dtype=bool))]
        week = snapshots.as_of // (7 * DAY)
        shared = np.intersect1d(week[last], week[others])
        kept, others = last[np.isin(week[last], shared)], others[np.isin(week[others], shared)]
        rows = np.concatenate([kept, others]).astype(np.int64)
        chosen = np.arange(len(rows)) < len(kept)
        stratum = np.unique(week[rows], return_inverse=True)[1].astype(np.int64)
        return cls(
            rows,
            chosen,
            stratum,
            weights(chosen, stratum),
            lead[rows],
            group_keys(snapshots.groups)[rows],
            len(last) - len(kept),
        )

    def take(self, rows: Bools) -> Matched:
        """Keep some rows, and of their weeks those that both sides still share."""
        n = int(self.stratum.max(initial=-1)) + 1
        both = np.bincount(self.stratum[rows & self.won], minlength=n) > 0
        both &= np.bincount(self.stratum[rows & ~self.won], minlength=n) > 0
        kept = rows & both[self.stratum]
        won, stratum = self.won[kept], np.unique(self.stratum[kept], return_inverse=True)[1]
        return replace(
            self,
            rows=np.flatnonzero(kept),
            won=won,
            stratum=stratum,
            weight=weights(won, stratum),
            lead=self.lead[kept],
            units=self.units[kept],
        )

    def leads(self, side: bool) -> int:
        """Count the distinct leads among winners, or among the others."""
        return len(np.unique(self.lead[self.won == side]))

    def shares(self, holds: Bools) -> tuple[float, float]:
        """Return the weighted share of winners, and of others, for whom something holds; 0 of nobody."""
        won, others = (
            float(self.weight[side & holds].sum() / max(1, int(self.weight[side].sum())))
            for side in (self.won, ~self.won)
        )
        return won, others


def weights(won: Bools, stratum: Ints) -> Ints:
    """Return 1 for each winner, and for the others of a stratum its winners shared out evenly, times SCALE.

    >>> weights(np.array([True, True, False, False, False, False]), np.zeros(6, dtype=np.int64)) / SCALE
    array([1. , 1. , 0.5, 0.5, 0.5, 0.5])
    """
    n = int(stratum.max(initial=-1)) + 1
    winners, others = np.bincount(stratum[won], minlength=n), np.bincount(stratum[~won], minlength=n)
    each = np.round(SCALE * winners / np.maximum(others, 1)).astype(np.int64)
    return np.where(won, SCALE, each[stratum])


def placements(values: Floats, won: Bools, stratum: Ints) -> Ints:
    """Return how much of the other side's rows in its stratum each row beats, a tie counting half, times SCALE.

    A winner beats lower values; one of the others is beaten by higher ones, so that the weighted means of both
    sides are the same: the chance that a winner has more (the AUC; DeLong, DeLong and Clarke-Pearson 1988).

    Parameters
    ----------
    values : ndarray of float64, shape (n_rows,)
        Without NaN; infinities are the least and the greatest.
    won : ndarray of bool, shape (n_rows,)
    stratum : ndarray of int64, shape (n_rows,)
        0 … n - 1, each with rows of both sides.

    Examples
    --------
    >>> won = np.array([True, False, False])
    >>> placements(np.array([3.0, 1.0, 3.0]), won, np.zeros(3, dtype=np.int64)) / SCALE
    array([0.75, 1.  , 0.5 ])
    """
    order = np.lexsort((values, stratum))
    v, s, w = values[order], stratum[order], won[order]
    new = np.append(np.ones(min(1, len(v)), dtype=bool), (s[1:] != s[:-1]) | (v[1:] != v[:-1]))
    block = np.cumsum(new) - 1
    placed = np.empty(len(v))
    for side in (True, False):
        opposite = (w != side).astype(np.float64)
        tied, total = np.bincount(block, opposite), np.bincount(s, opposite)
        lower = np.cumsum(tied) - tied - (np.cumsum(total) - total)[s[new]]
        beaten = lower if side else total[s[new]] - lower - tied
        placed[w == side] = ((beaten + tied / 2) / total[s[new]])[block][w == side]
    result = np.empty(len(v), dtype=np.int64)
    result[order] = np.round(SCALE * placed)
    return result


def quantiles(values: Floats, weight: Ints, shares: Sequence[float]) -> list[float]:
    """Return the least values up to which at least a share of the weight lies; each is a value that occurs.

    >>> quantiles(np.array([5.0, 1.0, 9.0]), np.array([1, 1, 2]), (0.25, 0.5, 0.75))
    [1.0, 5.0, 9.0]
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    at = np.searchsorted(reached, np.asarray(shares) * reached[-1], side="left")
    return [float(v) for v in values[order][np.minimum(at, len(values) - 1)]]
