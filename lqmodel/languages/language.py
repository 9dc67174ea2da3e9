"""A language, as what speaks it: numbers, percent, effects, windows, dates, and lqmodel's own phrases."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from lqmodel.errors import UsageError, nearest
from lqmodel.languages.conventions import Conventions, conventions
from lqmodel.languages.dates import Form, day_words
from lqmodel.languages.grammar import GRAMMARS, Grammar
from lqmodel.languages.phrases import PHRASES

NAMES: Final = {"en": "English", "de": "Deutsch", "ro": "română", "nb": "norsk bokmål"}
"""The languages that lqmodel speaks, and what each calls itself."""
_ALIASES: Final = {
    "no": "nb",
    "norwegian": "nb",
    "norsk": "nb",
    "bokmål": "nb",
    "german": "de",
    "romanian": "ro",
}
_PLACE: Final = re.compile(r"\{(\w+)\}")
_SMALLER: Final = {"w": (7, "d"), "d": (24, "h"), "h": (60, "m"), "m": (60, "s")}
_LEAST_CHANGE: Final = 1.1
_FALLS: Final = {
    0.85: "change.slightly_down",
    3 / 4: "change.to_3_4",
    2 / 3: "change.to_2_3",
    1 / 2: "change.to_1_2",
    1 / 3: "change.to_1_3",
    1 / 4: "change.to_1_4",
    1 / 5: "change.to_1_5",
    1 / 10: "change.to_1_10",
}


@dataclass(frozen=True)
class Language:
    """One of the languages in `NAMES`; make it with `Language.of`.

    Parameters
    ----------
    name : {"en", "de", "ro", "nb"}

    Examples
    --------
    >>> german = Language.of("de")
    >>> german.number(1234), german.window("30d"), german.effect(2.34)
    ('1.234', '30 Tagen', '×2,3')
    """

    name: str

    @classmethod
    def of(cls, name: str, where: str | None = None) -> Language:
        """Return the language of this name.

        Parameters
        ----------
        name : str
        where : str, optional
            What named it, such as ``LQMODEL_LANGUAGE``.

        Raises
        ------
        UsageError
            lqmodel does not speak it.
        """
        if name not in NAMES:
            meant = meant_by(name)
            raise UsageError(
                f"no words in language {name!r}",
                where=where,
                exists=[f"{known} ({NAMES[known]})" for known in sorted(NAMES)],
                do=f"did you mean {meant!r}?" if meant else "name one of these",
            )
        return cls(name)

    @property
    def conventions(self) -> Conventions:
        """Signs and plural rule."""
        return conventions(self.name)

    @property
    def grammar(self) -> Grammar:
        """How declared texts are bent."""
        return GRAMMARS[self.name]

    def say(self, key: str, count: float = 0, **places: str) -> str:
        """Return one of lqmodel's own phrases.

        Parameters
        ----------
        key : str
            In `phrases`.
        count : float, default 0
            Of a phrase with plural forms: chooses the form, and is {n} unless that is given.
        **places : str
            What stands in the phrase's places.

        >>> ENGLISH.say("days", 1), ENGLISH.say("days", 30), Language.of("ro").say("days", 30)
        ('1 day', '30 days', '30 de zile')
        """
        phrase = PHRASES[key][self.name]
        if isinstance(phrase, str):
            return fill(phrase, places)
        return fill(phrase[self.plural(count)], {"n": self.number(count), **places})

    def forms(self, key: str) -> Mapping[str, str]:
        """Return a phrase's plural forms, with their places; one that has none is its form "other"."""
        phrase = PHRASES[key][self.name]
        return {"other": phrase} if isinstance(phrase, str) else phrase

    def plural(self, value: float) -> str:
        """Return the CLDR category of a number, as `number` shows it.

        >>> [Language.of("ro").plural(n) for n in (0, 1, 2, 19, 20, 101, 2.5)]
        ['few', 'one', 'few', 'few', 'other', 'few', 'few']
        """
        return str(self.conventions.plural(Decimal(_digits(value).replace(",", ""))))

    def number(self, value: float) -> str:
        """Return a number with thousands separators and no more decimals than matter.

        >>> [ENGLISH.number(x) for x in (1234567.0, 0.1234, 12.34, 4.0, -0.0)]
        ['1,234,567', '0.12', '12.3', '4', '0']
        """
        if 0 < abs(value) < 0.001:
            return self.say("almost_0")
        return self._signed(_digits(value))

    def seconds(self, value: float) -> str:
        """Return a length of time in the unit that is easy to read.

        >>> [ENGLISH.seconds(x) for x in (1, 90, 150, 3600, 9000)]
        ['1 second', '90 seconds', '3 minutes', '60 minutes', '2.5 hours']
        """
        if value < 120:
            return self.say("seconds", round(value))
        if value < 7200:
            return self.say("minutes", math.floor(value / 60 + 0.5))
        return self.say("hours", round(value / 3600, 1))

    def percent(self, share: float) -> str:
        """Return a share in %.

        >>> [ENGLISH.percent(x) for x in (0.314, 0.051, 0.0004, 0.999, 1.0, 0.0)]
        ['31%', '5.1%', 'under 0.1%', 'over 99%', '100%', '0%']
        """
        if share in (0.0, 1.0) or 0.0995 <= share <= 0.995:
            return self._percent(f"{100 * share:.0f}")
        if share > 0.995:
            return self.say("percent.over", percent=self._percent("99"))
        if share >= 0.001:
            return self._percent(f"{100 * share:.1f}")
        return self.say("percent.under", percent=self._percent("0.1"))

    def effect(self, factor: float) -> str:
        """Return a factor on the odds.

        >>> [ENGLISH.effect(x) for x in (2.34, 12.3, 0.451, 0.0001, 1e9)]
        ['×2.3', '×12', '×0.45', '×0.01 or less', '×1,000 or more']
        """
        if factor >= 999.5:
            return self.say("effect.or_more", effect=self._signed("×1,000"))
        if factor < 0.015:
            return self.say("effect.or_less", effect=self._signed("×0.01"))
        if factor >= 9.95:
            return f"×{factor:.0f}"
        text = f"×{factor:.1f}" if factor >= 1 else f"×{factor:.2f}"
        return text.replace(
            ".", conventions(self.name).decimal
        )  # for millions of leads: faster than translate

    def odds(self, probability: float) -> str:
        """Return a probability as people say it.

        >>> [ENGLISH.odds(x) for x in (0.31, 0.051, 0.0004, 0.97, 0.999)]
        ['about 3 in 10', 'about 1 in 20', 'fewer than 1 in 1,000', 'about 19 in 20', 'more than 99 in 100']
        """
        key, k, n = _odds(probability)
        return self.say(key, k=self.number(k), n=self.number(n))

    def change(self, log_ratio: float) -> str:
        """Return the words for a trend, ln((n + 1) / (n before + 1)).

        >>> [ENGLISH.change(math.log(x)) for x in (1.0, 1.15, 2.0, 0.36, 0.02)]
        ['unchanged', 'slightly up', 'up ×2.0', 'down to a third', 'down to almost nothing']
        """
        ratio = math.exp(min(log_ratio, 99.0))
        if 1 / _LEAST_CHANGE < ratio < _LEAST_CHANGE:
            return self.say("change.none")
        if ratio > 1:
            times = f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"
            return (
                self.say("change.slightly_up")
                if ratio < 1.25
                else self.say("change.up", times=self._signed(times))
            )
        if ratio < 0.07:
            return self.say("change.to_nothing")
        return self.say(_FALLS[min(_FALLS, key=lambda level: abs(math.log(level) - log_ratio))])

    def window(self, text: str) -> str:
        """Return a window, declared as "7d" or "ever", as it stands after "in the last".

        >>> [ENGLISH.window(text) for text in ("7d", "24h", "1w")]
        ['7 days', '24 hours', 'week']
        >>> [Language.of("de").window(text) for text in ("7d", "24h", "1w")]
        ['7 Tagen', '24 Stunden', '7 Tagen']
        """
        if text == "ever":
            return self.say("window.ever")
        n, unit = int(text[:-1]), text[-1]
        if n == 1 and not self.grammar.one_is_bare:
            n, unit = _SMALLER[unit]
        return self.say(f"window.{unit}", n)

    def date(self, day: date, form: Form = "long") -> str:
        """Return a day: long "21 November 2026", short "21 Nov 2026", day "21 Nov"."""
        return day_words(day, form, self.name)

    def _signed(self, text: str) -> str:
        """Put the language's signs into a number that is written with ``,``, ``.`` and ``-``."""
        signs = self.conventions.signs
        return text if signs is None else text.translate(signs)

    def _percent(self, text: str) -> str:
        return self.conventions.percent.format(self._signed(text))


