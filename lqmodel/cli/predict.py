"""`lqmodel predict`: score every lead, with stages and reasons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    LanguageOption,
    NameOption,
    ProjectOption,
    SourceOption,
    note,
    pairs,
    print_json,
    right_now,
    step,
)
from lqmodel.cli.light import keep_out
from lqmodel.errors import UsageError

if TYPE_CHECKING:
    from lqmodel.nightly import Proposal
    from lqmodel.runs import Run

EXAMPLE = "lqmodel predict --model models:/lead_conversion@champion --as-of today"

ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Bundle folder or models:/NAME@champion; default: the project's champion."),
]


def command(
    model: ModelOption = None,
    as_of: Annotated[
        str, typer.Option(help="The moment to look from: today, 2026-01-31, or a time with offset.")
    ] = "today",
    source: SourceOption = [],  # noqa: B006
    output: Annotated[
        Path | None, typer.Option(help="Folder that holds the runs; default: scores in the project.")
    ] = None,
    project: ProjectOption = Path(),
    points: Annotated[
        bool,
        typer.Option(
            "--points", help="Without a model: by the [points] table of the project's declarations."
        ),
    ] = False,
    name: NameOption = None,
    language: LanguageOption = None,
    crm: Annotated[
        str | None,
        typer.Option(help="Also write files for this CRM, as `lqmodel export` does without further options."),
    ] = None,
    record: Annotated[
        bool | None,
        typer.Option(
            "--record/--no-record",
            help="Whether to record the run in the ledger; default: where one was begun.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which leads would change stage, and why; write nothing.")
    ] = False,
    let_move: Annotated[
        bool,
        typer.Option(
            "--let-move",
            help="Let this one run move more leads at once than [handoffs] at_most_moving allows.",
        ),
    ] = False,
    format: FormatOption = Format.text,
) -> None:
    """Score all leads at one moment and write a run: whole or not at all."""
    if dry_run and (crm is not None or record):
        raise UsageError("--dry-run writes nothing", do="leave --crm and --record out")
    out = project / "scores" if output is None else output
    sources = pairs(source)
    if crm is not None:
        from lqmodel.exporting import check_declared

        check_declared(crm, project)
    if points:
        proposed = _by_points(model, name, project, sources, as_of, out, language, record)
    elif name is not None:
        raise UsageError(
            f"--name {name!r} names a points table",
            do="add --points, or name a model with --model models:/NAME@champion",
        )
    else:
        proposed = _by_model(model, project, sources, as_of, out, language, record)
    if dry_run:
        _dry_run(proposed, format)
        return
    if proposed.moving is not None and proposed.moving.other_rules:
        note(f"{proposed.moving}\n")
    run, notices = proposed.keep(out, let_move)
    for text in notices:
        note(f"notice: {text}")
    if format is Format.json:
        print_json(run.manifest)
    else:
        typer.echo(run.summary())
    if crm is not None:
        _for_crm(run, crm, project, sources)


def _dry_run(proposed: Proposal, format: Format) -> None:
    for text in proposed.notices():
        note(f"notice: {text}")
    if format is Format.json:
        print_json(proposed.to_json())
    else:
        typer.echo(str(proposed))


def _for_crm(run: Run, crm: str, project: Path, sources: dict[str, str]) -> None:
    """Write files for a CRM; what is said of them goes to stderr, beside the run's JSON."""
    from lqmodel.exporting import check_written, export, told, write_export
    from lqmodel.settings import Settings

    made = export(run, crm, project, sources, threads=Settings.read().threads)
    note(told(made, write_export(made)))
    check_written(made)


def _by_model(
    model: str | None,
    project: Path,
    sources: dict[str, str],
    as_of: str,
    out: Path,
    language: str | None,
    record: bool | None,
) -> Proposal:
    from lqmodel.locating import ADDRESS_PREFIX, find_model
    from lqmodel.model import moment
    from lqmodel.nightly import Night, handled
    from lqmodel.runs import previous_run
    from lqmodel.scoring import score
    from lqmodel.settings import Settings

    if model is not None and not model.startswith(ADDRESS_PREFIX):
        keep_out()  # MLflow, which finds all others, needs them
    with step("loading the model"):
        bundle, address, root = find_model(model, project)
        bundle = handled(bundle, project)
    when, settings = moment(bundle, as_of), Settings.read()
    spoken = settings.language_of(language, bundle.declarations.model.language)
    night = Night.of(project, bundle, when, record, right_now())
    with step("scoring"):
        before = previous_run(out, bundle, when)
        acts = night.acts(bundle.declarations.name, when)
        scores = score(bundle, root, sources, when, before, settings.threads, spoken, acts, night.barred())
    return night.propose(scores, before, bundle.policy, bundle.declarations, address)


def _by_points(
    model: str | None,
    name: str | None,
    project: Path,
    sources: dict[str, str],
    as_of: str,
    out: Path,
    language: str | None,
    record: bool | None,
) -> Proposal:
    from lqmodel.api import open_project
    from lqmodel.model import moment
    from lqmodel.nightly import Night
    from lqmodel.points import PointsTable
    from lqmodel.points_scoring import score_by_points
    from lqmodel.runs import previous_run

    if model is not None:
        raise UsageError("--points and --model at once", do="keep one: points need no model")
    keep_out()
    opened = open_project(project)
    declarations = opened.declarations(name)
    table = PointsTable.of(declarations)
    when, settings = moment(table, as_of), opened.settings
    spoken = settings.language_of(language, declarations.model.language)
    night = Night.of(project, table, when, record, right_now())
    with step("scoring"):
        before = previous_run(out, table, when)
        acts = night.acts(declarations.name, when)
        scores = score_by_points(
            declarations, opened.root, sources, when, before, settings.threads, spoken, acts, night.barred()
        )
    return night.propose(scores, before, table.policy(), declarations, f"models/{declarations.name}.toml")
