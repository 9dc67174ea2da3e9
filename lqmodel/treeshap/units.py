"""Trees → units: which leaves share a table of contributions.

A *unit* is a subtree; the units of a tree cut its leaves into groups. What its leaves contribute depends on a
row only through the unit's *conditions*: one for each column tested above the subtree (did the row meet all
tests of that column on the way down?) and one for each split inside (did it go left?). A unit of b conditions
and k columns thus has a table of 2^b × k contributions, and a row takes one number per column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lqmodel.compiled import entry, inner
from lqmodel.treeshap.forest import Floats, Forest, Ints, Shorts, starts

MOST_CONDITIONS = 10
"""Most conditions of a unit with a table: beyond, reading it costs more than computing the leaf's polynomial."""
_NONE, _TABLE, _POLYNOMIAL = 0, 1, 2  # what starts at a node: no unit, one with a table, or one without
# Costs, in table look-ups that hit the cache: of loading an entry, of a condition, and of a polynomial of d columns
_ENTRY, _CONDITION, _LEAF, _FACTOR = 1 / 256, 0.15, 4.0, 0.4


class Units(NamedTuple):
    """Units in the order of trees.

    Attributes
    ----------
    root : ndarray of int64, shape (n_units,)
        Node of the forest at the top of the subtree.
    tree : ndarray of int64, shape (n_trees + 1,)
        Tree t has the units tree[t] … tree[t + 1] - 1; one that is a single leaf has none.
    has_table : ndarray of int64, shape (n_units,)
        1, or 0 for a leaf whose contributions are computed from its polynomial.
    bits : ndarray of int64, shape (n_units,)
        Number of conditions.
    value : ndarray of float64, shape (n_units,)
        The leaf's value, where there is no table.
    test : ndarray of int64, shape (n_units + 1,)
        Where the tests of each unit start.
    test_split : ndarray of int64
        Split of the tree.
    test_side : ndarray of uint16
        YES where going left is wanted, else 0.
    test_bit : ndarray of int64
        Condition that the test belongs to: all its tests must hold.
    out : ndarray of int64, shape (n_units + 1,)
        Where the columns of each unit start.
    out_slot : ndarray of int64
        Column, as a position in `Forest.used`; the first ones are those of the conditions above the subtree.
    out_share : ndarray of float64
        Share of training rows that pass the column's tests above the subtree.
    """

    root: Ints
    tree: Ints
    has_table: Ints
    bits: Ints
    value: Floats
    test: Ints
    test_split: Ints
    test_side: Shorts
    test_bit: Ints
    out: Ints
    out_slot: Ints
    out_share: Floats


class Shape(NamedTuple):
    """Of each node: tests above it, columns among them, splits in its subtree, columns of both."""

    depth: Ints
    above: Ints
    below: Ints
    columns: Ints


@inner
def _put(values: Ints, n: int, value: int) -> int:
    """Position of a value among the first n; it is written after them if it is not there."""
    for i in range(n):
        if values[i] == value:
            return i
    values[n] = value
    return n


def survey(forest: Forest) -> Shape:
    """Measure each node."""
    return Shape(*_survey(forest, MOST_CONDITIONS))


