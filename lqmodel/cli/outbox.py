"""`lqmodel outbox`: handoffs that were not delivered yet, for other programmes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import ProjectOption, note
from lqmodel.cli.reading import RunOption, run_folder
from lqmodel.errors import NoInput

EXAMPLE = "lqmodel outbox --ack delivered.jsonl"


def command(
    run: RunOption = None,
    project: ProjectOption = Path(),
    most: Annotated[int | None, typer.Option(min=1, help="At most so many, the oldest first.")] = None,
    ack: Annotated[
        Path | None,
        typer.Option(
            "--ack",
            metavar="FILE",
            help="These lines, or keys, were delivered: never print them again. - reads stdin.",
        ),
    ] = None,
) -> None:
    """Print the handoffs that nobody acknowledged yet, as JSON lines with an idempotency key: each at least once."""
    from lqmodel.acting import given_to, objecting_now
    from lqmodel.outbox import acknowledge, outbox, read_keys
    from lqmodel.runs import Run

    read = Run.open(run_folder(run, project))
    if ack is not None:
        keys = read_keys(_lines(ack), "stdin" if str(ack) == "-" else str(ack))
        new = acknowledge(read.folder.parent, keys)
        note(f"{new:,} acknowledged, {len(keys) - new:,} had been before")
        return
    found = outbox(read, given_to(project, read.model_name), objecting_now(project))
    if found.withheld:
        note(f"{found.withheld:,} withheld: their leads have been suppressed since")
    if found.joined:
        note(f"{found.joined:,} wait: another lead of their account stands for them")
    sys.stdout.write(found.first(most).lines())


def _lines(path: Path) -> list[str]:
    if str(path) == "-":
        return list(sys.stdin)
    if not path.is_file():
        raise NoInput(
            f"no file {path}", where="--ack", do="name the lines that were delivered, or - for stdin"
        )
    return path.read_text(encoding="utf-8").split("\n")
