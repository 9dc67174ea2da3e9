"""Facts dealt into buckets by their lead: one record of words each, bucket by bucket within a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from lqmodel.compiled import entry
from lqmodel.sweep.programme import Ints, Longs


@entry
def narrow(bits: Longs, allowed: Longs, code: Ints) -> None:
    """Keep of each fact's bits those that its code allows.

    Parameters
    ----------
    bits : ndarray of int64, shape (n_words, n)
        Written to.
    allowed : ndarray of int64, shape (n_words, n_codes)
    code : ndarray of int32, shape (n,)
    """
    for word in range(bits.shape[0]):
        for i in range(code.shape[0]):
            bits[word, i] &= allowed[word, code[i]]


@entry
def deal(bucket: Ints, bits: Longs, first: int, last: int, at: int, starts: Longs, place: Longs) -> None:
    """Write the place of each fact of a batch, and where its buckets begin.

    Parameters
    ----------
    bucket : ndarray of int32, shape (n,)
    bits : ndarray of int64, shape (n_words, n)
        Facts without any bit are left out; so are those of other buckets than ``first`` to ``last``, which is left
        out too. They get the place −1.
    first, last : int
    at : int
        First place of the batch.
    starts : ndarray of int64, shape (n_buckets + 1,)
        Written to.
    place : ndarray of int64, shape (n,)
        Written to.
    """
    starts[:] = 0
    for i in range(bucket.shape[0]):
        any_bit = np.int64(0)
        for word in range(bits.shape[0]):
            any_bit |= bits[word, i]
        kept = any_bit != 0 and first <= bucket[i] < last
        place[i] = 0 if kept else -1
        if kept:
            starts[bucket[i] + 1] += 1
    starts[0] = at
    for b in range(starts.shape[0] - 1):
        starts[b + 1] += starts[b]
    following = starts[:-1].copy()
    for i in range(bucket.shape[0]):
        if place[i] == 0:
            place[i] = following[bucket[i]]
            following[bucket[i]] += 1


@entry
def put(records: Longs, place: Longs, field: int, column: Any) -> None:
    """Write a column of integers into a field of the records.

    Parameters
    ----------
    records : ndarray of int64, shape (n_records, n_fields)
    place : ndarray of int64, shape (n,)
        Of `deal`.
    field : int
    column : ndarray of an integer type, shape (n,)
    """
    for i in range(place.shape[0]):
        if place[i] >= 0:
            records[place[i], field] = column[i]


@entry
def put_scaled(records: Longs, place: Longs, field: int, column: Any, scale: float) -> int:
    """Write floor(x·scale + 0.5) of a column of float64 as `put` does; return the greatest magnitude."""
    greatest = 0
    for i in range(place.shape[0]):
        if place[i] >= 0:
            whole = np.int64(np.floor(column[i] * scale + 0.5))
            records[place[i], field] = whole
            greatest = max(greatest, int(abs(whole)))
    return greatest


@entry
def put_words(records: Longs, place: Longs, words: Longs) -> None:
    """Write the words of the ids into the first fields of the records."""
    for i in range(place.shape[0]):
        if place[i] >= 0:
            for w in range(words.shape[1]):
                records[place[i], w] = words[i, w]
