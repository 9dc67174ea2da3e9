"""The report's figures as SVG: equal numbers give equal bytes, readable on light and on dark paper.

Text and axes take the colour of the text around them (`currentColor`); the few hues keep a contrast of 3
on white and on near-black and differ for the colour-blind; what a hue says is said by shape or dash as well.
Rates stand on square-root axes: zero has its place, 0.5 % and 50 % can both be read, and the diagonal
stays straight.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Json = Mapping[str, Any]
Curves = dict[str, list[tuple[float, float]]]

BLUE: Final = "#1f7fbf"
ORANGE: Final = "#d55e00"
GREEN: Final = "#0d9268"
GREY: Final = "#7d838c"
INK: Final = "#010203"
"""Stands for `currentColor`, which matplotlib does not know."""
KINDS: Final = {"engagement": (BLUE, None), "fit": (ORANGE, "////")}
WIDTH: Final = 4.4
"""Inches: near the width of a phone, so that text is not shrunk there."""
BASELINES: Final = ("base rate", "points rule", "your points table", "existing score", "logistic regression")
FAMILIES_SHOWN: Final = 15
QUARTERS: Final = (0, 0.25, 0.5, 0.75, 1)
_SVG: Final = "{http://www.w3.org/2000/svg}"
_XLINK: Final = "{http://www.w3.org/1999/xlink}"
_STYLE: Final = (
    ".lq-plot{color:#24272c}@media screen and (prefers-color-scheme:dark){.lq-plot{color:#dcdfe4}}"
)
_TICKS: Final = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_LINES: Final = (
    ("-", BLUE),
    ("--", ORANGE),
    (":", GREEN),
    ("-.", GREY),
    ((0, (8, 2, 1, 2, 1, 2)), ORANGE),
    ((0, (9, 4)), GREEN),
)
_RC: Final = {
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud, and set in the page's font
    "text.parse_math": False,  # a dollar in a title is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "legend.fontsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.borderaxespad": 0.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def figures(metrics: Mapping[str, Any]) -> dict[str, bytes]:
    """Draw every figure that the metrics hold numbers for.

    Parameters
    ----------
    metrics : mapping
        As in a bundle's metrics.json; at least ``quality``.

    Returns
    -------
    dict of str to bytes
        File name → SVG in UTF-8, each a whole document: reliability.svg, gains.svg, lift.svg, bands.svg and,
        where there are families, families.svg.
    """
    draw: dict[str, Callable[[Json], tuple[Figure, str, str]]] = {
        "reliability": _reliability,
        "gains": _gains,
        "lift": _lift,
        "bands": _bands,
    }
    if metrics.get("families"):
        draw["families"] = _families
    drawn = {}
    for name, function in draw.items():
        with _settings(name):
            figure, title, description = function(metrics)
            buffer = io.BytesIO()
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
        drawn[f"{name}.svg"] = _finished(buffer.getvalue(), name, title, description)
    return drawn


class Shown(Figure):
    """A figure that shows itself in a notebook, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def reliability(quality: Mapping[str, Any]) -> Figure:
    """Draw predicted probability against the share that was won; ``quality`` as in metrics.json."""
    with _settings("reliability"):
        return _reliability({"quality": quality})[0]


def percent(rate: float) -> str:
    """Write a rate with two significant digits below 10 %, one digit after the point above.

    >>> percent(0.0312), percent(0.3124), percent(0.00041), percent(0.0), percent(1.0)
    ('3.1%', '31.2%', '0.041%', '0%', '100%')
    """
    if rate in (0, 1):
        return f"{rate:.0%}"
    small = abs(rate) * 100 < 10
    digits = max(1, 1 - math.floor(math.log10(abs(rate) * 100))) if small else 1
    return f"{rate * 100:.{min(digits, 4)}f}%"


def band_word(name: str) -> str:
    """Return the name of a band as people say it.

    >>> band_word("sales_ready"), band_word("mql"), band_word("below")
    ('sales-ready', 'MQL', 'below MQL')
    """
    return {"below": "below MQL", "lead": "below MQL", "mql": "MQL", "sales_ready": "sales-ready"}.get(
        name, name.replace("_", " ")
    )


