"""Won against lost: shares, quartiles and ranks against plain Python, the same for any order, and few or no rows."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.contrasts import SHOWN, contrasts
from lqmodel.declarations import DAY, Declarations
from lqmodel.matching import SCALE, Matched, placements, quantiles, weights
from lqmodel.trainingset import Snapshots
from lqmodel.wonlost import Contrast, WonLost, speakers, won_against_lost

EVIL = "<img src=x onerror=alert(1)>"
WEEK = 7 * DAY
START = 20_000 * DAY


def declared(clock: bool = True) -> Declarations:
    """Declare visits in three windows, days since the last one, its trend; country and size."""
    count = {"source": "events", "verb": "count", "windows": ["7d", "30d", "90d"]}
    words = {
        "en": {"one": "{value} visit in the last {window}", "other": "{value} visits in the last {window}"}
    }
    acts = {
        "kind": "engagement",
        "visits": {**count, "reason": words},
        "demos": {"source": "events", "verb": "count", "windows": ["30d"]},
        "last_visit": {"source": "events", "verb": "recency", "title": "days since the last visit"},
        "trend": {"source": "events", "verb": "trend", "windows": ["30d"], "title": "trend of visits"},
    }
    attribute = {"source": "leads", "verb": "attribute"}
    who = {
        "kind": "fit",
        "country": {**attribute, "column": "country", "dtype": "category"},
        "size": {**attribute, "column": "size", "dtype": "number"},
    }
    leads: dict[str, Any] = {"uri": "leads.parquet", "key": "id"}
    model: dict[str, Any] = {
        "features": ["acts", "who"] if clock else ["who"],
        "label": {"source": "outcomes" if clock else "leads", "where": {"outcome": "won"}},
        "stages": {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.2}},
    }
    sources = {"leads": leads}
    if clock:
        leads["occurred_at"] = "at"
        sources |= {
            n: {"uri": f"{n}.parquet", "key": "id", "occurred_at": "at"} for n in ("events", "outcomes")
        }
        model["label"]["horizon"] = "60d"
        model["population"] = {"every": "7d"}
    files = {"acts": acts, "who": who} if clock else {"who": who}
    return Declarations.from_json({"name": "m", "sources": sources, "features": files, "model": model})


Row = dict[str, Any]


def snapshots(rows: list[Row], clock: bool = True) -> Snapshots:
    """Build snapshots of rows with lead, week, won and any features; what a row lacks is missing."""
    declarations = declared(clock)
    moments = [START + row["week"] * WEEK for row in rows]
    known = [m + 3 * DAY if row["won"] else None for m, row in zip(moments, rows, strict=True)]
    stamp = pa.timestamp("us", "UTC")
    table = {
        "lead_id": pa.array([row["lead"] for row in rows], pa.string()),
        "as_of": pa.array(moments if clock else [None] * len(rows), pa.int64()).cast(stamp),
        "created": pa.array([START - 10 * DAY] * len(rows) if clock else [None] * len(rows), pa.int64()).cast(
            stamp
        ),
        "group": pa.array([row.get("account", row["lead"]) for row in rows], pa.string()),
        "won": pa.array([row["won"] for row in rows], pa.int8()),
        "__won_known": pa.array(known if clock else [None] * len(rows), pa.int64()),
    }
    for column in declarations.columns():
        dtype = pa.string() if column.dtype == "category" else pa.float64()
        table[column.name] = pa.array([row.get(column.name) for row in rows], dtype)
    return Snapshots(pa.table(table), declarations.columns(), declarations, {})


def world(seed: int, leads: int = 400) -> list[Row]:
    """Leads that live for some weeks; who visits more is won more often, in its last week."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for i in range(leads):
        keen, start, life = rng.random(), int(rng.integers(6)), int(rng.integers(1, 7))
        won = rng.random() < keen / 2
        country = [None, "DE", "AT", EVIL][int(rng.integers(4))]
        for week in range(start, start + life):
            never = rng.random() < 0.3
            rows.append(
                {
                    "lead": f"L{i}",
                    "account": f"A{i // 2}",
                    "week": week,
                    "won": int(won and week >= start + life - 2),
                    "visits_30d": None if rng.random() < 0.1 else float(rng.poisson(4 * keen)),
                    "demos_30d": float(rng.random() < 0.01),
                    "last_visit": None if never else float(rng.integers(0, 60)) / (0.5 + keen),
                    "trend_30d": float(rng.normal(keen)),
                    "country": country,
                    "size": float(rng.integers(1, 500)),
                }
            )
    return rows


