"""The simulated company: its truth is exact, its tables are what they say, its bytes are the seed's."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.errors import BadData, CannotWrite, ColumnMissing, UsageError
from lqmodel.simulate import (
    STATES,
    Company,
    Events,
    Firmographics,
    Simulated,
    fit,
    initial,
    readiness,
    simulate,
    transitions,
    true_probabilities,
    weekday_factors,
    win_within,
)
from lqmodel.simulate.emission import (
    CAREERS_SECONDS,
    CHANNELS,
    LAST_MICROSECOND,
    PAGES,
    RATES,
    SECONDS,
)
from lqmodel.simulate.names import company_name
from lqmodel.simulate.tables import SCHEMAS, opened

DAY = 86_400_000_000
PROFILE = Company(leads=4_000, seed=3, start=date(2024, 2, 1), days=420)


def read(folder: Path, company: Company) -> dict[str, pa.Table]:
    """Read the tables; times become microseconds since the period's first midnight."""
    epoch = (company.start - date(1970, 1, 1)).days * DAY
    tables = {}
    for name in SCHEMAS:
        table = pq.read_table(folder / f"{name}.parquet")
        for place, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type):
                since = np.asarray(table[field.name].combine_chunks().cast(pa.int64())) - epoch
                table = table.set_column(place, field.name, pa.array(since))
        tables[name] = table
    return tables


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("company"), PROFILE)


@pytest.fixture(scope="module")
def tables(simulated: Simulated) -> dict[str, pa.Table]:
    return read(simulated.folder, PROFILE)


def places(table: pa.Table) -> np.ndarray:
    """Return each row's lead as a place in the leads table."""
    return np.array([int(each[2:]) - 1 for each in table["lead_id"].to_pylist()])


def history(*rows: tuple[int, int, str, int]) -> Events:
    """Build events from (lead, day, channel, seconds), in order of lead and day."""
    lead, day, channel, seconds = zip(*sorted(rows), strict=True) if rows else ((), (), (), ())
    whole = [
        np.array(list(each), dtype=np.int64) for each in (lead, day, map(CHANNELS.index, channel), seconds)
    ]
    return Events(whole[0], whole[1], whole[2], whole[3], microsecond=whole[1] * DAY)


def at(days: int, events: Events, leads: int = 2, fits: float = 0.3) -> np.ndarray:
    """Return the probability at the end of ``days`` of equal leads created on day 0."""
    truth = true_probabilities(
        np.full(leads, fits),
        np.zeros(leads),
        np.zeros(leads, dtype=np.int64),
        np.full(leads, 10**6),
        events,
        weekday_factors(0, days),
        np.array([days]),
        60,
    )
    return truth.probability


# --- the filter against enumeration ------------------------------------------------------------------


def day_chance(state: int, happened: list[tuple[str, int]], factor: float, subscribed: bool) -> float:
    """Chance of one day's events, straight from the definition: Poisson counts, geometric seconds."""
    counts = Counter(channel for channel, _ in happened)
    mail = ("email_open", "email_click")
    leaves = counts["unsubscribe"] > 0
    chance = 1.0
    for place, channel in enumerate(CHANNELS):
        mean = RATES[state, place] * factor
        count = counts[channel]
        if channel == "unsubscribe":
            chance *= (1 - math.exp(-mean) if leaves else math.exp(-mean)) if subscribed else 1.0
        elif channel in mail and (leaves or not subscribed):
            assert count == 0
        else:
            chance *= math.exp(-mean) * mean**count / math.factorial(count)
    for channel, seconds in happened:
        if channel in PAGES:
            stop = 1 / (CAREERS_SECONDS if channel == "careers" else SECONDS[state])
            chance *= stop * (1 - stop) ** (seconds - 1)
    return chance


def enumerated(
    fits: float, ready: float, days: list[list[tuple[str, int]]], factors: np.ndarray, horizon: int
) -> float:
    """P(won within the horizon | events so far, open) by summing over every hidden path."""
    moves = transitions(np.array([fits]))
    stay, won = moves.stay_open[0], moves.won[0]
    start = initial(np.array([fits]), np.array([ready]))[0]
    left = [False]
    for happened in days:
        left.append(left[-1] or any(channel == "unsubscribe" for channel, _ in happened))
    seen = [
        [day_chance(state, happened, factors[day], not left[day]) for state in range(len(STATES))]
        for day, happened in enumerate(days)
    ]
    evidence = wins = 0.0
    for path in itertools.product(range(len(STATES)), repeat=len(days)):
        weight = start[path[0]] * seen[0][path[0]]
        for day in range(1, len(days)):
            weight *= stay[path[day - 1], path[day]] * seen[day][path[day]]
        evidence += weight
        for length in range(horizon):
            for ahead in itertools.product(range(len(STATES)), repeat=length):
                onward = (path[-1], *ahead)
                steps = math.prod(stay[a, b] for a, b in itertools.pairwise(onward))
                wins += weight * steps * won[onward[-1]]
    return wins / evidence


