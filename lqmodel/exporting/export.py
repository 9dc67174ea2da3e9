"""What of a run is written for a CRM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.compute as pc

from lqmodel.crm import Shown, plan, target_of
from lqmodel.declarations import Declarations, ProjectFiles
from lqmodel.declarations.crm import CrmFile
from lqmodel.declarations.crms import Crm
from lqmodel.errors import Refused, UsageError, nearest
from lqmodel.exporting.folder import Export, earlier
from lqmodel.exporting.reading import leads, owners_in, read_held, record
from lqmodel.locating import find_model
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.scores import SUPPRESSED


def export(
    run: Run,
    crm: str,
    project: Path,
    sources: Mapping[str, str] | None = None,
    *,
    set_stage: bool = False,
    changes_from: Run | None = None,
    threads: int | None = None,
) -> Export:
    """Decide what of a run is written for a CRM.

    Parameters
    ----------
    run : Run
    crm : str
        One that is declared: hubspot, salesforce, dynamics or nutshell.
    project : Path
        Where the declarations lie; a folder without any: those of the bundle that made the run.
    sources : mapping, optional
        Source name → another file, for the leads' source.
    set_stage : bool
        Also set the CRM's own stage, beside own fields.
    changes_from : Run, optional
        Leave out leads that moved too little since that run: since what its files told the CRM, where they
        were written, else since the run itself.
    threads : int, optional
        Results do not depend on it.

    Raises
    ------
    UsageError
        The CRM is not declared, or ``changes_from`` is no earlier run of the same model.
    Refused
        The run's stages were made without an acceptance that the declarations demand.
    NoInput, BadData, ColumnMissing
        A file is not there, or does not fit.
    """
    declarations, root = _declarations(run, project)
    declared = _declared(declarations, crm)
    if changes_from is not None:
        _check_earlier(run, changes_from)
    if set_stage:
        _check_acceptance(run, declarations, project)
    before = changes_from or run.before()
    held = read_held(declarations, declared, root, sources or {}, run.as_of, threads)
    owners = owners_in(run, declarations, declared, project)
    shown = Shown(run.by_points, run.as_of is not None, owners is not None)
    target = target_of(declared, shown)  # type: ignore[arg-type]
    suppressed = run.table.filter(pc.equal(run.table["status"], SUPPRESSED))[ID].to_pylist()
    planned = plan(
        target,
        list(leads(run, declared, held, declarations.model.zone, owners or {})),
        {lead_id: record(declared, lead_id, held) for lead_id in suppressed},
        {}
        if before is None
        else earlier(before, crm, owners_in(before, declarations, declared, project) or {}),
        only_changes=changes_from is not None,
        set_stage=set_stage,
    )
    against = None if before is None else before.run_id
    return Export(run, crm, target, planned, against, set_stage, changes_from is not None)


def _declarations(run: Run, project: Path) -> tuple[Declarations, Path]:
    """Return the project's declarations, so that a mapping can change without training; else the bundle's."""
    name = run.model_name
    if all((project / folder).is_dir() for folder in ("features", "models")):
        return ProjectFiles.read(project).declarations(name), project.resolve()
    bundle, _, root = find_model(run.manifest["model"]["address"], project)
    return bundle.declarations, root


def check_declared(crm: str, project: Path) -> None:
    """Refuse a CRM that no model of a project declares, before anything is scored for it.

    Raises
    ------
    UsageError
    """
    _check_known(crm)
    if all((project / folder).is_dir() for folder in ("features", "models")):
        models = ProjectFiles.read(project).models
        tables = [model.values.get("crm") for model in models.values()]
        if not any(isinstance(table, Mapping) and crm in table for table in tables):
            raise _undeclared(crm, ", ".join(sorted(models)) or "NAME", ())


def _check_known(crm: str) -> None:
    known = Crm.model_fields
    if crm not in known:
        near = nearest(crm, known)
        raise UsageError(
            f"no CRM {crm!r}", exists=known, do=f"write --crm {near}" if near else "name one of these"
        )


def _undeclared(crm: str, model: str, declared: Iterable[str]) -> UsageError:
    return UsageError(
        f"models/{model}.toml declares no [crm.{crm}]",
        exists=sorted(declared),
        do=f"add [crm.{crm}]; docs/crm.md says what it holds",
    )


def _declared(declarations: Declarations, crm: str) -> CrmFile:
    _check_known(crm)
    declared = declarations.model.crm.declared()
    if crm not in declared:
        raise _undeclared(crm, declarations.name, declared)
    return declared[crm]


def _check_earlier(run: Run, earlier: Run) -> None:
    names = [r.model_name for r in (run, earlier)]
    if names[0] != names[1]:
        raise UsageError(
            f"--changes-from: run {earlier.run_id} is of model {names[1]!r}, and run {run.run_id} of {names[0]!r}",
            do="name an earlier run of the same model",
        )
    if run.run_id == earlier.run_id or (earlier.as_of or 0) > (run.as_of or 0):
        raise UsageError(
            f"--changes-from: run {earlier.run_id} is not earlier than run {run.run_id}",
            do="name an earlier run of the same model",
        )


def _check_acceptance(run: Run, declarations: Declarations, project: Path) -> None:
    """Refuse stages that were made by a policy that needs no acceptance, where the declarations need it."""
    if run.by_points or declarations.model.stages.sql.after != "acceptance":
        return
    bundle, address, _ = find_model(run.manifest["model"]["address"], project)
    if bundle.policy.sql_after != "acceptance":
        raise Refused(
            f"the declarations demand that a person accepts before SQL, and {address}, which made the run, does not",
            where=str(run.folder),
            do="train again, or leave --set-stage out",
        )
