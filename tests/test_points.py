"""Points by a declared table: sums as people would count them, reasons in words, and rivals of the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import write_flat
from test_declarations import FULL, MODEL, edited, load

from lqmodel.api import open_project
from lqmodel.baselines import PlattScaled
from lqmodel.declarations import Declarations, Worth
from lqmodel.declarations.points import parse_worths
from lqmodel.errors import UsageError
from lqmodel.points import PointsTable
from lqmodel.stages import score

TABLE = """
[points]
mql = 20
sales_ready = 50
[points.for]
visits = [{ window = "7d", ge = 2, points = 15 }, { lt = 9, points = 4 }]
last_visit = { le = 7, points = 10 }
unsubscribed = -50
industry = { software = 15, "a b" = 5, retail = 0 }
"""
NUMBERS = st.one_of(st.none(), st.integers(-2, 12).map(float), st.just(math.nan))


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    files = edited(FULL, MODEL, "[stages.sql]", TABLE + "\n[stages.sql]")
    files = edited(
        files, "features/engagement.toml", 'verb = "recency"', 'verb = "recency"\ndirection = "down"'
    )
    return load(tmp_path_factory.mktemp("points"), files)


@pytest.fixture(scope="module")
def table(declared: Declarations) -> PointsTable:
    return PointsTable.of(declared)


def values(rows: list[dict[str, Any]]) -> pa.Table:
    names = ("visits_7d", "visits_30d", "last_visit", "unsubscribed_ever")
    columns = {name: pa.array([row.get(name) for row in rows], pa.float64()) for name in names}
    return pa.table(columns | {"industry": pa.array([row.get("industry") for row in rows], pa.string())})


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "visits_7d": NUMBERS,
            "visits_30d": NUMBERS,
            "last_visit": NUMBERS,
            "unsubscribed_ever": NUMBERS,
            "industry": st.sampled_from([None, "software", "a b", "retail", "other", ""]),
        }
    ),
    max_size=8,
)


def counted(row: dict[str, Any]) -> int:
    """The points of TABLE, counted by hand."""

    def number(name: str) -> float:
        return math.nan if row[name] is None else row[name]

    return (
        (15 if number("visits_7d") >= 2 else 0)
        + (4 if number("visits_30d") < 9 else 0)
        + (10 if number("last_visit") <= 7 else 0)
        - (50 if number("unsubscribed_ever") > 0 else 0)
        + {"software": 15, "a b": 5}.get(row["industry"], 0)
    )


@given(rows=ROWS)
def test_points_are_what_people_count_by_hand(table: PointsTable, rows: list[dict[str, Any]]) -> None:
    found = values(rows)
    points = table.points(table.holds(found))
    assert points.tolist() == [counted(row) for row in rows]
    up, down = table.reasons(found)
    assert [sum(r.points for r in (*a, *b)) for a, b in zip(up, down, strict=True)] == points.tolist()
    fit, engagement = (table.points(table.holds(found), kind) for kind in ("fit", "engagement"))
    assert (fit + engagement).tolist() == points.tolist()


@given(rows=ROWS, seed=st.integers(0, 9))
def test_the_order_of_rows_changes_nothing(table: PointsTable, rows: list[dict[str, Any]], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    straight, mixed = values(rows), values([rows[i] for i in order])
    assert table.texts(mixed)[0] == [table.texts(straight)[0][i] for i in order]


def test_reasons_are_words_the_most_points_first(table: PointsTable) -> None:
    row = {"visits_7d": 2, "visits_30d": 3, "last_visit": 0.5, "unsubscribed_ever": 1, "industry": "software"}
    up, down = table.texts(values([row, {}]))
    assert up == ["industry: software (+15); 2 visits in the last 7 days (+15); last visit: today (+10)", ""]
    assert down == ["unsubscribed: 1 (-50)", ""]
    (reasons, _), _ = table.reasons(values([row, {}]))
    first = reasons[0]
    assert (first.family, first.kind, first.column, first.value, first.points) == (
        "industry",
        "fit",
        "industry",
        "software",
        15,
    )
    assert reasons[-1].text == "3 visits in the last 30 days"


def test_never_is_not_an_act_of_long_ago(table: PointsTable) -> None:
    """A constrained recency says "never" as the lead's age plus one day: 4 days for a lead of 3."""
    found = values([{"last_visit": 4.0}, {"last_visit": 4.0}])
    ages = np.array([3.0, 30.0])
    assert table.points(table.holds(found, ages)).tolist() == [0, 10]


def test_thresholds_gates_and_scores(table: PointsTable) -> None:
    policy = table.policy()
    assert (policy.mql.margin, policy.sales_ready.margin) == (20, 50)
    assert (policy.mql.kept_margin, policy.sales_ready.kept_margin) == (16, 40)
    assert (policy.promote_any, policy.block, policy.require) == (("visits",), ("unsubscribed",), ("budget",))
    points = np.array([-10_000_000, -50, 0, 19, 20, 35, 49, 50, 90, 10_000_000])
    scores = score(table.placed(points), policy)
    assert scores[4] == 40
    assert scores[5] == pytest.approx(55)
    assert scores[7] == pytest.approx(70)
    assert scores[6] < 70 <= scores[7]
    assert (np.diff(scores) > 0).all()
    assert ((scores > 0) & (scores < 100)).all()


def test_the_version_follows_the_table(declared: Declarations, tmp_path: Path) -> None:
    files = edited(FULL, MODEL, "[stages.sql]", TABLE.replace("-50", "-40") + "\n[stages.sql]")
    files = edited(
        files, "features/engagement.toml", 'verb = "recency"', 'verb = "recency"\ndirection = "down"'
    )
    other = PointsTable.of(load(tmp_path, files))
    assert other.version.startswith("points-")
    assert other.version != PointsTable.of(declared).version
    assert (
        PointsTable.of(Declarations.from_json(declared.to_json())).version == PointsTable.of(declared).version
    )


