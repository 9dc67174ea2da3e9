"""The verbs once more, as plainly as they can be written: lists of dicts, loops, no engine.

Written from the definitions, not from the code that it judges. A fact is a dict with ``lead``,
``occurred`` and ``known`` (integer microseconds UTC) and the columns of its source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def within(facts: Sequence[Fact], as_of: int, oldest: int | None, newest: int = 0) -> list[Fact]:
    """Facts with as_of − oldest ≤ occurred < as_of − newest."""
    first = -math.inf if oldest is None else as_of - oldest
    return [f for f in facts if first <= f["occurred"] < as_of - newest]


def columns(
    name: str,
    feature: Mapping[str, Any],
    facts: Sequence[Fact],
    lead: str,
    created: int,
    as_of: int,
    observed_from: int | None,
) -> dict[str, Any]:
    """Every column of one declared feature (a TOML table) for one lead at one moment."""
    known = known_before(facts, lead, as_of)
    matching = [f for f in known if fits(f, feature.get("where", {}))]
    verb = feature["verb"]
    if verb in ("attribute", "completeness", "recency"):
        return {name: globals()[verb](matching, feature, created, as_of)}
    result = {}
    for window in feature["windows"]:
        w = length(window)
        reach = None if w is None else 2 * w if verb == "trend" else w
        missing = reach is not None and observed_from is not None and as_of - reach < observed_from
        result[f"{name}_{window}"] = None if missing else globals()[verb](matching, feature, as_of, w)
    return result


def count(matching: Sequence[Fact], feature: Mapping[str, Any], as_of: int, w: int | None) -> float:
    return float(len(within(matching, as_of, w)))


def sum(matching: Sequence[Fact], feature: Mapping[str, Any], as_of: int, w: int | None) -> float:
    scale, total = feature.get("scale", 1000), 0
    for fact in within(matching, as_of, w):
        value = fact[feature["column"]]
        total += 0 if value is None else math.floor(value * scale + 0.5)
    return total / scale


def distinct(matching: Sequence[Fact], feature: Mapping[str, Any], as_of: int, w: int | None) -> float:
    return float(len({f[feature["column"]] for f in within(matching, as_of, w)} - {None}))


def trend(matching: Sequence[Fact], feature: Mapping[str, Any], as_of: int, w: int) -> float:
    now, before = len(within(matching, as_of, w)), len(within(matching, as_of, 2 * w, w))
    return math.floor(math.log((now + 1) / (before + 1)) * 1e9 + 0.5) / 1e9


def recency(matching: Sequence[Fact], feature: Mapping[str, Any], created: int, as_of: int) -> float | None:
    if matching:
        return (as_of - max(f["occurred"] for f in matching)) / DAY
    return (as_of - created) / DAY + 1 if "direction" in feature else None


def newest(matching: Sequence[Fact]) -> list[Fact]:
    last = max((f["occurred"] for f in matching), default=None)
    return [f for f in matching if f["occurred"] == last]


def attribute(matching: Sequence[Fact], feature: Mapping[str, Any], created: int, as_of: int) -> Any:
    values = [f[feature["column"]] for f in newest(matching)]
    return max((v for v in values if v is not None), default=None)


def completeness(
    matching: Sequence[Fact], feature: Mapping[str, Any], created: int, as_of: int
) -> float | None:
    of = feature["of"]
    shares = [len([c for c in of if f[c] is not None]) / len(of) for f in newest(matching)]
    return max(shares, default=None)


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
