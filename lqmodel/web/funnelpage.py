"""The funnel: leads by stage and week, what moved, what sales did with handoffs, and whether the chances came true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from lqmodel.comparison import Comparison
from lqmodel.errors import LqmodelError
from lqmodel.languages import Language
from lqmodel.ledger import LoopReport
from lqmodel.ledger.report import Conversion, Moves
from lqmodel.runs import Run
from lqmodel.stages import LEAD, RECYCLED, STAGES
from lqmodel.web.charts import Range, columns, ranges, scale
from lqmodel.web.frame import Frame
from lqmodel.web.policychange import PolicyChange, policy_change
from lqmodel.web.words import day

RUNS: Final = 26
"""Runs that the page looks back over: half a year of weeks."""
LATELY: Final = 4
"""Runs that moves are also summed over."""


@dataclass(frozen=True)
class Stage:
    """A stage over time: how many stand there now and stood there in the run before, and a drawing."""

    name: str
    now: int
    before: int | None
    drawing: Markup


@dataclass(frozen=True)
class Move:
    """A transition: how many leads in the last run, and in the last few; whether it goes back."""

    from_stage: str
    to_stage: str
    now: int
    lately: int
    back: bool


@dataclass(frozen=True)
class Band:
    """What was said of the handoffs of a band, and what came of them."""

    name: str
    handoffs: int
    mature: int
    won: int
    said: str
    happened: str
    interval: str
    drawing: Markup


@dataclass(frozen=True)
class Count:
    """Something that was counted, and its share of all, in percent."""

    name: str
    count: int
    share: str


@dataclass(frozen=True)
class FunnelPage:
    """Context of funnel.html.

    Attributes
    ----------
    frame : Frame
    as_of, since : str
        Days of the run and of the oldest one that is looked back to.
    runs : int
        How many that are.
    stages : tuple of Stage
    moves : tuple of Move
        Those ahead, then those back, the most frequent first.
    lately : int
        Runs that moves are also summed over.
    handoffs : int
    statuses, reasons : tuple of Count
        What became of handoffs, and what rejections were for.
    acceptance, in_time, first_touch : str
        Empty where nobody can know.
    overdue : int
    bands : tuple of Band
    change : PolicyChange or None
        What another threshold would have done; None: not known.
    change_refused : str
        Why it is not known.
    working : bool
        What came of handoffs is still being read, or what another threshold would have done.
    """

    frame: Frame
    as_of: str
    since: str
    runs: int
    stages: tuple[Stage, ...]
    moves: tuple[Move, ...]
    lately: int
    handoffs: int
    statuses: tuple[Count, ...]
    reasons: tuple[Count, ...]
    acceptance: str
    in_time: str
    first_touch: str
    overdue: int
    bands: tuple[Band, ...]
    change: PolicyChange | None
    change_refused: str
    working: bool


def looked_back(run: Run, most: int = RUNS) -> list[Run]:
    """Return a run and those that it goes on from, as far as they are there and whole, the oldest first."""
    found = [run]
    while len(found) < most:
        try:
            before = found[-1].before()
        except LqmodelError:
            break
        if before is None:
            break
        found.append(before)
    return found[::-1]


def funnel_page(
    frame: Frame,
    runs: Sequence[Run],
    moves: Sequence[Moves],
    loop: LoopReport,
    compared: Comparison | None = None,
    refused: str = "",
    *,
    working: bool,
) -> FunnelPage:
    """Put the page together.

    Parameters
    ----------
    frame : Frame
    runs : sequence of Run
        As of `looked_back`.
    moves : sequence of Moves
        Of these runs.
    loop : LoopReport
    compared : Comparison, optional
        Thresholds, on the held-out weeks.
    refused : str
        Why these are not known.
    working : bool
        Whether outcomes are still being read, or thresholds compared.
    """
    language, moments = frame.language, [run.as_of for run in runs if run.as_of is not None]
    decided = sum(loop.statuses.values())
    rejected = sum(loop.reasons.values())
    return FunnelPage(
        frame=frame,
        as_of=day(moments[-1], language) if moments else "",
        since=day(moments[0], language) if moments else "",
        runs=len(runs),
        stages=tuple(_stages(runs, language)),
        moves=_moves(moves, moments),
        lately=min(LATELY, len(moments)),
        handoffs=loop.handoffs,
        statuses=tuple(_count(k, n, decided, language) for k, n in loop.statuses.items()),
        reasons=tuple(_count(k, n, rejected, language) for k, n in loop.reasons.items()),
        acceptance=_percent(loop.acceptance, language),
        in_time=_percent(loop.in_time, language),
        first_touch="" if loop.hours_to_touch is None else language.seconds(loop.hours_to_touch[1] * 3600),
        overdue=loop.overdue,
        bands=_bands(loop.conversion, language),
        change=None if compared is None else policy_change(compared, language),
        change_refused=refused,
        working=working,
    )


def _stages(runs: Sequence[Run], language: Language) -> Iterator[Stage]:
    counts = [run.manifest["stages"] for run in runs]
    for name in STAGES:
        values = [int(c.get(name, 0)) for c in counts]
        if any(values):
            told = f"{name}: {', '.join(map(language.number, values))}"
            yield Stage(name, values[-1], values[-2] if len(values) > 1 else None, columns(values, told))


def _moves(moves: Sequence[Moves], moments: Sequence[int]) -> tuple[Move, ...]:
    last, lately = (moments[-1:], moments[-LATELY:])
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for m in moves:
        both = counts[m.from_stage, m.to_stage]
        both[0] += m.leads if m.as_of in last else 0
        both[1] += m.leads if m.as_of in lately else 0
    found = [
        Move(start, end, now, some, _is_back(start, end))
        for (start, end), (now, some) in counts.items()
        if some
    ]
    return tuple(sorted(found, key=lambda m: (m.back, -m.lately, m.from_stage, m.to_stage)))


def _is_back(start: str, end: str) -> bool:
    """Whether a lead fell back: to an earlier stage, or to rest with marketing."""
    if end == STAGES[RECYCLED]:
        return True
    return (start != STAGES[RECYCLED] and STAGES.index(end) < STAGES.index(start)) or end == STAGES[LEAD]


def _bands(conversion: Sequence[Conversion], language: Language) -> tuple[Band, ...]:
    rows = [Range(c.predicted, c.rate, c.low, c.high) for c in conversion]
    end = scale(rows)
    found = []
    for c, row in zip(conversion, rows, strict=True):
        said, happened = _percent(c.predicted, language), _percent(c.rate, language)
        known = c.low is not None and c.high is not None
        interval = f"{_percent(c.low, language)} – {_percent(c.high, language)}" if known else ""
        name = c.band.replace("_", "-") + ("" if c.kind == "handoff" else f", {c.kind}")
        drawing = ranges(row, end, f"{name}: {said}, {happened} ({interval})")
        found.append(Band(name, c.handoffs, c.mature, c.won, said, happened, interval, drawing))
    return tuple(found)


def _count(name: str, count: int, of: int, language: Language) -> Count:
    return Count(name, count, language.percent(count / of) if of else "")


def _percent(share: float | None, language: Language) -> str:
    return "" if share is None else language.percent(share)
