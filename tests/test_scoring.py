"""Scores: nothing from later, no order, no threads; and reasons that add up."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from killed import DAY
from projects import AS_OF, WHEN, Trained, change, contents, shuffled, write_flat_leads

from lqmodel.declarations import from_microseconds
from lqmodel.errors import NoInput, Refused
from lqmodel.reasons import Families
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import explain_lead, score
from lqmodel.stages import bands

TIMES = {"leads": "created_at", "events": "occurred_at", "outcomes": "occurred_at"}
LAG = {"leads": 0, "events": 3_600_000_000, "outcomes": 0}


@pytest.fixture(scope="module")
def scored(company: Trained) -> Scores:
    return score(company.bundle, company.root, None, WHEN)


def known_later(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Rows known at or after the moment looked from."""
    first = pa.scalar(from_microseconds(WHEN - LAG[name]), pa.timestamp("us", "UTC"))
    return pc.greater_equal(table[TIMES[name]], first)


def removed(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.filter(pc.invert(known_later(table, name)))


def twisted(name: str) -> Callable[[pa.Table], pa.Table]:
    """Whatever is known later says something else, of another lead, at another later time."""

    def edit(table: pa.Table) -> pa.Table:
        now, later = table.filter(pc.invert(known_later(table, name))), table.filter(known_later(table, name))
        for column in set(later.column_names) - {"lead_id"}:
            values = later[column].take(pa.array(np.roll(np.arange(len(later)), 1)))
            later = later.set_column(later.schema.get_field_index(column), later.schema.field(column), values)
        return pa.concat_tables([later, now])

    return edit


def added(name: str) -> Callable[[pa.Table], pa.Table]:
    """A copy of every fact, moved to where it is known at as_of or later; leads get another id."""

    def edit(table: pa.Table) -> pa.Table:
        column = TIMES[name]
        times = table[column].cast(pa.int64()).to_numpy()
        moved = WHEN - LAG[name] + np.arange(len(times)) % (40 * DAY)
        moved[: len(times) // 2] = WHEN - LAG[name]  # the very first moment that is too late
        more = table.set_column(
            table.schema.get_field_index(column),
            table.schema.field(column),
            pa.array(moved, pa.int64()).cast(pa.timestamp("us", "UTC")),
        )
        if name == "leads":
            ids = pa.array([f"{lead}-later" for lead in table["lead_id"].to_pylist()])
            more = more.set_column(0, table.schema.field("lead_id"), ids)
        return pa.concat_tables([table, more])

    return edit


@pytest.mark.parametrize("edit", [removed, twisted, added], ids=["removed", "changed", "added"])
def test_law_1_facts_known_at_or_after_as_of_change_no_score(
    edit: Callable[[str], Callable[[pa.Table], pa.Table]], company: Trained, scored: Scores, tmp_path: Path
) -> None:
    root = company.copy(tmp_path / "p")
    for name in TIMES:
        change(root, name, edit(name))
    again = score(company.bundle, root, None, WHEN)
    assert again.features.equals(scored.features)
    assert again.handoffs == scored.handoffs
    rows = pc.is_in(again.table["lead_id"], scored.table["lead_id"].combine_chunks())
    kept = scored.table.filter(pc.is_in(scored.table["lead_id"], again.table["lead_id"].combine_chunks()))
    assert again.table.filter(rows).equals(kept)
    for table in (again.table.filter(pc.invert(rows)), scored.table):
        others = (
            table
            if table is not scored.table
            else table.filter(pc.invert(pc.is_in(table["lead_id"], again.table["lead_id"].combine_chunks())))
        )
        assert set(others["status"].to_pylist()) <= {"outside_population"}
        assert others["probability"].null_count == len(others)
    assert kept.filter(pc.equal(kept["status"], "scored")).num_rows == again.counts("status")["scored"] > 400
    if edit is added:
        assert len(again.table) == 2 * len(scored.table)


@pytest.mark.parametrize("seed", [1, 2])
def test_law_2_order_of_rows_and_columns_changes_no_byte(
    seed: int, company: Trained, scored: Scores, tmp_path: Path
) -> None:
    root = company.copy(tmp_path / "p")
    for name in TIMES:
        change(root, name, lambda table: shuffled(table, seed))
    again = score(company.bundle, root, None, WHEN)
    runs = [write_run(s, tmp_path / out, "here") for s, out in ((scored, "a"), (again, "b"))]
    assert contents(runs[0].folder) == contents(runs[1].folder)
    assert runs[0].folder.name == runs[1].folder.name


def test_law_8_threads_and_other_leads_in_the_batch_change_no_score(
    company: Trained, scored: Scores, tmp_path: Path
) -> None:
    for threads in (1, 2):
        again = score(company.bundle, company.root, None, WHEN, threads=threads)
        assert again.table.equals(scored.table)
        assert again.handoffs == scored.handoffs
    root = company.copy(tmp_path / "p")
    change(root, "leads", lambda table: table.take(pa.array(np.arange(0, len(table), 3))))
    fewer = score(company.bundle, root, None, WHEN)
    rows = pc.is_in(scored.table["lead_id"], fewer.table["lead_id"].combine_chunks())
    assert 0 < len(fewer.table) < len(scored.table)
    assert fewer.table.equals(scored.table.filter(rows).combine_chunks())


def test_law_7_base_and_contributions_are_the_margin_of_every_row(company: Trained, scored: Scores) -> None:
    bundle = company.bundle
    found = bundle.ensemble.explain(bundle.encoding.transform(scored.features))
    assert np.abs(found.base + found.values.sum(axis=1) - found.margin).max() < 1e-6
    effects = Families.of(bundle.declarations.features, bundle.encoding.names).measure(
        found, bundle.calibrator
    )
    rows = scored.table.filter(pc.equal(scored.table["status"], "scored"))
    p = bundle.calibrator.probability(found.margin)
    np.testing.assert_allclose(rows["probability"].to_numpy(), p, atol=5e-7)
    base = bundle.calibrator.probability([bundle.ensemble.base])[0]
    logit = np.log(p) - np.log1p(-p)
    shown = math.log(base / (1 - base)) + rows["fit"].to_numpy() + rows["engagement"].to_numpy()
    np.testing.assert_allclose(shown, logit, atol=2e-6)  # both columns are rounded to 6 digits
    np.testing.assert_allclose(
        effects.fit + effects.engagement, logit - math.log(base / (1 - base)), atol=1e-6
    )


def test_law_7_the_factors_shown_multiply_to_the_odds(company: Trained, scored: Scores) -> None:
    ids = scored.features["lead_id"].to_pylist()
    for lead in ids[:: len(ids) // 12]:
        why = explain_lead(company.bundle, scored, lead)
        odds = why.base_probability / (1 - why.base_probability) * math.exp(why.rest)
        for reason in (*why.up, *why.down):
            odds *= reason.factor
        assert odds == pytest.approx(why.probability / (1 - why.probability), rel=1e-9)
        assert math.log(odds) == pytest.approx(
            math.log(why.base_probability / (1 - why.base_probability)) + why.fit + why.engagement, abs=1e-9
        )
        assert lead in str(why)
        assert lead in why._repr_html_()


def test_the_handoffs_of_a_run_say_what_explain_says(company: Trained, scored: Scores) -> None:
    assert len(scored.handoffs) > 10
    for handoff in scored.handoffs[:5]:
        why = explain_lead(company.bundle, scored, handoff["lead_id"])
        assert [r["text"] for r in handoff["up"]] == [r.text for r in why.up]
        assert handoff["probability"] == pytest.approx(why.probability, abs=1e-6)
        assert set(handoff["display"]) == {"name", "company"}
        assert handoff["model_version"] == company.bundle.version
    p = [h["probability"] for h in scored.handoffs]
    assert p == sorted(p, reverse=True)


def test_law_6_every_score_lies_in_its_band(company: Trained, scored: Scores) -> None:
    edges = {b.name: b for b in bands(company.bundle.policy)}
    rows = scored.table.filter(pc.equal(scored.table["status"], "scored")).to_pylist()
    for row in rows:
        assert 0 < row["low"] <= row["probability"] <= row["high"] < 1
        assert edges[row["band"]].low - 1e-6 <= row["probability"] <= edges[row["band"]].high + 1e-6
        assert (row["score"] >= 70) == (row["band"] == "sales_ready")
        assert (row["score"] >= 40) == (row["band"] != "lead")


def test_every_lead_of_the_input_has_a_row_and_a_status(company: Trained, scored: Scores) -> None:
    leads = pq.read_table(company.root / "data" / "leads.parquet")
    assert scored.table["lead_id"].to_pylist() == sorted(leads["lead_id"].to_pylist())
    outside = scored.table.filter(pc.equal(scored.table["status"], "outside_population"))
    reasons = scored.skipped.filter(pc.is_valid(scored.skipped["lead_id"]))
    assert reasons["lead_id"].to_pylist() == outside["lead_id"].to_pylist()
    assert set(reasons["reason"].to_pylist()) == {"won or lost before as_of", "not known before as_of"}


def test_stages_go_on_from_the_previous_run(company: Trained, scored: Scores, tmp_path: Path) -> None:
    before = write_run(score(company.bundle, company.root, None, WHEN - 7 * DAY), tmp_path, "here")
    now = score(company.bundle, company.root, None, WHEN, before)
    assert now.previous_run == before.run_id
    old = {r["lead_id"]: r for r in before.table.to_pylist() if r["status"] == "scored"}
    for row in now.table.to_pylist():
        if row["status"] == "scored":
            assert row["previous_stage"] == (old[row["lead_id"]]["stage"] if row["lead_id"] in old else None)
    assert 0 < len(now.handoffs) < len(scored.handoffs), "a backlog is handed over once"
    handed = {h["lead_id"] for h in before.handoffs()}
    assert not handed & {h["lead_id"] for h in now.handoffs}


def test_law_10_scoring_again_is_the_same_run(company: Trained, scored: Scores, tmp_path: Path) -> None:
    again = score(company.bundle, company.root, None, WHEN)
    first, second = (write_run(s, tmp_path, "here") for s in (scored, again))
    assert first.folder == second.folder
    assert [p.name for p in tmp_path.iterdir() if not p.is_symlink()] == [first.folder.name]


def test_levels_new_or_too_rare_are_told_and_counted(flat: Trained, tmp_path: Path) -> None:
    table = write_flat_leads(tmp_path / "leads.csv", 20, seed=5)
    text = table.read_text().splitlines()
    text += ["x1,New Inc,PL,3,4,", "x2,Old Inc,PL,3,4,", "x3,,,,,"]
    table.write_text("\n".join(text) + "\n")
    made = score(flat.bundle, flat.root, {"leads": str(table)}, None)
    assert (
        "column 'country': 2 leads with levels that training did not see, or too rarely to learn from ('PL')"
        in made.notices
    )
    rows = [r for r in made.skipped.to_pylist() if r["lead_id"] is None]
    assert rows == [
        {
            "source": "leads",
            "lead_id": None,
            "reason": "country: training did not see level 'PL', or too rarely to learn from",
            "rows": 2,
        }
    ]
    assert made.counts("status") == {"scored": 23}, "every row of a flat file is scored"
    assert set(made.table["as_of"].to_pylist()) == {None}


def test_facts_of_unknown_leads_are_counted(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "p")
    change(root, "leads", lambda table: table.slice(1))
    lost = pq.read_table(company.root / "data" / "leads.parquet")["lead_id"][0].as_py()
    events = pq.read_table(root / "data" / "events.parquet")["lead_id"].to_pylist().count(lost)
    made = score(company.bundle, root, None, WHEN)
    assert any(f"{events} rows of 1 leads" in n and lost in n for n in made.notices)
    rows = {(r["source"], r["reason"]): r["rows"] for r in made.skipped.to_pylist() if r["lead_id"] is None}
    assert rows["events", "of leads that are not in the leads' source"] == events


def test_explain_refuses_what_it_cannot_answer(company: Trained, flat: Trained, scored: Scores) -> None:
    with pytest.raises(NoInput, match="holds no lead 'L-00001'") as error:
        explain_lead(company.bundle, scored, "L-00001")
    assert "did you mean 'L-0" in str(error.value)
    assert "and 1475 more" in str(error.value)
    outside = scored.skipped.filter(pc.is_valid(scored.skipped["lead_id"]))["lead_id"][0].as_py()
    with pytest.raises(Refused, match="was not scored: outside population"):
        explain_lead(company.bundle, scored, outside)
    with pytest.raises(Refused, match=r"made by bundle .* and this is bundle"):
        explain_lead(flat.bundle, scored, outside)


def test_explain_from_a_run_is_explain_from_memory(company: Trained, scored: Scores, tmp_path: Path) -> None:
    write_run(scored, tmp_path, "here")
    run = Run.open(tmp_path / "latest")
    lead = scored.handoffs[0]["lead_id"]
    assert explain_lead(company.bundle, run, lead) == explain_lead(company.bundle, scored, lead)


def test_a_moment_before_any_data_or_after_a_dead_feed_is_refused(company: Trained, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="lies before any lead: the first is of 2024-01-01"):
        score(company.bundle, company.root, None, WHEN - 900 * DAY)
    root = company.copy(tmp_path / "p")
    change(root, "events", lambda t: t.filter(pc.less(t["occurred_at"], from_microseconds(WHEN - 3 * DAY))))
    with pytest.raises(
        Refused, match=f"no fact within 36h before {AS_OF}: the newest is of 2024-12-2"
    ) as error:
        score(company.bundle, root, None, WHEN)
    assert "source 'events'" in str(error.value)
    assert "mend the feed" in str(error.value)
