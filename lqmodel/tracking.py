"""MLflow: what each training tried and gave, and which model is champion. The only importer of mlflow."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lqmodel.bundle import Bundle
from lqmodel.errors import NoInput, UsageError

CHAMPION, CHALLENGER = "champion", "challenger"
ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/]+)|/(?P<version>\d+))$")
BUNDLE_IN_MODEL = "data/bundle"


@dataclass(frozen=True)
class Registered:
    """A registered model: its address, and the alias that it was given."""

    name: str
    version: str
    alias: str
    run_id: str

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


class Tracker:
    """One MLflow store.

    Parameters
    ----------
    store : str
        Address of the store, such as ``sqlite:////path/mlflow.db``.
    artifacts : Path
        Folder for the artefacts of experiments that this tracker makes.
    """

    def __init__(self, store: str, artifacts: Path) -> None:
        self.store = store
        self.artifacts = artifacts
        # must be set before mlflow is imported: no usage reports leave the machine
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        with _quiet():
            import mlflow
            from mlflow import MlflowClient

            self._mlflow = mlflow
            with self._first_start():
                mlflow.set_tracking_uri(store)
                mlflow.set_registry_uri(store)
                self._client = MlflowClient(tracking_uri=store, registry_uri=store)
                self._client.search_experiments(max_results=1)

    @contextlib.contextmanager
    def _first_start(self) -> Iterator[None]:
        """Create the SQLite schema under a lock: two first starts at once race on it."""
        if not self.store.startswith("sqlite:///"):
            yield
            return
        database = Path(self.store.removeprefix("sqlite:///"))
        database.parent.mkdir(parents=True, exist_ok=True)
        with (database.parent / f".{database.name}.lock").open("a") as handle:
            with contextlib.suppress(
                ImportError
            ):  # Windows has no fcntl; first starts there are one at a time
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def log(
        self, bundle: Bundle, params: Mapping[str, Any], metrics: Mapping[str, float], files: Path
    ) -> Registered:
        """Log one training and register its bundle: the first one becomes champion, later ones challenger.

        Parameters
        ----------
        bundle : Bundle
            What was trained; logged as it is saved, without pickle.
        params, metrics : mapping
            What was chosen, and the held-out figures.
        files : Path
            A folder whose content is logged beside: the report, the card, the plots.
        """
        name = bundle.declarations.name
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            experiment = self._client.get_experiment_by_name(name)
            experiment_id = (
                experiment.experiment_id
                if experiment
                else self._client.create_experiment(name, artifact_location=self.artifacts.resolve().as_uri())
            )
            saved = bundle.save(Path(folder) / "bundle")
            with self._mlflow.start_run(experiment_id=experiment_id) as run:
                self._mlflow.log_params(dict(params))
                self._mlflow.log_metrics(dict(metrics))
                self._mlflow.set_tags(
                    {
                        "lqmodel.version": bundle.version,
                        "lqmodel.fingerprint": bundle.declarations.fingerprint(),
                        "lqmodel.data": bundle.data,
                    }
                )
                self._mlflow.log_artifacts(str(files))
                info = self._mlflow.pyfunc.log_model(
                    name="model",
                    loader_module="lqmodel.serving",
                    data_path=str(saved),
                    pip_requirements=[f"lqmodel=={bundle.lqmodel}"],
                    registered_model_name=name,
                )
            version = str(info.registered_model_version)
            alias = CHALLENGER if CHAMPION in self._aliases(name) else CHAMPION
            self._client.set_registered_model_alias(name, alias, version)
            return Registered(name, version, alias, run.info.run_id)

    def _aliases(self, name: str) -> dict[str, str]:
        return {
            alias: str(version) for alias, version in self._client.get_registered_model(name).aliases.items()
        }

    def folder(self, uri: str) -> Path:
        """Return the bundle's folder of ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

        Raises
        ------
        UsageError
            The address has another form.
        NoInput
            There is no such model, alias or version.
        """
        found = ADDRESS.match(uri)
        if not found:
            raise UsageError(
                f"{uri!r} is no model address",
                exists=("models:/NAME@champion", "models:/NAME/3", "a bundle's folder"),
            )
        with _quiet():
            self._check_exists(found["name"], found["alias"], found["version"])
            return Path(self._mlflow.artifacts.download_artifacts(uri)) / BUNDLE_IN_MODEL

    def _check_exists(self, name: str, alias: str | None, version: str | None) -> None:
        names = [m.name for m in self._client.search_registered_models()]
        if name not in names:
            raise NoInput(
                f"no registered model {name!r}",
                where=self.store,
                exists=names,
                do="train it first: `lqmodel train`",
            )
        aliases = self._aliases(name)
        if alias is not None and alias not in aliases:
            raise NoInput(f"model {name!r} has no alias {alias!r}", where=self.store, exists=sorted(aliases))
        versions = sorted(
            (str(v.version) for v in self._client.search_model_versions(f"name='{name}'")), key=int
        )
        if version is not None and version not in versions:
            raise NoInput(f"model {name!r} has no version {version}", where=self.store, exists=versions)

    def promote(self, name: str, version: str | None = None) -> Registered:
        """Make the challenger (or a version) the champion.

        Raises
        ------
        NoInput
            There is no such model, or it has no challenger.
        """
        with _quiet():
            self._check_exists(name, None if version else CHALLENGER, version)
            aliases = self._aliases(name)
            chosen = version or aliases[CHALLENGER]
            self._client.set_registered_model_alias(name, CHAMPION, chosen)
            if aliases.get(CHALLENGER) == chosen:
                self._client.delete_registered_model_alias(name, CHALLENGER)
            run_id = self._client.get_model_version(name, chosen).run_id or ""
            return Registered(name, chosen, CHAMPION, run_id)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's and Alembic's chatter, and the deprecations inside MLflow, off the terminal."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
