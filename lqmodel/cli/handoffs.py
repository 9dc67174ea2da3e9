"""`lqmodel handoffs`: which leads a run hands to sales, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, note, print_json
from lqmodel.cli.explain import LATEST, RunOption, bundle_of, declarations_of
from lqmodel.cli.predict import ModelOption

if TYPE_CHECKING:
    from lqmodel.languages import Language
    from lqmodel.runs import Run

EXAMPLE = "lqmodel handoffs --run scores/latest --most 10"


def command(
    run: RunOption = None,
    project: ProjectOption = Path(),
    most: Annotated[int | None, typer.Option(min=0, help="At most so many, the likeliest first.")] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Reword them: en, de, ro or nb; default: as the run froze them."),
    ] = None,
    model: ModelOption = None,
    format: FormatOption = Format.text,
) -> None:
    """List the leads that a run hands over to sales, each with its reasons."""
    from lqmodel.languages import Language
    from lqmodel.runs import Run

    read = Run.open(run or project / LATEST)
    note(f"run {read.folder.name}")
    found = read.handoffs()[:most]
    spoken = read.language if language is None else Language.of(language)
    if spoken != read.language:
        found = _reworded(found, read, spoken, model, project)
    if format is Format.json:
        print_json(found)
    else:
        from lqmodel.handoff import handoff_text

        typer.echo("\n\n".join(map(handoff_text, found)) or spoken.say("no_handoffs"))


def _reworded(
    found: list[dict[str, Any]], run: Run, language: Language, model: str | None, project: Path
) -> list[dict[str, Any]]:
    from lqmodel import explaining, points_scoring
    from lqmodel.handoff import reworded
    from lqmodel.points import PointsTable

    if run.by_points:
        declarations = declarations_of(run, model, project)
        points_scoring.check_made_by(PointsTable.of(declarations), run)
        return reworded(found, run.features, declarations, run.language, language)
    bundle = bundle_of(run, model, project)
    explaining.check_made_by(bundle, run)
    return reworded(found, run.features, bundle.declarations, run.language, language, bundle.usual)
