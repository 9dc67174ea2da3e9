"""`lqmodel erase`: everything that is held of a lead goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    OutputsOption,
    ProjectOption,
    note,
    outputs,
    person,
    print_json,
    right_now,
)

EXAMPLE = "lqmodel erase --lead L-000042"


def command(
    lead: Annotated[list[str], typer.Option("--lead", help="Which lead; repeatable.")],
    output: OutputsOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    format: FormatOption = Format.text,
) -> None:
    """Erase a lead from the ledger, the runs and the files for CRMs, for good; again is a no-op."""
    from lqmodel.ledger import Ledger
    from lqmodel.rights import erase, strangers

    ledger, places = Ledger.of(project), outputs(output, project)
    for text in strangers(ledger, places, lead):
        note(f"notice: {text}")
    done = [erase(ledger, places, each, person(), right_now()) for each in lead]
    if format is Format.json:
        print_json([each.to_json() for each in done])
    else:
        typer.echo("\n".join(map(str, done)))
