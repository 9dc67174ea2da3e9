"""Leads that come back, looks at an age, and existing customers; against a plain reading of the definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import DAY, HOUR, declare, timestamps, us, write

from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, EPISODE, GROUP, KEY, fetch
from lqmodel.errors import BadDeclaration
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.labels import episodes, label, looks, population
from lqmodel.trainingset import training_set

MONDAY = us("2026-03-02T00:00Z")
GRID = [MONDAY - 7 * DAY, MONDAY, MONDAY + 7 * DAY]
LEADS = tuple("abcdefgh")
ACCOUNTS = {lead: f"c{i // 3}" if i % 4 else None for i, lead in enumerate(LEADS)}
AGE = 3 * DAY
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
    "customers": {"uri": "customers.parquet", "key": "id", "occurred_at": "since"},
}
FIT = {"fit": {"age": {"source": "leads", "verb": "recency"}}}
LABEL = {
    "source": "outcomes",
    "where": {"outcome": "won"},
    "lost": {"outcome": "lost"},
    "reopened": {"outcome": "reopened"},
    "horizon": "30d",
}


def declared(label: dict[str, Any] = LABEL, **population: Any) -> Declarations:
    moments = {} if "at_age" in population else {"every": "7d"}
    return declare(
        SOURCES,
        FIT,
        {"label": label, "population": {"source": "leads", "episodes": True, **moments, **population}},
    )


Row = tuple[str, int, int]  # id, occurred, known; every second row of a lead gives it another account
Outcome = tuple[str, str, int, int]  # id, outcome, occurred, known


def opened(
    folder: Path,
    leads: list[Row],
    outcomes: list[Outcome],
    customers: list[tuple[str, int]],
    declarations: Declarations,
) -> Inputs:
    write(
        folder,
        "leads",
        lead_id=[lead for lead, _, _ in leads],
        created_at=timestamps([at for _, at, _ in leads]),
        arrived_at=timestamps([at for _, _, at in leads]),
        company=pa.array([account_of(lead, at) for lead, at, _ in leads], pa.string()),
    )
    write(
        folder,
        "outcomes",
        lead_id=[lead for lead, _, _, _ in outcomes],
        outcome=[kind for _, kind, _, _ in outcomes],
        occurred_at=timestamps([at for _, _, at, _ in outcomes]),
        arrived_at=timestamps([at - HOUR for _, _, _, at in outcomes]),
    )
    write(
        folder,
        "customers",
        id=pa.array([who for who, _ in customers], pa.string()),
        since=timestamps([at for _, at in customers]),
    )
    return open_inputs(declarations, folder)


def account_of(lead: str, at: int) -> str | None:
    """The account of a row: leads move on."""
    return ACCOUNTS.get(lead) if at % 2 else f"c{at % 3}"


def group_at(lead: str, as_of: int, leads: list[Row], by_account: bool) -> str | None:
    """The account of the newest row known, the greatest of equally new ones; None: the lead is not known yet."""
    rows = [at for who, at, known in leads if who == lead and at < as_of and known < as_of]
    if not rows:
        return None
    return max((account_of(lead, at) if by_account else None) or lead for at in rows if at == max(rows))


EDGES = [g + shift + nudge for g in GRID for shift in (-60 * DAY, -AGE, 0) for nudge in (-1, 0, 1)]
MOMENTS = st.one_of(st.sampled_from(EDGES), st.integers(MONDAY - 70 * DAY, MONDAY + 50 * DAY))
DELAYS = st.sampled_from([0, 0, 0, 1, HOUR, 20 * DAY])
LEAD_ROWS = st.lists(
    st.builds(lambda who, at, late: (who, at, at + late), st.sampled_from(LEADS), MOMENTS, DELAYS),
    min_size=1,
    max_size=20,
)
OUTCOMES = st.lists(
    st.builds(
        lambda who, kind, at, late: (who, kind, at, at + late + HOUR),
        st.sampled_from([*LEADS, "nobody"]),
        st.sampled_from(["won", "won", "lost", "lost", "reopened", "asked"]),
        MOMENTS,
        DELAYS,
    ),
    min_size=1,
    max_size=30,
)
CUSTOMERS = st.lists(st.tuples(st.sampled_from([*LEADS, "c0", "c1", "c2"]), MOMENTS), min_size=1, max_size=3)


def starts_of(lead: str, leads: list[Row], outcomes: list[Outcome]) -> dict[int, int]:
    """Start → when it was known; a lead that the leads' source does not hold has none."""
    found: dict[int, int] = {}
    rows = [(at, known) for who, at, known in leads if who == lead]
    if rows:
        rows += [(at, known) for who, kind, at, known in outcomes if who == lead and kind == "reopened"]
    for at, known in rows:
        found[at] = min(known, found.get(at, known))
    return found


