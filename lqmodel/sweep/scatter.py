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
def deal(bucket: Ints, bits: Longs, first: int, last: int, starts: Longs, rows: Ints) -> int:
    """Write the facts of a batch by bucket, and where each bucket begins; return how many facts are kept.

    Parameters
    ----------
    bucket : ndarray of int32, shape (n,)
        Of those left out −1 is written.
    bits : ndarray of int64, shape (n_words, n)
        Facts without any bit are left out; so are those of other buckets than ``first`` to ``last``, which is left
        out too.
    first, last : int
    starts : ndarray of int64, shape (n_buckets + 1,)
        Written to.
    rows : ndarray of int32, shape (n,)
        Written to, as far as facts are kept.
    """
    starts[:] = 0
    for i in range(bucket.shape[0]):
        any_bit = np.int64(0)
        for word in range(bits.shape[0]):
            any_bit |= bits[word, i]
        if any_bit != 0 and first <= bucket[i] < last:
            starts[bucket[i] + 1] += 1
        else:
            bucket[i] = -1
    for b in range(starts.shape[0] - 1):
        starts[b + 1] += starts[b]
    following = starts[:-1].copy()
    for i in range(bucket.shape[0]):
        if bucket[i] >= 0:
            rows[following[bucket[i]]] = i
            following[bucket[i]] += 1
    return int(starts[-1])


@entry
def put(records: Longs, rows: Ints, field: int, column: Any) -> None:
    """Write a column of integers into a field of the records of a batch.

    Parameters
    ----------
    records : ndarray of int64, shape (n_kept, n_fields)
    rows : ndarray of int32, shape (n_kept,)
        Of `deal`.
    field : int
    column : ndarray of an integer type, shape (n,)
    """
    for k in range(rows.shape[0]):
        records[k, field] = column[rows[k]]


@entry
def put_scaled(records: Longs, rows: Ints, field: int, column: Any, scale: float) -> int:
    """Write floor(x·scale + 0.5) of a column of float64 as `put` does; return the greatest magnitude."""
    greatest = 0
    for k in range(rows.shape[0]):
        whole = np.int64(np.floor(column[rows[k]] * scale + 0.5))
        records[k, field] = whole
        greatest = max(greatest, int(abs(whole)))
    return greatest


@entry
def put_first(records: Longs, rows: Ints, words: Longs, occurred: Longs, usable: Longs, bits: Longs) -> None:
    """Write all fields before the values, in the order of `programme.Programme`: the first touch of the records.

    Parameters
    ----------
    records, rows
        As in `put`.
    words : ndarray of int64, shape (n, n_words)
    occurred : ndarray of int64, shape (n,)
    usable : ndarray of int64, shape (n,) or (0,)
        Left out where it is empty.
    bits : ndarray of int64, shape (n_bit_words, n)
    """
    n_words, beside = words.shape[1], 1 if usable.shape[0] else 0
    for k in range(rows.shape[0]):
        row, record = rows[k], records[k]
        for w in range(n_words):
            record[w] = words[row, w]
        record[n_words] = occurred[row]
        if beside:
            record[n_words + 1] = usable[row]
        for w in range(bits.shape[0]):
            record[n_words + 1 + beside + w] = bits[w, row]
