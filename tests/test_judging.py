"""What stands on top of a report when the figures do not keep their promise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lqmodel.evaluation import Band, Estimate
from lqmodel.judging import _off_the_mark


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        (0.058, ["band sales_ready: 5.8% predicted, 2.8% observed (1.9% to 4.2%)"]),
        (0.012, ["band sales_ready: 1.2% predicted, 2.8% observed (1.9% to 4.2%)"]),
        (0.05, []),  # beyond the interval, within the slack
        (0.03, []),
    ],
)
def test_a_band_far_from_what_it_promised_is_said(predicted: float, said: list[str]) -> None:
    band = Band("sales_ready", 0.045, 1.0, predicted, Estimate(0.028, 0.019, 0.042), 1958, 716, 55)
    quality: Any = SimpleNamespace(bands=(band,))
    assert _off_the_mark(quality) == said
