"""The Python interface of notebooks and of the command line: projects and models.

project = lq.open_project(".")
train, test = project.training_set("lead_conversion").split()
model = project.train("lead_conversion", on=train)
model.evaluate(test).bands
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lqmodel.asof import parse_as_of
from lqmodel.bundle import Bundle
from lqmodel.counterfactual import NEAREST, NurtureList, nurture, what_would_help
from lqmodel.declarations import Declarations, Duration, ProjectFiles
from lqmodel.errors import UsageError
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.locating import find_model
from lqmodel.lookback import explain_run
from lqmodel.points import PointsTable
from lqmodel.points_scoring import score_by_points
from lqmodel.roster import Scorer
from lqmodel.runs import Run
from lqmodel.scores import Scores
from lqmodel.scoring import explain_lead, score
from lqmodel.settings import Settings
from lqmodel.trainingset import Snapshots, training_set

TODAY = "today"

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from lqmodel.audit import Audit
    from lqmodel.comparison import Comparison
    from lqmodel.evaluation import Quality
    from lqmodel.ledger import Ledger
    from lqmodel.reasons import Helps, LeadExplanation
    from lqmodel.reasons.attributions import Attributions
    from lqmodel.tracking import Registered, Tracker
    from lqmodel.training import Trained


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


class Model:
    """A trained model: a bundle, and what can be done with it.

    Attributes
    ----------
    bundle : Bundle
        The artefact that scoring needs.
    trained : Trained or None
        How it came to be, if it was trained in this process.
    root : Path
        Where relative addresses of the declared sources start: the project's folder, if it came from one.
    """

    def __init__(self, bundle: Bundle, trained: Trained | None = None, root: Path | str = ".") -> None:
        self.bundle = bundle
        self.trained = trained
        self.root = Path(root)

    def __repr__(self) -> str:
        return f"<lqmodel model {self.bundle.declarations.name} {self.bundle.version}>"

    @property
    def quality(self) -> Quality:
        """The held-out figures of this training."""
        if self.trained is None:
            raise UsageError(
                "the full figures stay with the training", do="read them in .bundle.metrics or .bundle.card"
            )
        return self.trained.evaluated.quality

    def probability(self, snapshots: Snapshots) -> NDArray[np.float64]:
        """Return the calibrated probabilities of snapshots, shape (n,), float64 in (0, 1)."""
        from lqmodel.judging import probability

        return probability(self.bundle, snapshots)

    def evaluate(self, snapshots: Snapshots) -> Quality:
        """Judge the model on snapshots that it was not fitted on; others are refused."""
        from lqmodel.judging import evaluate_bundle

        return evaluate_bundle(self.bundle, snapshots)

    def predict(
        self,
        sources: Mapping[str, str] | None = None,
        as_of: str = "today",
        root: Path | str | None = None,
        language: str | None = None,
        previous: Scores | Run | None = None,
    ) -> Scores:
        """Score every lead of the sources at ``as_of``; nothing is written. Who objects in the project's ledger is not scored.

        Parameters
        ----------
        sources : mapping, optional
            Source name → another file than declared, relative to the current folder.
        as_of : str, default "today"
            ``today``, a date, or a moment with an offset; see `moment`.
        root : path, optional
            Another folder than ``self.root`` for the declared addresses.
        language : {"en", "de", "ro", "nb"}, optional
            What the reasons are worded in; default: LQMODEL_LANGUAGE, else what the model declares.
        previous : Scores or Run, optional
            The scoring before: stages go on from it, and what changed is told against it.
        """
        folder = self.root if root is None else Path(root)
        settings, when = Settings.read(), moment(self.bundle, as_of)
        spoken = settings.language_of(language, self.bundle.declarations.model.language)
        from lqmodel.ledger import Ledger

        return score(
            self.bundle,
            folder,
            sources,
            when,
            previous,
            settings.threads,
            spoken,
            barred=Ledger.of(folder, settings).barred(),
        )

    def explain(
        self,
        scores: Scores | Run,
        lead_id: str,
        language: str | None = None,
        previous: Scores | Run | None = None,
    ) -> LeadExplanation:
        """Say why a lead has its probability, and what changed; shows itself in a notebook.

        Parameters
        ----------
        scores : Scores or Run
        lead_id : str
        language : str, optional
            As in `predict`.
        previous : Scores or Run, optional
            The scoring before, for what changed; of a run that was written, default is the one beside it.
        """
        spoken = Settings.read().language_of(language, self.bundle.declarations.model.language)
        if previous is None and isinstance(scores, Run):
            return explain_run(self.bundle, scores, lead_id, spoken)
        return explain_lead(self.bundle, scores, lead_id, spoken, previous)

    def explain_all(self, leads: Scores | Run | Snapshots, language: str | None = None) -> Attributions:
        """Explain many leads at once, as numbers: a beeswarm in a notebook, ``.to_shap()`` for shap's own plots.

        Parameters
        ----------
        leads : Scores, Run or Snapshots
            What was scored, or snapshots of a training set.
        language : str, optional
            As in `predict`: of titles and pictures.
        """
        from lqmodel.explaining import explain_scores, explain_snapshots

        spoken = Settings.read().language_of(language, self.bundle.declarations.model.language)
        if isinstance(leads, Snapshots):
            return explain_snapshots(self.bundle, leads, spoken)
        return explain_scores(self.bundle, leads, spoken)

    def what_would_help(
        self,
        scores: Scores | Run,
        *lead_ids: str,
        sources: Mapping[str, str] | None = None,
        root: Path | str | None = None,
        language: str | None = None,
    ) -> Helps:
        """Find the fewest events that marketing can bring about after which the model would move each lead up.

        What people did, by the ledger of ``root``, holds as in a run: a lead that somebody keeps from sales stays.

        Parameters
        ----------
        scores : Scores or Run
        *lead_ids : str
            Leads that were scored.
        sources, root
            As in `predict`: the rows of these leads are read again.
        language : str, optional
            As in `predict`.
        """
        folder, settings = self.root if root is None else Path(root), Settings.read()
        spoken = settings.language_of(language, self.bundle.declarations.model.language)
        acts = self._acts(folder, scores.as_of)
        return what_would_help(self.bundle, folder, sources, scores, lead_ids, settings.threads, spoken, acts)

    def nurture(
        self,
        scores: Scores | Run,
        most: int = NEAREST,
        sources: Mapping[str, str] | None = None,
        root: Path | str | None = None,
        language: str | None = None,
    ) -> NurtureList:
        """List the MQLs nearest to sales-ready and the leads nearest to MQL, with what would help them.

        Parameters
        ----------
        scores : Scores or Run
        most : int, default 100
            Leads of each stage.
        sources, root
            As in `predict`: the rows of these leads are read again.
        language : str, optional
            As in `predict`.
        """
        folder, settings = self.root if root is None else Path(root), Settings.read()
        spoken = settings.language_of(language, self.bundle.declarations.model.language)
        from lqmodel.ledger.acting import objecting_now

        acts, objecting = self._acts(folder, scores.as_of), objecting_now(folder)
        return nurture(self.bundle, folder, sources, scores, most, settings.threads, spoken, acts, objecting)

    def compare_policies(
        self,
        *,
        capacity: Iterable[int] = (),
        precision: Iterable[float] = (),
        at_least: Iterable[float] = (),
        contact_cost: float | None = None,
        deal_value: float | None = None,
        margin: float | None = None,
        uplift: float | None = None,
    ) -> Comparison:
        """Compare settings of the handoff's threshold on the held-out weeks: volume, precision, recall, value.

        A model that was loaded needs the state folder of the project that registered it, below ``self.root``.

        Parameters
        ----------
        capacity : iterable of int
            First handoffs a week; with none of the three a ladder around the setting in force.
        precision : iterable of float in (0, 1)
            Shares won that the lower bound must reach.
        at_least : iterable of float in (0, 1)
            Thresholds, not under that of MQL.
        contact_cost, deal_value, margin, uplift : float, optional
            What a handoff costs and brings; default: as declared.
        """
        from lqmodel.policies import Asked, compare_policies, kept

        several = tuple(capacity), tuple(precision), tuple(at_least)
        asked = Asked(*several, contact_cost, deal_value, margin, uplift)
        if self.trained is not None:
            return compare_policies(self.bundle, self.trained.evaluated.held_out, asked)
        return compare_policies(self.bundle, kept(self.bundle, Settings.read().state_of(self.root)), asked)

    def _acts(self, folder: Path, as_of: int | None) -> pa.Table | None:
        from lqmodel.ledger.acting import acts_before

        return acts_before(folder, self.bundle.declarations.name, as_of)

    def save(self, folder: Path | str) -> Path:
        """Write the bundle as a folder."""
        return self.bundle.save(Path(folder))


def moment(scorer: Scorer, as_of: str) -> int | None:
    """Read ``as_of`` in the model's zone, microseconds UTC; None without a clock.

    Raises
    ------
    UsageError
        Not a moment; or a moment is named and the data has no clock.
    """
    model = scorer.declarations.model
    if model.has_clock:
        return parse_as_of(as_of, model.zone, datetime.now(UTC))
    if as_of != TODAY:
        raise UsageError(
            f"as_of {as_of!r}: the data of model {scorer.declarations.name!r} has no clock",
            do="leave --as-of out: every row of the leads' table is scored as it stands",
        )
    return None


def _seconds(budget: str) -> float:
    try:
        return Duration.parse(budget).us / 1e6
    except ValueError as error:
        raise UsageError(f"budget: {error}") from error


def open_project(root: Path | str = ".", sources: Mapping[str, str] | None = None) -> Project:
    """Open the project in a folder; its declarations are checked when they are used."""
    return Project(root, sources)


def load_model(folder: Path | str) -> Model:
    """Load a bundle's folder; needs no project."""
    return Model(Bundle.load(Path(folder)))
