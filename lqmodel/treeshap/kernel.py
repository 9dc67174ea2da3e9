"""A block of rows → codes → which way each split sends them → margins and contributions.

A block lies column by column, so that every loop over rows is over neighbours in memory. Each row's sums run in
one order, that of the trees for margins and that of the look-ups for contributions, whatever else is in the block.

Nothing here checks bounds: indices come from trees that `text` has checked, or were made by `forest` and `tables`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lqmodel.compiled import entry, inner
from lqmodel.treeshap.forest import Columns, Floats, Forest, Ints, Shorts
from lqmodel.treeshap.tables import Lookups, Rule
from lqmodel.treeshap.units import Units

_YES = np.uint16(0xFFFF)
_NO = np.uint16(0)
_ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold


@entry
def encode(x: Floats, columns: Columns) -> tuple[Shorts, Ints]:
    """Return codes of numbers, shape (n_coded, n_rows), and of categories, shape (n_category_columns, n_rows).

    Parameters
    ----------
    x : ndarray of float64, shape (n_rows, n_features)
        As in `margins`.
    columns : Columns
    """
    return _encode(x, columns)


@entry
def margins(x: Floats, columns: Columns, forest: Forest, margin: Floats) -> None:
    """Write the margin of each row: the mean over models of the sum over trees, as LightGBM sums.

    Parameters
    ----------
    x : ndarray of float64, shape (n_rows, n_features)
        In C order, writeable (the only type that is compiled for); NaN is missing.
    columns : Columns
    forest : Forest
    margin : ndarray of float64, shape (n_rows,)
        Written to.
    """
    n = x.shape[0]
    codes, categories = _encode(x, columns)
    most = np.diff(forest.split).max()
    went_left, reached = np.empty((most, n), np.uint16), np.empty((most, n), np.uint16)
    part = np.empty(n)
    margin[:] = 0.0
    for model in range(forest.member.shape[0] - 1):
        part[:] = 0.0
        for tree in range(forest.member[model], forest.member[model + 1]):
            _decide(forest, tree, codes, categories, went_left)
            _add_leaf(forest, tree, went_left, reached, part)
        for i in range(n):
            margin[i] += part[i]
    for i in range(n):
        margin[i] /= forest.member.shape[0] - 1


@entry
def explain(
    x: Floats,
    columns: Columns,
    forest: Forest,
    units: Units,
    lookups: Lookups,
    rule: Rule,
    margin: Floats,
    values: Floats,
) -> None:
    """Write margins, as `margins` does, and contributions.

    Parameters
    ----------
    x, columns, forest, margin
        As in `margins`.
    units, lookups, rule
        Of `tables.plan`.
    values : ndarray of float64, shape (n_rows, n_features)
        Written to where a column is used by any split.
    """
    n = x.shape[0]
    codes, categories = _encode(x, columns)
    most = np.diff(forest.split).max()
    went_left, reached = np.empty((most, n), np.uint16), np.empty((most, n), np.uint16)
    outcome = np.empty((np.diff(units.tree[lookups.group]).max(), n), np.uint16)
    met, product = np.empty((_most_columns(units), n), np.uint16), np.empty(n)
    part, total = np.zeros(n), np.zeros((forest.used.shape[0], n))
    model = 0
    margin[:] = 0.0
    for group in range(lookups.group.shape[0] - 1):
        first = units.tree[lookups.group[group]]
        for tree in range(lookups.group[group], lookups.group[group + 1]):
            _decide(forest, tree, codes, categories, went_left)
            _add_leaf(forest, tree, went_left, reached, part)
            for unit in range(units.tree[tree], units.tree[tree + 1]):
                if units.has_table[unit]:
                    _find_outcome(units, unit, went_left, outcome[unit - first])
                else:
                    _add_polynomial(units, unit, rule, went_left, met, product, total)
            if tree + 1 == forest.member[model + 1]:
                for i in range(n):
                    margin[i] += part[i]
                    part[i] = 0.0
                model += 1
        _look_up(lookups, group, outcome, total)
    for i in range(n):
        margin[i] /= model
    for slot in range(forest.used.shape[0]):
        column = forest.used[slot]
        for i in range(n):
            values[i, column] = total[slot, i] / model


# ── decisions and margins ───────────────────────────────────────────────────────────────────────────────────


@inner
def _encode(x: Floats, columns: Columns) -> tuple[Shorts, Ints]:
    """Codes of numbers, shape (n_coded, n_rows), and of categories, shape (n_category_columns, n_rows)."""
    n = x.shape[0]
    codes = np.empty((columns.feature.shape[0], n), np.uint16)
    categories = np.empty((columns.category.shape[0], n), np.int64)
    value, below = np.empty(n), np.empty(n, np.uint32)
    for c in range(columns.feature.shape[0]):
        feature, missing, out = columns.feature[c], columns.missing[c], codes[c]
        cuts = columns.cuts[columns.start[c] : columns.start[c + 1]]
        for i in range(n):
            v = x[i, feature]
            value[i] = 0.0 if abs(v) <= _ZERO or (missing == 0 and np.isnan(v)) else v
            below[i] = 0
        half = np.uint32((cuts.shape[0] + 1) >> 1)
        while half > 0:  # a search by halves, all rows in step
            for i in range(n):
                below[i] += half if cuts[below[i] + half - np.uint32(1)] < value[i] else np.uint32(0)
            half >>= np.uint32(1)
        for i in range(n):
            v = value[i]
            lacks = (missing > 0 and np.isnan(v)) or (missing == 1 and v == 0.0)
            out[i] = 0 if lacks else below[i] + 1
    for c in range(columns.category.shape[0]):
        feature, outside = columns.category[c], columns.outside[c]
        for i in range(n):
            v = x[i, feature]
            categories[c, i] = np.int64(v) if v > -1.0 and v < outside else outside
    return codes, categories


@inner
def _decide(forest: Forest, tree: int, codes: Shorts, categories: Ints, went_left: Shorts) -> None:
    n, first = went_left.shape[1], forest.split[tree]
    for split in range(first, forest.split[tree + 1]):
        out, column = went_left[split - first], forest.code[split]
        if column >= 0:
            code, low, high = codes[column], forest.low[split], forest.high[split]
            for i in range(n):
                out[i] = _YES if (code[i] >= low) & (code[i] <= high) else _NO
        else:
            category, words = categories[-1 - column], forest.words[forest.word[split] :]
            zero = forest.n_words[split]  # a word without a bit follows the set
            for i in range(n):
                c = category[i]
                out[i] = _YES if (words[min(c >> 5, zero)] >> np.uint32(c & 31)) & 1 else _NO


@inner
def _add_leaf(forest: Forest, tree: int, went_left: Shorts, reached: Shorts, total: Floats) -> None:
    """Add the value of the leaf that each row reaches, found from the lowest splits up."""
    n, first = total.shape[0], forest.split[tree]
    m = forest.split[tree + 1] - first
    value = forest.value[first + tree :]
    if m == 0:
        for i in range(n):
            total[i] += value[0]
        return
    for split in range(m - 1, -1, -1):
        left, right = forest.left[first + split], forest.right[first + split]
        _pick(went_left[split], left, right, m, reached, reached[split])
    leaf = reached[0]
    for i in range(n):
        total[i] += value[leaf[i]]


@inner
def _pick(side: Shorts, left: int, right: int, m: int, reached: Shorts, out: Shorts) -> None:
    """Leaf reached from a split: that of the child to which the row goes; nodes from m on are leaves."""
    n = out.shape[0]
    this, that = np.uint16(left - m), np.uint16(right - m)
    if left >= m and right >= m:
        for i in range(n):
            out[i] = (side[i] & this) | (~side[i] & that)
    elif left >= m:
        those = reached[right]
        for i in range(n):
            out[i] = (side[i] & this) | (~side[i] & those[i])
    elif right >= m:
        these = reached[left]
        for i in range(n):
            out[i] = (side[i] & these[i]) | (~side[i] & that)
    else:
        these, those = reached[left], reached[right]
        for i in range(n):
            out[i] = (side[i] & these[i]) | (~side[i] & those[i])


# ── contributions ───────────────────────────────────────────────────────────────────────────────────────────


@inner
def _find_outcome(units: Units, unit: int, went_left: Shorts, out: Shorts) -> None:
    """Bit c of the outcome is 1 where all tests of condition c hold."""
    n = out.shape[0]
    out[:] = np.uint16((1 << units.bits[unit]) - 1)
    for test in range(units.test[unit], units.test[unit + 1]):
        went, side = went_left[units.test_split[test]], units.test_side[test]
        bit = np.uint16(1 << units.test_bit[test])
        for i in range(n):
            out[i] &= ~((went[i] ^ side) & bit)


@inner
def _look_up(lookups: Lookups, group: int, outcome: Shorts, total: Floats) -> None:
    """Add a group's table entries: four at a time, because reading and writing a sum costs as much as one."""
    n = outcome.shape[1]
    for k in range(lookups.four[group], lookups.four[group + 1]):
        out, unit, table = total[lookups.four_slot[k]], lookups.four_unit[k], lookups.four_table[k]
        a, b, c, d = outcome[unit[0]], outcome[unit[1]], outcome[unit[2]], outcome[unit[3]]
        of_a, of_b = lookups.tables[table[0] :], lookups.tables[table[1] :]
        of_c, of_d = lookups.tables[table[2] :], lookups.tables[table[3] :]
        for i in range(n):
            out[i] += (of_a[a[i]] + of_b[b[i]]) + (of_c[c[i]] + of_d[d[i]])
    for k in range(lookups.one[group], lookups.one[group + 1]):
        out, a = total[lookups.one_slot[k]], outcome[lookups.one_unit[k]]
        of_a = lookups.tables[lookups.one_table[k] :]
        for i in range(n):
            out[i] += of_a[a[i]]


