"""The door for time: moments as people write them, what was known when, and the weekly grid."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import oracle
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DAY, HOUR, LOCAL_TIMES, ZONES, timestamps, us, write

from lqmodel.asof import Facts, facts, iso, known_before, parse_as_of, weekly_grid
from lqmodel.declarations import Duration, Source
from lqmodel.engine import AS_OF, KEY, KNOWN, OCCURRED, connect, fetch
from lqmodel.errors import BadData, UsageError, WrongType
from lqmodel.sources import Reading, read

NOTHING = Reading(frozenset(), frozenset(), {})


def source(**more: Any) -> Source:
    return Source(uri="t.parquet", key="id", occurred_at="at", **more)


def facts_of(folder: Path, declared: Source, **columns: Any) -> Facts:
    """Read one small table through the door."""
    if isinstance(columns.get("at"), list):
        columns["at"] = pa.array(columns["at"])
    columns.setdefault("id", [f"r{i:03d}" for i in range(len(columns["at"]))])
    path = write(folder, "t", **columns)
    con = connect(threads=1)
    return facts(con, "t", declared, read(con, "t", declared, [str(path)], NOTHING))


def occurred(found: Facts) -> list[int]:
    return list(fetch(found.table.order_by(KEY))[OCCURRED].to_pylist())


@settings(max_examples=20, deadline=None)
@given(st.lists(LOCAL_TIMES, min_size=1, max_size=60), ZONES)
def test_texts_are_read_as_the_oracle_reads_them(tmp_path_factory: Any, texts: list[str], zone: str) -> None:
    folder = tmp_path_factory.mktemp("t")
    found = facts_of(folder, source(zone=zone), at=texts)
    assert occurred(found) == [oracle.moment(text, zone) for text in texts]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T08:00Z", "2026-01-31T08:00Z"),
        ("2026-01-31 08:00:00 UTC", "2026-01-31T08:00Z"),
        ("2026-01-31 08:00:00+00", "2026-01-31T08:00Z"),
        ("2026-01-31 08:00:00 +02:00", "2026-01-31T06:00Z"),
        ("2026-01-31T08:00-0330", "2026-01-31T11:30Z"),
        ("2026-01-31T08:00:00.123456789Z", "2026-01-31T08:00:00.123456Z"),
        ("  2024-02-29T23:59:59Z ", "2024-02-29T23:59:59Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_offsets_need_no_declared_zone(tmp_path: Path, text: str, moment: str) -> None:
    assert occurred(facts_of(tmp_path, source(), at=[text])) == [us(moment)]


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("%d.%m.%Y", "29.02.2024", "2024-02-29T22:59:59.999999Z"),
        ("%d.%m.%Y %H:%M", "29.02.2024 08:00", "2024-02-29T07:00Z"),
        ("%m/%d/%Y %I:%M %p", "02/29/2024 08:00 PM", "2024-02-29T19:00Z"),
        ("%Y%m%d", "20240229", "2024-02-29T22:59:59.999999Z"),
        ("%d.%m.%Y %H:%M %z", "29.02.2024 08:00 +0530", "2024-02-29T02:30Z"),
    ],
)
def test_a_declared_format_is_followed(tmp_path: Path, form: str, text: str, moment: str) -> None:
    found = facts_of(tmp_path, source(zone="Europe/Berlin", time_format=form), at=[text])
    assert occurred(found) == [us(moment)]


def test_dates_are_their_last_microsecond_in_the_declared_zone(tmp_path: Path) -> None:
    days = pa.array([datetime(2026, 3, 29).date(), datetime(2024, 2, 29).date()])
    found = facts_of(tmp_path, source(zone="Europe/Berlin"), at=days)
    assert occurred(found) == [us("2026-03-29T21:59:59.999999Z"), us("2024-02-29T22:59:59.999999Z")]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_timestamps_are_microseconds_whatever_their_unit(tmp_path: Path, unit: str) -> None:
    value = datetime(2026, 7, 1, 12, 0, 0, 123000)
    local = pa.array([value], pa.timestamp(unit))
    assert occurred(facts_of(tmp_path, source(zone="Europe/Berlin"), at=local)) == [
        us("2026-07-01T10:00:00.123Z")
    ]
    in_tokyo = pa.array([value.replace(tzinfo=UTC)], pa.timestamp(unit, "Asia/Tokyo"))
    assert occurred(facts_of(tmp_path, source(), at=in_tokyo)) == [us("2026-07-01T12:00:00.123Z")]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pa.array([datetime(2026, 1, 1)], pa.timestamp("us")), "timestamps"),
        (pa.array([datetime(2026, 1, 1).date()]), "dates"),
        (pa.array(["2026-01-01 08:00"]), "timestamps"),
        (pa.array(["2026-01-01"]), "dates"),
    ],
)
def test_local_times_need_a_zone(tmp_path: Path, values: pa.Array, what: str) -> None:
    with pytest.raises(BadData) as caught:
        facts_of(tmp_path, source(), at=values)
    assert str(caught.value) == (
        f"source 't': column 'at' holds {what} without a zone\n"
        "  do: declare zone = 'Europe/Berlin' (or 'UTC', …) in [t] of features/sources.toml"
    )


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "31.01.2026",
        "2026-02-30",
        "2025-02-29",
        "2026-01-31T25:00Z",
        "2026/01/31",
        "20260131",
        "infinity",
        "2026-01-31T08:00 Europe/Berlin",
        "2026-01-31T08:00z",
    ],
)
def test_unreadable_times_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadData) as caught:
        facts_of(tmp_path, source(zone="UTC"), at=["2026-01-31", text, text])
    assert str(caught.value) == (
        f"source 't': column 'at': 2 values are not an ISO date or time such as 2026-01-31T08:00Z, such as {text!r}\n"
        "  do: declare time_format (for example '%d.%m.%Y'), list such texts in missing, or mend the file"
    )


def test_times_in_another_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"1 values are not written as %d\.%m\.%Y, such as '2026-01-31'"):
        facts_of(tmp_path, source(zone="UTC", time_format="%d.%m.%Y"), at=["31.01.2026", "2026-01-31"])
    with pytest.raises(BadData, match="cannot be read as written as %Q") as caught:
        facts_of(tmp_path, source(zone="UTC", time_format="%Q"), at=["2026"])
    assert "its codes are those of strptime" in str(caught.value)


def test_numbers_are_no_moments(tmp_path: Path) -> None:
    with pytest.raises(WrongType) as caught:
        facts_of(tmp_path, source(), at=[1_767_225_600])
    assert str(caught.value) == (
        "source 't': column 'at' holds int64, no moments\n"
        "  do: store dates, timestamps or texts such as 2026-01-31T08:00Z"
    )


def test_declared_missing_texts_and_empty_texts_are_no_times(tmp_path: Path) -> None:
    declared = source(zone="UTC", missing=("n/a",))
    found = facts_of(tmp_path, declared, at=["2026-01-31", "n/a", "", None])
    assert found.set_aside == {"without a time": 3}
    assert found.rows == 1


def test_rows_without_a_lead_are_set_aside_and_counted(tmp_path: Path) -> None:
    at = timestamps([1, 2, None, 4])
    found = facts_of(tmp_path, source(), id=["a", None, "b", ""], at=at)
    assert found.set_aside == {"without a lead id": 2, "without a time": 1}
    assert fetch(found.table)[KEY].to_pylist() == ["a"]


def test_a_table_without_one_usable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData) as caught:
        facts_of(tmp_path, source(), at=timestamps([None, None]))
    assert str(caught.value) == (
        "source 't': no row can be used: 2 without a time\n  do: give a table that holds at least one fact"
    )


def test_a_fact_is_known_at_its_ingestion_plus_the_lag(tmp_path: Path) -> None:
    at, arrived = timestamps([10, 20]), timestamps([15, 10])
    found = facts_of(tmp_path, source(known_at="arrived", lag=Duration.parse("1m")), at=at, arrived=arrived)
    assert fetch(found.table.order_by(KEY))[KNOWN].to_pylist() == [60_000_015, 60_000_010]
    assert (found.observed_from, found.observed_until) == (10, 21)
    assert (found.first_usable, found.newest_known) == (60_000_010, 60_000_015)


def test_what_a_source_covers_is_declared_or_taken_from_its_facts(tmp_path: Path) -> None:
    found = facts_of(tmp_path, source(), at=timestamps([10, 20]))
    assert (found.observed_from, found.observed_until, found.covered_from()) == (10, 21, 10)
    declared = source(zone="Europe/Berlin", observed_from="2026-01-01", observed_until="2026-02-01T00:00Z")
    found = facts_of(tmp_path, declared, at=timestamps([10, 20]))
    assert (found.observed_from, found.observed_until) == (us("2025-12-31T23:00Z"), us("2026-02-01T00:00Z"))
    assert found.covered_from() == found.observed_from


def test_known_before_is_strict(tmp_path: Path) -> None:
    noon = 100 * DAY
    moments = [noon - 2 * HOUR, noon - HOUR - 1, noon - HOUR, noon - 1, noon, noon + 1]
    at = timestamps(moments)
    found = facts_of(tmp_path, source(lag=Duration.parse("1h")), id=["a"] * 6, at=at)
    con = found.table.get_backend()
    con.raw_sql(f"CREATE TABLE s AS SELECT 'a' AS {KEY}, {noon} AS {AS_OF}")

    def seen(reach: int | None) -> list[int]:
        joined = known_before(con.table("s"), found, reach)
        return sorted(fetch(joined)[OCCURRED].to_pylist())

    assert seen(None) == moments[:2]
    assert seen(2 * HOUR) == moments[:2]
    assert seen(2 * HOUR - 1) == moments[1:2]


def test_an_announced_fact_is_not_there_before_it_happens(tmp_path: Path) -> None:
    found = facts_of(tmp_path, source(known_at="arrived"), at=timestamps([50]), arrived=timestamps([10]))
    con = found.table.get_backend()
    for as_of, n in ((11, 0), (50, 0), (51, 1)):
        one = ibis.literal("r000").name(KEY).as_table().mutate(**{AS_OF: ibis.literal(as_of, "int64")})
        assert len(con.con.sql(con.compile(known_before(one, found))).fetchall()) == n


def test_the_digest_knows_rows_and_not_their_order(tmp_path: Path) -> None:
    def digest(ids: list[str], at: list[int], *, swap: bool = False) -> str:
        columns = {"id": ids, "at": timestamps(at)}
        return facts_of(tmp_path, source(), **(dict(reversed(columns.items())) if swap else columns)).digest

    first = digest(["a", "b", "b"], [1, 2, 2])
    assert digest(["b", "a", "b"], [2, 1, 2], swap=True) == first
    assert len({first, digest(["a", "b"], [1, 2]), digest(["a", "b", "b"], [1, 2, 3])}) == 3


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("every", ["7d", "14d"])
def test_the_grid_is_monday_midnight_all_year(zone: str, every: str) -> None:
    start, end = us("2025-12-25T00:00Z"), us("2027-01-05T00:00Z")
    grid = weekly_grid(start, end, Duration.parse(every), zone)
    local = [datetime.fromtimestamp(t // 1_000_000, ZoneInfo(zone)) for t in grid]
    assert {(d.weekday(), d.hour, d.minute) for d in local} == {(0, 0, 0)}
    days = {(b.date() - a.date()).days for a, b in pairwise(local)}
    assert days == {int(every[:-1])}
    step = int(every[:-1]) * DAY
    assert start <= grid[0] < start + step + HOUR
    assert end - step - HOUR < grid[-1] <= end


def test_the_grid_does_not_depend_on_where_the_data_begins() -> None:
    start, end, every = us("2026-01-01T00:00Z"), us("2026-12-31T00:00Z"), Duration.parse("14d")
    whole = weekly_grid(start, end, every, "Europe/Berlin")
    for shift in range(0, 40 * DAY, 3 * DAY):
        part = weekly_grid(start + shift, end, every, "Europe/Berlin")
        assert part == [t for t in whole if t >= start + shift]


def test_the_grid_holds_both_of_its_ends_and_can_be_empty() -> None:
    monday, week = us("2026-11-16T00:00Z"), Duration.parse("7d")
    assert weekly_grid(monday, monday + 7 * DAY, week, "UTC") == [monday, monday + 7 * DAY]
    assert weekly_grid(monday + 1, monday + 7 * DAY - 1, week, "UTC") == []
    assert weekly_grid(monday, monday - 1, week, "UTC") == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("today", "2026-10-24T22:00Z"),  # midnight in Berlin, on the day the clocks go back
        ("2026-10-26", "2026-10-25T23:00Z"),
        ("2026-01-31T08:00Z", "2026-01-31T08:00Z"),
        ("2026-01-31T08:00+01:00", "2026-01-31T07:00Z"),
    ],
)
def test_as_of_as_people_write_it(text: str, moment: str) -> None:
    now = datetime(2026, 10, 25, 12, tzinfo=UTC)
    assert parse_as_of(text, "Europe/Berlin", now) == us(moment)


@pytest.mark.parametrize("text", ["2026-01-31T08:00", "tomorrow", "2026-02-30", ""])
def test_as_of_must_be_a_moment(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_as_of(text, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    assert f"as_of {text!r}" in str(caught.value)
    assert "there is: today, 2026-01-31, 2026-01-31T00:00Z" in str(caught.value)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-11-16T00:00Z", "2026-11-16T00:00Z"),
        ("2026-11-16T00:00:05Z", "2026-11-16T00:00:05Z"),
        ("2026-11-16T00:00:00.5Z", "2026-11-16T00:00:00.500000Z"),
    ],
)
def test_moments_are_written_as_short_as_they_are(moment: str, text: str) -> None:
    assert iso(us(moment)) == text
