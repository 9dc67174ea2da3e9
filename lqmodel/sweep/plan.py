"""Declared features of one source → what is read of each fact, and what the kernel makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from lqmodel.declarations import (
    DAY,
    ActiveDays,
    Column,
    Count,
    Decayed,
    DeclaredFeature,
    Distinct,
    Duration,
    Feature,
    Max,
    Mean,
    Recency,
    Share,
    Sum,
    Tenure,
    Trend,
)
from lqmodel.engine import FOREVER, LOCAL_DAY
from lqmodel.sweep.programme import BITS, Ints, Longs, Measure, Plan, Programme, Sort, Test, Total, Value
from lqmodel.verbs import beside

COVERED = (ActiveDays, Count, Decayed, Distinct, Max, Mean, Recency, Share, Sum, Tenure, Trend)
"""The verbs that the sweep computes: all that aggregate."""


def plan(columns: Sequence[tuple[DeclaredFeature, Column]], n_words: int, lag: int | None) -> Plan:
    """Plan the sweep of one source.

    Parameters
    ----------
    columns : sequence of (DeclaredFeature, Column)
        Of verbs that are `COVERED`.
    n_words : int
        Words of a lead's id.
    lag : int or None
        How much later than it occurred every fact was known, microseconds; None if that varies.
    """
    found = _Found()
    for item, column in columns:
        found.add(item.feature, column)
    return found.plan(n_words, lag)


class _Found:
    """Tests, values, windows and measures met so far; what is declared twice is computed once.

    Each dictionary numbers its keys in the order in which they were met.
    """

    def __init__(self) -> None:
        self.tests: dict[Test, int] = {}
        self.lengths: dict[int, int] = {}
        self.values: dict[Value, int] = {}
        self.counts: dict[Total, int] = {}
        self.sums: dict[Total, int] = {}
        self.latest: dict[int, int] = {}
        self.earliest: dict[int, int] = {}
        self.greatest: dict[tuple[int, int, int], int] = {}
        self.measures: dict[str, Measure] = {}

    def add(self, feature: Feature, column: Column) -> None:
        """Take in what one column needs."""
        name, test = column.name, _number(self.tests, Test(feature.where))
        if isinstance(feature, Recency):
            self.measures[name] = Measure("latest", _number(self.latest, test))
        elif isinstance(feature, Tenure):
            self.measures[name] = Measure("earliest", _number(self.earliest, test))
        elif isinstance(feature, Decayed):
            length = _number(self.lengths, feature.HALF_LIVES * feature.half_life.us)
            self.measures[name] = self._sum(Total(test, length, half_life=feature.half_life.us // DAY))
        elif column.window is not None:
            self._add_windowed(feature, column, column.window.us, test)
        else:
            raise TypeError(f"{feature.verb} is not swept")

    def _add_windowed(self, feature: Feature, column: Column, us: int, test: int) -> None:
        name, length = column.name, _number(self.lengths, us)
        if isinstance(feature, Count | Share | Trend):
            self.measures[name] = self._count(Total(test, length))
        if isinstance(feature, Share):
            everything = _number(self.tests, Test(()))
            self.measures[beside(name)] = self._count(Total(everything, length))
        elif isinstance(feature, Trend):
            before = Total(test, _number(self.lengths, 2 * us), without=length)
            self.measures[beside(name)] = self._count(before)
        elif isinstance(feature, Sum):
            self.measures[name] = self._sum(Total(test, length, self._summand(feature)))
        elif isinstance(feature, Mean):
            filled = _number(self.tests, Test(feature.where, feature.column))
            self.measures[name] = self._sum(Total(filled, length, self._summand(feature)))
            self.measures[beside(name)] = self._count(Total(filled, length))
        elif isinstance(feature, Max):
            filled = _number(self.tests, Test(feature.where, feature.column))
            key = (filled, self._value("number", feature.column), length)
            self.measures[name] = Measure("greatest", _number(self.greatest, key))
        elif isinstance(feature, Distinct | ActiveDays):
            told_apart = LOCAL_DAY if isinstance(feature, ActiveDays) else feature.column
            filled = _number(self.tests, Test(feature.where, told_apart))
            self.measures[name] = self._count(Total(filled, length, self._value("code", told_apart)))

    def _value(self, sort: Sort, name: str) -> int:
        return _number(self.values, Value(sort, name))

    def _summand(self, feature: Sum | Mean) -> int:
        return _number(self.values, Value("sum", feature.column, feature.scale))

    def _count(self, total: Total) -> Measure:
        return Measure("count", _number(self.counts, total))

    def _sum(self, total: Total) -> Measure:
        return Measure("sum", _number(self.sums, total))

    def plan(self, n_words: int, lag: int | None) -> Plan:
        """Put everything into arrays, those of one test together."""
        n_tests, usable = len(self.tests), n_words + (lag is None)
        bits = usable + 1
        first_value = bits - (-n_tests // BITS)
        half_lives = sorted({total.half_life for total in self.sums} - {0})
        numbered = [(total, row) for total, row in self.counts.items() if total.value < 0]
        longest = sorted(self.lengths, reverse=True)
        rank = {number: longest.index(us) for us, number in self.lengths.items()}  # 0: the longest window
        counts = sorted((t.test, rank[t.length], t.length, row) for t, row in numbered if t.without < 0)
        rows = [(total, row) for total, row in numbered if total.without >= 0]
        rows += [(total, len(self.counts) + row) for total, row in self.sums.items()]
        totals = sorted(
            (
                t.test,
                rank[t.length],
                first_value + t.value if t.value >= 0 else -1,
                t.length,
                t.without,
                row,
                half_lives.index(t.half_life) if t.half_life else -1,
            )
            for t, row in rows
        )
        n_ends = len(self.latest) + len(self.earliest)
        greatest = sorted(
            (test, first_value + value, length, n_ends + row)
            for (test, value, length), row in self.greatest.items()
        )
        stretches = sorted(
            (t.test, first_value + t.value, rank[t.length], t.length, row)
            for t, row in self.counts.items()
            if t.value >= 0
        )
        different = sorted({stretch[:2] for stretch in stretches})
        programme = Programme(
            occurred=n_words,
            usable=usable,
            bits=bits,
            lag=lag or 0,
            lengths=np.array(list(self.lengths), np.int64),
            counts=_table([row[2:] for row in counts], 2),
            count_of=_firsts([row[0] for row in counts], n_tests),
            totals=_table([row[2:] for row in totals], 5),
            total=_firsts([row[0] for row in totals], n_tests),
            latest=_columns(self.latest, n_tests, 0),
            earliest=_columns(self.earliest, n_tests, len(self.latest)),
            greatest=_table(greatest, 4),
            greatest_of=_firsts([row[0] for row in greatest], n_tests),
            different=_table(different, 2),
            different_of=_firsts([row[0] for row in different], n_tests),
            stretches=_table([row[3:] for row in stretches], 2),
            stretch_of=_firsts([different.index(row[:2]) for row in stretches], len(different)),
            weights=_weights(half_lives),
            n_counts=len(self.counts),
            n_totals=len(self.counts) + len(self.sums),
            n_moments=n_ends + len(self.greatest),
        )
        first_moment = {"latest": 0, "earliest": len(self.latest), "greatest": n_ends}
        measures = {n: Measure(m.sort, m.row + first_moment.get(m.sort, 0)) for n, m in self.measures.items()}
        values = tuple(self.values)
        return Plan(tuple(self.tests), values, self._reaches(), measures, programme, self._furthest())

    def _reaches(self) -> tuple[int, ...]:
        """Return how far back the longest window of each value reaches."""
        looked = [(t.value, t.length) for t in (*self.counts, *self.sums)]
        looked += [(value, length) for _, value, length in self.greatest]
        lengths = list(self.lengths)
        return tuple(max(lengths[n] for v, n in looked if v == value) for value in range(len(self.values)))

    def _furthest(self) -> int | None:
        if self.latest or self.earliest or max(self.lengths) >= FOREVER:
            return None
        return max(self.lengths)


Key = TypeVar("Key")


def _number(met: dict[Key, int], key: Key) -> int:
    """Return the number of a key; a new one gets the next."""
    return met.setdefault(key, len(met))


def _table(rows: Sequence[Sequence[int]], width: int) -> Ints:
    return np.array(rows, np.int32).reshape(len(rows), width)


def _firsts(groups: Sequence[int], n: int) -> Ints:
    """Return where each of n groups begins in a sorted list of groups, and where the last one ends."""
    return np.searchsorted(groups, np.arange(n + 1)).astype(np.int32)


def _columns(of_test: Mapping[int, int], n_tests: int, first: int) -> Ints:
    """Return each test's column, or −1."""
    return np.array([first + of_test[t] if t in of_test else -1 for t in range(n_tests)], np.int32)


def _weights(half_lives: Sequence[int]) -> Longs:
    """Return the weights by half-life and age, both in days; 0 where a fact is too old."""
    lists = [
        Decayed(verb="decayed", source="", half_life=Duration(days * DAY, f"{days}d")).weights()
        for days in half_lives
    ]
    table = np.zeros((len(lists), max(map(len, lists), default=0)), np.int64)
    for row, weights in zip(table, lists, strict=True):
        row[: len(weights)] = weights
    return table
