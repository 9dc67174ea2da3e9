"""`lqmodel access`: all that is held of a lead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    OutputsOption,
    ProjectOption,
    outputs,
    person,
    print_json,
    right_now,
)

EXAMPLE = "lqmodel access L-000042 --format json"


def command(
    lead_id: Annotated[str, typer.Argument(help="Which lead.")],
    output: OutputsOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    format: FormatOption = Format.text,
) -> None:
    """Print all that the ledger, the runs and the files for CRMs hold of a lead; the look itself is logged."""
    from lqmodel.ledger import Ledger
    from lqmodel.rights import access

    found = access(Ledger.of(project), outputs(output, project), lead_id, person(), right_now())
    if format is Format.json:
        print_json(found.to_json())
    else:
        typer.echo(str(found))
