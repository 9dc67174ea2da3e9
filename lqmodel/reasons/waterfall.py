"""From the base odds to one lead's odds, reason by reason: a waterfall as SVG, the same for report, web and notebook.

The scale is the calibrated log-odds, on which effects add up; a bar is labelled with its factor on the odds.
Reasons for come first, then reasons against, the strongest first, then all else in one bar. Bars that point to the
right raise. A solid bar is engagement, a pale one fit; both stand below once more as subtotals, which lead from
the same start to the same end. A dot marks what marketing or sales can change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lqmodel.declarations.feature import Kind
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.drawing import BLUE, GREY, LINE, ORANGE, QUIET, Drawing, Words, decimal, image

WIDTH: Final = 380.0
"""Near the width of a phone, so that text is not shrunk there."""
_GUTTER: Final = 13.0  # left of it only the dots stand
_BAR: Final = 11.0
_POINT: Final = 5.0  # length of a bar's point
_LEAST_SPAN: Final = math.log(2.0)  # small effects are not blown up to the full width
_GAP: Final = 6.0  # between a bar and its factor
_LEAST_P: Final = 1e-13
_SCALES: Final = (1.02, 1.1, 1.5, 2, 5, 10, 100, 10_000)
_HEAD = Words(14.0, bold=True)
_TEXT = Words(13.0)
_NOTE = Words(12.0, opacity=QUIET)
_FACTOR = Words(12.0, bold=True)


@dataclass(frozen=True)
class Step:
    """One bar.

    Attributes
    ----------
    text, note : str
        Its words, and what stands back below them.
    log_odds : float
        Calibrated.
    kind : {"fit", "engagement"} or None
        None: of both.
    actionable : bool
        Whether marketing or sales can change it.
    """

    text: str
    log_odds: float
    kind: Kind | None = None
    note: str = ""
    actionable: bool = False


@dataclass(frozen=True)
class Ladder:
    """What a waterfall shows.

    Attributes
    ----------
    name, head, under : str
        Of whom, the heading, and the line below it.
    start : float
        Calibrated log-odds that it starts from; start and all steps lead to the end.
    start_words, end_words : str
        Both ends in words.
    steps : tuple of Step
        From top to bottom.
    fit, engagement : float
        Subtotals of all effects, calibrated log-odds: start + fit + engagement is the end.
    low, high : float or None
        Ends of the interval around the end, calibrated log-odds.
    language : Language
        Of the picture's own words.
    """

    name: str
    head: str
    under: str
    start: float
    start_words: str
    end_words: str
    steps: tuple[Step, ...]
    fit: float
    engagement: float
    low: float | None = None
    high: float | None = None
    language: Language = ENGLISH

    @property
    def ends(self) -> tuple[float, ...]:
        """Where each step ends, calibrated log-odds."""
        found = [self.start]
        for step in self.steps:
            found.append(found[-1] + step.log_odds)
        return tuple(found[1:])

    @property
    def end(self) -> float:
        """Calibrated log-odds that it leads to."""
        return self.ends[-1] if self.steps else self.start

    def subtotals(self) -> tuple[Step, Step]:
        """Return who they are and what they do, as steps from the same start to the same end."""
        return (
            Step(self.language.say("picture.fit"), self.fit, "fit"),
            Step(self.language.say("picture.engagement"), self.engagement, "engagement"),
        )

    def described(self) -> str:
        """Return all that the picture shows, in words."""
        told = [f"{self.under}.", *(_told(step, self.language) for step in self.steps)]
        fit, engagement = (f"{step.text} {_factor(step, self.language)}" for step in self.subtotals())
        return " ".join([*told, f"{fit}, {engagement}.", f"{self.start_words} → {self.end_words}."])


def logit(probability: float) -> float:
    """Return log-odds; a probability is kept 1e-13 away from 0 and 1, as margins are.

    >>> logit(0.5), round(logit(1.0), 1)
    (0.0, 29.9)
    """
    p = min(max(probability, _LEAST_P), 1.0 - _LEAST_P)
    return math.log(p) - math.log1p(-p)


def draw(ladder: Ladder) -> Drawing:
    """Draw a waterfall; equal input gives equal bytes."""
    scale = _Scale.of(ladder)
    parts: list[str] = []
    y = 0.0
    for words, text in ((_NOTE, ladder.name), (_HEAD, ladder.head), (_NOTE, ladder.under)):
        for line in words.fitted(text, WIDTH, 2):
            y += words.size * LINE
            parts.append(words.at(0, y, line, room=WIDTH))
    y += 30
    parts += _end_words(scale(ladder.start), y, ladder.start_words)
    y += 6
    at = ladder.start
    for step in ladder.steps:
        drawn, y = _step(step, scale, at, y, ladder.language)
        parts += drawn
        at += step.log_odds
    y += 6
    parts += _end(ladder, scale, y)
    y += 24
    parts += _end_words(scale(ladder.end), y, ladder.end_words)
    y += 14
    parts.append(_line(0, y, WIDTH, y))
    y += 6
    at = ladder.start
    for step in ladder.subtotals():
        drawn, y = _step(step, scale, at, y, ladder.language)
        parts += drawn
        at += step.log_odds
    legend, y = _legend(ladder, scale, y)
    return image(f"{ladder.name}: {ladder.head}", ladder.described(), WIDTH, y, [*parts, *legend])


@dataclass(frozen=True)
class _Scale:
    """Log-odds → place."""

    low: float
    high: float
    width: float
    start: float = 0.0
    """Place of the start."""

    @classmethod
    def of(cls, ladder: Ladder) -> _Scale:
        held = [ladder.start, *ladder.ends, ladder.start + ladder.fit, ladder.end]
        held += [end for end in (ladder.low, ladder.high) if end is not None]
        low, high = min(held), max(held)
        short = max(_LEAST_SPAN - (high - low), 0.0) / 2
        steps = (*ladder.steps, *ladder.subtotals())
        widest = max(_FACTOR.width(_factor(step, ladder.language)) for step in steps)
        scale = cls(low - short, high + short, WIDTH - _GUTTER - _GAP - widest)
        return replace(scale, start=scale(ladder.start))

    def __call__(self, log_odds: float) -> float:
        return _GUTTER + self.width * (log_odds - self.low) / (self.high - self.low)


def _step(step: Step, scale: _Scale, at: float, y: float, language: Language) -> tuple[list[str], float]:
    """Draw words, bar and factor; return them with where the next step begins."""
    parts, room = [], WIDTH - _GUTTER
    if step.actionable:
        parts.append(f'<circle class="lq-actionable" cx="4" cy="{decimal(y + 12)}" r="3"/>')
    for words, text, lines in ((_TEXT, step.text, 2), (_NOTE, step.note, 1)):
        for line in words.fitted(text, room, lines):
            y += words.size * LINE
            parts.append(words.at(_GUTTER, y, line, room=room))
    y += 7
    start, end = scale(at), scale(at + step.log_odds)
    parts += [_line(scale.start, y - 3, scale.start, y + _BAR + 3), _bar(step, start, end, y)]
    parts.append(_factor_at(_factor(step, language), start, end, y + _BAR - 1))
    return parts, y + _BAR + 7


def _bar(step: Step, start: float, end: float, y: float) -> str:
    """Draw a bar that ends in a point."""
    side = math.copysign(1.0, end - start)
    if abs(end - start) < _POINT:  # too short to have a body
        end = start + side * max(abs(end - start), 1.5)
        neck = start
    else:
        neck = end - side * _POINT
    low, middle = y + _BAR, y + _BAR / 2
    corners = [(start, y), (neck, y), (end, middle), (neck, low), (start, low)]
    points = " ".join(f"{decimal(a)},{decimal(b)}" for a, b in corners)
    colour = GREY if step.kind is None else BLUE if step.log_odds > 0 else ORANGE
    name = "lq-rest" if step.kind is None else "lq-up" if step.log_odds > 0 else "lq-down"
    pale = ' fill-opacity="0.22"' if step.kind == "fit" else ""
    return f'<polygon class="{name}" points="{points}" fill="{colour}"{pale} stroke="{colour}" stroke-width="1"/>'


def _factor_at(text: str, start: float, end: float, y: float) -> str:
    """Set a factor beside the point of its bar; where the left has no room for it, beside the foot."""
    left = min(start, end)
    if end < start and left - _GAP - _FACTOR.width(text) >= 0:
        return _FACTOR.at(left - _GAP, y, text, "end")
    return _FACTOR.at(max(start, end) + _GAP, y, text)


def _end(ladder: Ladder, scale: _Scale, y: float) -> Iterator[str]:
    """Draw the end as a dot, with its interval."""
    if ladder.low is not None and ladder.high is not None:
        low, high = scale(ladder.low), scale(ladder.high)
        yield f'<path d="M{decimal(low)} {decimal(y)}H{decimal(high)}" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" opacity="0.5"/>'
    yield f'<circle cx="{decimal(scale(ladder.end))}" cy="{decimal(y)}" r="4.5"/>'


def _end_words(x: float, y: float, text: str) -> Sequence[str]:
    """Set the words of an end above or below it, inside the image."""
    (line,) = _TEXT.fitted(text, WIDTH - _GUTTER) or ("",)
    half = _TEXT.width(line) / 2
    if x - half < _GUTTER:
        return [_TEXT.at(_GUTTER, y, line, room=WIDTH - _GUTTER)]
    if x + half > WIDTH:
        return [_TEXT.at(WIDTH, y, line, "end", room=WIDTH)]
    return [_TEXT.at(x, y, line, "middle", room=2 * min(x, WIDTH - x))]


def _legend(ladder: Ladder, scale: _Scale, y: float) -> tuple[list[str], float]:
    """Say how long a factor is, and what a dot means."""
    parts = []
    y += 16
    span = (scale(1.0) - scale(0.0)) or 1.0
    factor = max((f for f in _SCALES if math.log(f) * span <= WIDTH / 4), default=_SCALES[0])
    length = math.log(factor) * span
    parts.append(
        f'<path d="M0.5 {decimal(y - 8)}v8M0.5 {decimal(y - 4)}h{decimal(length)}m0 -4v8" stroke="currentColor" fill="none" opacity="{QUIET}"/>'
    )
    parts.append(
        _NOTE.at(length + 7, y, ladder.language.say("picture.scale", factor=ladder.language.number(factor)))
    )
    if any(step.actionable for step in ladder.steps):
        y += 18
        parts.append(f'<circle class="lq-actionable" cx="4" cy="{decimal(y - 4)}" r="3"/>')
        (line,) = _NOTE.fitted(ladder.language.say("picture.actionable"), WIDTH - _GUTTER)
        parts.append(_NOTE.at(_GUTTER, y, line, room=WIDTH - _GUTTER))
    return parts, y + 6


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    path = f"M{decimal(x1)} {decimal(y1)}L{decimal(x2)} {decimal(y2)}"
    return f'<path d="{path}" stroke="currentColor" fill="none" opacity="0.3"/>'


def _factor(step: Step, language: Language) -> str:
    return language.effect(math.exp(step.log_odds))


def _told(step: Step, language: Language) -> str:
    note = f" ({step.note})" if step.note else ""
    kind = "" if step.kind is None else f", {language.say(f'picture.{step.kind}')}"
    marked = f", {language.say('picture.actionable')}" if step.actionable else ""
    return f"{step.text}{note} {_factor(step, language)}{kind}{marked}."
