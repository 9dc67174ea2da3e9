"""`lqmodel predict`: score every lead, with stages and reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    SourceOption,
    keep_pandas_out,
    note,
    pairs,
    print_json,
    step,
)

EXAMPLE = "lqmodel predict --model models:/lead_conversion@champion --as-of today"

ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Bundle folder or models:/NAME@champion; default: the project's champion."),
]


def command(
    model: ModelOption = None,
    as_of: Annotated[
        str, typer.Option(help="The moment to look from: today, 2026-01-31, or a time with offset.")
    ] = "today",
    source: SourceOption = [],  # noqa: B006
    output: Annotated[
        Path | None, typer.Option(help="Folder that holds the runs; default: scores in the project.")
    ] = None,
    project: ProjectOption = Path(),
    format: FormatOption = Format.text,
) -> None:
    """Score all leads at one moment and write a run: whole or not at all."""
    from lqmodel.api import moment
    from lqmodel.locating import ADDRESS_PREFIX, find_model
    from lqmodel.runs import previous_run, write_run
    from lqmodel.scoring import score
    from lqmodel.settings import Settings

    sources = pairs(source)
    if model is not None and not model.startswith(ADDRESS_PREFIX):
        keep_pandas_out()  # MLflow, which finds all others, needs it
    with step("loading the model"):
        bundle, address, root = find_model(model, project)
    when = moment(bundle, as_of)
    out = project / "scores" if output is None else output
    with step("scoring"):
        before = previous_run(out, bundle, when)
        scores = score(bundle, root, sources, when, before, Settings.read().threads)
    run = write_run(scores, out, address)
    for text in scores.notices:
        note(f"notice: {text}")
    if format is Format.json:
        print_json(run.manifest)
    else:
        typer.echo(run.summary())
