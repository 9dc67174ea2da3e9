"""`lqmodel explain`: why a lead has its probability."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from lqmodel.cli.reading import RunOption, bundle_of, declarations_of, run_folder
from lqmodel.errors import LqmodelError, UsageError

if TYPE_CHECKING:
    from lqmodel.bundle import Bundle
    from lqmodel.languages import Language
    from lqmodel.points import PointsExplanation
    from lqmodel.reasons import Help, LeadExplanation
    from lqmodel.runs import Run

EXAMPLE = "lqmodel explain L-000042 --run scores/latest"


def command(
    lead_id: Annotated[str, typer.Argument(help="Which lead.")],
    run: RunOption = None,
    model: ModelOption = None,
    source: SourceOption = [],  # noqa: B006
    project: ProjectOption = Path(),
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Also draw it here, as a waterfall.")
    ] = None,
    language: LanguageOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Say in words why a lead has its probability, what changed, and what would help it.

    As of a run, and since the run before it. What would help it to the next stage is worked out from the lead's rows in the sources; where these
    cannot be read, or hold other facts of the lead than the run saw, it says so.
    """
    from dataclasses import replace

    from lqmodel.acting import objecting_now
    from lqmodel.files import write_file
    from lqmodel.lookback import explain_run
    from lqmodel.points_scoring import explain_points
    from lqmodel.runs import Run
    from lqmodel.settings import Settings

    read = Run.open(run_folder(run, project))
    found: LeadExplanation | PointsExplanation
    settings = Settings.read()
    if read.by_points:
        _refuse_drawing(svg, read)
        declarations = declarations_of(read, model, project)
        spoken = settings.language_of(language, declarations.model.language)
        found = explain_points(declarations, read, lead_id, spoken)
    else:
        bundle = bundle_of(read, model, project)
        spoken = settings.language_of(language, bundle.declarations.model.language)
        found = explain_run(bundle, read, lead_id, spoken)
        helps = _would_help(bundle, project.resolve(), pairs(source), read, lead_id, spoken)
        found = replace(found, would_help=helps)
        if svg is not None:
            write_file(svg, found.waterfall().document().encode())
            note(f"waterfall {svg}")
    if lead_id in objecting_now(project):
        note(f"notice: {lead_id} objects to being contacted or scored")
    if format is Format.json:
        print_json(found.to_json())
    else:
        typer.echo(str(found))


def _would_help(
    bundle: Bundle, root: Path, sources: dict[str, str], run: Run, lead_id: str, language: Language
) -> Help | None:
    """Return what would help; None, with a notice, where the declared sources cannot be read."""
    from lqmodel.acting import acts_before
    from lqmodel.counterfactual import what_would_help
    from lqmodel.settings import Settings

    try:
        with step("what would help"):
            threads = Settings.read().threads
            acts = acts_before(root, run.model_name, run.as_of)
            return what_would_help(bundle, root, sources, run, [lead_id], threads, language, acts)[0]
    except LqmodelError as error:
        if sources:
            raise
        note(f"notice: what would help is not said: {error}")
        return None


def _refuse_drawing(svg: Path | None, run: Run) -> None:
    if svg is not None:
        raise UsageError(
            f"--svg {svg}: a points table made the run, and points have no odds to draw",
            where=str(run.folder),
            do="leave --svg out; the lines of the table stand in the text",
        )
