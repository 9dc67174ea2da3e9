"""`lqmodel purge`: what is older than declared goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    NameOption,
    OutputsOption,
    ProjectOption,
    outputs,
    person,
    print_json,
    right_now,
)

EXAMPLE = "lqmodel purge --dry-run"


def command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Take nothing away; print what would go.")
    ] = False,
    output: OutputsOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    name: NameOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Take away what is older than [handoffs.retention] declares: rows of the ledger, runs, files for CRMs."""
    from lqmodel.api import open_project
    from lqmodel.rights import purge

    opened = open_project(project)
    declarations = opened.declarations(name)
    retention = declarations.model.handoffs.retention
    places = outputs(output, project)
    found = purge(
        opened.ledger(), places, declarations.name, retention, person(), right_now(), dry_run=dry_run
    )
    if format is Format.json:
        print_json(found)
        return
    verb = "would go" if dry_run else "gone"
    lines = [f"{n:>9,} {what}" for what, n in found.items() if n]
    typer.echo("\n".join([*lines, verb]) if lines else f"nothing {verb}: nothing is older than declared")