@inner
def _most_columns(units: Units) -> int:
    """Most columns on the path to a leaf without a table."""
    most = 0
    for unit in range(units.bits.shape[0]):
        if not units.has_table[unit]:
            most = max(most, units.out[unit + 1] - units.out[unit])
    return most


@inner
def _add_polynomial(
    units: Units,
    unit: int,
    rule: Rule,
    went_left: Shorts,
    met: Shorts,
    product: NDArray[np.float64],
    total: Floats,
) -> None:
    """Add the contributions of a leaf without a table: the integral in `tables`, point by point."""
    n, out = product.shape[0], units.out[unit]
    d = units.out[unit + 1] - out
    met[:d] = _YES
    for test in range(units.test[unit], units.test[unit + 1]):
        went, side, holds = (
            went_left[units.test_split[test]],
            units.test_side[test],
            met[units.test_bit[test]],
        )
        for i in range(n):
            holds[i] &= ~(went[i] ^ side)
    n_points = (d + 1) // 2
    for q in range(n_points):
        t = rule.points[n_points, q]
        product[:] = units.value[unit] * rule.weights[n_points, q]
        for j in range(d):
            no = units.out_share[out + j] * (1.0 - t)
            yes, holds = no + t, met[j]
            for i in range(n):
                product[i] *= yes if holds[i] else no
        for j in range(d):
            share, holds, sums = units.out_share[out + j], met[j], total[units.out_slot[out + j]]
            no = share * (1.0 - t)
            if_met, if_not = (1.0 - share) / (no + t), -share / no
            for i in range(n):
                sums[i] += product[i] * (if_met if holds[i] else if_not)