def state_at(
    lead: str, as_of: int, leads: list[Row], outcomes: list[Outcome], own: int | None = None
) -> tuple[int, int, bool, bool, int] | None:
    """(start, episode, open, late, label) of a lead at a moment; None where it is not yet there.

    ``own``: the start that the look belongs to; None: the latest known.
    """
    starts = starts_of(lead, leads, outcomes)
    known = sorted(at for at, k in starts.items() if at < as_of and k < as_of)
    known = known if group_at(lead, as_of, leads, False) is not None else []
    if not known or (own is not None and known[-1] != own):
        return None
    start, episode = known[-1], len(known)
    since = start if episode > 1 else -(10**18)
    mine = [
        (kind, at, k)
        for who, kind, at, k in outcomes
        if who == lead and kind in ("won", "lost") and at >= since
    ]
    is_open = not any(k < as_of for _, _, k in mine)
    late = any(kind == "won" and at < as_of <= k for kind, at, k in mine)
    wins = [at for who, kind, at, _ in outcomes if who == lead and kind == "won" and at >= as_of]
    return start, episode, is_open, late, int(min(wins, default=10**18) < as_of + 30 * DAY)


MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(LEAD_ROWS, OUTCOMES, CUSTOMERS, st.sampled_from([None, "new", "expansion"]), st.booleans())
def test_a_lead_is_looked_at_as_the_episode_that_was_the_latest_known(
    tmp_path_factory: pytest.TempPathFactory,
    leads: list[Row],
    outcomes: list[Outcome],
    customers: list[tuple[str, int]],
    business: str | None,
    by_account: bool,
) -> None:
    asked = {"business": business, "customers": "customers"} if business else {}
    asked |= {"account": "company"} if by_account else {}
    declarations = declared(max_age="60d", **asked)
    inputs = opened(tmp_path_factory.mktemp("episodes"), leads, outcomes, customers, declarations)
    wins = [
        ((account_of(who, at) if by_account else None) or who, max(k, known))
        for won, kind, _, k in outcomes
        for who, at, known in leads
        if kind == "won" and who == won
    ]
    bought = [*wins, *customers]
    expected = {}
    for lead in LEADS:
        for as_of in GRID:
            state = state_at(lead, as_of, leads, outcomes)
            group = group_at(lead, as_of, leads, by_account)
            customer = any(who == group and since < as_of for who, since in bought)
            inside = business is None or customer == (business == "expansion")
            if state is not None and state[2] and as_of - state[0] <= 60 * DAY and inside:
                expected[lead, as_of] = (state[0], state[1], state[3], state[4], group)
    facts, model = inputs.facts, declarations.model
    everyone = population(
        facts["leads"], facts["outcomes"], model, GRID, facts["customers"] if business else None
    )
    rows = fetch(everyone.mutate(label=label(everyone, model))).to_pylist()
    found = {(r[KEY], r[AS_OF]): (r[CREATED], r[EPISODE], r["late"], r["label"]) for r in rows}
    assert len(found) == len(rows)
    assert {k: v[:3] for k, v in found.items()} == {k: v[:3] for k, v in expected.items()}
    assert {k: v[3] for k, v in found.items() if not v[2]} == {
        k: v[3] for k, v in expected.items() if not v[2]
    }


@MANY
@given(LEAD_ROWS, OUTCOMES, CUSTOMERS)
def test_at_an_age_each_episode_is_looked_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    leads: list[Row],
    outcomes: list[Outcome],
    customers: list[tuple[str, int]],
) -> None:
    declarations = declared(at_age="3d")
    inputs = opened(tmp_path_factory.mktemp("age"), leads, outcomes, customers, declarations)
    expected = {}
    for lead in LEADS:
        for start, known in starts_of(lead, leads, outcomes).items():
            ends_a_day = start % 1_000_000 == 999_999  # a date's last microsecond: age counts from midnight
            as_of = max(start + ends_a_day + AGE, known + 1)
            state = state_at(lead, as_of, leads, outcomes, own=start)
            if state is not None and state[2]:
                expected[lead, as_of] = state[:2] + state[3:]
    model = declarations.model
    everyone = population(inputs.facts["leads"], inputs.facts["outcomes"], model, (0, 2**60))
    rows = fetch(everyone.mutate(label=label(everyone, model))).to_pylist()
    found = {(r[KEY], r[AS_OF]): (r[CREATED], r[EPISODE], r["late"], r["label"]) for r in rows}
    assert len(found) == len(rows)
    assert {k: v[:3] for k, v in found.items()} == {k: v[:3] for k, v in expected.items()}
    assert {k: v[3] for k, v in found.items() if not v[2]} == {
        k: v[3] for k, v in expected.items() if not v[2]
    }


@MANY
@given(LEAD_ROWS, OUTCOMES)
def test_leads_that_never_come_back_are_the_same_with_and_without_episodes(
    tmp_path_factory: pytest.TempPathFactory, leads: list[Row], outcomes: list[Outcome]
) -> None:
    once = list({lead: row for row in leads for lead in [row[0]]}.values())
    closing = [o for o in outcomes if o[1] != "reopened"] or [(LEADS[0], "lost", MONDAY, MONDAY + HOUR)]
    found = []
    for episodic in (True, False):
        declarations = declared({**LABEL, "reopened": {}}, episodes=episodic)
        inputs = opened(tmp_path_factory.mktemp("once"), once, closing, [("x", 0)], declarations)
        model = declarations.model
        everyone = population(inputs.facts["leads"], inputs.facts["outcomes"], model, GRID)
        kept = everyone.mutate(label=label(everyone, model)).order_by(KEY, AS_OF)
        rows = fetch(kept.select(KEY, AS_OF, CREATED, EPISODE, "late", "label")).to_pylist()
        found.append([r | {"label": None if r["late"] else r["label"]} for r in rows])
    assert found[0] == found[1]