def test_filter_equals_enumeration_of_hidden_paths() -> None:
    days: list[list[tuple[str, int]]] = [
        [("pricing", 80), ("email_open", 0), ("email_open", 0), ("careers", 12)],
        [],
        [("unsubscribe", 0), ("home", 3)],
        [("social_engagement", 0), ("proposal_requested", 0)],
    ]
    rows = [(0, day, channel, seconds) for day, each in enumerate(days) for channel, seconds in each]
    factors = weekday_factors(3, len(days))
    truth = true_probabilities(
        np.array([0.7]),
        np.array([-0.4]),
        np.array([0]),
        np.array([99]),
        history(*rows),
        factors,
        np.array([len(days)]),
        3,
    )
    assert truth.probability[0] == pytest.approx(enumerated(0.7, -0.4, days, factors, 3), abs=1e-12)


def test_written_truth_equals_enumeration(tmp_path: Path) -> None:
    company = Company(leads=150, seed=8, start=date(2024, 2, 1), days=8, horizon_days=2)  # a Thursday
    simulate(tmp_path, company)
    tables = read(tmp_path, company)
    who = Firmographics.from_table(tables["leads"])
    fits, ready = fit(who), readiness(who)
    created = np.asarray(tables["leads"]["created_at"]) // DAY
    happened: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for lead, row in zip(places(tables["events"]), tables["events"].to_pylist(), strict=True):
        happened.setdefault((lead, row["occurred_at"] // DAY), []).append(
            (row["page"] or row["type"], row["duration_s"] or 0)
        )
    factors = weekday_factors(3, company.days)
    compared = 0
    for lead, row in zip(places(tables["truth"]), tables["truth"].to_pylist(), strict=True):
        as_of = row["as_of"] // DAY
        if as_of - created[lead] > 3:
            continue
        days = [happened.get((lead, day), []) for day in range(created[lead], as_of)]
        expected = enumerated(fits[lead], ready[lead], days, factors[created[lead] : as_of], 2)
        assert row["probability"] == pytest.approx(expected, abs=1e-12)
        compared += bool(sum(map(len, days)))
    assert compared > 10


# --- the chain -----------------------------------------------------------------------------------------


@given(st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_moves_are_chances(fits: float) -> None:
    moves = transitions(np.array([fits]))
    rows = moves.stay_open.sum(axis=2) + moves.won + moves.lost
    assert np.abs(rows - 1).max() < 1e-12
    assert moves.stay_open.min() >= 0
    assert moves.won.min() >= 0
    assert moves.lost.min() >= 0
    assert initial(np.array([fits]), np.array([1.0])).sum() == pytest.approx(1, abs=1e-12)


@given(st.integers(0, 90), st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_win_within_is_the_sum_of_powers(days: int, fits: float) -> None:
    moves = transitions(np.array([fits]))
    power = np.eye(len(STATES))
    total = np.zeros(len(STATES))
    for _ in range(days):
        total += power @ moves.won[0]
        power = power @ moves.stay_open[0]
    assert np.abs(win_within(moves.stay_open, moves.won, days)[0] - total).max() < 1e-12


def test_better_fit_wins_more_from_every_state() -> None:
    moves = transitions(np.linspace(-3, 3, 13))
    within = win_within(moves.stay_open, moves.won, 60)
    assert (np.diff(within, axis=0) > 0).all()


# --- what raises and what lowers the truth -------------------------------------------------------------

VISITS = [(lead, day, "pricing", 60) for lead in (0, 1) for day in (1, 3, 6, 9, 11)]


def test_social_engagement_and_careers_pages_say_nothing() -> None:
    noise = [(1, day, "social_engagement", 0) for day in range(2, 12)]
    noise += [(1, day, "careers", 300) for day in range(4, 9)]
    probability = at(14, history(*VISITS, *noise))
    assert probability[0] == pytest.approx(probability[1], abs=1e-12)


def test_unsubscribing_lowers_it() -> None:
    probability = at(14, history(*VISITS, (1, 13, "unsubscribe", 0)))
    assert probability[1] < 0.5 * probability[0]


def test_visits_that_thin_out_lower_it() -> None:
    late = [(0, day, "service", 60) for day in (16, 18, 20, 22, 25, 27)]
    early = [(1, day, "service", 60) for day in (1, 3, 5, 7, 9, 11)]
    probability = at(28, history(*late, *early))
    assert probability[1] < 0.5 * probability[0]


@pytest.mark.parametrize("channel", ["pricing", "demo_requested", "proposal_requested", "contact_form"])
def test_signs_of_buying_raise_it(channel: str) -> None:
    probability = at(14, history(*VISITS, (1, 12, channel, 90)))
    assert probability[1] > 1.2 * probability[0]


def test_longer_visits_raise_it() -> None:
    short = [(0, day, "service", 4) for day in (1, 3, 6, 9, 11)]
    long = [(1, day, "service", 150) for day in (1, 3, 6, 9, 11)]
    probability = at(14, history(*short, *long))
    assert probability[1] > probability[0]


# --- the truth is the truth ----------------------------------------------------------------------------


def observed(tables: dict[str, pa.Table], company: Company) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lead, probability and whether won, for snapshots whose horizon lies inside the period."""
    won_at = np.full(company.leads, np.iinfo(np.int64).max)
    won = np.array(tables["outcomes"]["outcome"].to_pylist()) == "won"
    won_at[places(tables["outcomes"])[won]] = np.asarray(tables["outcomes"]["occurred_at"])[won]
    lead, as_of = places(tables["truth"]), np.asarray(tables["truth"]["as_of"])
    until = as_of + company.horizon_days * DAY
    label = (won_at[lead] >= as_of) & (won_at[lead] < until)
    seen = until <= company.days * DAY
    return lead[seen], np.asarray(tables["truth"]["probability"])[seen], label[seen]


def test_truth_is_calibrated_in_every_bin(tables: dict[str, pa.Table]) -> None:
    lead, probability, label = observed(tables, PROFILE)
    assert len(lead) > 5_000
    cuts = np.quantile(probability, [0.5, 0.7, 0.8, 0.9, 0.95, 0.98])
    for chosen in range(len(cuts) + 1):
        mine = np.searchsorted(cuts, probability) == chosen
        off = label[mine] - probability[mine]
        by_lead = np.bincount(lead[mine], weights=off)
        assert abs(off.sum()) < 3.5 * math.sqrt((by_lead**2).sum()), f"bin {chosen}"


def test_truth_ranks(tables: dict[str, pa.Table]) -> None:
    _, probability, label = observed(tables, PROFILE)
    rank = np.argsort(np.argsort(probability)) + 1
    wins, rest = label.sum(), (~label).sum()
    area = (rank[label].sum() - wins * (wins + 1) / 2) / (wins * rest)
    assert 0.75 < area < 0.90


def test_truth_has_every_open_monday_once(tables: dict[str, pa.Table]) -> None:
    closed = np.full(PROFILE.leads, np.iinfo(np.int64).max)
    closed[places(tables["outcomes"])] = np.asarray(tables["outcomes"]["occurred_at"])
    created = np.asarray(tables["leads"]["created_at"])
    mondays = [day for day in range(PROFILE.days + 1) if (PROFILE.start.weekday() + day) % 7 == 0]
    expected = [
        (lead, day * DAY)
        for lead in range(PROFILE.leads)
        for day in mondays
        if created[lead] < day * DAY <= closed[lead]
    ]
    truth = tables["truth"]
    assert list(zip(places(truth), truth["as_of"].to_pylist(), strict=True)) == expected
    probability = np.asarray(truth["probability"])
    assert probability.min() > 0
    assert probability.max() < 1


# --- the tables ----------------------------------------------------------------------------------------


def test_events_lie_between_creation_and_outcome(tables: dict[str, pa.Table]) -> None:
    closed = np.full(PROFILE.leads, PROFILE.days * DAY)
    outcomes = tables["outcomes"]
    closed[places(outcomes)] = np.asarray(outcomes["occurred_at"]) // DAY * DAY
    lead, occurred = places(tables["events"]), np.asarray(tables["events"]["occurred_at"])
    assert (occurred > np.asarray(tables["leads"]["created_at"])[lead]).all()
    assert (occurred < closed[lead]).all()
    assert (occurred % DAY <= LAST_MICROSECOND).all()
    assert (np.lexsort((occurred, lead)) == np.arange(len(lead))).all()
    assert len(set(places(outcomes))) == outcomes.num_rows
    assert np.asarray(outcomes["occurred_at"]).max() < PROFILE.days * DAY
    assert (
        np.asarray(outcomes["occurred_at"]) // DAY
        > np.asarray(tables["leads"]["created_at"])[places(outcomes)] // DAY
    ).all()


def test_pages_and_seconds_belong_to_page_views(tables: dict[str, pa.Table]) -> None:
    events = tables["events"]
    views = np.array(events["type"].to_pylist()) == "page_view"
    assert set(events["type"].to_pylist()) == {"page_view", *CHANNELS[len(PAGES) :]}
    for name in ("page", "duration_s"):
        known = np.array([value is not None for value in events[name].to_pylist()])
        assert (known == views).all()
    assert set(events.filter(pa.array(views))["page"].to_pylist()) == set(PAGES)
    assert min(events.filter(pa.array(views))["duration_s"].to_pylist()) >= 1


def test_no_mail_is_read_after_an_unsubscribe(tables: dict[str, pa.Table]) -> None:
    left: dict[str, int] = {}
    for row in tables["events"].to_pylist():
        if row["type"] == "unsubscribe":
            assert row["lead_id"] not in left
            left[row["lead_id"]] = row["occurred_at"]
        if row["type"] in ("email_open", "email_click"):
            assert row["lead_id"] not in left
    assert len(left) > 100


def test_leads_are_numbered_as_they_arrive(tables: dict[str, pa.Table]) -> None:
    leads = tables["leads"]
    created = np.asarray(leads["created_at"])
    assert (np.diff(created) >= 0).all()
    assert leads["lead_id"].to_pylist() == [f"L-{each:06d}" for each in range(1, PROFILE.leads + 1)]
    early = (created < PROFILE.days // 2 * DAY).mean()
    assert 0.40 < early < 0.50  # a mild upward trend


def test_accounts_share_who_they_are(tables: dict[str, pa.Table]) -> None:
    rows = tables["leads"].to_pylist()
    accounts: dict[str, set[tuple[object, ...]]] = {}
    for row in rows:
        known = tuple(row[name] for name in ("company", "country", "industry", "employees", "revenue"))
        accounts.setdefault(row["account_id"], set()).add(known)
    assert all(len(each) == 1 for each in accounts.values())
    assert len({next(iter(each))[0] for each in accounts.values()}) == len(accounts)
    sizes = Counter(row["account_id"] for row in rows)
    shared = sum(sizes[row["account_id"]] > 1 for row in rows) / len(rows)
    assert 0.28 < shared < 0.38


def test_only_won_deals_have_values_and_they_grow_with_size(tables: dict[str, pa.Table]) -> None:
    outcomes, leads = tables["outcomes"], tables["leads"]
    employees = Firmographics.from_table(leads).employees[places(outcomes)]
    won = np.array(outcomes["outcome"].to_pylist()) == "won"
    value = outcomes["value"].to_numpy()
    assert np.isnan(value[~won]).all()
    assert 0 < np.isnan(value[won]).mean() < 0.15
    both = won & ~np.isnan(value) & ~np.isnan(employees)
    assert np.corrcoef(np.log(value[both]), np.log(employees[both]))[0, 1] > 0.5


def test_many_trade_fair_leads_never_engage(tables: dict[str, pa.Table]) -> None:
    source = np.array(tables["leads"]["source"].to_pylist())
    views = np.array(tables["events"]["type"].to_pylist()) == "page_view"
    never = ~np.isin(np.arange(PROFILE.leads), places(tables["events"])[views])
    assert never[source == "event"].mean() > 0.2
    assert never[source != "event"].mean() < 0.1


def test_counts_add_up(simulated: Simulated, tables: dict[str, pa.Table]) -> None:
    assert simulated.leads == PROFILE.leads == simulated.won + simulated.lost + simulated.open
    assert simulated.events == tables["events"].num_rows
    outcome = Counter(tables["outcomes"]["outcome"].to_pylist())
    assert (simulated.won, simulated.lost) == (outcome["won"], outcome["lost"])
    assert 0.03 < simulated.won / simulated.leads < 0.12


def test_schemas_and_row_groups(simulated: Simulated) -> None:
    for name, schema in SCHEMAS.items():
        file = pq.ParquetFile(simulated.folder / f"{name}.parquet")
        assert file.schema_arrow.equals(schema), name
        assert file.num_row_groups == 4
        assert file.metadata.row_group(0).num_rows < file.metadata.num_rows / 2
    assert {path.name for path in simulated.folder.iterdir()} == {f"{name}.parquet" for name in SCHEMAS}


# --- bytes, folders, parameters ------------------------------------------------------------------------


def test_the_seed_alone_decides_the_bytes(tmp_path: Path) -> None:
    small = Company(leads=1_050, days=60)
    made = {
        "one": simulate(tmp_path / "one", small),
        "two": simulate(tmp_path / "deep" / "two", small),
        "other": simulate(tmp_path / "other", replace(small, seed=1)),
    }
    for name in SCHEMAS:
        one, two, other = ((each.folder / f"{name}.parquet").read_bytes() for each in made.values())
        assert one == two
        assert one != other


def test_a_tiny_company_is_possible(tmp_path: Path) -> None:
    made = simulate(tmp_path, Company(leads=1, days=7, horizon_days=1))
    assert made.leads == 1
    assert pq.read_table(tmp_path / "outcomes.parquet").schema.equals(SCHEMAS["outcomes"])


def test_a_failure_leaves_earlier_files_alone(tmp_path: Path) -> None:
    simulate(tmp_path, Company(leads=5, days=7))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def failing() -> None:
        with opened(tmp_path) as writers:
            writers.write({"truth": pq.read_table(tmp_path / "truth.parquet")})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.write_text("")
    with pytest.raises(CannotWrite) as caught:
        simulate(path, Company(leads=5, days=7))
    assert str(caught.value).startswith(f"{path}: cannot write the simulated company: ")
    assert "do: give a folder" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"leads": 0}, "leads is 0, outside 1 to 10,000,000"),
        ({"seed": -1}, "seed is -1, outside 0 to"),
        ({"days": 6}, "days is 6, outside 7 to 3,650"),
        ({"horizon_days": 0}, "horizon_days is 0, outside 1 to 3,650"),
        ({"leads": 2.5}, "leads is 2.5, not a whole number"),
        ({"leads": True}, "leads is True, not a whole number"),
        ({"start": "2024-01-01"}, "start is '2024-01-01', not a date"),
        ({"start": datetime(2024, 1, 1)}, "start is datetime.datetime(2024, 1, 1, 0, 0), not a date"),
        ({"start": date(9999, 1, 1)}, "start is 9999-01-01, after 9000-01-01"),
    ],
)
def test_bad_parameters_are_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Company(**given)  # type: ignore[arg-type]
    assert f"Company: {text}" in str(caught.value)
    assert "\n  do: " in str(caught.value)


# --- who they are --------------------------------------------------------------------------------------


def one_lead(**changed: object) -> Firmographics:
    row: dict[str, object] = {
        "industry": "software",
        "country": "DE",
        "seniority": "manager",
        "source": "direct",
        "campaign": None,
        "employees": 150,
        "revenue": 20e6,
    }
    return Firmographics.from_table(pa.Table.from_pylist([row | changed]))


def fit_of(**changed: object) -> float:
    return float(fit(one_lead(**changed))[0])


def test_mid_size_fits_best_and_unknown_size_is_neutral() -> None:
    neutral = fit_of(employees=None, industry="finance")
    assert fit_of(employees=150, industry="finance") > neutral > fit_of(employees=3, industry="finance")
    assert neutral > fit_of(employees=20_000, industry="finance")
    assert math.isfinite(fit_of(employees=None, revenue=None))


def test_size_helps_in_manufacturing_and_hurts_in_software() -> None:
    grown = {
        each: fit_of(industry=each, employees=400) - fit_of(industry=each, employees=90)
        for each in ("manufacturing", "finance", "software")
    }
    assert grown["manufacturing"] > grown["finance"] + 0.5
    assert grown["software"] < grown["finance"] - 0.5


def test_fit_is_about_standardised(tables: dict[str, pa.Table]) -> None:
    fits = fit(Firmographics.from_table(tables["leads"]))
    assert abs(fits.mean()) < 0.15
    assert 0.85 < fits.std() < 1.15


def test_foreign_leads_tables_are_refused() -> None:
    with pytest.raises(BadData, match="'shipping' is no industry of the simulated company") as caught:
        one_lead(industry="shipping")
    assert "there is: manufacturing, software" in str(caught.value)
    with pytest.raises(ColumnMissing, match="no column 'industry'"):
        Firmographics.from_table(pa.table({"country": ["DE"]}))


def test_company_names_do_not_repeat() -> None:
    assert len({company_name(number) for number in range(70_000)}) == 70_000


def test_simulating_imports_no_learner() -> None:
    code = (
        "import sys, lqmodel.simulate; "
        "print(sorted({'lightgbm', 'sklearn', 'pandas', 'scipy', 'mlflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
