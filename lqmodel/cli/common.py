"""What all commands share: options, printing, and how an error ends the process."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lqmodel.errors import UsageError


class Format(StrEnum):
    """How a command prints."""

    text = "text"
    json = "json"


ProjectOption = Annotated[Path, typer.Option("--project", help="Folder with features/ and models/.")]
NameOption = Annotated[str | None, typer.Option("--name", help="Which model, where there are several.")]
SourceOption = Annotated[
    list[str],
    typer.Option("--source", metavar="NAME=FILE", help="Read a source from another file; repeatable."),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Words of reasons: en, de, ro or nb; default: LQMODEL_LANGUAGE, else the model's declared language.",
    ),
]
OutputsOption = Annotated[
    list[Path],
    typer.Option("--output", help="A folder that holds runs; repeatable. Default: scores in the project."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]


def pairs(options: Iterable[str], flag: str = "--source") -> dict[str, str]:
    """Read ``NAME=VALUE`` options.

    Raises
    ------
    UsageError
        One of them has no ``=``, or a name stands twice.
    """
    result: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{flag} {option!r} is not NAME=VALUE", do=f"write {flag} leads=Leads.csv")
        if name in result:
            raise UsageError(f"{flag} names {name!r} twice")
        result[name] = value
    return result


def print_json(value: Any) -> None:
    """Print JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def outputs(given: list[Path], project: Path) -> list[Path]:
    """Return the folders of runs that are meant."""
    return given or [project / "scores"]


def person() -> str:
    """Return who sits at this terminal, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def right_now() -> int:
    """Return this moment, in microseconds UTC."""
    return time.time_ns() // 1000


def note(text: str) -> None:
    """Say something on stderr; data alone goes to stdout."""
    typer.echo(text, err=True)


def today() -> date:
    """Return this day, where the machine stands."""
    return date.today()


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say on stderr what is being done: a spinner on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
