"""The model card: what a model is for, how good it was, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lqmodel.declarations import Declarations
from lqmodel.reasons.words import clean
from lqmodel.reportparts import PARTS, VERDICTS, method, segments_said
from lqmodel.segments import said
from lqmodel.tracked import Tracked, tracked


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
    won = won or f"a row of source {model.label.source!r}"
    listed = [f"- {w}" for w in metrics["warnings"]]
    warnings = ["", "## Warnings", "", *listed] if listed else []
    lines = [
        f"# Model card: {declarations.name}",
        "",
        f"States the probability that a lead is won ({won}) {horizon}.",
        "It advises; a person accepts or rejects each handoff. Not for ranking sellers, nor for decisions on persons.",
        *warnings,
        "",
        "## Evaluated: the recipe, on data that it had not seen",
        "",
        f"Fitted on {_part(metrics['train'])}, judged on {_part(test)}.",
        "Every figure of this section is of that fit; none is of the shipped model.",
        f"Intervals are 95 %: {method(declarations)}.",
        "",
        "| | model | " + " | ".join(metrics["baselines"]) + " |",
        "|---|---|" + "---|" * len(metrics["baselines"]),
        *(_row(key, word, quality, metrics["baselines"]) for key, word in FIGURES),
        "",
        *_handoffs(metrics.get("first_handoffs")),
        "### Bands",
        "",
        "Counted in snapshots: a lead counts in each of them."
        if model.has_clock
        else "Each lead counts once.",
        "",
        "| band | from | predicted | observed | snapshots | leads |",
        "|---|---|---|---|---|---|",
        *(_band(b) for b in quality["bands"]),
        "",
        *_segments(metrics.get("segments"), bool(model.evaluation.segments)),
        *_looks_at(tracked(metrics)),
        "## Shipped: the model in the bundle",
        "",
        f"The same recipe, fitted again on all {_part(shipped)}.",
        "No figure above is of this fit: nothing is left that it has not seen.",
        f"Declarations {declarations.fingerprint()[:12]}; calibration: {params['calibration']}; {params['repeats']} boosters of {params['rounds']} trees.",
    ]
    lines += ["", "## Positives of each part", "", *_parts(metrics)]
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


def _parts(metrics: Mapping[str, Any]) -> Iterator[str]:
    yield "| part | leads | of them won | snapshots | of them won | first | last |"
    yield "|---|---|---|---|---|---|---|"
    for key, name, _ in PARTS:
        part = metrics[key]
        days = (part[end][:10] if part[end] else "–" for end in ("first", "last"))
        counts = (f"{part[k]:,}" for k in ("leads", "won_leads", "snapshots", "wins"))
        yield f"| {' | '.join((name, *counts, *days))} |"


def _handoffs(handed: Mapping[str, Any] | None) -> Iterator[str]:
    """Say what sales would get; each lead counts once, at its first handoff."""
    if not handed:
        return
    yield "### First handoffs"
    yield ""
    yield f"{handed['per_week']:.1f} leads a week over {handed['weeks']:.0f} held-out weeks, each counted once: {handed['leads']:,} leads, {handed['wins']:,} won."
    if handed["observed"] is not None:
        observed = handed["observed"]
        yield f"Predicted {handed['predicted']:.1%}, observed {observed['value']:.1%} ({observed['low']:.1%} to {observed['high']:.1%})."
    yield f"{handed['backlog']:,} more stood above the threshold when the weeks began."
    yield ""


def _looks_at(found: Tracked | None) -> Iterator[str]:
    """Say which families matter, and which are not shown to."""
    if found is None:
        return
    yield "### What it looks at"
    yield ""
    yield " ".join(map(_escaped, found.said))
    yield ""
    for verdict in found.verdicts:
        named = (
            f"{_escaped(family.title)} ({family.share})" if verdict.in_full else _escaped(family.title)
            for family in verdict.families
        )
        yield f"- {verdict.title}: {', '.join(named)}."
    yield ""


def _segments(found: Mapping[str, Any] | None, declared: bool) -> Iterator[str]:
    """Write each segmented category as a table."""
    if not found or not found["columns"]:
        return
    yield "### Segments"
    yield ""
    yield segments_said(found, declared)
    yield ""
    for column in found["columns"]:
        yield f"| {_escaped(column['title'])} | predicted | observed | verdict | leads | snapshots | of them won |"
        yield "|---|---|---|---|---|---|---|"
        for s in column["segments"]:
            seen = f"{s['observed']['value']:.1%} ({s['observed']['low']:.1%} to {s['observed']['high']:.1%})"
            verdict = VERDICTS[s["verdict"]] + (" (all counted)" if s["sure"] else "")
            name = _escaped(said(s["level"], s["pooled"]))
            counts = f"{s['leads']:,} | {s['snapshots']:,} | {s['wins']:,}"
            yield f"| {name} | {s['predicted']:.1%} | {seen} | {verdict} | {counts} |"
        yield ""


def _escaped(text: str) -> str:
    """Keep a level from breaking out of its cell."""
    return clean(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


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
