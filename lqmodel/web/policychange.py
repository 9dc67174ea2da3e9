"""What another threshold would have done: settings compared on the held-out weeks, as rows of the funnel."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from lqmodel.comparison import Compared, Comparison
from lqmodel.intervals import Estimate
from lqmodel.languages import Language
from lqmodel.web.charts import Range, ranges, scale
from lqmodel.web.words import day


@dataclass(frozen=True)
class Setting:
    """One threshold: how many it hands over a week, and with its interval what comes of them; words and a drawing."""

    at_least: str
    in_force: bool
    per_week: str
    won: str
    won_interval: str
    found: str
    found_interval: str
    value: str
    drawing: Markup


@dataclass(frozen=True)
class PolicyChange:
    """Settings side by side.

    Attributes
    ----------
    settings : tuple of Setting
        The one in force, then the others by volume.
    since, until : str
        Days of the first and the last held-out week.
    leads, won : int
        Leads in these weeks, and how many of them were won.
    valued : bool
        Whether what a handoff costs and brings is declared.
    """

    settings: tuple[Setting, ...]
    since: str
    until: str
    leads: int
    won: int
    valued: bool


def policy_change(compared: Comparison, language: Language) -> PolicyChange:
    """Put a comparison into a reader's words."""
    end = scale([_range(one.precision) for one in compared.settings])
    return PolicyChange(
        tuple(_setting(one, end, language) for one in compared.settings),
        day(compared.first, language),
        day(compared.last, language),
        compared.leads,
        compared.won_leads,
        compared.value is not None,
    )


def _setting(one: Compared, end: float, language: Language) -> Setting:
    at_least, per_week = language.percent(one.threshold), language.number(round(one.per_week))
    won, won_interval = _told(one.precision, language)
    found, found_interval = _told(one.recall, language)
    value = "" if one.value_per_week is None else language.number(round(one.value_per_week))
    drawing = ranges(_range(one.precision), end, f"≥ {at_least}: {won} ({won_interval})")
    return Setting(at_least, one.in_force, per_week, won, won_interval, found, found_interval, value, drawing)


def _range(share: Estimate | None) -> Range:
    return Range(None, None, None, None) if share is None else Range(None, share.value, share.low, share.high)


def _told(share: Estimate | None, language: Language) -> tuple[str, str]:
    if share is None:
        return "–", ""
    return language.percent(share.value), f"{language.percent(share.low)} – {language.percent(share.high)}"
