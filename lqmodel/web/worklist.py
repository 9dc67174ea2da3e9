"""My handoffs: filtered, searched, sorted, and cut into pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lqmodel.languages import Language
from lqmodel.ledger import STATUSES
from lqmodel.web.desk import Handed
from lqmodel.web.frame import Frame
from lqmodel.web.people import Person
from lqmodel.web.shown import Shown
from lqmodel.web.words import ago, chance, day, trend

PAGE: Final = 25
"""Lines of a page."""
OPEN_ONLY: Final = ("open", "worked")
SORTS: Final = ("chance", "deadline", "newest", "name")
"""What a worklist can be sorted by; the first is the default."""
ALL: Final = "all"


@dataclass(frozen=True)
class Wanted:
    """What a reader asked for.

    Attributes
    ----------
    status : str
        One of `ledger.STATUSES`, "all", or empty: those that wait for an answer.
    owner, search : str
        Empty: any.
    sort : str
        One of `SORTS`.
    page : int
        From 1.
    """

    status: str = ""
    owner: str = ""
    search: str = ""
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
    statuses, owners, sorts : tuple of str
        What can be chosen.
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
    sorts: tuple[str, ...]
    as_of: str


def worklist(
    frame: Frame, person: Person, handed: Mapping[str, Handed], shown: Shown, wanted: Wanted, now: int
) -> Worklist:
    """Return one page of the handoffs that a person may see."""
    mine = [h for h in handed.values() if person.sees_all or h.owner == person.owner]
    owners = tuple(sorted({h.owner for h in mine if h.owner})) if person.sees_all else ()
    found = sorted(_fitting(mine, wanted), key=_key(wanted.sort))
    pages = max(-(-len(found) // PAGE), 1)
    page = min(max(wanted.page, 1), pages)
    part = found[(page - 1) * PAGE : page * PAGE]
    lines = tuple(_line(h, shown, frame.language, now) for h in part)
    asked = Wanted(wanted.status, wanted.owner, wanted.search, wanted.sort, page)
    as_of = "" if shown.run.as_of is None else day(shown.run.as_of, frame.language)
    return Worklist(frame, asked, lines, len(found), pages, (ALL, *STATUSES), owners, SORTS, as_of)


def _fitting(handed: Iterable[Handed], wanted: Wanted) -> Iterable[Handed]:
    asked = wanted.search.casefold().strip()
    for h in handed:
        if wanted.status == "" and h.status not in OPEN_ONLY:
            continue
        if wanted.status not in ("", ALL, h.status) or wanted.owner not in ("", h.owner):
            continue
        if asked in h.who.casefold() or asked in h.lead_id.casefold():
            yield h


def _key(sort: str) -> Callable[[Handed], tuple[float | str, str]]:
    """Return what to sort by; an unknown name sorts as the default does."""
    keys: dict[str, Callable[[Handed], float | str]] = {
        "deadline": lambda h: math.inf if h.due_at is None else h.due_at,
        "newest": lambda h: -h.handed_at,
        "name": lambda h: h.who.casefold(),
    }
    key: Callable[[Handed], float | str] = keys.get(sort, lambda h: -(h.probability or 0.0))
    return lambda h: (key(h), h.lead_id)


def _line(h: Handed, shown: Shown, language: Language, now: int) -> Line:
    row = shown.row(h.lead_id) or {}
    odds, interval = chance(row if row.get("probability") is not None else vars(h), language)
    return Line(
        h.lead_id,
        h.who,
        str(row.get("stage") or ""),
        h.status,
        odds,
        interval,
        h.reasons,
        trend(row),
        ago(now - h.handed_at, language),
        "" if h.due_at is None else day(h.due_at, language),
        h.overdue,
        h.owner or "",
    )
