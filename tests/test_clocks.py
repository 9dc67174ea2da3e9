"""Clocks of a source: bulk loads, validity, several files, and what ends too early."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Ended
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DAY, HOUR, declare, timestamps, us, write
from test_bad_input import dated, edit  # noqa: F401

from lqmodel.declarations import Declarations
from lqmodel.engine import KEY, KNOWN, OCCURRED, fetch
from lqmodel.errors import BadData, ColumnMissing, Refused
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.judging import check_held_out
from lqmodel.labels import population
from lqmodel.maturity import covered_until
from lqmodel.trainingset import training_set

LOADED = us("2026-03-02T00:00Z")
VISITS = {"all": {"visits": {"source": "events", "verb": "count", "windows": ["7d"]}}}
PLAN = {"fit": {"plan": {"source": "profiles", "verb": "attribute", "column": "plan", "dtype": "category"}}}
FIT = {"fit": {"age": {"source": "leads", "verb": "recency"}}}
LEADS = {"uri": "leads.parquet", "key": "lead_id", "occurred_at": "created_at"}
OUTCOMES = {"uri": "outcomes.parquet", "key": "lead_id", "occurred_at": "occurred_at"}
EVENTS = {"uri": "events.parquet", "key": "lead_id", "occurred_at": "at", "known_at": "arrived", "lag": "1h"}


def opened(folder: Path, features: dict[str, Any], **sources: dict[str, Any]) -> Inputs:
    write(folder, "leads", lead_id=["a", "b"], created_at=timestamps([0, 0]))
    write(folder, "outcomes", lead_id=["a"], occurred_at=timestamps([LOADED + 90 * DAY]), outcome=["won"])
    return open_inputs(declared(features, **sources), folder)


def declared(features: dict[str, Any], **sources: dict[str, Any]) -> Declarations:
    return declare({"leads": LEADS, "outcomes": OUTCOMES, **sources}, features)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 50)), min_size=1, max_size=30))
def test_facts_loaded_in_bulk_were_known_when_they_happened(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("bulk")
    at = [LOADED + nudge for nudge, _ in drawn]
    arrived = [moment + late * DAY for moment, (_, late) in zip(at, drawn, strict=True)]
    write(folder, "events", lead_id=["a"] * len(at), at=timestamps(at), arrived=timestamps(arrived))
    source = EVENTS | {"backfilled_before": "2026-03-02T00:00Z"}
    found = fetch(
        opened(folder, VISITS, events=source).facts["events"].table.select(OCCURRED, KNOWN)
    ).to_pylist()
    expected = [(o, (o if o < LOADED else k) + HOUR) for o, k in zip(at, arrived, strict=True)]
    assert sorted((row[OCCURRED], row[KNOWN]) for row in found) == sorted(expected)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("a", 1, 5), ("a", 5, None), ("b", 0, 9)], None),
        ([("a", 5, None), ("b", 0, 9), ("a", 1, 5)], None),
        ([("a", 1, 1), ("a", 1, 3), ("a", 3, None), ("a", 2, 2)], None),
        (
            [("a", 1, 6), ("a", 5, None), ("b", 0, 9)],
            "1 rows still hold when the lead's next row begins, such as one of lead 'a'",
        ),
        ([("a", 1, None), ("a", 5, 7)], "1 rows still hold"),
        ([("a", 5, 4)], "1 rows end before they begin, such as one of lead 'a'"),
    ],
)
def test_rows_of_a_history_that_hold_at_one_time_are_refused(
    tmp_path: Path, rows: list[tuple[str, int, int | None]], told: str | None
) -> None:
    write(
        tmp_path,
        "profiles",
        lead_id=[r[0] for r in rows],
        valid_from=timestamps([LOADED + r[1] * DAY for r in rows]),
        valid_to=timestamps([None if r[2] is None else LOADED + r[2] * DAY for r in rows]),
        plan=[f"p{i}" for i in range(len(rows))],
    )
    source = {
        "uri": "profiles.parquet",
        "key": "lead_id",
        "occurred_at": "valid_from",
        "valid_until": "valid_to",
    }
    if told is None:
        assert opened(tmp_path, PLAN, profiles=source).facts["profiles"].rows == len(rows)
        return
    with pytest.raises(BadData, match=told) as refused:
        opened(tmp_path, PLAN, profiles=source)
    assert "source 'profiles', column 'valid_to'" in str(refused.value)
    assert "take valid_until out" in str(refused.value)


def test_a_source_may_be_several_files(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("lead_id,at,other\na,2026-01-01T00:00Z,1\nb,2026-01-02T00:00Z,2\n")
    write(tmp_path, "new", lead_id=pa.array([7, 8]), at=timestamps([LOADED, LOADED]))
    source = {"uri": ["old.csv", "new.parquet"], "key": "lead_id", "occurred_at": "at"}
    inputs = opened(tmp_path, VISITS, events=source)
    assert sorted(fetch(inputs.facts["events"].table)[KEY].to_pylist()) == ["7", "8", "a", "b"]
    assert inputs.uris["events"] == f"{tmp_path / 'old.csv'}, {tmp_path / 'new.parquet'}"


@pytest.mark.parametrize("kind", ["two csv files", "a folder of parquet files"])
def test_a_column_renamed_between_two_files_is_named_with_its_file(tmp_path: Path, kind: str) -> None:
    if kind == "two csv files":
        (tmp_path / "old.csv").write_text("lead_id,at\na,2026-01-01T00:00Z\n")
        (tmp_path / "new.csv").write_text("lead_id,happened_at\na,2026-01-01T00:00Z\n")
        uri: Any = ["old.csv", "new.csv"]
        file = "new.csv"
    else:
        (tmp_path / "events").mkdir()
        pq.write_table(pa.table({"lead_id": ["a"], "at": timestamps([0])}), tmp_path / "events" / "1.parquet")
        pq.write_table(
            pa.table({"lead_id": ["a"], "happened_at": timestamps([0])}), tmp_path / "events" / "2.parquet"
        )
        uri, file = "events", "2.parquet"
    with pytest.raises(ColumnMissing, match="no column 'at'") as refused:
        opened(tmp_path, VISITS, events={"uri": uri, "key": "lead_id", "occurred_at": "at"})
    assert file in str(refused.value)
    assert "happened_at" in str(refused.value)


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("spoil", "code", "told"),
    [
        (
            lambda p: edit(
                p / "features" / "sources.toml",
                'freshness = "7d"',
                'freshness = "7d"\nobserved_until = "2025-02-01"\nzone = "UTC"',
            ),
            1,
            ("no snapshot is mature", "source 'events' ends on 2025-02-01"),
        ),
        (
            lambda p: edit(p / "models" / "m.toml", 'horizon = "30d"', 'horizon = "900d"'),
            1,
            ("no snapshot is mature", "a horizon of 900d", "shorten label.horizon"),
        ),
        (
            lambda p: edit(p / "outcomes.csv", "2025-09-09T10:00Z,lost", "2077-09-09T10:00Z,lost", 1),
            65,
            ("the last outcome is of 2077-09-09", "mend that date, or declare observed_until"),
        ),
        (
            lambda p: (p / "leads.csv").write_text(
                (p / "leads.csv").read_text().replace("L1,", f"{LONG},", 1) + "L2,2025-01-05T10:00Z,3\n"
            ),
            65,
            ("1 lead ids stand in several rows, such as 'L2'",),
        ),
    ],
    ids=[
        "a source that ends early",
        "a horizon beyond the history",
        "an outcome in the future",
        "ids that collide",
    ],
)
def test_bad_clocks_are_told(
    dated: Path,  # noqa: F811
    lqmodel: Callable[..., Ended],
    spoil: Callable[[Path], object],
    code: int,
    told: tuple[str, ...],
) -> None:
    spoil(dated)
    ended = lqmodel("train", "--project", dated)
    assert ended.code == code, ended
    for words in told:
        assert words in ended.err
    assert "Traceback" not in ended.err
    assert max(map(len, ended.err.splitlines())) < 2_000


def test_long_texts_null_ids_and_contradictions_are_taken_and_told(
    dated: Path,  # noqa: F811
    lqmodel: Callable[..., Ended],
) -> None:
    edit(dated / "models" / "m.toml", "horizon =", 'lost = { outcome = "lost" }\nhorizon =')
    edit(dated / "leads.csv", "L3,", f"{LONG},")
    events = (dated / "events.csv").read_text() + "".join(
        f",2025-03-0{1 + i % 9}T10:00Z,3\n" for i in range(8)
    )
    (dated / "events.csv").write_text(events)
    edit(
        dated / "outcomes.csv",
        "L5,2025-07-09T10:00Z,lost\n",
        "L5,2025-07-09T10:00Z,lost\nL5,2025-07-09T10:00Z,won\n",
    )
    ended = lqmodel("check", "--project", dated)
    assert "8 rows without a lead id, set aside" in ended.out
    assert "of leads won and lost at one moment (such as 'L5'), taken as won" in ended.out
    assert "3 rows of 1 leads" in ended.out
    assert max(map(len, ended.out.splitlines())) < 3_000


def test_training_stops_where_a_feed_died(tmp_path: Path) -> None:
    """Snapshots after a source's last fact and its freshness would look like leads that fell silent."""
    weeks = range(30)
    write(tmp_path, "events", lead_id=["a"] * 10, at=timestamps([LOADED + w * 7 * DAY for w in range(10)]))
    write(
        tmp_path,
        "leads",
        lead_id=[f"L{w}" for w in weeks] + ["a"],
        created_at=timestamps([LOADED + w * 7 * DAY - 1 for w in weeks] + [LOADED - 1]),
    )
    won = [LOADED + (w * 7 + 3) * DAY for w in weeks]
    write(
        tmp_path,
        "outcomes",
        lead_id=[f"L{w}" for w in weeks],
        occurred_at=timestamps(won),
        outcome=["won"] * 30,
    )
    events = {"uri": "events.parquet", "key": "lead_id", "occurred_at": "at", "freshness": "10d"}
    lasts = []
    for source in (events, {k: v for k, v in events.items() if k != "freshness"}):
        declarations = declared(VISITS, events=source)
        lasts.append(int(training_set(declarations, open_inputs(declarations, tmp_path)).as_of.max()))
    assert (
        lasts[0] == LOADED + 10 * 7 * DAY
    )  # the last fact is of week 9, and ten days old on the Monday after the next
    assert lasts[1] > lasts[0]


