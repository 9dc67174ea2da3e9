"""Leads as a CRM file tells of them, and what an earlier file told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa

from lqmodel.crm.cells import GUARD, is_formula, utf16
from lqmodel.declarations.crm import LEAD_ID

SENT: Final = pa.schema(
    {
        "lead_id": pa.string(),
        "key": pa.string(),
        "probability": pa.float64(),
        "score": pa.int64(),
        "points": pa.int64(),
        "stage": pa.string(),
        "stage_set": pa.string(),
        "owner": pa.string(),
    }
)
"""What the CRM holds of each lead after its files were loaded. Grain: one row per lead, by id."""
_END: Final = re.compile(r"\((?:[^()]*×[^()]*|[+-]\d+)\)(?=; )")
"""The end of a reason that another follows: its effect on the odds, or its points."""
NUMBERS: Final = ("probability", "score", "points")


@dataclass(frozen=True, slots=True)
class Lead:
    """A scored lead of a run.

    Attributes
    ----------
    lead_id : str
    key : str or None
        The record's id in the CRM; None where there is none.
    probability, low, high : float or None
        None in a run by points.
    score : int
        0 to 100, rounded down: never up to a threshold.
    points : int or None
        None in a run by a model.
    stage : str
    previous_stage : str or None
        None where no run knew the lead.
    reasons, against : str
    model_version : str
    scored_at : str or None
        ISO date; None without a clock.
    link : str or None
    held : mapping of str to str
        The declared columns of the leads' source, by name; missing is "".
    owner : str or None
        Who has it in sales; None where nobody has, or it is not written.
    """

    lead_id: str
    key: str | None
    probability: float | None
    low: float | None
    high: float | None
    score: int
    points: int | None
    stage: str
    previous_stage: str | None
    reasons: str
    against: str
    model_version: str
    scored_at: str | None
    link: str | None
    held: Mapping[str, str]
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the CRM holds of a lead, as far as earlier files or an earlier run tell.

    ``stage_set`` is the stage by which the CRM's own stage was last set; None where it was not, or not by us.
    """

    lead_id: str
    key: str | None
    probability: float | None
    score: int
    points: int | None
    stage: str
    stage_set: str | None
    owner: str | None = None

    @classmethod
    def of(cls, lead: Lead, stage_set: str | None) -> Sent:
        return cls(
            lead.lead_id,
            lead.key,
            lead.probability,
            lead.score,
            lead.points,
            lead.stage,
            stage_set,
            lead.owner,
        )

    def with_stage(self, stage_set: str | None) -> Sent:
        return replace(self, stage_set=stage_set)


def changed(lead: Lead, sent: Sent | None, negligible: float) -> bool:
    """Whether a lead is worth writing again.

    It is where it is new, its record, stage or owner is another, or a number moved by more than the share
    ``negligible`` of what it was.
    """
    if (
        sent is None
        or (lead.stage, lead.owner) != (sent.stage, sent.owner)
        or sent.key not in (None, lead.key)
    ):
        return True
    return any(moved(getattr(lead, name), getattr(sent, name), negligible) for name in NUMBERS)


def moved(now: float | None, then: float | None, negligible: float) -> bool:
    """Whether a number moved.

    >>> moved(0.21, 0.20, 0.05), moved(0.22, 0.20, 0.05), moved(1, 0, 0.05), moved(None, 0.2, 0.05)
    (False, True, True, True)
    """
    if now is None or then is None:
        return (now is None) != (then is None)
    return abs(now - then) > negligible * abs(then) * (1 + 1e-12)


def cut(reasons: str, most: int) -> str:
    """Cut joined reasons at a reason's end, to so many UTF-16 units, the apostrophe of a formula counted.

    >>> cut("2 demos (×2.0); industry: retail (×1.2)", 30)
    '2 demos (×2.0)'
    >>> cut("2 demos asked for (×2.0)", 10)
    '2 demos a…'
    """
    text = reasons
    if not text.isprintable():
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    room = most - len(GUARD) * is_formula(text)
    if utf16(text) <= room:
        return text
    fitting = [found.end() for found in _END.finditer(text) if utf16(text[: found.end()]) <= room]
    if fitting:
        return text[: fitting[-1]]
    while utf16(text) > room - 1:
        text = text[: len(text) - max(1, (utf16(text) - room + 1) // 2)]
    return f"{text}…"


def link(page: str | None, lead_id: str) -> str | None:
    """Return the address of a lead's page, whatever its id holds.

    >>> link("https://leads.example.com/{lead_id}", "a/b c")
    'https://leads.example.com/a%2Fb%20c'
    """
    return None if page is None else page.replace(LEAD_ID, quote(lead_id, safe=""))


def sent_table(sent: Iterable[Sent]) -> pa.Table:
    """Return what was sent as a table of `SENT`, by lead id."""
    rows = sorted(sent, key=lambda row: row.lead_id)
    columns = {name: [getattr(row, name) for row in rows] for name in SENT.names}
    return pa.table(columns, SENT)


def read_sent(table: pa.Table) -> dict[str, Sent]:
    """Return lead id → what was sent, from a table of `SENT`, or of an earlier version, which had no owners."""
    names = [name for name in SENT.names if name in table.column_names]
    rows: Iterator[tuple[Any, ...]] = zip(*(table[name].to_pylist() for name in names), strict=True)
    return {row[0]: Sent(*row) for row in rows}
