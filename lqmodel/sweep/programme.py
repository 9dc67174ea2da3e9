"""What is read of each fact and computed of it: the language between `plan`, `reading` and `kernel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lqmodel.declarations import Condition

Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
NEVER = -(2**63)
"""Instead of a moment or a greatest value, where there is none."""
BITS = 63
"""Conditions that a word of a record holds; the sign stays out of it."""


Sort = Literal["sum", "number", "code"]


class Test(NamedTuple):
    """What a fact has to fit: a ``where``, and a column that must not be missing."""

    where: tuple[Condition, ...]
    filled: str | None = None


class Value(NamedTuple):
    """A value of each fact: a number that is scaled and added, one that is compared, or a value told apart."""

    sort: Sort
    name: str
    scale: int = 0  # of what is added


class Total(NamedTuple):
    """Something that is added up over the facts that fit a test: 1, a value, or a weight by age.

    The count of the different values of a code is one too.
    """

    test: int
    length: int
    value: int = -1
    without: int = -1  # a length: facts so young do not count
    half_life: int = 0  # days


class Measure(NamedTuple):
    """Where the kernel writes a measure: a row of its counts, sums or moments."""

    sort: Literal["count", "sum", "latest", "earliest", "greatest"]
    row: int


class Programme(NamedTuple):
    """What to compute of each fact that fits a condition.

    Fields of a record: words of the lead's id, ``occurred`` and, unless the lag says it, ``usable`` (when it had
    occurred and was known), bits of the conditions that it fits, values.

    Attributes
    ----------
    occurred, usable, bits : int
        Fields of a record; ``usable`` is ``occurred`` where all facts are known equally late.
    lag : int
        How much later than ``usable`` says a fact counts, microseconds.
    lengths : ndarray of int64, shape (n_lengths,)
        How far back windows reach, microseconds.
    counts : ndarray of int32, shape (n, 2)
        Length, column of totals: facts of a window that count 1. Of each condition the longest window stands first,
        here and in ``totals`` and ``stretches``: a fact too old for one is too old for those that follow.
    count_of : ndarray of int32, shape (n_conditions + 1,)
        First of the counts of each condition.
    totals : ndarray of int32, shape (n, 5)
        All other totals. Field of the value (−1: each counts 1), length, length left out (−1: none), column, decay (−1: none).
    total : ndarray of int32, shape (n_conditions + 1,)
        First of the totals of each condition.
    latest, earliest : ndarray of int32, shape (n_conditions,)
        Column of moments, or −1.
    greatest : ndarray of int32, shape (n_greatest, 4)
        Condition, field, length, column of moments.
    greatest_of : ndarray of int32, shape (n_conditions + 1,)
    different : ndarray of int32, shape (n_different, 2)
        Condition, field of the value's code.
    different_of : ndarray of int32, shape (n_conditions + 1,)
    stretches : ndarray of int32, shape (n_stretches, 2)
        Length, column of totals: the windows of the different values.
    stretch_of : ndarray of int32, shape (n_different + 1,)
    weights : ndarray of int64, shape (n_decays, n_days)
        Weight of a fact by its age in days; 0 beyond.
    n_counts, n_totals, n_moments : int
        Columns of each sort: counts stand before other totals.
    """

    occurred: int
    usable: int
    bits: int
    lag: int
    lengths: Longs
    counts: Ints
    count_of: Ints
    totals: Ints
    total: Ints
    latest: Ints
    earliest: Ints
    greatest: Ints
    greatest_of: Ints
    different: Ints
    different_of: Ints
    stretches: Ints
    stretch_of: Ints
    weights: Longs
    n_counts: int
    n_totals: int
    n_moments: int


@dataclass(frozen=True)
class Plan:
    """What to read and to compute of one source.

    Attributes
    ----------
    tests : tuple of Test
        In the order of their bits.
    values : tuple of Value
        Fields of a record in this order, after the bits.
    reaches : tuple of int
        How far back windows look at each value, microseconds.
    measures : dict of str to Measure
        By the names that `verbs.measures` gives them.
    programme : Programme
    furthest : int or None
        Facts older than this at every snapshot change nothing, microseconds; None: each may.
    """

    tests: tuple[Test, ...]
    values: tuple[Value, ...]
    reaches: tuple[int, ...]
    measures: dict[str, Measure]
    programme: Programme
    furthest: int | None

    @property
    def n_bit_words(self) -> int:
        """Words that the bits of the tests take."""
        return -(-len(self.tests) // BITS)

    @property
    def first_value(self) -> int:
        """Field of the first value."""
        return self.programme.bits + self.n_bit_words

    @property
    def n_fields(self) -> int:
        """Words of a record."""
        return self.first_value + len(self.values)
