"""Small drawings, as SVG that the server writes: no style of their own, read by screen readers as one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

STEP, GAP, HIGH = 14, 3, 40
WIDE, ROW, LEFT = 300, 26, 4
DOT: Final = 4.5


@dataclass(frozen=True)
class Range:
    """One line of `ranges`: what was said, what happened, and its interval; shares from 0 to 1, None: not known."""

    said: float | None
    happened: float | None
    low: float | None
    high: float | None


def columns(values: Sequence[float], told: str) -> Markup:
    """Draw values as columns, from nothing to the greatest.

    >>> columns([1, 2], "two weeks").count("<rect")
    2
    """
    most = max(values, default=0) or 1
    bars = "".join(
        f'<rect x="{i * STEP}" y="{HIGH - _height(v, most):.1f}" width="{STEP - GAP}" height="{_height(v, most):.1f}"/>'
        for i, v in enumerate(values)
    )
    wide = max(len(values), 1) * STEP
    return Markup(
        f'<svg class="columns" role="img" width="{wide}" height="{HIGH}" viewBox="0 0 {wide} {HIGH}">'
        f"<title>{Markup.escape(told)}</title>{bars}</svg>"
    )


def _height(value: float, most: float) -> float:
    return max(HIGH * value / most, 1.0 if value else 0.0)


def scale(rows: Sequence[Range]) -> float:
    """Return the share at the right end of `ranges`: a little beyond the greatest."""
    ends = [v for row in rows for v in (row.said, row.happened, row.high) if v is not None]
    return min(max([*ends, 0.01]) * 1.1, 1.0)


def ranges(row: Range, end: float, told: str) -> Markup:
    """Draw what was said (a diamond) against what happened (a dot in its interval), on a line from 0 to ``end``."""

    def x(share: float) -> float:
        return LEFT + (WIDE - 2 * LEFT) * min(share / end, 1.0)

    middle = ROW / 2
    parts = [f'<line class="axis" x1="{LEFT}" y1="{middle}" x2="{WIDE - LEFT}" y2="{middle}"/>']
    if row.low is not None and row.high is not None:
        parts.append(
            f'<line class="range" x1="{x(row.low):.1f}" y1="{middle}" x2="{x(row.high):.1f}" y2="{middle}"/>'
        )
    if row.happened is not None:
        parts.append(f'<circle class="happened" cx="{x(row.happened):.1f}" cy="{middle}" r="{DOT}"/>')
    if row.said is not None:
        at = x(row.said)
        tip = DOT + 2
        parts.append(
            f'<path class="said" d="M{at - tip:.1f} {middle}L{at:.1f} {middle - tip}L{at + tip:.1f} {middle}L{at:.1f} {middle + tip}Z"/>'
        )
    return Markup(
        f'<svg class="ranges" role="img" width="{WIDE}" height="{ROW}" viewBox="0 0 {WIDE} {ROW}">'
        f"<title>{Markup.escape(told)}</title>{''.join(parts)}</svg>"
    )
