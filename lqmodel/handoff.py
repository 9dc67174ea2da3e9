"""Handoffs: a lead's entry into sales-ready, frozen as it was, with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lqmodel.declarations import Declarations
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons import ColumnWords, LeadExplanation
from lqmodel.reasons.words import clean

ID = "lead_id"
POINTS = "points"
DIGITS = 6
_LABEL = 8  # characters of the column of labels, at least


def handoffs(
    explained: Sequence[LeadExplanation],
    causes: Sequence[str],
    display: Sequence[Mapping[str, str | None]],
    routes: Sequence[Mapping[str, str | None]],
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
    routes : sequence of mapping
        For each its account, owner and territory, where they are declared.
    stamp : mapping
        What all of a scoring share: model version, agreement.
    """
    rows = [
        {**_rounded(why.to_json()), "cause": cause, "display": dict(shown), "route": dict(route), **stamp}
        for why, cause, shown, route in zip(explained, causes, display, routes, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: (-row["probability"], row[ID])))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


def cause_words(declarations: Declarations, cause: str, language: Language) -> str:
    """Return what handed a lead over, in the declared words of the fact."""
    declared = {f.name: f for f in (*declarations.features, *declarations.facts)}
    if cause not in declared:
        return cause
    fact = declared[cause]
    widest = next(c for c in fact.columns() if c.name == fact.fact_column())
    return ColumnWords(fact, widest, language).said()


def with_cause_words(
    rows: Iterable[Mapping[str, Any]], declared: Mapping[str, Declarations]
) -> list[dict[str, Any]]:
    """Return rows of the ledger with causes as people read them: the declared words, else the name in plain words.

    Parameters
    ----------
    rows : iterable of mapping
        Each with its ``model``, and a ``cause`` where something moved the lead.
    declared : mapping of str to Declarations
        The models whose declarations are at hand.
    """

    def words(row: Mapping[str, Any]) -> str:
        found = declared.get(row["model"])
        said = (
            row["cause"]
            if found is None
            else cause_words(found, row["cause"], Language.of(found.model.language))
        )
        return said.replace("_", " ") if said == row["cause"] else said

    return [{**row, "cause": words(row)} if row.get("cause") else dict(row) for row in rows]


def handoff_text(handoff: Mapping[str, Any], most: int = 3) -> str:
    """Write one handoff for a terminal, in the language of its reasons: who, how likely, why, and what speaks against it."""
    language = Language.of(handoff.get("language", ENGLISH.name))
    who = ", ".join(str(v) for v in handoff["display"].values() if v)
    name = f"{who} ({handoff[ID]})" if who else handoff[ID]
    cause = [] if handoff["cause"] in ("probability", POINTS) else [language.say("because")]
    sides = [(language.say("for"), handoff["up"]), (language.say("against"), handoff["down"])]
    width = max(_LABEL, *(len(label) + 1 for label in (*cause, *(side for side, _ in sides))))
    lines = [f"{clean(name, 60):60} {_chance(handoff, language)}"]
    lines += [f"  {label:{width}} {handoff['cause']}" for label in cause]
    for label, reasons in sides:
        for i, reason in enumerate(reasons[:most]):
            usual = f" ({reason['usual']})" if reason["usual"] else ""
            weight = _weight(reason, language)
            lines.append(f"  {label if i == 0 else '':{width}} {weight:>6}  {reason['text']}{usual}")
    if handoff["change"] is not None:
        lines.append(f"  {handoff['change']['headline']}")
    return "\n".join(lines)


def _chance(handoff: Mapping[str, Any], language: Language) -> str:
    if handoff["probability"] is None:
        points = language.say("points", handoff[POINTS])
        return f"{points}, {language.say('points.no_probability')}"
    percent, low, high = (language.percent(handoff[key]) for key in ("probability", "low", "high"))
    return language.say("likely", percent=percent, low=low, high=high)


def _weight(reason: Mapping[str, Any], language: Language) -> str:
    return f"{reason[POINTS]:+d}" if reason["factor"] is None else language.effect(reason["factor"])
