"""`lqmodel export`: files that a CRM's importer takes, from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, SourceOption, pairs, print_json, step
from lqmodel.cli.reading import RunOption, run_folder

EXAMPLE = "lqmodel export --crm hubspot --run scores/latest --changes-from scores/2026-11-20T0000Z-3f9a12c04b7e --dry-run"


def command(
    crm: Annotated[
        str, typer.Option(help="hubspot, salesforce, dynamics or nutshell, as models/NAME.toml declares it.")
    ],
    run: RunOption = None,
    project: ProjectOption = Path(),
    source: SourceOption = [],  # noqa: B006
    output: Annotated[
        Path | None, typer.Option(help="Folder of the files; default: crm/CRM/RUN beside the run.")
    ] = None,
    set_stage: Annotated[
        bool, typer.Option("--set-stage", help="Also set the CRM's own stage, in files of their own.")
    ] = False,
    changes_from: Annotated[
        Path | None,
        typer.Option(
            "--changes-from",
            metavar="RUN",
            help="Leave out leads that moved too little since this run and the files written of it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; print what would change.")
    ] = False,
    format: FormatOption = Format.text,
) -> None:
    """Write what a run says of each lead as files for a CRM: whole or not at all, and own fields alone unless told otherwise."""
    from lqmodel.exporting import check_written, export, told, write_export
    from lqmodel.runs import Run
    from lqmodel.settings import Settings

    read = Run.open(run_folder(run, project))
    before = None if changes_from is None else Run.open(run_folder(changes_from, project))
    with step("comparing"):
        made = export(
            read,
            crm,
            project,
            pairs(source),
            set_stage=set_stage,
            changes_from=before,
            threads=Settings.read().threads,
        )
    if dry_run:
        print_json(made.to_json()) if format is Format.json else typer.echo(str(made))
        check_written(made)
        return
    folder = write_export(made, output)
    if format is Format.json:
        print_json({**made.to_json(), "folder": str(folder)})
    else:
        typer.echo(told(made, folder))
    check_written(made)
