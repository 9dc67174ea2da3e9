"""Where each lead stands: arrays, one row per lead. Times are int64 microseconds UTC; `NEVER` stands for null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lqmodel.errors import BadData, ColumnMissing

Bools = NDArray[np.bool_]
Times = NDArray[np.int64]
Codes = NDArray[np.int8]

STAGES = ("Lead", "MQL", "sales-ready", "SAL", "SQL", "Customer", "Recycled")
"""Names of the stages; a stage's code is its position."""
LEAD, MQL, SALES_READY, SAL, SQL, CUSTOMER, RECYCLED = range(7)
NEVER = int(np.iinfo(np.int64).min)
"""Null among times."""
MOMENTS: Final = (
    "entered_at",
    "below_since",
    "below_mql_since",
    "raised_since",
    "accepted_since",
    "rejected_since",
    "wake_at",
    "last_as_of",
)
STATE_SCHEMA: Final = pa.schema(
    {"stage": pa.string()} | {name: pa.timestamp("us", "UTC") for name in MOMENTS}
)
"""The columns of a state."""


@dataclass(frozen=True, eq=False)
class State:
    """Where each lead stands; grain: one row per lead, aligned with the caller's leads.

    Attributes
    ----------
    stage : ndarray of int8, shape (n,)
        Position in `STAGES`.
    entered_at : ndarray of int64, shape (n,)
        as_of at which the lead moved to its stage; NEVER while it has not moved.
    below_since : ndarray of int64, shape (n,)
        First as_of of the unbroken stretch below the bar of its stage; NEVER while not below.
    below_mql_since : ndarray of int64, shape (n,)
        The same below the bar of MQL, whatever its stage.
    raised_since, accepted_since, rejected_since : ndarray of int64, shape (n,)
        First as_of of the unbroken stretch in which a `promote_any`, an `accepted`, a `rejected` fact held;
        NEVER while none does. One that began before the lead moved is no news.
    wake_at : ndarray of int64, shape (n,)
        When a Recycled lead wakes; NEVER without a date, and in all other stages.
    last_as_of : ndarray of int64, shape (n,)
        as_of of the last `advance`; NEVER for a lead not seen before.
    """

    stage: Codes
    entered_at: Times
    below_since: Times
    below_mql_since: Times
    raised_since: Times
    accepted_since: Times
    rejected_since: Times
    wake_at: Times
    last_as_of: Times

    def __len__(self) -> int:
        return len(self.stage)

    @classmethod
    def fresh(cls, n: int) -> State:
        """Return the state of n leads never seen before: all at Lead."""
        return cls(np.zeros(n, dtype=np.int8), *(np.full(n, NEVER, dtype=np.int64) for _ in MOMENTS))

    def to_table(self) -> pa.Table:
        """Return the columns of `STATE_SCHEMA`; stages as text, NEVER as null."""
        columns = {"stage": pa.array(stage_names(self.stage), pa.string())}
        for name in MOMENTS:
            found = getattr(self, name)
            columns[name] = pa.array(found, pa.int64(), mask=found == NEVER).cast(pa.timestamp("us", "UTC"))
        return pa.table(columns, STATE_SCHEMA)

    @classmethod
    def from_table(cls, table: pa.Table) -> State:
        """Read the columns of `STATE_SCHEMA`; a row of nulls is a lead never seen before.

        Raises
        ------
        ColumnMissing, BadData
            A column is not there, or names an unknown stage.
        """
        missing = [name for name in STATE_SCHEMA.names if name not in table.column_names]
        if missing:
            raise ColumnMissing(f"the state has no column {missing[0]!r}", exists=table.column_names)
        names = table.column("stage").fill_null(STAGES[LEAD]).dictionary_encode().combine_chunks()
        known = {name: code for code, name in enumerate(STAGES)}
        codes = np.zeros(table.num_rows, dtype=np.int8)
        if table.num_rows:
            levels = names.dictionary.to_pylist()
            unknown = [level for level in levels if level not in known]
            if unknown:
                raise BadData(f"the state holds the unknown stage {unknown[0]!r}", exists=STAGES)
            codes = np.array([known[level] for level in levels], dtype=np.int8)[names.indices.to_numpy()]
        times = (table.column(name).cast(pa.int64()).fill_null(NEVER).to_numpy() for name in MOMENTS)
        return cls(codes, *times)


def stage_names(codes: ArrayLike) -> NDArray[np.object_]:
    """Return the names of stages; `codes` as in `State.stage`."""
    names: NDArray[np.object_] = np.array(STAGES, dtype=object)[np.asarray(codes)]
    return names


def holds(values: ArrayLike) -> Bools:
    """Return whether a fact holds: present and above zero.

    >>> holds([0.0, 2.0, float("nan")]).tolist()
    [False, True, False]
    """
    found: Bools = np.asarray(values, dtype=np.float64) > 0
    return found
