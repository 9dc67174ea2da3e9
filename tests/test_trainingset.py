"""Training sets: the same bytes from the same facts, split in time, or refused in words."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from strategies import DAY, HOUR, declare, timestamps, us, write

from lqmodel.declarations import Declarations
from lqmodel.engine import KEY
from lqmodel.errors import BadData, LqmodelError, Refused, TooFewWins
from lqmodel.inputs import open_inputs
from lqmodel.smalldata import shortened
from lqmodel.trainingset import Snapshots, hash_share, training_set

START = us("2025-01-01T00:00Z")
KINDS = ("page_view", "email", None)
EVENTS = {"source": "events"}
FEATURES: dict[str, Any] = {
    "engagement": {
        "visits": {**EVENTS, "verb": "count", "where": {"type": "page_view"}, "windows": ["7d", "30d"]},
        "dwell": {**EVENTS, "verb": "sum", "column": "seconds", "windows": ["30d", "ever"]},
        "pages": {**EVENTS, "verb": "distinct", "column": "page", "windows": ["30d"]},
        "pace": {**EVENTS, "verb": "trend", "windows": ["14d"]},
        "last": {**EVENTS, "verb": "recency", "direction": "down"},
    },
    "fit": {
        "industry": {"source": "leads", "verb": "attribute", "column": "industry", "dtype": "category"},
        "size": {"source": "leads", "verb": "attribute", "column": "size", "dtype": "number"},
        "filled": {"source": "leads", "verb": "completeness", "of": ["industry", "size"]},
    },
}
SOURCES: dict[str, Any] = {
    "leads": {"uri": "leads.parquet", "key": "lead_id", "occurred_at": "created_at"},
    "events": {"uri": "events.parquet", "key": "lead_id", "occurred_at": "occurred_at", "lag": "1h"},
    "outcomes": {
        "uri": "outcomes.parquet",
        "key": "lead_id",
        "occurred_at": "occurred_at",
        "known_at": "arrived_at",
        "lag": "2h",
    },
}


def company(leads: int = 60, events: int = 1500, days: int = 200) -> dict[str, pa.Table]:
    """Tables of a small company, the same each time."""
    rng = np.random.default_rng(7)
    ids = np.array([f"L{i:04d}" for i in range(leads)], dtype=object)
    created = START + rng.integers(0, days // 2 * DAY, leads)
    who = rng.integers(0, leads, events)
    at = created[who] + rng.integers(0, 60 * DAY, events)
    closed = rng.permutation(leads)[: leads // 2]
    ended = created[closed] + rng.integers(5 * DAY, 80 * DAY, len(closed))
    return {
        "leads": pa.table(
            {
                "lead_id": ids,
                "created_at": timestamps(created),
                "account": [f"A{i // 3}" for i in range(leads)],
                "industry": [("steel", "food", None)[i % 3] for i in range(leads)],
                "size": pa.array(rng.lognormal(3, 2, leads), mask=rng.random(leads) < 0.2),
            }
        ),
        "events": pa.table(
            {
                "lead_id": ids[who],
                "occurred_at": timestamps(at),
                "type": [KINDS[i] for i in rng.integers(0, 3, events)],
                "page": [f"p{i}" for i in rng.integers(0, 9, events)],
                "seconds": rng.random(events) * 1000,
            }
        ),
        "outcomes": pa.table(
            {
                "lead_id": ids[closed],
                "occurred_at": timestamps(ended),
                "arrived_at": timestamps(ended + rng.integers(0, 9 * DAY, len(closed))),
                "outcome": [("won", "lost")[i] for i in rng.integers(0, 2, len(closed))],
            }
        ),
    }


def declared(test: str = "30d", **population: Any) -> Declarations:
    model = {
        "population": {"every": "7d", "account": "account", "max_age": "150d", **population},
        "evaluation": {"test": test},
    }
    return declare(SOURCES, FEATURES, model)


def built(
    folder: Path,
    tables: dict[str, pa.Table],
    declarations: Declarations | None = None,
    threads: int | None = None,
) -> Snapshots:
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=50_000)
    made = declarations or declared()
    return training_set(made, open_inputs(made, folder, threads=threads))


def ipc(snapshots: Snapshots) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, snapshots.table.schema) as writer:
        writer.write_table(snapshots.table)
    return sink.getvalue().to_pybytes()


def shuffled(tables: dict[str, pa.Table], seed: int) -> dict[str, pa.Table]:
    rng = random.Random(seed)
    mixed = {}
    for name, table in tables.items():
        columns = rng.sample(table.column_names, table.num_columns)
        mixed[name] = table.select(columns).take(rng.sample(range(table.num_rows), table.num_rows))
    return mixed


def refusal(kind: type[LqmodelError], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


# --- the same bytes --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_order_of_rows_and_columns_changes_no_byte(tmp_path: Path, seed: int) -> None:
    tables = company()
    first = built(tmp_path, tables)
    assert ipc(built(tmp_path, shuffled(tables, seed), threads=1 + seed % 2)) == ipc(first)


def test_threads_change_no_byte(tmp_path: Path) -> None:
    """Enough rows that the engine divides them: sums of floats would differ in the last bits."""
    tables = company(leads=400, events=150_000)
    first = built(tmp_path, tables, threads=1)
    assert ipc(built(tmp_path, shuffled(tables, 1), threads=2)) == ipc(first)


def test_csv_gives_the_bytes_of_parquet(tmp_path: Path) -> None:
    tables = company()
    first = built(tmp_path, tables)
    sources = {name: {**source, "uri": f"{name}.csv"} for name, source in SOURCES.items()}
    for name, table in tables.items():
        pa.csv.write_csv(table, tmp_path / f"{name}.csv")
    model = declared().to_json()["model"]
    other = declare(sources, FEATURES, model)
    assert ipc(training_set(other, open_inputs(other, tmp_path))) == ipc(first)


# --- what a training set is ------------------------------------------------------------------------


def test_its_table_is_as_documented(tmp_path: Path) -> None:
    snapshots = built(tmp_path, company())
    moment = pa.timestamp("us", "UTC")
    first = {
        "lead_id": pa.string(),
        "as_of": moment,
        "created": moment,
        "episode": pa.int64(),
        "group": pa.string(),
        "won": pa.int8(),
        "__won_known": pa.int64(),
    }
    assert snapshots.table.column_names == [*first, *(c.name for c in snapshots.columns)]
    assert {name: snapshots.table.schema.field(name).type for name in first} == first
    assert [c.name for c in snapshots.columns] == sorted(c.name for c in snapshots.columns)
    grain = list(zip(snapshots.lead_ids, snapshots.as_of, strict=True))
    assert grain == sorted(set(grain))
    assert set(np.unique(snapshots.won)) == {0, 1}
    assert len(snapshots) == len(snapshots.groups) > 100
    assert all(t.weekday() == 0 and t.hour == 0 for t in snapshots.table["as_of"].to_pylist())
    assert snapshots.features().column_names == [c.name for c in snapshots.columns]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    tables = company()
    late = "won before as_of but known later, left out"
    sources = {**SOURCES, "outcomes": {**SOURCES["outcomes"], "observed_from": "2025-01-01"}}
    made = declare(sources, FEATURES, declared().to_json()["model"])
    snapshots = built(tmp_path, tables, made)
    (reaching,) = snapshots.counts.keys() - {late}
    assert reaching.startswith("with windows that begin before source 'events' does (2025-01-")
    assert 0 < snapshots.table["dwell_30d"].null_count == snapshots.counts[reaching]
    assert 0 < snapshots.counts[late] < 40
    at_once = pa.array([t - 2 * HOUR for t in tables["outcomes"]["occurred_at"].cast(pa.int64()).to_pylist()])
    outcomes = tables["outcomes"].set_column(2, "arrived_at", at_once.cast(pa.timestamp("us", "UTC")))
    assert built(tmp_path, {**tables, "outcomes": outcomes}, made).counts.keys() == {reaching}


def test_the_grid_stands_in_the_models_zone(tmp_path: Path) -> None:
    tables = company()
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    model = {**declared().to_json()["model"], "zone": "America/New_York"}
    made = declare(SOURCES, FEATURES, model)
    hours = {t.hour for t in training_set(made, open_inputs(made, tmp_path)).table["as_of"].to_pylist()}
    assert hours == {4, 5}  # midnight in New York, in summer and in winter


def test_pandas_gets_numbers_and_categories(tmp_path: Path) -> None:
    snapshots = built(tmp_path, company())
    x, y = snapshots.to_pandas()
    assert x.shape == (len(snapshots), len(snapshots.columns))
    assert {str(t) for t in x.dtypes} == {"float64", "category"}
    assert str(y.dtype) == "int8"
    assert list(x["industry"].cat.categories) == ["food", "steel"]


def test_features_may_not_take_our_names_but_columns_of_the_user_may(tmp_path: Path) -> None:
    """The user's tables may hold columns called like ours, of any type."""
    names = [
        "as_of",
        "won",
        "created",
        "episode",
        "group",
        "n",
        "x",
        "label",
        "late",
        "closed_known",
        "count",
        "rows",
    ]
    tables = company()
    first = built(tmp_path, tables)
    fit = {name.replace("won", "was_won"): name for name in names}
    features = {
        "engagement": FEATURES["engagement"],
        "fit": {
            f"their_{ours}": {"source": "leads", "verb": "attribute", "column": theirs, "dtype": "category"}
            for ours, theirs in fit.items()
        },
    }
    for name in names:
        for table in tables:
            tables[table] = tables[table].append_column(name, pa.array(["v"] * tables[table].num_rows))
    model = declared().to_json()["model"]
    model = {**model, "population": {**model["population"], "account": "group"}}
    second = built(tmp_path, tables, declare(SOURCES, features, model))
    assert second.table.select(["lead_id", "as_of", "won"]).equals(
        first.table.select(["lead_id", "as_of", "won"])
    )
    assert set(second.groups) == {"v"}
    assert set(second.table["their_as_of"].to_pylist()) == {"v"}


