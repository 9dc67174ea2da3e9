"""`lqmodel init`: a project's declarations, guessed from one's own files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lqmodel.cli.common import SourceOption, note, pairs

if TYPE_CHECKING:
    from lqmodel.init import Ask

EXAMPLE = "lqmodel init my-project --source leads=Leads.csv --label Converted=1"


def command(
    folder: Annotated[Path, typer.Argument(help="The project's folder; made if it is not there.")],
    source: SourceOption,
    label: Annotated[str | None, typer.Option(help="What a win looks like: COLUMN=VALUE.")] = None,
    key: Annotated[
        list[str], typer.Option(help="The column that names the lead; SOURCE.COLUMN for one table.")
    ] = [],  # noqa: B006
    created: Annotated[str | None, typer.Option(help="The column that says when a lead was made.")] = None,
    zone: Annotated[
        str | None, typer.Option(help="The zone of dates and of times without an offset.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The column of the company that a lead belongs to.")
    ] = None,
    lead_source: Annotated[str | None, typer.Option(help="The source with one row per lead.")] = None,
    role: Annotated[
        list[str], typer.Option(metavar="NAME=ROLE", help="leads, events, outcomes or attributes.")
    ] = [],  # noqa: B006
    time: Annotated[
        list[str], typer.Option(metavar="NAME=COLUMN", help="When a source's facts happened.")
    ] = [],  # noqa: B006
    keep: Annotated[
        list[str],
        typer.Option(metavar="COLUMN=REASON", help="Use a column that would be left out, and say why."),
    ] = [],  # noqa: B006
    drop: Annotated[list[str], typer.Option(metavar="COLUMN", help="Leave a column out.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="The model's name.")] = "lead_conversion",
    force: Annotated[bool, typer.Option("--force", help="Overwrite declarations that stand there.")] = False,
) -> None:
    """Read the files given, guess what they hold, say what was guessed and why, and write features/ and models/."""
    from lqmodel.init import Answers, guess, write_project

    answers = Answers(
        key=tuple(key),
        label=label,
        created=created,
        zone=zone,
        account=account,
        name=name,
        lead_source=lead_source,
        roles=pairs(role, "--role"),
        times=pairs(time, "--time"),
        keep=pairs(keep, "--keep"),
        drop=tuple(drop),
    )
    files = {source_name: Path(file) for source_name, file in pairs(source).items()}
    guessed = guess(files, answers, ask=_asker())
    for text in guessed.explanations:
        note(f"- {text}")
    for path in write_project(guessed, folder, force=force):
        typer.echo(path)
    note(f"next: lqmodel check --project {folder}")


def _asker() -> Ask | None:
    """Ask on a terminal; elsewhere flags alone decide."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: str, choices: Sequence[str], default: str) -> str:
        from rich.console import Console
        from rich.prompt import Prompt

        answer: str = Prompt.ask(
            question, choices=list(choices), default=default, console=Console(stderr=True)
        )
        return answer

    return ask
