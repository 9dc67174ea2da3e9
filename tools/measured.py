"""benchmarks/results → the tables of what was measured, in docs/reference/speed.md and in the README."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from surface import page, table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TOLD = {
    "treeshap": ("Margins and exact contributions", "rows"),
    "treeshap_large": ("Contributions of ten million rows, in one call", "rows"),
    "features": ("Features", "leads"),
    "counterfactual": ("What would help", "leads in a world"),
    "web": ("The view, with twenty people at work over a million scored leads", ""),
    "start": ("From the start of a command to its end", ""),
}
"""Benchmark → title, and what one repetition is counted in."""
_MARKED = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def results(name: str) -> list[dict[str, Any]]:
    """Return what a benchmark wrote last."""
    found: list[dict[str, Any]] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def speed_page() -> str:
    """Every benchmark that has results, with its machine."""
    parts = [
        "How many times as fast lqmodel is as a peer beside it: the median, and in brackets the least and the most of "
        "the repetitions. lqmodel and its peers take turns in one run. `make bench` measures anew.",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        title, _ = TOLD[path.stem]
        parts += [f"## {title}", f"`make bench-{path.stem}`", measured(path.stem)]
    return page("Speed", *parts)


def measured(name: str) -> str:
    """Return the table of a benchmark: a line for each case, a column for each peer; below it the machine."""
    found = results(name)
    if "p95" in found[0]:
        return _answered(found)
    peers = list(dict.fromkeys(one["peer"] for one in found))
    rows = []
    for case in dict.fromkeys(one["case"] for one in found):
        of = {one["peer"]: one for one in found if one["case"] == case}
        rows.append(
            [case, _time(next(iter(of.values())), TOLD[name][1]), *(_ratio(of.get(p)) for p in peers)]
        )
    errors = {p: max(one["max_error"] for one in found if one["peer"] == p) for p in peers}
    if any(errors.values()):
        rows.append(
            ["largest difference of results", "", *(f"{errors[p]:.0e}" if errors[p] else "0" for p in peers)]
        )
    machines = " ".join(dict.fromkeys(f"{one['machine']}." for one in found))
    return table(["", "lqmodel", *(f"beside {peer}" for peer in peers)], rows) + f"\n\n{machines}"


def _answered(found: list[dict[str, Any]]) -> str:
    """Return the table of a server's pages: how long they took, and how large they were."""
    rows = [
        [
            one["case"],
            f"{one['n']:,}",
            *(f"{one[q] * 1000:.0f} ms" for q in ("p50", "p95", "p99")),
            f"{one['bytes']:,}",
        ]
        for one in found
    ]
    machines = " ".join(dict.fromkeys(f"{one['machine']}." for one in found))
    return table(["", "requests", "half within", "95 of 100", "99 of 100", "bytes"], rows) + f"\n\n{machines}"


def _time(one: dict[str, Any], unit: str) -> str:
    if not unit:
        return f"{one['seconds']:.2f} s"
    return f"{_short(one['n'] / one['seconds'])} {unit}/s"


def _ratio(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    least, middle, most = (_short(one["ratio"][key]) for key in ("min", "median", "max"))
    return f"{middle} ({least}–{most})"


def _short(value: float) -> str:
    """Write a number with two or three digits that count.

    >>> [_short(x) for x in (0.052, 0.94, 3.14159, 42.4, 310_559)]
    ['0.05', '0.94', '3.1', '42', '311,000']
    """
    if value >= 10:
        return f"{round(value, min(0, 3 - len(str(int(value))))):,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def filled(text: str) -> str:
    """Put the tables between their marks: ``<!-- measured: NAME -->`` and ``<!-- end -->``."""
    return _MARKED.sub(lambda found: f"{found[1]}{measured(found[2]).strip()}\n{found[3]}", text)
