"""Segments: rates against plain Python, verdicts that keep their promise, and the same for any order."""

from __future__ import annotations

import json
import shutil
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import write_flat

from lqmodel.api import open_project
from lqmodel.declarations import ProjectFiles
from lqmodel.errors import BadData, BadDeclaration
from lqmodel.segments import BY_DEFAULT, MOST_LEVELS, Level, Segments, mid_p, said, segments, segments_of

ROOT = Path(__file__).parents[1]
EVIL = "<img src=x onerror=alert(1)>"


def world(seed: int, leads: int = 400, wrong: float = 1.0) -> dict[str, Any]:
    """Snapshots of leads that share their luck; in country "X" the odds are ``wrong`` times what is said."""
    rng = np.random.default_rng(seed)
    countries = rng.choice(["X", "DE", "AT", "CH", EVIL, "NO"], leads, p=[0.3, 0.3, 0.2, 0.1, 0.08, 0.02])
    said_odds = np.exp(rng.normal(-1.2, 1.0, leads))
    true_odds = said_odds * np.where(countries == "X", wrong, 1.0)
    won = rng.random(leads) < true_odds / (1 + true_odds)
    lead = np.repeat(np.arange(leads), rng.integers(1, 9, leads))
    known = np.where(rng.random(leads) < 0.05, None, countries)  # an account is one or two leads
    return {
        "y": won[lead].astype(int),
        "p": (said_odds / (1 + said_odds))[lead],
        "groups": lead // 2,
        "leads": lead,
        "columns": [Level("country", "country", known[lead])],
    }


@pytest.fixture(scope="module")
def found() -> Segments:
    return segments(**world(1), draws=60)


def test_counts_and_rates_agree_with_plain_python(found: Segments) -> None:
    drawn = world(1)
    rows = list(zip(drawn["columns"][0].values, drawn["y"], drawn["p"], drawn["leads"], strict=True))
    alone = [s for s in found.columns[0].segments if s.level is not None]
    assert {s.level for s in alone} >= {"X", "DE", "AT"}
    for segment in alone:
        own = [r for r in rows if r[0] == segment.level]
        assert (segment.snapshots, segment.wins) == (len(own), sum(y for _, y, _, _ in own))
        assert segment.leads == len({lead for *_, lead in own})
        assert segment.predicted == pytest.approx(sum(p for _, _, p, _ in own) / len(own))
        assert segment.observed.value == pytest.approx(segment.wins / segment.snapshots)
        assert segment.observed.low < segment.observed.value < segment.observed.high
    assert sum(s.snapshots for s in found.columns[0].segments) == len(rows)
    unknown = found.columns[0].segments[-1]
    assert (unknown.level, unknown.pooled, unknown.snapshots) == (None, 0, sum(r[0] is None for r in rows))


def test_large_ones_come_first_and_small_ones_are_pooled(found: Segments) -> None:
    many = np.array([f"level {i % 40}" for i in world(1)["leads"]], dtype=object)
    pooled = segments(**world(1) | {"columns": [Level("a", "a", many)]}, draws=5).columns[0].segments
    assert len(pooled) <= MOST_LEVELS + 1
    assert pooled[-1].pooled == 40 - (len(pooled) - 1)
    sizes = [s.snapshots for s in found.columns[0].segments if s.level is not None and s.verdict != "too few"]
    assert sizes == sorted(sizes, reverse=True)


def test_one_small_level_keeps_its_name(found: Segments) -> None:
    drawn = world(1)
    level = np.where(drawn["leads"] < 3, "small", "large").astype(object)
    column = segments(**drawn | {"columns": [Level("a", "a", level)]}, draws=5).columns[0]
    assert [s.level for s in column.segments] == ["large", "small"]
    assert column.segments[1].verdict == "too few"


def test_what_was_planted_is_found_and_nothing_else() -> None:
    found = segments(**world(3, leads=2_000, wrong=0.4), draws=20)
    verdicts = {s.level: (s.verdict, s.sure) for s in found.columns[0].segments}
    assert verdicts.pop("X") == ("lower", True)
    assert not any(sure for _, sure in verdicts.values())
    assert len(found.warnings()) == 1
    assert "segment country = X" in found.warnings()[0]
    higher = segments(**world(3, leads=2_000, wrong=3.0), draws=20)
    assert next(s for s in higher.columns[0].segments if s.level == "X").verdict == "higher"


def test_a_segment_without_any_win_can_lie_apart() -> None:
    n = 400  # an interval around 0 of 400 would have no width; 20 wins were promised
    column = Level("a", "a", np.array(["none"] * n + ["some"] * n, dtype=object))
    y = np.r_[np.zeros(n), np.arange(n) % 20 == 0].astype(int)
    found = segments(y, np.full(2 * n, 0.05), np.arange(2 * n), np.arange(2 * n), [column], draws=20)
    none, some = found.columns[0].segments
    assert (none.observed.value, none.verdict, none.sure) == (0.0, "lower", True)
    assert some.verdict == "as predicted"


