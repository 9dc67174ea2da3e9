"""What all commands share: options, printing, and how an error ends the process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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


def note(text: str) -> None:
    """Say something on stderr; data alone goes to stdout."""
    typer.echo(text, err=True)


class _NoPandas:
    """A finder of modules that finds no pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("not needed here", name=name)


def keep_pandas_out() -> None:
    """Have pyarrow do without pandas, which it would import with its first array: a third of a second.

    For commands that use no pandas themselves; where it is loaded already, nothing changes.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)  # pyarrow looks for it once
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say on stderr what is being done: a spinner on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
