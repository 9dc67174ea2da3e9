"""A simulated B2B company whose true probabilities are known exactly.

    firmographics ──> fit ──> chain of intent ──> events, won, lost
          └──────────────┬───────────────────────────┘
                         └──> forward filter ──> P(won within the horizon | known before as_of)

Use it to try lqmodel without data of your own, and to check that what is learnt is the truth.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from lqmodel.simulate.chain import (
    STATES,
    WON,
    Floats,
    Ints,
    Transitions,
    draw_paths,
    initial,
    predict_step,
    transitions,
    update_step,
    win_within,
)
from lqmodel.simulate.company import Company, Simulated
from lqmodel.simulate.emission import (
    PAGES,
    TYPES,
    Events,
    draw_events,
    weekday_factors,
)
from lqmodel.simulate.firmographics import (
    CAMPAIGNS,
    COUNTRIES,
    INDUSTRIES,
    SENIORITIES,
    SOURCES,
    Drawn,
    Firmographics,
    deal_values,
    draw,
    fit,
    readiness,
)
from lqmodel.simulate.names import company_name, draw_people
from lqmodel.simulate.tables import EVENTS, LEADS, OUTCOMES, TRUTH, opened
from lqmodel.simulate.truth import Truth, true_probabilities

__all__ = [
    "STATES",
    "Company",
    "Events",
    "Firmographics",
    "Simulated",
    "Transitions",
    "Truth",
    "fit",
    "initial",
    "predict_step",
    "readiness",
    "simulate",
    "transitions",
    "true_probabilities",
    "update_step",
    "weekday_factors",
    "win_within",
]

CHUNK: Final = 1_000  # leads held in memory at a time, and per row group
_GROWTH: Final = 0.4  # arrivals per day on the last day, over those on the first, minus 1
_HOUR: Final = 3_600_000_000  # microseconds
_DAY: Final = 24 * _HOUR


def simulate(folder: Path, company: Company) -> Simulated:
    """Simulate a company and write its tables.

    ``leads.parquet``, ``events.parquet``, ``outcomes.parquet`` and ``truth.parquet``, ordered by lead_id
    (leads are numbered as they arrive) and time, in row groups of ``CHUNK`` leads. Memory is bounded by
    one chunk. The same company gives the same bytes.

    Parameters
    ----------
    folder : pathlib.Path
        Created if missing; earlier tables are replaced when the new ones are whole.
    company : Company
        What to simulate.

    Returns
    -------
    Simulated
        Counts of what was written.

    Raises
    ------
    CannotWrite
        When the folder cannot be written.
    """
    won = lost = accounts = 0
    with opened(folder) as writers:
        for chunk, first in enumerate(range(0, company.leads, CHUNK)):
            rng = np.random.default_rng(np.random.SeedSequence([company.seed, chunk]))
            size = min(CHUNK, company.leads - first)
            drawn = draw(rng, size)
            created = _arrivals(rng, company, first, size)
            tables = _chunk_tables(rng, company, first, accounts, drawn, created)
            writers.write(tables)
            outcomes = tables["outcomes"]["outcome"].to_pylist()
            won += outcomes.count("won")
            lost += outcomes.count("lost")
            accounts += int(drawn.account.max()) + 1
    rows = writers.rows
    return Simulated(rows["leads"], rows["events"], won, lost, rows["leads"] - won - lost, folder)


def _arrivals(rng: np.random.Generator, company: Company, first: int, size: int) -> Ints:
    """Draw creation times of leads first … first + size, ascending, in microseconds.

    More arrive on working days, and more as time goes on; all between 06:00 and 18:00.
    """
    trend = 1 + _GROWTH * np.arange(company.days) / company.days
    weight = trend * weekday_factors(company.start.weekday(), company.days)
    ladder = np.append(0.0, np.cumsum(weight) / weight.sum())
    low, high = first / company.leads, (first + size) / company.leads
    place = np.sort(rng.uniform(low, high, size))
    day = (place[:, None] >= ladder[1:-1]).sum(axis=1)
    of_day = np.clip((place - ladder[day]) / (ladder[day + 1] - ladder[day]), 0, 1)
    return np.asarray(day * _DAY + 6 * _HOUR + np.floor(of_day * 12 * _HOUR).astype(np.int64))


def _chunk_tables(
    rng: np.random.Generator, company: Company, first: int, accounts: int, drawn: Drawn, created: Ints
) -> dict[str, pa.Table]:
    """Simulate one chunk of leads, from creation to the end of the period."""
    size = len(created)
    fits, ready = fit(drawn.who), readiness(drawn.who)
    created_day = created // _DAY
    start_day = int(created_day[0])
    factors = weekday_factors(company.start.weekday(), company.days)

    days = company.days - start_day
    paths = draw_paths(rng, initial(fits, ready), transitions(fits), created_day - start_day, days)
    events = draw_events(rng, paths, factors[start_day:], created, start_day)
    closed_day = np.where(paths[-1] >= WON, start_day + (paths < WON).sum(axis=0), company.days)

    mondays = np.arange(-company.start.weekday() % 7, company.days + 1, 7)
    truth = true_probabilities(
        fits, ready, created_day, closed_day, events, factors, mondays, company.horizon_days
    )
    ids = pa.array(_numbered("L", first + 1 + np.arange(size), 6, company.leads))
    epoch = int(datetime.combine(company.start, time(), UTC).timestamp()) * 1_000_000
    return {
        "leads": _leads(rng, ids, epoch + created, drawn, accounts, company.leads),
        "events": _events(ids, epoch, events),
        "outcomes": _outcomes(rng, ids, epoch, paths[-1], closed_day, drawn.employees),
        "truth": _table(TRUTH, ids.take(truth.lead), epoch + truth.day * _DAY, truth.probability),
    }


def _leads(
    rng: np.random.Generator, ids: pa.Array, created: Ints, drawn: Drawn, accounts: int, most: int
) -> pa.Table:
    number = accounts + drawn.account
    who = drawn.who
    return _table(
        LEADS,
        ids,
        created,
        draw_people(rng, len(created)),
        [company_name(int(each)) for each in number],
        _numbered("A", number + 1, 5, most),
        _words(COUNTRIES, who.country),
        _words(INDUSTRIES, who.industry),
        pa.array(who.employees, from_pandas=True).cast(pa.int64()),
        pa.array(who.revenue, from_pandas=True),
        _words(SENIORITIES, who.seniority),
        _words(SOURCES, who.source),
        _words(CAMPAIGNS, who.campaign),
    )


def _events(ids: pa.Array, epoch: int, events: Events) -> pa.Table:
    viewed = events.channel < len(PAGES)
    return _table(
        EVENTS,
        ids.take(events.lead),
        epoch + events.microsecond,
        _words(TYPES, events.channel),
        _words(PAGES, np.where(viewed, events.channel, -1)),
        pa.array(events.seconds, mask=~viewed),
    )


def _outcomes(
    rng: np.random.Generator,
    ids: pa.Array,
    epoch: int,
    standing: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
    closed_day: Ints,
    employees: Floats,
) -> pa.Table:
    closed = np.flatnonzero(standing >= WON)
    won = standing[closed] == WON
    occurred = closed_day[closed] * _DAY + rng.integers(8 * _HOUR, 18 * _HOUR, len(closed))
    value = np.where(won, deal_values(rng, employees[closed]), np.nan)
    return _table(
        OUTCOMES,
        ids.take(closed),
        epoch + occurred,
        _words(("won", "lost"), standing[closed].astype(np.int64) - WON),
        pa.array(value, from_pandas=True),
    )


def _table(schema: pa.Schema, *columns: object) -> pa.Table:
    """Build a table whose columns stand in the schema's order; microseconds become times."""
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, type=field.type)
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _words(vocabulary: tuple[str, ...], places: Ints) -> pa.Array:
    """Return the words at ``places``; null where a place is -1."""
    return pa.array(vocabulary).take(pa.array(places, mask=places < 0))


def _numbered(letter: str, numbers: Ints, width: int, most: int) -> list[str]:
    """Return ids of one width, so that they sort as their numbers do."""
    width = max(width, len(str(most)))
    return [f"{letter}-{number:0{width}d}" for number in numbers]
