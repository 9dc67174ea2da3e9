"""The verbs once more, as plainly as they can be written: lists of dicts, loops, no engine.

Written from the definitions, not from the code that it judges. A fact is a dict with ``lead``,
``occurred`` and ``known`` (integer microseconds UTC) and the columns of its source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Fact = Mapping[str, Any]
SECOND = 1_000_000
LENGTHS = {"m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND, "w": 604_800 * SECOND}
DAY = LENGTHS["d"]


def length(text: str) -> int | None:
    """Microseconds of "7d"; None for "ever"."""
    return None if text == "ever" else int(text[:-1]) * LENGTHS[text[-1]]


def known_before(facts: Sequence[Fact], lead: str, as_of: int) -> list[Fact]:
    """A lead's facts that had occurred and were known strictly before as_of."""
    return [f for f in facts if f["lead"] == lead and f["known"] < as_of and f["occurred"] < as_of]


def fits(fact: Fact, where: Mapping[str, Any]) -> bool:
    """Equality, membership or comparison; a missing value fits nothing."""
    for column, wanted in where.items():
        value = fact[column]
        if value is None:
            return False
        if isinstance(wanted, Mapping):
            bounds = {"ge": value.__ge__, "gt": value.__gt__, "le": value.__le__, "lt": value.__lt__}
            if not all(bounds[name](float(bound)) for name, bound in wanted.items()):
                return False
        elif value not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


@dataclass(frozen=True)
class View:
    """What one lead's facts look like from one moment.

    ``rows`` are all facts known, ``matching`` those that fit the feature's ``where``.
    """

    feature: Mapping[str, Any]
    rows: Sequence[Fact]
    matching: Sequence[Fact]
    as_of: int
    created: int
    zone: str

    def within(self, oldest: int | None, newest: int = 0) -> list[Fact]:
        """Matching facts with as_of - oldest ≤ occurred < as_of - newest."""
        return self._between(self.matching, oldest, newest)

    def any_within(self, oldest: int | None) -> list[Fact]:
        return self._between(self.rows, oldest, 0)

    def given(self, oldest: int | None) -> list[Any]:
        """Values of the feature's column, without the missing ones."""
        values = [f[self.feature["column"]] for f in self.within(oldest)]
        return [v for v in values if v is not None]

    def newest(self) -> list[Fact]:
        last = max((f["occurred"] for f in self.matching), default=None)
        return [f for f in self.matching if f["occurred"] == last]

    def _between(self, facts: Sequence[Fact], oldest: int | None, newest: int) -> list[Fact]:
        first = -math.inf if oldest is None else self.as_of - oldest
        return [f for f in facts if first <= f["occurred"] < self.as_of - newest]


def columns(
    name: str,
    feature: Mapping[str, Any],
    facts: Sequence[Fact],
    lead: str,
    created: int,
    as_of: int,
    observed_from: int | None,
    zone: str = "UTC",
) -> dict[str, Any]:
    """Every column of one declared feature (a TOML table) for one lead at one moment."""
    known = known_before(facts, lead, as_of)
    matching = [f for f in known if fits(f, feature.get("where", {}))]
    view, verb = View(feature, known, matching, as_of, created, zone), feature["verb"]
    if verb in OF_HISTORY:
        return {name: OF_HISTORY[verb](view)}
    result = {}
    for window in feature["windows"]:
        w = length(window)
        reach = None if w is None else 2 * w if verb == "trend" else w
        missing = reach is not None and observed_from is not None and as_of - reach < observed_from
        result[f"{name}_{window}"] = None if missing else OF_WINDOW[verb](view, w)
    return result


def count(view: View, w: int | None) -> float:
    return float(len(view.within(w)))


def distinct(view: View, w: int | None) -> float:
    return float(len(set(view.given(w))))


def active_days(view: View, w: int | None) -> float:
    return float(len({local_date(f["occurred"], view.zone) for f in view.within(w)}))


def total(view: View, w: int | None) -> float:
    return scaled(view, w) / view.feature.get("scale", 1000)


def mean(view: View, w: int | None) -> float | None:
    n = len(view.given(w))
    return scaled(view, w) / (n * view.feature.get("scale", 1000)) if n else None


def scaled(view: View, w: int | None) -> int:
    scale, added = view.feature.get("scale", 1000), 0
    for value in view.given(w):
        added += math.floor(value * scale + 0.5)
    return added


def greatest(view: View, w: int | None) -> float | None:
    return max(view.given(w), default=None)


def share(view: View, w: int | None) -> float | None:
    rows = view.any_within(w)
    return len(view.within(w)) / len(rows) if rows else None


def trend(view: View, w: int) -> float:
    now, before = len(view.within(w)), len(view.within(2 * w, w))
    return math.floor(math.log((now + 1) / (before + 1)) * 1e9 + 0.5) / 1e9


def decayed(view: View) -> float:
    half_life, weights = int(view.feature["half_life"][:-1]), 0
    for fact in view.within(20 * half_life * DAY):
        age = (view.as_of - fact["occurred"]) // DAY
        weights += math.floor(2**20 * 2 ** (-age / half_life) + 0.5)
    return weights / 2**20


def recency(view: View) -> float | None:
    if view.matching:
        return (view.as_of - max(f["occurred"] for f in view.matching)) / DAY
    return (view.as_of - view.created) / DAY + 1 if "direction" in view.feature else None


def tenure(view: View) -> float | None:
    if view.matching:
        return (view.as_of - min(f["occurred"] for f in view.matching)) / DAY
    return 0.0 if "direction" in view.feature else None


def attribute(view: View) -> Any:
    values = [f[view.feature["column"]] for f in view.newest()]
    return max((v for v in values if v is not None), default=None)


def latest(view: View) -> Any:
    filled = [f for f in view.matching if f[view.feature["column"]] is not None]
    return attribute(replace(view, matching=filled))


def completeness(view: View) -> float | None:
    of = view.feature["of"]
    shares = [len([c for c in of if f[c] is not None]) / len(of) for f in view.newest()]
    return max(shares, default=None)


OF_WINDOW: dict[str, Callable[..., Any]] = {
    "count": count,
    "distinct": distinct,
    "active_days": active_days,
    "sum": total,
    "mean": mean,
    "max": greatest,
    "share": share,
    "trend": trend,
}
OF_HISTORY: dict[str, Callable[[View], Any]] = {
    "decayed": decayed,
    "recency": recency,
    "tenure": tenure,
    "attribute": attribute,
    "latest": latest,
    "completeness": completeness,
}


def local_date(us: int, zone: str) -> date:
    """The date on the calendar of a zone at a moment."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(ZoneInfo(zone)).date()


def moment(text: str, zone: str) -> int:
    """Microseconds UTC of an ISO date (its last microsecond) or time (local without an offset).

    A local time that the clocks skip or show twice is the later of its two readings.
    """
    if len(text) == 10:
        return moment((date.fromisoformat(text) + timedelta(days=1)).isoformat() + "T00:00", zone) - 1
    value = datetime.fromisoformat(text)
    if value.tzinfo is not None:
        return since_epoch(value)
    return max(since_epoch(value.replace(tzinfo=ZoneInfo(zone), fold=fold)) for fold in (0, 1))


def since_epoch(value: datetime) -> int:
    return (value - datetime.combine(date(1970, 1, 1), time(), UTC)) // timedelta(microseconds=1)
