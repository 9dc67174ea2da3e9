"""No fact from later, order is irrelevant, and the SQL that feature sets compile to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import (
    DAY,
    LEADS,
    NOON,
    WINDOWS,
    History,
    declare,
    events,
    histories,
    lead_rows,
    profiles,
    timestamps,
    write,
    write_history,
)
from syrupy.assertion import SnapshotAssertion

from lqmodel.asof import Facts
from lqmodel.declarations import Declarations, ProjectFiles
from lqmodel.engine import AS_OF, CREATED, KEY, KNOWN, LOCAL_DAY, OCCURRED, fetch
from lqmodel.features import features
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.localdays import needs_local_days
from lqmodel.sources import readings

ROOT = Path(__file__).parents[1]
DECLARED = declare()
FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def table_at(inputs: Inputs, as_ofs: list[int], declarations: Declarations = DECLARED) -> pa.Table:
    """Features of all leads created before as_of, ordered by lead and moment."""
    leads = inputs.facts["leads"].table
    grid = ibis.literal(as_ofs, type="array<int64>").unnest().name(AS_OF).as_table()
    crossed = leads.select(KEY, **{CREATED: leads[OCCURRED]}).cross_join(grid)
    snapshots = crossed.filter(crossed[CREATED] < crossed[AS_OF])
    wide = features(snapshots, inputs.facts, declarations.features, inputs.observed_from())
    return fetch(wide.order_by(KEY, AS_OF))


def features_of(history: History, as_ofs: list[int], threads: int | None = None) -> pa.Table:
    with TemporaryDirectory() as folder:
        write_history(Path(folder), history)
        return table_at(open_inputs(DECLARED, Path(folder), threads=threads), as_ofs)


def until(facts: list[dict[str, Any]], as_of: int) -> list[dict[str, Any]]:
    return [f for f in facts if f["known"] < as_of and f["occurred"] < as_of]


def from_on(facts: list[dict[str, Any]], as_of: int) -> list[dict[str, Any]]:
    """The same facts, made to be known at as_of or later; some of them had occurred long before."""
    return [f if f["known"] >= as_of else {**f, "known": as_of + f["known"] % (3 * DAY)} for f in facts]


@FEW
@given(
    histories(most=60),
    st.lists(events(), max_size=30),
    st.lists(events(), max_size=30),
    st.lists(profiles(), max_size=8),
    lead_rows(),
)
def test_facts_known_at_or_after_as_of_change_nothing(
    history: History,
    some: list[dict[str, Any]],
    others: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    leads: list[dict[str, Any]],
) -> None:
    as_ofs = [NOON - DAY, NOON]
    sure = replace(history, events=until(history.events, NOON), profiles=until(history.profiles, NOON))
    always = {"lead": "nobody", "occurred": NOON, "known": NOON}
    blank = {"type": None, "page": None, "duration_s": None, "flagged": False, "plan": None, "seats": None}
    later = [{**f, "lead": f"late-{f['lead']}", "occurred": NOON + i} for i, f in enumerate(leads)]
    before = replace(
        sure,
        events=[*sure.events, {**blank, **always}, *from_on(some, NOON)],
        profiles=[*sure.profiles, {**blank, **always}],
    )
    after = replace(
        sure,
        leads=[*sure.leads, *later],
        events=[*sure.events, {**blank, **always}, *from_on(others, NOON)],
        profiles=[
            *sure.profiles,
            {**blank, **always},
            *({**f, "occurred": NOON + 1, "known": NOON + 1} for f in rows),
        ],
    )
    assert features_of(before, as_ofs).equals(features_of(after, as_ofs))


def test_a_late_fact_does_not_move_the_beginning_of_its_source() -> None:
    """Ingested today, it may have occurred years ago: no window before today reaches back further for it."""
    early = {"lead": LEADS[0], "occurred": NOON - 10 * DAY, "known": NOON - 10 * DAY}
    late = {"lead": LEADS[1], "occurred": NOON - 900 * DAY, "known": NOON}
    blank = {"type": None, "page": None, "duration_s": None, "flagged": False}
    leads = [{"lead": LEADS[0], "occurred": NOON - 30 * DAY, "known": NOON - 30 * DAY, "industry": None}]
    profile = {"lead": LEADS[0], "occurred": NOON - DAY, "known": NOON - DAY, "plan": None, "seats": None}
    without = History(leads, [{**blank, **early}], [profile])
    with_late = replace(without, events=[{**blank, **late}, {**blank, **early}])
    table = features_of(without, [NOON])
    assert table["visits_trend_7d"].to_pylist() == [None]
    assert table["visits_7d"].to_pylist() == [0.0]
    assert features_of(with_late, [NOON]).equals(table)


@FEW
@given(histories(most=80), st.randoms(use_true_random=False), st.sampled_from([1, 2]))
def test_the_order_of_rows_changes_nothing(history: History, rng: random.Random, threads: int) -> None:
    def shuffled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rng.sample(rows, len(rows))

    mixed = History(shuffled(history.leads), shuffled(history.events), shuffled(history.profiles))
    as_ofs = [NOON, NOON + 3 * DAY]
    assert features_of(mixed, as_ofs, threads).equals(features_of(history, as_ofs))


def test_windows_that_begin_before_the_source_does_are_missing(tmp_path: Path) -> None:
    write(tmp_path, "leads", lead_id=["a"], created_at=timestamps([NOON - 30 * DAY]), industry=["x"])
    write(
        tmp_path,
        "events",
        lead_id=["a", "a"],
        occurred_at=timestamps([NOON - 7 * DAY, NOON - DAY]),
        type=["page_view", "page_view"],
    )
    write(tmp_path, "outcomes", lead_id=["a"], occurred_at=timestamps([NOON]), outcome=["won"])
    engagement = {
        "visits": {"source": "events", "verb": "count", "windows": ["7d", "8d", "ever"]},
        "pace": {"source": "events", "verb": "trend", "windows": ["3d", "4d"]},
        "last": {"source": "events", "verb": "recency"},
    }
    events = {"uri": "events.parquet", "key": "lead_id", "occurred_at": "occurred_at"}
    sources = {**DECLARED.to_json()["sources"], "events": events}

    def row(**more: str) -> dict[str, Any]:
        declared = declare({**sources, "events": {**events, **more}}, {"engagement": engagement})
        found = table_at(open_inputs(declared, tmp_path), [NOON], declared)
        return {k: v for k, v in found.to_pylist()[0].items() if not k.startswith("__")}

    assert row() == {
        "last": 1.0,
        "pace_3d": 0.693147181,  # ln 2: one visit, and none in the three days before
        "pace_4d": None,
        "visits_7d": 2.0,
        "visits_8d": None,
        "visits_ever": 2.0,
    }
    declared_earlier = row(observed_from="2024-01-01T00:00Z")
    assert declared_earlier["visits_8d"] == 2.0
    assert declared_earlier["pace_4d"] == 0.0
    assert row(observed_from="2024-03-01T00:00Z")["visits_7d"] is None


def test_equally_new_rows_give_the_greatest_value_of_each_feature_by_itself(tmp_path: Path) -> None:
    at = timestamps([NOON - 1, NOON - 1, NOON - 2])
    write(tmp_path, "profiles", lead_id=["a"] * 3, valid_from=at, plan=["b", "a", "z"], seats=[1.0, 2.0, 9.0])
    write(tmp_path, "leads", lead_id=["a"], created_at=timestamps([NOON - DAY]), industry=["x"])
    write(tmp_path, "outcomes", lead_id=["a"], occurred_at=timestamps([NOON]), outcome=["won"])
    fit = {
        "plan": {"source": "profiles", "verb": "attribute", "column": "plan", "dtype": "category"},
        "seats": {"source": "profiles", "verb": "attribute", "column": "seats", "dtype": "number"},
    }
    for names in (("plan", "seats"), ("plan",), ("seats",)):
        declared = declare(features={"fit": {name: fit[name] for name in names}})
        row = table_at(open_inputs(declared, tmp_path), [NOON], declared).to_pylist()[0]
        assert {name: row[name] for name in names} == {n: {"plan": "b", "seats": 2.0}[n] for n in names}


FEATURE_SETS: dict[str, Callable[[], Declarations]] = {
    "the example": lambda: ProjectFiles.read(ROOT).declarations("lead_conversion"),
    "every verb": lambda: DECLARED,
}


def sql_of(declared: Declarations, dialect: str = "duckdb") -> str:
    """SQL of a feature set in the words of an engine, over empty tables of its columns."""
    dated, facts = needs_local_days(declared), {}
    for name, reading in readings(declared).items():
        kinds = dict.fromkeys(sorted(reading.texts), "string")
        kinds |= dict.fromkeys(sorted(reading.numbers), "float64")
        kinds |= {OCCURRED: "int64", KNOWN: "int64"} | ({LOCAL_DAY: "int64"} if name in dated else {})
        table = ibis.table({KEY: "string", **kinds}, name=name)
        facts[name] = Facts(name, declared.sources[name], table, 1, 0, 1, 0, 0, 0, {}, "")
    snapshots = ibis.table({KEY: "string", AS_OF: "int64", CREATED: "int64"}, name="snapshots")
    wide = features(snapshots, facts, declared.features, dict.fromkeys(facts, 0))
    return str(ibis.to_sql(wide, dialect=dialect))


@pytest.mark.parametrize("which", FEATURE_SETS)
def test_sql_of_a_feature_set(which: str, snapshot: SnapshotAssertion) -> None:
    assert sql_of(FEATURE_SETS[which]()) == snapshot


def test_sql_is_the_same_each_time() -> None:
    assert sql_of(declare()) == sql_of(declare())


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_of_the_strategies_stand_in_the_declarations(window: int) -> None:
    lengths = {c.window.us for d in DECLARED.features for c in d.columns() if c.window is not None}
    assert window in lengths or window // 2 in lengths


def test_categories_written_as_floats_read_as_whole_numbers(tmp_path: Path) -> None:
    """A column of codes becomes float once a value is missing; the category must stay the same."""
    write(tmp_path, "outcomes", lead_id=["a"], occurred_at=timestamps([NOON]), outcome=["won"])
    fit = {"branch": {"source": "leads", "verb": "attribute", "column": "code", "dtype": "category"}}
    declared = declare(features={"fit": fit})
    found = []
    for codes in (pa.array([5, 7], pa.int64()), pa.array([5.0, float("nan")]), pa.array([5.5, 1e300])):
        write(tmp_path, "leads", lead_id=["a", "b"], created_at=timestamps([0, 0]), code=codes)
        found.append(table_at(open_inputs(declared, tmp_path), [NOON], declared)["branch"].to_pylist())
    assert found == [["5", "7"], ["5", None], ["5.5", "1e+300"]]


def test_all_columns_are_numbers_or_texts() -> None:
    columns = {c.name: c.dtype for c in DECLARED.columns()}
    early = {"lead": LEADS[0], "occurred": NOON - DAY, "known": NOON - DAY}
    history = History(
        [{**early, "industry": None}],
        [{**early, "type": None, "page": None, "duration_s": None, "flagged": True}],
        [{**early, "plan": None, "seats": None}],
    )
    table = features_of(history, [NOON]).drop_columns([KEY, AS_OF, CREATED])
    assert table.column_names == sorted(columns)
    kinds = {"number": pa.float64(), "category": pa.string()}
    assert [f.type for f in table.schema] == [kinds[columns[f.name]] for f in table.schema]
