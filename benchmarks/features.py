"""Features at one moment, and at a million snapshots, beside what a good engineer writes by hand.

`python -m benchmarks.features [EVENTS]` (20,000,000). Events, 20 a lead, are made from a seed and written to a
temporary folder. Two starts are measured, the same for all:

- *in memory*: the events as a table of text ids and integer microseconds, in the system's own memory;
- *from files*: the Parquet files. lqmodel's way then holds all that it does for a run: every check, set-aside rows,
  the digest of the inputs, and which events are of unknown leads.

All run on two threads and end with a table in memory. lqmodel and its peers take turns, so that other load falls on
all alike. pandas is written with NumPy's `bincount`, which its own group-by does not reach.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "2"  # read when polars is imported

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import Comparison, compare, interleave, publish
from benchmarks.features_by_hand import COLUMNS, LAG, pandas_at_once, polars_at_once, polars_joined, sql
from lqmodel.declarations import DAY, Declarations
from lqmodel.engine import AS_OF, CREATED, KEY, KNOWN, OCCURRED, fetch, materialise
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.sweep import features_at

THREADS = 2
END = 19_675 * DAY  # 2023-11-14
HISTORY = 400  # days
EVENTS_OF_A_LEAD = 20
REPETITIONS = 3
TYPES = {
    "page_view": 620, "email_open": 190, "email_click": 45, "social_engagement": 50, "whitepaper_download": 20,
    "ebook_download": 14, "webinar_registered": 10, "webinar_attended": 7, "contact_form": 9, "demo_requested": 8,
    "newsletter_signup": 8, "proposal_requested": 5, "unsubscribe": 4, "referral": 10,
}  # fmt: skip
PAGES = {"home": 28, "service": 26, "blog": 22, "case_study": 12, "pricing": 10, "careers": 2}
Table = Any


@dataclass(frozen=True)
class World:
    """The files of one size, opened by lqmodel, and the events in every system's memory."""

    folder: Path
    inputs: Inputs
    n_leads: int
    n_events: int


def write(folder: Path, n_events: int) -> int:
    """Write leads, events and one outcome; return how many leads there are."""
    rng = np.random.default_rng(7)
    n_leads = max(10, n_events // EVENTS_OF_A_LEAD)
    ids = pa.array([f"L-{i:07d}" for i in range(n_leads)])
    viewed = (kind := _draw(rng, TYPES, n_events)) == 0
    events = {
        "lead_id": ids.take(pa.array(rng.integers(0, n_leads, n_events))),
        "occurred_at": _moments(np.sort(rng.integers(END - HISTORY * DAY, END, n_events))),
        "type": _texts(kind, TYPES),
        "page": _texts(_draw(rng, PAGES, n_events), PAGES, ~viewed),
        "duration_s": pa.array(np.floor(rng.exponential(60, n_events)), mask=~viewed),
    }
    pq.write_table(pa.table(events), folder / "events.parquet", row_group_size=500_000)
    created = rng.integers(END - (HISTORY + 100) * DAY, END - HISTORY * DAY, n_leads)
    pq.write_table(pa.table({"lead_id": ids, "created_at": _moments(created)}), folder / "leads.parquet")
    won = {"lead_id": ids[:1], "occurred_at": _moments(np.array([END])), "outcome": ["won"]}
    pq.write_table(pa.table(won), folder / "outcomes.parquet")
    return n_leads


def _draw(rng: np.random.Generator, weights: dict[str, int], n: int) -> np.ndarray:
    share = np.array(list(weights.values())) / sum(weights.values())
    return rng.choice(len(weights), n, p=share).astype(np.int8)


def _texts(codes: np.ndarray, names: dict[str, int], missing: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), list(names)).cast(pa.string())


def _moments(us: np.ndarray) -> pa.Array:
    return pa.array(us, pa.timestamp("us", "UTC"))


def declared() -> Declarations:
    """The benchmark's own project: 42 columns over the events."""
    times = {"leads": "created_at", "events": "occurred_at", "outcomes": "occurred_at"}
    sources = {n: {"uri": f"{n}.parquet", "key": "lead_id", "occurred_at": t} for n, t in times.items()}
    sources["events"] |= {"lag": "1h", "observed_from": "2020-01-01"}
    sources["events"]["zone"] = "UTC"
    model = {
        "features": ["engagement"],
        "label": {"source": "outcomes", "where": {"outcome": "won"}, "horizon": "30d"},
        "population": {"source": "leads", "every": "7d"},
        "evaluation": {"test": "30d"},
        "stages": {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.3}},
    }
    features = {"kind": "engagement", **{n: {"source": "events", **t} for n, t in COLUMNS.items()}}
    return Declarations.from_json(
        {"name": "benchmark", "sources": sources, "features": {"engagement": features}, "model": model}
    )


