"""Why one lead has its probability: the result, as values, as JSON, in a terminal and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from lqmodel.declarations import from_microseconds
from lqmodel.declarations.feature import Kind
from lqmodel.reasons.drawing import Drawing
from lqmodel.reasons.raw import Raw
from lqmodel.reasons.waterfall import Ladder, Step, draw, logit
from lqmodel.reasons.words import clean, effect, odds_words, percent

CUT_OFF = math.log(1.05)
"""Effects smaller than this (5 % on the odds) are not put into words; they are part of "all else"."""
_BAR = 10  # characters of the longest bar


@dataclass(frozen=True)
class Reason:
    """One family's effect, in words.

    Attributes
    ----------
    family, kind, title : str
        The declared feature; "fit" or "engagement"; its name for people.
    text : str
        The words, without effect.
    usual : str
        What is usual where this is not, such as "usually 0 or 1"; else empty.
    log_odds : float
        The effect; its size is at least `CUT_OFF`.
    actionable : bool
        Whether marketing or sales can change it, as declared.
    column : str
        The column that gave the words.
    value : float, str or None
        Its value; None where missing.
    """

    family: str
    kind: Kind
    title: str
    text: str
    usual: str
    log_odds: float
    actionable: bool
    column: str
    value: Raw

    @property
    def factor(self) -> float:
        """The effect as a factor on the odds."""
        return math.exp(self.log_odds)

    @property
    def sentence(self) -> str:
        """The words, with what is usual."""
        return f"{self.text} ({self.usual})" if self.usual else self.text

    def __str__(self) -> str:
        return f"{self.text} ({effect(self.factor)})"


@dataclass(frozen=True)
class LeadExplanation:
    """Why one lead has its probability; prints, and shows itself in a notebook.

    Attributes
    ----------
    lead_id : str
        The lead.
    as_of : int or None
        Microseconds UTC; None for data without a clock.
    probability, low, high : float
        Calibrated, with the ends of its 90 % interval.
    base_probability : float
        Of the model's base: where the reasons start from.
    stage : str
        Where it stands.
    score : float
        0 to 100.
    up, down : tuple of Reason
        For and against, the strongest first.
    fit, engagement : float
        Log-odds of who they are and of what they do; together they lead from the base to the probability.
    rest : float
        Log-odds of all that is in neither `up` nor `down`.

    Notes
    -----
    base odds × factors of `up` × factors of `down` × exp(rest) = the lead's odds.
    """

    lead_id: str
    as_of: int | None
    probability: float
    low: float
    high: float
    base_probability: float
    stage: str
    score: float
    up: tuple[Reason, ...]
    down: tuple[Reason, ...]
    fit: float
    engagement: float
    rest: float

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`; `as_of` as ISO 8601 in UTC."""
        moment = (
            None if self.as_of is None else from_microseconds(self.as_of).isoformat().replace("+00:00", "Z")
        )
        sides = {side: [_reason_to_json(r) for r in getattr(self, side)] for side in ("up", "down")}
        return {**asdict(self), "as_of": moment, **sides}

    def __str__(self) -> str:
        reasons = self.up + self.down
        widest = max((len(effect(r.factor)) for r in reasons), default=0)
        most = max((abs(r.log_odds) for r in reasons), default=1.0)
        lines = [self._headline(), self._standing(), ""]
        for side, found in self._sides():
            for i, reason in enumerate(found):
                bar = "█" * max(round(_BAR * abs(reason.log_odds) / most), 1)
                label = side if i == 0 else ""
                shown = f"{effect(reason.factor):>{widest}}  {bar:<{_BAR}}  {reason.sentence}"
                lines.append(f"  {label:<8} {shown}")
        lines += [f"  {'all else':<8} {effect(math.exp(self.rest)):>{widest}}", "", self._subtotals()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.waterfall()._repr_html_()

    def waterfall(self) -> Drawing:
        """Draw the way from the base odds to the lead's odds; see `lqmodel.reasons.waterfall`."""
        reasons = (Step(r.text, r.log_odds, r.kind, r.usual, r.actionable) for r in self.up + self.down)
        start = logit(self.base_probability)
        return draw(
            Ladder(
                name=f"{clean(self.lead_id)}{self._day()}",
                head=self._chance(),
                under=self._standing(),
                start=start,
                start_words=odds_words(self.base_probability),
                end_words=odds_words(self.probability),
                steps=(*reasons, Step("all else", self.rest)),
                fit=self.fit,
                engagement=self.engagement,
                low=logit(self.low),
                high=logit(self.high),
            )
        )

    def _sides(self) -> tuple[tuple[str, tuple[Reason, ...]], ...]:
        return ("for", self.up), ("against", self.down)

    def _headline(self) -> str:
        return f"{clean(self.lead_id)}{self._day()}: {self._chance()}"

    def _chance(self) -> str:
        ends = f"{percent(self.low)} to {percent(self.high)}"
        return f"{odds_words(self.probability)} ({percent(self.probability)}, likely {ends})"

    def _day(self) -> str:
        if self.as_of is None:
            return ""
        day = from_microseconds(self.as_of)
        return f", {day.day} {day:%B %Y}"

    def _standing(self) -> str:
        # rounded down: a score just under a threshold must not read as on it
        return f"{clean(self.stage)}, score {math.floor(self.score)}; starting from {odds_words(self.base_probability)}"

    def _subtotals(self) -> str:
        fit, engagement = effect(math.exp(self.fit)), effect(math.exp(self.engagement))
        return f"  who they are {fit}, what they do {engagement} on the odds"


def join(reasons: Iterable[object], limit: int = 1024) -> str:
    """Join reasons for a field of a CRM, cut at a reason's end.

    Parameters
    ----------
    reasons : iterable of Reason or str
        The strongest first.
    limit : int, default 1024
        Most characters. A first reason that is longer alone is cut, with an ellipsis.

    Examples
    --------
    >>> join(["2 demos (×2.0)", "industry: retail (×1.2)"], limit=20)
    '2 demos (×2.0)'
    """
    joined = ""
    for reason in reasons:
        longer = f"{joined}; {reason}" if joined else str(reason)
        if len(longer) > limit:
            return joined or longer[: max(limit - 1, 0)] + "…"[:limit]
        joined = longer
    return joined


def _reason_to_json(reason: Reason) -> dict[str, Any]:
    return asdict(reason) | {"factor": reason.factor}
