"""The HTML report of a training: one file, made from a bundle's declarations and metrics alone.

It loads nothing and runs nothing: no script, no address, figures as SVG in the page. What comes from
declarations or data is escaped. Equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from lqmodel.declarations import Declarations, DeclaredFeature
from lqmodel.plots import FAMILIES_SHOWN, band_word, figures, in_order, percent

Json = Mapping[str, Any]

NONE: Final = "–"
BETTER, WORSE, OPEN = "the model is better", "the model is worse", "cannot be told apart"
OPERATORS: Final = {"eq": "", "ge": "at least ", "gt": "above ", "le": "at most ", "lt": "below "}
DIRECTIONS: Final = {"up": "more never lowers it", "down": "more never raises it", None: "free"}
UNITS: Final = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
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
PARTS: Final = (
    ("train", "Trained on", "classifier and calibration of the figures above"),
    ("test", "Tested on", "every figure above"),
    ("shipped", "Shipped", "the same recipe, fitted again on all of it: this model is in the bundle"),
)


@dataclass(frozen=True)
class Cell:
    """A figure and its interval, worded; ``span`` is empty where there is none."""

    value: str
    span: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table: a heading, what it means, and its cells."""

    name: str
    cells: tuple[Cell, ...]
    hint: str = ""


@dataclass(frozen=True)
class Part:
    """A stretch of the data; ``left`` and ``width`` place it on the time line, in percent."""

    name: str
    hint: str
    counts: Json
    left: float
    width: float


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
    bands, reliability, families, candidates, findings : tuple of mapping
        As in metrics.json; bands from the highest down, families from the heaviest.
    families_left : int
        Families that the figure does not show.
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
    dated : bool
        Whether the data has a clock.
    agreement : tuple of str
        Version and text of what marketing and sales signed, or nothing.
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
    plots: Mapping[str, Markup]
    bands: tuple[Json, ...]
    reliability: tuple[Json, ...]
    gains: tuple[Row, ...]
    families: tuple[Json, ...]
    families_left: int
    chosen: str
    candidates: tuple[Json, ...]
    policy: tuple[Row, ...]
    audited: bool
    findings: tuple[Json, ...]
    parts: tuple[Part, ...]
    notices: tuple[str, ...]
    features: Mapping[str, tuple[Row, ...]]
    dated: bool
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
    horizon = length(model.label.horizon.text) if model.label.horizon else ""
    return Page(
        name=declarations.name,
        version=version,
        fingerprint=declarations.fingerprint()[:12],
        outcome=" and ".join(
            f"{c.column} is {OPERATORS[c.operator]}{' or '.join(map(str, c.values))}"
            for c in model.label.where
        ),
        horizon=horizon,
        warnings=tuple(metrics["warnings"]),
        headline=_headline(quality, horizon),
        asides=tuple(_asides(metrics, horizon)),
        tiles=tuple(_tiles(quality)),
        models=tuple(models),
        figures=tuple(
            Row(name, tuple(_cell(q[key], word) for q in models.values()), hint)
            for key, name, hint, word in FIGURES
        ),
        rivals=tuple(_rival(name, d) for name, d in in_order(metrics["differences"])),
        plots={name.removesuffix(".svg"): Markup(svg.decode()) for name, svg in figures(metrics).items()},
        bands=tuple(reversed(quality["bands"])),
        reliability=tuple(quality["reliability"]),
        gains=tuple(_gains(models)),
        families=tuple(families),
        families_left=max(0, len(families) - FAMILIES_SHOWN),
        chosen=calibration.get("chosen", ""),
        candidates=tuple(calibration.get("candidates", ())),
        policy=tuple(_policy(metrics.get("policy", {}), declarations)),
        audited="audit" in metrics,
        findings=tuple(metrics.get("audit", {}).get("findings", ())),
        parts=tuple(_parts(metrics)),
        notices=tuple(metrics.get("notices", ())),
        features=_features(declarations),
        dated=model.has_clock,
        agreement=(model.agreement.version, model.agreement.sales_ready_means) if model.agreement else (),
        card=params_card,
    )


