"""The command line: each command parses, calls the library, and prints. One file a command."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from lqmodel.cli import (
    access,
    check,
    demo,
    erase,
    evaluate,
    explain,
    export,
    feedback,
    handoffs,
    history,
    init,
    nurture,
    outbox,
    policy,
    predict,
    promote,
    purge,
    record,
    serve,
    simulate,
    suppress,
    train,
    user,
)
from lqmodel.cli.light import rarely_collect


class _Commands(TyperGroup):
    """Commands whose output may be read in part, as by `| head`."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is written at the exit
            return None


app = typer.Typer(
    name="lqmodel",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Lead conversion: calibrated probabilities, stages, and reasons in words.",
    epilog="Example: lqmodel demo",
)
COMMANDS = (
    init,
    check,
    simulate,
    train,
    evaluate,
    predict,
    explain,
    handoffs,
    nurture,
    export,
    outbox,
    record,
    feedback,
    history,
    suppress,
    access,
    erase,
    purge,
    promote,
    user,
    serve,
    demo,
)
for module in COMMANDS:
    name = module.__name__.rpartition(".")[2]
    app.command(name, epilog=f"Example: {module.EXAMPLE}")(module.command)
app.add_typer(policy.group, name="policy", epilog=f"Example: {policy.EXAMPLE}")


def _version(wanted: bool) -> None:
    if wanted:
        from lqmodel import __version__

        typer.echo(f"lqmodel {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Score leads with probabilities that hold, and say why."""


def main() -> None:
    """Run the command line; an error of ours becomes one message and its exit code."""
    from lqmodel.errors import LqmodelError

    rarely_collect()
    try:
        app()
    except LqmodelError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
