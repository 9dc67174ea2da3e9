"""`lqmodel feedback`: what sales did with handoffs goes in, and what came of it comes out."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    NameOption,
    ProjectOption,
    SourceOption,
    note,
    pairs,
    person,
    print_json,
    right_now,
)
from lqmodel.errors import BadData, UsageError

if TYPE_CHECKING:
    from lqmodel.ledger import FeedbackFile, Taken

EXAMPLE = "lqmodel feedback import calls.csv --zone Europe/Berlin"
SHOWN = 5


class Action(StrEnum):
    """What to do."""

    take = "import"
    report = "report"


def command(
    action: Annotated[Action, typer.Argument(help="import a file, or report what came of the handoffs.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV or Parquet: lead_id, act, at, and what docs/ledger.md lists."),
    ] = None,
    project: ProjectOption = Path(),
    name: NameOption = None,
    source: SourceOption = [],  # noqa: B006
    column: Annotated[
        list[str],
        typer.Option("--column", metavar="NAME=COLUMN", help="Read this from another column; repeatable."),
    ] = [],  # noqa: B006
    zone: Annotated[
        str | None, typer.Option(help="Zone of times without an offset; without it they are set aside.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Write the rows that were set aside to this CSV file.")
    ] = None,
    format: FormatOption = Format.text,
) -> None:
    """Take what sales did and said from a file, or report acceptance, first touch, conversion and reasons."""
    if action is Action.take:
        if file is None:
            raise UsageError("feedback import needs a file", do="write `lqmodel feedback import FILE`")
        _take(file, project, name, pairs(column, "--column"), zone, rejects, format)
    else:
        if file is not None:
            raise UsageError(f"feedback report takes no file, got {file}", do="leave it out")
        _report(project, name, pairs(source), format)


def _take(
    file: Path,
    project: Path,
    name: str | None,
    columns: dict[str, str],
    zone: str | None,
    rejects: Path | None,
    format: Format,
) -> None:
    from lqmodel.api import open_project
    from lqmodel.files import write_file
    from lqmodel.ledger import Spoken, read_feedback, write_rejects

    opened = open_project(project)
    declarations = opened.declarations(name)
    if not declarations.model.has_clock:
        raise UsageError(
            f"model {declarations.name!r} has no clock, so no run of it is recorded: there is nothing to answer",
            do="declare when leads were created and when they were won; docs/time.md",
        )
    stages = declarations.model.stages
    now = right_now()
    read = read_feedback(file, stages.sal.checklist, zone, now, columns)
    if read.unused:
        note(f"notice: columns that were not looked at: {', '.join(read.unused)}")
    taken = opened.ledger().say(read.feedback, Spoken.of(stages), now, by=person())
    aside = sorted((*read.aside, *taken.aside), key=lambda a: a.feedback.row or 0)
    if rejects is not None:
        write_rejects(aside, partial(write_file, rejects))
    _tell(read, taken, format)
    if aside:
        lines = [f"row {a.feedback.row}: {a.why}" for a in aside[:SHOWN]]
        more = len(aside) - SHOWN
        raise BadData(
            "; ".join(
                [
                    f"{len(aside):,} {'row was' if len(aside) == 1 else 'rows were'} set aside",
                    *lines,
                    *([f"and {more:,} more"] if more > 0 else []),
                ]
            ),
            where=str(file),
            do="mend them and import the file again: what was taken is not taken twice"
            + ("" if rejects else "; --rejects FILE lists them all"),
        )


def _tell(read: FeedbackFile, taken: Taken, format: Format) -> None:
    aside = len(read.aside) + len(taken.aside)
    if format is Format.json:
        print_json({"taken": taken.taken, "held": taken.held, "aside": aside})
    else:
        typer.echo(f"{taken.taken:,} taken, {taken.held:,} held already, {aside:,} set aside")


def _report(project: Path, name: str | None, sources: dict[str, str], format: Format) -> None:
    from lqmodel.api import open_project
    from lqmodel.ledger import won_within

    opened = open_project(project, sources)
    declarations = opened.declarations(name)
    won = partial(won_within, declarations, opened.inputs(name)) if declarations.model.has_clock else None
    found = opened.ledger().report(declarations.name, right_now(), won)
    if format is Format.json:
        print_json(found.to_json())
    else:
        typer.echo(str(found))