def length(text: str) -> str:
    """Write a duration of a declaration in words.

    >>> length("60d"), length("1d"), length("ever")
    ('60 days', '1 day', 'ever')
    """
    if text[-1] not in UNITS or not text[:-1].isdigit():
        return text
    return f"{text[:-1]} {UNITS[text[-1]]}{'' if text[:-1] == '1' else 's'}"


def _top(quality: Json) -> Json:
    """Return the highest band that held-out snapshots reached."""
    reached: list[Json] = [b for b in quality["bands"] if b["observed"] is not None]
    return reached[-1]


def _headline(quality: Json, horizon: str) -> str:
    top, base = _top(quality), quality["base_rate"]["value"]
    band, within = band_word(top["name"]), f" within {horizon}" if horizon else ""
    if top == quality["bands"][0]:
        return f"All held-out leads lie {band}: {percent(base)} of them were won{within}."
    of = next((n for n in (100, 1_000, 10_000) if base * n >= 1), 100_000)
    won, random = (_count(rate, of) for rate in (top["observed"]["value"], base))
    return (
        f"Of {of:,} leads in the {band} band, {won} were won{within}; picked at random it would be {random}."
    )


def _count(rate: float, of: int) -> str:
    return "none" if rate == 0 else f"about {round(rate * of):,}" if rate * of >= 0.5 else "fewer than one"


def _asides(metrics: Json, horizon: str) -> Iterator[str]:
    quality, top = metrics["quality"], _top(metrics["quality"])
    low, high = top["observed"]["low"], top["observed"]["high"]
    yield f"The 95% interval of that share is {percent(low)} to {percent(high)}."
    highest = quality["bands"][-1]
    if highest != top:
        yield f"No held-out lead reached the {band_word(highest['name'])} band."
    if top != quality["bands"][0] and low <= quality["base_rate"]["value"]:
        yield "It reaches down to the base rate: on this data the band is not shown to be better than chance."
    tested = metrics["test"]
    when = f", {_day(tested['first'])} to {_day(tested['last'])}," if tested["first"] else ""
    yield (
        f"Judged on {tested['snapshots']:,} snapshots of {tested['leads']:,} leads{when} that the model had not seen"
        + ("; a lead counts once in each of its snapshots." if horizon else ".")
    )
    beaten = [name for name, d in in_order(metrics["differences"]) if _verdict(d) == BETTER]
    if beaten:
        yield f"Its probabilities beat these baselines: {', '.join(beaten)}."


def _verdict(difference: Json) -> str:
    low, high = difference["log_loss"]["low"], difference["log_loss"]["high"]
    return BETTER if high < 0 else WORSE if low > 0 else OPEN


def _tiles(quality: Json) -> Iterator[Row]:
    top = _top(quality)
    if top != quality["bands"][0]:
        yield Row(f"won in the {band_word(top['name'])} band", (_cell(top["observed"], "percent"),))
    yield Row("base rate: won among all", (_cell(quality["base_rate"], "percent"),))
    yield Row("lift in the top 10%", (_cell(quality["lift_at_10"], "{:.1f}×"),))
    yield Row("AUC: how well it ranks", (_cell(quality["auc"], "{:.3f}"),))


def _cell(estimate: Json | None, form: str) -> Cell:
    """Word a figure with its interval, with true minus signs."""
    if estimate is None or estimate["value"] is None:
        return Cell(NONE)
    write: Callable[[float], str] = percent if form == "percent" else form.format
    value, low, high = (write(estimate[k]).replace("-", "−") for k in ("value", "low", "high"))
    return Cell(value, f"{low} to {high}" if estimate["low"] < estimate["high"] else "")


def _rival(name: str, difference: Json) -> Row:
    log_loss, auc = _cell(difference["log_loss"], "{:+.4f}"), _cell(difference["auc"], "{:+.3f}")
    return Row(name, (log_loss, auc, Cell(_verdict(difference))))


def _gains(models: Mapping[str, Json]) -> Iterator[Row]:
    for points in zip(*(q["gains"] for q in models.values()), strict=True):
        yield Row(f"{points[0]['share']:.0%}", tuple(_found(g) for g in points))


