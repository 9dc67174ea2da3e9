"""Why one lead has its probability: the result, as values, as JSON, in a terminal and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

from lqmodel.declarations import from_microseconds, to_microseconds
from lqmodel.declarations.feature import Kind
from lqmodel.errors import UsageError
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.change import Change
from lqmodel.reasons.help import Help
from lqmodel.reasons.raw import Raw
from lqmodel.reasons.words import clean

if TYPE_CHECKING:
    import shap

    from lqmodel.reasons.attributions import Attributions
    from lqmodel.reasons.drawing import Drawing

_BAR = 10  # characters of the longest bar
_ACTIONABLE = "●"  # as in the waterfall


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
    language : Language
        In which the effect is written.
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
    language: Language = ENGLISH

    @property
    def factor(self) -> float:
        """The effect as a factor on the odds."""
        return math.exp(self.log_odds)

    @property
    def sentence(self) -> str:
        """The words, with what is usual."""
        return f"{self.text} ({self.usual})" if self.usual else self.text

    def __str__(self) -> str:
        return f"{self.text} ({self.effect})"

    @property
    def effect(self) -> str:
        """The factor in words, such as "×2.3"."""
        return self.language.effect(self.factor)


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
    change : Change or None
        What changed since the run before; None where there was none.
    language : Language
        In which it speaks.
    would_help : Help or None
        What would help the lead to its next stage; None where the sources were not looked at.
    numbers : Attributions or None
        The contributions behind it, where it was asked for alone; not part of its JSON.

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
    change: Change | None = None
    language: Language = ENGLISH
    would_help: Help | None = None
    numbers: Attributions | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`; `as_of` as ISO 8601 in UTC, `would_help` only if there is one."""
        moment = (
            None if self.as_of is None else from_microseconds(self.as_of).isoformat().replace("+00:00", "Z")
        )
        sides = {side: [_reason_to_json(r) for r in getattr(self, side)] for side in ("up", "down")}
        told = asdict(replace(self, numbers=None)) | {
            "as_of": moment,
            **sides,
            "change": None if self.change is None else self.change.to_json(),
            "language": self.language.name,
        }
        del told["numbers"], told["would_help"]
        return told if self.would_help is None else told | {"would_help": self.would_help.to_json()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> LeadExplanation:
        """Return an explanation as `to_json` once gave it: without what changed, what would help, and its numbers."""
        language = Language.of(told["language"])
        moment = None if told["as_of"] is None else to_microseconds(told["as_of"], None)
        names = (
            "lead_id",
            "probability",
            "low",
            "high",
            "base_probability",
            "stage",
            "score",
            "fit",
            "engagement",
            "rest",
        )
        numbers: dict[str, Any] = {name: told[name] for name in names}
        return cls(
            **numbers,
            as_of=moment,
            up=tuple(_reason_of_json(reason, language) for reason in told["up"]),
            down=tuple(_reason_of_json(reason, language) for reason in told["down"]),
            language=language,
        )

    def to_shap(self) -> shap.Explanation:
        """Return the contributions of all columns on the margin, for `shap.plots.waterfall`; see `Attributions`.

        Raises
        ------
        UsageError
            The contributions are not at hand.
        """
        return self._numbers().to_shap()[0]

    def families_to_shap(self) -> shap.Explanation:
        """Return the effects of all families on the calibrated log-odds; raises as `to_shap` does."""
        return self._numbers().families_to_shap()[0]

    def _numbers(self) -> Attributions:
        if self.numbers is None:
            raise UsageError(
                f"the explanation of lead {self.lead_id!r} holds words without the contributions behind them",
                do="ask for it alone, with model.explain(scores, lead_id), or for all with model.explain_all(scores)",
            )
        return self.numbers

    def __str__(self) -> str:
        reasons, rest = self.up + self.down, self._effect(self.rest)
        widest = max((len(r.effect) for r in reasons), default=0)
        most = max((abs(r.log_odds) for r in reasons), default=1.0)
        label = max(len(self.language.say(key)) for key in ("for", "against", "all_else"))
        lines = [self._headline(), self._standing(), ""]
        for side, found in self._sides():
            for i, reason in enumerate(found):
                bar = "█" * max(round(_BAR * abs(reason.log_odds) / most), 1)
                mark = _ACTIONABLE if reason.actionable else " "
                shown = f"{reason.effect:>{widest}}  {bar:<{_BAR}} {mark} {reason.sentence}"
                lines.append(f"  {side if i == 0 else '':<{label}} {shown}")
        lines += [
            f"  {self.language.say('all_else'):<{label}} {rest:>{widest}}",
            "",
            f"  {self._subtotals()}",
        ]
        if any(reason.actionable for reason in reasons):
            lines.append(f"  {_ACTIONABLE} {self.language.say('picture.actionable')}")
        if self.change is not None:
            lines += ["", str(self.change)]
        if self.would_help is not None:
            lines += ["", *self.would_help.labelled()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        told = () if self.would_help is None else self.would_help.labelled()
        below = "".join(f"<p>{escape(clean(line, 400))}</p>" for line in told)
        return self.waterfall()._repr_html_() + below

    def waterfall(self) -> Drawing:
        """Draw the way from the base odds to the lead's odds; see `lqmodel.reasons.waterfall`."""
        from lqmodel.reasons.waterfall import Ladder, Step, draw, logit  # scoring draws nothing

        reasons = (Step(r.text, r.log_odds, r.kind, r.usual, r.actionable) for r in self.up + self.down)
        start = logit(self.base_probability)
        return draw(
            Ladder(
                name=f"{clean(self.lead_id)}{self._day()}",
                head=self._chance(),
                under=self._standing(),
                start=start,
                start_words=self.language.odds(self.base_probability),
                end_words=self.language.odds(self.probability),
                steps=(*reasons, Step(self.language.say("all_else"), self.rest)),
                fit=self.fit,
                engagement=self.engagement,
                low=logit(self.low),
                high=logit(self.high),
                language=self.language,
            )
        )

    def _sides(self) -> tuple[tuple[str, tuple[Reason, ...]], ...]:
        return (self.language.say("for"), self.up), (self.language.say("against"), self.down)

    def _effect(self, log_odds: float) -> str:
        return self.language.effect(math.exp(log_odds))

    def _headline(self) -> str:
        return f"{clean(self.lead_id)}{self._day()}: {self._chance()}"

    def _chance(self) -> str:
        percent, low, high = map(self.language.percent, (self.probability, self.low, self.high))
        likely = self.language.say("likely", percent=percent, low=low, high=high)
        return f"{self.language.odds(self.probability)} ({likely})"

    def _day(self) -> str:
        return "" if self.as_of is None else f", {self.language.date(from_microseconds(self.as_of))}"

    def _standing(self) -> str:
        return self.language.say(
            "standing",
            stage=clean(self.stage),
            # rounded down: a score just under a threshold must not read as on it
            score=str(math.floor(self.score)),
            odds=self.language.odds(self.base_probability),
        )

    def _subtotals(self) -> str:
        fit, engagement = self._effect(self.fit), self._effect(self.engagement)
        return self.language.say("subtotals", fit=fit, engagement=engagement)


def _reason_of_json(told: Mapping[str, Any], language: Language) -> Reason:
    return Reason(**{name: value for name, value in told.items() if name != "factor"}, language=language)


def _reason_to_json(reason: Reason) -> dict[str, Any]:
    told = asdict(reason) | {"factor": reason.factor}
    del told["language"]  # the explanation's
    return told
