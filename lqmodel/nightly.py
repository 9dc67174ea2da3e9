"""Wiring: what people did → a scoring → a run → the ledger. What the nightly job does, and the demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lqmodel.barring import NOBODY, Barred
from lqmodel.bundle import Bundle
from lqmodel.declarations import Declarations, Handoffs, Model
from lqmodel.declarations.agreement import Signed, agreement_file, check_signed, draft_notices
from lqmodel.declarations.loading import TomlFile, load_model
from lqmodel.errors import Refused
from lqmodel.ledger import Ledger, Recorded
from lqmodel.locating import find_model
from lqmodel.moving import Moving, moves
from lqmodel.rewriting import write_without
from lqmodel.roster import ID, Scorer
from lqmodel.runs import Run, stands, write_run
from lqmodel.scores import Scores, summary
from lqmodel.settings import Settings
from lqmodel.stages import Policy


@dataclass(frozen=True)
class Rules:
    """What happens to handoffs, and the zone of its days."""

    handoffs: Handoffs
    zone: str
    notices: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path, declarations: Declarations) -> Rules:
        """Read the rules of a project, which may have changed since training; without one, those of the model.

        Raises
        ------
        Refused
            They are not those that were signed.
        """
        found = _declared(root, declarations.name)
        model, signed = (declarations.model, declarations.signed) if found is None else found
        check_signed(declarations.name, model, signed)
        notices = (*draft_notices(declarations.name, model, signed), *_behind(declarations, model))
        return cls(model.handoffs, model.zone, notices)


def _declared(root: Path, name: str) -> tuple[Model, Signed | None] | None:
    """Return what a project declares of a model, and what was signed of it; None without a project."""
    file = _model_file(root, name)
    if file is None:
        return None
    signed = agreement_file(root, name, file.values)
    return load_model(file), None if signed is None else Signed.read(signed)


def _model_file(root: Path, name: str) -> TomlFile | None:
    path = root / "models" / f"{name}.toml"
    return TomlFile.read(path, root) if path.is_file() else None


def _behind(declarations: Declarations, model: Model) -> Iterator[str]:
    """Say that a project has agreed on other stages since the model was trained."""
    ours, theirs = declarations.model.agreement, model.agreement
    if theirs is not None and (ours is None or ours.version != theirs.version):
        yield (
            f"models/{declarations.name}.toml names agreement {theirs.version!r}, whose stages are not those of this model"
            f" ({'which knows of no agreement' if ours is None else f'agreement {ours.version!r}'}): train again to apply it"
        )


def _check_same(declarations: Declarations, signed: Signed | None) -> None:
    """Refuse a signed file that was changed since the model was trained with it; that a team joined is no change."""
    before = declarations.signed
    if before is None or signed is None or signed.goes_on_from(before):
        return
    ours, theirs = before.signature, signed.signature
    if ours.version == theirs.version:
        raise Refused(
            f"agreement {ours.version!r} was changed after it was signed: the model was trained with {ours.digest}, the file is {theirs.digest}",
            where=f"models/agreements/{declarations.name}/{ours.version}.toml",
            do="bring back the file as it was signed, and sign other rules under another version",
        )


def handled(bundle: Bundle, root: Path) -> Bundle:
    """Return the bundle with the project's rules for handoffs: they are no part of what it learnt.

    And with the project's agreement, where its stages are those of the bundle.

    Raises
    ------
    Refused
        The signed file is not the one that the model was trained with.
    """
    found = _declared(root, bundle.declarations.name)
    _check_same(bundle.declarations, None if found is None else found[1])
    return bundle if found is None else replace(bundle, declarations=bundle.declarations.handled(*found))


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
    file = _model_file(root, run.model_name)
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

    def propose(
        self, scores: Scores, before: Run | None, policy: Policy, declarations: Declarations, address: str
    ) -> Proposal:
        """Hold a scoring against the run before; nothing is written.

        Parameters
        ----------
        scores : Scores
        before : Run or None
            The run that it goes on from.
        policy : Policy
            Of the scoring.
        declarations : Declarations
            Of what scored.
        address : str
            Where the model was found.
        """
        return Proposal(self, scores, moves(scores, before, policy, declarations), address)

    def keep(
        self, scores: Scores, out: Path, address: str, moving: Moving | None = None, let_move: bool = False
    ) -> tuple[Run, tuple[str, ...]]:
        """Write the run, then record it; return it with all notices.

        A kill in between leaves a whole run that is not recorded: the next call with the same scores, or the
        next night, records it.

        Parameters
        ----------
        scores : Scores
        out : Path
            The folder of runs.
        address : str
            Where the model was found.
        moving : Moving, optional
            What it moves against the run before.
        let_move : bool
            Let it move more than the declared share; the run then says so.

        Raises
        ------
        Refused
            It moves more than the declared share of the leads, and was not written before.
        """
        at_most = self.rules.handoffs.at_most_moving
        if moving is not None and moving.exceeds(at_most) and not stands(scores, out):
            if not let_move:
                moving.check(at_most)
            scores = replace(scores, notices=(*scores.notices, f"let pass: {moving.headline()}"))
        run = write_run(scores, out, address)
        notices = (*self.rules.notices, *scores.notices)
        if self.ledger is None:
            return run, notices
        run = self._without_erased(run)
        if not self.records:
            return run, notices
        recorded = self.ledger.record(run, self.now, self.rules.handoffs, self.rules.zone)
        told = [f"{each} in {self.ledger.store}" for each in recorded if each.new]
        return run, (*notices, *(n for each in recorded for n in each.notices), *told)

    def _without_erased(self, run: Run) -> Run:
        """Return the run without leads that were erased while it was being made."""
        erased = self.barred().erased
        gone = [] if erased is None else erased(run.states[ID].to_pylist())
        return run if not gone or not write_without(run.folder, gone) else Run.open(run.folder)


@dataclass(frozen=True)
class Proposal:
    """A scoring that is not yet written, and what it would move.

    Attributes
    ----------
    night : Night
    scores : Scores
    moving : Moving or None
        None where there is no run before.
    address : str
        Where the model was found.
    """

    night: Night
    scores: Scores
    moving: Moving | None
    address: str

    def notices(self) -> tuple[str, ...]:
        """Return what a run of it would say in words."""
        return (*self.night.rules.notices, *self.scores.notices)

    def keep(self, out: Path, let_move: bool = False) -> tuple[Run, tuple[str, ...]]:
        """Write and record it, as `Night.keep` does."""
        return self.night.keep(self.scores, out, self.address, self.moving, let_move)

    def refusal(self) -> str | None:
        """Say that a run of it would be refused, if it would."""
        at_most = self.night.rules.handoffs.at_most_moving
        if self.moving is None or at_most is None or not self.moving.exceeds(at_most):
            return None
        return f"{self.moving.headline()}; [handoffs] at_most_moving allows {at_most:.1%}, --let-move lets it pass once"

    def __str__(self) -> str:
        lines = [
            "dry run   nothing is written",
            summary(self.scores.counts("status"), self.scores.standing(), len(self.scores.handoffs)),
            str(self.moving) if self.moving else "moves     none to tell: there is no run before",
        ]
        refusal = self.refusal()
        return "\n".join([*lines, *([f"refused   {refusal}"] if refusal else [])])

    def to_json(self) -> dict[str, Any]:
        """Return JSON values.

        Returns
        -------
        dict
            ``counts`` and ``stages``: as in the manifest of a run; ``handoffs``: how many; ``moving``: as in
            `Moving.to_json`, null where there is no run before; ``refused``: why a run would be, or null.
        """
        return {
            "counts": self.scores.counts("status"),
            "stages": self.scores.standing(),
            "handoffs": len(self.scores.handoffs),
            "moving": None if self.moving is None else self.moving.to_json(),
            "refused": self.refusal(),
        }
