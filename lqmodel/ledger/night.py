"""Wiring: a scoring becomes a run, and the run is recorded. What the nightly job does, and the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lqmodel.ledger.ledger import Ledger
from lqmodel.roster import Scorer
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores


@dataclass(frozen=True)
class Night:
    """One scoring to come: whether it will be recorded, and by which clock."""

    ledger: Ledger | None
    now: int

    @classmethod
    def of(cls, root: Path, scorer: Scorer, as_of: int | None, asked: bool | None, now: int) -> Night:
        """Prepare a scoring; one that could not be recorded is refused before it costs anything.

        Parameters
        ----------
        root : Path
            The project's folder.
        scorer : Scorer
        as_of : int or None
            Microseconds UTC.
        asked : bool or None
            Whether recording is asked for or forbidden; None: where a ledger was begun.
        now : int
            Microseconds UTC.

        Raises
        ------
        UsageError, Refused
            As in `Ledger.check_order`.
        """
        ledger = Ledger.wanted(root, asked, dated=as_of is not None)
        if ledger is not None:
            ledger.check_order(scorer.declarations.name, as_of, now)
        return cls(ledger, now)

    def keep(self, scores: Scores, out: Path, address: str) -> tuple[Run, tuple[str, ...]]:
        """Write the run, then record it; return it with all notices.

        A kill in between leaves a whole run that is not recorded: the next call with the same scores, or the
        next night, records it.
        """
        run = write_run(scores, out, address)
        if self.ledger is None:
            return run, scores.notices
        recorded = self.ledger.record(run, self.now)
        told = [f"{each} in {self.ledger.store}" for each in recorded if each.new]
        return run, (*scores.notices, *(n for each in recorded for n in each.notices), *told)
