"""The typical lead of the best band: from the base odds to its odds, as the mean of many, so that nobody's facts are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lqmodel.languages import ENGLISH
from lqmodel.metrics import Floats
from lqmodel.reasons import CUT_OFF, Effects
from lqmodel.reasons.drawing import Drawing
from lqmodel.reasons.waterfall import Ladder, Step, draw

Json = Mapping[str, Any]
MOST: Final = 5
"""Families shown for, and against."""


@dataclass(frozen=True)
class Typical:
    """The mean lead of a band: base plus effects is its mean calibrated logit.

    Attributes
    ----------
    band : str
        The highest one that any explained snapshot lies in.
    snapshots : int
    base : float
        Calibrated log-odds that the model starts from.
    effects : mapping of str to float
        Family → mean effect, calibrated log-odds.
    """

    band: str
    snapshots: int
    base: float
    effects: Mapping[str, float]


def typical(effects: Effects, probability: Floats, thresholds: Mapping[str, float]) -> Typical:
    """Take the mean of the effects in the highest band that holds anybody.

    Parameters
    ----------
    effects : Effects
        Of n snapshots, at least one.
    probability : ndarray of float64, shape (n,)
    thresholds : mapping of str to float
        Name of a band → probability at which it starts; "below" lies under all of them.
    """
    starts = sorted({"below": 0.0, **thresholds}.items(), key=lambda item: item[1], reverse=True)
    insides = ((name, probability >= start) for name, start in starts)
    band, inside = next((name, rows) for name, rows in insides if rows.any())
    means = effects.effects[inside].mean(axis=0)
    named = {f.name: float(mean) for f, mean in zip(effects.families.declared, means, strict=True)}
    return Typical(band, int(inside.sum()), effects.base, named)


def draw_typical(found: Json, families: Sequence[Json], band: str) -> Drawing:
    """Draw it as a waterfall.

    Parameters
    ----------
    found : mapping
        As ``typical`` in metrics.json.
    families : sequence of mapping
        As ``families`` there: name, title and kind.
    band : str
        The band's name for people.
    """
    effects: Mapping[str, float] = found["effects"]
    kinds = {f["name"]: f["kind"] for f in families}
    told = [Step(f["title"], effects[f["name"]], f["kind"]) for f in families if f["name"] in effects]
    told.sort(key=lambda step: (-abs(step.log_odds), step.text))
    up = [step for step in told if step.log_odds >= CUT_OFF][:MOST]
    down = [step for step in told if step.log_odds <= -CUT_OFF][:MOST]
    total = sum(effects.values())
    rest = total - sum(step.log_odds for step in (*up, *down))
    fit = sum(effect for name, effect in effects.items() if kinds.get(name) == "fit")
    start, end = (1.0 / (1.0 + math.exp(-logit)) for logit in (found["base"], found["base"] + total))
    return draw(
        Ladder(
            name=f"the mean of {found['snapshots']:,} held-out snapshots in the band {band}",
            head=f"{ENGLISH.odds(end)} ({ENGLISH.percent(end)})",
            under=f"starting from {ENGLISH.odds(start)}",
            start=found["base"],
            start_words=ENGLISH.odds(start),
            end_words=ENGLISH.odds(end),
            steps=(*up, *down, Step(ENGLISH.say("all_else"), rest)),
            fit=fit,
            engagement=total - fit,
        )
    )
