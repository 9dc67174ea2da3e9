"""Margins and exact contributions beside LightGBM's and WOODELF's, all on all cores.

`python -m benchmarks.treeshap [ROWS]` (200,000). LightGBM's `pred_contrib` gets fewer rows a repetition than lqmodel,
because it needs minutes for as many; times are compared per row. WOODELF computes on one core and in the precision of
float32; so that it has all, each of as many processes explains a part of the rows. It knows no splits by category.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Comparison, compare, interleave, publish
from lqmodel.treeshap import TreeEnsemble

Floats = NDArray[np.float64]
N_COLUMNS = 60
CATEGORIES = list(range(20, 30))
_REPETITIONS = 5
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_SEED = 2  # of the rows that are explained


@dataclass(frozen=True)
class Case:
    """A model to train, and how many rows each explainer gets."""

    name: str
    trees: int
    leaves: int
    depth: int
    share: float  # of the rows asked for
    peer_rows: int
    categories: bool = False


CASES = (
    Case("300 trees × 31 leaves, depth 6", 300, 31, 6, 1.0, 4000),
    Case("300 trees × 31 leaves, any depth", 300, 31, -1, 0.25, 2000),
    Case("60 trees × 255 leaves, any depth", 60, 255, -1, 0.05, 1000),
    Case("300 trees × 31 leaves, depth 6, categories", 300, 31, 6, 1.0, 4000, categories=True),
)


def rows(n: int, seed: int) -> Floats:
    """Numbers, counts, whole numbers up to 39 that may be categories; a tenth of all missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_COLUMNS))
    x[:, 10:20] = np.floor(np.exp(np.abs(x[:, 10:20])))
    x[:, CATEGORIES] = rng.integers(0, 40, (n, len(CATEGORIES)))
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def train(case: Case) -> lgb.Booster:
    """Learn an outcome that depends on all columns and on some of them together."""
    x = rows(50_000, seed=0)
    known, rng = np.nan_to_num(x), np.random.default_rng(1)
    known[:, CATEGORIES] = (known[:, CATEGORIES] * 7919 % 11 - 5) / 5  # the order of codes says nothing
    signal = known @ rng.normal(scale=0.4, size=N_COLUMNS)
    signal += known[:, 0] * known[:, 1] + np.sin(3 * known[:, 2]) + (known[:, 3] > 0) * known[:, 4]
    won = signal + rng.logistic(size=len(x)) > 0
    options = {"objective": "binary", "num_leaves": case.leaves, "max_depth": case.depth}
    fixed = {"learning_rate": 0.05, "verbosity": -1, "seed": 1}
    data = lgb.Dataset(x, won, categorical_feature=CATEGORIES if case.categories else [])
    return lgb.train(options | fixed, data, case.trees)


def measure(case: Case, n: int, repetitions: int = _REPETITIONS) -> list[Comparison]:
    """Time one case, lqmodel and its peers in turn."""
    booster, x = train(case), rows(n, _SEED)
    few = x[: case.peer_rows]
    text = booster.model_to_string()
    trees = TreeEnsemble.from_texts([text], N_COLUMNS)
    runs: dict[str, Callable[[], Any]] = {
        "lqmodel": lambda: trees.explain(x),
        "lqmodel margin": lambda: trees.margin(x),
        "LightGBM pred_contrib": lambda: booster.predict(few, pred_contrib=True),
        "LightGBM predict": lambda: booster.predict(x, raw_score=True),
    }
    with ExitStack() as stack:
        if not case.categories:
            runs["WOODELF"] = stack.enter_context(_Woodelf(text, n)).explain
        seconds = interleave(runs, repetitions)
        ours, margin = trees.explain(x), trees.margin(x)
        off = {
            "LightGBM pred_contrib": _off(ours.values[: len(few)], runs["LightGBM pred_contrib"]()[:, :-1]),
            "LightGBM predict": _off(margin, runs["LightGBM predict"]()),
        }
        if "WOODELF" in runs:
            off["WOODELF"] = _off(ours.values, runs["WOODELF"]())
    n_of = {"LightGBM pred_contrib": len(few)}
    found = [
        compare(case.name, peer, (n, seconds["lqmodel"]), (n_of.get(peer, n), seconds[peer]), error)
        for peer, error in off.items()
    ]
    peer = "LightGBM predict"
    mine = (n, seconds["lqmodel margin"])
    return [*found, compare(f"{case.name}: margin", peer, mine, (n, seconds[peer]), off[peer])]


def _off(ours: Floats, theirs: Floats) -> float:
    return float(np.abs(ours - theirs).max())


# ── WOODELF, a process for each core ────────────────────────────────────────────────────────────────────────


class _Woodelf:
    """Processes that have read the model and their part of the rows before any time is taken."""

    def __init__(self, text: str, n: int) -> None:
        context = get_context("spawn")
        ends = [n * i // _CORES for i in range(_CORES + 1)]
        self._pools = [
            ProcessPoolExecutor(1, context, _prepare, (text, n, slice(*part))) for part in pairwise(ends)
        ]

    def __enter__(self) -> _Woodelf:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown()

    def explain(self) -> NDArray[np.float32]:
        waiting = [pool.submit(_explain_part) for pool in self._pools]
        return np.concatenate([one.result() for one in waiting])


_PREPARED: list[Callable[[], NDArray[np.float32]]] = []


def _prepare(text: str, n: int, part: slice) -> None:
    import pandas as pd
    import woodelf

    booster = lgb.Booster(model_str=text)
    explainer = woodelf.WoodelfExplainer(booster)
    table = pd.DataFrame(rows(n, _SEED)[part], columns=booster.feature_name())
    _PREPARED.append(lambda: explainer.shap_values(table, verbose=False))


def _explain_part() -> NDArray[np.float32]:
    return _PREPARED[0]()


def main() -> None:
    """Measure all cases."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    publish(
        "treeshap", [one for case in CASES for one in measure(case, max(case.peer_rows, int(n * case.share)))]
    )


if __name__ == "__main__":
    main()