def test_a_test_stretch_without_positives_is_refused(tmp_path: Path) -> None:
    weeks = range(40)
    write(
        tmp_path,
        "leads",
        lead_id=[f"L{w}" for w in weeks],
        created_at=timestamps([LOADED + w * 7 * DAY - 1 for w in weeks]),
    )
    won = [LOADED + (w * 7 + 3) * DAY for w in weeks[:15]]
    write(
        tmp_path,
        "outcomes",
        lead_id=[f"L{w}" for w in range(15)],
        occurred_at=timestamps(won),
        outcome=["won"] * 15,
    )
    outcomes = OUTCOMES | {"observed_until": "2026-12-01T00:00Z"}
    declarations = declare({"leads": LEADS, "outcomes": outcomes}, FIT)
    train, test = training_set(declarations, open_inputs(declarations, tmp_path)).split()
    assert train.won.sum() > 0
    with pytest.raises(Refused, match="holds no wins") as refused:
        check_held_out(test)
    assert "make evaluation.test longer" in str(refused.value)


def test_how_long_facts_take_is_not_learnt_from_bulk_loads(tmp_path: Path) -> None:
    old = [LOADED - DAY] * 995
    new = [LOADED + DAY] * 5
    arrived = [*old, *(at + 40 * DAY for at in new)]
    write(tmp_path, "events", lead_id=["a"] * 1000, at=timestamps([*old, *new]), arrived=timestamps(arrived))
    source = EVENTS | {"backfilled_before": "2026-03-02T00:00Z"}
    assert opened(tmp_path, VISITS, events=source).facts["events"].delay == 40 * DAY + HOUR


