"""Units → tables of contributions, and the order in which they are read.

The contributions of a leaf come from Owen's integral (1972, "Multilinear extensions of games") of the game of
Lundberg et al. (2018). A leaf of value v whose path tests d columns, column j passing a share c_j of the
training rows, and met by the row or not (m_j is 1 or 0), is worth v·Π_j (m_j if j is known else c_j). So

    φ_j = v (m_j - c_j) ∫₀¹ Π_{k≠j} (c_k (1 - t) + m_k t) dt

whose integrand has degree d - 1: Gauss and Legendre's rule with ⌈d/2⌉ points is exact. All factors are above
zero, so the product without j is the whole product over factor j, without loss of digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lqmodel.compiled import entry, inner
from lqmodel.treeshap.forest import Floats, Forest, Ints, starts
from lqmodel.treeshap.units import MOST_CONDITIONS, Units, choose, outline, survey

TABLE_BYTES = 64 * 2**20
"""Most memory for the tables of one ensemble. Leaves for which none is left are computed for each row.

No setting: the two ways differ in the last digits, and one bundle must give one answer."""
_UNITS_IN_GROUP = 64  # how many units' conditions of a block of rows are kept at once


class Lookups(NamedTuple):
    """Which table entries to add to which column, in the order in which the tables lie in memory.

    Attributes
    ----------
    group : ndarray of int64, shape (n_groups + 1,)
        Group g has the trees group[g] … group[g + 1] - 1.
    four, one : ndarray of int64, shape (n_groups + 1,)
        Where the look-ups of each group start: four at a time into one column, then the rest.
    four_slot, one_slot : ndarray of int64
        Column, as a position in `Forest.used`.
    four_unit, four_table : ndarray of int64, shape (n, 4)
        Unit, counted from the group's first, and start of its table for this column.
    one_unit, one_table : ndarray of int64
    tables : ndarray of float64
    """

    group: Ints
    four: Ints
    four_slot: Ints
    four_unit: Ints
    four_table: Ints
    one: Ints
    one_slot: Ints
    one_unit: Ints
    one_table: Ints
    tables: Floats


class Rule(NamedTuple):
    """Gauss and Legendre's rule on [0, 1]: row n holds the rule with n points."""

    points: Floats
    weights: Floats


