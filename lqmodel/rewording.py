"""Handoffs in another language than the one in which they were frozen: other words for the same facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa

from lqmodel.declarations import Declarations
from lqmodel.handoff import ID, cause_words
from lqmodel.languages import Language
from lqmodel.reasons import Change, ColumnWords, Move, Usual
from lqmodel.reasons.raw import Raw

Exact = Callable[[str], Raw]
"""Column of a lead → its value before it was rounded."""


class Rewording:
    """Words one model's handoffs anew; what they say, and every number, stays as it was frozen.

    Parameters
    ----------
    declarations : Declarations
        Those that the run was made with.
    before, language : Language
        What the handoffs are worded in, and what they are to be worded in.
    usual : Usual, optional
        Of the bundle that made the run; points have none.
    """

    def __init__(
        self, declarations: Declarations, before: Language, language: Language, usual: Usual | None = None
    ) -> None:
        self._declarations, self._before, self._usual = declarations, before, usual
        self.language = language
        self._declared = {
            column.name: (item, column)
            for item in (*declarations.features, *declarations.facts)
            for column in item.columns()
        }
        self._words: dict[str, ColumnWords] = {}

    def of_run(self, handoffs: Iterable[Mapping[str, Any]], features: pa.Table) -> list[dict[str, Any]]:
        """Return handoffs, as in handoffs.jsonl, in the other language.

        Parameters
        ----------
        handoffs : iterable of mapping
        features : pyarrow.Table
            As in features.parquet of the same run.
        """
        rows = {lead: row for row, lead in enumerate(features[ID].to_pylist())}

        def exact(row: int) -> Exact:
            return lambda column: features[column][row].as_py()

        return [self._reworded(handoff, exact(rows[handoff[ID]])) for handoff in handoffs]

    def of_frozen(self, handoff: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return one handoff in the other language, from the values that were frozen with it, by column."""
        return self._reworded(handoff, facts.__getitem__)

    def _reworded(self, handoff: Mapping[str, Any], exact: Exact) -> dict[str, Any]:
        cause = handoff["cause"]
        return {
            **handoff,
            **{side: [self._reason(reason, exact) for reason in handoff[side]] for side in ("up", "down")},
            "change": self._change(handoff, exact),
            "cause": cause_words(self._declarations, self._causes.get(cause, cause), self.language),
            "language": self.language.name,
        }

    def _reason(self, reason: Mapping[str, Any], exact: Exact) -> dict[str, Any]:
        name, note = reason["column"], ""
        words = self._of(name)
        value = None if reason["value"] is None else exact(name)  # "never" stands as a number in the table
        if self._usual is not None:
            note = words.usual(value, self._usual.numbers.get(name), self._usual.levels.get(name))
        text = words.told(value, reason.get("log_odds") or 0.0)
        return {**reason, "title": words.title, "text": text, "usual": note}

    def _change(self, handoff: Mapping[str, Any], exact: Exact) -> dict[str, Any] | None:
        told = handoff["change"]
        if told is None:
            return None

        def move(old: Mapping[str, Any]) -> Move:
            value = None if old["value"] is None else exact(old["column"])
            words = self._of(old["column"])
            return Move.of(words, value, old["value_before"], old["log_odds"], passed=old["passed"])

        return Change.from_json(told, handoff["probability"], move, self.language).reworded(told)

    def _of(self, column: str) -> ColumnWords:
        """Return the words of a column; made once, since a handoff names few of them."""
        if column not in self._words:
            self._words[column] = ColumnWords(*self._declared[column], self.language)
        return self._words[column]

    @cached_property
    def _causes(self) -> dict[str, str]:
        """What handed leads over, in the words of before → its name."""
        declared = (*self._declarations.features, *self._declarations.facts)
        return {cause_words(self._declarations, item.name, self._before): item.name for item in declared}
