"""The model card: what was evaluated and what is shipped told apart, positives of each part, nothing broken out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from lqmodel.card import card
from lqmodel.declarations import Declarations
from lqmodel.summary import summary

PARAMS = {"calibration": "platt", "repeats": 5, "rounds": 120}
EVIL = "a|b <img src=x onerror=alert(1)>\n# heading"


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value / 2, "high": value * 1.5}


def figures() -> dict[str, Any]:
    keys = ("log_loss", "auc", "brier", "ece", "lift_at_10")
    band = {
        "name": "sales_ready",
        "at_least": 0.1,
        "below": 1.0,
        "predicted": 0.2,
        "observed": estimate(0.21),
    }
    return {key: estimate(0.3) for key in keys} | {
        "bands": [band | {"snapshots": 900, "leads": 90, "wins": 9}]
    }


@pytest.fixture
def metrics() -> dict[str, Any]:
    def part(leads: int) -> dict[str, Any]:
        counts = {"leads": leads, "won_leads": leads // 10, "snapshots": 8 * leads, "wins": leads}
        return counts | {"first": "2025-01-06T00:00Z", "last": "2026-01-26T00:00Z"}

    segment = {
        "level": EVIL,
        "pooled": 0,
        "snapshots": 1_000,
        "leads": 200,
        "wins": 30,
        "predicted": 0.05,
        "observed": estimate(0.02),
        "verdict": "lower",
        "sure": True,
    }
    handed = {"leads": 688, "backlog": 169, "weeks": 17.0, "per_week": 40.47, "wins": 63}
    return {
        "quality": figures(),
        "baselines": {"base rate": figures()},
        "train": part(3_000),
        "test": part(1_700),
        "shipped": part(4_400),
        "first_handoffs": handed | {"predicted": 0.086, "observed": estimate(0.092)},
        "segments": {
            "columns": [{"name": "country", "title": "country", "segments": [segment]}],
            "looked_at": 1,
            "apart": 1,
            "by_chance": 0.05,
        },
        "warnings": [],
        "notices": [],
    }


@pytest.fixture(scope="module")
def declarations() -> Declarations:
    leads = {"uri": "leads.csv", "key": "id"}
    feature = {"source": "leads", "verb": "attribute", "column": "country", "dtype": "category"}
    model = {
        "features": ["who"],
        "label": {"source": "leads", "where": {"bought": "yes"}},
        "stages": {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.17}},
    }
    files = {"who": {"kind": "fit", "country": feature}}
    return Declarations.from_json(
        {"name": "m", "sources": {"leads": leads}, "features": files, "model": model}
    )


def test_evaluated_and_shipped_stand_apart(declarations: Declarations, metrics: dict[str, Any]) -> None:
    text = card(declarations, metrics, PARAMS)
    places = [
        text.index(part)
        for part in (
            "## Evaluated: the recipe, on data that it had not seen",
            "judged on 13,600 snapshots of 1,700 leads",
            "none is of the shipped model",
            "### First handoffs",
            "### Bands",
            "### Segments",
            "## Shipped: the model in the bundle",
            "fitted again on all 35,200 snapshots of 4,400 leads",
            "No figure above is of this fit",
            "## Positives of each part",
        )
    ]
    assert places == sorted(places)
    assert "Intervals are 95 %: percentiles of 200 cluster-bootstrap draws of whole leads." in text


def test_positives_of_each_part(declarations: Declarations, metrics: dict[str, Any]) -> None:
    text = card(declarations, metrics, PARAMS)
    assert "| Evaluated: fitted on | 3,000 | 300 | 24,000 | 3,000 | 2025-01-06 | 2026-01-26 |" in text
    assert "| Shipped: fitted on | 4,400 | 440 | 35,200 | 4,400 | 2025-01-06 | 2026-01-26 |" in text


def test_what_sales_would_get(declarations: Declarations, metrics: dict[str, Any]) -> None:
    text = card(declarations, metrics, PARAMS)
    assert "40.5 leads a week over 17 held-out weeks, each counted once: 688 leads, 63 won." in text
    assert "Predicted 8.6%, observed 9.2% (4.6% to 13.8%)." in text
    told = summary(metrics)
    assert "40.5 first handoffs a week over 17 weeks, each lead once: 8.6% predicted, 9.2% won" in told
    assert "segments  1 of 1 apart from what was predicted; chance alone would give about 0.1" in told


def test_a_level_does_not_break_out_of_its_cell(declarations: Declarations, metrics: dict[str, Any]) -> None:
    row = next(
        line for line in card(declarations, metrics, PARAMS).splitlines() if line.startswith("| a\\|b")
    )
    assert "&lt;img" in row
    assert row.endswith("| less than predicted (all counted) | 200 | 1,000 | 30 |")


def test_what_is_not_there_is_left_out(declarations: Declarations, metrics: dict[str, Any]) -> None:
    bare = deepcopy(metrics)
    bare["segments"]["columns"], bare["segments"]["looked_at"] = [], 0
    bare["first_handoffs"] = None
    text = card(declarations, bare, PARAMS)
    assert "### Segments" not in text
    assert "### First handoffs" not in text
    assert "segments" not in summary(bare)
    assert "handoffs" not in summary(bare)


def test_what_it_looks_at_is_told_in_short(declarations: Declarations, metrics: dict[str, Any]) -> None:
    assert "What it looks at" not in card(declarations, metrics, PARAMS)
    interval = {"gain_low": 0.002, "gain_high": 0.005, "weight": 0.2, "seen": 0.4, "kind": "fit"}
    metrics["families"] = [
        {"name": "visits", "title": EVIL, "gain": 0.003, **interval},
        {"name": "country", "title": "country", "gain": 0.001, **interval, "gain_low": -0.001},
    ]
    metrics["importance"] = {"snapshots": 9, "of": 9, "wins": 3, "level": 0.9, "gain": estimate(0.012)}
    found = card(declarations, metrics, PARAMS)
    told = found.partition("### What it looks at")[2].partition("## Shipped")[0]
    assert "Of 2 families 1 is shown to matter, a\\|b &lt;img" in told
    assert "- These matter: a\\|b &lt;img src=x onerror=alert(1)> # heading (25.0%)." in told
    assert "- Not shown to matter: country." in told
