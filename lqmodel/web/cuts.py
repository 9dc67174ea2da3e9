"""How a worklist is cut and sorted, kept as long as the same leads are handed to the same people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lqmodel.bundle import Bundle
from lqmodel.languages import Language
from lqmodel.reasons import ColumnWords
from lqmodel.runs import Run
from lqmodel.web.board import Board, Handed
from lqmodel.web.choosing import Choices, Worth, choices_among
from lqmodel.web.kept import Kept
from lqmodel.web.people import Person
from lqmodel.web.shown import Shown

MOST = 100
"""Cuts and orders that are kept: of a few people in a few languages."""


class Cuts:
    """The cuts of all worklists.

    Parameters
    ----------
    bundle : callable
        Run → the bundle that made it, None where it is not at hand.
    """

    def __init__(self, bundle: Callable[[Run], Bundle | None]) -> None:
        self._bundle = bundle
        self._choices: Kept[Choices] = Kept(MOST)
        self._orders: Kept[Sequence[str]] = Kept(MOST)

    def choices(self, board: Board, person: Person, shown: Shown) -> Choices:
        """Return by what a person's handoffs can be cut."""

        def work() -> Choices:
            mine = [board[lead] for lead in board.lines(person)]
            return choices_among(mine, shown, self._segments(shown.run, person.language))

        known = self._bundle(shown.run) is not None  # one that does not answer now may do so later
        return self._choices.get((*_whose(board, person, shown), person.language.name, known), work)

    def in_order(
        self, board: Board, person: Person, shown: Shown, by: str, key: Callable[[Handed], Any]
    ) -> Sequence[str]:
        """Return the leads of a person's worklist in the order that ``by`` names and ``key`` gives."""

        def work() -> Sequence[str]:
            mine = (board[lead] for lead in board.lines(person))
            return [h.lead_id for h in sorted(mine, key=key)]

        return self._orders.get((*_whose(board, person, shown), by), work)

    def worth(self, run: Run) -> Worth | None:
        """Return what a handoff may bring; None where the project does not declare it."""
        bundle = self._bundle(run)
        declared = None if bundle is None else bundle.declarations.model.stages.sales_ready
        if declared is None or declared.value is None:
            return None
        return Worth(declared.value, declared.per)

    def _segments(self, run: Run, language: Language) -> dict[str, str]:
        """Return the categories by which the model was judged: column → what people call it."""
        bundle = self._bundle(run)
        if bundle is None or not bundle.metrics.get("segments"):
            return {}
        declared = {f.name: f for f in (*bundle.declarations.features, *bundle.declarations.facts)}
        columns = (declared[column["name"]] for column in bundle.metrics["segments"]["columns"])
        words = (ColumnWords(item, item.columns()[0], language) for item in columns)
        return {w.column.name: w.title for w in words}


def _whose(board: Board, person: Person, shown: Shown) -> tuple[Any, ...]:
    return None if person.sees_all else person.owner, shown.run.run_id, board.grain
