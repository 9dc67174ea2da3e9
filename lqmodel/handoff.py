"""Handoffs: a lead's entry into sales-ready, frozen as it was, with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lqmodel.declarations import Declarations
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons import Change, ColumnWords, LeadExplanation, Move, Usual
from lqmodel.reasons.raw import Raw
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


def reworded(
    handoffs: Iterable[Mapping[str, Any]],
    features: pa.Table,
    declarations: Declarations,
    before: Language,
    language: Language,
    usual: Usual | None = None,
) -> list[dict[str, Any]]:
    """Return handoffs in another language; what they say, and every number, stays as it was frozen.

    Parameters
    ----------
    handoffs : iterable of mapping
        As in handoffs.jsonl.
    features : pyarrow.Table
        As in features.parquet of the same run: the values before they were rounded.
    declarations : Declarations
        Those that the run was made with.
    before, language : Language
        What they are worded in, and what they are to be worded in.
    usual : Usual, optional
        Of the bundle that made the run; points have none.
    """
    declared = (*declarations.features, *declarations.facts)
    words = {c.name: ColumnWords(item, c, language) for item in declared for c in item.columns()}
    causes = {cause_words(declarations, item.name, before): item.name for item in declared}
    rows = {lead: row for row, lead in enumerate(features[ID].to_pylist())}
    told = []
    for handoff in handoffs:
        row = rows[handoff[ID]]
        cause = cause_words(declarations, causes.get(handoff["cause"], handoff["cause"]), language)
        sides = {
            side: [
                _reworded(reason, words[reason["column"]], features[reason["column"]][row].as_py(), usual)
                for reason in handoff[side]
            ]
            for side in ("up", "down")
        }
        change = _reworded_change(handoff, words, features.slice(row, 1), language)
        told.append({**handoff, **sides, "change": change, "cause": cause, "language": language.name})
    return told


def reworded_frozen(
    handoff: Mapping[str, Any],
    facts: Mapping[str, Any],
    declarations: Declarations,
    language: Language,
    usual: Usual | None = None,
) -> dict[str, Any]:
    """Return one handoff in another language, from the values that were frozen with it.

    Parameters
    ----------
    handoff : mapping
        As in handoffs.jsonl.
    facts : mapping
        The values that its score rests on, by column.
    declarations, usual
        Of the bundle that made the run.
    language : Language
        In which it is to be worded.
    """
    features = pa.table({ID: [handoff[ID]], **{k: [v] for k, v in facts.items() if k != ID}})
    before = Language.of(handoff["language"])
    return reworded([handoff], features, declarations, before, language, usual)[0]


def _reworded_change(
    handoff: Mapping[str, Any], words: Mapping[str, ColumnWords], features: pa.Table, language: Language
) -> dict[str, Any] | None:
    told = handoff["change"]
    if told is None:
        return None

    def move(old: Mapping[str, Any]) -> Move:
        exact = None if old["value"] is None else features[old["column"]][0].as_py()
        column = words[old["column"]]
        return Move.of(column, exact, old["value_before"], old["log_odds"], passed=old["passed"])

    return Change.from_json(told, handoff["probability"], move, language).reworded(told)


def _reworded(
    reason: Mapping[str, Any], words: ColumnWords, exact: Raw, usual: Usual | None
) -> dict[str, Any]:
    name = reason["column"]
    value = None if reason["value"] is None else exact  # "never" stands as a number in the table
    note = "" if usual is None else words.usual(value, usual.numbers.get(name), usual.levels.get(name))
    return {
        **reason,
        "title": words.title,
        "text": words.told(value, reason.get("log_odds") or 0.0),
        "usual": note,
    }


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
