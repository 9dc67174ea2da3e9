"""One column's value now and before → words: "3 e-mails opened in the last 7 days", "no visit for 12 days"."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from lqmodel.declarations.feature import Kind
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.passing import SINCE
from lqmodel.reasons.raw import Raw
from lqmodel.reasons.words import ColumnWords, clean

_COUNTED = ("count", "distinct", "active_days", "decayed", "sum")  # 0 of them is "none"


@dataclass(frozen=True)
class Move:
    """What one family's move did, in words.

    Attributes
    ----------
    family, kind, title : str
        The declared feature; "fit" or "engagement"; its name for people.
    text : str
        The words for now, without effect.
    before : str
        What it was then, such as "before: none"; empty where that reads the same.
    note : str
        That only time went by; empty where it did not, or where the words say so.
    log_odds : float
        The effect.
    actionable : bool
        Whether marketing or sales can change it, as declared.
    passed : bool
        Whether it moved only because time went by.
    column : str
        The column that gave the words.
    value, value_before : float, str or None
        Its values; None where missing.
    language : Language
        In which the effect is written.
    """

    family: str
    kind: Kind
    title: str
    text: str
    before: str
    note: str
    log_odds: float
    actionable: bool
    passed: bool
    column: str
    value: Raw
    value_before: Raw
    language: Language = ENGLISH

    @classmethod
    def of(cls, words: ColumnWords, value: Raw, before: Raw, log_odds: float, *, passed: bool) -> Move:
        """Word a column's move from one value to another, in the language of its words."""
        return cls(
            family=words.declared.name,
            kind=words.declared.kind,
            title=words.title,
            text=moved_text(words, value, passed),
            before=_before(words, value, before, passed),
            note=_note(words, value, passed),
            log_odds=log_odds,
            actionable=words.column.actionable,
            passed=passed,
            column=words.column.name,
            value=value,
            value_before=before,
            language=words.language,
        )

    @property
    def factor(self) -> float:
        """The effect as a factor on the odds."""
        return math.exp(self.log_odds)

    @property
    def sentence(self) -> str:
        """The words, with what it was then."""
        told = "; ".join(part for part in (self.before, self.note) if part)
        return f"{self.text} ({told})" if told else self.text

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        told = asdict(self) | {"factor": self.factor}
        del told["language"]  # the explanation's
        return told

    def __str__(self) -> str:
        return signed(self.text, self.log_odds)


def signed(text: str, log_odds: float) -> str:
    """Return words with the sign of their effect.

    >>> signed("no visit for 12 days", -0.3)
    'no visit for 12 days (−)'
    """
    return f"{text} ({'+' if log_odds > 0 else '−'})"


def moved_text(words: ColumnWords, value: Raw, passed: bool) -> str:
    """Return the words for a value that moved.

    Parameters
    ----------
    words : ColumnWords
    value : float, str or None
        The value now.
    passed : bool
        Whether it moved only because time went by: then days since the last act are days without one.
    """
    if not _goes_without(words, value, passed):
        return words.text(value)
    found = words.absent()
    assert found is not None
    assert isinstance(value, float)
    language, none = found
    return language.say("moved.without", math.floor(value), text=none)


def _before(words: ColumnWords, value: Raw, before: Raw, passed: bool) -> str:
    """Return what the value was before, such as "before: none"; empty where it reads the same now."""
    acts = words.column.verb in SINCE and words.absent() is not None
    ago = acts and not _goes_without(words, value, passed)
    shown = _brief(words, before, ago)
    return "" if shown == _brief(words, value, ago) else words.speaks.say("moved.before", before=shown)


def _note(words: ColumnWords, value: Raw, passed: bool) -> str:
    """Return that only time went by; empty where it did not, or where days without an act say so."""
    return words.speaks.say("moved.passed") if passed and not _goes_without(words, value, passed) else ""


def _goes_without(words: ColumnWords, value: Raw, passed: bool) -> bool:
    """Tell whether days since the last act read better as days without one."""
    counted = isinstance(value, float) and value >= 1
    return passed and counted and words.column.verb == "recency" and words.absent() is not None


def _brief(words: ColumnWords, value: Raw, ago: bool) -> str:
    """Return a value alone: "3", "none", "5 days", "retail", "unknown", "never"."""
    verb, speaks = words.column.verb, words.speaks
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return speaks.say("moved.never" if verb in SINCE else "moved.unknown")
    if isinstance(value, str):
        return clean(value)
    if verb in _COUNTED and value == 0:
        return speaks.say("moved.none")
    if verb == "trend":
        return speaks.change(value)
    if verb in SINCE:
        days = math.floor(value)
        return speaks.say("today") if ago and days == 0 else speaks.say("moved.ago" if ago else "days", days)
    return words.shown(value)
