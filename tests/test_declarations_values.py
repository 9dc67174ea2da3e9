"""Durations, moments and conditions mean what they say, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqmodel.declarations import EVER, Condition, Duration, from_microseconds, to_microseconds
from lqmodel.declarations.values import parse_conditions


@given(st.integers(0, 5000), st.sampled_from("mhdw"))
def test_durations(number: int, unit: str) -> None:
    hours = {"m": 1 / 60, "h": 1, "d": 24, "w": 168}[unit]
    duration = Duration.parse(f"{number}{unit}")
    assert duration.us == round(number * hours * 3600 * 10**6)
    assert duration.text == f"{number}{unit}"
    assert duration.days == pytest.approx(number * hours / 24)
    assert duration < EVER
    assert Duration.parse(duration) is duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "7 d",
        "-7d",
        "7.5d",
        "07d",
        "7D",
        "7y",
        "٧d",
        "7d\n",
        "ever",
        None,
        7,
        ["7d"],
        date(2026, 1, 31),
    ],
)
def test_no_durations(text: Any) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        Duration.parse(text)


def test_no_duration_overflows_64_bits() -> None:
    now = to_microseconds("9999-12-31", "UTC")
    assert now + 2 * Duration.parse("36500d").us + EVER.us < 2**63
    for text in ("36501d", "5215w", "9" * 5000 + "m"):
        with pytest.raises(ValueError, match="longer than 100 years"):
            Duration.parse(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_and_back(moment: datetime) -> None:
    us = to_microseconds(moment, None)
    assert from_microseconds(us) == moment
    assert to_microseconds(moment.isoformat(), None) == us
    assert to_microseconds(moment.replace(tzinfo=None).isoformat(), "UTC") == us


@pytest.mark.parametrize(
    ("value", "zone", "end_of_day", "moment"),
    [
        ("2026-01-31", "UTC", False, "2026-01-31T00:00:00+00:00"),
        ("2026-01-31", "UTC", True, "2026-01-31T23:59:59.999999+00:00"),
        ("2026-01-31T08:00", "UTC", True, "2026-01-31T08:00:00+00:00"),
        (date(2024, 2, 29), "Europe/Berlin", True, "2024-02-29T22:59:59.999999+00:00"),
        ("2026-03-29T01:59:59", "Europe/Berlin", False, "2026-03-29T00:59:59+00:00"),
        ("2026-03-29T02:30", "Europe/Berlin", False, "2026-03-29T01:30:00+00:00"),  # a gap: as if before it
        ("2026-03-29T03:00", "Europe/Berlin", False, "2026-03-29T01:00:00+00:00"),
        ("2026-10-25T02:30", "Europe/Berlin", False, "2026-10-25T00:30:00+00:00"),  # twice: the first
        ("2026-10-25", "Europe/Berlin", True, "2026-10-25T22:59:59.999999+00:00"),  # a day of 25 hours
        ("2026-01-31T08:00+02:00", None, False, "2026-01-31T06:00:00+00:00"),
        ("2026-01-31T08:00Z", "Asia/Tokyo", False, "2026-01-31T08:00:00+00:00"),
    ],
)
def test_moments(value: Any, zone: str | None, end_of_day: bool, moment: str) -> None:
    assert from_microseconds(to_microseconds(value, zone, end_of_day=end_of_day)).isoformat() == moment


@pytest.mark.parametrize(
    "value", ["2026-01-31", "2026-01-31T08:00", date(2026, 1, 31), datetime(2026, 1, 31)]
)
def test_a_local_time_without_a_zone_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="has no zone; write it with an offset"):
        to_microseconds(value, None)


def test_conditions_do_not_know_the_order_of_their_keys() -> None:
    where = {"b": {"lt": 9, "ge": 5}, "a": ["y", "x"]}
    turned = {"a": ["y", "x"], "b": {"ge": 5, "lt": 9}}
    assert (
        parse_conditions(where)
        == parse_conditions(turned)
        == (
            Condition("a", "eq", ("y", "x")),
            Condition("b", "ge", (5,)),
            Condition("b", "lt", (9,)),
        )
    )
