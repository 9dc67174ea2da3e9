"""`lqmodel promote`: the challenger becomes the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import NameOption, ProjectOption

EXAMPLE = "lqmodel promote --model-version 3"


def command(
    project: ProjectOption = Path(),
    name: NameOption = None,
    version: Annotated[
        str | None, typer.Option("--model-version", help="A version; default: the challenger.")
    ] = None,
) -> None:
    """Make the challenger, or a given version, the champion that `predict` uses."""
    from lqmodel.api import open_project

    opened = open_project(project)
    promoted = opened.tracker().promote(opened.declarations(name).name, version)
    typer.echo(f"{promoted.uri} is the champion")