def sides(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Choose winners and others in plain Python."""
    last: dict[str, Row] = {}
    for row in rows:
        if row["won"] and row["week"] >= last.get(row["lead"], row)["week"]:
            last[row["lead"]] = row
    weeks = {w["week"] for w in last.values()} & {r["week"] for r in rows if not r["won"]}
    winners = [w for w in last.values() if w["week"] in weeks]
    return winners, [r for r in rows if not r["won"] and r["week"] in weeks]


def weighed(winners: list[Row], others: list[Row]) -> list[Fraction]:
    """Share each week's winners out among its others."""

    def n(side: list[Row], week: int) -> int:
        return sum(r["week"] == week for r in side)

    return [Fraction(n(winners, r["week"]), n(others, r["week"])) for r in others]


def share(values: list[bool], weight: list[Fraction]) -> float:
    return float(sum(w for v, w in zip(values, weight, strict=True) if v) / sum(weight))


def of(found: WonLost, column: str, level: str | None = None) -> Contrast:
    return next(c for c in found.contrasts if (c.column, c.level) == (column, level))


@pytest.fixture(scope="module")
def found() -> WonLost:
    return won_against_lost(snapshots(world(1)), draws=50)


def test_numbers_agree_with_plain_python(found: WonLost) -> None:
    winners, others = sides(world(1))
    assert (found.won, found.others) == (len(winners), len({r["lead"] for r in others}))
    assert (found.snapshots, found.days, found.unmatched) == (len(others), 3.0, 0)
    known = (
        [r for r in others if r["visits_30d"] is not None],
        [r for r in winners if r["visits_30d"] is not None],
    )
    weight = weighed(known[1], known[0])
    seen = of(found, "visits_30d")
    ordered = sorted(zip((r["visits_30d"] for r in known[0]), weight, strict=True))
    middle = next(
        v for i, (v, _) in enumerate(ordered) if sum(w for _, w in ordered[: i + 1]) * 2 >= sum(weight)
    )
    assert seen.others.middle == middle
    assert seen.won.middle == sorted(r["visits_30d"] for r in known[1])[(len(known[1]) - 1) // 2]
    assert (seen.bar, seen.at) == ("at least", middle)
    reached = share([r["visits_30d"] >= middle for r in known[0]], weight)
    assert seen.others.share.value == pytest.approx(reached, abs=1e-5)
    more = [
        Fraction(
            sum((a["visits_30d"] > b["visits_30d"]) - (a["visits_30d"] < b["visits_30d"]) for b in rivals),
            len(rivals),
        )
        for a in known[1]
        for rivals in [[b for b in known[0] if b["week"] == a["week"]]]
        if rivals
    ]
    assert seen.apart.value == pytest.approx(float(sum(more) / len(more)), abs=1e-5)
    assert seen.apart.low < seen.apart.value < seen.apart.high
    assert seen.told_apart
    assert seen.lift is None


def test_categories_agree_with_plain_python(found: WonLost) -> None:
    winners, others = sides(world(1))
    weight = weighed(winners, others)
    for level in ("DE", "AT", EVIL, None):
        ours, theirs = [r["country"] == level for r in winners], [r["country"] == level for r in others]
        seen = of(found, "country", level)
        assert seen.bar == ("unknown" if level is None else "is")
        assert seen.won.share.value == pytest.approx(sum(ours) / len(ours), abs=1e-5)
        assert seen.others.share.value == pytest.approx(share(theirs, weight), abs=1e-5)
        assert seen.apart.value == pytest.approx(seen.won.share.value - seen.others.share.value, abs=1e-9)
        assert seen.lift is not None
        assert seen.lift.value == pytest.approx(seen.won.share.value / seen.others.share.value, abs=1e-9)


def test_never_is_longer_ago_than_any_day(found: WonLost) -> None:
    winners, others = sides(world(1))
    days = [math.inf if r["last_visit"] is None else r["last_visit"] for r in winners]
    seen = of(found, "last_visit")
    assert seen.won.middle == sorted(days)[len(days) // 2]
    assert seen.won.high is None  # three in ten have never visited
    assert seen.bar == "within"
    inside = share(
        [(math.inf if r["last_visit"] is None else r["last_visit"]) <= (seen.at or 0) for r in others],
        weighed(winners, others),
    )
    assert seen.others.share.value == pytest.approx(inside, abs=1e-5)
    assert seen.apart.value > 0  # winners were there more recently


def test_what_happened_to_too_few_is_rare_and_not_compared(found: WonLost) -> None:
    assert ("demos_30d", 1) in found.rare
    assert all(c.column != "demos_30d" for c in found.contrasts)


def test_what_is_not_known_is_told(found: WonLost) -> None:
    winners, others = sides(world(1))
    missing = next(u for u in found.unmeasured if u.column == "visits_30d")
    assert missing.won == pytest.approx(sum(r["visits_30d"] is None for r in winners) / len(winners))
    unknown = share([r["visits_30d"] is None for r in others], weighed(winners, others))
    assert missing.others == pytest.approx(unknown, abs=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rows = world(2, leads=60)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    one, other = (json.dumps(won_against_lost(snapshots(r), draws=10).to_json()) for r in (rows, shuffled))
    assert one == other


@given(
    won=st.lists(st.booleans(), min_size=2, max_size=40).filter(lambda w: 0 < sum(w) < len(w)),
    data=st.data(),
)
@settings(deadline=None)
def test_both_sides_of_a_week_weigh_the_same(won: list[bool], data: st.DataObject) -> None:
    week = data.draw(st.lists(st.integers(0, 2), min_size=len(won), max_size=len(won)))
    side, stratum = np.array(won), np.array(week)
    weight = weights(side, stratum)
    for w in set(week):
        ours, others = side & (stratum == w), ~side & (stratum == w)
        if ours.any() and others.any():
            assert weight[ours].sum() == ours.sum() * SCALE
            assert abs(weight[others].sum() - weight[ours].sum()) <= others.sum()


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 1)), min_size=4, max_size=30))
@settings(deadline=None)
def test_both_sides_place_the_same_chance(drawn: list[tuple[int, bool, int]]) -> None:
    drawn += [(0, won, week) for won in (True, False) for week in (0, 1)]  # no side of a week is empty
    values = np.array([float(v) for v, _, _ in drawn])
    won, stratum = np.array([w for _, w, _ in drawn]), np.array([s for _, _, s in drawn])
    placed, weight = placements(values, won, stratum) / SCALE, weights(won, stratum) / SCALE
    ours = placed[won].mean()
    assert float(placed[~won] @ weight[~won] / weight[~won].sum()) == pytest.approx(ours, abs=1e-4)
    turned = placements(-values, won, stratum) / SCALE
    assert turned[won].mean() == pytest.approx(1 - ours, abs=1e-4)


