"""What became of each handoff: read off the acts and moves after it, never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, select

from lqmodel.ledger.tables import FEEDBACK, HANDOFFS, RUNS, TRANSITIONS
from lqmodel.roster import ID
from lqmodel.stages import CUSTOMER, LEAD, MQL, RECYCLED, SAL, SALES_READY, SQL, STAGES
from lqmodel.states import EPISODE

Row = Mapping[str, Any]
V = TypeVar("V")
OPEN, WORKED, ACCEPTED, QUALIFIED = "open", "worked", "accepted", "qualified"
REJECTED, SNOOZED, RETURNED = "rejected", "snoozed", "returned"
FELL_BACK, WON, SUPPRESSED, LIFTED = "fell back", "won", "suppressed", "lifted"
TOOK_OVER: Final = "took over"
OBJECTIONS: Final = (SUPPRESSED, LIFTED)
UNDONE: Final = "undone"
"""The act that takes another one back: its token is that one's, after `UNDOES`."""
UNDOES: Final = "undo:"
STATUSES: Final = {
    OPEN: "nobody in sales has said anything yet",
    WORKED: "somebody called, and nothing is decided",
    ACCEPTED: "sales accepted",
    QUALIFIED: "sales qualified",
    REJECTED: "sales sent it back, with a reason",
    SNOOZED: "sales put it off until a date",
    RETURNED: "nobody answered in time: it went back to marketing",
    FELL_BACK: "its probability fell before anybody answered",
    WON: "it is a customer",
    SUPPRESSED: "it may not be contacted",
    TOOK_OVER: "it had joined its account's handoff, and was handed over itself when that ended",
}
"""What a handoff can come to."""
IN_HAND: Final = (OPEN, WORKED, ACCEPTED, QUALIFIED)
"""Sales has these: of one account, nobody else is handed over."""
DECISIONS: Final = (ACCEPTED, QUALIFIED, REJECTED, SNOOZED)
RESPONSES: Final = (*DECISIONS, WORKED)
BY_MOVE: Final = {
    STAGES[LEAD]: FELL_BACK,
    STAGES[MQL]: FELL_BACK,
    STAGES[SAL]: ACCEPTED,
    STAGES[SQL]: QUALIFIED,
    STAGES[RECYCLED]: REJECTED,  # by a fact that says so
}
_CHUNK: Final = 500  # values of one IN


@dataclass(frozen=True)
class Answer:
    """What became of one handoff.

    Attributes
    ----------
    status : str
        One of `STATUSES`.
    first_touch : int or None
        When sales first did anything, microseconds UTC.
    reason : str or None
        The code of a rejection.
    overdue : bool
        Past its deadline, and nobody has answered.
    accepted : bool or None
        Whether sales accepted or qualified it, as against sent it back, or let its deadline pass; None: neither.
    """

    status: str
    first_touch: int | None
    reason: str | None
    overdue: bool
    accepted: bool | None


def answer(
    handoff: Row,
    acts: Sequence[Row],
    moves: Sequence[Row],
    next_as_of: int | None,
    before: int,
    *,
    objects: bool = False,
) -> Answer:
    """Say what became of a handoff.

    Parameters
    ----------
    handoff : mapping
        A row of `handoffs`.
    acts : sequence of mapping
        Rows of `feedback` about its lead and episode, in any order.
    moves : sequence of mapping
        Rows of `transitions` of its lead and episode, by seq.
    next_as_of : int or None
        as_of of the lead's next handoff: what was said since belongs to that.
    before : int
        Microseconds UTC; only acts that were known, and deadlines that passed, before this moment count.
    objects : bool
        Whether the lead objects to being contacted.
    """
    end = next_as_of if next_as_of is not None else before
    known = standing([a for a in acts if a["known_at"] < before])
    said = sorted((a for a in known if handoff["as_of"] <= a["at"] < end), key=_order)
    after = [m["to_stage"] for m in moves if m["seq"] > handoff["seq"] and m["as_of"] < end]
    touches = [a["at"] for a in said if a["act"] in RESPONSES]
    first = min(touches, default=None)
    decided = next((a for a in reversed(said) if a["act"] in DECISIONS), None)
    due = handoff["due_at"]
    late = due is not None and due < before and (first is None or first > due)
    status = _status(said, after, decided, late and handoff["wakes_at"] is not None)
    status = SUPPRESSED if objects and status in IN_HAND else status
    status = TOOK_OVER if status == OPEN and handoff["joins"] and next_as_of is not None else status
    reason = decided["reason"] if decided is not None and status == REJECTED else None
    accepted = _accepted(status, after, decided)
    return Answer(status, first, reason, late and status == OPEN, accepted)


