"""What people in sales did about leads: acceptances, rejections, answers to the checklist.

Whoever stores them hands them over as one table; stages follow from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.errors import BadData, ColumnMissing, WrongType, nearest

ACTS: Final = ("accepted", "rejected", "qualified", "worked", "snoozed", "suppressed")
"""accepted, qualified: on to SAL and SQL. rejected, snoozed: Recycled, with a wake-up date. suppressed: never
to sales. worked: somebody called; no stage follows from it."""
MOMENT: Final = pa.timestamp("us", "UTC")
ACT_SCHEMA: Final = pa.schema(
    {
        "lead_id": pa.string(),
        "episode": pa.int64(),
        "act": pa.string(),
        "at": MOMENT,
        "known_at": MOMENT,
        "reason": pa.string(),
        "until": MOMENT,
        "checklist": pa.map_(pa.string(), pa.bool_()),
    }
)
"""The table of acts. Grain: one row per act, in any order; `reason`, `until` and `checklist` may be null."""
_NEEDED: Final = ("lead_id", "episode", "act", "at", "known_at")


@dataclass(frozen=True)
class Act:
    """What one person did about one lead.

    Attributes
    ----------
    lead_id : str
    episode : int
        Of the lead, as in scores.parquet: 1 unless it came back.
    act : str
        One of `ACTS`.
    at : int
        When it was done, microseconds UTC.
    known_at : int
        When the store learned of it, microseconds UTC: stages see it from the first as_of after that.
    reason : str or None
        A declared code, such as why a lead was rejected.
    until : int or None
        When the lead wakes, microseconds UTC, where the person said so; else the declared time decides.
    checklist : mapping of str to bool
        Answers to the checklist, such as ``{"budget": True, "authority": False}``; what was not looked at
        is not in it. The latest answer to an item counts.
    """

    lead_id: str
    episode: int
    act: str
    at: int
    known_at: int
    reason: str | None = None
    until: int | None = None
    checklist: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.act not in ACTS:
            near = nearest(self.act, ACTS)
            raise BadData(
                f"no act {self.act!r}",
                where=f"lead {self.lead_id!r}",
                exists=ACTS,
                do=f"write {near!r}" if near else "name one of them",
            )
        if self.known_at < self.at:
            raise BadData(
                f"{self.act}: known before it was done", where=f"lead {self.lead_id!r}", do="mend known_at"
            )
        if self.until is not None and self.until <= self.at:
            raise BadData(
                f"{self.act}: wakes before it was done", where=f"lead {self.lead_id!r}", do="mend until"
            )


def acts_table(acts: Iterable[Act]) -> pa.Table:
    """Return acts as a table of `ACT_SCHEMA`, in the order given."""
    rows = [{**vars(act), "checklist": sorted(act.checklist.items())} for act in acts]
    return pa.Table.from_pylist(rows, ACT_SCHEMA)


def checked_acts(table: pa.Table) -> pa.Table:
    """Return a table of acts with the columns and types of `ACT_SCHEMA`.

    Raises
    ------
    ColumnMissing, WrongType
        A column is not there, or does not hold its type.
    BadData
        A value is missing where it may not be, or an act is not one of `ACTS`.
    """
    missing = [name for name in ACT_SCHEMA.names if name not in table.column_names]
    if missing:
        raise ColumnMissing(
            f"the table of acts has no column {missing[0]!r}", exists=table.column_names, do="add it"
        )
    try:
        found = table.select(ACT_SCHEMA.names).cast(ACT_SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise WrongType(f"the table of acts does not hold its types: {error}") from error
    empty = [name for name in _NEEDED if found[name].null_count]
    if empty:
        raise BadData(f"{found[empty[0]].null_count} acts have no {empty[0]}", where="acts")
    unknown = sorted(set(found["act"].unique().to_pylist()) - set(ACTS))
    if unknown:
        raise BadData(f"no act {unknown[0]!r}", where="acts", exists=ACTS, do="name one of them")
    return found


def acts_digest(table: pa.Table, as_of: int) -> str:
    """Return a hash of the acts that were known before a moment, in any order."""
    known = table.filter(pc.less(table["known_at"].cast(pa.int64()), as_of)).select(ACT_SCHEMA.names)
    lines = sorted(repr(row) for row in known.to_pylist())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
