"""What stands on top of every report where there is little to learn from: few wins, or a short history."""

from __future__ import annotations

from typing import Final

import numpy as np

from lqmodel.declarations import DAY
from lqmodel.folds import count_winners
from lqmodel.trainingset import Snapshots, test_length

FEW_WINS: Final = 200
"""Fewer groups with a win than this, and every report says so on top."""


def few_wins(train: Snapshots, test: Snapshots) -> list[str]:
    """Say that there are few wins, counted by account, else lead: one sentence, or none from `FEW_WINS` on."""
    learnt, judged = (count_winners(part.won, part.groups) for part in (train, test))
    everything = count_winners(np.r_[train.won, test.won], np.r_[train.groups, test.groups])
    if everything >= FEW_WINS:
        return []
    return [
        f"only {everything} wins, counted by account, else lead ({learnt} to learn from, {judged} held out): wide intervals, "
        "and figures that the next few wins may change; see the baselines beside the model"
    ]


def shortened(train: Snapshots, test: Snapshots) -> list[str]:
    """Say that the held-out stretch is shorter than declared, because the history is; see `Snapshots.split`."""
    model = test.declarations.model
    if not model.has_clock:
        return []
    length = test_length(test.declarations, int(train.as_of.min()), int(test.as_of.max()))
    if length >= model.evaluation.test.us:
        return []
    return [
        f"the held-out stretch is {length / DAY:.0f} days long instead of evaluation.test = {model.evaluation.test.text}: "
        "the mature history is short, and a third of what a horizon leaves of it is kept to learn from"
    ]
