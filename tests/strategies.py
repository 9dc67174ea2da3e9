"""Histories of leads that go wrong where time goes wrong, and a project to read them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from lqmodel.declarations import Declarations

HOUR = 3_600_000_000
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(text: str) -> int:
    """Microseconds UTC of an ISO moment with an offset."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


NOON = us("2024-03-04T12:00Z")  # four days after a 29 February
LAG = HOUR
WINDOWS = (DAY, 2 * DAY, 7 * DAY, 14 * DAY)
LEADS = tuple(f"L{i:02d}" for i in range(12))
UNKNOWN = "nobody"

# the edges of every window, of as_of itself, and of what the lag lets through, each ± 1 µs
EDGES = sorted(
    {NOON - back + nudge for back in (0, LAG, *WINDOWS, *(w + LAG for w in WINDOWS)) for nudge in (-1, 0, 1)}
)
MOMENTS = st.one_of(
    st.sampled_from(EDGES),
    st.integers(NOON - 20 * DAY, NOON + 5 * DAY),
    st.sampled_from([us("2024-02-29T00:00Z"), us("2024-02-29T23:59:59.999999Z")]),
)
DELAYS = st.sampled_from([0, 0, 0, 1, HOUR - 1, HOUR, 3 * DAY])  # ingestion after occurrence
TYPES = st.sampled_from(["page_view", "page_view", "email", "call", None])
PAGES = st.sampled_from(["pricing", "service", "Preise, neu", None])
DURATIONS = st.sampled_from([None, 0.0, 0.0005, 0.1, 2.5, 4.999, 5.0, -3.25, 1e6])
PLANS = st.sampled_from(["free", "pro", "Ünïted, plan", None])
SEATS = st.sampled_from([None, 0.0, 1.0, 2.5, 1e9])


@dataclass(frozen=True)
class History:
    """Facts by source; each a dict with ``lead``, ``occurred``, ``known`` (µs UTC) and its columns."""

    leads: list[dict[str, Any]]
    events: list[dict[str, Any]]
    profiles: list[dict[str, Any]]

    def facts(self, source: str) -> list[dict[str, Any]]:
        return list(getattr(self, source))


def events(leads: Sequence[str] = (*LEADS[:-2], UNKNOWN)) -> st.SearchStrategy[dict[str, Any]]:
    """One event; the last two leads never have any. Repeated moments make ties."""
    return st.builds(_event, st.sampled_from(leads), MOMENTS, DELAYS, TYPES, PAGES, DURATIONS, st.booleans())


def _event(
    lead: str,
    occurred: int,
    delay: int,
    kind: str | None,
    page: str | None,
    duration: float | None,
    flagged: bool,
) -> dict[str, Any]:
    known = occurred + delay + LAG
    return {
        "lead": lead,
        "occurred": occurred,
        "known": known,
        "type": kind,
        "page": page,
        "duration_s": duration,
        "flagged": flagged,
    }


def profiles() -> st.SearchStrategy[dict[str, Any]]:
    """One dated row of what a lead was at a time."""
    return st.builds(
        lambda lead, at, plan, seats: {
            "lead": lead,
            "occurred": at,
            "known": at,
            "plan": plan,
            "seats": seats,
        },
        st.sampled_from(LEADS[:-1]),
        st.sampled_from([NOON - 7 * DAY, NOON - 1, NOON - 1, NOON, NOON + DAY]),  # few, so that rows tie
        PLANS,
        SEATS,
    )


@st.composite
def lead_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    created = draw(st.lists(MOMENTS, min_size=len(LEADS), max_size=len(LEADS)))
    return [
        {"lead": lead, "occurred": at, "known": at, "industry": f"kind {i % 3}" if i % 4 else None}
        for i, (lead, at) in enumerate(zip(LEADS, created, strict=True))
    ]


@st.composite
def histories(draw: st.DrawFn, most: int = 120) -> History:
    """Twelve leads and what became known of them."""
    return History(
        draw(lead_rows()),
        draw(st.lists(events(), min_size=1, max_size=most)),
        draw(st.lists(profiles(), min_size=1, max_size=most // 4)),
    )


# --- local times, as people write them -----------------------------------------------------------

ZONES = st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "UTC", "America/New_York"])
LOCAL_DAYS = st.sampled_from(
    [
        "2024-02-29",
        "2026-03-29",  # Berlin: the clocks skip 02:00 to 03:00
        "2026-10-25",  # Berlin: 02:00 to 03:00 comes twice
        "2026-03-08",
        "2026-11-01",  # the same in New York
        "2017-10-15",  # São Paulo: midnight itself is skipped
        "2018-02-17",  # São Paulo: the hour before midnight comes twice
        "1999-12-31",
        "2026-01-01",
    ]
)
CLOCKS = st.sampled_from(
    [
        "00:00",
        "00:00:00",
        "00:30",
        "01:59:59.999999",
        "02:00",
        "02:30",
        "03:00",
        "23:30:00.5",
        "23:59:59.999999",
    ]
)
OFFSETS = st.sampled_from(["Z", "+00:00", "+02:00", "-03:00", "+05:30", "+0100"])
LOCAL_TIMES = st.one_of(
    LOCAL_DAYS,
    st.builds("{}T{}".format, LOCAL_DAYS, CLOCKS),
    st.builds("{} {}".format, LOCAL_DAYS, CLOCKS),
    st.builds("{}T{}{}".format, LOCAL_DAYS, CLOCKS, OFFSETS),
)

# --- a project that reads them -------------------------------------------------------------------

