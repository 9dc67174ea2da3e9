"""Nights of a company as small as it comes: runs without a model, and ledgers on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from engines import USER, server
from killed import DAY, scores

from lqmodel.ledger import Ledger
from lqmodel.runs import Run, write_run

NOW = 10**15  # after any of these nights
READY = 0.5


def write_night(
    out: Path,
    day: int,
    stages: Mapping[str, str],
    *,
    previous: Run | None = None,
    probability: Mapping[str, float] | None = None,
    episodes: Mapping[str, int] | None = None,
    unscored: Mapping[str, str] | None = None,
    gone: Mapping[str, str] | None = None,
    draws: Mapping[str, float] | None = None,
    accounts: Mapping[str, str] | None = None,
    owners: Mapping[str, str] | None = None,
    territories: Mapping[str, str] | None = None,
) -> Run:
    """Write the run of a day in which these leads stand at these stages.

    Leads of ``unscored`` have a status instead of a score; those of ``gone`` are not in the input any more.

    Those that were before sales in ``previous`` and are sales-ready now are handed over.
    """
    ids = sorted({*stages, *(unscored or {})})
    stood = _stood(previous)
    chance = {**dict.fromkeys(ids, READY), **(probability or {})}
    entered = _entered(previous)
    rows = []
    for lead in ids:
        stage, p = stages.get(lead), chance[lead]
        scored = lead not in (unscored or {})
        moved = stage is not None and stage != stood.get(lead, "Lead")
        rows.append(
            {
                "lead_id": lead,
                "status": "scored" if scored else (unscored or {})[lead],
                "episode": (episodes or {}).get(lead, 1),
                "probability": p if scored else None,
                "low": p * 0.9 if scored else None,
                "high": p * 1.1 if scored else None,
                "score": round(100 * p, 1) if scored else None,
                "band": ("sales_ready" if p >= READY else "lead") if scored else None,
                "stage": stage,
                "previous_stage": stood.get(lead),
                "cause": "probability" if moved else None,
                "entered_at": day * DAY if moved else entered.get(lead),
                "reasons_up": "looked at the prices" if scored else None,
                "draw": (draws or {}).get(lead),
            }
        )
    handed = [
        lead
        for lead, stage in stages.items()
        if stage == "sales-ready" and stood.get(lead, "Lead") in ("Lead", "MQL", "Recycled")
    ]
    handoffs = [
        {
            "lead_id": lead,
            "probability": chance[lead],
            "cause": "probability",
            "up": [{"text": "looked at the prices"}],
            "display": {"name": f"Person {lead}"},
            "route": {
                "account": (accounts or {}).get(lead),
                "owner": (owners or {}).get(lead),
                "territory": (territories or {}).get(lead),
            },
        }
        for lead in sorted(handed, key=lambda lead: (-chance[lead], lead))
    ]
    looked_at = [lead for lead in sorted(stages) if lead not in (unscored or {})]
    made = replace(
        scores(1),
        as_of=day * DAY,
        table=pa.Table.from_pylist(rows, TABLE),
        features=pa.table(
            {"lead_id": pa.array(looked_at, pa.string()), "visits": [float(day)] * len(looked_at)}
        ),
        states=_states(previous, rows, gone or {}, day * DAY),
        handoffs=tuple(handoffs),
        inputs=f"day {day}",
        previous_run=None if previous is None else previous.run_id,
    )
    return write_run(made, out, "here")


TABLE = pa.schema(
    {
        "lead_id": pa.string(),
        "status": pa.string(),
        "episode": pa.int64(),
        "probability": pa.float64(),
        "low": pa.float64(),
        "high": pa.float64(),
        "score": pa.float64(),
        "band": pa.string(),
        "stage": pa.string(),
        "previous_stage": pa.string(),
        "cause": pa.string(),
        "entered_at": pa.timestamp("us", "UTC"),
        "reasons_up": pa.string(),
        "draw": pa.float64(),
    }
)


STATES_TABLE = pa.schema([TABLE.field(name) for name in ("lead_id", "episode", "stage", "entered_at")])


def _states(
    previous: Run | None, rows: list[dict[str, Any]], gone: Mapping[str, str], as_of: int
) -> pa.Table:
    """Where all leads stand: those that are not in the input where the run before left them."""
    names = ("lead_id", "episode", "stage", "entered_at")
    states = {} if previous is None else {row["lead_id"]: row for row in previous.states.to_pylist()}
    states |= {row["lead_id"]: {name: row[name] for name in names} for row in rows if row["stage"]}
    for lead, stage in gone.items():
        states[lead] = {**states[lead], "stage": stage, "entered_at": as_of}
    return pa.Table.from_pylist([states[lead] for lead in sorted(states)], STATES_TABLE)


def _stood(run: Run | None) -> dict[str, str]:
    return {} if run is None else {row["lead_id"]: row["stage"] for row in run.states.to_pylist()}


def _entered(run: Run | None) -> dict[str, Any]:
    return {} if run is None else {row["lead_id"]: row["entered_at"] for row in run.states.to_pylist()}


@dataclass(frozen=True)
class Databases:
    """Gives an empty place each time it is asked, on one of the two databases."""

    name: str
    fresh: Callable[[], str]

    def ledger(self, folder: Path) -> Ledger:
        """A ledger in a database of its own."""
        return Ledger(self.fresh(), folder / "state")


@contextmanager
def databases(name: str, folder: Path) -> Iterator[Databases]:
    """SQLite files in a folder, or schemas of a PostgreSQL server that lives as long as this."""
    if name == "sqlite":
        yield Databases(name, lambda: f"sqlite:///{folder}/{uuid.uuid4().hex}.db")
        return
    import psycopg

    with (
        server() as socket,
        psycopg.connect(host=str(socket), user=USER, dbname="postgres", autocommit=True) as con,
    ):

        def fresh() -> str:
            made = f"l{uuid.uuid4().hex}"
            con.execute(f"CREATE SCHEMA {made}")
            return f"postgresql://{USER}@/postgres?host={socket}&options=-csearch_path%3D{made}"

        yield Databases(name, fresh)


def rows(ledger: Ledger, table: Any) -> list[dict[str, Any]]:
    """Every row of a table, by seq."""
    with ledger.store.reading() as con:
        return [dict(row) for row in con.execute(table.select().order_by(table.c.seq)).mappings()]
