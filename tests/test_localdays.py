"""Dates of facts: the engine's zones against Python's."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import oracle
import pyarrow as pa
import pytest
from strategies import DAY, EDGES, declare, us

from lqmodel.asof import Facts
from lqmodel.engine import KEY, KNOWN, LOCAL_DAY, OCCURRED, connect, fetch
from lqmodel.localdays import needs_local_days, with_local_days

FIRST = date(1970, 1, 1)
CHANGES = [
    us(text)
    for text in (
        "2026-03-29T01:00Z",  # Berlin: 02:00 to 03:00 is skipped
        "2026-10-25T01:00Z",  # Berlin: 02:00 to 03:00 comes twice
        "2017-10-15T03:00Z",  # São Paulo: midnight itself is skipped
        "2018-02-18T02:00Z",  # São Paulo: the hour before midnight comes twice
        "2011-12-30T10:00Z",  # Apia: the whole 30 December is skipped
    )
]


def facts_at(moments: list[int]) -> Facts:
    con = connect(threads=1)
    columns: dict[str, Any] = {KEY: ["a"] * len(moments), OCCURRED: moments, KNOWN: moments}
    table = con.create_table("facts", pa.table(columns))
    source = declare().sources["events"]
    return Facts("events", source, table, len(moments), 0, 1, 0, 0, 0, {}, "")


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "UTC", "America/New_York", "Pacific/Apia"]
)
def test_dates_are_those_of_the_zone(zone: str) -> None:
    rng = random.Random(zone)
    moments = [c + nudge for c in (*CHANGES, *EDGES) for nudge in (-DAY, -1, 0, 1, DAY)]
    moments += [rng.randrange(us("1960-01-01T00:00Z"), us("2060-01-01T00:00Z")) for _ in range(3000)]
    table = fetch(with_local_days(facts_at(moments), zone).table)
    assert table.schema.field(LOCAL_DAY).type == pa.int64()
    for moment, day in zip(table[OCCURRED].to_pylist(), table[LOCAL_DAY].to_pylist(), strict=True):
        assert FIRST + timedelta(days=day) == oracle.local_date(moment, zone), moment


def test_nothing_else_of_the_facts_changes() -> None:
    facts = facts_at([0])
    dated = with_local_days(facts, "UTC")
    assert replace(dated, table=facts.table) == facts
    assert set(dated.table.columns) == {*facts.table.columns, LOCAL_DAY}


def test_only_sources_whose_dates_are_counted_need_them() -> None:
    assert needs_local_days(declare()) == {"events"}
    count = {"source": "events", "verb": "count", "windows": ["7d"]}
    assert needs_local_days(declare(features={"engagement": {"visits": count}})) == frozenset()
    days = {"source": "events", "verb": "active_days", "windows": ["7d"]}
    gated = declare(
        features={"engagement": {"visits": count}, "gates": {"days": days}},
        model={
            "features": ["engagement"],
            "stages": {
                "mql": {"at_least": 0.05},
                "sales_ready": {"at_least": 0.3, "promote_any": ["days"]},
            },
        },
    )
    assert needs_local_days(gated) == {"events"}
