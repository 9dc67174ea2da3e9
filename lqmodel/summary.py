"""The held-out figures in a few lines of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lqmodel.card import FIGURES


def summary(metrics: Mapping[str, Any]) -> str:
    """Write quality, baselines and bands as text; ``metrics`` as in a bundle's metrics.json."""
    test, quality = metrics["test"], metrics["quality"]
    span = (
        f", {test['first'][:10]} to {test['last'][:10]}"
        if test["first"]
        else " (no clock: other leads, not later time)"
    )
    lines = [
        *(f"warning: {w}" for w in metrics["warnings"]),
        f"held out  {test['snapshots']:,} snapshots of {test['leads']:,} leads, {test['wins']:,} wins{span}",
        "",
    ]
    lines += quality_table({"model": quality, **metrics["baselines"]})
    lines += ["", *bands_table(quality["bands"])]
    lines += _handed(metrics.get("first_handoffs")) + _segmented(metrics.get("segments"))
    return "\n".join(lines)


def _handed(handed: Mapping[str, Any] | None) -> list[str]:
    """Say what sales would get; each lead counts once, at its first handoff."""
    if not handed or handed["observed"] is None:
        return []
    seen = handed["observed"]
    return [
        "",
        f"handoffs  {handed['per_week']:.1f} first handoffs a week over {handed['weeks']:.0f} weeks, each lead once: "
        f"{handed['predicted']:.1%} predicted, {seen['value']:.1%} won ({seen['low']:.1%} to {seen['high']:.1%})",
    ]


def _segmented(found: Mapping[str, Any] | None) -> list[str]:
    if not found or not found["looked_at"]:
        return []
    return [
        f"segments  {found['apart']} of {found['looked_at']} apart from what was predicted; "
        f"chance alone would give about {found['by_chance']:.1f}"
    ]


def quality_table(columns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write figures by row and models by column, with the interval of the first column."""
    known = [
        "model",
        "base rate",
        "points rule",
        "your points table",
        "existing score",
        "logistic regression",
    ]
    names = sorted(columns, key=lambda name: known.index(name) if name in known else len(known))
    first = columns[names[0]]
    widths = [max(len(n), 8) for n in names]
    lines = [
        f"{'':24}"
        + "  ".join(f"{n:>{w}}" for n, w in zip(names, widths, strict=True))
        + f"   {names[0]}, 95 % interval"
    ]
    for key, word in FIGURES:
        cells = "  ".join(
            f"{_number(columns[n][key]['value']):>{w}}" for n, w in zip(names, widths, strict=True)
        )
        lines.append(f"{word:24}{cells}   {_number(first[key]['low'])} to {_number(first[key]['high'])}")
    return lines


def bands_table(bands: list[Mapping[str, Any]]) -> list[str]:
    """Write each band: from where, what was said, what happened."""
    lines = [
        f"{'band':14}{'from':>7}{'predicted':>11}{'observed':>10}{'95 % interval':>19}{'snapshots':>12}{'leads':>9}"
    ]
    for b in bands:
        observed = b["observed"]
        predicted = "–" if b["predicted"] is None else f"{b['predicted']:.1%}"
        rate = "–" if observed is None else f"{observed['value']:.1%}"
        span = "–" if observed is None else f"{observed['low']:.1%} to {observed['high']:.1%}"
        lines.append(
            f"{b['name']:14}{b['at_least']:>7.1%}{predicted:>11}{rate:>10}{span:>19}{b['snapshots']:>12,}{b['leads']:>9,}"
        )
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