SOURCES: dict[str, Any] = {
    "leads": {"uri": "leads.parquet", "key": "lead_id", "occurred_at": "created_at"},
    "events": {
        "uri": "events.parquet",
        "key": "lead_id",
        "occurred_at": "occurred_at",
        "known_at": "ingested_at",
        "lag": "1h",
    },
    "profiles": {"uri": "profiles.parquet", "key": "lead_id", "occurred_at": "valid_from"},
}
ENGAGEMENT: dict[str, Any] = {
    "visits": {"verb": "count", "where": {"type": "page_view"}, "windows": ["1d", "7d", "ever"]},
    "anything": {"verb": "count", "windows": ["7d"]},
    "long_stays": {
        "verb": "count",
        "where": {"duration_s": {"ge": 2.5, "lt": 1e6}, "type": ["page_view", "call"]},
        "windows": ["7d"],
        "direction": "up",
    },
    "five": {"verb": "count", "where": {"duration_s": [0, 5]}, "windows": ["ever"]},
    "flagged": {"verb": "count", "where": {"flagged": True}, "windows": ["2d"]},
    "unflagged": {"verb": "count", "where": {"flagged": False}, "windows": ["2d"]},
    "dwell": {"verb": "sum", "column": "duration_s", "windows": ["1d", "7d", "ever"]},
    "coarse": {
        "verb": "sum",
        "column": "duration_s",
        "where": {"page": "Preise, neu"},
        "windows": ["7d"],
        "scale": 1,
    },
    "pages": {"verb": "distinct", "column": "page", "windows": ["1d", "ever"]},
    "stays": {"verb": "distinct", "column": "duration_s", "where": {"type": "email"}, "windows": ["7d"]},
    "visits_trend": {"verb": "trend", "where": {"type": "page_view"}, "windows": ["1d", "7d"]},
    "last_act": {"verb": "recency"},
    "last_call": {"verb": "recency", "where": {"type": "call"}, "direction": "down"},
}
FIT: dict[str, Any] = {
    "age": {"source": "leads", "verb": "recency"},
    "industry": {"source": "leads", "verb": "attribute", "column": "industry", "dtype": "category"},
    "plan": {"source": "profiles", "verb": "attribute", "column": "plan", "dtype": "category"},
    "seats": {"source": "profiles", "verb": "attribute", "column": "seats", "dtype": "number"},
    "seats_of_pro": {
        "source": "profiles",
        "verb": "attribute",
        "column": "seats",
        "dtype": "number",
        "where": {"plan": "pro"},
    },
    "filled": {"source": "profiles", "verb": "completeness", "of": ["plan", "seats"]},
}
FEATURES: dict[str, Any] = {
    "engagement": {name: {"source": "events", **table} for name, table in ENGAGEMENT.items()},
    "fit": FIT,
}
MODEL: dict[str, Any] = {
    "features": ["engagement", "fit"],
    "label": {
        "source": "outcomes",
        "where": {"outcome": "won"},
        "lost": {"outcome": "lost"},
        "horizon": "30d",
    },
    "population": {"source": "leads", "every": "7d"},
    "evaluation": {"test": "30d"},
    "stages": {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.3}},
}
OUTCOMES = {"uri": "outcomes.parquet", "key": "lead_id", "occurred_at": "occurred_at"}


def declare(
    sources: Mapping[str, Any] | None = None,
    features: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
) -> Declarations:
    """Declarations of the tests' project, with other tables where given."""
    files = FEATURES if features is None else features
    kinds = {
        name: {"kind": "fit" if name == "fit" else "engagement", **table} for name, table in files.items()
    }
    return Declarations.from_json(
        {
            "name": "m",
            "sources": {**SOURCES, "outcomes": OUTCOMES} if sources is None else sources,
            "features": kinds,
            "model": {**MODEL, "features": sorted(kinds), **(model or {})},
        }
    )


def timestamps(values: Sequence[int | None]) -> pa.Array:
    return pa.array(values, pa.timestamp("us", "UTC"))


def write_history(folder: Path, history: History) -> None:
    """Write a history as the Parquet files that :data:`SOURCES` names, and one outcome."""
    write(
        folder,
        "leads",
        lead_id=[f["lead"] for f in history.leads],
        created_at=timestamps([f["occurred"] for f in history.leads]),
        industry=pa.array([f["industry"] for f in history.leads], pa.string()),
    )
    write(
        folder,
        "events",
        lead_id=[f["lead"] for f in history.events],
        occurred_at=timestamps([f["occurred"] for f in history.events]),
        ingested_at=timestamps([f["known"] - LAG for f in history.events]),
        type=pa.array([f["type"] for f in history.events], pa.string()),
        page=pa.array([f["page"] for f in history.events], pa.string()),
        duration_s=pa.array([f["duration_s"] for f in history.events], pa.float64()),
        flagged=pa.array([f["flagged"] for f in history.events], pa.bool_()),
    )
    write(
        folder,
        "profiles",
        lead_id=[f["lead"] for f in history.profiles],
        valid_from=timestamps([f["occurred"] for f in history.profiles]),
        plan=pa.array([f["plan"] for f in history.profiles], pa.string()),
        seats=pa.array([f["seats"] for f in history.profiles], pa.float64()),
    )
    write(
        folder,
        "outcomes",
        lead_id=[LEADS[0]],
        occurred_at=timestamps([NOON + 60 * DAY]),
        outcome=["won"],
    )


def write(folder: Path, name: str, **columns: Any) -> Path:
    """Write one Parquet file and return its path."""
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(columns), path)
    return path