def test_a_date_comes_of_age_counted_from_the_midnight_that_ends_it(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("lead_id,created_at\na,2022-01-01\nb,2022-01-01T00:00:00\n")
    (tmp_path / "outcomes.csv").write_text("lead_id,occurred_at\na,2022-01-06\nc,2022-03-31\n")
    sources = {
        name: {"uri": f"{name}.csv", "key": "lead_id", "occurred_at": at, "zone": "America/Sao_Paulo"}
        for name, at in (("leads", "created_at"), ("outcomes", "occurred_at"))
    }
    asked = {
        "label": {"source": "outcomes", "horizon": "30d"},
        "population": {"source": "leads", "at_age": "3d"},
    }
    declarations = declare(sources, FIT, asked)
    inputs = open_inputs(declarations, tmp_path)
    facts = inputs.facts
    seen = fetch(
        looks(episodes(facts["leads"], facts["outcomes"], declarations.model), declarations.model, (0, 2**60))
    )
    moments = {row[KEY]: row[AS_OF] for row in seen.to_pylist()}
    assert moments == {"a": us("2022-01-05T00:00-03:00"), "b": us("2022-01-04T00:00-03:00")}


def test_looks_that_the_outcomes_do_not_cover_are_counted(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(
        "lead_id,created_at\n" + "".join(f"L{i},2022-0{1 + i % 4}-1{i % 9}\n" for i in range(40))
    )
    (tmp_path / "outcomes.csv").write_text(
        "lead_id,occurred_at\nL1,2022-02-20\nL2,2022-03-20\nL3,2022-04-20\n"
    )
    sources = {
        name: {"uri": f"{name}.csv", "key": "lead_id", "occurred_at": at, "zone": "UTC"}
        for name, at in (("leads", "created_at"), ("outcomes", "occurred_at"))
    }
    asked = {
        "label": {"source": "outcomes", "horizon": "14d"},
        "population": {"source": "leads", "at_age": "3d"},
    }
    declarations = declare(sources, FIT, asked)
    snapshots = training_set(declarations, open_inputs(declarations, tmp_path))
    early = sum(1 for i in range(40) if 1 + i % 4 == 1 or (1 + i % 4 == 2 and 10 + i % 9 + 4 <= 20))
    late = sum(1 for i in range(40) if 1 + i % 4 == 4)
    assert snapshots.counts["of leads that came of age before the outcomes begin, left out"] == early
    assert snapshots.counts["of leads whose horizon is not covered yet, left out"] == late
    assert len(snapshots) == 40 - early - late


@pytest.mark.parametrize(
    ("population", "told"),
    [
        ({"at_age": "3d", "every": "7d"}, "keep one of them"),
        ({"at_age": "3d", "max_age": "1d"}, "no lead is left"),
        ({"customers": "customers"}, "needs population.business"),
        ({"business": "new", "customers": "clients"}, "no source 'clients'"),
    ],
)
def test_populations_that_contradict_themselves_are_refused(population: dict[str, Any], told: str) -> None:
    with pytest.raises(BadDeclaration, match=told):
        declared(**population)


@MANY
@given(LEAD_ROWS, OUTCOMES, LEAD_ROWS, OUTCOMES, st.sampled_from(["new", "expansion"]), st.booleans())
def test_law_1_rows_known_later_change_nobody_in_the_population(
    tmp_path_factory: pytest.TempPathFactory,
    leads: list[Row],
    outcomes: list[Outcome],
    more_leads: list[Row],
    more_outcomes: list[Outcome],
    business: str,
    once: bool,
) -> None:
    """Of leads and outcomes alike; with several rows to a lead, and with one."""
    reopened = {} if once else LABEL["reopened"]
    declarations = declared(
        {**LABEL, "reopened": reopened}, account="company", business=business, episodes=not once
    )
    later_leads = [(who, at, max(known, GRID[1])) for who, at, known in more_leads]
    later_outcomes = [(who, kind, at, max(known, GRID[1])) for who, kind, at, known in more_outcomes]
    found = []
    for more in (False, True):
        rows = [*leads, *(later_leads if more else [])]
        rows = list({who: row for row in reversed(rows) for who in [row[0]]}.values()) if once else rows
        closings = [*outcomes, *(later_outcomes if more else [])]
        inputs = opened(tmp_path_factory.mktemp("law1"), rows, closings, [("x", 0)], declarations)
        facts = inputs.facts
        everyone = population(facts["leads"], facts["outcomes"], declarations.model, GRID[:2])
        kept = everyone.select(KEY, AS_OF, CREATED, EPISODE, GROUP).order_by(KEY, AS_OF)
        found.append(fetch(kept).to_pylist())
    assert found[0] == found[1]
