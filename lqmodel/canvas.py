"""What all figures of matplotlib share: settings, a canvas, a legend, and the finished SVG.

Text and axes take the colour of the text around them (`currentColor`); hues keep a contrast of 3 on white and on
near-black and differ for the colour-blind.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

GREEN: Final = "#0d9268"
INK: Final = "#010203"
"""Stands for `currentColor`, which matplotlib does not know."""
WIDTH: Final = 4.4
"""Inches: near the width of a phone, so that text is not shrunk there."""
_SVG: Final = "{http://www.w3.org/2000/svg}"
_XLINK: Final = "{http://www.w3.org/1999/xlink}"
_STYLE: Final = (
    ".lq-plot{color:#24272c}@media screen and (prefers-color-scheme:dark){.lq-plot{color:#dcdfe4}}"
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


class Shown(Figure):
    """A figure that shows itself in a notebook, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


@contextmanager
def settings(name: str) -> Iterator[None]:
    """Set matplotlib's defaults, whatever the user has set, and leave the user's settings as they were."""
    usual = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(("backend", "date."))}
    with warnings.catch_warnings(), matplotlib.rc_context({**usual, **_RC, "svg.hashsalt": name}):
        # the browser picks a font that holds the glyph; matplotlib only measures
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def canvas(height: float, *parts: tuple[float, float], left: float = 0.16) -> tuple[Figure, list[Axes]]:
    """Make a figure with axes at fixed places: (bottom, height) of each as shares, the upper one first."""
    figure = Shown(figsize=(WIDTH, height))
    return figure, [figure.add_axes((left, bottom, 0.94 - left, tall)) for bottom, tall in parts]


def legend(axes: Axes) -> None:
    """Set the legend above the axes."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, handlelength=2.2, columnspacing=1.4)


def cut(text: str, most: int = 56) -> str:
    """Return text without control characters, cut to a length."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def written(name: str, figure: Figure, title: str, description: str) -> bytes:
    """Return a figure as an SVG document; equal figures give equal bytes."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return _finished(buffer.getvalue(), name, title, description)


def _finished(svg: bytes, name: str, title: str, description: str) -> bytes:
    """Name the image for readers who do not see it, let it take its colour from around, keep ids apart."""
    root = ET.fromstring(svg)
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    for defs in root.findall(f"{_SVG}defs"):
        for style in defs.findall(f"{_SVG}style"):
            defs.remove(style)  # a rule for *, which inside a page would hold for all of it
    _simplify(root, f"lq-{name}-")
    labels = [ET.Element(tag, {"id": f"lq-{name}-{tag}"}) for tag in ("title", "desc")]
    style = ET.Element("style")
    labels[0].text, labels[1].text, style.text = title, cut(description, 4000), _STYLE
    root[:0] = [*labels, style]
    root.attrib |= {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "lq-plot",
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
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
