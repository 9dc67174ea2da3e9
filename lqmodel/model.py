"""A trained model: what notebooks and the command line ask of it. It needs its bundle, and no project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lqmodel.acting import acts_before, objecting_now
from lqmodel.asof import parse_as_of
from lqmodel.bundle import Bundle
from lqmodel.counterfactual import NEAREST, NurtureList, nurture, what_would_help
from lqmodel.errors import UsageError
from lqmodel.languages import Language
from lqmodel.lookback import explain_run
from lqmodel.roster import Scorer
from lqmodel.runs import Run
from lqmodel.scores import Scores
from lqmodel.scoring import explain_lead, score
from lqmodel.settings import Settings
from lqmodel.trainingset import Snapshots

TODAY = "today"

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lqmodel.comparison import Comparison
    from lqmodel.evaluation import Quality
    from lqmodel.reasons import Helps, LeadExplanation
    from lqmodel.reasons.attributions import Attributions
    from lqmodel.training import Trained


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
        spoken = self._spoken(language, settings)
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
        spoken = self._spoken(language, Settings.read())
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

        spoken = self._spoken(language, Settings.read())
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
        spoken = self._spoken(language, settings)
        acts = acts_before(folder, self.bundle.declarations.name, scores.as_of)
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
        spoken = self._spoken(language, settings)
        acts = acts_before(folder, self.bundle.declarations.name, scores.as_of)
        objecting = objecting_now(folder)
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

    def _spoken(self, language: str | None, settings: Settings) -> Language:
        return settings.language_of(language, self.bundle.declarations.model.language)

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


def load_model(folder: Path | str) -> Model:
    """Load a bundle's folder; needs no project."""
    return Model(Bundle.load(Path(folder)))
