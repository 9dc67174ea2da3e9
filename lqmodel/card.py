"""The model card: what a model is for, how good it was, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lqmodel.declarations import Declarations


def card(declarations: Declarations, metrics: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Write the model card as Markdown, from the same figures as metrics.json."""
    model = declarations.model
    quality, test, shipped = metrics["quality"], metrics["test"], metrics["shipped"]
    horizon = (
        f"within {model.label.horizon.text} of the moment of scoring"
        if model.label.horizon
        else "at all (the data has no clock)"
    )
    won = ", ".join(f"{c.column} is {' or '.join(map(str, c.values))}" for c in model.label.where)
    lines = [
        f"# Model card: {declarations.name}",
        "",
        f"States the probability that a lead is won ({won}) {horizon}.",
        "It advises; a person accepts or rejects each handoff. Not for ranking sellers, nor for decisions on persons.",
        "",
        "## Evaluated",
        "",
        f"The recipe was fitted on {_part(metrics['train'])} and judged on {_part(test)} that it had not seen.",
        "Intervals are 95 %, clustered by account, else lead.",
        "",
        "| | model | " + " | ".join(metrics["baselines"]) + " |",
        "|---|---|" + "---|" * len(metrics["baselines"]),
        *(_row(key, word, quality, metrics["baselines"]) for key, word in FIGURES),
        "",
        "## Bands",
        "",
        "| band | from | predicted | observed | snapshots | leads |",
        "|---|---|---|---|---|---|",
        *(_band(b) for b in quality["bands"]),
        "",
        "## Shipped",
        "",
        f"After evaluation the same recipe was refitted on all {_part(shipped)}; that model is in the bundle.",
        f"Declarations {declarations.fingerprint()[:12]}; calibration: {params['calibration']}; {params['repeats']} boosters of {params['rounds']} trees.",
    ]
    if metrics["warnings"]:
        lines += ["", "## Warnings", "", *(f"- {w}" for w in metrics["warnings"])]
    if metrics["notices"]:
        lines += ["", "## Notices on the data", "", *(f"- {n}" for n in metrics["notices"])]
    return "\n".join(lines) + "\n"


FIGURES = (
    ("log_loss", "log loss"),
    ("auc", "AUC"),
    ("brier", "Brier score"),
    ("ece", "calibration error (ECE)"),
    ("lift_at_10", "lift in the top 10 %"),
)


def _part(part: Mapping[str, Any]) -> str:
    span = f" from {part['first'][:10]} to {part['last'][:10]}" if part["first"] else ""
    return f"{part['snapshots']:,} snapshots of {part['leads']:,} leads with {part['wins']:,} wins{span}"


def _row(key: str, word: str, quality: Mapping[str, Any], baselines: Mapping[str, Any]) -> str:
    figures = [quality[key], *(b[key] for b in baselines.values())]
    return f"| {word} | " + " | ".join(_estimate(f) for f in figures) + " |"


def _estimate(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"


def _band(band: Mapping[str, Any]) -> str:
    observed = band["observed"]
    shown = (
        "–"
        if observed is None
        else f"{observed['value']:.1%} ({observed['low']:.1%} to {observed['high']:.1%})"
    )
    predicted = "–" if band["predicted"] is None else f"{band['predicted']:.1%}"
    return f"| {band['name']} | {band['at_least']:.3f} | {predicted} | {shown} | {band['snapshots']:,} | {band['leads']:,} |"
