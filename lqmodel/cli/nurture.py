"""`lqmodel nurture`: whom marketing should nurture, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import (
    Format,
    FormatOption,
    LanguageOption,
    ProjectOption,
    SourceOption,
    note,
    pairs,
    print_json,
    step,
)
from lqmodel.cli.predict import ModelOption
from lqmodel.cli.reading import RunOption, bundle_of, run_folder

EXAMPLE = "lqmodel nurture --run scores/latest --most 100"


def command(
    run: RunOption = None,
    model: ModelOption = None,
    source: SourceOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    most: Annotated[
        int, typer.Option(min=1, help="Leads of each stage, the nearest to the next first.")
    ] = 100,
    language: LanguageOption = None,
    format: FormatOption = Format.text,
) -> None:
    """List the leads nearest to their next stage, and what would help them.

    As of a run: the MQLs nearest to sales-ready, and the leads nearest to MQL. What would help them is worked out from
    their rows in the sources.
    """
    from lqmodel.acting import acts_before, objecting_now
    from lqmodel.counterfactual import nurture, refuse_points
    from lqmodel.runs import Run
    from lqmodel.settings import Settings

    read, settings = Run.open(run_folder(run, project)), Settings.read()
    refuse_points(read)
    note(f"run {read.folder.name}")
    with step("what would help"):
        bundle = bundle_of(read, model, project)
        spoken = settings.language_of(language, bundle.declarations.model.language)
        root, sources = project.resolve(), pairs(source)
        acts = acts_before(project, read.model_name, read.as_of)
        objecting = objecting_now(project)
        found = nurture(bundle, root, sources, read, most, settings.threads, spoken, acts, objecting)
    if format is Format.json:
        print_json({"run_id": read.run_id, "as_of": read.manifest["as_of"], "groups": found.to_json()})
    else:
        typer.echo(str(found))
