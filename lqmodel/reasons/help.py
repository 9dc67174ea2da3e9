"""What would help one lead: the result, as values, as JSON and in words.

"The model would", never "will": it says what the model makes of further events, not what follows from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from lqmodel.declarations import EVER, Count, DeclaredFeature
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.words import NO_BREAK, ColumnWords, clean

Answer = Literal[
    "reaches",
    "reached",
    "none",
    "blocked",
    "highest",
    "asleep",
    "people",
    "once",
    "undated",
    "unseen",
    "not_actionable",
    "changed",
]
SHOWN: Final = 3
"""Ways that are put into words; the others are counted."""
LONGEST_STEP: Final = 120
"""Characters of a step that are shown."""


@dataclass(frozen=True)
class NurtureStep:
    """A step of a way, so many times.

    Attributes
    ----------
    name : str
        The feature that names the step.
    features : tuple of str
        All features that count it and are declared actionable.
    times : int
        How often; at least 1.
    text : str
        In words, such as "2 visits to the pricing page".
    """

    name: str
    features: tuple[str, ...]
    times: int
    text: str


@dataclass(frozen=True)
class Way:
    """A smallest set of steps after which the model would move the lead.

    Attributes
    ----------
    steps : tuple of NurtureStep
        By name; none where the lead would move without any.
    stage : str
        Where the model would put it.
    probability : float
        What the model would give it, calibrated.
    """

    steps: tuple[NurtureStep, ...]
    stage: str
    probability: float

    @property
    def size(self) -> int:
        """How many events it takes."""
        return sum(step.times for step in self.steps)

    @property
    def text(self) -> str:
        """The steps in words."""
        return " + ".join(step.text for step in self.steps)


@dataclass(frozen=True)
class Help:
    """What would help a lead to its next stage.

    Attributes
    ----------
    lead_id : str
        The lead.
    stage : str
        Where it stands.
    aim : str or None
        The next stage that the model gives; None where it gives none.
    answer : str
        "reaches": a set of steps reaches it; "reached": it takes none; "none": no set that was tried does;
        "blocked": nothing does while a fact holds; "highest": the model has no further stage; "asleep": sales sent it
        back; "people": from its stage on people decide; "once": the model looks at a lead once, and has;
        "undated", "unseen", "not_actionable": there is no step;
        "changed": the sources hold other facts of the lead than its score rests on.
    ways : tuple of Way
        The smallest sets that reach it, by the names of their steps; the first 10.
    n_ways : int
        How many there are.
    most : int
        Steps of the largest sets that were tried; 0 where what leads there was agreed, and the model has no say.
    because : str
        In words: what blocks it, what keeps it where it is, when it wakes, what weighs most against it, or what
        marketing could change; may be empty.
    language : Language
        In which it speaks.
    """

    lead_id: str
    stage: str
    aim: str | None
    answer: Answer
    ways: tuple[Way, ...] = ()
    n_ways: int = 0
    most: int = 0
    because: str = ""
    language: Language = ENGLISH

    @property
    def text(self) -> str:
        """All of it, in one line."""
        first, *others = self.lines()
        return " ".join([first, "; ".join(others)]) if others else first

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the words, a line for each way that is shown."""
        if self.answer != "reaches":
            return [self._without_a_way()]
        stages = {way.stage for way in self.ways[:SHOWN]}
        stage = stages.pop() if len(stages) == 1 else self.aim or ""
        shown = [self._way(way, stage) for way in self.ways[:SHOWN]]
        if left := self.n_ways - len(shown):
            shown.append(self.language.say("help.others", left))
        first, *others = shown
        reaches = self.language.say("help.reaches", stage=stage)
        return [reaches, first, *(self.language.say("help.or", way=other) for other in others)]

    def labelled(self) -> list[str]:
        """Return the lines for below an explanation."""
        label = self.language.say("help")
        first, *others = self.lines()
        return [f"  {label}  {first}", *(f"  {'':<{len(label)}}  {other}" for other in others)]

    def in_short(self) -> str:
        """Return the first way, and how many others there are."""
        if self.answer != "reaches":
            return self._without_a_way()
        first = self._way(self.ways[0], self.aim)
        if self.n_ways == 1:
            return first
        others = self.language.say("help.others", self.n_ways - 1)
        return f"{first}, {self.language.say('help.or', way=others)}"

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        return {**asdict(self), "language": self.language.name, "text": self.text}

    def _way(self, way: Way, stage: str | None) -> str:
        """Return a way in words, with its probability, and its stage where that is not the one told."""
        further = "" if way.stage == stage else f", {way.stage}"
        return f"{way.text} ({self.language.percent(way.probability)}{further})"

    def _without_a_way(self) -> str:
        say, stage, because = self.language.say, clean(self.stage), self.because
        aim = "" if self.aim is None else self.aim
        if self.answer == "reached":
            return say("help.reached", stage=aim)
        if self.answer == "none":
            none = say("help.none", self.most, stage=aim) if self.most else say("help.agreed", stage=aim)
            return f"{none}: {because}" if because else none
        if self.answer == "highest":
            highest = say("help.highest", stage=stage)
            return f"{highest}; {say('help.kept', facts=because)}" if because else highest
        if self.answer == "blocked":
            return say("help.blocked", stage=aim, facts=because)
        if self.answer == "asleep":
            return say("help.asleep_until", date=because) if because else say("help.asleep")
        if self.answer == "people":
            return say("help.people", stage=stage)
        if self.answer in ("undated", "unseen"):
            return say("help.undated" if self.answer == "undated" else "help.unseen", titles=because)
        if self.answer == "once":
            return say("help.once")
        return say("help.not_actionable" if self.answer == "not_actionable" else "help.changed")


class Helps(tuple[Help, ...]):
    """What would help some leads, in the order asked for; shows itself as text, lead by lead."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n\n".join(f"{clean(one.lead_id)}\n{one}" for one in self)

    __repr__ = __str__


def step_text(counting: Sequence[DeclaredFeature], times: int, language: Language = ENGLISH) -> str:
    """Return a step in words: "2 visits to the pricing page".

    The feature speaks that counts it and asks for the most; of equals the first by name.
    """
    counts = [item for item in counting if isinstance(item.feature, Count)]
    if counts:
        item = min(counts, key=lambda f: (-len(f.feature.where), f.name))
        words = ColumnWords(item, replace(item.columns()[0], window=EVER), language)
        text = words.text(float(times))
    else:
        words = ColumnWords(counting[0], counting[0].columns()[0], language)
        text = words.titled_in.say("help.counts_for", times, title=words.title)
    return clean(text, LONGEST_STEP, NO_BREAK)


def weighs_most(item: DeclaredFeature, factor: float, language: Language = ENGLISH) -> str:
    """Return the words for what weighs most against a lead, with its factor on the odds."""
    words = ColumnWords(item, item.columns()[0], language)
    speaks = words.titled_in
    return speaks.say("help.weighs", title=clean(words.title), effect=speaks.effect(factor))
