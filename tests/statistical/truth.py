"""The recipe held against a simulated company, where the true probability p* of every snapshot is known.

company ──> snapshots ──> training part ──> fit
                    └───> later part ─────> p, p*, won ──> calibration error, AUC gap
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import t as student

from lqmodel.declarations import ProjectFiles
from lqmodel.fitting import Fit
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.metrics import auc, ece
from lqmodel.simulate import Company, simulate
from lqmodel.trainingset import Snapshots, training_set

Floats = NDArray[np.float64]
EXAMPLE = Path(__file__).parents[2]
TABLES = ("leads", "events", "outcomes")
BINS = 100
DRAWS = 60


def simulated(folder: Path, leads: int, seed: int) -> Path:
    """Simulate a company of two years and return its folder."""
    simulate(folder, Company(leads=leads, seed=seed))
    return folder


def opened(folder: Path, project: Path = EXAMPLE) -> tuple[Snapshots, Inputs]:
    """Build the mature snapshots of a simulated company by the example's declarations, or a variant's."""
    declarations = ProjectFiles.read(project).declarations("lead_conversion")
    inputs = open_inputs(declarations, project, {name: str(folder / f"{name}.parquet") for name in TABLES})
    return training_set(declarations, inputs), inputs


def true_probability(snapshots: Snapshots, folder: Path) -> Floats:
    """Return p* of each snapshot, shape (n,)."""
    truth = pq.read_table(folder / "truth.parquet").to_pandas()
    asked = snapshots.table.select(["lead_id", "as_of"]).to_pandas()
    found = asked.merge(truth, on=["lead_id", "as_of"], how="left", validate="one_to_one")
    assert not found["probability"].isna().any(), "every open lead has a truth on every Monday"
    return np.asarray(found["probability"], dtype=np.float64)


@dataclass(frozen=True)
class Measured:
    """A figure of each seed, shape (seeds,), and of each seed's bootstrap by lead, shape (seeds, draws)."""

    values: Floats
    drawn: Floats

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def upper(self) -> float:
        """The greater of two one-sided 95 % bounds of the mean: by the leads drawn, by the seeds drawn.

        The first knows what other leads would say of these models, the second what other companies would
        say of other models as well; it needs two seeds.
        """
        by_lead = float(np.quantile(self.drawn.mean(axis=0), 0.95))
        n = len(self.values)
        if n < 2:
            return by_lead
        by_seed = self.mean + float(student.ppf(0.95, n - 1) * self.values.std(ddof=1) / np.sqrt(n))
        return max(by_lead, by_seed)

    @classmethod
    def pool(cls, each: Sequence[Measured]) -> Measured:
        return cls(np.concatenate([m.values for m in each]), np.concatenate([m.drawn for m in each]))


def recover(fitted: Fit, later: Snapshots, folder: Path, seed: int) -> Mapping[str, Measured]:
    """Hold a fit against the truth of later snapshots.

    Returns
    -------
    mapping
        ``calibration error``: E|E[p*|p] - p| over 100 bins of equal count by p.
        ``AUC gap``: the AUC of p* less the AUC of p, both against what happened.
        ``expected AUC gap``: the same with p* in place of what happened, so without the luck of outcomes.

    Bootstrap draws weigh rows as often as their lead was drawn.
    """
    p, truth, won = fitted.probability(later), true_probability(later, folder), later.won.astype(np.float64)
    lead = np.unique(later.lead_ids.astype(str), return_inverse=True)[1]
    by_p, by_truth = np.argsort(p, kind="stable"), np.argsort(truth, kind="stable")

    def gap(outcome: Floats, weight: Floats) -> float:
        best = auc(outcome[by_truth], truth[by_truth], weight[by_truth])
        return best - auc(outcome[by_p], p[by_p], weight[by_p])

    def measure(weight: Floats) -> tuple[float, ...]:
        return ece(truth[by_p], p[by_p], weight[by_p], bins=BINS), gap(won, weight), gap(truth, weight)

    rng = np.random.default_rng(seed)
    n = int(lead.max()) + 1
    counts = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(DRAWS))
    drawn = np.array([measure(count[lead].astype(np.float64)) for count in counts])
    values = measure(np.ones(len(p)))
    names = ("calibration error", "AUC gap", "expected AUC gap")
    return {
        name: Measured(values=np.array([values[i]]), drawn=drawn[None, :, i]) for i, name in enumerate(names)
    }


def coverage(fitted: Fit, later: Snapshots, folder: Path) -> float:
    """Return in what share of 50 equal bins of p the interval ``low`` to ``high`` holds the mean of p*."""
    margin, truth = fitted.margin(later), true_probability(later, folder)
    low, high = fitted.calibration.calibrator.interval(margin)
    bins = np.array_split(np.argsort(margin, kind="stable"), 50)
    return float(np.mean([low[rows].mean() <= truth[rows].mean() <= high[rows].mean() for rows in bins]))
