"""What people in sales did and said: checked, appended once, and handed to the stages as acts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, func, select

from lqmodel.asof import iso
from lqmodel.declarations import Stages
from lqmodel.errors import Refused, listing, nearest
from lqmodel.files import sha256
from lqmodel.ledger.accounts import HANDOFF
from lqmodel.ledger.answers import (
    LIFTED,
    OBJECTIONS,
    RETURNED,
    UNDONE,
    Row,
    answers,
    chunked,
    of_any_model,
    standing,
)
from lqmodel.ledger.chain import Chain, compact
from lqmodel.ledger.tables import FEEDBACK, HANDOFFS, RUNS, TRANSITIONS
from lqmodel.ledger.tombstones import Tombstones
from lqmodel.roster import ID
from lqmodel.stages import ACTS, Act, acts_table
from lqmodel.states import EPISODE

NOTE = "note"
KINDS: Final = {
    "accepted": "sales took it on",
    "rejected": "sales sent it back, with a reason",
    "qualified": "sales looked at the checklist and qualified it",
    "worked": "somebody called or wrote, and nothing is decided",
    "snoozed": "sales put it off until a date",
    "suppressed": "the person objects to being contacted, or scored",
    LIFTED: "the person agrees again",
    NOTE: "a remark; no stage follows from it",
    UNDONE: "whoever said it takes an act back, before a run has followed it",
}
"""What feedback can say."""
OVERDUE: Final = "overdue"
"""The reason of an act that nobody did: a handoff that was not answered in time."""
ERASED: Final = "the lead was erased, and may not come back"
SENDS_BACK: Final = ("rejected", "snoozed")


@dataclass(frozen=True)
class Feedback:
    """What one person did or said about one lead.

    Attributes
    ----------
    lead_id : str
    act : str
        One of `KINDS`.
    at : int
        When it was done, microseconds UTC.
    model : str or None
        None: the one that last handed the lead over, else that last moved it.
    episode : int or None
        None: as there.
    reason : str or None
        A declared code, for a rejection.
    until : int or None
        When the lead may come back, for what is rejected or snoozed.
    checklist : mapping of str to bool
        Item → whether the answer is yes.
    note, person : str or None
        A remark, and who made it.
    token : str or None
        Twice the same token is once. None: made of lead, act, moment and person.
    row : int or None
        Where it stands in a file, from 1.
    """

    lead_id: str
    act: str
    at: int
    model: str | None = None
    episode: int | None = None
    reason: str | None = None
    until: int | None = None
    checklist: Mapping[str, bool] = field(default_factory=dict)
    note: str | None = None
    person: str | None = None
    token: str | None = None
    row: int | None = None


@dataclass(frozen=True)
class Aside:
    """Feedback that was not taken, and why."""

    feedback: Feedback
    why: str


@dataclass(frozen=True)
class Taken:
    """What became of some feedback; nothing is lost in silence.

    Attributes
    ----------
    taken : int
        Now in the ledger.
    held : int
        There already, or a second time in the same file.
    aside : tuple of Aside
    """

    taken: int
    held: int
    aside: tuple[Aside, ...]

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.taken:,} taken, {self.held:,} held already, {len(self.aside):,} set aside"


@dataclass(frozen=True)
class Spoken:
    """What sales may say: the codes of a rejection and the items of the checklist, as declared; None: anything."""

    reasons: tuple[str, ...] | None = None
    checklist: tuple[str, ...] | None = None

    @classmethod
    def of(cls, stages: Stages) -> Spoken:
        """Read them off the declared stages; where no codes are declared, any will do."""
        codes = tuple(code for code, _ in stages.recycled.reasons)
        return cls(codes or None, stages.sal.checklist)


@dataclass(frozen=True)
class _Known:
    """Where a lead last stood in the ledger: what feedback about it belongs to."""

    model: str
    episode: int
    handoff_id: str | None
    as_of: int


def append(con: Connection, chain: Chain, given: Sequence[Feedback], spoken: Spoken, now: int) -> Taken:
    """Check feedback and append what is new; ``con`` holds the store's lock.

    It is known from now on, but never before the last recorded run: what a run saw of it stays the same.
    """
    known = _known(con, sorted({f.lead_id for f in given}))
    latest = con.execute(select(func.max(RUNS.c.as_of))).scalar()
    known_at = max(now, latest or now)
    rows: dict[str, dict[str, Any]] = {}
    aside, held = [], 0
    erased = set(Tombstones.of(con).among({f.lead_id for f in given}))
    checked = [(f, ERASED if f.lead_id in erased else _why_not(f, known, spoken, now)) for f in given]
    fit = [_row(f, known.get(f.lead_id, ()), known_at) for f, why in checked if why is None]
    there = _there(con, [row["token"] for row in fit])
    made = iter(fit)
    for feedback, why in checked:
        if why is not None:
            aside.append(Aside(feedback, why))
            continue
        row = next(made)
        before = there.get(row["token"]) or rows.get(row["token"])
        if before is None:
            rows[row["token"]] = row
        elif _same(before, row):
            held += 1
        else:
            told = "was recorded before with other values: say what changed by a later act"
            aside.append(Aside(feedback, told))
    chain.append(FEEDBACK, sorted(rows.values(), key=lambda row: row["at"]))
    return Taken(len(rows), held, tuple(aside))


def check_seen(con: Connection, given: Sequence[Feedback], seen: int) -> None:
    """Refuse where somebody has said something about a lead since the entry that this person saw.

    Raises
    ------
    Refused
    """
    f = FEEDBACK.c
    tokens = {feedback.token for feedback in given}
    for part in chunked(sorted({feedback.lead_id for feedback in given})):
        query = select(f.lead_id, f.act, f.person, f.at, f.token).where(f.lead_id.in_(part), f.seq > seen)
        newer = [row for row in con.execute(query.order_by(f.seq)) if row.token not in tokens]
        if newer:
            last = newer[-1]
            raise Refused(
                f"lead {last.lead_id!r}: meanwhile {last.person or 'somebody'} said {last.act!r}, at {iso(last.at)}",
                do="look at it again, then decide",
            )


def _why_not(f: Feedback, known: Mapping[str, Sequence[_Known]], spoken: Spoken, now: int) -> str | None:
    """Say why feedback cannot be taken; None if it can."""
    if f.act not in KINDS:
        near = nearest(f.act, KINDS)
        return f"no act {f.act!r}" + (
            f", did you mean {near!r}?" if near else f"; there is: {listing(KINDS)}"
        )
    if f.act not in OBJECTIONS and not any(f.model in (None, k.model) for k in known.get(f.lead_id, ())):
        model = "" if f.model is None else f" in model {f.model!r}"
        return f"no recorded run handed lead {f.lead_id!r} over or moved it to another stage{model}"
    if f.at > now:
        return f"{iso(f.at)} is still to come"
    if f.reason is not None and f.act not in SENDS_BACK:
        return f"a reason goes with {' or '.join(SENDS_BACK)}, not with {f.act!r}"
    if f.act == "rejected" and spoken.reasons is not None and f.reason not in spoken.reasons:
        told = "a rejection needs a reason" if f.reason is None else f"no reason {f.reason!r} is declared"
        return f"{told}; there is: {listing(spoken.reasons)}"
    if f.until is not None and (f.act not in SENDS_BACK or f.until <= f.at):
        return f"until {iso(f.until)} does not fit: it goes with {' or '.join(SENDS_BACK)}, and lies after the act"
    unknown = [item for item in f.checklist if spoken.checklist is not None and item not in spoken.checklist]
    if unknown:
        return f"the checklist has no item {unknown[0]!r}; there is: {listing(spoken.checklist or ())}"
    return None


def _known(con: Connection, leads: Sequence[str]) -> dict[str, list[_Known]]:
    """Return lead → what its feedback may belong to, the best last: moves, then handoffs, each by age."""
    found: dict[str, list[_Known]] = {}
    for table in (TRANSITIONS, HANDOFFS):
        c = table.c
        columns = [c.model, c.lead_id, c.episode, c.as_of, *([c.handoff_id] if table is HANDOFFS else [])]
        query = select(*columns).order_by(c.seq)
        query = query.where(of_any_model(con)) if table is TRANSITIONS else query
        for part in chunked(leads):
            for row in con.execute(query.where(c.lead_id.in_(part))):
                told = _Known(row.model, row.episode, getattr(row, "handoff_id", None), row.as_of)
                found.setdefault(row.lead_id, []).append(told)
    return found


def _row(f: Feedback, known: Sequence[_Known], known_at: int) -> dict[str, Any]:
    """Return feedback as a row of the table; it answers the lead's last handoff before it, if there is one."""
    ours = [k for k in known if f.model in (None, k.model) and f.episode in (None, k.episode)]
    before = [k for k in ours if k.as_of <= f.at]
    belongs = (before or ours or list(known) or [_Known("", 1, None, f.at)])[-1]
    model, episode = belongs.model, f.episode if f.episode is not None else belongs.episode
    made = compact([model, f.lead_id, episode, f.act, f.at, f.person])
    return {
        "token": f.token or sha256(made.encode())[:32],
        "model": model,
        ID: f.lead_id,
        EPISODE: episode,
        "handoff_id": belongs.handoff_id,
        "act": f.act,
        "at": f.at,
        "known_at": known_at,
        "reason": f.reason,
        "until": f.until,
        "checklist": compact(dict(f.checklist)),
        "note": f.note,
        "person": f.person,
    }


