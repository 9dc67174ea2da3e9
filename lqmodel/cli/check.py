"""`lqmodel check`: whether declarations, data and time fit together, and whether anything leaks."""

from __future__ import annotations

from pathlib import Path

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    NameOption,
    ProjectOption,
    SourceOption,
    pairs,
    print_json,
    step,
)

EXAMPLE = "lqmodel check --project . --source events=lake/events.parquet"


def command(
    project: ProjectOption = Path(),
    name: NameOption = None,
    source: SourceOption = [],  # noqa: B006
    format: FormatOption = Format.text,
) -> None:
    """Check declarations and data, count positives per part, and audit for leakage; exit 1 if training would stop."""
    from lqmodel.api import open_project
    from lqmodel.checking import check

    opened = open_project(project, pairs(source))
    with step("reading and checking"):
        found = check(opened.declarations(name), opened.inputs(name), lambda: opened.training_set(name))
    if format is Format.json:
        print_json(found.to_json())
    else:
        typer.echo(str(found))
    if found.stops:
        raise typer.Exit(1)