def at_once(inputs: Inputs) -> ir.Table:
    """All leads at one moment."""
    leads = inputs.facts["leads"].table
    return leads.select(KEY, **{AS_OF: ibis.literal(END, "int64"), CREATED: leads[OCCURRED]})


def snapshots(inputs: Inputs) -> ir.Table:
    """Every fourth lead at four moments, 30 days apart: as many snapshots as there are leads."""
    leads = inputs.facts["leads"].table
    some = leads.filter(leads[KEY].right(2).cast("int64") % 4 == 0)
    moments = [END - 30 * DAY * i for i in range(4)]
    grid = ibis.literal(moments, type="array<int64>").unnest().name(AS_OF).as_table()
    return some.select(KEY, **{CREATED: some[OCCURRED]}).cross_join(grid)


def swept(inputs: Inputs, at: ir.Table) -> pa.Table:
    """Features by lqmodel, as an Arrow table."""
    with features_at(at, inputs.facts, declared().features, inputs.observed_from()) as wide:
        return fetch(wide)


def opened(folder: Path) -> Inputs:
    """All that lqmodel does with files before features."""
    return open_inputs(declared(), folder, threads=THREADS)


def measure(folder: Path, n_events: int, repetitions: int) -> list[Comparison]:
    """Measure every case on events of one size, and growth from a tenth of them."""
    n_leads = write(folder, n_events)
    inputs = opened(folder)
    at, many = (
        materialise(inputs.con, n, t) for n, t in (("one", at_once(inputs)), ("many", snapshots(inputs)))
    )
    found = _in_memory(inputs, at, many, n_leads, repetitions)
    found += _from_files(folder, n_leads, repetitions)
    return found + _growth(folder, inputs, at, n_leads, n_events, repetitions)


def _in_memory(inputs: Inputs, at: ir.Table, many: ir.Table, n: int, repetitions: int) -> list[Comparison]:
    import polars as pl

    con, events = inputs.con.con, inputs.facts["events"].table
    columns = events.select(KEY, OCCURRED, KNOWN, "type", "page", "duration_s")
    arrow = fetch(columns)
    frame = arrow.to_pandas()
    table, grid = pl.DataFrame(arrow), pl.DataFrame(fetch(many.select(KEY, AS_OF)))
    del arrow
    name = inputs.con.compile(columns)
    one = {
        "lqmodel": lambda: swept(inputs, at),
        "DuckDB SQL": lambda: con.sql(sql(f"({name})", END)).to_arrow_table(),
        "Polars": lambda: polars_at_once(table, END),
        "pandas": lambda: pandas_at_once(frame, END),
    }
    found = _measured("one as_of, in memory", one, n, repetitions)
    joined = {
        "lqmodel": lambda: swept(inputs, many),
        "DuckDB SQL, plain join": lambda: con.sql(sql(f"({name})", None, "temp.main.many")).to_arrow_table(),
        "Polars, join": lambda: polars_joined(table, grid),
    }
    return found + _measured("snapshots, in memory", joined, n, repetitions)


