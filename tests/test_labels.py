"""Who is looked at when, and what counts as won; against a plain reading of the definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import DAY, HOUR, LEADS, declare, timestamps, us, write

from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, GROUP, KEY, fetch
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.labels import label, last_mature, population

MONDAY = us("2026-03-02T00:00Z")
HORIZON = 30 * DAY
MAX_AGE = 60 * DAY
SOURCES = {
    "leads": {
        "uri": "leads.parquet",
        "key": "lead_id",
        "occurred_at": "created_at",
        "known_at": "arrived_at",
    },
    "outcomes": {
        "uri": "outcomes.parquet",
        "key": "lead_id",
        "occurred_at": "occurred_at",
        "known_at": "arrived_at",
        "lag": "1h",
    },
}
FIT = {"fit": {"age": {"source": "leads", "verb": "recency"}}}


def declared(**population: Any) -> Declarations:
    model = {"population": {"source": "leads", "every": "7d", "max_age": "60d", **population}}
    return declare(SOURCES, FIT, model)


def opened(
    folder: Path, leads: list[tuple[str, int, int]], outcomes: list[tuple[str, str, int, int]]
) -> Inputs:
    """Leads are (id, created, arrived), outcomes (id, outcome, occurred, arrived)."""
    write(
        folder,
        "leads",
        lead_id=[lead for lead, _, _ in leads],
        created_at=timestamps([at for _, at, _ in leads]),
        arrived_at=timestamps([at for _, _, at in leads]),
        company=pa.array([f"c{i % 3}" if i % 4 else None for i in range(len(leads))], pa.string()),
    )
    write(
        folder,
        "outcomes",
        lead_id=[lead for lead, _, _, _ in outcomes],
        outcome=[kind for _, kind, _, _ in outcomes],
        occurred_at=timestamps([at for _, _, at, _ in outcomes]),
        arrived_at=timestamps([at for _, _, _, at in outcomes]),
    )
    return open_inputs(declared(account="company"), folder)


def looked_at(inputs: Inputs, as_ofs: list[int]) -> dict[tuple[str, int], tuple[bool, int]]:
    """(lead, as_of) → (won before but known later, label)."""
    model = declared(account="company").model
    everyone = population(inputs.facts["leads"], inputs.facts["outcomes"], model, as_ofs)
    rows = fetch(everyone.mutate(label=label(everyone, model))).to_pylist()
    assert len({(r[KEY], r[AS_OF]) for r in rows}) == len(rows)
    return {(r[KEY], r[AS_OF]): (r["late"], r["label"]) for r in rows}


EDGES = [
    MONDAY + shift + nudge
    for shift in (-MAX_AGE, -14 * DAY, -7 * DAY, -HOUR, 0, 7 * DAY, HORIZON, HORIZON + 7 * DAY)
    for nudge in (-1, 0, 1)
]
MOMENTS = st.one_of(st.sampled_from(EDGES), st.integers(MONDAY - 70 * DAY, MONDAY + 50 * DAY))
DELAYS = st.sampled_from([0, 0, 1, HOUR, 20 * DAY])
OUTCOME = st.tuples(
    st.sampled_from([*LEADS, "nobody"]), st.sampled_from(["won", "won", "lost", "asked"]), MOMENTS, DELAYS
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(MOMENTS, DELAYS), min_size=len(LEADS), max_size=len(LEADS)),
    st.lists(OUTCOME, min_size=1, max_size=30),
)
def test_population_and_label_are_what_they_are_defined_to_be(
    tmp_path_factory: pytest.TempPathFactory,
    created: list[tuple[int, int]],
    drawn: list[tuple[str, str, int, int]],
) -> None:
    leads = [(lead, at, at + delay) for lead, (at, delay) in zip(LEADS, created, strict=True)]
    outcomes = [(lead, kind, at, at + delay) for lead, kind, at, delay in drawn]
    as_ofs = [MONDAY, MONDAY + 7 * DAY]
    expected = {}
    for lead, born, arrived in leads:
        wins = [at for who, kind, at, _ in outcomes if who == lead and kind == "won"]
        closed = [known + HOUR for who, kind, _, known in outcomes if who == lead and kind != "asked"]
        for as_of in as_ofs:
            there = born < as_of and arrived < as_of and as_of - born <= MAX_AGE
            if there and not any(known < as_of for known in closed):
                first = min(wins, default=None)
                late = first is not None and first < as_of
                won = first is not None and as_of <= first < as_of + HORIZON
                expected[lead, as_of] = late, int(won)
    inputs = opened(tmp_path_factory.mktemp("t"), leads, outcomes)
    assert looked_at(inputs, as_ofs) == expected


def one_lead(folder: Path, *outcomes: tuple[str, int, int]) -> dict[int, tuple[bool, int]]:
    """One old lead with (outcome, occurred, arrived), looked at on two Mondays."""
    leads = [("a", MONDAY - 20 * DAY, MONDAY - 20 * DAY)]
    inputs = opened(folder, leads, [("a", *outcome) for outcome in outcomes])
    return {as_of: found for (_, as_of), found in looked_at(inputs, [MONDAY, MONDAY + 7 * DAY]).items()}


@pytest.mark.parametrize(
    ("at", "won"), [(MONDAY, 1), (MONDAY + HORIZON - 1, 1), (MONDAY + HORIZON, 0), (MONDAY + 90 * DAY, 0)]
)
def test_a_win_counts_from_as_of_until_just_before_the_horizon(tmp_path: Path, at: int, won: int) -> None:
    assert one_lead(tmp_path, ("won", at, at))[MONDAY] == (False, won)


def test_the_first_win_decides(tmp_path: Path) -> None:
    before, inside = MONDAY - DAY, MONDAY + DAY
    assert one_lead(tmp_path, ("won", before, MONDAY + 2 * DAY), ("won", inside, inside)) == {
        MONDAY: (True, 0)
    }


def test_a_win_known_only_later_is_told_apart(tmp_path: Path) -> None:
    happened, arrived = MONDAY - DAY, MONDAY + DAY
    assert one_lead(tmp_path, ("won", happened, arrived)) == {MONDAY: (True, 0)}
    # known exactly at as_of is not known before it: one hour's lag
    assert one_lead(tmp_path, ("won", happened, MONDAY - HOUR)) == {MONDAY: (True, 0)}
    assert one_lead(tmp_path, ("won", happened, MONDAY - HOUR - 1)) == {}


def test_lost_is_no_win_and_closes_once_it_is_known(tmp_path: Path) -> None:
    assert one_lead(tmp_path, ("lost", MONDAY + DAY, MONDAY + DAY)) == {MONDAY: (False, 0)}
    later_win = ("won", MONDAY + 3 * DAY, MONDAY + 3 * DAY)
    assert one_lead(tmp_path, ("lost", MONDAY + DAY, MONDAY + DAY), later_win) == {MONDAY: (False, 1)}


def test_other_outcomes_close_nothing(tmp_path: Path) -> None:
    at = MONDAY - DAY
    both = {MONDAY: (False, 0), MONDAY + 7 * DAY: (False, 0)}
    assert one_lead(tmp_path, ("asked", at, at)) == both


@pytest.mark.parametrize(
    ("created", "arrived", "there"),
    [
        (MONDAY - 1, MONDAY - 1, True),
        (MONDAY, MONDAY, False),
        (MONDAY - 1, MONDAY, False),
        (MONDAY - MAX_AGE, MONDAY - MAX_AGE, True),
        (MONDAY - MAX_AGE - 1, MONDAY - 1, False),
    ],
)
def test_created_before_known_before_and_not_too_old(
    tmp_path: Path, created: int, arrived: int, there: bool
) -> None:
    inputs = opened(tmp_path, [("a", created, arrived)], [("b", "won", MONDAY, MONDAY)])
    assert looked_at(inputs, [MONDAY]) == ({("a", MONDAY): (False, 0)} if there else {})


def test_without_an_age_limit_all_stay(tmp_path: Path) -> None:
    inputs = opened(tmp_path, [("a", 0, 0)], [("b", "won", MONDAY, MONDAY)])
    model = declare(SOURCES, FIT).model
    everyone = population(inputs.facts["leads"], inputs.facts["outcomes"], model, [MONDAY])
    assert fetch(everyone)[KEY].to_pylist() == ["a"]


def test_groups_are_accounts_else_leads(tmp_path: Path) -> None:
    inputs = opened(tmp_path, [(f"l{i}", 0, 0) for i in range(4)], [("l9", "won", DAY, DAY)])
    for account, groups in (("company", ["l0", "c1", "c2", "c0"]), (None, ["l0", "l1", "l2", "l3"])):
        model = declare(SOURCES, FIT, {"population": {"every": "7d", "account": account}}).model
        everyone = population(inputs.facts["leads"], inputs.facts["outcomes"], model, [DAY])
        table = fetch(everyone.order_by(KEY))
        assert table[GROUP].to_pylist() == groups
        assert table[CREATED].to_pylist() == [0] * 4


def test_maturity_looks_at_the_source_and_not_at_the_lead(tmp_path: Path) -> None:
    """Whatever happened to a lead, and whatever its outcome, the last mature moment stays."""
    leads = [("a", 0, 0), ("b", 0, 0)]
    end = ("b", "asked", 90 * DAY, 90 * DAY)
    found = set()
    for mine in (
        [],
        [("a", "won", DAY, DAY)],
        [("a", "lost", 80 * DAY, 80 * DAY)],
        [("a", "won", 89 * DAY, 0)],
    ):
        inputs = opened(tmp_path, leads, [*mine, end])
        found.add(last_mature(inputs.facts["outcomes"], declared().model))
    assert found == {90 * DAY + 1 - HORIZON - HOUR}


def test_what_the_source_covers_may_be_declared(tmp_path: Path) -> None:
    opened(tmp_path, [("a", 0, 0)], [("a", "won", DAY, DAY)])
    outcomes = {**SOURCES["outcomes"], "observed_until": "2026-04-01T01:00Z"}
    inputs = open_inputs(declare({**SOURCES, "outcomes": outcomes}, FIT), tmp_path)
    assert last_mature(inputs.facts["outcomes"], declared().model) == us("2026-03-02T00:00Z")
