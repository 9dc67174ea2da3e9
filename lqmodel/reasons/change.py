"""What changed for one lead since the run before: the result, as values, as JSON and in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from lqmodel.declarations import from_microseconds, to_microseconds
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.families import CUT_OFF
from lqmodel.reasons.joining import join
from lqmodel.reasons.moved import Move, signed

Status = Literal[
    "same_model",
    "recalibrated",
    "trained_anew",
    "other_features",
    "new",
    "not_scored",
    "came_back",
    "by_points",
    "unread",
]
"""How the two runs compare for a lead.

- same_model: one model made both;
- recalibrated: the same trees made both, under another calibrator;
- trained_anew: other trees made this one, from columns of the same meaning;
- other_features: columns mean something else than then, or are new;
- new, not_scored: the run before does not hold the lead, or it was outside the population then;
- came_back: its next episode began since;
- by_points: a points table made the run before;
- unread: the run before is not there, or was damaged.
"""
COMPARED: Final = ("same_model", "recalibrated", "trained_anew")
"""Where what each move did can be said."""
_MODEL: Final = {"recalibrated": "since.recalibrated", "trained_anew": "since.trained_anew"}
_TOLD: Final = {
    "other_features": "since.other_features",
    "new": "since.new",
    "not_scored": "since.not_scored",
    "came_back": "since.came_back",
    "by_points": "since.by_points",
    "unread": "since.unread",
}
SHOWN: Final = 3
"""Moves in one line; all of them stand in `up` and `down`."""
_BAR: Final = 10  # characters of the longest bar


@dataclass(frozen=True)
class Change:
    """What changed for a lead since the run before; prints.

    Attributes
    ----------
    status : str
        How the two runs compare; see `Status`.
    since : int or None
        as_of of the run before, microseconds UTC; None where it could not be read.
    as_of : int
        Of this run.
    probability : float
        Now, calibrated.
    before : float or None
        Then; None where there was none.
    model : float
        Log-odds of another calibrator or other trees, on the values of then; 0 where the same model made both.
    up, down : tuple of Move
        What raised and what lowered it, the strongest first.
    rest : float
        Log-odds of all that is in none of these.
    passed : float
        Log-odds of all families that moved only because time went by, whether in words or not.
    features : tuple of str
        With ``other_features``: the families that mean something else than then.
    why : str
        With ``unread``: why not.
    language : Language
        In which it speaks.

    Notes
    -----
    Where `before` is known: odds before × exp(model) × factors of `up` × factors of `down` × exp(rest) = odds now.
    """

    status: Status
    since: int | None
    as_of: int
    probability: float
    before: float | None = None
    model: float = 0.0
    up: tuple[Move, ...] = ()
    down: tuple[Move, ...] = ()
    rest: float = 0.0
    passed: float = 0.0
    features: tuple[str, ...] = ()
    why: str = ""
    language: Language = ENGLISH

    @property
    def log_odds(self) -> float | None:
        """The whole change in log-odds; None where there was no probability before."""
        if self.before is None:
            return None
        return self.model + self.rest + sum(move.log_odds for move in (*self.up, *self.down))

    @property
    def headline(self) -> str:
        """From which probability to which; or why that cannot be said."""
        if self.before is None:
            return status_words(self)
        percent, say = self.language.percent, self.language.say
        then, now = percent(self.before), percent(self.probability)
        if then == now:
            return say("since.still", day=day_words(self), percent=now)
        effect = self._effect(self.log_odds or 0.0)
        return say("since.from_to", day=day_words(self), then=then, now=now, effect=effect)

    @property
    def text(self) -> str:
        """One line: since when, and what raised and lowered it, or why that cannot be said."""
        strongest = sorted((*self.up, *self.down), key=lambda move: -abs(move.log_odds))
        moves = [str(move) for move in strongest[:SHOWN]]
        if abs(self.model) >= CUT_OFF:
            moves.append(signed(model_words(self), self.model))
        return one_line(self, moves)

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`; moments as ISO 8601 in UTC, `headline` and `text` in words."""
        told = asdict(self) | {side: [m.to_json() for m in getattr(self, side)] for side in ("up", "down")}
        for name in ("probability", "language"):  # the explanation's
            del told[name]
        moments = {"since": None if self.since is None else _iso(self.since), "as_of": _iso(self.as_of)}
        more = {"log_odds": self.log_odds, "features": list(self.features)}
        return told | moments | more | {"headline": self.headline, "text": self.text}

    def reworded(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `to_json` once gave, with the words of this change and all else as it stands there."""
        new = self.to_json()
        sides = {
            side: [
                {**old, **{key: move[key] for key in ("title", "text", "before", "note")}}
                for old, move in zip(told[side], new[side], strict=True)
            ]
            for side in ("up", "down")
        }
        return {**told, **sides, "headline": new["headline"], "text": new["text"]}

    @classmethod
    def from_json(
        cls,
        told: Mapping[str, Any],
        probability: float,
        move: Callable[[Mapping[str, Any]], Move],
        language: Language,
    ) -> Change:
        """Rebuild what `to_json` gave, in a language; ``move`` rebuilds each move."""
        kept = {name: told[name] for name in ("status", "before", "model", "rest", "passed", "why")}
        return cls(
            since=None if told["since"] is None else to_microseconds(told["since"], None),
            as_of=to_microseconds(told["as_of"], None),
            probability=probability,
            up=tuple(map(move, told["up"])),
            down=tuple(map(move, told["down"])),
            features=tuple(told["features"]),
            language=language,
            **kept,
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.headline
        if self.status not in COMPARED:
            if self.before is not None:
                yield f"  {status_words(self)}"
            return
        say = self.language.say
        rows = [*self._model_row(), *_rows(say("since.up"), self.up), *_rows(say("since.down"), self.down)]
        if not rows:
            yield f"  {say('since.nothing')}"
            return
        rows.append((say("all_else"), self.rest, ""))
        effects = [self._effect(log_odds) for _, log_odds, _ in rows]
        label, widest = max(len(row[0]) for row in rows), max(map(len, effects))
        most = max(abs(log_odds) for _, log_odds, words in rows if words) or 1.0
        for (side, log_odds, words), effect in zip(rows, effects, strict=True):
            bar = "█" * max(round(_BAR * abs(log_odds) / most), 1) if words else ""
            yield f"  {side:<{label}} {effect:>{widest}}  {bar:<{_BAR}}  {words}".rstrip()
        passed = [move.passed for move in (*self.up, *self.down)]
        if passed and all(passed):
            yield f"  {say('since.all_passed')}"
        elif any(passed):
            yield f"  {say('since.passed', effect=self._effect(self.passed))}"

    def _model_row(self) -> Iterator[tuple[str, float, str]]:
        if self.status in _MODEL:
            yield self.language.say("since.model"), self.model, model_words(self)

    def _effect(self, log_odds: float) -> str:
        return self.language.effect(math.exp(log_odds))


def one_line(change: Change, moves: Iterable[str] = (), limit: int = 1024) -> str:
    """Return what changed in one line of so many characters, from its moves in words."""
    if change.status not in COMPARED:
        return join([status_words(change)], limit)

    def told(what: str) -> str:
        return change.language.say("since.list", day=day_words(change), moves=what)

    return told(join(moves, limit - len(told(""))) or change.language.say("since.nothing"))


def status_words(change: Change) -> str:
    """Say why what changed cannot be laid to the lead."""
    places = {"day": day_words(change), "features": ", ".join(change.features), "why": change.why}
    return change.language.say(_TOLD[change.status], 0, **places)


def model_words(change: Change) -> str:
    """Say what another calibrator, or other trees, make of the values of then."""
    assert change.before is not None
    odds = math.exp(math.log(change.before) - math.log1p(-change.before) + change.model)
    then, now = (change.language.percent(p) for p in (change.before, odds / (1 + odds)))
    return change.language.say(_MODEL[change.status], 0, day=day_words(change), then=then, now=now)


def day_words(change: Change) -> str:
    """Return the day of the run before, with its year where that is another."""
    if change.since is None:
        return ""
    then, now = from_microseconds(change.since), from_microseconds(change.as_of)
    return change.language.date(then, "day" if then.year == now.year else "short")


def _iso(moment: int) -> str:
    return from_microseconds(moment).isoformat().replace("+00:00", "Z")


def _rows(label: str, moves: tuple[Move, ...]) -> Iterator[tuple[str, float, str]]:
    for i, move in enumerate(moves):
        yield label if i == 0 else "", move.log_odds, move.sentence