# --- split -----------------------------------------------------------------------------------------


def test_the_test_is_later_and_training_labels_are_known_before_it(tmp_path: Path) -> None:
    snapshots = built(tmp_path, company())
    train, test = snapshots.split()
    first = test.as_of.min()
    assert test.as_of.max() == snapshots.as_of.max()
    assert set(test.as_of) == {t for t in snapshots.as_of if t > snapshots.as_of.max() - 30 * DAY}
    purge = 30 * DAY + 2 * HOUR  # horizon and lag
    assert set(train.as_of) == {t for t in snapshots.as_of if t + purge <= first}
    assert len(train) > 0
    assert train.as_of.max() + purge <= first


@pytest.mark.parametrize(("lag", "weeks"), [("0d", 4), ("1m", 5)])
def test_the_purge_is_horizon_and_lag_to_the_microsecond(tmp_path: Path, lag: str, weeks: int) -> None:
    """A horizon of whole weeks ends exactly at the first test as_of: its labels are then known, unless they lag."""
    sources = {**SOURCES, "outcomes": {**SOURCES["outcomes"], "lag": lag}}
    model = declared().to_json()["model"]
    made = declare(sources, FEATURES, {**model, "label": {**model["label"], "horizon": "28d"}})
    train, test = built(tmp_path, company(), made).split()
    assert test.as_of.min() - train.as_of.max() == weeks * 7 * DAY