@contextmanager
def _settings(name: str) -> Iterator[None]:
    """Set matplotlib's defaults, whatever the user has set, and leave the user's settings as they were."""
    usual = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(("backend", "date."))}
    with warnings.catch_warnings(), matplotlib.rc_context({**usual, **_RC, "svg.hashsalt": name}):
        # the browser picks a font that holds the glyph; matplotlib only measures
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _reliability(metrics: Json) -> tuple[Figure, str, str]:
    bands = [b for b in metrics["quality"]["reliability"] if b["observed"] is not None]
    figure, (top, below) = _canvas(4.6, (0.30, 0.66), (0.11, 0.13))
    limit = max(max(b["predicted"], b["observed"]["high"]) for b in bands)
    blocks = list(_blocks(bands))
    limit = min(1.0, max(limit, blocks[-1][1]) * 1.05)
    reach = math.sqrt(limit)
    top.plot([0, reach], [0, reach], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    top.text(reach * 0.93, reach * 0.955, "as predicted", ha="right", va="bottom", fontsize=9)
    for b in bands:
        x, y = math.sqrt(b["predicted"]), b["observed"]
        top.plot([x, x], [math.sqrt(y["low"]), math.sqrt(y["high"])], color=BLUE, linewidth=1.6)
        top.plot(x, math.sqrt(y["value"]), marker="o", markersize=5.5, color=BLUE, clip_on=False)
    _rate_axis(top.set_yticks, top.set_ylim, limit, 0.1)
    _rate_axis(top.set_xticks, top.set_xlim, limit, 0.13)
    top.set_ylabel("share that was won")
    top.tick_params(labelbottom=False)
    top.grid(color=INK, alpha=0.12, linewidth=0.7)
    for start, end, share in blocks:
        left, right = math.sqrt(start), math.sqrt(min(end, limit))
        style: dict[str, Any] = {"color": BLUE, "alpha": 0.55, "edgecolor": INK, "linewidth": 0.5}
        below.bar(left, share / (right - left), width=right - left, align="edge", **style)
    _rate_axis(below.set_xticks, below.set_xlim, limit, 0.13)
    _only_below(below, "predicted probability")
    spoken = "; ".join(
        f"predicted {percent(b['predicted'])}, observed {_interval(b['observed'])}" for b in bands
    )
    return figure, "Reliability: predicted probability against the share that was won", spoken


def _blocks(bands: Sequence[Json]) -> Iterator[tuple[float, float, float]]:
    """Yield (from, to, share of rows) of each reliability band.

    The outermost bands have 0 and 1 as ends; they are drawn as far as their mean allows if their scores
    lie evenly, and no farther.
    """
    rows = sum(b["snapshots"] for b in bands)
    for i, b in enumerate(bands):
        start, end, mean = b["at_least"], b["below"], b["predicted"]
        if i == 0 and len(bands) > 1:
            start = max(0.0, 2 * mean - end)
        if i == len(bands) - 1:
            end = min(1.0, 2 * mean - start)
        if math.sqrt(end) - math.sqrt(start) < 1e-3:  # all scores alike
            start, end = max(0.0, start - 1e-3), end + 1e-3
        yield start, end, b["snapshots"] / rows


def _curves(metrics: Json) -> Curves:
    """Return model and baselines → (share of leads, share of wins); the constant base rate ranks nothing."""
    rivals = {name: quality for name, quality in in_order(metrics["baselines"]) if name != "base rate"}
    return {
        name: [(g["share"], g["wins"]) for g in quality["gains"] if g["wins"] is not None]
        for name, quality in {"model": metrics["quality"], **rivals}.items()
    }


def in_order(baselines: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """Return baselines from the plainest on, others by name: JSON files do not keep an order.

    >>> [name for name, _ in in_order({"logistic regression": {}, "old score": {}, "base rate": {}})]
    ['base rate', 'logistic regression', 'old score']
    """
    known = [name for name in BASELINES if name in baselines]
    return [(name, baselines[name]) for name in (*known, *sorted(set(baselines) - set(known)))]


def _gains(metrics: Json) -> tuple[Figure, str, str]:
    figure, axes = _ranked(_curves(metrics), "share of all wins found", through_zero=True)
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.45, linewidth=1, label="at random")
    axes.set_ylim(0, 1.02)
    axes.set_yticks(QUARTERS, [f"{q:.0%}" for q in QUARTERS])
    _legend(axes)
    told = ", ".join(
        f"{percent(y)} of wins in the top {x:.0%}" for x, y in _curves(metrics)["model"] if _told(x)
    )
    return figure, "Gains: share of all wins found among the likeliest leads", told


def _lift(metrics: Json) -> tuple[Figure, str, str]:
    curves = {name: [(x, y / x) for x, y in points] for name, points in _curves(metrics).items()}
    figure, axes = _ranked(curves, "times the base rate")
    axes.axhline(1, color=INK, alpha=0.45, linewidth=1, label="at random")
    axes.set_ylim(0, max(y for points in curves.values() for _, y in points) * 1.08)
    _legend(axes)
    told = ", ".join(f"{y:.1f} times in the top {x:.0%}" for x, y in curves["model"] if _told(x))
    return figure, "Lift: share won among the likeliest leads, as a multiple of the base rate", told


def _ranked(curves: Curves, label: str, *, through_zero: bool = False) -> tuple[Figure, Axes]:
    """Draw one line for each model over the share of snapshots, likeliest first."""
    figure, (axes,) = _canvas(3.9, (0.14, 0.70))
    for (name, points), (dash, colour) in zip(curves.items(), cycle(_LINES), strict=False):
        xs, ys = zip(*([(0.0, 0.0)] if through_zero else []), *points, strict=True)
        width = 2 if name == "model" else 1.5
        axes.plot(xs, ys, linestyle=dash, color=colour, linewidth=width, label=_cut(name, 24))
    axes.set_xlim(0, 1)
    axes.set_xticks(QUARTERS, [f"{q:.0%}" for q in QUARTERS])
    axes.set_xlabel("share of snapshots, likeliest first")
    axes.set_ylabel(label)
    axes.grid(color=INK, alpha=0.12, linewidth=0.7)
    return figure, axes


def _told(share: float) -> bool:
    return any(math.isclose(share, s) for s in (0.05, 0.1, 0.2, 0.5))


def _bands(metrics: Json) -> tuple[Figure, str, str]:
    bands = metrics["quality"]["bands"]
    height = 1.25 + 0.62 * len(bands)
    figure, (axes,) = _canvas(height, (0.55 / height, 1 - 1.1 / height), left=0.05)
    base = metrics["quality"]["base_rate"]["value"]
    seen = [(i, b) for i, b in enumerate(bands) if b["observed"] is not None]
    limit = min(1.0, 1.08 * max(base, *(max(b["predicted"], b["observed"]["high"]) for _, b in seen)))
    for i, b in enumerate(bands):
        axes.text(0, i + 0.30, _cut(band_word(b["name"])), va="bottom", fontweight="bold")
        if b["observed"] is None:
            axes.text(0, i, "no held-out snapshot", va="center", fontsize=9)
    for i, b in seen:
        axes.plot([math.sqrt(b["observed"][end]) for end in ("low", "high")], [i, i], color=BLUE, linewidth=2)
    dot: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 7, "linestyle": "none"}
    diamond: dict[str, Any] = {
        "color": ORANGE,
        "marker": "D",
        "markersize": 9,
        "linestyle": "none",
        "fillstyle": "none",
    }
    rows = [i for i, _ in seen]
    observed = [math.sqrt(b["observed"]["value"]) for _, b in seen]
    axes.plot(observed, rows, label="observed, 95% interval", **dot)
    predicted = [math.sqrt(b["predicted"]) for _, b in seen]
    axes.plot(predicted, rows, label="predicted", markeredgewidth=1.6, **diamond)
    axes.axvline(math.sqrt(base), color=GREY, linestyle=(0, (4, 3)), linewidth=1, label="base rate")
    _rate_axis(axes.set_xticks, axes.set_xlim, limit, 0.12)
    axes.set_ylim(-0.45, len(bands) - 0.1)
    _only_below(axes, "share that was won")
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.7)
    _legend(axes)
    spoken = "; ".join(
        f"{band_word(b['name'])}: predicted {percent(b['predicted'])}, observed {_interval(b['observed'])}"
        for _, b in seen
    )
    return figure, "Bands: predicted and observed share won", f"{spoken}; base rate {percent(base)}"


