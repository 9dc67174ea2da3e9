"""What stands on top of a report when the figures do not keep their promise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lqmodel.errors import TooFewWins
from lqmodel.evaluation import Band, Estimate
from lqmodel.judging import _off_the_mark, check_to_learn_from

FAR = "outside the interval by a factor of more than 1.25"


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        (0.058, ["band sales_ready: 5.8% predicted, 2.8% observed (1.9% to 4.2%), " + FAR]),
        (0.012, ["band sales_ready: 1.2% predicted, 2.8% observed (1.9% to 4.2%), " + FAR]),
        (0.05, []),  # beyond the interval, within the slack
        (0.016, []),  # the same below it
        (0.03, []),
    ],
)
def test_a_band_far_from_what_it_promised_is_said(predicted: float, said: list[str]) -> None:
    band = Band("sales_ready", 0.045, 1.0, predicted, Estimate(0.028, 0.019, 0.042), 1958, 716, 55)
    quality: Any = SimpleNamespace(bands=(band,))
    assert _off_the_mark(quality) == said


def test_a_part_with_too_few_wins_is_said_to_be_a_part() -> None:
    def part(won: int, n: int) -> Any:
        model = SimpleNamespace(has_clock=True)
        rows = np.arange(n)
        return SizedPart(
            won=(rows < won).astype(np.int8), groups=rows, declarations=SimpleNamespace(model=model)
        )

    check_to_learn_from(part(30, 100), part(1, 10))
    with pytest.raises(TooFewWins) as refused:
        check_to_learn_from(part(29, 1000), part(12, 300))
    assert "29 won and 971 not won" in str(refused.value)
    assert "in the 1,000 snapshots to learn from, because the latest stretch is held out" in str(
        refused.value
    )
    assert "300 snapshots, 12 won" in str(refused.value)
    assert "predict --points" in str(refused.value)


class SizedPart(SimpleNamespace):
    """As much of a set of snapshots as is looked at."""

    def __len__(self) -> int:
        return len(self.won)
