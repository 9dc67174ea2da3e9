"""Nurture: the leads nearest to their next stage, what would help each, groups by what would help, and their export."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lqmodel.counterfactual import Nearest, NurtureList
from lqmodel.crm.cells import Cell, sheet
from lqmodel.languages import Language
from lqmodel.web.frame import Frame
from lqmodel.web.shown import Shown
from lqmodel.web.words import chance, day

LISTED = 20
"""Leads of a stage that the page shows; the file holds all that were looked at."""
COLUMNS = ("lead_id", "name", "stage", "next_stage", "probability", "what_would_help")
"""Of the export."""


@dataclass(frozen=True)
class Step:
    """Something that would help: the leads that it moves up by itself, and with others; whether it is chosen."""

    name: str
    text: str
    alone: int
    with_others: int
    chosen: bool


@dataclass(frozen=True)
class Near:
    """A lead near its next stage."""

    lead_id: str
    who: str
    probability: float
    chance: str
    help: str


@dataclass(frozen=True)
class Group:
    """The leads of one stage: those that are near, and by which steps they would move up."""

    stage: str
    aim: str
    leads: int
    blocked: int
    looked_at: int
    steps: tuple[Step, ...]
    near: tuple[Near, ...]


@dataclass(frozen=True)
class NurturePage:
    """Context of nurture.html.

    Attributes
    ----------
    frame : Frame
    as_of : str
    groups : tuple of Group
        The MQLs first.
    stage, step : str
        Whose leads are shown, and the step that was chosen; empty: all.
    working : bool
        It is being worked out: come back.
    refused : str
        Why it cannot be.
    listed : int
        Leads of a stage that are shown.
    """

    frame: Frame
    as_of: str
    groups: tuple[Group, ...]
    stage: str
    step: str
    working: bool
    refused: str
    listed: int = LISTED


def nurture_page(
    frame: Frame,
    shown: Shown,
    found: NurtureList | None,
    barred: Collection[str],
    stage: str = "",
    step: str = "",
    refused: str = "",
) -> NurturePage:
    """Put the page together.

    Parameters
    ----------
    frame : Frame
    shown : Shown
    found : NurtureList or None
        None while it is being worked out, or where it cannot be.
    barred : collection of str
        Leads that object to being contacted since.
    stage, step : str
        Only the leads of one stage that one step helps; empty: all.
    refused : str
        Why it cannot be worked out.
    """
    as_of = "" if shown.run.as_of is None else day(shown.run.as_of, frame.language)
    helps = () if found is None else (help.lead_id for each in found.groups for help in each.helps)
    names = shown.names(list(helps))
    groups = (
        ()
        if found is None
        else tuple(_group(each, shown, names, barred, stage, step, frame.language) for each in found.groups)
    )
    return NurturePage(frame, as_of, groups, stage, step, found is None and not refused, refused)


def audience(page: NurturePage) -> bytes:
    """Return the leads of a page as CSV that no spreadsheet runs."""
    rows: list[Mapping[str, Cell]] = [
        {
            "lead_id": near.lead_id,
            "name": near.who,
            "stage": group.stage,
            "next_stage": group.aim,
            "probability": near.probability,
            "what_would_help": near.help,
        }
        for group in page.groups
        if page.stage in ("", group.stage)
        for near in group.near
    ]
    return sheet(COLUMNS, rows)


def _group(
    found: Nearest,
    shown: Shown,
    names: Mapping[str, str],
    barred: Collection[str],
    stage: str,
    step: str,
    language: Language,
) -> Group:
    chosen = step if stage in ("", found.stage) else ""
    steps = tuple(Step(s.name, s.text, s.alone, s.with_others, s.name == chosen) for s in found.steps)
    wanted: Sequence[str] | None = next((s.leads for s in found.steps if s.name == chosen), None)
    if chosen and wanted is None:
        wanted = ()
    near = tuple(
        Near(
            help.lead_id,
            names[help.lead_id],
            p,
            chance(vars(shown.brief(help.lead_id)), language)[0],
            help.in_short(),
        )
        for help, p in zip(found.helps, found.probability, strict=True)
        if help.lead_id not in barred and (wanted is None or help.lead_id in wanted)
    )
    return Group(found.stage, found.aim, found.leads, found.blocked, len(found.helps), steps, near)
