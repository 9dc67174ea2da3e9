"""Little to learn from is said on top: in the terminal, on the card and in the report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from projects import Trained

from lqmodel.card import card
from lqmodel.report import page
from lqmodel.smalldata import FEW_WINS, few_wins
from lqmodel.summary import summary


def part(wins: int, name: str, each: int = 3) -> Any:
    """Accounts of so many won snapshots each, and as many lost ones."""
    groups = np.repeat(np.array([f"{name}{i}" for i in range(2 * wins)], dtype=object), each)
    return SimpleNamespace(won=(np.arange(len(groups)) < wins * each).astype(np.int8), groups=groups)


def test_few_wins_are_counted_by_account() -> None:
    (said,) = few_wins(part(40, "a"), part(12, "b"))
    assert said.startswith(
        "only 52 wins, counted by account, else lead (40 to learn from, 12 held out): wide intervals"
    )
    (said,) = few_wins(part(40, "a"), part(12, "a"))  # the same accounts, won in both parts
    assert said.startswith("only 40 wins")
    assert few_wins(part(FEW_WINS - 10, "a"), part(10, "b")) == []
    assert few_wins(part(FEW_WINS - 11, "a"), part(10, "b")) != []


def test_warnings_stand_on_top(flat: Trained) -> None:
    bundle = flat.bundle
    metrics = {**bundle.metrics, "warnings": ["only 60 wins"]}
    assert summary(metrics).startswith("warning: only 60 wins\n")
    made = card(bundle.declarations, metrics, {"calibration": "platt", "repeats": 2, "rounds": 25})
    assert made.index("- only 60 wins") < made.index("## Evaluated")
    assert "Warnings" not in card(
        bundle.declarations, {**metrics, "warnings": []}, {"calibration": "", "repeats": 1, "rounds": 1}
    )
    assert page(bundle.declarations, metrics).warnings == ("only 60 wins",)
