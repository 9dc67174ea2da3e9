"""`lqmodel evaluate`: how good a model is on snapshots that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    SourceOption,
    note,
    pairs,
    print_json,
    step,
)
from lqmodel.cli.predict import ModelOption

EXAMPLE = "lqmodel evaluate --model bundle --source leads=later.csv"


def command(
    model: ModelOption = None,
    source: SourceOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    report: Annotated[
        Path | None, typer.Option(help="Also write the report of the held-out evaluation here.")
    ] = None,
    format: FormatOption = Format.text,
) -> None:
    """Print the held-out figures; with --source, judge the model on those data instead."""
    from lqmodel.files import write_file
    from lqmodel.locating import find_model
    from lqmodel.summary import summary

    bundle, _, root = find_model(model, project)
    if report is not None:
        from lqmodel.report import render

        write_file(report, render(bundle.declarations, bundle.metrics, bundle.card, bundle.version).encode())
        note(f"report    {report}")
    metrics = dict(bundle.metrics)
    if source:
        from lqmodel.judging import evaluate_on

        with step("evaluating"):
            metrics = evaluate_on(bundle, root, pairs(source))
    if format is Format.json:
        print_json(metrics)
    else:
        typer.echo(summary(metrics))