def test_quartiles_are_values_that_occur() -> None:
    values = np.array([9.0, 1.0, 5.0, 7.0])
    assert quantiles(values, np.array([1, 1, 1, 1]), (0.25, 0.5, 0.75)) == [1.0, 5.0, 7.0]
    assert quantiles(values, np.array([97, 1, 1, 1]), (0.25, 0.5, 0.75)) == [9.0, 9.0, 9.0]


def test_of_several_windows_the_one_nearest_to_a_month_speaks() -> None:
    assert [c.name for c in speakers(declared().columns()) if c.family == "visits"] == ["visits_30d"]


def test_each_winner_counts_once_at_its_last_snapshot() -> None:
    rows = [{"lead": "w", "week": w, "won": int(w > 0), "visits_30d": float(w)} for w in range(3)]
    rows += [{"lead": "o", "week": w, "won": 0, "visits_30d": 0.0} for w in range(3)]
    chosen = snapshots(rows)
    matched = Matched.of(chosen)
    assert matched.won.tolist() == [True, False]
    assert [chosen.table["visits_30d"][int(i)].as_py() for i in matched.rows] == [2.0, 0.0]


def test_a_winner_without_anybody_beside_it_is_left_out_and_counted() -> None:
    rows = [
        {"lead": "w", "week": 0, "won": 1},
        {"lead": "v", "week": 1, "won": 1},
        {"lead": "o", "week": 1, "won": 0},
    ]
    found = won_against_lost(snapshots(rows), draws=5)
    assert (found.won, found.others, found.unmatched) == (1, 1, 1)
    alone = won_against_lost(snapshots(rows[:1]), draws=5)
    assert (alone.won, alone.contrasts, alone.unmatched) == (0, (), 1)
    json.dumps(alone.to_json(), allow_nan=False)


def test_two_levels_are_told_once() -> None:
    rows = [
        {"lead": str(i), "week": 0, "won": int(i < 40), "country": "DE" if i % 4 else "AT"}
        for i in range(120)
    ]
    levels = [c.level for c in won_against_lost(snapshots(rows), draws=5).contrasts if c.column == "country"]
    assert levels == ["AT"]


