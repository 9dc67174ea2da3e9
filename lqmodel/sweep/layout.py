"""Snapshots in the order in which the sweep visits them: by bucket of the lead's id, lead, moment."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.compiled import entry, inner
from lqmodel.engine import AS_OF, KEY
from lqmodel.sweep.keys import LONGEST, bytes_of, pack, sieve_of, width
from lqmodel.sweep.programme import Ints, Longs

FACTS_OF_A_BUCKET = 10_000
"""Facts or snapshots of a bucket: so few that they stay near the core."""


class Layout(NamedTuple):
    """Where the snapshots of each bucket and lead stand, and how a lead is found by the words of its id.

    Attributes
    ----------
    bits : int
        There are 2^bits buckets.
    as_of : ndarray of int64, shape (n_snapshots,)
        Ascending within a lead.
    row : ndarray of int32, shape (n_leads + 1,)
        First snapshot of each lead.
    words : ndarray of int64, shape (n_leads, n_words)
    lead : ndarray of int32, shape (2^bits + 1,)
        First lead of each bucket.
    table : ndarray of int32, shape (n_slots,)
        Open addressing, a power of two of slots for each bucket: a lead, or −1.
    slot : ndarray of int32, shape (2^bits + 1,)
        First slot of each bucket.
    sieve : ndarray of int64
        Lets all leads pass and few other ids: `keys.sieve_of`.
    """

    bits: int
    as_of: Longs
    row: Ints
    words: Longs
    lead: Ints
    table: Ints
    slot: Ints
    sieve: Longs


def lay_out(snapshots: pa.Table, n_facts: int) -> tuple[Layout, pa.Table] | None:
    """Order snapshots for a sweep; None if an id is too long for it.

    Parameters
    ----------
    snapshots : pyarrow.Table
        Grain: (``__key``, ``__as_of``), neither missing.
    n_facts : int
        Facts of the largest source; together with the snapshots it settles the number of buckets.

    Returns
    -------
    (Layout, pyarrow.Table)
        The table holds the snapshots in the layout's order.
    """
    ids = snapshots[KEY].combine_chunks() if snapshots[KEY].num_chunks != 1 else snapshots[KEY].chunk(0)
    longest = pc.max(pc.binary_length(ids)).as_py() or 0
    if longest > LONGEST:
        return None
    n = len(ids)
    bits = min(11, (max(n_facts, n) // FACTS_OF_A_BUCKET).bit_length())
    words, bucket = np.empty((n, width(longest)), np.int64), np.empty(n, np.int32)
    pack(*bytes_of(ids), bits, np.empty(0, np.int64), words, bucket)
    as_of = np.array(snapshots[AS_OF], np.int64)  # its own, so that one sort of array is compiled for
    order, lead_of = np.empty(n, np.int32), np.empty(n, np.int32)
    lead, slot = np.zeros((1 << bits) + 1, np.int32), np.zeros((1 << bits) + 1, np.int32)
    in_bucket = np.bincount(bucket, minlength=1 << bits)
    slot[1:] = np.cumsum([1 << int(2 * k).bit_length() if k else 0 for k in in_bucket.tolist()])
    table = np.full(slot[-1], -1, np.int32)
    first = np.concatenate([[0], np.cumsum(in_bucket)]).astype(np.int32)
    n_leads = _arrange(words, bucket, as_of, first, slot, table, lead, order, lead_of)
    ordered = lead_of[order]
    row = np.searchsorted(ordered, np.arange(n_leads + 1, dtype=np.int32)).astype(np.int32)
    words = words[order[row[:-1]]]
    layout = Layout(bits, as_of[order], row, words, lead, table, slot, sieve_of(words))
    return layout, snapshots.take(pa.array(order))


@entry
def _arrange(
    words: Longs,
    bucket: Ints,
    as_of: Longs,
    first: Ints,
    slot: Ints,
    table: Ints,
    lead: Ints,
    order: Ints,
    lead_of: Ints,
) -> int:
    """Write each bucket's leads and table, each row's lead, and the rows ordered by lead and moment."""
    n, n_buckets = words.shape[0], first.shape[0] - 1
    place = first.copy()
    dealt = np.empty(n, np.int32)
    for i in range(n):
        dealt[place[bucket[i]]] = i
        place[bucket[i]] += 1
    example = np.empty(n, np.int32)  # a row of each lead
    n_leads = 0
    for b in range(n_buckets):
        lead[b] = n_leads
        mask = slot[b + 1] - slot[b] - 1
        for k in range(first[b], first[b + 1]):
            i = dealt[k]
            at = _start(words[i]) & mask
            while True:
                found = table[slot[b] + at]
                if found < 0:
                    table[slot[b] + at] = n_leads
                    example[n_leads] = i
                    lead_of[i] = n_leads
                    n_leads += 1
                    break
                if _same(words[i], words[example[found]]):
                    lead_of[i] = found
                    break
                at = (at + 1) & mask
    lead[n_buckets] = n_leads
    start = np.zeros(n_leads + 1, np.int64)
    for i in range(n):
        start[lead_of[i] + 1] += 1
    for k in range(n_leads):
        start[k + 1] += start[k]
    end = start.copy()
    for i in range(n):
        order[end[lead_of[i]]] = i
        end[lead_of[i]] += 1
    for k in range(n_leads):
        rows = order[start[k] : start[k + 1]]
        if rows.shape[0] > 1:
            rows[:] = rows[np.argsort(as_of[rows], kind="mergesort")]
    return n_leads


@inner
def _start(words: Any) -> Any:
    """Return where a search of the table begins: bits that the bucket does not depend on alone."""
    mixed = np.uint64(0)
    for w in range(words.shape[0]):
        mixed = (mixed ^ np.uint64(words[w])) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    return np.int64(mixed >> np.uint64(20)) & 0x7FFFFFFF


@inner
def _same(one: Any, other: Any) -> Any:
    different = np.int64(0)
    for w in range(one.shape[0]):
        different |= one[w] ^ other[w]
    return different == 0


@entry
def line_up(records: Longs, starts: Longs, layout: Layout, bucket: int) -> tuple[Longs, Longs]:
    """Return the records of a bucket by lead, and where each of its leads begins: a counting sort.

    Parameters
    ----------
    records : ndarray of int64, shape (n_records, n_fields)
        The words of the id first.
    starts : ndarray of int64, shape (n_batches, 2^bits + 1)
        First record of each bucket in each batch.
    layout : Layout
        Records of leads that it does not hold are left out.
    bucket : int
    """
    n_words, first_slot = layout.words.shape[1], layout.slot[bucket]
    mask, first = layout.slot[bucket + 1] - first_slot - 1, layout.lead[bucket]
    n = 0
    for batch in range(starts.shape[0]):
        n += starts[batch, bucket + 1] - starts[batch, bucket]
    order, which = np.empty(n, np.int64), np.empty(n, np.int32)
    start = np.zeros(layout.lead[bucket + 1] - first + 1, np.int64)
    if mask < 0:
        return order, start
    n = 0
    for batch in range(starts.shape[0]):
        for r in range(starts[batch, bucket], starts[batch, bucket + 1]):
            words = records[r, :n_words]
            at = _start(words) & mask
            while True:
                found = layout.table[first_slot + at]
                if found < 0 or _same(words, layout.words[found]):
                    break
                at = (at + 1) & mask
            which[n] = found - first if found >= 0 else -1
            if found >= 0:
                start[which[n] + 1] += 1
            n += 1
    for k in range(start.shape[0] - 1):
        start[k + 1] += start[k]
    place, n = start.copy(), 0
    for batch in range(starts.shape[0]):
        for r in range(starts[batch, bucket], starts[batch, bucket + 1]):
            if which[n] >= 0:
                order[place[which[n]]] = r
                place[which[n]] += 1
            n += 1
    return order, start
