"""What a worklist is cut and sorted by: the segments that the model was judged by, and what a lead may bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lqmodel.declarations.stages import Value
from lqmodel.stages import STAGES
from lqmodel.stages.solving import gains
from lqmodel.web.board import Handed
from lqmodel.web.shown import Shown

MOST = 30
"""Levels of one column that are offered, the most frequent."""


@dataclass(frozen=True)
class Segments:
    """The levels of one column that handoffs have, as (key, level, how many)."""

    title: str
    levels: tuple[tuple[str, str, int], ...]


def segment_key(level: tuple[str, str]) -> str:
    """Return a column and its level in one text."""
    return f"{level[0]}={level[1]}"


def segments_among(handed: Iterable[Handed], titles: Mapping[str, str]) -> tuple[Segments, ...]:
    """Return what can be chosen among these handoffs; ``titles`` says by which columns, and what people call them."""
    counts: dict[str, dict[str, int]] = {name: {} for name in titles}
    for h in handed:
        for name, level in h.levels:
            if name in counts:
                counts[name][level] = counts[name].get(level, 0) + 1
    return tuple(
        Segments(titles[name], tuple((segment_key((name, k)), k, n) for k, n in _first(found)))
        for name, found in counts.items()
        if len(found) > 1
    )


@dataclass(frozen=True)
class Choices:
    """What a worklist can be cut by: owners and stages that occur, and segments."""

    owners: tuple[str, ...]
    stages: tuple[str, ...]
    segments: tuple[Segments, ...]


def choices_among(handed: Sequence[Handed], shown: Shown, titles: Mapping[str, str]) -> Choices:
    """Return what can be chosen among these handoffs."""
    stages = {shown.brief(h.lead_id).stage for h in handed}
    return Choices(
        tuple(sorted({h.owner for h in handed if h.owner})),
        tuple(stage for stage in STAGES if stage in stages),
        segments_among(handed, titles),
    )


def _first(counts: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    return sorted(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST])


@dataclass(frozen=True)
class Worth:
    """What a handoff may bring: by its probability, and by what the project declares that a won deal brings."""

    value: Value
    per: str | None

    def expected(self, handed: Handed, probability: float) -> float:
        """Return probability × uplift × margin × deal value, in the currency of the declaration."""
        level = dict(handed.levels).get(self.per or "")
        gain = gains(self.value, np.array([level], dtype=object))
        return float(gain[0]) * probability
