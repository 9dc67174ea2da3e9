"""The plot of a comparison of policies: what more handoffs cost in precision, and what they bring.

Precision stands on a plain axis from zero: what is read from it is how much of sales' time is spent on wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lqmodel.canvas import INK, canvas, cut, legend, settings, written
from lqmodel.plots import percent
from lqmodel.reasons.drawing import BLUE, GREY, ORANGE

Json = Mapping[str, Any]
NAME: Final = "policies"
LABEL: Final = (0.145, 0.055)
"""Width and height of a label, as shares of the axes."""


def draw(comparison: Json) -> Figure:
    """Draw a comparison; ``comparison`` as `Comparison.to_json` gives it."""
    with settings(NAME):
        return _drawn(comparison)


def document(comparison: Json) -> bytes:
    """Return the plot as an SVG document in UTF-8; equal figures give equal bytes."""
    with settings(NAME):
        title = "Settings of the handoff's threshold: share won against first handoffs a week"
        return written(NAME, _drawn(comparison), title, "; ".join(map(_told, comparison["settings"])))


def _drawn(comparison: Json) -> Figure:
    rows = [one for one in comparison["settings"] if one["precision"] is not None]
    valued = [one for one in comparison["settings"] if one["value_per_week"] is not None]
    if valued:
        figure, (top, below) = canvas(5.2, (0.44, 0.46), (0.145, 0.22), left=0.17)
    else:
        figure, (top,) = canvas(4.0, (0.19, 0.65))
        below = None
    reach = 1.08 * max([one["per_week"] for one in comparison["settings"]] + [1.0])
    _precision(top, rows, reach)
    if below is not None:
        _values(below, valued)
        below.set_xlim(0, reach)
        top.tick_params(labelbottom=False)
    last = top if below is None else below
    last.set_xlabel("first handoffs a week")
    said = "≥ the probability from which leads are handed over"
    figure.text(0.94, 0.015, said, ha="right", va="bottom", fontsize=8.5)
    return figure


def _precision(axes: Axes, rows: Sequence[Json], reach: float) -> None:
    limit = min(1.0, 1.18 * max((one["precision"]["high"] for one in rows), default=0.5))
    taken: list[tuple[float, float]] = []
    for one in sorted(rows, key=lambda one: not one["in_force"]):  # the one in force is never without a label
        x, seen = one["per_week"], one["precision"]
        colour = ORANGE if one["in_force"] else BLUE
        axes.plot([x, x], [seen["low"], seen["high"]], color=colour, linewidth=1.6)
        near = [other for other in rows if abs(x - other["per_week"]) < LABEL[0] / 2 * reach]
        y = max(other["precision"]["high"] for other in near) + 0.02 * limit
        if all(abs(x - a) >= LABEL[0] * reach or abs(y - b) >= LABEL[1] * limit for a, b in taken):
            taken.append((x, y))
            label = f"≥ {one['threshold'] * 100:.1f}".removesuffix(".0") + "%"
            axes.text(x, y, label, ha="center", va="bottom", fontsize=8.5)
    _marks(axes, rows, "precision")
    axes.set_xlim(0, reach)
    axes.set_ylim(0, limit)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:g}%")
    axes.set_ylabel("share that was won")
    axes.grid(color=INK, alpha=0.12, linewidth=0.7)
    axes.locator_params(axis="both", nbins=6)
    if rows:
        legend(axes)
    else:
        axes.text(reach / 2, limit / 2, "no setting hands anybody over", ha="center")


def _values(axes: Axes, rows: Sequence[Json]) -> None:
    axes.axhline(0, color=GREY, linewidth=1)
    _marks(axes, rows, "value_per_week")
    axes.yaxis.set_major_formatter(lambda value, _: amount(value))
    axes.set_ylabel("value a week")
    axes.grid(color=INK, alpha=0.12, linewidth=0.7)
    axes.locator_params(axis="x", nbins=6)
    axes.locator_params(axis="y", nbins=5)
    axes.margins(y=0.15)


def _marks(axes: Axes, rows: Sequence[Json], figure: str) -> None:
    """Mark each setting: the one in force by shape and hue."""
    at = {
        in_force: [(one["per_week"], _number(one[figure])) for one in rows if one["in_force"] is in_force]
        for in_force in (False, True)
    }
    others: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 6, "linestyle": "none"}
    now: dict[str, Any] = {"color": ORANGE, "marker": "D", "markersize": 8.5, "linestyle": "none"}
    for points, style, label in (
        (at[False], others, "other setting, 95% interval"),
        (at[True], now, "in force"),
    ):
        if points:
            xs, ys = zip(*points, strict=True)
            axes.plot(xs, ys, label=label, clip_on=False, **style)


def amount(value: float) -> str:
    """Write an amount of money with at most three digits and its thousands or millions.

    >>> amount(0.0), amount(950.0), amount(12_500.0), amount(-4e6), amount(2.5e9)
    ('0', '950', '12.5k', '−4M', '2.5bn')
    """
    sign, size = "−" if value < 0 else "", abs(value)
    for unit, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{sign}{size / unit:.3g}{letter}"
    return f"{sign}{size:.3g}"


def _number(value: Any) -> float:
    return float(value["value"] if isinstance(value, Mapping) else value)


def _told(one: Json) -> str:
    """Say a setting in words, for those who do not see it."""
    seen, value = one["precision"], one["value_per_week"]
    share = (
        "nobody handed over"
        if seen is None
        else f"{percent(seen['value'])} won ({percent(seen['low'])} to {percent(seen['high'])})"
    )
    name = f"{cut(one['name'])} (in force)" if one["in_force"] else cut(one["name"])
    brought = "" if value is None else f", value {value:,.0f} a week"
    return f"{name}: from {percent(one['threshold'])}, {one['per_week']:.1f} a week, {share}{brought}"
