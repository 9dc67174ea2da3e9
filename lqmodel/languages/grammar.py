"""How a language bends a declared text: where its window stands, how it counts seconds, how it says that there was none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern
from typing import Final


@dataclass(frozen=True)
class Grammar:
    """Patterns of one language.

    Attributes
    ----------
    in_the_last : Pattern
        The words around {window} that go where a window is all time.
    seconds : Pattern
        {value} with its unit, where that is seconds.
    days_ago : Pattern
        {value} with its unit, where "today" takes their place.
    counts_days, about_days : Pattern
        What starts a title that counts days, and what tells that one speaks of days.
    counted : Pattern
        {value} where "no" can take its place.
    absent : tuple of (Pattern, str)
        The start of a text or title of a recency → that there was none, by the number of the group.
    one_is_bare : bool
        Whether a window of one unit has no number ("the last day"); else it is told in the smaller unit, since
        "in den letzten" asks for a plural.
    """

    in_the_last: Pattern[str]
    seconds: Pattern[str]
    days_ago: Pattern[str]
    counts_days: Pattern[str]
    about_days: Pattern[str]
    counted: Pattern[str]
    absent: tuple[tuple[Pattern[str], str], ...]
    one_is_bare: bool = False


def _absent(*pairs: tuple[str, str]) -> tuple[tuple[Pattern[str], str], ...]:
    return tuple((re.compile(pattern), text) for pattern, text in pairs)


GRAMMARS: Final = {
    "en": Grammar(
        in_the_last=re.compile(r",?\s*\b(?:in|within|over|during|for) the (?:last|past) \{window\}"),
        seconds=re.compile(r"\{value\} seconds?\b"),
        days_ago=re.compile(r"\{value\} days ago"),
        counts_days=re.compile(r"days "),
        about_days=re.compile(r"day"),
        counted=re.compile(r"\{value\}"),
        absent=_absent((r"(?:days since (?:the )?)?(?:last|first) (.+)", r"no \1")),
        one_is_bare=True,
    ),
    "de": Grammar(
        in_the_last=re.compile(
            r",?\s*\b(?:in|während|innerhalb) (?:den|der) (?:letzten|vergangenen) \{window\}"
        ),
        seconds=re.compile(r"\{value\} Sekunden?\b"),
        days_ago=re.compile(r"vor \{value\} Tagen"),
        counts_days=re.compile(r"Tage "),
        about_days=re.compile(r"[Tt]age?"),
        counted=re.compile(r"^\{value\}(?= )"),
        absent=_absent(
            (r"(?:letzte[rs]|erste[rs]|Tage seit dem (?:letzten|ersten)) (.+?)(?: vor)?$", r"kein \1"),
            (r"(?:letzte|erste|Tage seit der (?:letzten|ersten)) (.+?)(?: vor)?$", r"keine \1"),
        ),
    ),
    "ro": Grammar(
        in_the_last=re.compile(r",?\s*\b(?:în|din|pe|pentru) ultimele \{window\}"),
        seconds=re.compile(r"\{value\} (?:de )?secund[eă]\b"),
        days_ago=re.compile(r"acum \{value\} (?:de )?zile"),
        counts_days=re.compile(r"zile "),
        about_days=re.compile(r"\b(?:zi|zile)\b"),
        counted=re.compile(r"^\{value\}(?: de)?(?= )"),
        absent=_absent(
            (r"(?:zile de la )?(?:ultimul|primul) (.+?)(?: acum)?$", r"niciun \1"),
            (r"(?:zile de la )?(?:ultima|prima) (.+?)(?: acum)?$", r"nicio \1"),
        ),
    ),
    "nb": Grammar(
        in_the_last=re.compile(r",?\s*\b(?:(?:i løpet av|i|innen|over|gjennom) )?de siste \{window\}"),
        seconds=re.compile(r"\{value\} sekund(?:er)?\b"),
        days_ago=re.compile(r"for \{value\} dager siden"),
        counts_days=re.compile(r"dager "),
        about_days=re.compile(r"dag(?:er)?\b"),
        counted=re.compile(r"^\{value\}(?= )"),
        absent=_absent((r"(?:dager siden )?(?:siste|første) (.+?)(?: for)?$", r"ingen \1")),
    ),
}
"""Language → its grammar."""
