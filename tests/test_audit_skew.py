"""Whether rows look as those did that a model learnt from: in the audit, and before a scoring is believed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from audited import CALLS, DATED, Company, attribute, rules
from hypothesis import given
from hypothesis import strategies as st
from projects import Trained, write_flat_leads

from lqmodel.bundle import Bundle
from lqmodel.cautions import SKEWS_SHOWN, skewed
from lqmodel.declarations import Column, Duration
from lqmodel.errors import BadData
from lqmodel.runs import write_run
from lqmodel.scoring import score
from lqmodel.skew import FEWEST_LEADS, Reference, Skew, divergence, in_words


def column(name: str, dtype: str = "number", window: str | None = None) -> Column:
    length = Duration.parse(window) if window else None
    return Column(name, name, "fit", dtype, "attribute", length, 0, False)  # type: ignore[arg-type]


def compared(
    then: list[object] | np.ndarray, now: list[object] | np.ndarray, what: Column | None = None
) -> Skew:
    what = what or column("x", "number" if isinstance(then, np.ndarray) else "category")
    kind = pa.float64() if what.dtype == "number" else pa.string()
    tables = [pa.table({what.name: pa.array(v, kind, from_pandas=True)}) for v in (then, now)]
    reference = Reference.of(tables[0], [what], len(then))
    assert Reference.from_json(json.loads(json.dumps(reference.to_json()))) == reference
    (found,) = reference.compare(tables[1], [what], len(now))
    json.dumps(found.to_json(), allow_nan=False)
    return found


class TestOneColumn:
    NORMAL = np.random.default_rng(1).normal(size=4_000)

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(2)

    def test_the_same_again_differs_by_chance_only(self, rng: np.random.Generator) -> None:
        for n in (FEWEST_LEADS, 1_000, 4_000):
            found = compared(self.NORMAL, rng.normal(size=n))
            assert found.told == ()
            assert found.divergence < 0.05

    @pytest.mark.parametrize("shift", [1.5, 3.0, -2.0])
    def test_a_shift_of_more_than_one_standard_deviation_is_told(
        self, rng: np.random.Generator, shift: float
    ) -> None:
        assert "its values lie elsewhere" in compared(self.NORMAL, rng.normal(size=500) + shift).told[0]

    @pytest.mark.parametrize("shift", [0.0, 0.3, -0.5])
    def test_a_drift_is_not(self, rng: np.random.Generator, shift: float) -> None:
        assert compared(self.NORMAL, rng.normal(size=500) + shift).told == ()

    def test_another_unit(self, rng: np.random.Generator) -> None:
        euros = rng.lognormal(10, 1, 2_000)
        assert compared(euros, euros / 1_000).divergence > 0.8

    def test_a_dead_feed_gives_nothing_but_zeros(self, rng: np.random.Generator) -> None:
        counts = rng.poisson(0.15, 4_000).astype(float)
        found = compared(counts, np.zeros(500))
        assert found.told == (f"all its values are alike, {(counts == 0).mean():.1%} of them in training",)
        assert compared(np.append(np.zeros(3_990), np.ones(10)), np.zeros(500)).told == (), "chance"

    def test_a_column_that_is_no_longer_filled_in(self, rng: np.random.Generator) -> None:
        gaps = np.where(rng.random(2_000) < 0.5, np.nan, 1.0 + rng.random(2_000))
        assert compared(self.NORMAL, gaps).told[0].endswith("of rows have a value, 100.0% in training")
        rare = np.where(rng.random(2_000) < 0.96, np.nan, 1.0)
        assert compared(rare, np.full(2_000, np.nan)).told == (
            f"0.0% of rows have a value, {np.isfinite(rare).mean():.1%} in training",
        )
        assert compared(np.full(2_000, np.nan), rare).missing_then == 1.0

    def test_windows_are_missing_where_the_source_begins_later(self, rng: np.random.Generator) -> None:
        gaps = np.where(rng.random(2_000) < 0.5, np.nan, rng.normal(size=2_000))
        found = compared(gaps, rng.normal(size=2_000), column("visits_30d", window="30d"))
        assert found.told == ()
        assert found.missing_then > 0.4

    def test_new_levels(self, rng: np.random.Generator) -> None:
        then = [str(v) for v in rng.choice(["a", "b"], 1_000)]
        found = compared(then, ["a"] * 300 + ["b"] * 300 + ["new"] * 200)
        assert found.unseen == 0.25
        assert found.told[-1] == "25% of its values were not there in training"
        assert compared(then, ["a"] * 300 + ["b"] * 300 + ["new"] * 20).told == ()

    def test_names_are_not_news(self, rng: np.random.Generator) -> None:
        """Of a column with thousands of levels not all are stored; the others are no new ones."""
        ids = [f"c{i}" for i in rng.integers(0, 5_000, 6_000)]
        assert compared(ids, ids[::2]).told == ()

    def test_too_few_leads_are_no_distribution(self) -> None:
        table = pa.table({"x": pa.array(self.NORMAL)})
        reference = Reference.of(table, [column("x")], 4_000)
        assert reference.compare(pa.table({"x": [9.0] * 99}), [column("x")], 99) == ()
        assert Reference.of(table, [column("x")], 99).compare(table, [column("x")], 4_000) == ()
        assert reference.compare(pa.table({"y": [9.0] * 100}), [column("y")], 100) == ()


@given(st.lists(st.integers(0, 50), min_size=2, max_size=12).filter(any), st.randoms())
def test_divergence_is_a_distance(counts: list[int], draw: random.Random) -> None:
    p = np.array(counts) / sum(counts)
    q = p[draw.sample(range(len(p)), len(p))]
    assert divergence(p, p) == 0
    assert 0 <= divergence(p, q) <= 1 + 1e-12
    assert divergence(p, q) == pytest.approx(divergence(q, p))


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=60), st.randoms())
def test_the_order_of_rows_changes_nothing(values: list[int | None], draw: random.Random) -> None:
    shuffled = draw.sample(values, len(values))
    columns = [column("x"), column("c", "category")]

    def table(rows: list[int | None]) -> pa.Table:
        texts = [None if v is None else str(v) for v in rows]
        return pa.table({"x": pa.array(rows, pa.float64()), "c": pa.array(texts, pa.string())})

    one, other = (Reference.of(table(rows), columns, 500) for rows in (values, shuffled))
    assert one == other
    assert one.compare(table(values), columns, 500) == one.compare(table(shuffled), columns, 500)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"leads": "x", "columns": {}},
        {"leads": 1, "columns": {"a": {"missing": 0, "shares": [1, 2], "edges": []}}},
    ],
)
def test_what_is_no_reference_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(BadData, match="no stored reference"):
        Reference.from_json(stored)


class TestAudit:
    def test_a_column_that_is_no_longer_filled_in_warns(self, tmp_path: Path) -> None:
        company = Company(leads=900)
        for row in company.leads:
            if str(row[1]) > "2024-05-01":
                row[2] = ""
        found = company.audited(tmp_path)
        assert ("skew", "size") in rules(found, "warn")
        (told,) = [f for f in found.findings if f.rule == "skew"]
        assert "of rows have a value" in told.message
        assert told.where == "features/profile.toml [size]"

    def test_a_form_with_other_answers_warns(self, tmp_path: Path) -> None:
        company = Company(leads=900)
        for row in company.leads:
            if str(row[1]) > "2024-06-01":
                row[2] = f"new {row[2]}"
        young = DATED.replace('every = "7d"', 'every = "7d"\nmax_age = "40d"')
        (told,) = [f for f in company.audited(tmp_path, model=young).findings if f.rule == "skew"]
        assert "size: its values lie elsewhere" in told.message

    def test_a_feed_that_died_warns(self, tmp_path: Path) -> None:
        company = Company(leads=900)
        company.acts = [row for row in company.acts if str(row[1]) < "2024-05-01"]
        (told,) = [
            f
            for f in company.audited(tmp_path, features=attribute("size") + CALLS).findings
            if f.rule == "skew"
        ]
        assert told.name == "calls"
        assert "calls_30d: all its values are alike" in told.message or "lie elsewhere" in told.message

    def test_a_company_as_it_was_has_nothing(self, tmp_path: Path) -> None:
        assert Company(leads=900).audited(tmp_path).findings == ()


class TestScoring:
    def skew_of(
        self, flat: Trained, tmp_path: Path, change: dict[int, str]
    ) -> tuple[tuple[str, ...], list[dict[str, object]]]:
        """Score other leads, some columns of which hold another text; return the notices and the run's skew."""
        path = write_flat_leads(tmp_path / "leads.csv", seed=9)
        header, *lines = path.read_text().splitlines()
        rows = [line.split(",") for line in lines]
        for row in rows:
            for place, text in change.items():
                row[place] = text.format(row[place])
        path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
        scores = score(Bundle.load(flat.bundle_folder), flat.root, {"leads": str(path)}, None)
        run = write_run(scores, tmp_path / "scores", "here")
        return tuple(n for n in scores.notices if "differs from training" in n), run.manifest["skew"]

    def test_leads_like_those_of_training_say_nothing(self, flat: Trained, tmp_path: Path) -> None:
        notices, skew = self.skew_of(flat, tmp_path, {})
        assert notices == ()
        assert [s["column"] for s in skew] == ["country", "employees", "visits"]
        assert all(s["told"] == [] and float(str(s["divergence"])) < 0.05 for s in skew)

    def test_leads_that_do_not_are_told_by_column(self, flat: Trained, tmp_path: Path) -> None:
        notices, skew = self.skew_of(flat, tmp_path, {2: "Land {}", 3: "{}000", 4: "0"})
        told = {n.split("'")[1]: n for n in notices}
        assert set(told) == {"country", "employees", "visits"}
        assert "100% of its values were not there in training" in told["country"]
        assert "its values lie elsewhere" in told["employees"]
        assert all(s["told"] for s in skew)

    def test_an_emptied_column_is_told(self, flat: Trained, tmp_path: Path) -> None:
        notices, _ = self.skew_of(flat, tmp_path, {3: ""})
        assert notices == (
            "feature 'employees' differs from training: employees: 0.0% of rows have a value, 100.0% in training",
        )


def test_many_skews_are_a_few_lines() -> None:
    skews = [Skew(f"c{i:02d}", f"c{i:02d}", 0, 1, 0, 0, ("odd",)) for i in range(30)]
    told = skewed(skews)
    assert len(told) == SKEWS_SHOWN + 1
    assert told[-1].startswith(f"{30 - SKEWS_SHOWN} more features differ from training (c08, c09")
    assert skewed([Skew("c", "c", 0, 0, 0, 0, ())]) == []
    pair = [Skew(f"c_{w}", "c", 0, 1, 0, 0, ("odd",)) for w in ("7d", "30d")]
    assert in_words(pair) == {"c": "c_7d, c_30d: odd"}
