"""Handoffs: a lead's entry into sales-ready, frozen as it was, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lqmodel.reasons import LeadExplanation
from lqmodel.reasons.words import clean, effect, percent

ID = "lead_id"
POINTS = "points"
DIGITS = 6


def handoffs(
    explained: Sequence[LeadExplanation],
    causes: Sequence[str],
    display: Sequence[Mapping[str, str | None]],
    stamp: Mapping[str, Any],
) -> tuple[dict[str, Any], ...]:
    """Return handoffs as JSON values, the likeliest first.

    Parameters
    ----------
    explained : sequence of LeadExplanation
        The leads that are handed over.
    causes : sequence of str
        For each what handed it over: "probability", or a fact in words.
    display : sequence of mapping
        For each the columns that are shown to people.
    stamp : mapping
        What all of a scoring share: model version, agreement.
    """
    rows = [
        {**_rounded(why.to_json()), "cause": cause, "display": dict(shown), **stamp}
        for why, cause, shown in zip(explained, causes, display, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: (-row["probability"], row[ID])))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


def handoff_text(handoff: Mapping[str, Any], most: int = 3) -> str:
    """Write one handoff for a terminal: who, how likely, why, and what speaks against it."""
    who = ", ".join(str(v) for v in handoff["display"].values() if v)
    name = f"{who} ({handoff[ID]})" if who else handoff[ID]
    lines = [f"{clean(name, 60):60} {_chance(handoff)}"]
    if handoff["cause"] not in ("probability", POINTS):
        lines.append(f"  because  {handoff['cause']}")
    for word, reasons in (("for", handoff["up"]), ("against", handoff["down"])):
        for i, reason in enumerate(reasons[:most]):
            usual = f" ({reason['usual']})" if reason["usual"] else ""
            lines.append(f"  {word if i == 0 else '':8} {_weight(reason):>6}  {reason['text']}{usual}")
    return "\n".join(lines)


def _chance(handoff: Mapping[str, Any]) -> str:
    if handoff["probability"] is None:
        return f"{handoff[POINTS]} points, no probability yet"
    low, high = percent(handoff["low"]), percent(handoff["high"])
    return f"{percent(handoff['probability'])}, likely {low} to {high}"


def _weight(reason: Mapping[str, Any]) -> str:
    return f"{reason[POINTS]:+d}" if reason["factor"] is None else effect(reason["factor"])