def _found(point: Json) -> Cell:
    wins = point["wins"]
    return Cell(NONE) if wins is None else Cell(percent(wins), f"lift {wins / point['share']:.2f}")


def _policy(solved: Json, declarations: Declarations) -> Iterator[Row]:
    """Say what the thresholds mean; ``solved`` holds a policy and the volume that it gave when replayed."""
    if not solved:
        return
    policy, volume, stages = solved["policy"], solved["volume"], declarations.model.stages
    titles = {f.name: _title(f) for f in (*declarations.features, *declarations.facts)}
    capacity = stages.sales_ready.capacity
    why = f"solved for at most {capacity.per_week:,} first handoffs a week" if capacity else "as declared"
    if capacity and volume and volume["per_week"] > capacity.per_week:
        why += ", which those who raise their hand, or the likeliest alone, exceed: it lies above every lead"
    over = (
        f"mean over {volume['weeks']:.0f} held-out weeks; a lead counts at its first handoff"
        if volume
        else ""
    )
    lines = [
        ("MQL from", percent(policy["mql"]["probability"]), "marketing nurtures; as declared"),
        ("Sales-ready from", percent(policy["sales_ready"]["probability"]), f"handed to sales; {why}"),
        ("First handoffs a week", f"{volume['per_week']:.1f}" if volume else "", over),
        (
            "Backlog",
            f"{volume['backlog']:,} leads" if volume else "",
            "handed over at once when the policy begins",
        ),
    ]
    lines += [
        (name, ", ".join(titles[fact] for fact in policy[key]), hint)
        for name, key, hint in (
            ("At any probability", "promote_any", "these acts alone make a lead sales-ready"),
            ("Kept from sales", "block", "while one of these holds"),
            ("Needed for SQL", "require", f"after {policy['sql_after']}"),
        )
    ]
    bar = f"below {policy['below_ratio']:.0%} of the threshold for {length(stages.demotion.duration.text)}"
    lines.append(("Falls back", bar, "so that a lead near the threshold does not flicker"))
    yield from (Row(name, (Cell(text),), hint) for name, text, hint in lines if text)


def _parts(metrics: Json) -> Iterator[Part]:
    parts = [(name, hint, metrics[key]) for key, name, hint in PARTS if key in metrics]
    spans = [[_seconds(p["first"]), _seconds(p["last"])] if p["first"] else [0.0, 0.0] for _, _, p in parts]
    start = min(first for first, _ in spans)
    whole = max(1.0, max(last for _, last in spans) - start)
    for (name, hint, part), (first, last) in zip(parts, spans, strict=True):
        left, width = 100 * (first - start) / whole, 100 * (last - first) / whole
        yield Part(name, hint, part, round(left, 2), round(width, 2))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _features(declarations: Declarations) -> dict[str, tuple[Row, ...]]:
    """Return feature file with its kind → verb, source, windows and direction of its features."""
    rows: dict[str, list[Row]] = {}
    for declared in (*declarations.features, *declarations.facts):
        gate = "" if declared.file in declarations.model.features else ", gates only"
        feature = declared.feature
        windows = ", ".join(length(c.window.text) for c in declared.columns() if c.window) or NONE
        texts = (feature.verb, feature.source, windows, DIRECTIONS[feature.direction])
        row = Row(_title(declared), tuple(map(Cell, texts)))
        rows.setdefault(f"{declared.file} ({declared.kind}{gate})", []).append(row)
    return {file: tuple(found) for file, found in rows.items()}


def _title(declared: DeclaredFeature) -> str:
    return declared.feature.title or declared.name.replace("_", " ")


def _day(moment: str | None) -> str:
    """Return the day of an ISO moment; a dash without one."""
    return moment[:10] if moment else NONE


@cache
def _template() -> Template:
    text = files("lqmodel").joinpath("templates", "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    words = {"percent": percent, "band": band_word, "day": _day, "whole": "{:,}".format, "cell": _cell}
    environment.filters |= words
    return environment.from_string(text)
