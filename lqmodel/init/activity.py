"""Features from a table of events: counts, sums, recency, trend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lqmodel.audit import ABOVE_BASE, FEWEST_LEADS, MOSTLY_LATE, MOSTLY_WINNERS, WINNERS_ONLY
from lqmodel.init.profile import Contents, Profile
from lqmodel.init.reading import quote
from lqmodel.lexicon import CODE, EVENT_TYPE, ID, found, humanise
from lqmodel.personal import personal

Called = tuple[str, dict[str, Any]]
"""A feature's name in words, and its declaration."""
Winners = dict[str | None, tuple[int, int, int, int]]
WINDOWS: Final = (7, 30, 90)  # days
MOST_TYPES: Final = 25  # types of event with features of their own, the most frequent ones
MOST_MOMENTUM: Final = 5  # … and with recency and trend
RAREST: Final = 0.001  # share of the rows
FEW_LEVELS: Final = 60
ANY: Final = frozenset(
    {"event", "events", "activity", "activities", "log"}
)  # names that say nothing of what it is


@dataclass(frozen=True)
class Act:
    """A kind of act that a source holds, and what it is called in words."""

    source: str
    called: str
    where: dict[str, Any]

    def counted(self, window: str, words: str) -> dict[str, Any]:
        """Declare how often it happened in one window, for a gate to look at; ``words``: that it did."""
        where = {"where": self.where} if self.where else {}
        text = words.replace("{", "(").replace("}", ")")
        return {
            "source": self.source, "verb": "count", **where, "windows": [window], "title": text,
            "reason": {"en": {"other": text}},
        }  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """Features of one table of events, the columns that they read, what was left out, and the kinds of acts."""

    engagement: list[Called]
    momentum: list[Called]
    columns: list[str]
    left_out: list[tuple[str, str]]
    acts: list[Act]


def type_column(contents: Contents, taken: set[str]) -> str | None:
    """Return the column that says what kind of event a row is."""
    few = [
        p
        for p in contents.profiles.values()
        if p.name not in taken and p.is_text and not p.number and 1 < p.distinct <= FEW_LEVELS
    ]
    named = [p for p in few if found(p.name, EVENT_TYPE) and p.filled == p.rows]
    return named[0].name if named else None


def from_events(contents: Contents, taken: set[str], span: float, counts: Winners, base: float) -> Activity:
    """Declare features of a table of events.

    Parameters
    ----------
    contents : Contents
        The table.
    taken : set of str
        Its key and times.
    span : float
        Days that the table covers; longer windows are left out.
    counts : dict
        Type (None: all rows) → leads, won leads, facts of won leads, those known after the win.
    base : float
        Share of all leads that were won.
    """
    name, kind = contents.name, type_column(contents, taken)
    windows = [f"{w}d" for w in WINDOWS if w <= span / 2] or [f"{WINDOWS[0]}d"]
    left_out: list[tuple[str, str]] = []
    types = (
        [(v, n) for v, n in contents.profiles[kind].levels if n >= RAREST * contents.table.rows]
        if kind
        else []
    )
    wanted: list[tuple[str | None, str]] = [(None, "activity" if found(name, ANY) else humanise(name))]
    for kept, _ in types[:MOST_TYPES]:
        late = _too_late(counts.get(kept, (0, 0, 0, 0)), base)
        if late:
            left_out.append((f"{kind} = {kept}", late))
        else:
            wanted.append((kept, humanise(kept)))
    engagement: list[Called] = []
    momentum: list[Called] = []
    middle = windows[min(1, len(windows) - 1)]
    for i, (value, called) in enumerate(wanted):
        where = {"where": {kind: value}} if value is not None else {}
        engagement.append((called, _count(name, where, windows, called)))
        if i <= MOST_MOMENTUM:
            momentum.append((f"{called} trend", _trend(name, where, middle, called)))
            momentum.append((f"last {called}", _recency(name, where, called)))
    numbers = [p for p in contents.profiles.values() if p.name not in taken and p.name != kind]
    read = [kind] if kind else []
    for p in numbers:
        why = _no_amount(p)
        if why is None:
            engagement.append((f"{name} {humanise(p.name)}", _sum(name, p, windows)))
        elif why == "kinds":
            engagement.append((f"{name} {humanise(p.name)} kinds", _distinct(name, p, middle)))
        else:
            left_out.append((p.name, why))
            continue
        read.append(p.name)
    return Activity(engagement, momentum, read, left_out, _acts(contents, kind, counts, base))


