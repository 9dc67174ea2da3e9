"""`lqmodel record`: append what a run did to the ledger."""

from __future__ import annotations

from pathlib import Path

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, note, print_json, right_now
from lqmodel.cli.reading import RunOption, run_folder

EXAMPLE = "lqmodel record --run scores/latest"


def command(
    run: RunOption = None, project: ProjectOption = Path(), format: FormatOption = Format.text
) -> None:
    """Record a run in the ledger, as `predict` does where one was begun; again is a no-op."""
    from lqmodel.nightly import record
    from lqmodel.runs import Run

    recorded = record(Run.open(run_folder(run, project)), project, right_now())
    for each in recorded:
        for text in each.notices:
            note(f"notice: {text}")
    if format is Format.json:
        print_json([vars(each) for each in recorded])
    else:
        typer.echo("\n".join(map(str, recorded)))
