"""The command line: each command parses, calls the library, and prints. One file a command."""

from __future__ import annotations

import os
import sys

import typer

from lqmodel.cli import check, demo, evaluate, explain, handoffs, init, predict, promote, simulate, train

app = typer.Typer(
    name="lqmodel",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Lead conversion: calibrated probabilities, stages, and reasons in words.",
    epilog="Example: lqmodel demo",
)
for module in (init, check, simulate, train, evaluate, predict, explain, handoffs, promote, demo):
    name = module.__name__.rpartition(".")[2]
    app.command(name, epilog=f"Example: {module.EXAMPLE}")(module.command)


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

    try:
        app()
    except LqmodelError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
