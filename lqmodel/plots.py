"""The report's figures as SVG: equal numbers give equal bytes, readable on light and on dark paper.

Text and axes take the colour of the text around them (`currentColor`); the few hues keep a contrast of 3
on white and on near-black and differ for the colour-blind; what a hue says is said by shape or dash as well.
Rates stand on square-root axes: zero has its place, 0.5 % and 50 % can both be read, and the diagonal
stays straight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lqmodel.canvas import GREEN, INK, canvas, cut, legend, settings, written
from lqmodel.reasons.drawing import BLUE, GREY, ORANGE
from lqmodel.reasons.swarm import SHOWN, Swarm, draw_swarm
from lqmodel.typical import draw_typical

Json = Mapping[str, Any]
Curves = dict[str, list[tuple[float, float]]]

KINDS: Final = {"engagement": (BLUE, None), "fit": (ORANGE, "////")}
BASELINES: Final = ("base rate", "points rule", "your points table", "existing score", "logistic regression")
QUARTERS: Final = (0, 0.25, 0.5, 0.75, 1)
_TICKS: Final = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_LINES: Final = (
    ("-", BLUE),
    ("--", ORANGE),
    (":", GREEN),
    ("-.", GREY),
    ((0, (8, 2, 1, 2, 1, 2)), ORANGE),
    ((0, (9, 4)), GREEN),
)


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
        where there are families, families.svg, swarm.svg and typical.svg.
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
        with settings(name):
            drawn[f"{name}.svg"] = written(name, *function(metrics))
    if metrics.get("swarm"):
        found = Swarm.from_json(metrics["swarm"])
        drawn["swarm.svg"] = draw_swarm(found, "How far families move the odds").document().encode()
    if metrics.get("typical"):
        band = band_word(metrics["typical"]["band"])
        typical = draw_typical(metrics["typical"], metrics["families"], band)
        drawn["typical.svg"] = typical.document().encode()
    return drawn


def reliability(quality: Mapping[str, Any]) -> Figure:
    """Draw predicted probability against the share that was won; ``quality`` as in metrics.json."""
    with settings("reliability"):
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


def _reliability(metrics: Json) -> tuple[Figure, str, str]:
    bands = [b for b in metrics["quality"]["reliability"] if b["observed"] is not None]
    figure, (top, below) = canvas(4.6, (0.30, 0.66), (0.11, 0.13))
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
    legend(axes)
    told = ", ".join(
        f"{percent(y)} of wins in the top {x:.0%}" for x, y in _curves(metrics)["model"] if _told(x)
    )
    return figure, "Gains: share of all wins found among the likeliest leads", told


def _lift(metrics: Json) -> tuple[Figure, str, str]:
    curves = {name: [(x, y / x) for x, y in points] for name, points in _curves(metrics).items()}
    figure, axes = _ranked(curves, "times the base rate")
    axes.axhline(1, color=INK, alpha=0.45, linewidth=1, label="at random")
    axes.set_ylim(0, max(y for points in curves.values() for _, y in points) * 1.08)
    legend(axes)
    told = ", ".join(f"{y:.1f} times in the top {x:.0%}" for x, y in curves["model"] if _told(x))
    return figure, "Lift: share won among the likeliest leads, as a multiple of the base rate", told


def _ranked(curves: Curves, label: str, *, through_zero: bool = False) -> tuple[Figure, Axes]:
    """Draw one line for each model over the share of snapshots, likeliest first."""
    figure, (axes,) = canvas(3.9, (0.14, 0.70))
    for (name, points), (dash, colour) in zip(curves.items(), cycle(_LINES), strict=False):
        xs, ys = zip(*([(0.0, 0.0)] if through_zero else []), *points, strict=True)
        width = 2 if name == "model" else 1.5
        axes.plot(xs, ys, linestyle=dash, color=colour, linewidth=width, label=cut(name, 24))
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
    figure, (axes,) = canvas(height, (0.55 / height, 1 - 1.1 / height), left=0.05)
    base = metrics["quality"]["base_rate"]["value"]
    seen = [(i, b) for i, b in enumerate(bands) if b["observed"] is not None]
    limit = min(1.0, 1.08 * max(base, *(max(b["predicted"], b["observed"]["high"]) for _, b in seen)))
    for i, b in enumerate(bands):
        axes.text(0, i + 0.30, cut(band_word(b["name"])), va="bottom", fontweight="bold")
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
    legend(axes)
    spoken = "; ".join(
        f"{band_word(b['name'])}: predicted {percent(b['predicted'])}, observed {_interval(b['observed'])}"
        for _, b in seen
    )
    return figure, "Bands: predicted and observed share won", f"{spoken}; base rate {percent(base)}"


def _families(metrics: Json) -> tuple[Figure, str, str]:
    families = sorted(metrics["families"], key=lambda f: -f["weight"])[:SHOWN]
    height = 0.95 + 0.42 * len(families)
    figure, (axes,) = canvas(height, (0.55 / height, 1 - 0.9 / height), left=0.05)
    for kind, (colour, hatch) in KINDS.items():  # a kind shows in hue and in hatching
        rows = [(i, f["weight"]) for i, f in enumerate(families) if f["kind"] == kind]
        if rows:
            style: dict[str, Any] = {"edgecolor": colour, "facecolor": "none" if hatch else colour}
            at, weights = zip(*rows, strict=True)
            axes.barh(at, weights, height=0.34, label=kind, hatch=hatch, **style)
    for i, family in enumerate(families):
        if "weight_low" in family:
            ends = [family["weight_low"], family["weight_high"]]
            axes.plot(ends, [i, i], color=INK, linewidth=1.6, solid_capstyle="butt")
        axes.text(0, i - 0.23, cut(family["title"]), va="bottom", fontsize=9.5)
    axes.set_ylim(len(families) - 0.6, -0.75)
    axes.set_xlim(0, max(max(f.get("weight_high", f["weight"]) for f in families) * 1.05, 1e-9))
    _only_below(axes, "mean move of the log-odds per snapshot")
    axes.locator_params(axis="x", nbins=5)
    legend(axes)
    spoken = "; ".join(f"{f['title']} ({f['kind']}) {f['weight']:.3f}" for f in families)
    return figure, "Families of features by their weight in the model", spoken


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


def _interval(estimate: Json) -> str:
    return f"{percent(estimate['value'])} ({percent(estimate['low'])} to {percent(estimate['high'])})"
