"""Won against lost, in the field's words: the comparisons of metrics.json → rows that a marketer reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lqmodel.declarations import Declarations
from lqmodel.intervals import LEVEL
from lqmodel.reasons.words import ColumnWords, clean, number, percent
from lqmodel.wonlost import SINCE

Json = Mapping[str, Any]
SHOWN: Final = 12
"""Rows of a kind that stand open; the others are folded."""
KNOWN: Final = 0.95
"""Share of leads for which it must be known, or their number is told."""
UNMEASURED: Final = 0.01
"""Share for which a column must be unknown, on either side, to be told."""
KINDS: Final = (("engagement", "What they did"), ("fit", "Who they are"))


@dataclass(frozen=True)
class Dumbbell:
    """One comparison.

    Attributes
    ----------
    name : str
        What is compared.
    values : str
        The usual values of both sides; empty where a share says it all.
    bar : str
        What the shares count.
    won, others : float
        Shares in percent, 0 to 100.
    shares : tuple of str
        The same, worded.
    apart, span : str
        How far apart, and the interval of that.
    known : str
        For how many it is known, where not for all.
    """

    name: str
    values: str
    bar: str
    won: float
    others: float
    shares: tuple[str, str]
    apart: str
    span: str
    known: str


@dataclass(frozen=True)
class Kind:
    """What they did, or who they are: rows that stand open, and rows that are folded."""

    title: str
    shown: tuple[Dumbbell, ...]
    folded: tuple[Dumbbell, ...]


@dataclass(frozen=True)
class Contrasts:
    """The page "won against lost".

    Attributes
    ----------
    won, others : int
        Distinct leads.
    days : str
        How long before the win winners were looked at; empty without a clock.
    unmatched : int
        Winners in whose week nobody else was there.
    rows, by_chance : int
        How many comparisons there are, and how many chance alone would set apart.
    kinds : tuple of Kind
    rare, unmeasured : tuple of str
        What holds too few leads to compare, and what is not known for all.
    """

    won: int
    others: int
    days: str
    unmatched: int
    rows: int
    by_chance: int
    kinds: tuple[Kind, ...]
    rare: tuple[str, ...]
    unmeasured: tuple[str, ...]


def contrasts(declarations: Declarations, found: Json) -> Contrasts:
    """Word the comparisons; ``found`` as ``won_lost`` in a bundle's metrics.json."""
    words = {
        column.name: ColumnWords(declared, column)
        for declared in declarations.features
        for column in declared.columns()
    }
    rows = [(c["kind"], _told_apart(c), _dumbbell(c, words[c["column"]], found)) for c in found["contrasts"]]
    return Contrasts(
        won=found["won"],
        others=found["others"],
        days="" if found["days"] is None else _days(found["days"]),
        unmatched=found["unmatched"],
        rows=len(rows),
        by_chance=max(1, round((1.0 - LEVEL) * len(rows))),
        kinds=tuple(_kinds(rows)),
        rare=tuple(_rare(found["rare"], words)),
        unmeasured=tuple(_unmeasured(found["unmeasured"], words)),
    )


def _kinds(rows: Iterable[tuple[str, bool, Dumbbell]]) -> Iterator[Kind]:
    """Yield the kinds that hold rows; what cannot be told apart is folded."""
    held = list(rows)
    for kind, title in KINDS:
        told = [row for k, apart, row in held if k == kind and apart]
        rest = [row for k, apart, row in held if k == kind and not apart]
        if told or rest:
            yield Kind(title, tuple(told[:SHOWN]), (*told[SHOWN:], *rest))


def _told_apart(contrast: Json) -> bool:
    return bool(contrast["apart"]["low"] > 0 or contrast["apart"]["high"] < 0)


def _dumbbell(contrast: Json, words: ColumnWords, found: Json) -> Dumbbell:
    won, others = contrast["won"], contrast["others"]
    apart, span = _lift(contrast["lift"]) if contrast["lift"] else _pairs(contrast["apart"])
    known = min(won["leads"] / found["won"], others["leads"] / found["others"])
    return Dumbbell(
        name=_named(contrast, words),
        values=_values(contrast, words),
        bar=_bar(contrast, words),
        won=round(100 * won["share"]["value"], 2),
        others=round(100 * others["share"]["value"], 2),
        shares=(percent(won["share"]["value"]), percent(others["share"]["value"])),
        apart=apart,
        span=span,
        known="" if known >= KNOWN else f"known for {won['leads']:,} winners and {others['leads']:,} others",
    )


def _named(contrast: Json, words: ColumnWords) -> str:
    if contrast["bar"] == "unknown":
        return f"{words.title}: not known"
    return words.named() if contrast["level"] is None else f"{words.title}: {clean(contrast['level'])}"


def _values(contrast: Json, words: ColumnWords) -> str:
    """Say what is usual on both sides; nothing of levels and trends, and where most of both have none."""
    won, others = contrast["won"], contrast["others"]
    if contrast["bar"] in ("is", "unknown", "rising") or (contrast["bar"] == "any" and not won["middle"]):
        return ""

    def shown(value: float | None) -> str:
        return "never" if value is None else words.shown(value)

    def usual(side: Json) -> str:
        low, middle, high = (shown(side[quartile]) for quartile in ("low", "middle", "high"))
        if low == high:
            return f"{middle}{_unit(side['middle'], words)}"
        return f"{middle}{_unit(side['middle'], words)} ({low} to {high})"

    return f"winners {usual(won)}, others {usual(others)}"


def _unit(value: float | None, words: ColumnWords) -> str:
    if value is None or words.column.verb not in SINCE:
        return ""
    return " day" if math.floor(value) == 1 else " days"


def _bar(contrast: Json, words: ColumnWords) -> str:
    at = contrast["at"]
    if contrast["bar"] == "within":
        return f"{number(math.floor(at))}{_unit(at, words)} or less"
    if contrast["bar"] == "at least":
        return f"{words.shown(at)}{_unit(at, words)} or more"
    return "" if contrast["bar"] in ("is", "unknown") else str(contrast["bar"])


def _pairs(apart: Json) -> tuple[str, str]:
    """Turn Cliff's delta into pairs of a hundred in which the winner has more."""
    value, low, high = (50 * (1 + apart[end]) for end in ("value", "low", "high"))
    return f"{value:.0f} of 100 pairs", f"{low:.0f} to {high:.0f}"


def _lift(lift: Json) -> tuple[str, str]:
    if lift["value"] is None:
        return "winners only", ""
    return f"lift {number(lift['value'])}", f"{number(lift['low'])} to {number(lift['high'])}"


def _days(days: float) -> str:
    return "less than a day" if days < 1 else f"{days:.0f} day{'' if round(days) == 1 else 's'}"


def _rare(rare: Iterable[tuple[str, int]], words: Mapping[str, ColumnWords]) -> Iterator[str]:
    for column, n in rare:
        word = words[column]
        if word.column.dtype == "number":
            yield word.named()
        else:
            yield f"{n} level{'' if n == 1 else 's'} of {word.title}"


def _unmeasured(unmeasured: Iterable[Json], words: Mapping[str, ColumnWords]) -> Iterator[str]:
    for u in unmeasured:
        if max(u["won"], u["others"]) >= UNMEASURED:
            yield f"{words[u['column']].named()}: not known for {percent(u['won'])} of winners and {percent(u['others'])} of others"
