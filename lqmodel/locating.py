"""Where a model is: a bundle's folder, an address in the registry, or a project's champion."""

from __future__ import annotations

from pathlib import Path

from lqmodel.bundle import Bundle
from lqmodel.errors import NoInput

ADDRESS_PREFIX = "models:/"


def find_model(model: str | None, project: Path) -> tuple[Bundle, str, Path]:
    """Load a model.

    Parameters
    ----------
    model : str or None
        A bundle's folder or ``models:/NAME@ALIAS``; None means the champion of the only model declared
        in ``project``.
    project : Path
        The folder that holds the project, hence its tracking store.

    Returns
    -------
    bundle, address, root
        The address always finds this bundle again: a version, never an alias. ``root`` is where relative
        addresses of the sources start: ``project``.

    Raises
    ------
    NoInput
        There is no such model.
    """
    if model is None or model.startswith(ADDRESS_PREFIX):
        from lqmodel.declarations import ProjectFiles
        from lqmodel.settings import Settings
        from lqmodel.tracking import Tracker

        if model is None:
            model = f"{ADDRESS_PREFIX}{ProjectFiles.read(project).declarations().name}@champion"
        settings = Settings.read()
        if settings.tracking_uri is None and not (settings.state_of(project) / "mlflow.db").exists():
            raise NoInput(
                f"no tracking store in {settings.state_of(project)}",
                do="name the project with --project, train first (`lqmodel train`), or name a bundle's folder with --model",
            )
        tracker = Tracker(settings.tracking_store(project), settings.state_of(project) / "artifacts")
        address = tracker.resolve(model)
        return Bundle.load(tracker.folder(address)), address, project.resolve()
    return Bundle.load(Path(model)), str(Path(model).resolve()), project.resolve()
