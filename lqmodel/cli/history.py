"""`lqmodel history`: what the ledger holds, and whether it still is what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, print_json

EXAMPLE = "lqmodel history L-000042"


def command(
    lead_id: Annotated[str | None, typer.Argument(help="One lead; default: the recorded runs.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Look for anything that was changed by hand (exit 1).")
    ] = False,
    project: ProjectOption = Path(),
    format: FormatOption = Format.text,
) -> None:
    """Show what was recorded: all runs, or one lead's way through the stages."""
    from lqmodel.ledger import Ledger
    from lqmodel.ledger.telling import lead_text, runs_text

    def told(value: Any, text: str) -> None:
        if format is Format.json:
            print_json(value)
        else:
            typer.echo(text)

    ledger = Ledger.of(project)
    if verify:
        verified = ledger.verify()
        verified.raise_if_changed()
        told(vars(verified), str(verified))
    elif lead_id is None:
        runs = ledger.runs()
        told(runs, runs_text(runs))
    else:
        rows = ledger.of_lead(lead_id)
        told(rows, lead_text(rows))