@entry
def _survey(forest: Forest, most: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Measure each node's subtree; `columns` only of those with at most `most` conditions."""
    n_nodes = forest.parent.shape[0]
    depth, above = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
    below, columns = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
    stack, seen = np.empty(most + 2, np.int64), np.empty(most + 2, np.int64)
    for tree in range(forest.split.shape[0] - 1):
        split, first = forest.split[tree], forest.node[tree]
        m = forest.split[tree + 1] - split
        for node in range(1, 2 * m + 1):  # parents come first
            up = forest.parent[first + node]
            column = forest.slot[split + up]
            depth[first + node] = depth[first + up] + 1
            above[first + node] = above[first + up] + 1
            up = forest.parent[first + up]
            while up >= 0:
                if forest.slot[split + up] == column:
                    above[first + node] -= 1
                    break
                up = forest.parent[first + up]
        for s in range(m - 1, -1, -1):
            left, right = forest.left[split + s], forest.right[split + s]
            below[first + s] = 1 + below[first + left] + below[first + right]
        for root in range(2 * m + 1):
            if above[first + root] + below[first + root] > most:
                continue
            n_seen = 0
            up = forest.parent[first + root]
            while up >= 0:
                n_seen = max(n_seen, _put(seen, n_seen, forest.slot[split + up]) + 1)
                up = forest.parent[first + up]
            stack[0] = root
            height = 1
            while height > 0:
                height -= 1
                s = stack[height]
                if s < m:
                    n_seen = max(n_seen, _put(seen, n_seen, forest.slot[split + s]) + 1)
                    stack[height], stack[height + 1] = forest.right[split + s], forest.left[split + s]
                    height += 2
            columns[first + root] = n_seen
    return depth, above, below, columns


@entry
def choose(forest: Forest, shape: Shape, most: int) -> tuple[Ints, int]:
    """Cut each tree where the sum of costs is least; also the number of table entries."""
    n_nodes = forest.parent.shape[0]
    kind, cost, n_entries = np.zeros(n_nodes, np.int64), np.zeros(n_nodes), 0
    covered = np.zeros(n_nodes, np.bool_)
    for tree in range(forest.split.shape[0] - 1):
        split, first = forest.split[tree], forest.node[tree]
        m = forest.split[tree + 1] - split
        for node in range(2 * m, -1, -1):  # children before parents
            i = first + node
            if node < m:
                cost[i] = cost[first + forest.left[split + node]] + cost[first + forest.right[split + node]]
            else:
                kind[i] = _POLYNOMIAL
                cost[i] = _LEAF + _FACTOR * shape.above[i] ** 2
            bits = shape.above[i] + shape.below[i]
            if bits <= most:
                price = shape.columns[i] * (1 + _ENTRY * 2.0**bits) + _CONDITION * bits
                if price <= cost[i]:
                    kind[i], cost[i] = _TABLE, price
        for node in range(2 * m + 1):
            i = first + node
            if node > 0:
                up = first + forest.parent[i]
                covered[i] = covered[up] or kind[up] == _TABLE
            if covered[i] or m == 0:
                kind[i] = _NONE
            if kind[i] == _TABLE:
                n_entries += shape.columns[i] << (shape.above[i] + shape.below[i])
    return kind, n_entries


def outline(forest: Forest, shape: Shape, kind: Ints) -> Units:
    """Write down the units that were chosen."""
    chosen = np.flatnonzero(kind)
    tree = np.searchsorted(forest.node, chosen, side="right") - 1
    has_table = (kind[chosen] == _TABLE).astype(np.int64)
    columns = np.where(has_table, shape.columns[chosen], shape.above[chosen])
    leaf = chosen - forest.node[tree] - np.diff(forest.split)[tree]
    test, out = starts((shape.depth + shape.below)[chosen]), starts(columns)
    units = Units(
        root=chosen,
        tree=np.searchsorted(tree, np.arange(len(forest.node))).astype(np.int64),
        has_table=has_table,
        bits=(shape.above + shape.below)[chosen],
        value=np.where(has_table, 0.0, forest.value[np.maximum(forest.split[tree] + tree + leaf, 0)]),
        test=test,
        test_split=np.empty(test[-1], dtype=np.int64),
        test_side=np.empty(test[-1], dtype=np.uint16),
        test_bit=np.empty(test[-1], dtype=np.int64),
        out=out,
        out_slot=np.empty(out[-1], dtype=np.int64),
        out_share=np.ones(out[-1]),
    )
    if len(chosen):
        _write(forest, units)
    return units


@entry
def _write(forest: Forest, units: Units) -> None:
    stack = np.empty(units.bits.max() + 2, np.int64)
    for tree in range(forest.split.shape[0] - 1):
        split, first = forest.split[tree], forest.node[tree]
        m = forest.split[tree + 1] - split
        for unit in range(units.tree[tree], units.tree[tree + 1]):
            slots = units.out_slot[units.out[unit] : units.out[unit + 1]]
            share = units.out_share[units.out[unit] : units.out[unit + 1]]
            test, n_slots = units.test[unit], 0
            root = units.root[unit] - first
            node = root
            while node > 0:  # the path above
                s = forest.parent[first + node]
                column = _put(slots, n_slots, forest.slot[split + s])
                n_slots = max(n_slots, column + 1)
                share[column] *= forest.share[first + node]
                units.test_split[test], units.test_bit[test] = s, column
                units.test_side[test] = forest.is_left[first + node]
                test += 1
                node = s
            bit = n_slots
            stack[0] = root
            height = 1
            while height > 0:  # the splits inside
                height -= 1
                s = stack[height]
                if s < m:
                    n_slots = max(n_slots, _put(slots, n_slots, forest.slot[split + s]) + 1)
                    units.test_split[test], units.test_bit[test] = s, bit
                    units.test_side[test] = 0xFFFF
                    test += 1
                    bit += 1
                    stack[height], stack[height + 1] = forest.right[split + s], forest.left[split + s]
                    height += 2
