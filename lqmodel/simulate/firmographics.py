"""Who the simulated leads are, and how well they fit.

Fit is a deterministic function of what the leads table shows, so that the table determines every
lead's chain. Unknown employees or revenue count as a neutral constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from lqmodel.errors import BadData, ColumnMissing
from lqmodel.simulate.chain import Floats, Ints

# Value → (share, effect on fit); industry also: revenue per employee in EUR, effect of being large.
_INDUSTRY: Final = {
    "manufacturing": (0.24, 0.20, 220_000, 0.55),
    "software": (0.24, 0.20, 140_000, -0.55),
    "logistics": (0.13, 0.00, 180_000, 0.00),
    "finance": (0.11, 0.20, 300_000, 0.00),
    "healthcare": (0.10, 0.00, 110_000, 0.00),
    "retail": (0.10, -0.50, 250_000, 0.00),
    "education": (0.08, -0.50, 80_000, 0.00),
}
_COUNTRY: Final = {
    "DE": (0.38, 0.05),
    "AT": (0.10, 0.05),
    "CH": (0.09, 0.05),
    "NL": (0.10, 0.00),
    "NO": (0.09, 0.00),
    "RO": (0.12, -0.05),
    "GB": (0.12, -0.05),
}
_SENIORITY: Final = {
    "c_level": (0.12, 0.40),
    "director": (0.20, 0.40),
    "manager": (0.34, 0.00),
    "specialist": (0.24, -0.40),
    "assistant": (0.10, -0.40),
}
# Source → (share, effect on fit, readiness: log-odds to begin awake rather than dormant).
_SOURCE: Final = {
    "organic_search": (0.22, 0.10, 0.5),
    "paid_search": (0.15, 0.00, 0.4),
    "social": (0.11, -0.10, -0.2),
    "referral": (0.09, 0.50, 1.3),
    "event": (0.17, -0.60, -3.2),  # trade-fair lists: many of them never engage
    "webinar": (0.10, 0.10, 0.8),
    "partner": (0.07, 0.50, 0.7),
    "direct": (0.09, 0.10, 0.7),
}
# Campaign → (source it belongs to, share of that source, effect on fit); the rest have none.
_CAMPAIGN: Final = {
    "search_brand": ("paid_search", 0.35, 0.20),
    "search_generic": ("paid_search", 0.50, -0.10),
    "social_awareness": ("social", 0.45, -0.10),
    "social_retargeting": ("social", 0.30, 0.10),
    "fair_spring": ("event", 0.55, 0.00),
    "fair_autumn": ("event", 0.40, 0.00),
    "webinar_basics": ("webinar", 0.50, -0.10),
    "webinar_practice": ("webinar", 0.40, 0.10),
    "partner_programme": ("partner", 0.60, 0.00),
}

INDUSTRIES: Final = tuple(_INDUSTRY)
COUNTRIES: Final = tuple(_COUNTRY)
SENIORITIES: Final = tuple(_SENIORITY)
SOURCES: Final = tuple(_SOURCE)
CAMPAIGNS: Final = tuple(_CAMPAIGN)

_NO_EMPLOYEES: Final = 0.12  # share of companies whose size is unknown
_NO_REVENUE: Final = 0.25
_MEAN: Final = 0.15  # of the summed effects
_SPREAD: Final = 0.97


@dataclass(frozen=True)
class Firmographics:
    """What is known of who the leads are; every array has shape (leads,).

    Parameters
    ----------
    industry, country, seniority, source : ndarray of int64
        Places in ``INDUSTRIES``, ``COUNTRIES``, ``SENIORITIES`` and ``SOURCES``.
    campaign : ndarray of int64
        Place in ``CAMPAIGNS``; -1 for none.
    employees : ndarray of float64
        Head count, 1 or more; NaN where unknown.
    revenue : ndarray of float64
        Yearly revenue in EUR, above 0; NaN where unknown.
    """

    industry: Ints
    country: Ints
    seniority: Ints
    source: Ints
    campaign: Ints
    employees: Floats
    revenue: Floats

    @classmethod
    def from_table(cls, leads: pa.Table) -> Firmographics:
        """Read the columns of a leads table, as ``simulate`` writes it.

        Raises
        ------
        ColumnMissing
            When a column is not there.
        BadData
            When a column holds a value that the simulated company does not know.
        """
        return cls(
            industry=_places(leads, "industry", INDUSTRIES),
            country=_places(leads, "country", COUNTRIES),
            seniority=_places(leads, "seniority", SENIORITIES),
            source=_places(leads, "source", SOURCES),
            campaign=_places(leads, "campaign", CAMPAIGNS, nullable=True),
            employees=_numbers(leads, "employees"),
            revenue=_numbers(leads, "revenue"),
        )


def fit(who: Firmographics) -> Floats:
    """Return how well each lead fits, about standardised, within -3 to 3.

    Mid-size companies fit best; large is good in manufacturing but bad in software; the head
    of a large company rarely buys in person. No sum of single effects says this: trees find it.

    Parameters
    ----------
    who : Firmographics

    Returns
    -------
    ndarray, shape (leads,), float64
    """
    size = np.log10(who.employees)
    sweet_spot = 0.85 * (np.tanh(8 * (size - 1.5)) - np.tanh(8 * (size - 2.7)) - 1)  # 30 to 500 people
    large = np.tanh(8 * (size - 2.1))
    by_industry = _column(_INDUSTRY, 3)[who.industry] * large
    top_of_large = np.where((who.seniority == SENIORITIES.index("c_level")) & (size > 2.7), -0.6, 0.0)
    revenue = 0.1 * np.tanh(np.log10(who.revenue) - 7.2)
    effects = (
        _column(_INDUSTRY, 1)[who.industry]
        + _column(_COUNTRY, 1)[who.country]
        + _column(_SENIORITY, 1)[who.seniority]
        + _column(_SOURCE, 1)[who.source]
        + np.append(_column(_CAMPAIGN, 2), 0.0)[who.campaign]  # -1 takes the last: none
        + np.nan_to_num(sweet_spot, nan=0.0)
        + np.nan_to_num(by_industry, nan=0.0)
        + top_of_large
        + np.nan_to_num(revenue, nan=0.0)
    )
    return np.asarray(np.clip((effects - _MEAN) / _SPREAD, -3, 3))


def readiness(who: Firmographics) -> Floats:
    """Return the log-odds, by source, to begin awake rather than dormant, shape (leads,)."""
    return _column(_SOURCE, 2)[who.source]


@dataclass(frozen=True)
class Drawn:
    """Leads as drawn, with what only the company itself knows.

    Parameters
    ----------
    who : Firmographics
        What the leads table shows.
    account : ndarray, shape (leads,), int64
        Place of the lead's company, from 0; leads of one account share industry, country and size.
    employees : ndarray, shape (leads,), float64
        True head count, known or not; deal values grow with it.
    """

    who: Firmographics
    account: Ints
    employees: Floats


def draw(rng: np.random.Generator, leads: int) -> Drawn:
    """Draw leads; about one in three shares its company with others.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    leads : int
        How many, 1 or more.

    Returns
    -------
    Drawn
    """
    account = _draw_accounts(rng, leads)
    accounts = int(account.max()) + 1
    industry = _draw_shares(rng, _column(_INDUSTRY, 0), accounts)
    country = _draw_shares(rng, _column(_COUNTRY, 0), accounts)
    employees = np.clip(np.round(10 ** rng.normal(2.1, 0.75, accounts)), 1, 50_000)
    per_head = _column(_INDUSTRY, 2)[industry] * np.exp(rng.normal(0, 0.4, accounts))
    revenue = np.round(employees * per_head, -3)
    known_employees = np.where(rng.random(accounts) < _NO_EMPLOYEES, np.nan, employees)
    known_revenue = np.where(rng.random(accounts) < _NO_REVENUE, np.nan, revenue)

    source = _draw_shares(rng, _column(_SOURCE, 0), leads)
    who = Firmographics(
        industry=industry[account],
        country=country[account],
        seniority=_draw_shares(rng, _column(_SENIORITY, 0), leads),
        source=source,
        campaign=_draw_campaigns(rng, source),
        employees=known_employees[account],
        revenue=known_revenue[account],
    )
    return Drawn(who, account, employees[account])


def _draw_accounts(rng: np.random.Generator, leads: int) -> Ints:
    sizes = np.array([1, 2, 3, 5])
    lead_shares = np.array([0.67, 0.16, 0.10, 0.07])
    odds = lead_shares / sizes
    drawn = rng.choice(sizes, leads, p=odds / odds.sum())
    account = rng.permutation(np.repeat(np.arange(leads), drawn)[:leads])
    _, first, place = np.unique(account, return_index=True, return_inverse=True)
    by_appearance = np.empty(len(first), dtype=np.int64)
    by_appearance[np.argsort(first)] = np.arange(len(first))
    return np.asarray(by_appearance[place])


def _draw_campaigns(rng: np.random.Generator, source: Ints) -> Ints:
    campaign = np.full(len(source), -1, dtype=np.int64)
    chance = rng.random(len(source))
    for place, name in enumerate(SOURCES):
        own = [each for each, entry in enumerate(_CAMPAIGN.values()) if entry[0] == name]
        below = np.cumsum([_CAMPAIGN[CAMPAIGNS[each]][1] for each in own])
        of_source = np.flatnonzero(source == place)
        rank = (chance[of_source, None] >= below).sum(axis=1)
        campaign[of_source] = np.array([*own, -1])[rank]
    return campaign


def _draw_shares(rng: np.random.Generator, shares: Floats, count: int) -> Ints:
    return np.asarray(rng.choice(len(shares), count, p=shares / shares.sum()), dtype=np.int64)


def _column(table: Mapping[str, tuple[float | str, ...]], place: int) -> Floats:
    return np.array([entry[place] for entry in table.values()], dtype=np.float64)


def _places(table: pa.Table, name: str, allowed: tuple[str, ...], *, nullable: bool = False) -> Ints:
    place: dict[object, int] = {value: each for each, value in enumerate(allowed)}
    if nullable:
        place[None] = -1
    values = _values(table, name)
    unknown = [value for value in values if value not in place]
    if unknown:
        raise BadData(
            f"{unknown[0]!r} is no {name} of the simulated company",
            where=f"leads, column {name}",
            exists=allowed,
            do="use a leads table that simulate wrote",
        )
    return np.array([place[value] for value in values], dtype=np.int64)


def _numbers(table: pa.Table, name: str) -> Floats:
    return np.array([np.nan if value is None else value for value in _values(table, name)], dtype=np.float64)


def _values(table: pa.Table, name: str) -> list[object]:
    if name not in table.column_names:
        raise ColumnMissing(
            f"no column {name!r}",
            where="leads",
            exists=table.column_names,
            do="use a leads table that simulate wrote",
        )
    values: list[object] = table[name].to_pylist()
    return values


def deal_values(rng: np.random.Generator, employees: Floats) -> Floats:
    """Draw what each won deal is worth in EUR, growing with the root of size; NaN (about 4 %) where unknown.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    employees : ndarray, shape (deals,), float64
        True head count, 1 or more.

    Returns
    -------
    ndarray, shape (deals,), float64
        Whole hundreds, 100 or more.
    """
    worth = 9_000 * np.sqrt(employees / 100) * np.exp(rng.normal(0, 0.5, len(employees)))
    worth = np.maximum(np.round(worth, -2), 100.0)
    return np.asarray(np.where(rng.random(len(employees)) < 0.04, np.nan, worth))
