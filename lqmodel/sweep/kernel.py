"""Facts and snapshots of a lead → measures, each fact looked at once.

A fact counts in those snapshots j, in order of time, that come after it was known and not so long after it occurred
that a window has passed: a stretch first ≤ j ≤ last. So a count adds 1 at ``first`` and takes 1 off after ``last``,
and running totals over the snapshots give every window of every snapshot. The work grows with facts + snapshots
and no order of the facts is needed: known moments may be anything.

Sums of other things than 1 go the same way. Latest and earliest moments have no end: running extremes. The greatest
of a stretch is written at its two covering powers of two and handed down (a sparse table, backwards). Different
values: the stretches of equal values are joined first. A decayed sum changes from snapshot to snapshot, so each
fact visits those in which its weight is above 0.

Everything is an integer, so neither order nor threads change a bit. Nothing here checks bounds: indices come from
`plan`, `layout` and `scatter`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lqmodel.compiled import entry, inlined, inner
from lqmodel.sweep.programme import Ints, Longs

DAY = 86_400_000_000
# as in programme.py, and again here: kept machine code goes stale with this file alone
NEVER = -(2**63)
BITS = 63
_LOWEST = np.zeros(64, np.int64)  # place of the lowest bit, by de Bruijn's sequence (Leiserson et al., 1998)
_SEQUENCE = 0x03F79D71B4CB0A89
for _bit in range(64):
    _LOWEST[((1 << _bit) * _SEQUENCE & (2**64 - 1)) >> 58] = _bit


@entry
def measure(
    records: Longs,
    order: Longs,
    start: Longs,
    layout: Any,
    p: Any,
    bucket: int,
    counts: Ints,
    sums: Longs,
    moments: Longs,
) -> None:
    """Write the measures of all snapshots of a bucket.

    Parameters
    ----------
    records, layout, bucket
        As in `layout.line_up`, which gave ``order`` and ``start``.
    p : Programme
    counts : ndarray of int32, shape (n_counts, n_snapshots)
        Written to, as are the following; in the layout's order.
    sums : ndarray of int64, shape (n_totals - n_counts, n_snapshots)
    moments : ndarray of int64, shape (n_moments, n_snapshots)
        `NEVER` where no fact fits; the earliest with its sign turned.
    """
    most, n_met, levels, first = 0, 0, 1, layout.lead[bucket]
    for k in range(start.shape[0] - 1):
        most = max(most, layout.row[first + k + 1] - layout.row[first + k])
        n_met = max(n_met, start[k + 1] - start[k])
    while 1 << levels <= most:
        levels += 1
    ends = np.empty(p.lengths.shape[0], np.int64)
    total = np.zeros((most + 1, p.n_totals), np.int64)
    moment = np.empty((most, p.n_moments), np.int64)
    greatest = np.empty((p.greatest.shape[0], levels, most), np.int64)
    met, n_of = np.empty((p.different.shape[0], n_met, 3), np.int64), np.empty(p.different.shape[0], np.int64)
    for k in range(start.shape[0] - 1):
        row, m = layout.row[first + k], layout.row[first + k + 1] - layout.row[first + k]
        as_of = layout.as_of[row : row + m]
        total[: m + 1] = 0
        moment[:m] = NEVER
        greatest[:, :, :m] = NEVER
        n_of[:] = 0
        for at in range(start[k], start[k + 1]):
            _look_at(records[order[at]], as_of, p, ends, total, moment, greatest, met, n_of)
        for d in range(p.different.shape[0]):
            _count_different(met[d, : n_of[d]], d, as_of, p, total)
        _hand_down(greatest, m, p, moment)
        _run_on(total, moment, m, p, row, counts, sums, moments)


@inner
def _after(as_of: Longs, moment: Any) -> Any:
    """Return the first snapshot later than a moment; their number if there is none."""
    m = as_of.shape[0]
    low = 0
    if m <= 8:  # a branch of its own: few snapshots are the rule
        while low < m and as_of[low] <= moment:
            low += 1
        return low
    high = m
    while low < high:
        middle = (low + high) >> 1
        if as_of[middle] > moment:
            high = middle
        else:
            low = middle + 1
    return low


@inlined
def _look_at(
    fact: Any,
    as_of: Longs,
    p: Any,
    ends: Longs,
    total: Longs,
    moment: Longs,
    greatest: Any,
    met: Any,
    n_of: Longs,
) -> None:
    """Enter a fact: where its stretches begin and end."""
    m, occurred = as_of.shape[0], fact[p.occurred]
    begin = _after(as_of, fact[p.usable] + p.lag)
    if begin == m:
        return
    for k in range(ends.shape[0]):
        ends[k] = _after(as_of, occurred + p.lengths[k]) - 1
    condition_of_word = 0
    for word in range(p.bits, p.bits + (p.total.shape[0] - 1 + BITS - 1) // BITS):
        bits = fact[word]
        while bits:
            lowest = bits & -bits
            bits ^= lowest
            c = condition_of_word + _LOWEST[(np.uint64(lowest) * np.uint64(_SEQUENCE)) >> np.uint64(58)]
            for t in range(p.count_of[c], p.count_of[c + 1]):
                end, column = ends[p.counts[t, 0]], p.counts[t, 1]
                if end < begin:
                    break
                total[begin, column] += 1
                total[end + 1, column] -= 1
            for t in range(p.total[c], p.total[c + 1]):
                start, end = begin, ends[p.totals[t, 1]]
                if end < begin:
                    break
                if p.totals[t, 2] >= 0:
                    start = max(start, ends[p.totals[t, 2]] + 1)
                if end < start:
                    continue
                field, column, decay = p.totals[t, 0], p.totals[t, 3], p.totals[t, 4]
                if decay < 0:
                    value = fact[field] if field >= 0 else np.int64(1)
                    total[start, column] += value
                    total[end + 1, column] -= value
                else:
                    for j in range(start, end + 1):
                        weight = p.weights[decay, (as_of[j] - occurred) // DAY]
                        total[j, column] += weight
                        total[j + 1, column] -= weight
            if p.latest[c] >= 0:
                moment[begin, p.latest[c]] = max(moment[begin, p.latest[c]], occurred)
            if p.earliest[c] >= 0:  # negated, so that the earliest is the greatest
                moment[begin, p.earliest[c]] = max(moment[begin, p.earliest[c]], -occurred)
            for g in range(p.greatest_of[c], p.greatest_of[c + 1]):
                _cover(greatest[g], begin, ends[p.greatest[g, 2]], fact[p.greatest[g, 1]])
            for d in range(p.different_of[c], p.different_of[c + 1]):
                if ends[p.stretches[p.stretch_of[d], 0]] < begin:
                    continue
                n = n_of[d]
                met[d, n, 0] = fact[p.different[d, 1]] * 2**31 + begin
                met[d, n, 1] = occurred
                n_of[d] = n + 1
        condition_of_word += BITS


@inlined
def _cover(level: Longs, begin: int, end: int, value: int) -> None:
    """Write a value at the two powers of two that cover its stretch together."""
    if end < begin:
        return
    power = 0
    while 2 << power <= end - begin + 1:
        power += 1
    level[power, begin] = max(level[power, begin], value)
    second = end - (1 << power) + 1
    level[power, second] = max(level[power, second], value)


@inlined
def _hand_down(greatest: Any, m: int, p: Any, moment: Longs) -> None:
    for g in range(p.greatest.shape[0]):
        level = greatest[g]
        for power in range(level.shape[0] - 1, 0, -1):
            half = 1 << (power - 1)
            for j in range(m - 2 * half + 1):
                value = level[power, j]
                level[power - 1, j] = max(level[power - 1, j], value)
                level[power - 1, j + half] = max(level[power - 1, j + half], value)
        for j in range(m):
            moment[j, p.greatest[g, 3]] = level[0, j]


@inlined
def _count_different(met: Longs, d: int, as_of: Longs, p: Any, total: Longs) -> None:
    """Join the stretches of equal values, and count each once."""
    _sort(met)
    for s in range(p.stretch_of[d], p.stretch_of[d + 1]):
        length, column = p.lengths[p.stretches[s, 0]], p.stretches[s, 1]
        covered = -1
        for k in range(met.shape[0]):
            if k == 0 or met[k, 0] >> 31 != met[k - 1, 0] >> 31:
                covered = -1
            start = max(met[k, 0] & (2**31 - 1), covered + 1)
            end = _after(as_of, met[k, 1] + length) - 1
            if end >= start:
                total[start, column] += 1
                total[end + 1, column] -= 1
                covered = end


@inner
def _sort(met: Longs) -> None:
    """Order by value and begin; few rows in place, because most leads have few."""
    n = met.shape[0]
    if n > 32:
        order = np.argsort(met[:, 0])
        met[:, 2] = met[order, 0]
        first = met[order, 1]
        met[:, 0] = met[:, 2]
        met[:, 1] = first
        return
    for k in range(1, n):
        key, occurred = met[k, 0], met[k, 1]
        at = k
        while at > 0 and met[at - 1, 0] > key:
            met[at, 0], met[at, 1] = met[at - 1, 0], met[at - 1, 1]
            at -= 1
        met[at, 0], met[at, 1] = key, occurred


@inlined
def _run_on(
    total: Longs,
    moment: Longs,
    m: int,
    p: Any,
    row: int,
    counts: Ints,
    sums: Longs,
    moments: Longs,
) -> None:
    """Write running totals and running extremes; what is the greatest of a stretch stands as it is."""
    for j in range(m):
        if j:
            for c in range(p.n_totals):
                total[j, c] += total[j - 1, c]
            for c in range(p.n_moments - p.greatest.shape[0]):
                moment[j, c] = max(moment[j, c], moment[j - 1, c])
        for c in range(p.n_counts):
            counts[c, row + j] = total[j, c]
        for c in range(p.n_counts, p.n_totals):
            sums[c - p.n_counts, row + j] = total[j, c]
        for c in range(p.n_moments):
            moments[c, row + j] = moment[j, c]