@pytest.mark.parametrize(("n", "p"), [(12, 0.3), (40, 0.02), (7, 0.5)])
def test_the_test_is_the_exact_binomial_one(n: int, p: float) -> None:
    chances = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    for k in range(n + 1):
        upper = sum(chances[k:]) - chances[k] / 2
        assert mid_p(k / n, p, n) == pytest.approx(min(1.0, 2 * min(upper, 1 - upper)), abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    drawn = world(2, leads=80)
    order = np.random.default_rng(seed).permutation(len(drawn["y"]))
    shuffled = {k: v[order] for k, v in drawn.items() if k != "columns"}
    shuffled["columns"] = [Level("country", "country", np.asarray(drawn["columns"][0].values)[order])]
    one, other = (json.dumps(segments(**w, draws=5).to_json(), allow_nan=False) for w in (drawn, shuffled))
    assert one == other


def test_tiny_inputs_and_no_columns() -> None:
    one = segments([1], [0.5], ["g"], ["l"], [Level("a", "a", ["x"])], draws=3)
    assert (one.looked_at, one.columns[0].segments[0].verdict) == (0, "too few")
    none = segments([0, 1], [0.1, 0.2], [1, 2], [1, 2], [], draws=3)
    assert (none.columns, none.looked_at, none.apart, none.by_chance) == ((), 0, 0, 0.0)
    unknown = segments([0, 1], [0.1, 0.2], [1, 2], [1, 2], [Level("a", "a", [None, None])], draws=3)
    assert [(s.level, s.pooled) for s in unknown.columns[0].segments] == [(None, 0)]
    sure = segments([0, 1], [0.0, 1.0], [1, 2], [1, 2], [Level("a", "a", ["x", "y"])], draws=3)
    assert sure.looked_at == 0  # certainties have no variance to judge by


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(BadData, match="do not go with"):
        segments([0, 1], [0.1, 0.2], [1, 2], [1, 2], [Level("a", "a", ["x"])])


def test_words() -> None:
    assert [said("DE", 0), said(None, 2), said(None, 0)] == ["DE", "other (2 levels)", "not known"]


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_they_are_said_to_be() -> None:
    """Every probability is right here: one segment in 20 lies apart, and one report in 20 warns."""
    looked_at = apart = warned = 0
    for seed in range(250):
        found = segments(**world(1_000 + seed), draws=2)
        looked_at += found.looked_at
        apart += found.apart
        warned += bool(found.warnings())
    assert 0.025 <= apart / looked_at <= 0.075
    assert warned / 250 <= 0.085


# ── as declared ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ('["lead_sources"]', "no feature or fact 'lead_sources'"),
        ('["country", "visits"]', "'visits' is a number, and segments are the levels of a category"),
    ],
)
def test_segments_that_cannot_be_are_refused_with_file_and_line(
    tmp_path: Path, names: str, says: str
) -> None:
    for folder in ("features", "models"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    path = next((tmp_path / "models").glob("*.toml"))
    lines = path.read_text().splitlines()
    at = lines.index("[evaluation]")
    path.write_text("\n".join([*lines[: at + 1], f"segments = {names}", *lines[at + 1 :]]))
    with pytest.raises(BadDeclaration) as refused:
        ProjectFiles.read(tmp_path).declarations(path.stem)
    text = str(refused.value)
    assert says in text
    assert f"models/{path.name}:{at + 2}" in text
    assert "country, " in text  # the categories that exist
    assert "do: " in text


def test_by_default_the_heaviest_categories_are_looked_at(company: Any) -> None:
    metrics = company.bundle.metrics
    categories = {c.family for c in company.bundle.declarations.columns() if c.dtype == "category"}
    heaviest = [f["name"] for f in metrics["families"] if f["name"] in categories][:BY_DEFAULT]
    assert [c["name"] for c in metrics["segments"]["columns"]] == heaviest
    for column in metrics["segments"]["columns"]:
        assert sum(s["snapshots"] for s in column["segments"]) == metrics["test"]["snapshots"]
        assert sum(s["wins"] for s in column["segments"]) == metrics["test"]["wins"]


def test_a_category_that_the_model_does_not_learn_from_can_be_a_segment(tmp_path: Path) -> None:
    write_flat(tmp_path)
    feature = '[fair]\nsource = "leads"\nverb = "attribute"\ncolumn = "country"\ndtype = "category"\n'
    (tmp_path / "features" / "beside.toml").write_text(f'kind = "fit"\n{feature}')
    path = tmp_path / "models" / "flat.toml"
    path.write_text(path.read_text() + '[evaluation]\nsegments = ["fair"]\n')
    drawn = open_project(tmp_path).training_set()
    assert "fair" not in {c.name for c in drawn.columns}
    found = segments_of(drawn, np.full(len(drawn), 0.3), heaviest=["country"])
    assert [c.name for c in found.columns] == ["fair"]
    assert sum(s.snapshots for s in found.columns[0].segments) == len(drawn)