def test_facts_of_points_are_computed_and_not_learnt_from(declared: Declarations, tmp_path: Path) -> None:
    assert [f.name for f in declared.facts] == ["budget", "unsubscribed"]
    files = edited(FULL, MODEL, 'block = ["unsubscribed"]', "")
    only = load(tmp_path, edited(files, MODEL, "[stages.sql]", TABLE + "\n[stages.sql]"))
    assert "unsubscribed" in [f.name for f in only.facts]
    assert "unsubscribed_ever" not in [c.name for c in only.columns()]
    assert only.columns_beside() == (
        "budget",
        "industry",
        "last_visit",
        "unsubscribed_ever",
        "visits_30d",
        "visits_7d",
    )


def test_a_model_without_points_says_how_to_declare_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="declares no points") as refused:
        PointsTable.of(load(tmp_path))
    assert "[points.for]" in str(refused.value)


def test_lines_are_read_from_every_form() -> None:
    (a, b, c, d, e) = parse_worths(
        {
            "d": {"x": 1, "y": -1},
            "b": {"window": "7d", "points": 2},
            "a": 3,
            "e": [{"ge": 1, "lt": 3, "points": 4}],
        }
    )
    assert a == Worth("a", 3)
    assert (b.window and b.window.text, b.points, b.bounds) == ("7d", 2, ())
    assert (c, d) == (Worth("d", 1, "x"), Worth("d", -1, "y"))
    assert e.bounds == (("ge", 1.0), ("lt", 3.0))
    assert parse_worths((a, b)) == (a, b)


# rivals of the model


def test_a_score_becomes_a_probability_whatever_its_unit_and_direction() -> None:
    rng = np.random.default_rng(0)
    score_in_use = rng.normal(size=4000)
    won = rng.random(4000) < 1 / (1 + np.exp(2 - score_in_use))
    plain = PlattScaled.fit(score_in_use, won).predict(score_in_use)
    turned = PlattScaled.fit(-1e5 * score_in_use + 7e6, won).predict(-1e5 * score_in_use + 7e6)
    np.testing.assert_allclose(turned, plain, atol=0.01)  # the prior on the slope alone knows a direction
    assert plain.mean() == pytest.approx(won.mean(), abs=0.01)
    np.testing.assert_allclose(plain, 1 / (1 + np.exp(2 - score_in_use)), atol=0.05)


def test_rows_without_a_score_have_their_own_rate() -> None:
    score_in_use = np.r_[np.arange(90.0), np.full(10, np.nan)]
    won = np.r_[np.arange(90) > 60, np.ones(10)]
    scaled = PlattScaled.fit(score_in_use, won)
    assert scaled.predict([np.nan])[0] == pytest.approx((10 + won.mean()) / 11)
    assert PlattScaled.fit([5.0, 5.0, 5.0], [0, 1, 0]).predict([5.0])[0] == pytest.approx(1 / 3, abs=0.01)
    assert PlattScaled.fit([np.nan, np.nan], [0, 1]).predict([np.nan, 3.0])[0] == 0.5
    assert 0 < PlattScaled.fit([1.0, 2.0], [0, 1]).predict([np.nan])[0] < 1


FACTS = """
kind = "fit"
[crm]
source = "leads"
verb = "attribute"
column = "crm"
dtype = "number"
"""
RIVALS = """
[evaluation]
existing_score = "crm"
[points]
mql = 3
sales_ready = 6
[points.for]
visits = [{ ge = 3, points = 2 }, { ge = 6, points = 4 }]
country = { RO = -2 }
"""


def write_rivals(root: Path) -> Path:
    """Write a flat project with a points table, and a score in use that falls with visits and is missing for some."""
    leads = write_flat(root, 500)
    head, *rows = leads.read_text().splitlines()
    rng = np.random.default_rng(5)
    scored = [
        "" if i % 7 == 0 else f"{500 - 30 * int(row.split(',')[4]) + rng.integers(40)}"
        for i, row in enumerate(rows)
    ]
    leads.write_text(
        "\n".join([f"{head},crm", *(f"{row},{crm}" for row, crm in zip(rows, scored, strict=True))])
    )
    (root / "features" / "facts.toml").write_text(FACTS)
    model = root / "models" / "flat.toml"
    model.write_text(model.read_text() + RIVALS)
    return root


def test_the_points_table_and_the_score_in_use_stand_beside_the_model(tmp_path: Path) -> None:
    model = open_project(write_rivals(tmp_path)).train()
    metrics = model.bundle.metrics
    assert sorted(metrics["baselines"]) == sorted(
        ["base rate", "points rule", "logistic regression", "your points table", "existing score"]
    )
    assert metrics["baselines"].keys() == metrics["differences"].keys()
    for name in ("your points table", "existing score"):
        assert name in model.bundle.card
        assert metrics["baselines"][name]["auc"]["value"] > 0.6  # whatever the direction
        assert (
            metrics["baselines"][name]["log_loss"]["value"]
            < metrics["baselines"]["base rate"]["log_loss"]["value"]
        )
    assert "crm" not in model.bundle.encoding.names
    assert "crm" not in {c.name for c in model.bundle.declarations.columns()}
    beaten = [w for w in metrics["warnings"] if "does not beat" in w]
    assert not any("the your" in w for w in beaten)
    scores = model.predict()
    assert (
        "crm" in scores.features.column_names
    )  # what points and baselines look at stands beside the features
    assert scores.table["probability"].null_count == 0