def _families(metrics: Json) -> tuple[Figure, str, str]:
    families = sorted(metrics["families"], key=lambda f: -f["weight"])[:FAMILIES_SHOWN]
    height = 0.95 + 0.42 * len(families)
    figure, (axes,) = _canvas(height, (0.55 / height, 1 - 0.9 / height), left=0.05)
    for kind, (colour, hatch) in KINDS.items():  # a kind shows in hue and in hatching
        rows = [(i, f["weight"]) for i, f in enumerate(families) if f["kind"] == kind]
        if rows:
            style: dict[str, Any] = {"edgecolor": colour, "facecolor": "none" if hatch else colour}
            at, weights = zip(*rows, strict=True)
            axes.barh(at, weights, height=0.34, label=kind, hatch=hatch, **style)
    for i, family in enumerate(families):
        axes.text(0, i - 0.23, _cut(family["title"]), va="bottom", fontsize=9.5)
    axes.set_ylim(len(families) - 0.6, -0.75)
    axes.set_xlim(0, max(max(f["weight"] for f in families) * 1.05, 1e-9))
    _only_below(axes, "mean move of the log-odds per snapshot")
    axes.locator_params(axis="x", nbins=5)
    _legend(axes)
    spoken = "; ".join(f"{f['title']} ({f['kind']}) {f['weight']:.3f}" for f in families)
    return figure, "Families of features by their weight in the model", spoken


