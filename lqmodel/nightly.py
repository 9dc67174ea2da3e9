"""Wiring: what people did → a scoring → a run → the ledger. What the nightly job does, and the demo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from lqmodel.barring import NOBODY, Barred
from lqmodel.bundle import Bundle
from lqmodel.declarations import Declarations, Handoffs
from lqmodel.declarations.loading import TomlFile, load_model
from lqmodel.ledger import Ledger, Recorded
from lqmodel.locating import find_model
from lqmodel.rewriting import write_without
from lqmodel.roster import ID, Scorer
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.settings import Settings


@dataclass(frozen=True)
class Rules:
    """What happens to handoffs, and the zone of its days."""

    handoffs: Handoffs
    zone: str

    @classmethod
    def of(cls, root: Path, declarations: Declarations) -> Rules:
        """Read the rules of a project, which may have changed since training; without one, those of the model."""
        file = _model_file(root, declarations.name)
        model = declarations.model if file is None else load_model(file)
        return cls(model.handoffs, model.zone)


def _model_file(root: Path, name: str) -> TomlFile | None:
    path = root / "models" / f"{name}.toml"
    return TomlFile.read(path, root) if path.is_file() else None


def handled(bundle: Bundle, root: Path) -> Bundle:
    """Return the bundle with the project's rules for handoffs: they are no part of what it learnt."""
    handoffs = Rules.of(root, bundle.declarations).handoffs
    return replace(bundle, declarations=bundle.declarations.handled(handoffs))


def record(run: Run, root: Path, now: int) -> tuple[Recorded, ...]:
    """Record a run in the ledger of a project, by the project's rules for handoffs.

    Parameters
    ----------
    run : Run
    root : Path
        The project's folder; one without declarations: the rules of the model that made the run.
    now : int
        Microseconds UTC.

    Raises
    ------
    Refused, UsageError, BadData
        As in `Ledger.record`.
    """
    file = _model_file(root, str(run.manifest["model"]["name"]))
    if file is not None:
        model = load_model(file)
    else:
        model = find_model(run.manifest["model"]["address"], root)[0].declarations.model
    return Ledger.of(root).record(run, now, model.handoffs, model.zone)


@dataclass(frozen=True)
class Night:
    """One scoring to come.

    Attributes
    ----------
    ledger : Ledger or None
        What people said is read from it; None: none was begun, and none is asked for.
    records : bool
        Whether the run will be recorded there.
    rules : Rules
    now : int
        Microseconds UTC.
    """

    ledger: Ledger | None
    records: bool
    rules: Rules
    now: int

    @classmethod
    def of(cls, root: Path, scorer: Scorer, as_of: int | None, asked: bool | None, now: int) -> Night:
        """Prepare a scoring; one that could not be recorded is refused before it costs anything.

        Runs are recorded where the environment names a store, or a ledger was begun, unless it is asked for
        or forbidden; those without a moment only where it is asked for, which is then refused.

        Parameters
        ----------
        root : Path
            The project's folder.
        scorer : Scorer
        as_of : int or None
            Microseconds UTC.
        asked : bool or None
            Whether recording is asked for or forbidden; None: neither.
        now : int
            Microseconds UTC.

        Raises
        ------
        UsageError, Refused
            As in `Ledger.check_order`.
        """
        declarations, settings = scorer.declarations, Settings.read()
        ledger = Ledger.of(root, settings)
        begun = settings.store is not None or ledger.exists()
        records = (begun and as_of is not None) if asked is None else asked
        if records:
            ledger.check_order(declarations.name, as_of, now)
        return cls(ledger if begun or records else None, records, Rules.of(root, declarations), now)

    def acts(self, model: str, as_of: int | None) -> pa.Table | None:
        """Return what people did about the model's leads before a moment; None where they did nothing."""
        if self.ledger is None or as_of is None:
            return None
        found = self.ledger.acts(model, as_of)
        return found if len(found) else None

    def barred(self) -> Barred:
        """Return who may not be scored."""
        return NOBODY if self.ledger is None else self.ledger.barred()

    def keep(self, scores: Scores, out: Path, address: str) -> tuple[Run, tuple[str, ...]]:
        """Write the run, then record it; return it with all notices.

        A kill in between leaves a whole run that is not recorded: the next call with the same scores, or the
        next night, records it.
        """
        run = write_run(scores, out, address)
        if self.ledger is None:
            return run, scores.notices
        run = self._without_erased(run)
        if not self.records:
            return run, scores.notices
        recorded = self.ledger.record(run, self.now, self.rules.handoffs, self.rules.zone)
        told = [f"{each} in {self.ledger.store}" for each in recorded if each.new]
        return run, (*scores.notices, *(n for each in recorded for n in each.notices), *told)

    def _without_erased(self, run: Run) -> Run:
        """Return the run without leads that were erased while it was being made."""
        erased = self.barred().erased
        gone = [] if erased is None else erased(run.states[ID].to_pylist())
        return run if not gone or not write_without(run.folder, gone) else Run.open(run.folder)
