"""A model card, which we write as Markdown, as blocks that a template renders: no HTML is taken over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

_CELL = re.compile(r"(?:[^|\\]|\\.)+")
Kind = Literal["heading", "list", "table", "text"]


@dataclass(frozen=True)
class Block:
    """A block: its kind, its level (of a heading), and its lines, each cut into cells."""

    kind: Kind
    level: int
    lines: tuple[tuple[str, ...], ...]


def blocks(text: str) -> tuple[Block, ...]:
    r"""Return the blocks of a card.

    >>> [b.kind for b in blocks("# A\n\nb\n\n- c\n\n| d | e |\n|---|---|\n| 1 | 2 |")]
    ['heading', 'text', 'list', 'table']
    """
    return tuple(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    for kind, group in groupby(text.splitlines(), _kind):
        lines = [line for line in group if line.strip()]
        if kind == "heading":
            yield from (Block(kind, _level(line), ((_plain(line.lstrip("# ")),),)) for line in lines)
        elif kind == "table":
            yield Block(kind, 0, tuple(_cells(line) for line in lines if set(line) - set("|-: ")))
        elif lines:
            yield Block(kind, 0, tuple((_plain(line.removeprefix("- ")),) for line in lines))


def _kind(line: str) -> Kind:
    starts: tuple[tuple[str, Kind], ...] = (("#", "heading"), ("- ", "list"), ("|", "table"))
    return next((kind for start, kind in starts if line.startswith(start)), "text")


def _level(line: str) -> int:
    return len(line) - len(line.lstrip("#"))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(_plain(cell.strip()) for cell in _CELL.findall(line.strip("|")))


def _plain(text: str) -> str:
    r"""Take back what the card escapes.

    >>> _plain(r"a \| b \\ &lt;c")
    'a | b \\ <c'
    """
    return re.sub(r"\\(.)", r"\1", text).replace("&lt;", "<")
