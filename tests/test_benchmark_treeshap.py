"""The benchmarks of the kernel and of the start run, their peers agree, and the bars hold in what was measured last."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import measured

from benchmarks import start, treeshap_large
from benchmarks.common import Comparison
from benchmarks.treeshap import CASES, Case, measure

SMALL = [
    Case("numbers", trees=5, leaves=7, depth=4, share=1.0, peer_rows=50),
    Case("categories", trees=5, leaves=7, depth=4, share=1.0, peer_rows=50, categories=True),
]
PRECISION = {
    "LightGBM pred_contrib": 1e-12,
    "LightGBM predict": 0.0,
    "WOODELF": 1e-5,
}  # WOODELF's is float32's


@pytest.mark.slow
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_all_peers_agree_on_few_rows(case: Case) -> None:
    found = measure(case, 200, repetitions=1)
    peers = {one.peer for one in found}
    assert peers == PRECISION.keys() - ({"WOODELF"} if case.categories else set())
    for one in found:
        assert one.max_error <= PRECISION[one.peer]


@pytest.mark.slow
def test_rows_beyond_a_block_are_explained_in_one_call() -> None:
    found, off_sum, _ = treeshap_large.measure(30_000)
    assert off_sum <= 1e-12
    for one in [*found, *(Comparison(**one) for one in measured.results("treeshap_large"))]:
        assert one.max_error <= PRECISION[one.peer]
    assert measured.results("treeshap_large")[0]["n"] == 10_000_000


def test_the_bars_hold_in_what_was_measured_last() -> None:
    found = {(one["case"], one["peer"]): one for one in measured.results("treeshap")}
    deep = ("any depth", "categories")
    (plain,) = (case.name for case in CASES if not any(word in case.name for word in deep))
    assert found[plain, "LightGBM pred_contrib"]["ratio"]["median"] >= 40
    assert found[plain, "WOODELF"]["ratio"]["median"] >= 4
    for (_, peer), one in found.items():
        assert one["max_error"] <= PRECISION[peer]


def test_the_commands_that_are_started_are_promised(tmp_path: Path) -> None:
    named = start.commands(tmp_path, "L-1")
    assert {one["case"] for one in measured.results("start")} == named.keys() - {start.PEER}
