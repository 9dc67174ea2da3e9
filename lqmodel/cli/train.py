"""`lqmodel train`: evaluate in time order, refit, register."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import NameOption, ProjectOption, SourceOption, note, pairs, step

EXAMPLE = "lqmodel train --source leads=Leads.csv --save bundle --report report.html"


def command(
    project: ProjectOption = Path(),
    name: NameOption = None,
    source: SourceOption = [],  # noqa: B006
    save: Annotated[Path | None, typer.Option(help="Also write the bundle to this folder.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Search the classifier's parameters for so long first, such as 5m.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where the report goes; default: report.html in the project.")
    ] = None,
) -> None:
    """Audit, evaluate on held-out later time, refit on everything, and register in MLflow."""
    from lqmodel.api import open_project
    from lqmodel.files import write_file
    from lqmodel.report import render
    from lqmodel.summary import summary

    opened = open_project(project, pairs(source))
    with step("reading the sources"):
        opened.inputs(name)
    with step("training and evaluating"):
        model = opened.train(name, budget=budget)
    bundle = model.bundle
    for text in bundle.metrics["notices"]:
        note(f"notice: {text}")
    with step("registering"):  # first: a place that cannot be written must not cost the training
        registered = opened.register(model)
    typer.echo(summary(bundle.metrics))
    typer.echo(f"\nmodel     {registered.uri} ({registered.alias}), bundle {bundle.version}")
    if save is not None:
        typer.echo(f"bundle    {model.save(save)}")
    path = project / "report.html" if report is None else report
    write_file(path, render(bundle.declarations, bundle.metrics, bundle.card, bundle.version).encode())
    typer.echo(f"report    {path}")