def _acts(contents: Contents, kind: str | None, counts: Winners, base: float) -> list[Act]:
    """Return the kinds of acts, rare ones too; without a column of kinds the table itself says what it is."""
    if kind is None:
        return [] if found(contents.name, ANY) else [Act(contents.name, humanise(contents.name), {})]
    levels = [value for value, _ in contents.profiles[kind].levels]
    kept = [value for value in levels if not _too_late(counts.get(value, (0, 0, 0, 0)), base)]
    return [Act(contents.name, humanise(value), {kind: value}) for value in kept]


def _too_late(counts: tuple[int, int, int, int], base: float) -> str | None:
    """Say why the audit would stop such facts, or None."""
    leads, won, facts, late = counts
    share = won / max(leads, 1)
    if leads < FEWEST_LEADS or share - base < ABOVE_BASE:
        return None
    if share >= WINNERS_ONLY:
        return f"{share:.0%} of its leads were won: it comes with the outcome"
    if share >= MOSTLY_WINNERS and late >= MOSTLY_LATE * max(facts, 1):
        return f"{late / facts:.0%} of its facts of won leads come after the win"
    return None


def _no_amount(p: Profile) -> str | None:
    """None for an amount to add up, "kinds" for something to count the kinds of, else why it is left out."""
    if p.moments:
        return "a date"
    if about := personal(p.name):
        return about
    coded = found(p.name, ID) or (found(p.name, CODE) and p.whole)
    if p.number and not coded:
        return None if p.distinct > 1 else "always the same"
    if p.filled and 1 < p.distinct <= p.filled / 10:
        return "kinds"
    return "it names single events, or says nothing"


def winners(contents: Contents, key: str, known_us: str, kind: str | None) -> Winners:
    """Count how the facts of each type of event lie to the wins; ``__won`` (k, won) holds all leads."""
    what = f"{quote(kind)}::VARCHAR" if kind else "NULL::VARCHAR"
    rows = contents.table.con.execute(
        "SELECT grouping(what), what, count(DISTINCT k), count(DISTINCT k) FILTER (won IS NOT NULL), count(won), "
        f"count(*) FILTER (t >= won) FROM (SELECT {contents.key_sql(key)} k, {what} what, {known_us} t "
        f"FROM {contents.table.relation}) JOIN __won USING (k) GROUP BY GROUPING SETS ((what), ())"
    ).fetchall()
    return {
        None if whole else text: tuple(counts) for whole, text, *counts in rows if whole or text is not None
    }


def _count(source: str, where: dict[str, Any], windows: list[str], called: str) -> dict[str, Any]:
    text = called.replace("{", "(").replace("}", ")")
    forms = {
        "one": f"{text}: {{value}} time in the last {{window}}",
        "other": f"{text}: {{value}} times in the last {{window}}",
    }
    return {
        "source": source,
        "verb": "count",
        **where,
        "windows": windows,
        "actionable": True,
        "title": called,
        "reason": {"en": forms},
    }


def _sum(source: str, p: Profile, windows: list[str]) -> dict[str, Any]:
    called = humanise(p.name).replace("{", "(").replace("}", ")")
    forms = {"other": f"{called}: {{value}} in the last {{window}}"}
    return {
        "source": source,
        "verb": "sum",
        "column": p.name,
        "windows": windows,
        "actionable": True,
        "title": called,
        "reason": {"en": forms},
    }


def _distinct(source: str, p: Profile, window: str) -> dict[str, Any]:
    called = humanise(p.name).replace("{", "(").replace("}", ")")
    forms = {"other": f"different values of {called} in the last {{window}}: {{value}}"}
    return {
        "source": source, "verb": "distinct", "column": p.name, "windows": [window], "actionable": True,
        "title": f"different values of {called}", "reason": {"en": forms},
    }  # fmt: skip


def _trend(source: str, where: dict[str, Any], window: str, called: str) -> dict[str, Any]:
    text = called.replace("{", "(").replace("}", ")")
    return {
        "source": source, "verb": "trend", **where, "windows": [window], "actionable": True, "title": f"trend of {called}",
        "reason": {"en": {"other": f"{text} {{change}} on the {{window}} before"}},
    }  # fmt: skip


def _recency(source: str, where: dict[str, Any], called: str) -> dict[str, Any]:
    text = called.replace("{", "(").replace("}", ")")
    forms = {
        "one": f"last {text} {{value}} day ago",
        "other": f"last {text} {{value}} days ago",
        "zero": f"last {text} today",
    }
    return {
        "source": source,
        "verb": "recency",
        **where,
        "actionable": True,
        "title": f"days since the last {called}",
        "reason": {"en": forms},
    }
