"""`lqmodel handoffs`: which leads a run hands to sales, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, note, print_json
from lqmodel.cli.explain import LATEST, RunOption

EXAMPLE = "lqmodel handoffs --run scores/latest --most 10"


def command(
    run: RunOption = None,
    project: ProjectOption = Path(),
    most: Annotated[int | None, typer.Option(min=0, help="At most so many, the likeliest first.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """List the leads that a run hands over to sales, each with its reasons."""
    from lqmodel.runs import Run

    read = Run.open(run or project / LATEST)
    note(f"run {read.folder.name}")
    found = read.handoffs()[:most]
    if format is Format.json:
        print_json(found)
    else:
        from lqmodel.handoff import handoff_text

        typer.echo("\n\n".join(map(handoff_text, found)) or read.language.say("no_handoffs"))