def test_a_split_keeps_rows_whole(tmp_path: Path) -> None:
    snapshots = built(tmp_path, company())
    train, test = snapshots.split()
    rows = {tuple(r.items()) for r in snapshots.table.to_pylist()}
    for part in (train, test):
        assert {tuple(r.items()) for r in part.table.to_pylist()} <= rows
        assert part.columns == snapshots.columns


def test_a_test_too_long_for_the_history_is_shortened(tmp_path: Path) -> None:
    """A third of what a horizon leaves is learnt from, whatever is declared; it is said, and only then."""
    snapshots = built(tmp_path, company(), declared("200d"))
    train, test = snapshots.split()
    left = snapshots.as_of.max() - snapshots.as_of.min() - 30 * DAY - 2 * HOUR
    assert 0 < left < 200 * DAY
    assert set(test.as_of) == {t for t in snapshots.as_of if t > snapshots.as_of.max() - int(left * 2 / 3)}
    assert train.as_of.max() - train.as_of.min() >= left / 3 - 14 * DAY
    (said,) = shortened(train, test)
    days = f"{left * 2 / 3 / DAY:.0f}"
    assert said.startswith(
        f"the held-out stretch is {days} days long instead of evaluation.test = 200d: the mature"
    )
    assert shortened(*built(tmp_path, company()).split()) == []