def _canvas(height: float, *parts: tuple[float, float], left: float = 0.16) -> tuple[Figure, list[Axes]]:
    """Make a figure with axes at fixed places: (bottom, height) of each as shares, the upper one first."""
    figure = Shown(figsize=(WIDTH, height))
    return figure, [figure.add_axes((left, bottom, 0.94 - left, tall)) for bottom, tall in parts]


def _rate_axis(
    set_ticks: Callable[..., Any], set_limits: Callable[..., Any], limit: float, apart: float
) -> None:
    """Mark rates 0 … limit on an axis that holds their square roots, no closer than ``apart`` (a share of it)."""
    reach = math.sqrt(limit)
    ticks: list[float] = []
    for tick in _TICKS:
        if tick <= limit and (not ticks or math.sqrt(tick) - math.sqrt(ticks[-1]) >= apart * reach):
            ticks.append(tick)
    set_ticks([math.sqrt(t) for t in ticks], [f"{t * 100:g}%" for t in ticks])
    set_limits(0, reach)


def _only_below(axes: Axes, label: str) -> None:
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(label)


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, handlelength=2.2, columnspacing=1.4)


def _cut(text: str, most: int = 56) -> str:
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _interval(estimate: Json) -> str:
    return f"{percent(estimate['value'])} ({percent(estimate['low'])} to {percent(estimate['high'])})"


def _finished(svg: bytes, name: str, title: str, description: str) -> bytes:
    """Name the image for readers who do not see it, let it take its colour from around, keep ids apart."""
    root = ET.fromstring(svg)
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    _simplify(root, f"lq-{name}-")
    labels = [ET.Element(tag, {"id": f"lq-{name}-{tag}"}) for tag in ("title", "desc")]
    style = ET.Element("style")
    labels[0].text, labels[1].text, style.text = title, _cut(description, 4000), _STYLE
    root[:0] = [*labels, style]
    root.attrib |= {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "lq-plot",
        "role": "img",
        "aria-labelledby": f"lq-{name}-title lq-{name}-desc",
    }
    return ET.tostring(root, encoding="unicode").encode()


def _simplify(root: ET.Element, prefix: str) -> None:
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        attributes = {key.removeprefix(_XLINK): value for key, value in element.attrib.items()}
        for key, value in attributes.items():
            if key == "id":
                attributes[key] = prefix + value
            elif key == "href" and value.startswith("#"):
                attributes[key] = f"#{prefix}{value[1:]}"
            else:
                value = re.sub(r"url\(#", f"url(#{prefix}", value)
                attributes[key] = value.replace(INK, "currentColor").replace("'DejaVu Sans'", "system-ui")
        element.attrib.clear()
        element.attrib.update(attributes)
