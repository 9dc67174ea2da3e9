"""Margins and exact contributions beside LightGBM's, all on all cores.

`python -m benchmarks.treeshap [ROWS]`. LightGBM's `pred_contrib` gets fewer rows a repetition than lqmodel,
because it needs minutes for as many; times are compared per row.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Comparison, compare, interleave, publish
from lqmodel.treeshap import TreeEnsemble

Floats = NDArray[np.float64]
N_COLUMNS = 60
_REPETITIONS = 5


@dataclass(frozen=True)
class Case:
    """A model to train, and how many rows each explainer gets."""

    name: str
    trees: int
    leaves: int
    depth: int
    share: float  # of the rows asked for
    peer_rows: int


CASES = (
    Case("300 trees × 31 leaves, depth 6", 300, 31, 6, 1.0, 4000),
    Case("300 trees × 31 leaves, any depth", 300, 31, -1, 0.25, 2000),
    Case("60 trees × 255 leaves, any depth", 60, 255, -1, 0.05, 1000),
)


def rows(n: int, seed: int) -> Floats:
    """Numbers, counts, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_COLUMNS))
    x[:, 10:20] = np.floor(np.exp(np.abs(x[:, 10:20])))
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def train(case: Case) -> lgb.Booster:
    """Learn an outcome that depends on all columns and on some of them together."""
    x = rows(50_000, seed=0)
    known, rng = np.nan_to_num(x), np.random.default_rng(1)
    signal = known @ rng.normal(scale=0.4, size=N_COLUMNS)
    signal += known[:, 0] * known[:, 1] + np.sin(3 * known[:, 2]) + (known[:, 3] > 0) * known[:, 4]
    won = signal + rng.logistic(size=len(x)) > 0
    options = {"objective": "binary", "num_leaves": case.leaves, "max_depth": case.depth}
    fixed = {"learning_rate": 0.05, "verbosity": -1, "seed": 1}
    return lgb.train(options | fixed, lgb.Dataset(x, won), case.trees)


def measure(case: Case, n: int) -> list[Comparison]:
    """Time one case, lqmodel and its peers in turn."""
    booster, x = train(case), rows(n, seed=2)
    few = x[: case.peer_rows]
    trees = TreeEnsemble.from_texts([booster.model_to_string()], N_COLUMNS)
    runs: dict[str, Callable[[], object]] = {
        "lqmodel": lambda: trees.explain(x),
        "lqmodel margin": lambda: trees.margin(x),
        "LightGBM pred_contrib": lambda: booster.predict(few, pred_contrib=True),
        "LightGBM predict": lambda: booster.predict(x, raw_score=True),
    }
    if woodelf := _woodelf(booster):
        runs["woodelf_explainer"] = lambda: woodelf(x)
    seconds = interleave(runs, _REPETITIONS)
    values, margin = trees.explain(few).values, trees.margin(x)
    contributions = np.asarray(booster.predict(few, pred_contrib=True))[:, :-1]
    off = float(np.abs(values - contributions).max())
    off_margin = float(np.abs(margin - np.asarray(booster.predict(x, raw_score=True))).max())
    ours = (n, seconds["lqmodel"])
    found = [
        compare(case.name, "LightGBM pred_contrib", ours, (len(few), seconds["LightGBM pred_contrib"]), off),
        compare(case.name, "LightGBM predict", ours, (n, seconds["LightGBM predict"]), off_margin),
    ]
    found.append(
        compare(
            f"{case.name}: margin",
            "LightGBM predict",
            (n, seconds["lqmodel margin"]),
            (n, seconds["LightGBM predict"]),
            off_margin,
        )
    )
    if woodelf:
        off = float(np.abs(values - np.asarray(woodelf(few))).max())
        found.append(compare(case.name, "woodelf_explainer", ours, (n, seconds["woodelf_explainer"]), off))
    return found


def _woodelf(booster: lgb.Booster) -> Callable[[Floats], object] | None:
    """Explain with woodelf, if it is there: no dependency, but the fastest peer known."""
    if importlib.util.find_spec("woodelf") is None:
        return None
    import pandas as pd
    import woodelf

    explainer = woodelf.WoodelfExplainer(booster)
    names = booster.feature_name()
    return lambda x: explainer.shap_values(pd.DataFrame(x, columns=names))


def main() -> None:
    """Measure all cases."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    publish(
        "treeshap", [one for case in CASES for one in measure(case, max(case.peer_rows, int(n * case.share)))]
    )


if __name__ == "__main__":
    main()