def plan(forest: Forest) -> tuple[Units, Lookups, Rule]:
    """Cut trees into units and fill their tables, the larger ones as far as `TABLE_BYTES` allows."""
    shape = survey(forest)
    for most in range(MOST_CONDITIONS, -1, -1):
        kind, n_entries = choose(forest, shape, most)
        if 8 * n_entries <= TABLE_BYTES:
            break
    units, rule = outline(forest, shape, kind), _rule((int(shape.above.max()) + 1) // 2)
    lookups, place = _arrange(units, len(forest.used))
    if len(units.root):
        _fill(forest, shape.depth, units, place, rule, lookups.tables)
    return units, lookups, rule


def _rule(most: int) -> Rule:
    """Rules with up to `most` points: the roots of Legendre's polynomials, by Newton's method."""
    points, weights = np.zeros((most + 1, most)), np.zeros((most + 1, most))
    for n in range(1, most + 1):
        x = np.cos(np.pi * (np.arange(n) + 0.75) / (n + 0.5))
        for _ in range(8):
            before, value = np.ones(n), x
            for k in range(2, n + 1):  # k P_k = (2k - 1) x P_(k-1) - (k - 1) P_(k-2)
                before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
            slope = n * (before - x * value) / (1 - x * x)
            x = x - value / slope
        points[n, :n], weights[n, :n] = (1 + x) / 2, 1 / ((1 - x * x) * slope * slope)
    return Rule(points, weights)


def _arrange(units: Units, n_slots: int) -> tuple[Lookups, Ints]:
    """Order the look-ups; also where the table of each unit and column starts, -1 for none."""
    n_trees = len(units.tree) - 1
    group = [0]
    for tree in range(1, n_trees):
        if units.tree[tree + 1] - units.tree[group[-1]] > _UNITS_IN_GROUP:
            group.append(tree)
    first_unit = units.tree[group]
    # below, one element per unit and column, as in `units.out_slot`
    of_out = np.repeat(np.arange(len(units.bits)), np.diff(units.out))
    with_table = np.flatnonzero(units.has_table[of_out])
    in_group = np.searchsorted(first_unit, of_out, side="right") - 1
    run_of = in_group * (n_slots + 1) + units.out_slot  # look-ups of one group into one column
    rank = np.zeros(len(of_out), dtype=np.int64)
    _, run, length = np.unique(run_of[with_table], return_inverse=True, return_counts=True)
    by_run = np.argsort(run, kind="stable")
    rank[with_table[by_run]] = np.arange(len(by_run)) - np.repeat(starts(length)[:-1], length)
    alone = np.zeros(len(of_out), dtype=bool)
    alone[with_table] = rank[with_table] >= (length // 4 * 4)[run]
    order = with_table[np.lexsort((with_table, run_of[with_table], alone[with_table], in_group[with_table]))]
    size = 1 << units.bits[of_out[order]]  # the fours of a group, then its single ones, each by column
    begin = starts(size)
    place = np.full(len(of_out), -1, dtype=np.int64)
    place[order] = begin[:-1]
    four, one = order[~alone[order]].reshape(-1, 4), order[alone[order]]
    local = of_out - first_unit[in_group]
    lookups = Lookups(
        group=np.array([*group, n_trees], dtype=np.int64),
        four=np.searchsorted(in_group[four[:, 0]], np.arange(len(group) + 1)).astype(np.int64),
        four_slot=units.out_slot[four[:, 0]],
        four_unit=local[four],
        four_table=place[four],
        one=np.searchsorted(in_group[one], np.arange(len(group) + 1)).astype(np.int64),
        one_slot=units.out_slot[one],
        one_unit=local[one],
        one_table=place[one],
        tables=np.zeros(begin[-1]),
    )
    return lookups, place


@entry
def _fill(forest: Forest, depth: Ints, units: Units, place: Ints, rule: Rule, tables: Floats) -> None:
    """Add the contributions of each leaf to the tables of its unit."""
    stack = np.empty(units.bits.max() + 2, np.int64)
    bit_of = np.zeros(np.diff(forest.split).max(), np.int64)
    position_of = np.zeros(forest.used.shape[0], np.int64)
    for tree in range(forest.split.shape[0] - 1):
        split, first = forest.split[tree], forest.node[tree]
        m = forest.split[tree + 1] - split
        for unit in range(units.tree[tree], units.tree[tree + 1]):
            if not units.has_table[unit]:
                continue
            for test in range(units.test[unit], units.test[unit + 1]):
                bit_of[units.test_split[test]] = units.test_bit[test]
            for position in range(units.out[unit], units.out[unit + 1]):
                position_of[units.out_slot[position]] = position
            stack[0] = units.root[unit] - first
            height = 1
            while height > 0:
                height -= 1
                node = stack[height]
                if node < m:
                    stack[height], stack[height + 1] = forest.right[split + node], forest.left[split + node]
                    height += 2
                else:
                    inside = depth[first + node] - depth[units.root[unit]]
                    factors = _factors(forest, tree, node, inside, units.bits[unit], bit_of)
                    value = forest.value[split + tree + node - m]
                    _add_leaf(value, factors, units.bits[unit], rule, place[position_of[factors[0]]], tables)


@inner
def _factors(
    forest: Forest, tree: int, leaf: int, inside: int, most: int, bit_of: Ints
) -> tuple[Ints, Ints, Ints, Floats]:
    """Of each column on a leaf's path: its slot, the conditions that it asks for, how they must be, its share.

    The lowest `inside` tests lie in the unit; a condition above them must hold.
    """
    split, first = forest.split[tree], forest.node[tree]
    slot, care = np.empty(most, np.int64), np.zeros(most, np.int64)
    want, share = np.zeros(most, np.int64), np.ones(most)
    d, node = 0, leaf
    while node > 0:
        s = forest.parent[first + node]
        j = 0
        while j < d and slot[j] != forest.slot[split + s]:
            j += 1
        slot[j] = forest.slot[split + s]
        d = max(d, j + 1)
        bit = 1 << bit_of[s]
        care[j] |= bit
        if inside <= 0 or forest.is_left[first + node]:
            want[j] |= bit
        share[j] *= forest.share[first + node]
        inside -= 1
        node = s
    return slot[:d], care[:d], want[:d], share[:d]


@inner
def _add_leaf(
    value: float, factors: tuple[Ints, Ints, Ints, Floats], bits: int, rule: Rule, place: Ints, tables: Floats
) -> None:
    """Add a leaf's contributions for every outcome of the unit's conditions; column j's table is at place[j]."""
    _, care, want, share = factors
    given = _leaf_table(value, share, rule)
    for outcome in range(1 << bits):
        met = 0
        for j in range(share.shape[0]):
            if outcome & care[j] == want[j]:
                met |= 1 << j
        for j in range(share.shape[0]):
            tables[place[j] + outcome] += given[met, j]


@inner
def _leaf_table(value: float, share: Floats, rule: Rule) -> NDArray[np.float64]:
    """Contributions of a leaf for each set of columns that are met."""
    d = share.shape[0]
    n = (d + 1) // 2
    given = np.zeros((1 << d, d))
    for met in range(1 << d):
        for q in range(n):
            t = rule.points[n, q]
            product = value * rule.weights[n, q]
            for j in range(d):
                product *= share[j] * (1.0 - t) + t * (met >> j & 1)
            for j in range(d):
                m = met >> j & 1
                given[met, j] += product * (m - share[j]) / (share[j] * (1.0 - t) + t * m)
    return given