def test_a_fact_from_the_future_does_not_hide_that_a_feed_died(tmp_path: Path) -> None:
    write(tmp_path, "events", lead_id=["a"] * 3, at=timestamps([LOADED, LOADED + DAY, LOADED + 20_000 * DAY]))
    source = {"uri": "events.parquet", "key": "lead_id", "occurred_at": "at", "freshness": "10d"}
    inputs = opened(tmp_path, VISITS, events=source)
    assert covered_until(inputs, LOADED + 60 * DAY)["events"] == LOADED + 11 * DAY


def test_each_file_of_a_source_is_read_by_its_own_kind(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text('lead_id;at;seconds\na;2026-03-01T00:00Z;"1.234,5"\n')
    write(tmp_path, "new", lead_id=["a"], at=timestamps([LOADED]), seconds=pa.array([1.234]))
    source = {
        "uri": ["old.csv", "new.parquet"],
        "key": "lead_id",
        "occurred_at": "at",
        "decimal": ",",
        "delimiter": ";",
    }
    dwell = {"all": {"dwell": {"source": "events", "verb": "sum", "column": "seconds", "windows": ["7d"]}}}
    table = fetch(opened(tmp_path, dwell, events=source).facts["events"].table)
    assert sorted(table["seconds"].to_pylist()) == [1.234, 1234.5]


def test_customers_that_are_accounts_are_no_unknown_leads(tmp_path: Path) -> None:
    write(tmp_path, "customers", id=["acme"], since=timestamps([0]))
    write(tmp_path, "leads", lead_id=["a"], created_at=timestamps([0]), company=["acme"])
    write(tmp_path, "outcomes", lead_id=["a"], occurred_at=timestamps([LOADED]), outcome=["won"])
    sources = {
        "leads": LEADS,
        "outcomes": OUTCOMES,
        "customers": {"uri": "customers.parquet", "key": "id", "occurred_at": "since"},
    }
    population = {
        "source": "leads",
        "every": "7d",
        "account": "company",
        "business": "new",
        "customers": "customers",
    }
    declarations = declare(sources, FIT, {"population": population})
    assert open_inputs(declarations, tmp_path).unknown == {}


def test_a_label_counts_from_when_its_own_win_was_known(tmp_path: Path) -> None:
    """The first win became known last: until then the lead had not been won within the horizon."""
    write(tmp_path, "leads", lead_id=["a"], created_at=timestamps([LOADED - DAY]))
    write(
        tmp_path,
        "outcomes",
        lead_id=["a", "a"],
        occurred_at=timestamps([LOADED + 10 * DAY, LOADED + 60 * DAY]),
        arrived_at=timestamps([LOADED + 100 * DAY, LOADED + 60 * DAY]),
        outcome=["won", "won"],
    )
    outcomes = OUTCOMES | {"known_at": "arrived_at"}
    for reopened in ({}, {"outcome": "reopened"}):
        label = {"source": "outcomes", "where": {"outcome": "won"}, "horizon": "30d", "reopened": reopened}
        declarations = declare({"leads": LEADS, "outcomes": outcomes}, FIT, {"label": label})
        facts = open_inputs(declarations, tmp_path).facts
        row = fetch(population(facts["leads"], facts["outcomes"], declarations.model, [LOADED])).to_pylist()[
            0
        ]
        assert (row["won"], row["won_known"]) == (LOADED + 10 * DAY, LOADED + 100 * DAY)
