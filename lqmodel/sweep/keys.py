"""Lead ids as words of 64 bits: told apart by comparing integers, and dealt into buckets by a hash.

An id of n bytes fills `width(n)` words, the last byte of the last word holding its length; so two ids are equal
exactly if their words are. Ids longer than any lead's own are no lead's and get the length 255, which none has.

Facts of other leads than the snapshots' are told early, before they cost memory: a sieve of some bits for each lead
lets all of its leads pass and few others (a blocked Bloom filter; Putze, Sanders, Singler, 2007).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.compiled import entry, inner

LONGEST = 254
"""Bytes of an id that words are made of; the length stands in one byte."""
BITS_OF_A_LEAD = 8
"""Bits of the sieve for each lead, at least; so about 3 % of other leads pass, and 1 MB serves a million."""
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
def pack(offsets: Any, data: Any, bits: int, sieve: Words, words: Words, bucket: Any) -> None:
    """Write the words of each id and the bucket that it falls into.

    Parameters
    ----------
    offsets, data : ndarray
        Of `bytes_of`.
    bits : int
        There are 2^bits buckets.
    sieve : ndarray of int64
        Of `sieve_of`; ids that it holds back get the bucket −1. Without any word it holds back none.
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
            mixed = _mixed(mixed, word)
        held_back = False
        if sieve.shape[0]:
            at, mesh = _mesh(mixed, sieve.shape[0])
            held_back = sieve[at] & mesh != mesh
        mixed *= _MIXER
        bucket[i] = -1 if held_back else np.int32(mixed >> np.uint64(64 - bits)) if bits else np.int32(0)


def sieve_of(words: Words) -> Words:
    """Return a sieve that lets these ids pass.

    Parameters
    ----------
    words : ndarray of int64, shape (n, n_words)
        Of `pack`.

    Returns
    -------
    ndarray of int64
        A power of two of words.
    """
    sieve = np.zeros(1 << (len(words) * BITS_OF_A_LEAD // 64).bit_length(), np.int64)
    _let_pass(words, sieve)
    return sieve


@entry
def _let_pass(words: Words, sieve: Words) -> None:
    for i in range(words.shape[0]):
        mixed = np.uint64(0)
        for w in range(words.shape[1]):
            mixed = _mixed(mixed, np.uint64(words[i, w]))
        at, mesh = _mesh(mixed, sieve.shape[0])
        sieve[at] |= mesh


@inner
def _mixed(mixed: Any, word: Any) -> Any:
    mixed = (mixed ^ word) * _MIXER
    return mixed ^ (mixed >> np.uint64(32))


@inner
def _mesh(mixed: Any, n: int) -> Any:
    """Return the place of an id in a sieve of n words, and its three bits there."""
    again = mixed * np.uint64(0xBF58476D1CE4E5B9)
    again ^= again >> np.uint64(29)
    last, one = np.uint64(63), np.uint64(1)
    mesh = (
        one << (again & last)
        | one << ((again >> np.uint64(6)) & last)
        | one << ((again >> np.uint64(12)) & last)
    )
    return np.int64((again >> np.uint64(18)) & np.uint64(n - 1)), np.int64(mesh)


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
