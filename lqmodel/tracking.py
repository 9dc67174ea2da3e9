"""MLflow: what each training tried and gave, and which model is champion. The only importer of mlflow."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lqmodel.bundle import Bundle
from lqmodel.errors import CannotWrite, NoInput, UsageError

if sys.platform != "win32":
    import fcntl

CHAMPION, CHALLENGER = "champion", "challenger"
VERSION = "[1-9][0-9]{0,8}"
ADDRESS = re.compile(rf"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>{VERSION}))")
SQLITE = "sqlite:///"
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
            with self._alone(), self._reachable():  # alone, because two first starts race on the schema
                mlflow.set_tracking_uri(store)
                mlflow.set_registry_uri(store)
                self._client = MlflowClient(tracking_uri=store, registry_uri=store)
                self._client.search_experiments(max_results=1)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from the same SQLite store meanwhile: who is champion must not change between."""
        if not self.store.startswith(SQLITE):
            yield
            return
        database = Path(self.store.removeprefix(SQLITE))
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            handle = (database.parent / f".{database.name}.lock").open("a")
        except OSError as error:
            raise CannotWrite(
                f"cannot open the tracking store: {error.strerror or error}",
                where=str(database),
                do="let LQMODEL_STATE name a folder that you may write to",
            ) from error
        with handle:
            if sys.platform != "win32":  # Windows has no such lock: start one at a time there
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _reachable(self) -> Iterator[None]:
        """Turn what MLflow and its database raise into one message."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (
            MlflowException,
            SQLAlchemyError,
            ImportError,
        ) as error:  # the database's driver may be missing
            raise NoInput(
                f"the tracking store does not answer: {str(error).strip().splitlines()[0]}",
                where=self.store,
                do="restore the store, or name another one with LQMODEL_TRACKING_URI",
            ) from error

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
        with _quiet(), self._alone(), self._reachable(), tempfile.TemporaryDirectory() as folder:
            experiment = self._client.get_experiment_by_name(name)
            experiment_id = (
                experiment.experiment_id
                if experiment
                else self._client.create_experiment(name, artifact_location=self.artifacts.resolve().as_uri())
            )
            saved = bundle.save(Path(folder) / "bundle")
            with self._mlflow.start_run(experiment_id=experiment_id, nested=True) as run:
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
            alias = CHALLENGER if CHAMPION in (self._aliases(name) or ()) else CHAMPION
            self._client.set_registered_model_alias(name, alias, version)
            return Registered(name, version, alias, run.info.run_id)

    def _aliases(self, name: str) -> dict[str, str] | None:
        """Return alias → version; None if there is no such model."""
        found = _if_there(lambda: self._client.get_registered_model(name))
        return None if found is None else {alias: str(version) for alias, version in found.aliases.items()}

    def aliases(self, name: str) -> dict[str, str]:
        """Return alias → version of a model; empty if there is no such model.

        Raises
        ------
        NoInput
            The store does not answer.
        """
        with self._reachable():
            return self._aliases(name) or {}

    def _has_version(self, name: str, version: str) -> bool:
        if not re.fullmatch(VERSION, version):
            return False
        return _if_there(lambda: self._client.get_model_version(name, version)) is not None

    def resolve(self, uri: str) -> str:
        """Return ``models:/NAME/VERSION`` of an address: an alias moves, a version does not.

        Raises
        ------
        UsageError
            The address is neither ``models:/NAME@ALIAS`` nor ``models:/NAME/VERSION``.
        NoInput
            There is no such model, alias or version.
        """
        found = ADDRESS.fullmatch(uri)
        if not found:
            raise UsageError(
                f"{uri!r} is no model address",
                exists=("models:/NAME@champion", "models:/NAME/3", "a bundle's folder"),
                do="write one of these forms",
            )
        with _quiet(), self._reachable():
            aliases = self._checked_aliases(found["name"], found["alias"], found["version"])
        return f"models:/{found['name']}/{found['version'] or aliases[found['alias']]}"

    def folder(self, uri: str) -> Path:
        """Return the bundle's folder of ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

        Raises
        ------
        UsageError, NoInput
            As `resolve`; or the store knows the model and its files are gone.
        """
        uri = self.resolve(uri)
        from mlflow.exceptions import MlflowException

        with _quiet():
            try:
                return Path(self._mlflow.artifacts.download_artifacts(uri)) / BUNDLE_IN_MODEL
            except (MlflowException, OSError) as error:
                raise NoInput(
                    f"the files of {uri} are not where the tracking store says",
                    where=self.store,
                    do="bring the artefacts back to their place, train again, or name a bundle's folder with --model",
                ) from error

    def _checked_aliases(self, name: str, alias: str | None, version: str | None) -> dict[str, str]:
        """Return alias → version of a model that has this alias and this version."""
        aliases = self._aliases(name)
        if aliases is None:
            raise NoInput(
                f"no registered model {name!r}",
                where=self.store,
                exists=[m.name for m in self._client.search_registered_models()],
                do="train it first: `lqmodel train`",
            )
        if alias is not None and alias not in aliases:
            raise NoInput(
                f"model {name!r} has no {alias if alias == CHALLENGER else f'alias {alias!r}'}",
                where=self.store,
                exists=sorted(f"{known} (version {number})" for known, number in aliases.items()),
                do="train again: the new model is then the challenger"
                if alias == CHALLENGER
                else "name one of these, or a version",
            )
        if version is not None and not self._has_version(name, version):
            found = self._client.search_model_versions(f"name='{name}'")
            raise NoInput(
                f"model {name!r} has no version {version}",
                where=self.store,
                exists=sorted((str(v.version) for v in found), key=int),
                do="name one of these",
            )
        return aliases

    def promote(self, name: str, version: str | None = None) -> Registered:
        """Make the challenger (or a version) the champion.

        Raises
        ------
        NoInput
            There is no such model or version, or it has no challenger.
        """
        with _quiet(), self._alone(), self._reachable():
            aliases = self._checked_aliases(name, None if version else CHALLENGER, version)
            chosen = version or aliases[CHALLENGER]
            self._client.set_registered_model_alias(name, CHAMPION, chosen)
            if aliases.get(CHALLENGER) == chosen:
                self._client.delete_registered_model_alias(name, CHALLENGER)
            run_id = self._client.get_model_version(name, chosen).run_id or ""
            return Registered(name, chosen, CHAMPION, run_id)


def _if_there(get: Callable[[], Any]) -> Any:
    """Return what ``get`` returns; None if MLflow says that it does not exist."""
    from mlflow.exceptions import MlflowException

    try:
        return get()
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


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
