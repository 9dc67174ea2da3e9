"""Reported 95 % intervals hold the true figure about as often as they say, because they know whose snapshots are whose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lqmodel.evaluation import evaluate
from lqmodel.metrics import METRICS
from statistical.truth import simulated

LEADS, PARTS = 16_000, 40
HORIZON = pd.Timedelta("60D")
FIGURES = ("log_loss", "auc", "brier")


def labelled(folder: Path) -> pd.DataFrame:
    """Return every snapshot whose horizon lies in the simulated time: account_id, probability (p*), won."""
    truth, leads, outcomes = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("truth", "leads", "outcomes")
    )
    wins = outcomes[outcomes["outcome"] == "won"].set_index("lead_id")["occurred_at"]
    seen = truth[truth["as_of"] + HORIZON <= outcomes["occurred_at"].max()]
    mature: pd.DataFrame = seen.merge(leads[["lead_id", "account_id"]])
    won = mature["lead_id"].map(wins)
    mature["won"] = ((won >= mature["as_of"]) & (won < mature["as_of"] + HORIZON)).astype(float)
    return mature


def test_clustered_intervals_cover(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """A company of 16,000 leads is the whole; forty parts of it are what fifty users would see."""
    whole = labelled(simulated(tmp_path, LEADS, seed=51))
    y, p = whole["won"].to_numpy(), whole["probability"].to_numpy()
    account = pd.factorize(whole["account_id"])[0]
    part = np.random.default_rng(0).integers(PARTS, size=account.max() + 1)[account]
    units = {"clustered": account, "naive": np.arange(len(y))}
    held = {(unit, name): 0 for unit in units for name in FIGURES}
    for rows in (np.flatnonzero(part == i) for i in range(PARTS)):
        for unit, groups in units.items():
            quality = evaluate(y[rows], p[rows], groups[rows], whole["lead_id"].to_numpy()[rows], draws=100)
            for name in FIGURES:
                estimate = getattr(quality, name)
                held[unit, name] += estimate.low <= METRICS[name](y, p, None) <= estimate.high
    for unit in units:
        shares = ", ".join(f"{name} {held[unit, name] / PARTS:.0%}" for name in FIGURES)
        tell(
            f"95 % intervals ({unit}) of {PARTS} parts of {LEADS // PARTS} leads hold the figure of the whole: {shares}"
        )
    for name in FIGURES:
        assert held["clustered", name] >= 0.85 * PARTS  # 95 % less three standard errors
    assert held["naive", "log_loss"] < 0.75 * PARTS
