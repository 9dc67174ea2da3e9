"""Which run a command reads, and what made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lqmodel.cli.light import keep_out
from lqmodel.errors import UsageError

if TYPE_CHECKING:
    from lqmodel.bundle import Bundle
    from lqmodel.declarations import Declarations
    from lqmodel.runs import Run

SCORES = "scores"
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run", help="The run to read: its folder, or its name in scores; default: the project's latest."
    ),
]


def run_folder(run: Path | None, project: Path) -> Path:
    """Return the folder of the run that is meant: named as a path, or by its name among the project's runs."""
    place = project / SCORES
    if run is None:
        return place / "latest"
    return place / run if not run.exists() and len(run.parts) == 1 else run


def bundle_of(run: Run, model: str | None, project: Path) -> Bundle:
    """Load the bundle that made a run, from where it was found then or from where it is said to be."""
    from lqmodel.locating import ADDRESS_PREFIX, find_model

    address = model or str(run.manifest["model"]["address"])
    if not address.startswith(ADDRESS_PREFIX):
        keep_out()  # MLflow, which finds all others, needs them
    return find_model(address, project)[0]


def declarations_of(run: Run, model: str | None, project: Path) -> Declarations:
    """Read the project's declarations for a run that a points table made."""
    from lqmodel.declarations import ProjectFiles

    if model is not None:
        raise UsageError(
            f"--model {model!r}, but a points table made the run",
            where=str(run.folder),
            do="leave --model out; the project's declarations explain it",
        )
    return ProjectFiles.read(project).declarations(run.model_name)
