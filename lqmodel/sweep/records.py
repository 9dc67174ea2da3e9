"""Facts dealt out: batches from DuckDB → one record of words for each fact, by bucket of its lead."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend
from numpy.typing import NDArray

from lqmodel.engine import KEY, OCCURRED
from lqmodel.sweep.deciding import Texts, all_bits
from lqmodel.sweep.keys import bytes_of, pack
from lqmodel.sweep.layout import Layout
from lqmodel.sweep.programme import Ints, Longs, Plan
from lqmodel.sweep.reading import BITS_OF, TEXT, USABLE, VALUE, Query
from lqmodel.sweep.scatter import deal, narrow, put, put_first, put_scaled

BATCH = 122_880
"""Facts handed over at once: a row group of DuckDB's own tables."""
WAITING = 4
"""Batches that may wait for each thread."""
_SIGN = np.int64(2**63 - 1)


class Records(NamedTuple):
    """Facts by bucket.

    Attributes
    ----------
    fields : ndarray of int64, shape (capacity, n_fields)
        One record per fact, as `programme.Programme` lays it out.
    starts : ndarray of int64, shape (n_batches, n_buckets + 1)
        First record of each bucket in each batch.
    greatest : int
        Greatest magnitude of the values that are added up.
    """

    fields: Longs
    starts: Longs
    greatest: int


class _Filling:
    """Records that batches are written into, each from where the one before ended."""

    def __init__(self, capacity: int, n_fields: int) -> None:
        self.fields = np.empty((capacity, n_fields), np.int64)
        self.starts: list[Longs] = []
        self._lock, self._filled = Lock(), 0

    def take(self, n: int, starts: Longs) -> Longs:
        """Return the next n records, and move where buckets start in them to where they start in all."""
        with self._lock:
            first, self._filled = self._filled, self._filled + n
            starts += first
            self.starts.append(starts)
        return self.fields[first : first + n]


def gather(
    con: Backend,
    query: Query,
    plan: Plan,
    layout: Layout,
    buckets: range,
    pool: ThreadPoolExecutor,
    capacity: int,
) -> Records:
    """Run the query and deal its facts out; those of other buckets than ``buckets`` are left out.

    Parameters
    ----------
    con : Backend
    query : Query
    plan, layout : Plan, Layout
    buckets : range
    pool : ThreadPoolExecutor
    capacity : int
        No fewer than there are facts; memory that no fact needs is never touched.
    """
    filling = _Filling(capacity, plan.n_fields)
    waiting: set[Future[int]] = set()
    greatest = 0
    for batch in con.con.sql(query.sql).to_arrow_reader(BATCH):
        waiting.add(pool.submit(_deal, batch, filling, query, plan, layout, buckets))
        if len(waiting) >= WAITING * pool._max_workers:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            greatest = max(greatest, *(one.result() for one in done))
    greatest = max([greatest, *(one.result() for one in waiting)])
    starts = np.array(filling.starts, np.int64).reshape(len(filling.starts), (1 << layout.bits) + 1)
    return Records(filling.fields, starts, greatest)


def _deal(
    batch: pa.RecordBatch, filling: _Filling, query: Query, plan: Plan, layout: Layout, buckets: range
) -> int:
    """Write a batch into its records; return the greatest magnitude of what is added up."""
    n, p = len(batch), plan.programme
    words, bucket, rows = (
        np.empty((n, layout.words.shape[1]), np.int64),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
    )
    pack(*bytes_of(batch.column(KEY)), layout.bits, layout.sieve, words, bucket)
    codes = [_codes(batch.column(f"{TEXT}{i}"), one) for i, one in enumerate(query.texts)]
    bits = _bits(batch, query.texts, codes, plan)
    starts = np.empty((1 << layout.bits) + 1, np.int64)
    rows = rows[: deal(bucket, bits, buckets.start, buckets.stop, starts, rows)]
    records = filling.take(len(rows), starts)
    occurred = _integers(batch.column(OCCURRED))
    usable = _integers(batch.column(USABLE)) if p.usable != p.occurred else occurred[:0]
    put_first(records, rows, words, occurred, usable, bits)
    of_column = {one.column: code for one, code in zip(query.texts, codes, strict=True)}
    greatest = 0
    for i, value in enumerate(plan.values):
        name, field = f"{VALUE}{i}", plan.first_value + i
        if name not in batch.schema.names:
            put(records, rows, field, of_column[value.name])
        elif value.sort == "number":
            put(records, rows, field, ordered(batch.column(name)))
        elif value.sort == "sum":
            summands = np.asarray(pc.fill_null(batch.column(name), 0.0))
            greatest = max(greatest, put_scaled(records, rows, field, summands, float(value.scale)))
        else:
            put(records, rows, field, _integers(batch.column(name)))
    return greatest


def _codes(column: pa.DictionaryArray, texts: Texts) -> Ints:
    """Return the number of each text among those that are named; their number for any other or none."""
    codes: Ints = pc.fill_null(column.indices.cast(pa.int32()), len(texts.named)).to_numpy()
    return codes


def _bits(batch: pa.RecordBatch, texts: list[Texts], codes: list[Ints], plan: Plan) -> Longs:
    """Return the tests that each fact fits, shape (n_words, n)."""
    bits = np.empty((plan.n_bit_words, len(batch)), np.int64)
    for word in range(len(bits)):
        name = f"{BITS_OF}{word}"
        decided = name in batch.schema.names
        bits[word] = _integers(batch.column(name)) if decided else all_bits(len(plan.tests), word)
    for one, code in zip(texts, codes, strict=True):
        narrow(bits, one.bits, code)
    return bits


def _integers(column: pa.Array) -> Longs:
    """Return a column as int64, without a copy where it can be; where a value is missing nothing looks at it."""
    values = column if pa.types.is_int64(column.type) else column.cast(pa.int64())
    return np.frombuffer(values.buffers()[1], np.int64, len(values) + values.offset)[values.offset :]


def ordered(column: pa.Array) -> Longs:
    """Return integers in the order of the floats of a column (IEEE 754, 5.10); missing ones are undefined."""
    bits = np.frombuffer(column.buffers()[1], np.int64, len(column) + column.offset)[column.offset :]
    return bits ^ ((bits >> 63) & _SIGN)


def as_floats(bits: Longs) -> NDArray[np.float64]:
    """Return the floats that `ordered` made integers of."""
    return (bits ^ ((bits >> 63) & _SIGN)).view(np.float64)