def test_without_a_clock_all_leads_stand_together() -> None:
    rows = [{"lead": str(i), "week": 0, "won": int(i % 3 == 0), "size": float(i % 7)} for i in range(90)]
    found = won_against_lost(snapshots(rows, clock=False), draws=10)
    assert (found.won, found.others, found.days) == (30, 60, None)
    assert of(found, "size").won.leads == 30


def test_a_large_input_takes_a_second_or_two() -> None:
    rng = np.random.default_rng(0)
    n, declarations = 200_000, declared()
    lead = np.arange(n) // 10
    stamp = pa.timestamp("us", "UTC")
    table = {
        "lead_id": pa.array(lead.astype(str)),
        "as_of": pa.array(START + (np.arange(n) % 10) * WEEK).cast(stamp),
        "created": pa.array(np.full(n, START - DAY)).cast(stamp),
        "group": pa.array(lead.astype(str)),
        "won": pa.array(((lead % 20 == 0) & (np.arange(n) % 10 > 7)).astype(np.int8)),
        "__won_known": pa.array(np.full(n, START + 99 * WEEK)),
        **{
            c.name: pa.array(rng.poisson(2, n).astype(float))
            for c in declarations.columns()
            if c.dtype == "number"
        },
        "country": pa.array(rng.choice([f"level {i}" for i in range(300)], n)),
    }
    found = won_against_lost(Snapshots(pa.table(table), declarations.columns(), declarations, {}), draws=20)
    assert (found.won, found.others) == (1_000, 19_000)
    assert not any(c.told_apart for c in found.contrasts if c.column == "visits_30d")
    assert dict(found.rare)["country"] > 200  # of three winners each


@pytest.mark.slow
def test_intervals_hold_the_truth_19_times_in_20() -> None:
    """Nothing tells winners from others here: 0 is the truth, and leads share their luck over weeks."""
    covered = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        rows: list[Row] = []
        for i in range(150):
            usual, won = float(rng.integers(0, 9)), rng.random() < 0.2
            rows += [
                {"lead": f"L{i}", "week": w, "won": int(won and w == 5), "size": usual + rng.integers(2)}
                for w in range(6)
            ]
        apart = of(won_against_lost(snapshots(rows), draws=100, random_state=seed), "size").apart
        covered.append(apart.low <= 0 <= apart.high)
    assert np.mean(covered) >= 0.90


# ── in words ────────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_are_in_the_fields_words(found: WonLost) -> None:
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    shown = contrasts(declared(), stored)
    assert (shown.won, shown.others, shown.days) == (found.won, found.others, "3 days")
    assert [k.title for k in shown.kinds] == ["What they did", "Who they are"]
    rows = {r.name: r for k in shown.kinds for r in (*k.shown, *k.folded)}
    visits = of(found, "visits_30d")
    row = rows["visits in the last 30 days"]
    low, middle, high = (f"{v:.0f}" for v in (visits.won.low, visits.won.middle, visits.won.high))
    assert row.values.startswith(f"winners {middle} ({low} to {high}), others ")
    assert row.bar == f"{visits.at:.0f} or more"
    assert row.apart == f"{50 + 50 * visits.apart.value:.0f} of 100 pairs"
    assert row.known == f"known for {visits.won.leads} winners and {visits.others.leads} others"
    assert "never" in rows["days since the last visit"].values
    assert rows["days since the last visit"].bar.endswith(" days or less")
    assert rows["trend of visits against the 30 days before"].bar == "rising"
    assert rows["trend of visits against the 30 days before"].values == ""
    assert rows["country: DE"].apart.startswith("lift ")
    assert "country: not known" in rows
    assert shown.rare == ("demos in the last 30 days",)
    assert shown.unmeasured[0].startswith("visits in the last 30 days: not known for ")


def test_what_cannot_be_told_apart_is_folded(found: WonLost) -> None:
    stored = found.to_json()
    shown = contrasts(declared(), stored)
    assert shown.rows == len(found.contrasts)
    open_rows = sum(len(k.shown) for k in shown.kinds)
    assert open_rows == sum(c.told_apart for c in found.contrasts)
    many = {**stored, "contrasts": [c for c in stored["contrasts"] if c["column"] == "visits_30d"] * 40}
    kind = contrasts(declared(), many).kinds[0]
    assert (len(kind.shown), len(kind.folded)) == (SHOWN, 40 - SHOWN)
