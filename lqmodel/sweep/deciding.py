"""Tests of facts, decided as seldom as can be.

Conditions on texts are decided once for each text that some condition names: a table of bits by text, and each
fact looks up its own. All other conditions are decided by DuckDB, once for each fact.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np

from lqmodel.declarations import Condition
from lqmodel.sweep.programme import BITS, Longs, Test
from lqmodel.verbs import matches


class Texts(NamedTuple):
    """What the texts of one column decide.

    Attributes
    ----------
    column : str
    named : tuple of str
        The texts that conditions name; where texts are also told apart, all that there are.
    bits : ndarray of int64, shape (n_words, n_named + 1)
        The tests that a fact with this text may still fit; last, those of any other text or none.
    """

    column: str
    named: tuple[str, ...]
    bits: Longs


def decided_by_text(tests: tuple[Test, ...], told_apart: Mapping[str, Iterable[str]]) -> list[Texts]:
    """Return for each column of texts that is tested or told apart what its texts decide.

    Parameters
    ----------
    tests : tuple of Test
    told_apart : mapping
        Column → all its texts.
    """
    names: dict[str, set[str]] = {column: set(texts) for column, texts in told_apart.items()}
    for condition in _conditions(tests):
        if _is_text(condition):
            names.setdefault(condition.column, set()).update(map(str, condition.values))
    found = []
    for column, texts in sorted(names.items()):
        named = sorted(texts)
        bits = np.zeros((-(-len(tests) // BITS), len(named) + 1), np.int64)
        for i, test in enumerate(tests):
            sets = [set(c.values) for c in test.where if _is_text(c) and c.column == column]
            told = test.filled == column and column in told_apart
            for k, text in enumerate([*named, None]):
                if all(text in admitted for admitted in sets) and not (told and text is None):
                    bits[i // BITS, k] |= np.int64(1 << i % BITS)
        found.append(Texts(column, tuple(named), bits))
    return found


def decided_by_fact(
    table: ir.Table, tests: tuple[Test, ...], word: int, told_apart: Container[str]
) -> ir.IntegerValue | None:
    """Return the bits of one word: the tests whose other conditions a fact fits; None if there are none.

    Whether a column that is told apart holds a text is left to `decided_by_text`.
    """
    always, bits = 0, []
    for i, test in enumerate(tests[word * BITS : (word + 1) * BITS]):
        others = tuple(c for c in test.where if not _is_text(c))
        fits = [matches(table, others)] if others else []
        filled = test.filled if test.filled not in told_apart else None
        fits += [table[filled].notnull()] if filled else []
        if fits:
            bits.append(ibis.and_(*fits).ifelse(ibis.literal(1 << i, "int64"), ibis.literal(0, "int64")))
        else:
            always |= 1 << i
    return reduce(or_, bits, ibis.literal(always, "int64")) if bits else None


def all_bits(n_tests: int, word: int) -> int:
    """Return a word with the bits of all its tests.

    >>> all_bits(65, 0) == 2**63 - 1, all_bits(65, 1)
    (True, 3)
    """
    return (1 << min(BITS, n_tests - word * BITS)) - 1


def _conditions(tests: tuple[Test, ...]) -> Iterable[Condition]:
    return (condition for test in tests for condition in test.where)


def _is_text(condition: Condition) -> bool:
    return condition.operator == "eq" and isinstance(condition.values[0], str)