def test_a_short_history_is_refused(tmp_path: Path) -> None:
    snapshots = built(tmp_path, company())
    told = refusal(Refused, snapshots.take(snapshots.as_of < snapshots.as_of.min() + 29 * DAY).split)
    assert told.startswith("the mature snapshots cover 28 days (20")
    assert "too few to learn from and to hold out a week after a horizon of 30d" in told
    assert "do: shorten label.horizon, or give a longer history; until then a [points] table" in told
    train, test = snapshots.take(snapshots.as_of < snapshots.as_of.min() + 36 * DAY).split()
    assert len(np.unique(test.as_of)) == 1  # a week
    assert len(np.unique(train.as_of)) >= 1


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("only", "found"), [("lost", "no win"), ("open", "no win")])
def test_no_positives(tmp_path: Path, only: str, found: str) -> None:
    tables = company()
    n = tables["outcomes"].num_rows
    tables["outcomes"] = tables["outcomes"].set_column(3, "outcome", pa.array([only] * n))
    told = refusal(TooFewWins, lambda: built(tmp_path, tables))
    assert told.startswith(f"models/m.toml [label]: {found} among ")
    assert told.endswith(
        f"  there is: outcome = {only!r} ({n} rows)\n  do: check label.where against the values that stand there; "
        "until then a [points] table in models/NAME.toml can serve: `lqmodel predict --points`"
    )


def test_only_positives(tmp_path: Path) -> None:
    write(tmp_path, "leads", lead_id=["a", "b"], created_at=timestamps([0, 0]))
    write(
        tmp_path,
        "outcomes",
        lead_id=["a", "b"],
        occurred_at=timestamps([5 * DAY, 20 * DAY]),
        outcome=["won"] * 2,
    )
    sources = {
        "leads": SOURCES["leads"],
        "outcomes": {
            **SOURCES["outcomes"],
            "known_at": "occurred_at",
            "observed_from": "1970-01-01",
            "observed_until": "1971-01-01",
        },
    }
    made = declare(
        sources,
        {"fit": {"age": {"source": "leads", "verb": "recency"}}},
        {"population": {"every": "7d", "max_age": "5d"}},
    )
    told = refusal(TooFewWins, lambda: training_set(made, open_inputs(made, tmp_path)))
    assert told.startswith("models/m.toml [label]: nothing but wins among 2 labelled snapshots\n")


def test_outcomes_shorter_than_the_horizon(tmp_path: Path) -> None:
    tables = company(days=20)
    tables["outcomes"] = tables["outcomes"].slice(0, 1)
    told = refusal(Refused, lambda: built(tmp_path, tables))
    assert told.startswith("no snapshot is mature: source 'outcomes' covers 2025-")
    assert told.endswith(
        "too short for a week's start and a horizon of 30d\n  do: shorten label.horizon, or wait until more outcomes are known"
    )


def test_nobody_in_the_population(tmp_path: Path) -> None:
    tables = company()
    late = pa.array([START + 400 * DAY] * tables["leads"].num_rows, pa.timestamp("us", "UTC"))
    leads = tables["leads"].drop_columns("created_at").append_column("created_at", late)
    sources = {**SOURCES, "leads": {**SOURCES["leads"], "observed_from": "2025-01-01"}}
    made = declare(sources, FEATURES, declared().to_json()["model"])
    told = refusal(BadData, lambda: built(tmp_path, {**tables, "leads": leads}, made))
    assert told.startswith(
        "models/m.toml [population]: no lead is in the population at any time\n  do: check "
    )


