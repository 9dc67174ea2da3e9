"""Olist's funnel: which first contacts close within 30 days, while the share that does drifts.

olist/   the project, kept; the data stay where they are, in $LQMODEL_DATA

    contacts   Dec  Jan │ Feb │ Mar  Apr  May
               train    │ new │ test            new: the calibrator alone is fitted again, on margins of contacts
                        │     │                 that the model has not seen

The second calibrator is a back-test in contact time: the last label of February is known on 31 March, so that
from then on, not from 1 March, a team could have used it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lqmodel import load_model, open_project
from lqmodel.calibration import fit_calibrator
from lqmodel.declarations import to_microseconds
from lqmodel.evaluation import Quality, evaluate, paired_difference
from lqmodel.fitting import Fit, fit
from lqmodel.folds import group_keys
from lqmodel.intervals import Draws, Estimate
from lqmodel.trainingset import Snapshots
from realdata.test_xeducation import lqmodel, told

pytestmark = pytest.mark.skipif(
    not os.environ.get("LQMODEL_DATA"), reason="LQMODEL_DATA names no folder of real data"
)
KEPT = Path(__file__).parent / "olist"
ZONE = "America/Sao_Paulo"
DAY = 86_400_000_000
MONTHS = {"March": ("2018-03-01", "2018-04-01"), "April": ("2018-04-01", "2018-05-01"), "May": ("2018-05-01", "2018-06-01")}  # fmt: skip


def contacts(snapshots: Snapshots, start: str, end: str) -> Snapshots:
    """Return the snapshots of contacts in [start, end), days in São Paulo; as_of is the midnight after the contact."""
    first, last = to_microseconds(start, ZONE) + DAY // 2, to_microseconds(end, ZONE) + DAY // 2
    return snapshots.take((snapshots.as_of > first) & (snapshots.as_of < last))


def test_check_tells_truncation_from_drift(tmp_path: Path) -> None:
    """Contacts from before wins were recorded are no losses; taken for losses, they more than halve the rate."""
    checked = json.loads(lqmodel("check", "--project", KEPT, "--format", "json"))
    assert not [f for f in checked["audit"]["findings"] if f["level"] == "stop"]
    assert any("1821 snapshots" in notice for notice in checked["notices"])
    parts = {name: (part["snapshots"], part["wins"]) for name, part in checked["parts"].items()}
    assert parts == {"all mature": (6_145, 518), "train": (1_271, 92), "test": (3_799, 325)}

    shutil.copytree(KEPT, tmp_path / "truncated")
    sources = tmp_path / "truncated" / "features" / "sources.toml"
    text = sources.read_text(encoding="utf-8")
    changed = re.sub(r'observed_from = "2017-12-05".*', 'observed_from = "2017-06-14"', text)
    assert changed != text
    sources.write_text(changed, encoding="utf-8")
    truncated = json.loads(lqmodel("check", "--project", tmp_path / "truncated", "--format", "json"))
    train = truncated["parts"]["train"]
    assert train["wins"] / train["snapshots"] < 0.5 * 92 / 1_271


@dataclass(frozen=True)
class Judged:
    """One set of probabilities on one stretch."""

    quality: Quality
    ratio: Estimate  # observed / predicted: 1 is calibrated in the large


def judged(snapshots: Snapshots, p: np.ndarray) -> Judged:
    won = snapshots.won.astype(float)

    def ratio(weight: np.ndarray | None) -> float:
        return float(np.average(won, weights=weight) / np.average(p, weights=weight))

    draws = Draws(group_keys(snapshots.groups), 0)
    quality = evaluate(snapshots.won, p, snapshots.groups, snapshots.lead_ids)
    return Judged(quality, draws.estimates({"ratio": ratio})["ratio"])


def shown(name: str, snapshots: Snapshots, before: Judged, after: Judged) -> list[str]:
    """Return the two lines of a stretch in the printed table."""
    return [
        f"  {name:6} {which:7} {len(snapshots):6,} {int(snapshots.won.sum()):4}   {snapshots.won.mean():6.1%}   "
        f"{told(one.ratio)}   {told(one.quality.ece)}   {told(one.quality.log_loss)}"
        for which, one in (("before", before), ("after", after))
    ]


@pytest.mark.slow
def test_refitting_the_calibrator_follows_the_drift_only_so_far(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """What a month's newer outcomes do for the promised probabilities, month by month."""
    snapshots = open_project(KEPT).training_set()
    train, test = snapshots.split()
    february = contacts(snapshots, "2018-02-01", "2018-03-01")
    assert train.as_of.max() < to_microseconds("2018-02-01", ZONE)
    assert test.as_of.min() == to_microseconds("2018-03-02", ZONE)
    fitted = fit(train)
    _command_line_shows_the_same(fitted, test, tmp_path)
    refitted = fit_calibrator(fitted.margin(february), february.won, february.groups).calibrator

    stretches = {name: contacts(test, *ends) for name, ends in MONTHS.items()} | {"all": test}
    before = {k: judged(part, fitted.probability(part)) for k, part in stretches.items()}
    after = {k: judged(part, refitted.probability(fitted.margin(part))) for k, part in stretches.items()}
    difference = paired_difference(
        test.won, refitted.probability(fitted.margin(test)), fitted.probability(test), test.groups
    )
    tell(
        f"olist: fitted on {len(train):,} contacts ({train.won.mean():.1%} won), calibrated on them (before) or on "
        f"{len(february):,} of February ({february.won.mean():.1%} won; after: {refitted.name}); AUC {told(before['all'].quality.auc)}"
    )
    tell(
        "                   rows  won  observed   observed / predicted        ECE                         log loss"
    )
    for name, part in stretches.items():
        for line in shown(name, part, before[name], after[name]):
            tell(line)
    tell(f"  after less before, all: log loss {told(difference.log_loss)}")

    # the first calibrator promises too little; the second about what comes, in March and April
    assert before["all"].ratio.low > 1.05
    assert abs(np.log(after["all"].ratio.value)) < 0.7 * abs(np.log(before["all"].ratio.value))
    assert difference.log_loss.value < 0
    for month in ("March", "April"):
        assert after[month].quality.log_loss.value < before[month].quality.log_loss.value, month
        assert after[month].ratio.low <= 1 <= after[month].ratio.high, month
    # in May fewer close again: no calibrator fitted to the past knows that
    assert after["May"].ratio.high < 1
    assert after["May"].quality.log_loss.value > before["May"].quality.log_loss.value
    # a calibrator never changes who stands before whom
    assert after["all"].quality.auc.value == pytest.approx(before["all"].quality.auc.value, abs=1e-9)
    # a back-test: this calibrator exists from 31 March on, when the last label of February is known
    assert february.as_of.max() + 30 * DAY == to_microseconds("2018-03-31", ZONE)


def _command_line_shows_the_same(fitted: Fit, test: Snapshots, folder: Path) -> None:
    project, bundle = folder / "project", folder / "bundle"
    shutil.copytree(KEPT, project)
    lqmodel("train", "--project", project, "--save", bundle)
    figures = load_model(bundle).bundle.metrics["quality"]
    quality = judged(test, fitted.probability(test)).quality
    for name in ("log_loss", "auc", "ece"):
        assert figures[name]["value"] == pytest.approx(getattr(quality, name).value, abs=1e-6)
