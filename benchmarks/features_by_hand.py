"""The benchmark's features, declared for lqmodel and written by hand for its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lqmodel.declarations import DAY
from lqmodel.engine import AS_OF, KEY, KNOWN, OCCURRED

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

LAG = 3_600_000_000
COUNTS: dict[str, tuple[dict[str, str], tuple[int, ...]]] = {
    "visits": ({"type": "page_view"}, (7, 30, 90)),
    "pricing": ({"type": "page_view", "page": "pricing"}, (7, 30, 90)),
    "service": ({"type": "page_view", "page": "service"}, (7, 30, 90)),
    "cases": ({"type": "page_view", "page": "case_study"}, (7, 30, 90)),
    "opens": ({"type": "email_open"}, (7, 30, 90)),
    "clicks": ({"type": "email_click"}, (7, 30, 90)),
    "whitepapers": ({"type": "whitepaper_download"}, (30, 90)),
    "ebooks": ({"type": "ebook_download"}, (30, 90)),
    "signups": ({"type": "webinar_registered"}, (30, 90)),
    "webinars": ({"type": "webinar_attended"}, (30, 90)),
    "forms": ({"type": "contact_form"}, (30, 90)),
    "demos": ({"type": "demo_requested"}, (30, 90)),
    "proposals": ({"type": "proposal_requested"}, (30, 90)),
    "social": ({"type": "social_engagement"}, (90,)),
}
TRENDS = {"visits_trend": ("page_view", (7, 30)), "opens_trend": ("email_open", (30,))}
LAST = {
    "last_visit": {"type": "page_view"},
    "last_pricing": {"type": "page_view", "page": "pricing"},
    "last_click": {"type": "email_click"},
}
COLUMNS: dict[str, dict[str, Any]] = {
    **{
        n: {"verb": "count", "where": w, "windows": [f"{d}d" for d in days]}
        for n, (w, days) in COUNTS.items()
    },
    **{
        n: {"verb": "trend", "where": {"type": t}, "windows": [f"{d}d" for d in days]}
        for n, (t, days) in TRENDS.items()
    },
    **{n: {"verb": "recency", "where": w} for n, w in LAST.items()},
    "dwell": {
        "verb": "sum",
        "column": "duration_s",
        "where": {"type": "page_view"},
        "windows": ["7d", "30d"],
    },
    "kinds": {"verb": "distinct", "column": "page", "where": {"type": "page_view"}, "windows": ["30d"]},
}
"""42 columns."""


def sql(events: str, as_of: int | None, snapshots: str = "") -> str:
    """Return one SELECT with a filtered aggregate for each column; of a plain join where there are snapshots."""
    moment = str(as_of) if as_of is not None else f"s.{AS_OF}"

    def fits(where: dict[str, str], oldest: int, newest: int = 0) -> str:
        terms = [f"{column} = '{value}'" for column, value in where.items()]
        terms += [f"{OCCURRED} >= {moment} - {oldest * DAY}"] if oldest else []
        terms += [f"{OCCURRED} < {moment} - {newest * DAY}"] if newest else []
        return f"FILTER (WHERE {' AND '.join(terms)})"

    def n(where: dict[str, str], oldest: int, newest: int = 0) -> str:
        return f"count(*) {fits(where, oldest, newest)}"

    columns = [f"{n(w, d)} AS {name}_{d}d" for name, (w, days) in COUNTS.items() for d in days]
    columns += [
        f"ln(({n({'type': t}, d)} + 1.0) / ({n({'type': t}, 2 * d, d)} + 1.0)) AS {name}_{d}d"
        for name, (t, days) in TRENDS.items()
        for d in days
    ]
    columns += [
        f"({moment} - max({OCCURRED}) {fits(w, 0)}) / {float(DAY)} AS {name}" for name, w in LAST.items()
    ]
    view = {"type": "page_view"}
    columns += [f"coalesce(sum(duration_s) {fits(view, d)}, 0) AS dwell_{d}d" for d in (7, 30)]
    columns.append(f"count(DISTINCT page) {fits(view, 30)} AS kinds_30d")
    if as_of is not None:
        return f"SELECT {KEY}, {', '.join(columns)} FROM {events} WHERE {KNOWN} < {as_of} GROUP BY {KEY}"
    return f"""SELECT s.{KEY}, s.{AS_OF}, {", ".join(columns)} FROM {snapshots} AS s
        JOIN {events} AS e ON e.{KEY} = s.{KEY} AND e.{KNOWN} < s.{AS_OF} GROUP BY s.{KEY}, s.{AS_OF}"""


def _polars(moment: pl.Expr) -> list[pl.Expr]:
    import polars as pl

    age, kind, page = moment - pl.col(OCCURRED), pl.col("type"), pl.col("page")

    def fits(where: dict[str, str]) -> pl.Expr:
        term = kind == where["type"]
        return term & (page == where["page"]) if "page" in where else term

    def n(where: dict[str, str], oldest: int, newest: int = 0) -> pl.Expr:
        inside = fits(where) & (age <= oldest * DAY)
        return (inside & (age > newest * DAY) if newest else inside).sum()

    found = [n(w, d).alias(f"{name}_{d}d") for name, (w, days) in COUNTS.items() for d in days]
    found += [
        ((n({"type": t}, d) + 1.0) / (n({"type": t}, 2 * d, d) + 1.0)).log().alias(f"{name}_{d}d")
        for name, (t, days) in TRENDS.items()
        for d in days
    ]
    found += [(age.filter(fits(w)).min() / DAY).alias(name) for name, w in LAST.items()]
    view = kind == "page_view"
    found += [
        pl.col("duration_s").filter(view & (age <= d * DAY)).sum().alias(f"dwell_{d}d") for d in (7, 30)
    ]
    found.append(page.filter(view & (age <= 30 * DAY)).drop_nulls().n_unique().alias("kinds_30d"))
    return found


def polars_at_once(events: pl.DataFrame | pl.LazyFrame, as_of: int) -> pl.DataFrame:
    """One group-by in Polars."""
    import polars as pl

    known = events.lazy().filter(pl.col(KNOWN) < as_of)
    return known.group_by(KEY).agg(_polars(pl.lit(as_of))).collect()


def polars_joined(events: pl.DataFrame, snapshots: pl.DataFrame) -> pl.DataFrame:
    """A join and a group-by in Polars."""
    import polars as pl

    joined = snapshots.lazy().join(events.lazy(), on=KEY).filter(pl.col(KNOWN) < pl.col(AS_OF))
    return joined.group_by(KEY, AS_OF).agg(_polars(pl.col(AS_OF))).collect()


def pandas_at_once(events: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Ids to numbers once, masks once each, then NumPy's bincount for every column."""
    import pandas as pd

    lead, ids = pd.factorize(events[KEY])
    occurred = events[OCCURRED].to_numpy()
    known, age = events[KNOWN].to_numpy() < as_of, as_of - occurred
    masks: dict[tuple[str, str], np.ndarray] = {}

    def is_(column: str, value: str) -> np.ndarray:
        if (column, value) not in masks:
            masks[column, value] = (events[column] == value).fillna(False).to_numpy(bool)
        return masks[column, value]

    def fits(where: dict[str, str]) -> np.ndarray:
        rows = known.copy()
        for column, value in where.items():
            rows &= is_(column, value)
        return np.flatnonzero(rows)

    def n(rows: np.ndarray, oldest: int, newest: int = 0) -> np.ndarray:
        old = age[rows]
        inside = (old <= oldest * DAY) & (old > newest * DAY) if newest else old <= oldest * DAY
        return np.bincount(lead[rows[inside]], minlength=len(ids))

    columns: dict[str, Any] = {KEY: ids}
    for name, (where, days) in COUNTS.items():
        rows = fits(where)
        columns |= {f"{name}_{d}d": n(rows, d) for d in days}
    for name, (kind, days) in TRENDS.items():
        rows = fits({"type": kind})
        for d in days:
            columns[f"{name}_{d}d"] = np.log((n(rows, d) + 1.0) / (n(rows, 2 * d, d) + 1.0))
    for name, where in LAST.items():
        rows = fits(where)
        last = pd.Series(occurred[rows]).groupby(lead[rows]).max()
        columns[name] = (as_of - last.reindex(np.arange(len(ids))).to_numpy()) / DAY
    rows = fits({"type": "page_view"})
    duration = events["duration_s"].to_numpy()
    for d in (7, 30):
        inside = rows[age[rows] <= d * DAY]
        columns[f"dwell_{d}d"] = np.bincount(lead[inside], np.nan_to_num(duration[inside]), len(ids))
    page, _ = pd.factorize(events["page"].iloc[inside])
    pairs = pd.unique((lead[inside].astype(np.int64) << 32 | page)[page >= 0])
    columns["kinds_30d"] = np.bincount(pairs >> 32, minlength=len(ids))
    table = pd.DataFrame(columns)
    return table[np.bincount(lead[known], minlength=len(ids)) > 0]
