"""What the ledger holds, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lqmodel.asof import iso
from lqmodel.reasons.words import clean, percent

NOTHING = "the ledger holds nothing of this lead"
WIDTH = 60


def runs_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """List the recorded runs."""
    head = f"{'as of':18} {'run':14} {'model':24} {'scored':>10} {'moved':>8} {'handed over':>12}"
    lines = [
        f"{iso(r['as_of']):18} {r['run_id']:14} {clean(r['model'], 24):24} {r['scored']:>10,} {r['moved']:>8,} {r['handed_over']:>12,}"
        for r in runs
    ]
    return "\n".join([head, *lines])


def lead_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tell a lead's way through the stages, a line for each step."""
    return "\n".join(map(_step, rows)) or NOTHING


def _step(row: Mapping[str, Any]) -> str:
    said = _SAID[row["entry"]](row)
    return f"{iso(row['as_of']):18} {said}"


def _transition(row: Mapping[str, Any]) -> str:
    cause = f", by {clean(row['cause'], WIDTH)}" if row["cause"] else ""
    return f"{row['from_stage']} → {row['to_stage']}{_chance(row)}{cause}"


def _handoff(row: Mapping[str, Any]) -> str:
    reasons = row["frozen"]["why"].get("up") or []
    texts = "; ".join(clean(reason["text"], WIDTH) for reason in reasons[:3])
    return f"handed over as {row['handoff_id']}" + (f": {texts}" if texts else "")


def _chance(row: Mapping[str, Any]) -> str:
    if row["probability"] is None:
        return ""
    return f" at {percent(row['probability'])} ({percent(row['low'])} to {percent(row['high'])})"


_SAID = {"transitions": _transition, "handoffs": _handoff}
