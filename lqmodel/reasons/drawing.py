"""Pieces of SVG drawn as text: words that fit their place in any font, numbers, elements, a drawing that shows itself.

Everything that comes from data or declarations passes `Words`: one line without control characters, escaped.
Colours stand as attributes (no style sheet is needed, so none can be refused) under class names, by which a
page may set its own. They keep a contrast of 3 on white and on near-black and differ for the colour-blind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from lqmodel.files import sha256
from lqmodel.reasons.words import NO_BREAK, clean

BLUE: Final = "#1f7fbf"
ORANGE: Final = "#d55e00"
GREY: Final = "#7d838c"
QUIET: Final = 0.72
"""Opacity of text that stands back."""
LINE: Final = 1.3
"""Height of a line, in font sizes."""
_LONGEST = 400  # characters of a text that are looked at
_CLASSES: Final = (
    (0.36, " \xa0'.,·‘’ijlI|:;/\\ıł"),
    (0.47, 'fJtrľ()[]!-"'),
    (0.57, "sz*_–°cL?„“”•"),
    (0.86, "CDGHNOQUŊÐĐØw#+<=>^~±×÷−&"),
    (1.08, "MWmĦŉÆæŒœ%@—…¬¼½¾©®"),
)
_WIDTHS: Final = {c: width for width, characters in _CLASSES for c in characters}
_OTHER = 0.71  # the other letters and digits of Latin script
_UNKNOWN = 0.75  # of a script that was not measured
_WORST = 2.5
_WIDE = 1.1
_BOLD = 1.13
_MARGIN = 10.0  # around a file of its own
_ENLARGED = 1.25  # a file of its own, so that its text is as large as that of a page
_OWN_PAGE: Final = (
    "<style>svg.lq:root{color-scheme:light dark;color:#24272c;background:#fff}"
    "@media screen and (prefers-color-scheme:dark){svg.lq:root{color:#dcdfe4;background:#16181c}}</style>"
)
"""Of an image that is a file of its own; inside a page it says nothing, and text takes the colour around it."""


@dataclass(frozen=True)
class Drawing:
    """An image as SVG text; shows itself in a notebook.

    Attributes
    ----------
    svg : str
        One ``<svg>`` element, to be set into a page as it stands: as wide as the place that it is given.
    width, height : float
        Its own size, in units of the view box.
    """

    svg: str
    width: float
    height: float

    def __str__(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="max-width:30em">{self.svg}</div>'

    def document(self) -> str:
        """Return it as a file of its own, with a size, and paper and ink for light and for dark."""
        head, _, rest = self.svg.partition(">")
        wide, tall = self.width + 2 * _MARGIN, self.height + 2 * _MARGIN
        frame = f'viewBox="{decimal(-_MARGIN)} {decimal(-_MARGIN)} {decimal(wide)} {decimal(tall)}"'
        head = re.sub(r'viewBox="[^"]*"', frame, head)
        size = f'width="{decimal(_ENLARGED * wide)}" height="{decimal(_ENLARGED * tall)}"'
        return f"{head} {size}>{rest.removesuffix('</svg>')}{_OWN_PAGE}</svg>\n"

    def save(self, path: Path | str) -> Path:
        """Write it as an SVG file."""
        Path(path).write_text(self.document(), encoding="utf-8")
        return Path(path)


@dataclass(frozen=True)
class Words:
    """Text of one size and weight.

    Parameters
    ----------
    size : float
        Of the font, in units of the image.
    bold : bool, default False
    opacity : float, default 1.0

    Examples
    --------
    >>> Words(10).fitted("visits to the pricing page", 100, 2)
    ('visits to the', 'pricing page')
    >>> Words(10).fitted("visits to the pricing page", 60, 2)
    ('visits to', 'the prici…')
    """

    size: float
    bold: bool = False
    opacity: float = 1.0

    def width(self, text: str) -> float:
        """Return how wide a line is at most, in the usual sans-serif fonts."""
        return sum(_width(c) for c in text) * self.size * (_BOLD if self.bold else 1.0)

    def fitted(self, text: str, width: float, lines: int = 1) -> tuple[str, ...]:
        """Break text into lines of a width; what does not fit is cut, with an ellipsis."""
        words = list(self._pieces(clean(text, _LONGEST, kept=NO_BREAK), width))
        found: list[str] = []
        while words and len(found) < lines:
            line = words.pop(0)
            while words and self.width(f"{line} {words[0]}") <= width:
                line = f"{line} {words.pop(0)}"
            found.append(line)
        if words:
            found[-1] = self._cut(f"{found[-1]} {words[0]}", width)
        return tuple(found)

    def at(self, x: float, y: float, line: str, anchor: str = "start", room: float = 0.0) -> str:
        """Return a line as an element; with its baseline at y.

        Where ``room`` is given and a script that was not measured could run past it, the line is set to its length.
        """
        style = ' font-weight="600"' if self.bold else ""
        style += f' opacity="{decimal(self.opacity)}"' if self.opacity < 1 else ""
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        if room and self._worst(line) > room:
            length = decimal(min(self.width(line), room))
            style += f' textLength="{length}" lengthAdjust="spacingAndGlyphs"'
        place = f'x="{decimal(x)}" y="{decimal(y)}" font-size="{decimal(self.size)}"'
        return f"<text {place}{style}>{escape(line)}</text>"

    def _pieces(self, text: str, width: float) -> Iterator[str]:
        """Yield words, those that are longer than a line in parts."""
        for word in text.split(" "):
            while self.width(word) > width:
                n = next(i for i in range(len(word), 0, -1) if i == 1 or self.width(word[:i]) <= width)
                yield word[:n]
                word = word[n:]
            if word:
                yield word

    def _cut(self, text: str, width: float) -> str:
        while text and self.width(f"{text}…") > width:
            text = text[:-1].rstrip()
        return f"{text}…"

    def _worst(self, line: str) -> float:
        """Return how wide a line could be in fonts that were not measured; 0 where all of it was."""
        if all(_measured(c) for c in line):
            return 0.0
        return sum(_width(c) if _measured(c) else _WORST for c in line) * self.size


def _width(character: str) -> float:
    """Return how wide a character is at most, in font sizes: the widest of the usual sans-serif fonts."""
    if character in _WIDTHS:
        return _WIDTHS[character]
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    plain = unicodedata.normalize("NFD", character)[0]
    return _WIDTHS.get(plain, _OTHER if _measured(character) else _UNKNOWN)


def _measured(character: str) -> bool:
    return ord(character) < 0x180 or character in "ȘșȚț" or character in _WIDTHS


def decimal(value: float) -> str:
    """Write a coordinate.

    >>> decimal(12.04), decimal(3.0), decimal(-0.01), decimal(7.25)
    ('12', '3', '0', '7.2')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def image(title: str, described: str, width: float, height: float, parts: list[str]) -> Drawing:
    """Put an image together, named for those who do not see it.

    Parameters
    ----------
    title, described : str
        What it is, and what it shows, in words.
    width, height : float
        Of the view box.
    parts : list of str
        Elements.
    """
    inside = "".join(parts)
    name = f"lq-{sha256((title + inside).encode())[:10]}"  # so that several images share a page
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lq" role="img" aria-labelledby="{name}-t {name}-d" '
        f'viewBox="0 0 {decimal(width)} {decimal(height)}" fill="currentColor" '
        'font-family="system-ui, -apple-system, &quot;Segoe UI&quot;, Roboto, &quot;Noto Sans&quot;, sans-serif">'
    )
    labels = f'<title id="{name}-t">{escape(clean(title, _LONGEST))}</title><desc id="{name}-d">{escape(clean(described, 4000))}</desc>'
    return Drawing(f"{head}{labels}{inside}</svg>", width, height)
