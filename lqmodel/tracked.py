"""Are you tracking the right things? Families told apart by what they gain on held-out snapshots, in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lqmodel.plots import percent
from lqmodel.reasons.words import clean, number

Json = Mapping[str, Any]
SCARCE: Final = 0.01
"""Share of snapshots below which a family's recording is doubted."""

IN_FULL: Final = ("proven", "worse")


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes
    ----------
    title, kind : str
    share, span : str
        What it gains as a share of what the whole model gains, and the interval of that.
    seen : str
        For how many it holds anything.
    ends : tuple of float
        Gain, low, high and zero as places on a strip, in percent.
    """

    title: str
    kind: str
    share: str
    span: str
    seen: str
    ends: tuple[float, float, float, float]


@dataclass(frozen=True)
class Verdict:
    """Families of which the same is to be said: a heading, what to do, and who they are.

    ``in_full`` says that their figures stand open, not only their names.
    """

    title: str
    advice: str
    families: tuple[Family, ...]
    in_full: bool


@dataclass(frozen=True)
class Tracked:
    """The section.

    Attributes
    ----------
    said : tuple of str
        What was found, in sentences.
    verdicts : tuple of Verdict
        Those that matter first; a group without a family is left out.
    """

    said: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def tracked(metrics: Json) -> Tracked | None:
    """Word what the families gain; None where the metrics do not tell.

    Parameters
    ----------
    metrics : mapping
        As in metrics.json, with ``families`` and ``importance``.
    """
    measured, families = metrics.get("importance"), metrics.get("families")
    if not measured or not families:
        return None
    place = _Strip.of(families)
    groups: dict[str, list[Json]] = {key: [] for key in ("proven", "open", "scarce", "unused", "worse")}
    for family in sorted(families, key=lambda f: (-f["gain"], f["name"])):
        groups[verdict(family)].append(family)
    verdicts = (
        Verdict(title, advice, tuple(_family(f, measured, place) for f in groups[key]), key in IN_FULL)
        for key, title, advice in _advised(measured)
        if groups[key]
    )
    return Tracked(tuple(_said(groups, measured)), tuple(verdicts))


def verdict(family: Json) -> str:
    """Say what the interval of a family's gain tells: proven, worse, open, and of those two that were never learnt from.

    >>> verdict({"gain_low": 0.001, "gain_high": 0.002, "weight": 0.1, "seen": 0.5})
    'proven'
    >>> verdict({"gain_low": -0.001, "gain_high": 0.002, "weight": 0.1, "seen": 0.5})
    'open'
    """
    if family["gain_low"] > 0:
        return "proven"
    if family["gain_high"] < 0:
        return "worse"
    if family["seen"] < SCARCE:
        return "scarce"
    return "open" if family["weight"] > 0 else "unused"


def _advised(measured: Json) -> Iterator[tuple[str, str, str]]:
    yield (
        "proven",
        "These matter",
        "Told another lead’s values, the model is more surprised by what happened. Keep their recording whole: a gap "
        "here costs most.",
    )
    yield (
        "worse",
        "These did harm",
        "Told another lead’s values, the model did better. Often their recording has changed since it learnt: look at "
        "how they come in, then train without them and compare.",
    )
    yield (
        "open",
        "Not shown to matter",
        "Their interval holds zero: the held-out snapshots cannot tell them from chance. If recording one costs "
        "money, work or consent, train without it and compare; if it is free, leave it. "
        f"Held out are {measured['wins']:,} snapshots that were won: with more, smaller gains can be shown.",
    )
    yield (
        "scarce",
        "Hardly recorded",
        f"Fewer than {percent(SCARCE)} of the snapshots hold anything, so nothing can be learnt from them. Is the "
        "tracking in place, and does it reach this source?",
    )
    yield (
        "unused",
        "Recorded, and never used",
        "The model found no use for them beside the others. Nothing is lost without them.",
    )


def _said(groups: Mapping[str, Sequence[Json]], measured: Json) -> Iterator[str]:
    n = sum(map(len, groups.values()))
    proven = groups["proven"]
    if proven:
        named = _listed([clean(f["title"]) for f in proven[:3]])
        yield f"Of {n} families {len(proven)} {'is' if len(proven) == 1 else 'are'} shown to matter, {named} before all."
    else:
        yield f"Of {n} families none is shown to matter on its own."
    left = n - len(proven) - len(groups["worse"])
    if left:
        yield f"For {left} it cannot be told from chance."
    if groups["worse"]:
        yield f"{len(groups['worse'])} did harm."
    chance = (1 - measured["level"]) / 2 * n
    yield (
        f"Chance alone would clear about {number(max(1.0, round(chance)))} of {n} idle ones, so the weakest of those "
        "that matter may be idle too."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True)
class _Strip:
    """Gain → place on a strip, in percent."""

    low: float
    high: float

    @classmethod
    def of(cls, families: Sequence[Json]) -> _Strip:
        low = min(0.0, *(f["gain_low"] for f in families))
        return cls(low, max(0.0, *(f["gain_high"] for f in families)) or 1.0)

    def __call__(self, gain: float) -> float:
        return round(100 * (gain - self.low) / (self.high - self.low), 2)


def _family(family: Json, measured: Json, place: _Strip) -> Family:
    whole = measured["gain"]["value"]

    def share(gain: float) -> str:
        part = 100 * gain / whole if whole > 0 else math.nan
        form = f"{part:.1f}%" if abs(part) >= 1 else f"{part:.2f}%"
        return form.replace("-", "−") if whole > 0 else "–"

    low, high = share(family["gain_low"]), share(family["gain_high"])
    return Family(
        title=family["title"],
        kind=family["kind"],
        share=share(family["gain"]),
        span=f"{low} to {high}" if family["gain_low"] < family["gain_high"] and whole > 0 else "",
        seen=percent(family["seen"]),
        ends=(place(family["gain"]), place(family["gain_low"]), place(family["gain_high"]), place(0.0)),
    )
