"""`lqmodel history`: what the ledger holds, and whether it still is what was recorded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lqmodel.cli.common import Format, FormatOption, OutputsOption, ProjectOption, outputs, print_json

if TYPE_CHECKING:
    from lqmodel.declarations import Declarations

EXAMPLE = "lqmodel history L-000042"


def command(
    lead_id: Annotated[str | None, typer.Argument(help="One lead; default: the recorded runs.")] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Look for anything that was changed by hand, in the ledger and in runs (exit 1)."
        ),
    ] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Who saw or changed what, and what was erased.")
    ] = False,
    output: OutputsOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    format: FormatOption = Format.text,
) -> None:
    """Show what was recorded: all runs, or one lead's way through the stages."""
    from lqmodel.handoff import with_cause_words
    from lqmodel.ledger import Ledger
    from lqmodel.ledger.telling import audit_text, lead_text, runs_text
    from lqmodel.rights import audit_log, checked

    def told(value: Any, text: str) -> None:
        if format is Format.json:
            print_json(value)
        else:
            typer.echo(text)

    ledger = Ledger.of(project)
    if verify:
        verified = checked(ledger, outputs(output, project))
        verified.raise_if_changed()
        told(vars(verified), str(verified))
    elif audit:
        log = audit_log(ledger)
        told(log, audit_text(log))
    elif lead_id is None:
        runs = ledger.runs()
        told(runs, runs_text(runs))
    else:
        rows = ledger.of_lead(lead_id)
        told(rows, lead_text(with_cause_words(rows, _declared(project, {row["model"] for row in rows}))))


def _declared(project: Path, models: set[str]) -> dict[str, Declarations]:
    """Return what the project declares of these models now; one that it does not, or not well, is left out."""
    from lqmodel.declarations import ProjectFiles
    from lqmodel.errors import LqmodelError

    found = {}
    for name in models:
        with suppress(LqmodelError):  # a history is read even where declarations are broken
            found[name] = ProjectFiles.read(project).declarations(name)
    return found