# --- without a clock -------------------------------------------------------------------------------


def flat(folder: Path, label: str = "won", value: Any = True, text: str | None = None) -> Snapshots:
    """One table with a label column called ``label``."""
    n = 90
    rows = ["id,company,size,won,as_of"] + [
        f"r{i},{'' if i % 10 == 9 else f'c{i // 4}'},{i},{('yes', 'no', '')[i % 3]},x{i % 2}"
        for i in range(n)
    ]
    (folder / "flat.csv").write_text(text or "\n".join(rows))
    fit = {
        "size": {"source": "flat", "verb": "attribute", "column": "size", "dtype": "number"},
        "letter": {"source": "flat", "verb": "attribute", "column": "as_of", "dtype": "category"},
        "filled": {"source": "flat", "verb": "completeness", "of": ["size", "company"]},
    }
    made = declare(
        {"flat": {"uri": "flat.csv", "key": "id"}},
        {"fit": fit},
        {
            "label": {"source": "flat", "where": {label: value}},
            "population": {"source": "flat", "account": "company"},
        },
    )
    return training_set(made, open_inputs(made, folder))


def test_a_flat_table_is_a_training_set(tmp_path: Path) -> None:
    snapshots = flat(tmp_path)
    rows = {r["lead_id"]: r for r in snapshots.table.to_pylist()}
    assert len(rows) == 60
    assert snapshots.counts == {"without a label, left out": 30}
    assert snapshots.table.schema.field("as_of").type == pa.timestamp("us", "UTC")
    assert rows["r0"] == {
        "lead_id": "r0",
        "as_of": None,
        "created": None,
        "episode": 1,
        "group": "c0",
        "won": 1,
        "__won_known": None,
        "filled": 1.0,
        "letter": "x0",
        "size": 0.0,
    }
    assert rows["r19"] == {
        **rows["r0"],
        "lead_id": "r19",
        "group": "r19",
        "won": 0,
        "__won_known": None,
        "filled": 0.5,
        "letter": "x1",
        "size": 19.0,
    }
    assert set(snapshots.as_of) == {0}


@pytest.mark.parametrize(
    ("label", "value", "wins"), [("won", "yes", 30), ("won", ["yes", "no"], None), ("size", {"ge": 80}, 10)]
)
def test_labels_may_be_texts_or_numbers(tmp_path: Path, label: str, value: Any, wins: int | None) -> None:
    if wins is None:
        assert "nothing but wins among 60 labelled snapshots" in refusal(
            TooFewWins, lambda: flat(tmp_path, label, value)
        )
    elif label == "won":
        assert int(flat(tmp_path, label, value).won.sum()) == wins


@pytest.mark.parametrize(
    "written", [(1, 0), (1.0, 0.0), (True, False), ("1", "0"), ("TRUE", "False"), ("Yes", "no")]
)
def test_true_is_written_in_many_ways(tmp_path: Path, written: tuple[Any, Any]) -> None:
    yes, no = written
    write(tmp_path, "flat", id=["a", "b", "c"], size=[1, 2, 3], won=[yes, no, None])
    made = declare(
        {"flat": {"uri": "flat.parquet", "key": "id"}},
        {"fit": {"size": {"source": "flat", "verb": "attribute", "column": "size", "dtype": "number"}}},
        {"label": {"source": "flat", "where": {"won": True}}, "population": {"source": "flat"}},
    )
    snapshots = training_set(made, open_inputs(made, tmp_path))
    assert list(snapshots.won) == [1, 0]
    assert list(snapshots.lead_ids) == ["a", "b"]
    assert KEY not in snapshots.table.column_names


