"""Histories of leads that go wrong where time goes wrong, and a project to read them with."""

from __future__ import annotations

import random
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

FADED = 20 * DAY  # a row so old weighs nothing with a half-life of one day
MIDNIGHTS = tuple(h * HOUR for h in (13, 14, 37, 38))  # in Berlin before NOON, in winter and in summer

# the edges of every window, of as_of itself, of what the lag lets through and of dates, each ± 1 µs
EDGES = sorted(
    {
        NOON - back + nudge
        for back in (0, LAG, *WINDOWS, *(w + LAG for w in WINDOWS), FADED, *MIDNIGHTS)
        for nudge in (-1, 0, 1)
    }
)
MOMENTS = st.one_of(
    st.sampled_from(EDGES),
    st.integers(NOON - 20 * DAY, NOON + 5 * DAY),
    st.sampled_from([us("2024-02-29T00:00Z"), us("2024-02-29T23:59:59.999999Z")]),
)
DELAYS = (0, 0, 0, 1, HOUR - 1, HOUR, 3 * DAY)  # ingestion after occurrence
TYPES = ("page_view", "page_view", "email", "call", None)
PAGES = ("pricing", "service", "Preise, neu", None)
DURATIONS = (None, 0.0, 0.0005, 0.1, 2.5, 4.999, 5.0, -3.25, 1e6)
PLANS = ("free", "pro", "Zero", "Ünïted, plan", None)  # a capital is less than any small letter
SEATS = (None, 0.0, 1.0, 2.5, 1e9)
DATED = (NOON - 7 * DAY, NOON - 1, NOON - 1, NOON, NOON + DAY)  # few, so that rows tie


@dataclass(frozen=True)
class History:
    """Facts by source; each a dict with ``lead``, ``occurred``, ``known`` (µs UTC) and its columns."""

    leads: list[dict[str, Any]]
    events: list[dict[str, Any]]
    profiles: list[dict[str, Any]]

    def facts(self, source: str) -> list[dict[str, Any]]:
        return list(getattr(self, source))

    def moved(self, by: int) -> History:
        """The same history, so many microseconds later."""
        return History(
            *(
                [{**f, "occurred": f["occurred"] + by, "known": f["known"] + by} for f in facts]
                for facts in (self.leads, self.events, self.profiles)
            )
        )


def events(leads: Sequence[str] = (*LEADS[:-2], UNKNOWN)) -> st.SearchStrategy[dict[str, Any]]:
    """One event; the last two leads never have any. Repeated moments make ties."""
    drawn = (st.sampled_from(choices) for choices in (DELAYS, TYPES, PAGES, DURATIONS, (True, False)))
    return st.builds(_event, st.sampled_from(leads), MOMENTS, *drawn)


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
    return st.builds(_profile, *(st.sampled_from(c) for c in (LEADS[:-1], DATED, PLANS, SEATS)))


def _profile(lead: str, at: int, plan: str | None, seats: float | None) -> dict[str, Any]:
    return {"lead": lead, "occurred": at, "known": at, "plan": plan, "seats": seats}


@st.composite
def lead_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    created = draw(st.lists(MOMENTS, min_size=len(LEADS), max_size=len(LEADS)))
    return [_lead(i, lead, at) for i, (lead, at) in enumerate(zip(LEADS, created, strict=True))]


def _lead(i: int, lead: str, at: int) -> dict[str, Any]:
    return {"lead": lead, "occurred": at, "known": at, "industry": f"kind {i % 3}" if i % 4 else None}


@st.composite
def histories(draw: st.DrawFn, most: int = 120) -> History:
    """Twelve leads and what became known of them."""
    return History(
        draw(lead_rows()),
        draw(st.lists(events(), min_size=1, max_size=most)),
        draw(st.lists(profiles(), min_size=1, max_size=most // 4)),
    )


def many_histories(seed: int, leads: int) -> History:
    """The same kind of history for many leads at once: too many to be drawn one by one."""
    rng = random.Random(seed)
    names = [f"L{i:04d}" for i in range(leads)]

    def moment() -> int:
        return rng.choice(EDGES) if rng.random() < 0.5 else rng.randrange(NOON - 20 * DAY, NOON + 5 * DAY)

    def event(lead: str) -> dict[str, Any]:
        drawn = (rng.choice(choices) for choices in (DELAYS, TYPES, PAGES, DURATIONS, (True, False)))
        return _event(lead, moment(), *drawn)

    return History(
        [_lead(i, lead, moment()) for i, lead in enumerate(names)],
        [event(lead) for lead in names for _ in range(rng.choice((0, 1, 2, 5, 9, 20)))],
        [
            _profile(lead, *(rng.choice(c) for c in (DATED, PLANS, SEATS)))
            for lead in names
            for _ in range(rng.choice((0, 1, 2, 4)))
        ],
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
    "busy_days": {"verb": "active_days", "windows": ["2d", "14d", "ever"]},
    "view_days": {"verb": "active_days", "where": {"type": "page_view"}, "windows": ["7d"]},
    "stay": {"verb": "mean", "column": "duration_s", "windows": ["1d", "7d", "ever"]},
    "call_stay": {
        "verb": "mean",
        "column": "duration_s",
        "where": {"type": "call"},
        "windows": ["14d"],
        "scale": 1,
    },
    "longest": {"verb": "max", "column": "duration_s", "windows": ["1d", "7d", "ever"]},
    "longest_view": {
        "verb": "max",
        "column": "duration_s",
        "where": {"type": "page_view"},
        "windows": ["14d"],
        "direction": "up",
    },
    "views_of_all": {"verb": "share", "where": {"type": "page_view"}, "windows": ["1d", "14d", "ever"]},
    "long_of_all": {"verb": "share", "where": {"duration_s": {"ge": 5}}, "windows": ["7d"]},
    "warmth": {"verb": "decayed", "half_life": "1d"},
    "view_warmth": {"verb": "decayed", "half_life": "7d", "where": {"type": "page_view"}},
    "last_act": {"verb": "recency"},
    "last_call": {"verb": "recency", "where": {"type": "call"}, "direction": "down"},
    "first_act": {"verb": "tenure"},
    "first_call": {"verb": "tenure", "where": {"type": "call"}, "direction": "up"},
    "last_page": {"verb": "latest", "column": "page", "dtype": "category"},
    "last_stay": {"verb": "latest", "column": "duration_s", "dtype": "number"},
    "last_called_page": {
        "verb": "latest",
        "column": "page",
        "dtype": "category",
        "where": {"type": "call"},
    },
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
    "last_plan": {"source": "profiles", "verb": "latest", "column": "plan", "dtype": "category"},
    "last_seats": {"source": "profiles", "verb": "latest", "column": "seats", "dtype": "number"},
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
