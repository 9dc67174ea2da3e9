"""The compiled sweep gives what the SQL form gives, to the byte."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import (
    DAY,
    EDGES,
    LAG,
    LEADS,
    NOON,
    UNKNOWN,
    History,
    declare,
    histories,
    timestamps,
    write,
    write_history,
)

import lqmodel.sweep.measuring as measuring
from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, KEY, OCCURRED, connect, fetch, materialise
from lqmodel.features import features
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.sweep import features_at, kernel, programme
from lqmodel.sweep.keys import bytes_of, pack, sieve_of, width
from lqmodel.sweep.records import as_floats, ordered

DECLARED = declare()
AS_OFS = [NOON - 9 * DAY, NOON - DAY, NOON, NOON + 1, NOON + 3 * DAY]
FEW = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def snapshots_of(inputs: Inputs, as_ofs: Sequence[int]) -> Any:
    leads = inputs.facts["leads"].table
    grid = ibis.literal(list(as_ofs), type="array<int64>").unnest().name(AS_OF).as_table()
    crossed = leads.select(KEY, **{CREATED: leads[OCCURRED]}).cross_join(grid)
    return crossed.filter(crossed[CREATED] < crossed[AS_OF])


def by_sql(inputs: Inputs, as_ofs: Sequence[int], declared: Declarations = DECLARED) -> pa.Table:
    wide = features(snapshots_of(inputs, as_ofs), inputs.facts, declared.features, inputs.observed_from())
    return fetch(wide.order_by(KEY, AS_OF))


def by_sweep(inputs: Inputs, as_ofs: Sequence[int], declared: Declarations = DECLARED) -> pa.Table:
    at = snapshots_of(inputs, as_ofs)
    with features_at(at, inputs.facts, declared.features, inputs.observed_from()) as wide:
        return fetch(wide.order_by(KEY, AS_OF))


def swept(inputs: Inputs, as_ofs: Sequence[int], declared: Declarations = DECLARED) -> frozenset[str]:
    """Names of the columns that did not go through SQL."""
    return measuring.measured(snapshots_of(inputs, as_ofs), inputs.facts, declared.features)[1]


@contextmanager
def opened(
    history: History, threads: int | None = None, declared: Declarations = DECLARED
) -> Iterator[Inputs]:
    with TemporaryDirectory() as folder:
        write_history(Path(folder), history)
        yield open_inputs(declared, Path(folder), threads=threads)


def assert_equal(ours: pa.Table, theirs: pa.Table) -> None:
    assert ours.schema.equals(theirs.schema)
    for name in theirs.column_names:
        assert ours[name].equals(theirs[name]), name
        if pa.types.is_floating(ours[name].type):  # -0.0 equals 0.0, but is another byte
            signs = [np.signbit(t[name].to_numpy(zero_copy_only=False)) for t in (ours, theirs)]
            known = ours[name].is_valid().to_numpy(zero_copy_only=False)
            assert (signs[0][known] == signs[1][known]).all(), name


@FEW
@given(histories(most=100), st.lists(st.sampled_from(EDGES), max_size=4))
def test_histories(history: History, edges: list[int]) -> None:
    as_ofs = sorted({*AS_OFS, *edges})
    with opened(history) as inputs:
        assert_equal(by_sweep(inputs, as_ofs), by_sql(inputs, as_ofs))


def test_thousands_of_histories_at_once(tmp_path: Path) -> None:
    """Leads do not touch each other: 3,000 of them are 3,000 histories, known late by minutes or years."""
    rng = np.random.default_rng(5)
    n_leads, n = 3_000, 60_000
    lead, at = rng.integers(0, n_leads + 50, n), NOON - rng.integers(0, 20 * DAY, n)
    at = np.where(rng.random(n) < 0.2, rng.choice(EDGES, n), at)
    late = rng.choice([0, 0, 0, 1, LAG, DAY, 400 * DAY], n)
    # ids of all lengths; many are the beginning of another
    ids = np.array([f"{'x' * (i % 40)}{i}" for i in range(n_leads + 50)], dtype=object)
    write(
        tmp_path, "leads", lead_id=ids[:n_leads], created_at=timestamps((NOON - rng.integers(0, 30 * DAY, n_leads)).tolist()),
        industry=pa.nulls(n_leads, pa.string()),
    )  # fmt: skip
    write(
        tmp_path,
        "events",
        lead_id=ids[lead],
        occurred_at=timestamps(at.tolist()),
        ingested_at=timestamps((at + late).tolist()),
        type=rng.choice(np.array(["page_view", "email", "call", None], dtype=object), n),
        page=rng.choice(np.array(["pricing", "service", "Preise, neu", None], dtype=object), n),
        duration_s=pa.array(rng.choice([0.0, -0.0, 0.0005, 2.5, -3.25, 1e6], n), mask=rng.random(n) < 0.2),
        flagged=rng.random(n) < 0.5,
    )
    write(tmp_path, "profiles", lead_id=["x1"], valid_from=timestamps([NOON]), plan=["pro"], seats=[1.0])
    write(tmp_path, "outcomes", lead_id=["x1"], occurred_at=timestamps([NOON]), outcome=["won"])
    tables = [by_sweep(open_inputs(DECLARED, tmp_path, threads=threads), AS_OFS) for threads in (1, 2, 3)]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    assert_equal(tables[0], by_sql(open_inputs(DECLARED, tmp_path), AS_OFS))


@FEW
@given(histories(most=60), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(history: History, rng: random.Random) -> None:
    mixed = replace(
        history,
        leads=rng.sample(history.leads, len(history.leads)),
        events=rng.sample(history.events, len(history.events)),
    )
    with opened(history) as inputs, opened(mixed) as other:
        assert by_sweep(inputs, AS_OFS).equals(by_sweep(other, AS_OFS))


BLANK = {"type": None, "page": None, "duration_s": None, "flagged": False}
EARLY = {"lead": LEADS[0], "occurred": NOON - 5 * DAY, "known": NOON - 5 * DAY}
LEAD = {"lead": LEADS[0], "occurred": NOON - 30 * DAY, "known": NOON - 30 * DAY, "industry": None}
PROFILE = {**EARLY, "plan": None, "seats": None}


@pytest.mark.parametrize(
    "event",
    [
        {**BLANK, **EARLY, "lead": UNKNOWN},  # of no lead
        {**BLANK, **EARLY, "occurred": NOON + 40 * DAY, "known": NOON + 40 * DAY},  # later than all
        {**BLANK, **EARLY, "known": NOON + 40 * DAY},  # occurred before, known after
        {**BLANK, **EARLY, "known": NOON - 300 * DAY, "type": "page_view", "page": "pricing"},  # known before
    ],
)
def test_one_fact_that_is_odd(event: dict[str, Any]) -> None:
    with opened(History([LEAD], [event], [PROFILE])) as inputs:
        assert_equal(by_sweep(inputs, AS_OFS), by_sql(inputs, AS_OFS))


def test_a_text_older_than_every_window_that_tells_it_apart() -> None:
    declared = declared_with(
        {
            "pages": {"verb": "distinct", "column": "page", "windows": ["7d"]},
            "old": {"verb": "count", "where": {"page": "old"}, "windows": ["ever"]},
            "any": {"verb": "count", "windows": ["ever"]},
        }
    )
    old = {**BLANK, **EARLY, "occurred": NOON - 300 * DAY, "known": NOON - 300 * DAY, "page": "old"}
    other = {**old, "page": "older"}
    new = {**BLANK, **EARLY, "page": "new"}
    edge = {**new, "occurred": AS_OFS[0] - 7 * DAY, "known": AS_OFS[0] - 7 * DAY, "page": "edge"}
    for events in ([old, other], [old, other, new], [old, other, new, edge]):
        with opened(History([LEAD], events, [PROFILE]), declared=declared) as inputs:
            assert swept(inputs, AS_OFS, declared) == {"pages_7d", "old_ever", "any_ever"}
            assert_equal(by_sweep(inputs, AS_OFS, declared), by_sql(inputs, AS_OFS, declared))


def test_no_snapshot() -> None:
    with opened(History([LEAD], [{**BLANK, **EARLY}], [PROFILE])) as inputs:
        table = by_sweep(inputs, [NOON - 60 * DAY])
        assert len(table) == 0
        assert table.schema.equals(by_sql(inputs, [NOON - 60 * DAY]).schema)


def events_of(rng: random.Random, n: int) -> list[dict[str, Any]]:
    return [
        {
            **EARLY,
            "occurred": (at := NOON - rng.randrange(20 * DAY)),
            "known": at + LAG,
            "lead": rng.choice(LEADS[:3]),
            "type": rng.choice(["page_view", "email", "it's", None]),
            "page": f"p{rng.randrange(80)}",
            "duration_s": float(rng.randrange(80)),
            "flagged": rng.random() < 0.5,
        }
        for _ in range(n)
    ]


def declared_with(engagement: Mapping[str, Mapping[str, Any]]) -> Declarations:
    return declare(features={"engagement": {k: {"source": "events", **v} for k, v in engagement.items()}})


def test_more_tests_than_a_word_has_bits() -> None:
    wheres: list[dict[str, Any]] = [{"page": f"p{i}"} for i in range(70)]
    wheres += [{"duration_s": {"ge": i}, "type": ["page_view", "it's"]} for i in range(70)]
    declared = declared_with(
        {f"f{i}": {"verb": "count", "where": w, "windows": ["7d", "ever"]} for i, w in enumerate(wheres)}
    )
    leads = [{**LEAD, "lead": name} for name in LEADS[:4]]
    with opened(History(leads, events_of(random.Random(1), 400), [PROFILE]), declared=declared) as inputs:
        assert len(swept(inputs, AS_OFS, declared)) == 280
        assert_equal(by_sweep(inputs, AS_OFS, declared), by_sql(inputs, AS_OFS, declared))


def test_many_snapshots_and_facts_of_one_lead() -> None:
    """Runs of snapshots longer than a search by eye, greatest values over many, different values by the hundred."""
    as_ofs = [NOON - 15 * DAY + i * 7 * 3_600_000_000 for i in range(70)]
    with opened(History([LEAD], events_of(random.Random(2), 600), [PROFILE])) as inputs:
        assert_equal(by_sweep(inputs, as_ofs), by_sql(inputs, as_ofs))


def test_more_facts_than_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    leads = [{**LEAD, "lead": name} for name in LEADS]
    with opened(History(leads, events_of(random.Random(3), 300), [PROFILE])) as inputs:
        whole = by_sweep(inputs, AS_OFS)
        monkeypatch.setattr(measuring, "BUDGET", 5_000)
        monkeypatch.setattr("lqmodel.sweep.layout.FACTS_OF_A_BUCKET", 20)
        assert by_sweep(inputs, AS_OFS).equals(whole)


def test_facts_of_leads_without_a_snapshot_become_no_records(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"other {i}" for i in range(300)]
    later = [{**LEAD, "lead": name, "occurred": NOON + 40 * DAY, "known": NOON + 40 * DAY} for name in names]
    events = [{**BLANK, **EARLY, "lead": name, "type": "page_view"} for name in [*names, LEADS[0], *names]]
    held: list[int] = []
    gather = measuring.gather

    def watched(*arguments: Any) -> Any:
        records = gather(*arguments)
        held.append(int(records.starts.max()))
        return records

    monkeypatch.setattr(measuring, "gather", watched)
    with opened(History([LEAD, *later], events, [PROFILE])) as inputs:
        assert_equal(by_sweep(inputs, AS_OFS), by_sql(inputs, AS_OFS))
    assert 1 <= max(held) < 100


def test_sums_beyond_what_floats_hold_exactly_are_left_to_sql() -> None:
    declared = declared_with({"s": {"verb": "sum", "column": "duration_s", "windows": ["7d"], "scale": 1}})
    for largest, names in ((2.0**52, set()), (1e6, {"s_7d"})):
        events = [{**BLANK, **EARLY, "duration_s": value} for value in (largest, 3.0, largest)]
        with opened(History([LEAD], events, [PROFILE]), declared=declared) as inputs:
            assert swept(inputs, AS_OFS, declared) == names
            assert_equal(by_sweep(inputs, AS_OFS, declared), by_sql(inputs, AS_OFS, declared))


def test_every_verb_that_aggregates_is_swept() -> None:
    taken = {"attribute", "latest", "completeness"}
    wanted = {c.name for d in DECLARED.features if d.feature.verb not in taken for c in d.columns()}
    with opened(History([LEAD], [{**BLANK, **EARLY}], [PROFILE])) as inputs:
        assert swept(inputs, [NOON]) == wanted


def test_ids_too_long_for_words_go_through_sql(tmp_path: Path) -> None:
    con = connect()
    table = pa.table({KEY: ["x" * 300], AS_OF: [NOON], CREATED: [NOON - DAY]})
    con.con.register("t", table)
    snapshots = materialise(con, "snapshots", con.table("t"))
    with opened(History([LEAD], [{**BLANK, **EARLY}], [PROFILE])) as inputs:
        assert measuring.measured(snapshots, inputs.facts, DECLARED.features)[1] == frozenset()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20), st.integers(0, 12))
@settings(deadline=None, max_examples=50)
def test_words_are_equal_exactly_where_ids_are(ids: list[str], bits: int) -> None:
    column = pa.array(ids, pa.string()).slice(1)
    texts = ids[1:]
    longest = max((len(t.encode()) for t in texts), default=0)
    words, bucket = np.empty((len(texts), width(longest)), np.int64), np.empty(len(texts), np.int32)
    pack(*bytes_of(column), bits, np.empty(0, np.int64), words, bucket)
    for i, one in enumerate(texts):
        assert 0 <= bucket[i] < 2**bits
        for j, other in enumerate(texts):
            assert (one == other) == (words[i] == words[j]).all()
            assert one != other or bucket[i] == bucket[j]


@pytest.mark.parametrize("n", [1, 100, 20_000])
def test_a_sieve_lets_all_its_leads_pass_and_few_others(n: int) -> None:
    def packed(names: list[str], sieve: Any) -> tuple[Any, Any]:
        words, bucket = np.empty((len(names), 3), np.int64), np.empty(len(names), np.int32)
        pack(*bytes_of(pa.array(names)), 4, sieve, words, bucket)
        return words, bucket

    ours, others = [f"lead {i}" for i in range(n)], [f"lead {i}" for i in range(n, 2 * n + 20_000)]
    words, bucket = packed(ours, np.empty(0, np.int64))
    sieve = sieve_of(words)
    assert len(sieve) * 64 < 16 * n + 128  # bits
    assert (packed(ours, sieve)[1] == bucket).all()
    assert (packed(others, sieve)[1] >= 0).mean() < 0.1


@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=20))
def test_integers_are_ordered_as_their_floats(values: list[float]) -> None:
    bits = ordered(pa.array(values, pa.float64()))
    assert as_floats(bits).tolist() == values
    for i in range(len(values)):
        for j in range(len(values)):
            assert values[i] >= values[j] or bits[i] < bits[j]


def test_compiled_code_knows_the_numbers_of_the_programme() -> None:
    assert (kernel.NEVER, kernel.BITS, kernel.DAY) == (programme.NEVER, programme.BITS, DAY)


@pytest.mark.parametrize("text", ["a\0b", "x" * 2_000_000], ids=["NUL", "longer than a query"])
def test_texts_that_do_not_fit_into_a_query_are_counted(tmp_path: Path, text: str) -> None:
    write(tmp_path, "leads", lead_id=["a"], created_at=timestamps([NOON - DAY]))
    write(tmp_path, "outcomes", lead_id=["a"], occurred_at=timestamps([NOON]), outcome=["won"])
    write(
        tmp_path,
        "events",
        lead_id=["a", "a", "a"],
        at=timestamps([NOON - 3, NOON - 2, NOON - 1]),
        page=[text, "b", text],
    )
    sources = {
        "leads": {"uri": "leads.parquet", "key": "lead_id", "occurred_at": "created_at"},
        "outcomes": {"uri": "outcomes.parquet", "key": "lead_id", "occurred_at": "occurred_at"},
        "events": {"uri": "events.parquet", "key": "lead_id", "occurred_at": "at"},
    }
    feature = {"source": "events", "verb": "distinct", "column": "page", "windows": ["7d"]}
    declared = declare(sources, {"all": {"pages": feature}})
    inputs = open_inputs(declared, tmp_path)
    inputs.con.con.register("t", pa.table({KEY: ["a"], AS_OF: [NOON], CREATED: [NOON - DAY]}))
    snapshots = materialise(inputs.con, "snapshots", inputs.con.table("t"))
    with features_at(snapshots, inputs.facts, declared.features, {}) as wide:
        assert fetch(wide)["pages_7d"].to_pylist() == [2.0]