def _from_files(folder: Path, n: int, repetitions: int) -> list[Comparison]:
    import pandas as pd
    import polars as pl

    path = folder / "events.parquet"

    def by_lqmodel(of: Callable[[Inputs], ir.Table]) -> pa.Table:
        inputs = opened(folder)
        return swept(inputs, materialise(inputs.con, "at", of(inputs)))

    def by_duckdb(as_of: int | None) -> pa.Table:
        with duckdb.connect(config={"threads": THREADS}) as con:
            con.sql("SET TimeZone = 'UTC'")
            con.sql("SET preserve_insertion_order = false")
            events = f"""(SELECT lead_id AS {KEY}, epoch_us(occurred_at) AS {OCCURRED},
                epoch_us(occurred_at) + {LAG} AS {KNOWN}, type, page, duration_s FROM '{path}')"""
            grid = f"""(SELECT lead_id AS {KEY}, {END} - 30 * {DAY} * i AS {AS_OF}
                FROM '{folder}/leads.parquet', range(4) AS moments(i) WHERE lead_id[-2:]::INT % 4 = 0)"""
            return con.sql(sql(events, as_of, grid)).to_arrow_table()

    def scan() -> pl.LazyFrame:
        moment = pl.col("occurred_at").dt.epoch("us")
        return pl.scan_parquet(path).select(
            pl.col("lead_id").alias(KEY), moment.alias(OCCURRED), (moment + LAG).alias(KNOWN),
            "type", "page", "duration_s",
        )  # fmt: skip

    def by_pandas() -> pd.DataFrame:
        frame = pd.read_parquet(path).rename(columns={"lead_id": KEY})
        frame[OCCURRED] = frame.pop("occurred_at").astype("int64")
        return pandas_at_once(frame.assign(**{KNOWN: frame[OCCURRED] + LAG}), END)

    one = {
        "lqmodel": lambda: by_lqmodel(at_once),
        "DuckDB SQL": lambda: by_duckdb(END),
        "Polars": lambda: polars_at_once(scan(), END),
        "pandas": by_pandas,
    }
    found = _measured("one as_of, from files", one, n, repetitions)
    joined = {
        "lqmodel": lambda: by_lqmodel(snapshots),
        "DuckDB SQL, plain join": lambda: by_duckdb(None),
    }
    return found + _measured("snapshots, from files", joined, n, repetitions)


def _growth(
    folder: Path, inputs: Inputs, at: ir.Table, n: int, n_events: int, repetitions: int
) -> list[Comparison]:
    """A ratio of 1 is growth in proportion; below 10/11, ten times the leads take more than eleven times as long."""
    with TemporaryDirectory(dir=folder) as tenth:
        n_small = write(Path(tenth), n_events // 10)
        small = opened(Path(tenth))
        few = materialise(small.con, "one", at_once(small))
        runs = {"whole": lambda: swept(inputs, at), "tenth": lambda: swept(small, few)}
        seconds = interleave(runs, repetitions)
        return [
            compare(
                "10x leads, per lead",
                "lqmodel, a tenth",
                (n, seconds["whole"]),
                (n_small, seconds["tenth"]),
                0.0,
            )
        ]


def _measured(case: str, runs: dict[str, Callable[[], Table]], n: int, repetitions: int) -> list[Comparison]:
    ours = by_row(runs["lqmodel"]())
    off = {peer: error(ours, by_row(run())) for peer, run in runs.items() if peer != "lqmodel"}
    seconds = interleave(runs, repetitions)
    return [
        compare(case, peer, (n, seconds["lqmodel"]), (n, seconds[peer]), largest)
        for peer, largest in off.items()
    ]


def by_row(table: Table) -> pa.Table:
    """Return any system's table as Arrow, ordered by lead and moment."""
    if not isinstance(table, pa.Table):
        table = (
            table.to_arrow()
            if hasattr(table, "to_arrow")
            else pa.Table.from_pandas(table, preserve_index=False)
        )
    table = table.set_column(table.schema.get_field_index(KEY), KEY, table[KEY].cast(pa.string()))
    return table.sort_by([(name, "ascending") for name in (KEY, AS_OF) if name in table.column_names])


def error(ours: pa.Table, theirs: pa.Table) -> float:
    """Return the largest difference; peers give no row where a lead has no event, and those of ours are left out.

    Raises
    ------
    ValueError
        Other rows, or a value is missing on one side only.
    """
    keys = [name for name in (KEY, AS_OF) if name in theirs.column_names]
    if len(ours) != len(theirs):
        ours = (
            theirs.select(keys).join(ours, keys, join_type="inner").sort_by([(k, "ascending") for k in keys])
        )
    if any(ours[k].combine_chunks() != theirs[k].combine_chunks().cast(ours[k].type) for k in keys):
        raise ValueError("the peer has other rows")
    largest = 0.0
    for name in sorted(set(ours.column_names) - {KEY, AS_OF, CREATED}):
        a, b = (t[name].cast(pa.float64()).fill_null(np.nan).to_numpy() for t in (ours, theirs))
        if (np.isnan(a) != np.isnan(b)).any():
            raise ValueError(f"column {name!r} is missing elsewhere")
        largest = max(largest, float(np.nanmax(np.abs(a - b), initial=0.0)))
    return largest


def main() -> None:
    """Measure all cases."""
    n_events = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        publish("features", measure(folder, n_events, REPETITIONS))


if __name__ == "__main__":
    main()
