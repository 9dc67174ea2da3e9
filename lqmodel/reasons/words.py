"""One column's value → words, in a person's language.

A declared text (`reason.de`) has the language's plural forms, and may have zero; {value}, {window} and
{change} are filled in here. What the declarations need not say is worded here too: nothing ("no visits …"),
never, unknown, seconds that are minutes, shares, change, and features without a text. What a language lacks
is said in English as a whole, so that no sentence speaks two.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lqmodel.declarations import EVER, Column, DeclaredFeature
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.raw import Raw

LONGEST_LEVEL = 60
"""Characters of a level that are shown."""
NO_BREAK = "\xa0"
"""The space inside a number and before %."""
RARE = 0.05
"""Share of the leads under which a level is called rare."""
_PLACE = re.compile(r"\{(value|window|change)\}")
_COUNTS = ("count", "distinct", "active_days", "decayed")  # 0 is "no …"
_SHARES = ("share", "completeness")
_SINCE = ("recency", "tenure")
_WHOLE = ("count", "distinct", "active_days", *_SINCE)  # no value between two neighbours is shown
_AMOUNTS = ("sum", "mean", "max")
_AGO = {"usual": "usual.ago", "usual.or": "usual.ago.or", "usual.to": "usual.ago.to"}
_SEVERAL = 2
"""The number whose plural form names what is counted: "visits", "vizite"."""

number, percent = ENGLISH.number, ENGLISH.percent  # for pages that are in English, whoever reads them


@dataclass(frozen=True)
class ColumnWords:
    """How one column speaks.

    Parameters
    ----------
    declared : DeclaredFeature
    column : Column
        One of its columns.
    language : Language, default English
        What the reader asked for.

    Attributes
    ----------
    speaks : Language
        What the words are in: English where the feature declares none in ``language``.
    title : str
        The feature's name for people, in ``titled_in``.
    titled_in : Language

    Examples
    --------
    >>> from lqmodel.declarations import Count, DeclaredFeature
    >>> demos = Count(verb="count", source="events", windows=["7d"],
    ...               reason={"en": {"one": "{value} demo in the last {window}",
    ...                              "other": "{value} demos in the last {window}"},
    ...                       "de": {"one": "{value} Vorführung in den letzten {window}",
    ...                              "other": "{value} Vorführungen in den letzten {window}"}})
    >>> feature = DeclaredFeature("demos", "engagement", "engagement", demos)
    >>> words = ColumnWords(feature, feature.columns()[0])
    >>> words.text(3.0), words.text(1.0), words.text(0.0)
    ('3 demos in the last 7 days', '1 demo in the last 7 days', 'no demos in the last 7 days')
    >>> ColumnWords(feature, feature.columns()[0], Language.of("de")).text(0.0)
    'keine Vorführungen in den letzten 7 Tagen'
    """

    declared: DeclaredFeature
    column: Column
    language: Language = ENGLISH
    speaks: Language = field(init=False)
    title: str = field(init=False)
    titled_in: Language = field(init=False)
    forms: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        title = self.declared.titled(self.language.name)
        titled_in = ENGLISH if title is None else self.language
        speaks, forms = self.language, self.declared.worded(self.language.name)
        if forms is None:
            english = self.declared.worded(ENGLISH.name)
            speaks = titled_in if english is None else ENGLISH
            forms = english
        object.__setattr__(self, "title", self.declared.title if title is None else title)
        object.__setattr__(self, "titled_in", titled_in)
        object.__setattr__(self, "speaks", speaks)
        object.__setattr__(self, "forms", self._derived() if forms is None else forms)

    def text(self, value: Raw) -> str:
        """Return the words for a value; None and NaN are missing.

        Parameters
        ----------
        value : float, str or None
            As in the table of features; a recency or tenure that is missing means never.
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self._missing()
        if isinstance(value, str):
            return self._filled(self.forms["other"], clean(value))
        if value == 0 and self.column.verb in _COUNTS and "zero" not in self.forms:
            return self._nothing()
        if self.column.verb == "trend":
            return self._filled(self.forms["other"], self.speaks.change(value))
        if self._is_seconds:
            return self._lasting(value)
        shown = self.shown(value)
        form = "other" if self.column.verb in _SHARES else self._form(value)
        text = self.forms.get(form, self.forms["other"])
        if self.column.verb in _SINCE and shown == "0" and form != "zero":
            text = self.speaks.grammar.days_ago.sub(self.speaks.say("today"), text)
        return self._filled(text, shown)

    def told(self, value: Raw, log_odds: float) -> str:
        """Return the words for a value that speaks for or against a lead.

        "Never" can only speak for one that is new: nothing has been missed yet.
        """
        text = self.text(value)
        absent = value is None or (isinstance(value, float) and math.isnan(value))
        dated = (
            self.column.verb == "recency" and self.column.constraint
        )  # then "never" is as long ago as its age
        is_new = absent and dated and log_odds > 0
        return self.speaks.say("never.new", text=text) if is_new else text

    def said(self) -> str:
        """Return the words for "it happened", without a number: those of the declared text, else the title."""
        text = self.forms["other"]
        return self.title if _PLACE.search(text) else text

    def named(self) -> str:
        """Return what the column measures, without a value: "visits to the pricing page in the last 30 days"."""
        text, window = self._several, self.column.window
        if (
            text.startswith("{value} ")
            and text.count("{") == text.count("{window}") + 1
            and not self._is_seconds
        ):
            if window:
                return self._filled(text.removeprefix("{value} "), "")
            return self.title
        if window is None or window == EVER:
            return self.title
        key = "named.trend" if self.column.verb == "trend" else "named.window"
        return self.titled_in.say(key, title=self.title, window=self.titled_in.window(window.text))

    def usual(
        self, value: Raw, quantiles: tuple[float, ...] | None, shares: Mapping[str, float] | None
    ) -> str:
        """Return what is usual where this value is not, else an empty text.

        A number is unusual outside the 10 to 90 % quantiles, as both are shown; a level below a share of
        `RARE`.
        """
        if isinstance(value, str):
            if not shares or shares.get(value, 0.0) >= RARE:
                return ""
            known = value in shares
            return (
                self._say("rare.share", percent=self.speaks.percent(shares[value]))
                if known
                else self._say("rare")
            )
        if value is None or math.isnan(value) or quantiles is None or self.column.verb == "trend":
            return ""
        low, high = quantiles[0], quantiles[-1]
        ends = [self.shown(low), self.shown(high)]
        if low <= value <= high or self.shown(value) in ends:
            return ""
        counts_up = self.column.verb in _WHOLE and float(low).is_integer()
        key = "usual" if ends[0] == ends[1] else "usual.or" if counts_up and high == low + 1 else "usual.to"
        counted = high if key == "usual" else max(high, _SEVERAL)
        if self._is_ago:
            key, counted = _AGO[key], math.floor(counted)
            return self.speaks.say(key, counted, n=ends[1], low=ends[0], high=ends[1])
        last = self._in_days(counted, ends[1])
        return self._say(key, value=last, low=ends[0], high=last)

    def shown(self, value: float) -> str:
        """Return a number as it stands in the text: whole days since, shares in %, long times in minutes."""
        if self.column.verb in _SHARES:
            return self.speaks.percent(value)
        if self.column.verb in _SINCE:
            return self.speaks.number(math.floor(value))
        return self.speaks.seconds(value) if self._is_seconds else self.speaks.number(value)

    def absent(self) -> tuple[Language, str] | None:
        """Return that there was none of what is counted from: "last visit {value} days ago" gives "no visit"."""
        text = self.forms["other"].partition("{value}")[0]
        for language, said in ((self.speaks, text), (self.titled_in, self.title)):
            for pattern, none in language.grammar.absent:
                found = pattern.match(said.strip(" :,"))
                if found:
                    return language, self._filled(found.expand(none), "")
        return None

    def _say(self, key: str, **places: str) -> str:
        return self.speaks.say(key, 0, **places)

    def _form(self, value: float) -> str:
        """Return the plural form of a number, as it is shown; zero where the text has one."""
        counted = math.floor(value) if self.column.verb in _SINCE else value
        is_zero = "zero" in self.forms and self.speaks.number(counted) == "0"
        return "zero" if is_zero else self.speaks.plural(counted)

    def _in_days(self, value: float, shown: str) -> str:
        days = self.column.verb in _SINCE
        return self.speaks.say("days", math.floor(value), n=shown) if days else shown

    @cached_property
    def _several(self) -> str:
        return self.forms.get(self.speaks.plural(_SEVERAL), self.forms["other"])

    @cached_property
    def _is_ago(self) -> bool:
        """Whether the text says "… days ago", so that what is usual says so too."""
        return (
            self.column.verb in _SINCE
            and self.speaks.grammar.days_ago.search(self.forms["other"]) is not None
        )

    @cached_property
    def _is_seconds(self) -> bool:
        seconds = self.speaks.grammar.seconds.search(self.forms["other"])
        return self.column.verb in _AMOUNTS and seconds is not None

    def _derived(self) -> dict[str, str]:
        """Return forms for a feature that declares no text."""
        verb, grammar = self.column.verb, self.speaks.grammar
        if verb == "trend":
            return self._titled("derived.trend")
        if verb in _SINCE and not grammar.counts_days.match(self.title):
            return self._titled("derived.since", "derived.since.today")
        if verb == "decayed":
            return self._titled("derived.decayed", "derived.decayed.none")
        if verb in ("mean", "max"):
            return self._titled(f"derived.{verb}")
        if verb == "active_days" and not grammar.about_days.search(self.title):
            return self._titled("derived.active_days", "derived.none")
        if self.column.window is None:
            return self._titled("derived")
        return self._titled("derived.window", None if verb in _SHARES else "derived.none")

    def _titled(self, key: str, zero: str | None = None) -> dict[str, str]:
        """Return the forms of one of lqmodel's own phrases, with the title in them."""
        forms = dict(self.speaks.forms(key))
        if zero is not None:
            forms["zero"] = self.speaks.forms(zero)["other"]
        return {form: text.replace("{title}", self.title) for form, text in forms.items()}

    def _lasting(self, value: float) -> str:
        """Word a length of time; the text counts in seconds."""
        nothing = value == 0 and self.column.verb == "sum"
        if nothing and "zero" in self.forms:
            return self._filled(self.forms["zero"], self.speaks.number(0))
        text = self.speaks.grammar.seconds.sub("{value}", self.forms["other"])
        return self._filled(text, self._say("no_time") if nothing else self.shown(value))

    def _nothing(self) -> str:
        text = self._several
        if "{value}" not in text:
            return self._filled(self._say("not", text=text), "")
        none, found = self.speaks.grammar.counted.subn(self._say("no"), text)
        none = self._filled(none, self.speaks.number(0))
        return self._say("so_far", text=none) if found and self.column.window == EVER else none

    def _missing(self) -> str:
        window = self.column.window
        if self.column.verb in _SINCE:
            return self._never()
        if window is None or window == EVER:
            return self.titled_in.say("unknown", title=self.title)
        return self.titled_in.say(
            "unknown.window", title=self.title, window=self.titled_in.window(window.text)
        )

    def _never(self) -> str:
        found = self.absent()
        if found is None:
            return self.titled_in.say("never", title=self.title)
        language, none = found
        return language.say("so_far", text=none)

    def _filled(self, text: str, value: str) -> str:
        window = self.column.window
        if window == EVER:
            text = self.speaks.grammar.in_the_last.sub("", text)
        length = "" if window is None else self.speaks.window(window.text)
        places = {"value": value, "change": value, "window": length}
        return _PLACE.sub(lambda found: places[found[1]], text)


def clean(text: str, most: int = LONGEST_LEVEL, kept: str = "") -> str:
    r"""Return text from a source on one line, without control characters except ``kept``, cut to a length.

    >>> clean("a\x1b[31m\n b")
    'a [31m b'
    """
    seen = "".join(
        " " if unicodedata.category(c)[0] in "CZ" and c not in kept else c for c in text[: 4 * most]
    )
    seen = " ".join(word for word in seen.split(" ") if word)
    return seen if len(seen) <= most else seen[: most - 1].rstrip() + "…"
