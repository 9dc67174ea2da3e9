"""What pages say alike: chances, days, trends, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lqmodel.declarations import from_microseconds
from lqmodel.declarations.agreement import yet_to_sign
from lqmodel.errors import LqmodelError, listing
from lqmodel.languages import Language
from lqmodel.runs import Run

_DAY = 86_400_000_000
_LEAST = 1e-9
_STEADY = 1.1
"""Odds that changed by less than this factor did not move."""


def chance(row: Mapping[str, Any], language: Language) -> tuple[str, str]:
    """Return a probability as people say it, and its interval; both empty where points scored."""
    if row.get("probability") is None:
        return "", ""
    low, high = language.percent(row["low"]), language.percent(row["high"])
    return language.odds(row["probability"]), f"{low} – {high}"


def chance_then(row: Mapping[str, Any], frozen: Mapping[str, Any] | None, language: Language) -> str:
    """Return the chance at a handoff as people say it; empty where there is none, or today's reads the same.

    >>> from lqmodel.languages import ENGLISH
    >>> [chance_then({"probability": p}, {"probability": 0.52}, ENGLISH) for p in (0.31, 0.48, None)]
    ['about 5 in 10', '', '']
    """
    if frozen is None or frozen.get("probability") is None or row.get("probability") is None:
        return ""
    then = language.odds(frozen["probability"])
    return "" if then == language.odds(row["probability"]) else then


def day(moment: int, language: Language) -> str:
    """Return the day of a moment, such as "21 Nov 2026"."""
    return language.date(from_microseconds(moment), "short")


def ago(length: int, language: Language) -> str:
    """Return a length of time in days, such as "3 days"; less than one is "today"."""
    days = max(length, 0) // _DAY
    return language.say("days", days) if days else language.say("today")


def waits_for(run: Run, language: Language) -> str:
    """Return which teams have yet to sign the agreement of a run, such as "sales"; empty where it is in force."""
    teams = yet_to_sign(run.manifest["agreement"], run.manifest.get("signed"))
    return ", ".join(language.say(f"web.team_{team}") for team in teams)


def plainly(error: LqmodelError) -> str:
    """Return an error as a sentence: what is wrong, what there is, and what to do.

    >>> plainly(LqmodelError("no day is named", exists=["Monday", "Tuesday"], do="name one"))
    'No day is named; there is: Monday, Tuesday. Name one.'
    """
    there = "" if error.exists is None else f"; there is: {listing(error.exists)}"
    parts = (f"{error.message}{there}", error.do or "")
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)


def trend(before: float | None, now: float | None) -> str:
    """Return how a probability moved: "up", "down" or "steady"; empty where either is not known.

    >>> [trend(0.2, p) for p in (0.3, 0.2, 0.1, 0.0, 1.0, None)]
    ['up', 'steady', 'down', 'down', 'up', '']
    """
    if before is None or now is None:
        return ""
    ratio = _odds(now) / _odds(before)
    return "up" if ratio > _STEADY else "down" if ratio < 1 / _STEADY else "steady"


def _odds(probability: float) -> float:
    """Return the odds; in a run probabilities are rounded, and the smallest stand as 0."""
    return max(probability, _LEAST) / max(1 - probability, _LEAST)
