"""Acts → what stands of them for each lead: the last decision, the answers to the checklist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.stages.acts import checked_acts
from lqmodel.stages.policy import Policy
from lqmodel.stages.state import NEVER, Bools, Codes, Times

UNDECIDED: Final = -1
DECISIONS: Final = ("accepted", "qualified", "snoozed", "rejected")
"""The acts that decide; a decision's code is its position. Of two at one moment the later in this list counts."""
ACCEPTED, QUALIFIED, SNOOZED, REJECTED = range(len(DECISIONS))


@dataclass(frozen=True, eq=False)
class Decisions:
    """What people had said about each lead before a moment; arrays of shape (n,), aligned with the leads.

    Attributes
    ----------
    decision : ndarray of int8
        Position in `DECISIONS` of the last one that was taken; UNDECIDED without any.
    known_at : ndarray of int64
        When it was known, microseconds UTC; NEVER without any.
    wake_at : ndarray of int64
        When the lead wakes if it sent the lead back; NEVER without a date.
    answered_at : ndarray of int64
        When the last act of any kind was known; NEVER without any.
    suppressed : ndarray of bool
        Whether the lead may not go to sales, in whichever episode that was said.
    answers : mapping of str to ndarray of bool
        Item of the checklist → whether its last answer is yes.
    """

    decision: Codes
    known_at: Times
    wake_at: Times
    answered_at: Times
    suppressed: Bools
    answers: Mapping[str, Bools]

    @classmethod
    def none(cls, n: int) -> Decisions:
        """Return what stands where nobody said anything."""
        known, wakes, answered = (np.full(n, NEVER, dtype=np.int64) for _ in range(3))
        undecided = np.full(n, UNDECIDED, dtype=np.int8)
        return cls(undecided, known, wakes, answered, np.zeros(n, dtype=bool), {})


def decisions(
    acts: pa.Table | None, lead_ids: pa.ChunkedArray, episodes: pa.ChunkedArray, as_of: int, policy: Policy
) -> Decisions:
    """Return what stands of the acts that were known before a moment.

    The last decision is the one taken last (`at`), not the one that was known last: what is imported late
    does not undo what was decided since.

    Parameters
    ----------
    acts : pyarrow.Table or None
        As in `ACT_SCHEMA`, in any order, of any leads.
    lead_ids, episodes : pyarrow.ChunkedArray
        The leads, each once, and which of their episodes counts.
    as_of : int
        Microseconds UTC; later acts are not looked at.
    policy : Policy

    Raises
    ------
    ColumnMissing, WrongType, BadData
        The table is not one of acts.
    """
    found = Decisions.none(len(lead_ids))
    if acts is None:
        return found
    told = checked_acts(acts)
    told = told.filter(pc.less(told["known_at"].cast(pa.int64()), as_of))
    row = pc.index_in(told["lead_id"], lead_ids.combine_chunks())
    told = told.append_column("row", row).filter(pc.is_valid(row))
    row = told["row"].to_numpy()
    found.suppressed[row[pc.equal(told["act"], "suppressed").to_numpy()]] = True
    told = told.filter(pc.equal(told["episode"], episodes.take(told["row"])))
    known, row = told["known_at"].cast(pa.int64()).to_numpy(), told["row"].to_numpy()
    np.maximum.at(found.answered_at, row, known)
    _decide(found, told, policy)
    return Decisions(**{**vars(found), "answers": _answers(told, len(lead_ids), policy.checklist)})


def _decide(found: Decisions, told: pa.Table, policy: Policy) -> None:
    """Write each lead's last decision into ``found``."""
    rank = pc.index_in(told["act"], pa.array(DECISIONS))
    told = told.append_column("rank", rank).filter(pc.is_valid(rank))
    order = [(name, "ascending") for name in ("row", "at", "rank", "known_at", "until", "reason")]
    told = told.sort_by(order)
    row, rank = told["row"].to_numpy(), told["rank"].to_numpy()
    last = np.flatnonzero(np.append(row[1:] != row[:-1], True)[: len(row)])
    row, told = row[last], told.take(last)
    found.decision[row] = rank[last]
    found.known_at[row] = told["known_at"].cast(pa.int64()).to_numpy()
    sleeps = {code: policy.sleep(code) for code in told["reason"].unique().to_pylist()}
    at, until = (told[name].cast(pa.int64()).to_pylist() for name in ("at", "until"))
    for i, reason in enumerate(told["reason"].to_pylist()):
        sleep, said = sleeps[reason], until[i]
        found.wake_at[row[i]] = said if said is not None else NEVER if sleep is None else at[i] + sleep


def _answers(told: pa.Table, n: int, checklist: tuple[str, ...]) -> dict[str, NDArray[np.bool_]]:
    """Return for each item whether its last answer is yes; of two at one moment, no counts."""
    told = told.filter(pc.is_valid(told["checklist"]))
    given = [
        (row, at, known, not yes, item)
        for row, at, known, answers in zip(
            *(told[name].to_pylist() for name in ("row", "at", "known_at", "checklist")), strict=True
        )
        for item, yes in answers
        if item in checklist
    ]
    answers = {item: np.zeros(n, dtype=bool) for item in checklist}
    for row, _, _, no, item in sorted(given):
        answers[item][row] = not no
    return answers