def standing(acts: Iterable[Row]) -> list[Row]:
    """Return the acts, rows of `feedback`, that nobody took back."""
    acts = list(acts)
    undone = {a["token"].removeprefix(UNDOES) for a in acts if a["act"] == UNDONE}
    return [a for a in acts if a["act"] != UNDONE and a["token"] not in undone]


def _order(act: Row) -> tuple[int, int, int]:
    """Order as stages do: of two decisions at one moment the later in this list counts."""
    ranks = (ACCEPTED, QUALIFIED, SNOOZED, REJECTED)
    return act["at"], ranks.index(act["act"]) if act["act"] in ranks else -1, act["seq"]


def _status(said: Sequence[Row], after: Sequence[str], decided: Row | None, returned: bool) -> str:
    if STAGES[CUSTOMER] in after:
        return WON
    if decided is not None:
        return str(decided["act"])
    if returned:
        return RETURNED
    moved = [stage for stage in after if stage != STAGES[SALES_READY]]
    if moved:
        return BY_MOVE[moved[-1]]
    return WORKED if any(a["act"] == WORKED for a in said) else OPEN


def _accepted(status: str, after: Sequence[str], decided: Row | None) -> bool | None:
    """Say what was decided, whatever came later: a lead that bought before anybody answered was not accepted."""
    if decided is not None:
        return {REJECTED: False, SNOOZED: None}.get(decided["act"], True)
    if {STAGES[SAL], STAGES[SQL]} & {*after}:  # by a fact that says so
        return True
    return False if status in (REJECTED, RETURNED) else None


def answers(con: Connection, handoffs: Sequence[Row], before: int) -> list[Answer]:
    """Return what had become of each of these rows of `handoffs` before a moment, in their order."""
    leads = sorted({h[ID] for h in handoffs})
    acts = _by_lead(_of(con, select(FEEDBACK), FEEDBACK.c.lead_id, leads))
    moved = select(*(TRANSITIONS.c[n] for n in MOVE_COLUMNS)).where(of_any_model(con))
    moves = _by_lead(_of(con, moved, TRANSITIONS.c.lead_id, leads))
    starts = _by_lead(_of(con, select(*(HANDOFFS.c[n] for n in START_COLUMNS)), HANDOFFS.c.lead_id, leads))
    found, objecting = [], set(suppressed(con))
    for handoff in handoffs:
        key = _key(handoff)
        later = [s["as_of"] for s in starts[key] if s["seq"] > handoff["seq"]]
        objects = handoff[ID] in objecting
        ended = min(later, default=None)
        found.append(answer(handoff, acts[key], moves[key], ended, before, objects=objects))
    return found


def suppressed(con: Connection) -> list[str]:
    """Return the leads that object now, in order; an objection counts at once, whatever the moment looked from."""
    f = FEEDBACK.c
    said = select(f.lead_id, f.act, f.token).where(f.act.in_((*OBJECTIONS, UNDONE))).order_by(f.at, f.seq)
    last = {str(act[ID]): str(act["act"]) for act in standing(map(dict, con.execute(said).mappings()))}
    return sorted(lead for lead, act in last.items() if act == SUPPRESSED)


MOVE_COLUMNS: Final = ("seq", "model", ID, EPISODE, "as_of", "to_stage")
START_COLUMNS: Final = ("seq", "model", ID, EPISODE, "as_of")


def of_any_model(con: Connection) -> ColumnElement[bool]:
    """Return what holds of each transition: that its model has recorded a run.

    Of a query by lead this makes one that the index answers, which begins with the model; a ledger holds few
    models, and millions of transitions.
    """
    return TRANSITIONS.c.model.in_(list(con.scalars(select(RUNS.c.model).distinct())))


def _key(row: Row) -> tuple[str, str, int]:
    return row["model"], row[ID], row[EPISODE]


def _by_lead(rows: Iterable[Row]) -> dict[tuple[str, str, int], list[Row]]:
    found: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in rows:
        found[_key(row)].append(row)
    return found


def _of(con: Connection, query: Select[Any], column: Any, values: Sequence[str]) -> Iterable[Row]:
    """Yield the rows whose column holds one of many values, by seq."""
    for part in chunked(values):
        chosen = query.where(column.in_(part)).order_by(query.selected_columns.seq)
        found = con.execute(chosen)
        names = tuple(found.keys())
        for row in found.all():  # there are tens of thousands of them, and mappings cost four times as much
            yield dict(zip(names, row, strict=True))


def chunked(values: Sequence[V], most: int = _CHUNK) -> Iterator[Sequence[V]]:
    """Cut values into parts, by default of which each fits into one IN."""
    return (values[start : start + most] for start in range(0, len(values), most))
