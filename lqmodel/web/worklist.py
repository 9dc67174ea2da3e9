"""My handoffs: filtered, searched, sorted, and cut into pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from lqmodel.languages import Language
from lqmodel.ledger import STATUSES
from lqmodel.web.asking import Asks
from lqmodel.web.board import Board, Handed
from lqmodel.web.choosing import Segments, Worth, segment_key
from lqmodel.web.cuts import Cuts
from lqmodel.web.frame import Frame
from lqmodel.web.people import Person
from lqmodel.web.shown import Shown
from lqmodel.web.words import ago, chance, day

PAGE: Final = 25
"""Lines of a page."""
OPEN_ONLY: Final = ("open", "worked")
SORTS: Final = ("chance", "deadline", "newest", "name")
"""What a worklist can be sorted by; the first is the default."""
BY_VALUE: Final = "value"
"""Offered where the project declares what a won deal brings."""
TRENDS: Final = ("up", "down", "steady")
ALL: Final = "all"


@dataclass(frozen=True)
class Wanted:
    """What a reader asked for.

    Attributes
    ----------
    status : str
        One of `ledger.STATUSES`, "all", or empty: those that wait for an answer.
    owner, stage : str
        Empty: any.
    segment : str
        A column and its level, as `Segment.key` has it; empty: any.
    changed : str
        One of `TRENDS`; empty: any.
    q : str
        Part of the name or the id; empty: any.
    sort : str
        One of `SORTS`, or `BY_VALUE`.
    page : int
        From 1.
    """

    status: str = ""
    owner: str = ""
    stage: str = ""
    segment: str = ""
    changed: str = ""
    q: str = ""
    sort: str = SORTS[0]
    page: int = 1


@dataclass(frozen=True)
class Line:
    """One lead of the list, in the reader's words."""

    lead_id: str
    who: str
    stage: str
    status: str
    chance: str
    interval: str
    value: str
    reasons: tuple[str, ...]
    trend: str
    age: str
    due: str
    overdue: bool
    owner: str


@dataclass(frozen=True)
class Worklist:
    """Context of worklist.html.

    Attributes
    ----------
    frame : Frame
    wanted : Wanted
    lines : tuple of Line
        Of this page.
    found, pages : int
        Leads that fit, and how many pages they fill.
    statuses, owners, stages, sorts : tuple of str
        What can be chosen.
    segments : tuple of Segments
        The same, by column.
    as_of : str
        Of which day the run is.
    """

    frame: Frame
    wanted: Wanted
    lines: tuple[Line, ...]
    found: int
    pages: int
    statuses: tuple[str, ...]
    owners: tuple[str, ...]
    stages: tuple[str, ...]
    segments: tuple[Segments, ...]
    sorts: tuple[str, ...]
    as_of: str


def worklist(
    frame: Frame,
    person: Person,
    board: Board,
    shown: Shown,
    wanted: Wanted,
    now: int,
    asks: Asks,
    cuts: Cuts,
) -> Worklist:
    """Return one page of the handoffs that a person may see."""
    language, run = frame.language, shown.run
    worth = cuts.worth(run)
    sorts = SORTS if worth is None else (*SORTS, BY_VALUE)
    by = wanted.sort if wanted.sort in sorts else SORTS[0]
    mine = cuts.in_order(board, person, shown, by, _key(by, worth, shown))
    choices = cuts.choices(board, person, shown)
    found = list(_fitting((board[lead] for lead in mine), shown, wanted))
    pages = max(-(-len(found) // PAGE), 1)
    page = min(max(wanted.page, 1), pages)
    part = found[(page - 1) * PAGE : page * PAGE]
    reasons = asks.reasons(run, part, language)
    lines = tuple(_line(h, reasons.get(h.seq, h.reasons), shown, language, now, worth) for h in part)
    return Worklist(
        frame=frame,
        wanted=replace(wanted, page=page),
        lines=lines,
        found=len(found),
        pages=pages,
        statuses=(ALL, *STATUSES),
        owners=choices.owners if person.sees_all else (),
        stages=choices.stages,
        segments=choices.segments,
        sorts=sorts,
        as_of="" if run.as_of is None else day(run.as_of, language),
    )


def _fitting(handed: Iterable[Handed], shown: Shown, wanted: Wanted) -> Iterable[Handed]:
    asked = wanted.q.casefold().strip()
    for h in handed:
        if wanted.status == "" and h.status not in OPEN_ONLY:
            continue
        if wanted.status not in ("", ALL, h.status) or wanted.owner not in ("", h.owner):
            continue
        if wanted.segment and wanted.segment not in map(segment_key, h.levels):
            continue
        if asked and asked not in h.who.casefold() and asked not in h.lead_id.casefold():
            continue
        if wanted.stage or wanted.changed:
            brief = shown.brief(h.lead_id)
            if wanted.stage not in ("", brief.stage) or wanted.changed not in ("", brief.trend):
                continue
        yield h


def _key(sort: str, worth: Worth | None, shown: Shown) -> Callable[[Handed], tuple[float | str, str]]:
    """Return what one of the sorts sorts by."""
    keys: dict[str, Callable[[Handed], float | str]] = {
        "deadline": lambda h: math.inf if h.due_at is None else h.due_at,
        "newest": lambda h: -h.handed_at,
        "name": lambda h: h.who.casefold(),
    }
    if worth is not None:
        keys[BY_VALUE] = lambda h: -worth.expected(h, _chance_of(h, shown))
    key: Callable[[Handed], float | str] = keys.get(sort, lambda h: -_chance_of(h, shown))
    return lambda h: (key(h), h.lead_id)


def _chance_of(h: Handed, shown: Shown) -> float:
    """Return the probability that the line shows: the run's, else as it was handed over."""
    now = shown.brief(h.lead_id).probability
    return (h.probability or 0.0) if now is None else now


def _line(
    h: Handed, reasons: tuple[str, ...], shown: Shown, language: Language, now: int, worth: Worth | None
) -> Line:
    brief = shown.brief(h.lead_id)
    odds, interval = chance(vars(h if brief.probability is None else brief), language)
    return Line(
        lead_id=h.lead_id,
        who=h.who,
        stage=brief.stage,
        status=h.status,
        chance=odds,
        interval=interval,
        value="" if worth is None else language.number(round(worth.expected(h, _chance_of(h, shown)))),
        reasons=reasons,
        trend=brief.trend,
        age=ago(now - h.handed_at, language),
        due="" if h.due_at is None else day(h.due_at, language),
        overdue=h.overdue,
        owner=h.owner or "",
    )
