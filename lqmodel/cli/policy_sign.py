"""`lqmodel policy sign`: the declared rules, written down as signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import ProjectOption, today

EXAMPLE = "lqmodel policy sign --version 2026-02 --by marketing --by sales"


def command(
    version: Annotated[str, typer.Option(help="Names the agreement, such as 2026-02; never used twice.")],
    by: Annotated[
        list[str],
        typer.Option(
            "--by",
            metavar="TEAM",
            help="A team that signs, such as marketing; repeatable. In force once marketing and sales have.",
        ),
    ],
    project: ProjectOption = Path(),
    model: Annotated[str | None, typer.Option(help="Which model, where there are several.")] = None,
    means: Annotated[
        str | None,
        typer.Option(help="What a handoff promises, in words; default: what [agreement] of the model says."),
    ] = None,
) -> None:
    """Write down the declared rules as signed: models/agreements/MODEL/VERSION.toml."""
    from lqmodel.signing import sign

    for text in sign(project, model, version, by, today(), means):
        typer.echo(text)
