"""The closed loop in figures: what sales did with handoffs, and what came of them. Of handoffs, never of sellers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, Final

from lqmodel.ledger.accounts import HANDOFF, JOINED, SAMPLE
from lqmodel.ledger.answers import REJECTED, STATUSES, TOOK_OVER, Answer, Row
from lqmodel.metrics import wilson
from lqmodel.reasons.words import clean, percent
from lqmodel.roster import ID
from lqmodel.stages import BANDS
from lqmodel.states import EPISODE

HOUR: Final = 3_600_000_000
NO_REASON: Final = "no reason given"
NO_BAND: Final = "no band"
COUNTED: Final = (
    "seq",
    "kind",
    "joins",
    "model",
    ID,
    EPISODE,
    "as_of",
    "recorded_at",
    "due_at",
    "wakes_at",
    "probability",
    "band",
)
"""Columns of `handoffs` that a report is made of: reasons and facts, by far the most of each row, are none."""


@dataclass(frozen=True)
class Conversion:
    """What came of the handoffs of one band.

    Attributes
    ----------
    band : str
        Of the probability, when they were handed over.
    kind : str
        handoff or sample.
    handoffs : int
    mature : int
        Those whose horizon is over: of the rest nobody can know.
    predicted : float or None
        Mean probability of the mature ones, 0 to 1; None where points scored, or there are none.
    won : int
    rate, low, high : float or None
        Share of the mature ones that was won, and its 90 % interval (Wilson); handoffs of one account stand
        for one another, so joined ones do not count.
    """

    band: str
    kind: str
    handoffs: int
    mature: int
    predicted: float | None
    won: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LoopReport:
    """What sales did with the handoffs of a stretch of time, and what came of them.

    Attributes
    ----------
    handoffs : int
        Without joined ones and the sample.
    joined : int
        Leads that joined the handoff of their account.
    statuses : dict of str to int
        Handoffs by what became of them.
    acceptance : float or None
        Accepted or qualified, of those that anybody decided on or that went back unanswered; 0 to 1.
    touched : int
        Handoffs that sales has done anything about.
    hours_to_touch : tuple of float or None
        Quartiles of the hours from the moment of recording to the first touch.
    in_time : float or None
        Share of the handoffs with a deadline that has passed which were answered before it.
    overdue : int
    reasons : dict of str to int
        Rejections by reason, the most frequent first.
    conversion : tuple of Conversion
        Empty without outcomes.
    """

    handoffs: int
    joined: int
    statuses: dict[str, int]
    acceptance: float | None
    touched: int
    hours_to_touch: tuple[float, float, float] | None
    in_time: float | None
    overdue: int
    reasons: dict[str, int]
    conversion: tuple[Conversion, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


@dataclass(frozen=True)
class Moves:
    """How many leads a run moved from one stage to another; ``as_of`` in microseconds UTC."""

    as_of: int
    from_stage: str
    to_stage: str
    leads: int


def report(
    handoffs: Sequence[Row], answers: Sequence[Answer], won: Sequence[bool | None] | None, now: int
) -> LoopReport:
    """Summarise handoffs.

    Parameters
    ----------
    handoffs : sequence of mapping
        Rows of `handoffs`.
    answers : sequence of Answer
        What became of each.
    won : sequence of bool or None, or None
        Whether each was won within the horizon, None where that cannot be known yet; None: no outcomes.
    now : int
        Microseconds UTC.
    """
    ours = [(h, a) for h, a in zip(handoffs, answers, strict=True) if h["kind"] == HANDOFF]
    statuses = Counter(a.status for _, a in ours)
    decided = [a.accepted for _, a in ours if a.accepted is not None]
    waits = sorted((a.first_touch - h["recorded_at"]) / HOUR for h, a in ours if a.first_touch is not None)
    waits = [max(wait, 0.0) for wait in waits]
    due = [(h, a) for h, a in ours if h["due_at"] is not None and h["due_at"] < now]
    in_time = sum(a.first_touch is not None and a.first_touch <= h["due_at"] for h, a in due)
    reasons = Counter(a.reason or NO_REASON for _, a in ours if a.status == REJECTED)
    return LoopReport(
        handoffs=len(ours),
        joined=sum(
            h["kind"] == JOINED and a.status != TOOK_OVER for h, a in zip(handoffs, answers, strict=True)
        ),
        statuses={status: statuses[status] for status in STATUSES if statuses[status]},
        acceptance=sum(decided) / len(decided) if decided else None,
        touched=len(waits),
        hours_to_touch=_quartiles(waits),
        in_time=in_time / len(due) if due else None,
        overdue=sum(a.overdue for _, a in ours),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        conversion=() if won is None else tuple(_conversion(handoffs, won)),
    )


def _quartiles(waits: Sequence[float]) -> tuple[float, float, float] | None:
    if len(waits) < 2:
        return (waits[0],) * 3 if waits else None
    low, _, high = quantiles(waits, n=4, method="inclusive")
    return low, median(waits), high


def _conversion(handoffs: Sequence[Row], won: Sequence[bool | None]) -> Iterable[Conversion]:
    for kind in (HANDOFF, SAMPLE):
        for band in (*reversed(BANDS), NO_BAND):
            rows = [
                (h, w)
                for h, w in zip(handoffs, won, strict=True)
                if h["kind"] == kind and (h["band"] or NO_BAND) == band
            ]
            if not rows:
                continue
            mature = [(h["probability"], w) for h, w in rows if w is not None]
            wins = sum(bool(w) for _, w in mature)
            chances = [p for p, _ in mature if p is not None]
            low, high = wilson(wins, len(mature)) if mature else (None, None)
            yield Conversion(
                band=band,
                kind=kind,
                handoffs=len(rows),
                mature=len(mature),
                predicted=sum(chances) / len(chances) if chances else None,
                won=wins,
                rate=wins / len(mature) if mature else None,
                low=low,
                high=high,
            )


def _lines(r: LoopReport) -> Iterable[str]:
    yield f"{'handoffs':16} {r.handoffs:,}" + _listed(r.statuses)
    if r.joined:
        yield f"{'joined':16} {r.joined:,} further leads, in the handoff of their account"
    if r.acceptance is not None:
        yield f"{'accepted':16} {percent(r.acceptance)} of those decided on, or not answered in time"
    if r.hours_to_touch is not None:
        low, middle, high = map(_hours, r.hours_to_touch)
        yield f"{'first touch':16} after {middle} (half of them after {low} to {high}), {r.touched:,} handoffs"
    if r.in_time is not None:
        yield f"{'in time':16} {percent(r.in_time)} of those whose deadline has passed; {r.overdue:,} are overdue"
    if r.reasons:
        yield f"{'rejected for':16} " + ", ".join(f"{clean(k, 40)} {n:,}" for k, n in r.reasons.items())
    if r.conversion:
        yield ""
        yield f"{'conversion by band':34} {'handoffs':>9} {'mature':>7} {'predicted':>10} {'won':>5}  rate"
        yield from map(_row, r.conversion)


def _listed(statuses: Mapping[str, int]) -> str:
    told = ", ".join(f"{n:,} {status}" for status, n in statuses.items())
    return f": {told}" if told else ""


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _row(c: Conversion) -> str:
    name = c.band.replace("_", "-") + (", a sample below the threshold" if c.kind == SAMPLE else "")
    predicted = "" if c.predicted is None else percent(c.predicted)
    rate = "not known yet"
    if c.rate is not None and c.low is not None and c.high is not None:
        rate = f"{percent(c.rate)} ({percent(c.low)} to {percent(c.high)})"
    return f"  {name:32} {c.handoffs:>9,} {c.mature:>7,} {predicted:>10} {c.won:>5,}  {rate}"
