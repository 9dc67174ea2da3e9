"""The HTML report of a training: one file, made from a bundle's declarations and metrics alone.

It loads nothing and runs nothing: no script, no address, figures as SVG in the page. What comes from
declarations or data is escaped. Equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from lqmodel.contrasts import Contrasts, contrasts
from lqmodel.declarations import Declarations
from lqmodel.declarations.agreement import unsigned
from lqmodel.headline import asides, headline, tiles, verdict
from lqmodel.plots import band_word, figures, in_order, percent
from lqmodel.reasons.swarm import SHOWN
from lqmodel.reportparts import (
    NONE,
    OPERATORS,
    Cell,
    Part,
    Row,
    SegmentRow,
    cell,
    day,
    evaluated_and_shipped,
    explained,
    feature_rows,
    length,
    method,
    policy_rows,
    segment_tables,
    segments_said,
    stretches,
)
from lqmodel.tracked import Tracked, tracked

Json = Mapping[str, Any]

NO_CLOCK: Final = (
    "This data has no clock: other leads were held out instead of later time, so the figures do not show how "
    "the model ages, and every attribute is taken as always known."
)
FIGURES: Final = (
    ("log_loss", "Log loss", "how surprised it was by the outcomes; lower is better", "{:.4f}"),
    ("auc", "AUC", "how well it ranks: 0.5 is a coin, 1 is perfect", "{:.3f}"),
    ("brier", "Brier score", "mean squared error; lower is better", "{:.4f}"),
    ("ece", "Calibration error (ECE)", "mean gap between predicted and observed; lower is better", "percent"),
    ("lift_at_10", "Lift in the top 10%", "wins there, as a multiple of the base rate", "{:.2f}"),
)
"""Key in metrics.json, name, meaning, and how it is written."""


@dataclass(frozen=True)
class Page:
    """Everything that the template shows; a part that the metrics lack is empty, and its section left out.

    Attributes
    ----------
    name, version, fingerprint : str
        Of the model, its bundle and its declarations.
    outcome, horizon : str
        What a win is, and within which time, in words; horizon is empty without a clock.
    warnings : tuple of str
        What belongs on top.
    headline, asides : str, tuple of str
        The one sentence for everybody, and what makes it exact.
    tiles : tuple of Row
        A few key figures, one cell each.
    models, figures : tuple of str, tuple of Row
        Columns and lines of the headline table.
    rivals : tuple of Row
        Model minus baseline: log loss, AUC, verdict.
    plots : mapping of str to Markup
        Figure name without ending → SVG.
    shipped : tuple of str
        What the figures are of, and what is in the bundle.
    method : str
        Of every interval.
    segments, segmented : str, tuple
        What is to be said of all segments; each category with its rows.
    contrasts : Contrasts or None
        Won against lost.
    bands, reliability, families, candidates, findings : tuple of mapping
        As in metrics.json; bands from the highest down, families from the heaviest.
    families_left : int
        Families that the figure does not show.
    explained : str
        On how much the families were measured; empty where the metrics do not tell.
    tracked : Tracked or None
        Which families matter, and which are not shown to.
    gains : tuple of Row
        The numbers behind gains and lift.
    chosen : str
        The calibration that was chosen.
    policy : tuple of Row
        What the policy means, one cell a line.
    audited : bool
        Whether the metrics tell of an audit; it may have found nothing.
    parts, notices, features : tuple, tuple, mapping
        Stretches of the data; sentences on it; file → a line for each of its features.
    dated, repeated : bool
        Whether the data has a clock, and whether a lead is looked at more than once.
    agreement : tuple of str
        Version and text of what marketing and sales agreed on, and who signed it; or nothing.
    card : str
        The model card, Markdown.
    """

    name: str
    version: str
    fingerprint: str
    outcome: str
    horizon: str
    warnings: tuple[str, ...]
    headline: str
    asides: tuple[str, ...]
    tiles: tuple[Row, ...]
    models: tuple[str, ...]
    figures: tuple[Row, ...]
    rivals: tuple[Row, ...]
    shipped: tuple[str, ...]
    method: str
    segments: str
    segmented: tuple[tuple[str, tuple[SegmentRow, ...]], ...]
    contrasts: Contrasts | None
    plots: Mapping[str, Markup]
    bands: tuple[Json, ...]
    reliability: tuple[Json, ...]
    gains: tuple[Row, ...]
    families: tuple[Json, ...]
    families_left: int
    explained: str
    tracked: Tracked | None
    chosen: str
    candidates: tuple[Json, ...]
    policy: tuple[Row, ...]
    audited: bool
    findings: tuple[Json, ...]
    parts: tuple[Part, ...]
    notices: tuple[str, ...]
    features: Mapping[str, tuple[Row, ...]]
    dated: bool
    repeated: bool
    agreement: tuple[str, ...]
    card: str


def render(
    declarations: Declarations, metrics: Mapping[str, Any], params_card: str = "", version: str = ""
) -> str:
    """Write the report as one self-contained HTML page.

    Parameters
    ----------
    declarations : Declarations
        Of the bundle.
    metrics : mapping
        As in a bundle's metrics.json; sections whose part is missing are left out.
    params_card : str
        The model card as Markdown, shown as it stands.
    version : str
        Of the bundle.
    """
    return _template().render(page=page(declarations, metrics, params_card, version), no_clock=NO_CLOCK)


def page(declarations: Declarations, metrics: Json, params_card: str = "", version: str = "") -> Page:
    """Put figures into words and tables; parameters as in `render`."""
    model, quality = declarations.model, metrics["quality"]
    models = {"model": quality, **dict(in_order(metrics["baselines"]))}
    calibration = metrics.get("calibration", {})
    families = sorted(metrics.get("families", ()), key=lambda f: -f["weight"])
    segmented = metrics.get("segments")
    segmented = segmented if segmented and segmented["columns"] else None
    horizon = length(model.label.horizon.text) if model.label.horizon else ""
    return Page(
        name=declarations.name,
        version=version,
        fingerprint=declarations.fingerprint()[:12],
        outcome=" and ".join(
            f"{c.column} is {OPERATORS[c.operator]}{' or '.join(map(str, c.values))}"
            for c in model.label.where
        )
        or f"it has a row in {model.label.source}",
        horizon=horizon,
        warnings=tuple(metrics["warnings"]),
        headline=headline(metrics, horizon),
        asides=tuple(asides(metrics, horizon)),
        tiles=tuple(tiles(metrics)),
        models=tuple(models),
        figures=tuple(
            Row(name, tuple(cell(q[key], word) for q in models.values()), hint)
            for key, name, hint, word in FIGURES
        ),
        rivals=tuple(_rival(name, d) for name, d in in_order(metrics["differences"])),
        shipped=evaluated_and_shipped(metrics),
        method=method(declarations),
        segments=segments_said(segmented, bool(model.evaluation.segments)) if segmented else "",
        segmented=tuple(segment_tables(segmented)) if segmented else (),
        contrasts=contrasts(declarations, metrics["won_lost"]) if metrics.get("won_lost") else None,
        plots={name.removesuffix(".svg"): Markup(svg.decode()) for name, svg in figures(metrics).items()},
        bands=tuple(reversed(quality["bands"])),
        reliability=tuple(quality["reliability"]),
        gains=tuple(_gains(models)),
        families=tuple(families),
        families_left=max(0, len(families) - SHOWN),
        explained=explained(metrics.get("importance")),
        tracked=tracked(metrics),
        chosen=calibration.get("chosen", ""),
        candidates=tuple(calibration.get("candidates", ())),
        policy=tuple(policy_rows(metrics.get("policy", {}), metrics.get("first_handoffs"), declarations)),
        audited="audit" in metrics,
        findings=tuple(metrics.get("audit", {}).get("findings", ())),
        parts=tuple(stretches(metrics)),
        notices=tuple(metrics.get("notices", ())),
        features=feature_rows(declarations),
        dated=model.has_clock,
        repeated=model.population.every is not None,
        agreement=_agreement(declarations),
        card=params_card,
    )


def _agreement(declarations: Declarations) -> tuple[str, ...]:
    said, signature = declarations.model.agreement, declarations.signature
    if said is None:
        return ()
    waits = unsigned(said.version, None if signature is None else signature.to_json())
    head = f"What sales-ready means; {waits}:" if waits else "What marketing and sales signed as sales-ready:"
    return said.version, said.sales_ready_means, head


def _rival(name: str, difference: Json) -> Row:
    log_loss, auc = cell(difference["log_loss"], "{:+.4f}"), cell(difference["auc"], "{:+.3f}")
    return Row(name, (log_loss, auc, Cell(verdict(difference))))


def _gains(models: Mapping[str, Json]) -> Iterator[Row]:
    for points in zip(*(q["gains"] for q in models.values()), strict=True):
        yield Row(f"{points[0]['share']:.0%}", tuple(_found(g) for g in points))


def _found(point: Json) -> Cell:
    wins = point["wins"]
    return Cell(NONE) if wins is None else Cell(percent(wins), f"lift {wins / point['share']:.2f}")


@cache
def _template() -> Template:
    text = files("lqmodel").joinpath("templates", "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    words = {"percent": percent, "band": band_word, "day": day, "whole": "{:,}".format, "cell": cell}
    environment.filters |= words
    return environment.from_string(text)