ENGLISH: Final = Language("en")


def meant_by(name: str) -> str | None:
    """Return the language that an unknown name most likely means, if any.

    >>> meant_by("de-AT"), meant_by("Norsk"), meant_by("xx")
    ('de', 'nb', None)
    """
    spoken = {**_ALIASES, **{known.lower(): short for short, known in NAMES.items()}, **{n: n for n in NAMES}}
    lowered = name.lower()
    close = nearest(lowered, spoken) if len(lowered) > 3 else None
    found = spoken.get(lowered) or spoken.get(re.split("[-_]", lowered)[0])
    return found or (spoken[close] if close else None)


def fill(text: str, places: Mapping[str, str]) -> str:
    """Put values into a text's places; braces in a value stay what they are."""
    return _PLACE.sub(lambda found: places[found[1]], text)


def _digits(value: float) -> str:
    """Write a number with ``,``, ``.`` and ``-``; one that is almost 0 is 0."""
    size = abs(value)
    decimals = 0 if float(value).is_integer() or size >= 100 else 1 if size >= 10 else 2
    if 0 < size < 0.1:
        return f"{value:.1g}" if size >= 0.001 else "0"
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    return "0" if text == "-0" else text


def _odds(probability: float) -> tuple[str, float, float]:
    if probability < 0.001:
        return "odds.fewer", 1, 1000
    if probability < 0.15:
        n = 1 / probability
        step = 1 if n < 20 else 5 if n < 100 else 50
        return "odds.about", 1, step * math.floor(n / step + 0.5)
    if probability < 0.95:
        return "odds.about", math.floor(10 * probability + 0.5), 10
    return ("odds.about", 19, 20) if probability < 0.99 else ("odds.more", 99, 100)
