"""English: one column's value → words.

A declared text (`reason.en`) has the plural forms one and other, and may have zero; {value}, {window} and
{change} are filled in here. What the declarations need not say is worded here too: nothing ("no visits …"),
never, unknown, seconds that are minutes, shares, change, and features without a text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from lqmodel.declarations import EVER, Column, DeclaredFeature, Duration
from lqmodel.reasons.raw import Raw

LONGEST_LEVEL = 60
"""Characters of a level that are shown."""
RARE = 0.05
"""Share of the leads under which a level is called rare."""
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_PLACE = re.compile(r"\{(value|window|change)\}")
_IN_THE_LAST = re.compile(r",?\s*\b(?:in|within|over|during|for) the (?:last|past) \{window\}")
_SECONDS = re.compile(r"\{value\} seconds?\b")
_LEAST_CHANGE = 1.1
_COUNTS = ("count", "distinct", "active_days", "decayed")  # 0 is "no …"
_SHARES = ("share", "completeness")
_SINCE = ("recency", "tenure")
_AMOUNTS = ("sum", "mean", "max")
_FALLS = {
    0.85: "slightly down",
    3 / 4: "down to three quarters",
    2 / 3: "down to two thirds",
    1 / 2: "down to half",
    1 / 3: "down to a third",
    1 / 4: "down to a quarter",
    1 / 5: "down to a fifth",
    1 / 10: "down to a tenth",
}


@dataclass(frozen=True)
class ColumnWords:
    """How one column speaks.

    Parameters
    ----------
    declared : DeclaredFeature
    column : Column
        One of its columns.

    Examples
    --------
    >>> from lqmodel.declarations import Count, DeclaredFeature
    >>> demos = Count(verb="count", source="events", windows=["7d"],
    ...               reason={"en": {"one": "{value} demo in the last {window}",
    ...                              "other": "{value} demos in the last {window}"}})
    >>> feature = DeclaredFeature("demos", "engagement", "engagement", demos)
    >>> words = ColumnWords(feature, feature.columns()[0])
    >>> words.text(3.0), words.text(1.0), words.text(0.0)
    ('3 demos in the last 7 days', '1 demo in the last 7 days', 'no demos in the last 7 days')
    """

    declared: DeclaredFeature
    column: Column
    title: str = field(init=False)
    forms: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        title = self.declared.feature.title or self.declared.name.replace("_", " ")
        texts = dict(self.declared.feature.reason)
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "forms", dict(texts["en"]) if "en" in texts else self._derived())

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
        if self.column.verb in _COUNTS and value == 0 and "zero" not in self.forms:
            return self._nothing()
        if self.column.verb == "trend":
            return self._filled(self.forms["other"], change(value))
        shown = self.shown(value)
        form = {"0": "zero", "1": "one"}.get(shown, "other")
        text = self.forms.get(form, self.forms["other"])
        if self._is_seconds:
            nothing = value == 0 and self.column.verb == "sum"
            return self._filled(_SECONDS.sub("{value}", text), "no time" if nothing else shown)
        if self.column.verb in _SINCE and shown == "0" and form not in self.forms:
            return self._filled(text.replace("{value} days ago", "today"), shown)
        return self._filled(text, shown)

    def said(self) -> str:
        """Return the words for "it happened", without a number: those of the declared text, else the title."""
        text = self.forms["other"]
        return self.title if _PLACE.search(text) else text

    def named(self) -> str:
        """Return what the column measures, without a value: "visits to the pricing page in the last 30 days"."""
        text, window = self.forms["other"], self.column.window
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
        before = f"against the {window_words(window)} before" if self.column.verb == "trend" else ""
        return f"{self.title} {before or f'in the last {window_words(window)}'}"

    def usual(
        self, value: Raw, quantiles: tuple[float, ...] | None, shares: Mapping[str, float] | None
    ) -> str:
        """Return what is usual where this value is not, else an empty text.

        A number is unusual outside the 10 to 90 % quantiles, a level below a share of `RARE`.
        """
        if isinstance(value, str):
            if not shares or shares.get(value, 0.0) >= RARE:
                return ""
            return f"rare: {percent(shares[value])} of leads" if value in shares else "rare"
        if value is None or math.isnan(value) or quantiles is None or self.column.verb == "trend":
            return ""
        low, high = quantiles[0], quantiles[-1]
        ends = [self.shown(low), self.shown(high)]
        if low <= value <= high or (self.shown(value) in ends and ends[0] == ends[1]):
            return ""
        unit = " days" if self.column.verb in _SINCE else ""
        if ends[0] == ends[1]:
            return f"usually {ends[0]}{unit}"
        neighbours = float(low).is_integer() and high == low + 1
        return f"usually {ends[0]} {'or' if neighbours else 'to'} {ends[1]}{unit}"

    def shown(self, value: float) -> str:
        """Return a number as it stands in the text: whole days since, shares in %, long times in minutes."""
        if self.column.verb in _SHARES:
            return percent(value)
        if self.column.verb in _SINCE:
            return number(math.floor(value))
        return seconds(value) if self._is_seconds else number(value)

    @property
    def _is_seconds(self) -> bool:
        return self.column.verb in _AMOUNTS and _SECONDS.search(self.forms["other"]) is not None

    def _derived(self) -> dict[str, str]:
        """Return forms for a feature that declares no text."""
        title, verb = self.title, self.column.verb
        if verb == "trend":
            return {"other": f"{title}: {{change}} on the {{window}} before"}
        if verb in _SINCE and not title.startswith("days "):
            days = {"zero": "today", "one": "{value} day ago", "other": "{value} days ago"}
            return {form: f"{title}: {text}" for form, text in days.items()}
        if verb == "decayed":
            return {"zero": f"no recent {title}", "other": f"{title}, recent ones counting most: {{value}}"}
        window = " in the last {window}" if self.column.window else ""
        if verb in ("mean", "max"):
            kind = "on average" if verb == "mean" else "at most"
            return {"other": f"{title}{window}: {kind} {{value}}"}
        zero = {"zero": f"no {title}{window}"} if window and verb not in _SHARES else {}
        if verb == "active_days" and "day" not in title:
            days = {"one": "on {value} day", "other": "on {value} days"}
            return zero | {form: f"{title}: {text}{window}" for form, text in days.items()}
        return zero | {"other": f"{title}{window}: {{value}}"}

    def _nothing(self) -> str:
        text = self.forms["other"]
        if "{value}" not in text:
            return self._filled(f"not {text}", "")
        so_far = " so far" if self.column.window == EVER else ""
        return self._filled(text, "no") + so_far

    def _missing(self) -> str:
        if self.column.verb in _SINCE:
            return self._never()
        if self.column.window is None or self.column.window == EVER:
            return f"{self.title} unknown"
        return f"{self.title} unknown for the last {window_words(self.column.window)}"

    def _never(self) -> str:
        """Say that it has not happened: "last visit {value} days ago" gives "no visit so far"."""
        for said in (self.forms["other"].partition("{value}")[0], self.title):
            found = re.match(r"(?:days since (?:the )?)?(?:last|first) (.+)", said.strip(" :,"))
            if found:
                return self._filled(f"no {found[1]} so far", "")
        return f"{self.title}: never"

    def _filled(self, text: str, value: str) -> str:
        window = self.column.window
        if window == EVER:
            text = _IN_THE_LAST.sub("", text)
        places = {"value": value, "change": value, "window": window_words(window) if window else ""}
        return _PLACE.sub(lambda found: places[found[1]], text)


def clean(text: str, most: int = LONGEST_LEVEL) -> str:
    r"""Return text from a source on one line, without control characters, cut to a length.

    >>> clean("a\x1b[31m\n b")
    'a [31m b'
    """
    seen = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * most])
    seen = " ".join(seen.split())
    return seen if len(seen) <= most else seen[: most - 1].rstrip() + "…"


def window_words(window: Duration) -> str:
    """Return a window as it stands after "in the last".

    >>> [window_words(Duration.parse(text)) for text in ("7d", "24h", "1w")]
    ['7 days', '24 hours', 'week']
    """
    if window == EVER:
        return "whole time"
    n, unit = int(window.text[:-1]), _UNITS[window.text[-1]]
    return unit if n == 1 else f"{n:,} {unit}s"


def number(value: float) -> str:
    """Return a number with thousands separators and no more decimals than matter.

    >>> [number(x) for x in (1234567.0, 0.1234, 12.34, 4.0, -0.0)]
    ['1,234,567', '0.12', '12.3', '4', '0']
    """
    size = abs(value)
    decimals = 0 if float(value).is_integer() or size >= 100 else 1 if size >= 10 else 2
    if 0 < size < 0.1:
        return f"{value:.1g}" if size >= 0.001 else "almost 0"
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    return "0" if text == "-0" else text


def seconds(value: float) -> str:
    """Return a length of time in the unit that is easy to read.

    >>> [seconds(x) for x in (1, 90, 150, 3600, 9000)]
    ['1 second', '90 seconds', '3 minutes', '60 minutes', '2.5 hours']
    """
    if value < 120:
        return f"{number(round(value))} second{'' if round(value) == 1 else 's'}"
    if value < 7200:
        return f"{math.floor(value / 60 + 0.5)} minutes"
    return f"{number(round(value / 3600, 1))} hours"


def percent(share: float) -> str:
    """Return a share in %.

    >>> [percent(x) for x in (0.314, 0.051, 0.0004, 0.999, 1.0, 0.0)]
    ['31%', '5.1%', 'under 0.1%', 'over 99%', '100%', '0%']
    """
    if share in (0.0, 1.0) or 0.0995 <= share <= 0.995:
        return f"{100 * share:.0f}%"
    if share > 0.995:
        return "over 99%"
    return f"{100 * share:.1f}%" if share >= 0.001 else "under 0.1%"


def change(log_ratio: float) -> str:
    """Return the words for a trend, ln((n + 1) / (n before + 1)).

    >>> [change(math.log(x)) for x in (1.0, 1.15, 2.0, 0.36, 0.02)]
    ['unchanged', 'slightly up', 'up ×2.0', 'down to a third', 'down to almost nothing']
    """
    ratio = math.exp(min(log_ratio, 99.0))
    if 1 / _LEAST_CHANGE < ratio < _LEAST_CHANGE:
        return "unchanged"
    if ratio > 1:
        return "slightly up" if ratio < 1.25 else f"up ×{ratio:.1f}" if ratio < 10 else f"up ×{ratio:,.0f}"
    if ratio < 0.07:
        return "down to almost nothing"
    return _FALLS[min(_FALLS, key=lambda level: abs(math.log(level) - log_ratio))]


def effect(factor: float) -> str:
    """Return a factor on the odds.

    >>> [effect(x) for x in (2.34, 12.3, 0.451, 0.0001, 1e9)]
    ['×2.3', '×12', '×0.45', '×0.01 or less', '×1,000 or more']
    """
    if factor >= 999.5:
        return "×1,000 or more"
    if factor < 0.015:
        return "×0.01 or less"
    return f"×{factor:.0f}" if factor >= 9.95 else f"×{factor:.1f}" if factor >= 1 else f"×{factor:.2f}"


def odds_words(probability: float) -> str:
    """Return a probability as people say it.

    >>> [odds_words(x) for x in (0.31, 0.051, 0.0123, 0.0004, 0.97, 0.999)]
    ['about 3 in 10', 'about 1 in 20', 'about 1 in 80', 'fewer than 1 in 1,000', 'about 19 in 20', \
'more than 99 in 100']
    """
    if probability < 0.001:
        return "fewer than 1 in 1,000"
    if probability < 0.15:
        n = 1 / probability
        step = 1 if n < 20 else 5 if n < 100 else 50
        return f"about 1 in {step * math.floor(n / step + 0.5):,}"
    if probability < 0.95:
        return f"about {math.floor(10 * probability + 0.5)} in 10"
    return "about 19 in 20" if probability < 0.99 else "more than 99 in 100"