def test_a_flat_split_keeps_accounts_whole(tmp_path: Path) -> None:
    snapshots = flat(tmp_path)
    train, test = snapshots.split()
    assert len(train) + len(test) == len(snapshots)
    assert 0.1 < len(test) / len(snapshots) < 0.6
    assert not set(train.groups) & set(test.groups)
    again = flat(tmp_path).split()[1]
    assert again.table.equals(test.table)


def test_shares_by_hash_are_even_and_never_change() -> None:
    names = np.array([f"g{i}" for i in range(5000)], dtype=object)
    shares = hash_share(names)
    assert abs(shares.mean() - 0.5) < 0.02
    assert shares.min() >= 0
    assert shares.max() < 1
    assert hash_share(np.array(["g1", "g0", "g1"], dtype=object)).tolist() == [
        shares[1],
        shares[0],
        shares[1],
    ]
    assert round(float(shares[0]), 6) == 0.217863


def later(tables: dict[str, pa.Table], days: int) -> dict[str, pa.Table]:
    """The same outcomes, all of which arrive so many days after they happened."""
    outcomes = tables["outcomes"]
    arrived = pa.array(microseconds(outcomes["occurred_at"]) + days * DAY, pa.timestamp("us", "UTC"))
    place = outcomes.column_names.index("arrived_at")
    return {**tables, "outcomes": outcomes.set_column(place, "arrived_at", arrived)}


def microseconds(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.cast(pa.int64()))


def test_training_labels_are_those_known_when_the_test_began(tmp_path: Path) -> None:
    whole = built(tmp_path, later(company(leads=300, days=300), 20))
    train, test = whole.split()
    began = int(test.as_of.min())
    known = np.asarray(train.table["__won_known"].fill_null(0))
    assert train.won.sum() > 0
    assert (known[train.won == 1] < began).all()
    flipped = int(((known >= began) & np.isin(train.lead_ids, whole.lead_ids[whole.won == 1])).sum())
    counted = train.counts["won, but known only after the test began: taken as not won"]
    assert 0 < counted <= flipped
    as_built = dict(zip(zip(whole.lead_ids, whole.as_of, strict=True), whole.won, strict=True))
    moved = [
        (i, w)
        for i, w in zip(zip(train.lead_ids, train.as_of, strict=True), train.won, strict=True)
        if as_built[i] != w
    ]
    assert len(moved) == counted
    assert all(now == 0 for _, now in moved)


def test_late_outcomes_are_waited_for(tmp_path: Path) -> None:
    soon = built(tmp_path / "soon", later(company(leads=300, days=300), 0))
    late = built(tmp_path / "late", later(company(leads=300, days=300), 20))
    assert int(soon.as_of.max()) - int(late.as_of.max()) in (14 * DAY, 21 * DAY)  # whole weeks of the grid


def test_a_lone_outcome_in_the_future_is_no_end_of_the_data(tmp_path: Path) -> None:
    tables = company(leads=300, days=300)
    row = tables["outcomes"].slice(0, 1).to_pylist()[0]
    far = row["occurred_at"].replace(year=row["occurred_at"].year + 3)
    typo = pa.Table.from_pylist([{**row, "occurred_at": far, "arrived_at": far}], tables["outcomes"].schema)
    tables["outcomes"] = pa.concat_tables([tables["outcomes"], typo])
    text = refusal(BadData, lambda: built(tmp_path, tables))
    assert text.startswith("source 'outcomes': the last outcome is of ")
    assert "but 99 % of them are before" in text
    assert text.endswith(
        "do: mend that date, or declare observed_until in [outcomes] of features/sources.toml"
    )


def test_never_written_as_a_date_is_set_aside(tmp_path: Path) -> None:
    tables = company()
    row = tables["events"].slice(0, 1).to_pylist()[0]
    never = [{**row, "occurred_at": row["occurred_at"].replace(year=year)} for year in (9999, 1)]
    tables["events"] = pa.concat_tables(
        [tables["events"], pa.Table.from_pylist(never, tables["events"].schema)]
    )
    root = tmp_path / "never"
    snapshots = built(root, tables)
    assert ipc(snapshots) == ipc(built(tmp_path / "plain", company()))
