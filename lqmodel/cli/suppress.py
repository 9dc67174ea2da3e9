"""`lqmodel suppress`: the list of those who object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    outputs,
    person,
    print_json,
    right_now,
)
from lqmodel.cli.common import note as tell

EXAMPLE = "lqmodel suppress L-000042"


def command(
    lead_id: Annotated[list[str] | None, typer.Argument(help="Who objects; default: list them.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="They agree again.")] = False,
    note: Annotated[str | None, typer.Option(help="How the objection came in.")] = None,
    project: ProjectOption = Path(),
    format: FormatOption = Format.text,
) -> None:
    """Note that people object to being contacted or scored: from the next run on they are `suppressed`."""
    from lqmodel.ledger import Ledger
    from lqmodel.rights import object_to, strangers

    ledger = Ledger.of(project)
    if not lead_id:
        listed = ledger.suppressed()
        if format is Format.json:
            print_json(listed)
        else:
            typer.echo("\n".join(listed) or "nobody objects")
        return
    for text in strangers(ledger, outputs([], project), lead_id):
        tell(f"notice: {text}")
    changed = object_to(ledger, lead_id, person(), right_now(), lift=lift, words=note)
    if format is Format.json:
        print_json({"changed": changed})
    else:
        typer.echo(f"{changed:,} {'taken off' if lift else 'put on'} the list")
