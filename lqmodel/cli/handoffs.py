"""`lqmodel handoffs`: which leads a run hands to sales, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, note, print_json, right_now
from lqmodel.cli.predict import ModelOption
from lqmodel.cli.reading import RunOption, bundle_of, declarations_of, run_folder
from lqmodel.errors import UsageError

if TYPE_CHECKING:
    from lqmodel.languages import Language
    from lqmodel.ledger.accounts import Given
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
    status: Annotated[
        list[str],
        typer.Option("--status", help="From the ledger: those that came to this; repeatable."),
    ] = [],  # noqa: B006
    overdue: Annotated[
        bool, typer.Option("--overdue", help="From the ledger: those that nobody answered in time.")
    ] = False,
    owner: Annotated[str | None, typer.Option(help="From the ledger: those of this owner.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """List the leads that a run hands over to sales, each with its reasons; or what became of recorded ones."""
    from lqmodel.acting import given_to, objecting_now
    from lqmodel.declarations.agreement import unsigned
    from lqmodel.languages import Language
    from lqmodel.runs import Run

    if status or overdue or owner is not None:
        if run is not None or language is not None:
            raise UsageError(
                "--run and --language go with the handoffs of one run, and the ledger holds all of them",
                do="leave them out, or leave out --status, --overdue and --owner",
            )
        _recorded(project, status, overdue, owner, most, format)
        return
    read = Run.open(run_folder(run, project))
    note(f"run {read.folder.name}")
    if told := unsigned(read.manifest["agreement"], read.manifest.get("signed")):
        note(f"notice: {told}")
    objecting = objecting_now(project)
    handed = read.handoffs()
    found = [handoff for handoff in handed if handoff["lead_id"] not in objecting]
    if len(found) < len(handed):
        note(f"notice: {len(handed) - len(found):,} left out, who object to being contacted")
    found = found[:most]
    spoken = read.language if language is None else Language.of(language)
    if spoken != read.language:
        found = _reworded(found, read, spoken, model, project)
    given = given_to(project, read.model_name)
    whose = [given.get((read.as_of or 0, handoff["lead_id"])) for handoff in found]
    if format is Format.json:
        from lqmodel.ledger.accounts import given_json

        print_json([{**handoff, **given_json(told)} for handoff, told in zip(found, whose, strict=True)])
    else:
        texts = [_text(handoff, told) for handoff, told in zip(found, whose, strict=True)]
        typer.echo("\n\n".join(texts) or spoken.say("no_handoffs"))


def _text(handoff: dict[str, Any], told: Given | None) -> str:
    from lqmodel.handoff import handoff_text
    from lqmodel.languages import ENGLISH, Language
    from lqmodel.ledger.telling import given_text

    whose = "" if told is None else given_text(told, Language.of(handoff.get("language", ENGLISH.name)))
    return handoff_text(handoff) + (f"\n  {whose}" if whose else "")


def _recorded(
    project: Path, statuses: list[str], overdue: bool, owner: str | None, most: int | None, format: Format
) -> None:
    from lqmodel.ledger import STATUSES, Ledger
    from lqmodel.ledger.telling import handoffs_text

    for status in statuses:
        if status not in STATUSES:
            raise UsageError(
                f"--status {status!r}: no handoff comes to that", exists=STATUSES, do="name one of these"
            )
    now = right_now()
    found = Ledger.of(project).handoffs(now, statuses=statuses or None, overdue=overdue, owner=owner)[:most]
    if format is Format.json:
        print_json(found)
    else:
        typer.echo(handoffs_text(found, now))


def _reworded(
    found: list[dict[str, Any]], run: Run, language: Language, model: str | None, project: Path
) -> list[dict[str, Any]]:
    from lqmodel import explaining, points_scoring
    from lqmodel.points import PointsTable
    from lqmodel.rewording import Rewording

    if run.by_points:
        declarations = declarations_of(run, model, project)
        points_scoring.check_made_by(PointsTable.of(declarations), run)
        return Rewording(declarations, run.language, language).of_run(found, run.features)
    bundle = bundle_of(run, model, project)
    explaining.check_made_by(bundle, run)
    return Rewording(bundle.declarations, run.language, language, bundle.usual).of_run(found, run.features)
