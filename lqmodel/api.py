"""The Python interface of notebooks and of the command line: projects and models.

project = lq.open_project(".")
train, test = project.training_set("lead_conversion").split()
model = project.train("lead_conversion", on=train)
model.evaluate(test).bands
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lqmodel.declarations import Declarations, Duration, ProjectFiles
from lqmodel.errors import UsageError
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.locating import find_model
from lqmodel.model import TODAY, Model, moment
from lqmodel.points import PointsTable
from lqmodel.points_scoring import score_by_points
from lqmodel.scores import Scores
from lqmodel.settings import Settings
from lqmodel.trainingset import Snapshots, training_set

if TYPE_CHECKING:
    from lqmodel.audit import Audit
    from lqmodel.ledger import Ledger
    from lqmodel.tracking import Registered, Tracker


class Project:
    """A folder with features/ and models/.

    Parameters
    ----------
    root : path
        The project's folder.
    sources : mapping, optional
        Source name → another file, relative to the current folder.

    Attributes
    ----------
    files : ProjectFiles
        The TOML files, as they were read.
    sources : dict of str to str
        The sources that are read from other files than declared.
    settings : Settings
        What the environment sets.
    """

    def __init__(self, root: Path | str = ".", sources: Mapping[str, str] | None = None) -> None:
        self.files = ProjectFiles.read(Path(root))
        self.sources = dict(sources or {})
        self.settings = Settings.read()
        self._opened: dict[str, Inputs] = {}
        self._built: dict[str, Snapshots] = {}

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.files.root

    def __repr__(self) -> str:
        return f"<lqmodel project {self.root}: models {', '.join(sorted(self.files.models))}>"

    def declarations(self, name: str | None = None) -> Declarations:
        """Return the checked declarations of a model; the name can be left out where there is only one."""
        return self.files.declarations(name)

    def inputs(self, name: str | None = None) -> Inputs:
        """Open the sources of a model; read once and kept."""
        declarations = self.declarations(name)
        if declarations.name not in self._opened:
            threads = self.settings.threads
            self._opened[declarations.name] = open_inputs(
                declarations, self.root, self.sources, threads=threads
            )
        return self._opened[declarations.name]

    def training_set(self, name: str | None = None) -> Snapshots:
        """Build all mature snapshots of a model, with features and labels; built once and kept."""
        declarations = self.declarations(name)
        if declarations.name not in self._built:
            self._built[declarations.name] = training_set(declarations, self.inputs(name))
        return self._built[declarations.name]

    def check(self, name: str | None = None) -> Audit:
        """Audit a model's training set for leakage; ``.findings`` holds what was found."""
        from lqmodel.audit import audit

        return audit(self.training_set(name), self.inputs(name))

    def train(
        self, name: str | None = None, *, on: Snapshots | None = None, budget: str | None = None
    ) -> Model:
        """Train a model: evaluated on held-out later time, then refitted on everything.

        Parameters
        ----------
        name : str, optional
            Which model, where there are several.
        on : Snapshots, optional
            Fit on these alone, evaluation included: what is left out can then judge the model.
        budget : str, optional
            Search the classifier's parameters for so long first, such as "5m"; default: no search.

        Raises
        ------
        LqmodelError
            Leakage, too few wins, no signal, a history too short: each says what to do.
        """
        from lqmodel.training import train

        snapshots = self.training_set(name) if on is None else on
        seconds = None if budget is None else _seconds(budget)
        trained = train(snapshots, self.inputs(name), threads=self.settings.threads, tune_seconds=seconds)
        return Model(trained.bundle, trained, self.root)

    def points(self, name: str | None = None, *, as_of: str = TODAY, language: str | None = None) -> Scores:
        """Score every lead by the points table of a model's declarations, without a model; nothing is written.

        What serves until there are wins enough to learn from: probability, low and high are missing, and
        ``points`` stands beside the stages.

        Parameters
        ----------
        name : str, optional
            Which model, where there are several.
        as_of : str, default "today"
            As in `Model.predict`.
        language : str, optional
            As in `Model.predict`.

        Raises
        ------
        UsageError
            No points are declared.
        Refused
            The rules are not those that were signed.
        """
        declarations = self.declarations(name)
        declarations.check_signed()
        when = moment(PointsTable.of(declarations), as_of)
        spoken = self.settings.language_of(language, declarations.model.language)
        return score_by_points(
            declarations,
            self.root,
            self.sources,
            when,
            threads=self.settings.threads,
            language=spoken,
            barred=self.ledger().barred(),
        )

    def tracker(self) -> Tracker:
        """Open the project's MLflow store."""
        from lqmodel.tracking import Tracker

        return Tracker(
            self.settings.tracking_store(self.root), self.settings.state_of(self.root) / "artifacts"
        )

    def ledger(self) -> Ledger:
        """Open the project's ledger: what runs moved and handed over, and what people did about it."""
        from lqmodel.ledger import Ledger

        return Ledger.of(self.root, self.settings)

    def register(self, model: Model) -> Registered:
        """Log a trained model in MLflow; the first one becomes champion, later ones challenger."""
        if model.trained is None:
            raise UsageError(
                "this model was loaded, not trained here", do="register the model that train() returned"
            )
        from lqmodel.registration import register

        return register(self.tracker(), model.trained, self.settings.state_of(self.root))

    def load_model(self, address: str) -> Model:
        """Load a model from a bundle's folder or from ``models:/NAME@champion``."""
        return Model(find_model(address, self.root)[0], root=self.root)


def _seconds(budget: str) -> float:
    try:
        return Duration.parse(budget).us / 1e6
    except ValueError as error:
        raise UsageError(f"budget: {error}") from error


def open_project(root: Path | str = ".", sources: Mapping[str, str] | None = None) -> Project:
    """Open the project in a folder; its declarations are checked when they are used."""
    return Project(root, sources)