def _there(con: Connection, tokens: Sequence[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for part in chunked(tokens):
        for row in con.execute(select(FEEDBACK).where(FEEDBACK.c.token.in_(part))).mappings():
            found[str(row["token"])] = dict(row)
    return found


def _same(a: Row, b: Row) -> bool:
    said = (ID, "act", "at", "reason", "until", "checklist", "note", "person")
    return all(a[name] == b[name] for name in said)


def acts(con: Connection, model: str, as_of: int) -> pa.Table:
    """Return what the stages look at: the acts about a model's leads that were known before a moment.

    A handoff that was not answered in time, and goes back to marketing when it is declared so, is an act
    that nobody did: snoozed at its deadline.

    Returns
    -------
    pyarrow.Table
        Of `stages.ACT_SCHEMA`.
    """
    return acts_table([*_said(con, model, as_of), *_returned(con, model, as_of)])


def _said(con: Connection, model: str, as_of: int) -> Iterator[Act]:
    f = FEEDBACK.c
    kinds = (*ACTS, UNDONE)
    query = select(FEEDBACK).where(f.model == model, f.known_at < as_of, f.act.in_(kinds)).order_by(f.seq)
    for row in standing(dict(row) for row in con.execute(query).mappings()):
        if row["act"] not in OBJECTIONS:  # such leads are not scored at all
            checklist = json.loads(row["checklist"])
            at, until = row["at"], row["until"]
            yield Act(row[ID], row[EPISODE], row["act"], at, row["known_at"], row["reason"], until, checklist)


def _returned(con: Connection, model: str, as_of: int) -> Iterator[Act]:
    h = HANDOFFS.c
    due = select(HANDOFFS).where(
        h.model == model, h.kind == HANDOFF, h.wakes_at.is_not(None), h.due_at < as_of
    )
    late: Iterable[Row] = [dict(row) for row in con.execute(due.order_by(h.seq)).mappings()]
    for row, found in zip(late, answers(con, list(late), as_of), strict=True):
        if found.status == RETURNED:
            yield Act(
                row[ID], row[EPISODE], "snoozed", row["due_at"], row["due_at"], OVERDUE, row["wakes_at"]
            )
