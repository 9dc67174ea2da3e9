"""Train and score agree on DuckDB, PostgreSQL and Spark, row for row.

Facts past the door of time are loaded into each engine: hundreds of generated histories at once, with rows
that tie, texts that SQL could trip over and numbers that an engine could take for decimals. Each engine then
computes every declared verb, every kind of population and the labels. Proved is

- that each answer is DuckDB's, in dtype, in the bits of every number and in every text;
- that each answer is the oracle's, which knows no engine;
- that the SQL of whole feature sets is, for each engine, the text that was read and kept.

The PostgreSQL server is started by the tests, as a user who may do nothing else; Spark runs in this process.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import test_episodes as comebacks
from engines import ENGINES
from once import once
from parts import need
from strategies import DAY, FEATURES
from syrupy.assertion import SnapshotAssertion
from test_features import FEATURE_SETS, sql_of
from worlds import (
    AS_OFS,
    COURSES,
    DEEDS,
    HISTORIES,
    ODD_FEATURES,
    POPULATIONS,
    ZONE,
    answers,
    courses,
    draw_all,
    history,
)

from lqmodel.engine import AS_OF, CREATED, EPISODE, KEY

OTHERS = ("postgres", pytest.param("spark", marks=pytest.mark.slow))
ALL = ("duckdb", *OTHERS)


@dataclass(frozen=True)
class Answered:
    """What an engine answered, and how long it took with its start and its end."""

    tables: dict[str, pa.Table]
    seconds: float


def ask(engine: str, factory: pytest.TempPathFactory) -> Answered:
    """Ask an engine, once for all workers."""

    def build(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        draw_all()
        began = time.perf_counter()
        with ENGINES[engine]() as opened:
            tables = answers(opened)
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet")
        (folder / "seconds.json").write_text(json.dumps(time.perf_counter() - began))

    folder = once(factory, f"engine_{engine}", build)
    seconds = json.loads((folder / "seconds.json").read_text())
    return Answered({path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}, seconds)


# one fixture for each, so that an engine that fails is not tried anew by every test


@pytest.fixture(scope="session")
def answers_of_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return ask("duckdb", tmp_path_factory)


@pytest.fixture(scope="session")
def answers_of_postgres(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return ask("postgres", tmp_path_factory)


@pytest.fixture(scope="session")
def answers_of_spark(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return ask("spark", tmp_path_factory)


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Callable[[str], Answered]:
    def of(engine: str) -> Answered:
        found: Answered = request.getfixturevalue(f"answers_of_{engine}")
        return found

    return of


def exactly(values: list[Any]) -> list[Any]:
    """Values whose equality is that of their bits: -0.0 is not 0.0."""
    return [value.hex() if isinstance(value, float) else value for value in values]


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    """The same columns, dtypes and rows, and every value to the bit."""
    assert list(zip(found.column_names, found.schema.types, strict=True)) == list(
        zip(expected.column_names, expected.schema.types, strict=True)
    )
    keys = [KEY, AS_OF]
    assert found.select(keys).equals(expected.select(keys))
    rows = list(zip(*(found[key].to_pylist() for key in keys), strict=True))
    for name in expected.column_names:
        pairs = zip(rows, found[name].to_pylist(), expected[name].to_pylist(), strict=True)
        differing = [(row, a, b) for row, a, b in pairs if exactly([a]) != exactly([b])]
        assert not differing, (name, len(differing), differing[:5])


# --- features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", OTHERS)
def test_features_are_those_of_duckdb(
    engine: str, answered: Callable[[str], Answered], tell: Callable[[str], None]
) -> None:
    found = answered(engine)
    table = found.tables["features"]
    assert_same(table, answered("duckdb").tables["features"])
    rows = sum(len(t) for t in found.tables.values())
    tell(
        f"{engine}: {len(table)} snapshots of {HISTORIES} histories × {table.num_columns - 3} columns; with the "
        f"populations {rows} rows; {found.seconds:.0f} s from start to end"
    )


@pytest.mark.parametrize("engine", ALL)
def test_features_are_those_of_the_oracle(engine: str, answered: Callable[[str], Answered]) -> None:
    rows = {(row[KEY], row[AS_OF]): row for row in answered(engine).tables["features"].to_pylist()}
    known = history()
    created = {fact["lead"]: fact["occurred"] for fact in known.leads}
    assert set(rows) == {(lead, t) for lead, at in created.items() for t in AS_OFS if at < t}
    declared = [*FEATURES["engagement"].items(), *FEATURES["fit"].items(), *ODD_FEATURES.items()]
    for source in ("leads", "events", "profiles"):
        by_lead = defaultdict(list)
        for fact in known.facts(source):
            by_lead[fact["lead"]].append(fact)
        start = min(max(fact["occurred"], fact["known"]) for fact in known.facts(source))
        for name, feature in declared:
            if feature["source"] == source:
                for (lead, as_of), row in rows.items():
                    facts = by_lead[lead]
                    expected = oracle.columns(name, feature, facts, lead, created[lead], as_of, start, ZONE)
                    found = [row[column] for column in expected]
                    # an oracle's maximum of -0.0 and 0.0 is either
                    assert found == list(expected.values()), (lead, as_of, name)


def test_the_histories_tell_every_column_from_a_constant(answered: Callable[[str], Answered]) -> None:
    """A column that is always the same would agree on any engine."""
    table = answered("duckdb").tables["features"]
    columns = {c.name for c in DEEDS.columns()}
    assert columns == set(table.column_names) - {KEY, AS_OF, CREATED}
    assert {name for name in columns if len(set(table[name].to_pylist())) < 2} == set()


# --- populations and labels ----------------------------------------------------------------------


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("engine", OTHERS)
def test_populations_and_labels_are_those_of_duckdb(
    engine: str, name: str, answered: Callable[[str], Answered]
) -> None:
    assert_same(answered(engine).tables[name], answered("duckdb").tables[name])


def test_no_population_is_hollow(answered: Callable[[str], Answered]) -> None:
    tables = [answered("duckdb").tables[name] for name in POPULATIONS]
    assert all(len(table) > 50 for table in tables)
    found = {c: {v for table in tables for v in table[c].to_pylist()} for c in ("label", "late", EPISODE)}
    assert found["label"] == {0, 1}
    assert found["late"] == {False, True}
    assert found[EPISODE] >= {1, 2, 3}


@pytest.mark.parametrize("name", ["plain", "episodes"])
@pytest.mark.parametrize("engine", ALL)
def test_populations_and_labels_are_those_of_a_plain_reading(
    engine: str, name: str, answered: Callable[[str], Answered]
) -> None:
    known, come_back = courses(), name == "episodes"
    leads: dict[str, list[comebacks.Row]] = defaultdict(list)
    outcomes: dict[str, list[comebacks.Outcome]] = defaultdict(list)
    for row in known.leads:
        leads[row[0]] = [*leads[row[0]], row] if come_back else [row]
    for outcome in known.outcomes:
        if come_back or outcome[1] != "reopened":
            outcomes[outcome[0]].append(outcome)
    expected = {}
    for lead in leads:
        for as_of in comebacks.GRID:
            state = comebacks.state_at(lead, as_of, leads[lead], outcomes[lead])
            if state is not None and state[2] and as_of - state[0] <= 60 * DAY:
                start, episode, _, late, label = state
                expected[lead, as_of] = start, episode, late, None if late else label
    rows = answered(engine).tables[name].to_pylist()
    found = {
        (r[KEY], r[AS_OF]): (r[CREATED], r[EPISODE], r["late"], None if r["late"] else r["label"])
        for r in rows
    }
    assert len(found) == len(rows)
    assert found == expected
    assert len({lead[:3] for lead, _ in found}) > COURSES / 2


# --- SQL -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["postgres", "pyspark"])
@pytest.mark.parametrize("which", FEATURE_SETS)
def test_sql_of_a_feature_set(which: str, dialect: str, snapshot: SnapshotAssertion) -> None:
    if dialect == "pyspark":
        need(find_spec("pyspark") is not None, "pyspark (make setup-spark)")
        assert ibis.pyspark, "Ibis writes Spark's SQL once its backend was touched"
    assert sql_of(FEATURE_SETS[which](), dialect) == snapshot
