"""Lead ids as words of 64 bits: told apart by comparing integers, and dealt into buckets by a hash.

An id of n bytes fills `width(n)` words, the last byte of the last word holding its length; so two ids are equal
exactly if their words are. Ids longer than any lead's own are no lead's and get the length 255, which none has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.compiled import entry, inner

LONGEST = 254
"""Bytes of an id that words are made of; the length stands in one byte."""
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth, TAOCP 3, 6.4)

Words = NDArray[np.int64]


def width(longest: int) -> int:
    """Return how many words ids of up to ``longest`` bytes need.

    >>> width(7), width(8)
    (1, 2)
    """
    return longest // 8 + 1


def bytes_of(ids: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return where each text begins, shape (n + 1,), and the bytes of all, without copying them."""
    if not pa.types.is_string(ids.type):
        ids = ids.cast(pa.string())
    _, starts, data = ids.buffers()
    offsets = (
        np.frombuffer(starts, np.int32, len(ids) + 1, 4 * ids.offset) if starts else np.zeros(1, np.int32)
    )
    return offsets, np.frombuffer(data if data and data.size else b"\0", np.uint8)


@entry
def pack(offsets: Any, data: Any, bits: int, words: Words, bucket: Any) -> None:
    """Write the words of each id and the bucket that it falls into.

    Parameters
    ----------
    offsets, data : ndarray
        Of `bytes_of`.
    bits : int
        There are 2^bits buckets.
    words : ndarray of int64, shape (n, n_words)
        Written to.
    bucket : ndarray of int32, shape (n,)
        Written to.
    """
    n_words = words.shape[1]
    most = 8 * n_words - 1
    for i in range(words.shape[0]):
        start = np.int64(offsets[i])
        length = np.int64(offsets[i + 1]) - start
        mixed = np.uint64(0)
        fits = length <= most
        for w in range(n_words):
            word = _word(data, start + 8 * w, length - 8 * w) if fits else np.uint64(0)
            if w == n_words - 1:
                word |= np.uint64(length if fits else 255) << np.uint64(56)
            words[i, w] = np.int64(word)
            mixed = (mixed ^ word) * _MIXER
            mixed ^= mixed >> np.uint64(32)
        mixed *= _MIXER
        bucket[i] = np.int32(mixed >> np.uint64(64 - bits)) if bits else np.int32(0)


@inner
def _word(data: Any, at: Any, length: Any) -> np.uint64:
    """Return up to eight bytes from ``at`` on as one word, the first byte lowest."""
    if length <= 0:
        return np.uint64(0)
    if at + 8 <= data.shape[0]:
        word = (
            np.uint64(data[at])
            | np.uint64(data[at + 1]) << np.uint64(8)
            | np.uint64(data[at + 2]) << np.uint64(16)
            | np.uint64(data[at + 3]) << np.uint64(24)
            | np.uint64(data[at + 4]) << np.uint64(32)
            | np.uint64(data[at + 5]) << np.uint64(40)
            | np.uint64(data[at + 6]) << np.uint64(48)
            | np.uint64(data[at + 7]) << np.uint64(56)
        )
        return word if length >= 8 else word & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))
    word = np.uint64(0)
    for i in range(min(length, 8)):
        word |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return word
