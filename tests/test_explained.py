"""What a fit looks at on held-out snapshots: moves, gains, the beeswarm, the typical lead, and what is said of it."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Trained

from lqmodel.api import open_project
from lqmodel.declarations import VERBS, DeclaredFeature
from lqmodel.errors import BadData
from lqmodel.explained import donors, sampled
from lqmodel.importance import LEVEL, Importance, gains_of, importance
from lqmodel.intervals import Draws
from lqmodel.metrics import row_losses
from lqmodel.reasons import Effects, Families
from lqmodel.reasons.swarm import MOST, SORTS, WIDTH, Swarm, draw_swarm, shared, swarm, thirds
from lqmodel.tracked import tracked, verdict
from lqmodel.typical import draw_typical, typical

NS = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>&\"'\x1b"


def declare(name: str, kind: str = "engagement", **values: Any) -> DeclaredFeature:
    feature = VERBS[values["verb"]].model_validate({"source": "events"} | values)
    return DeclaredFeature(name, kind, kind, feature)  # type: ignore[arg-type]


VISITS = declare("visits", verb="count", windows=["7d", "30d"])
LAST = declare("last_visit", verb="recency", direction="down")
INDUSTRY = declare("industry", "fit", verb="attribute", column="industry", dtype="category")
SIZE = declare("employees", "fit", verb="attribute", column="employees", dtype="number", title="company size")
COLUMNS = ["visits_7d", "visits_30d", "last_visit", "industry", "employees"]
FAMILIES = Families.of([VISITS, LAST, INDUSTRY, SIZE], COLUMNS)
NAMES = [f.name for f in FAMILIES.declared]  # employees, industry, last_visit, visits


class World:
    """900 snapshots of 300 leads: visits and size tell something, industry nothing, and the last visit is idle."""

    def __init__(self, seed: int = 0, n: int = 900) -> None:
        rng = np.random.default_rng(seed)
        self.groups = np.repeat(np.arange(n // 3), 3)
        visits, size = rng.poisson(0.7, n).astype(float), np.round(np.exp(rng.normal(4, 1, n)))
        effects = np.zeros((n, 4))
        effects[:, NAMES.index("visits")] = 0.9 * (visits - 0.7)
        effects[:, NAMES.index("employees")] = 0.6 * (np.log(size) - 4)
        effects[:, NAMES.index("industry")] = 0.1 * rng.normal(size=n)
        base = -1.5
        self.truth = base + effects[:, [NAMES.index("visits"), NAMES.index("employees")]].sum(axis=1)
        self.won = (rng.random(n) < 1 / (1 + np.exp(-self.truth))).astype(float)
        speaker = np.tile(
            [COLUMNS.index(c) for c in ("employees", "industry", "last_visit", "visits_7d")], (n, 1)
        )
        logit = base + effects.sum(axis=1)
        self.effects = Effects(FAMILIES, logit, base, base, logit, effects, speaker)
        self.values = pa.table(
            {
                "visits_7d": visits,
                "visits_30d": visits,
                "last_visit": rng.uniform(0, 50, n),
                "industry": pa.array(rng.choice(["retail", "software", None], n)),
                "employees": pa.array(np.where(rng.random(n) < 0.2, None, size), pa.float64()),
            }
        )

        self.gains = gains_of(
            effects, [[i] for i in range(4)], self.loss_of, [rng.permutation(n) for _ in range(4)]
        )

    def loss_of(self, effects: Any) -> Any:
        logit = self.effects.base + effects.sum(axis=1)
        return row_losses(self.won, 1 / (1 + np.exp(-logit)))

    def measured(self, **options: Any) -> Importance:
        return importance(self.effects, self.gains, self.values, self.won, self.groups, **options)

    def metrics(self) -> dict[str, Any]:
        found = self.measured()
        p = 1 / (1 + np.exp(-self.effects.logit))
        best = typical(self.effects, p, {"mql": 0.2, "sales_ready": 0.5})
        return json.loads(  # type: ignore[no-any-return]
            json.dumps(
                {
                    "families": [f.to_json() for f in found.families],
                    "importance": {**found.to_json(), "of": len(self.won)},
                    "swarm": swarm(self.effects, self.values).to_json(),
                    "typical": {**vars(best), "effects": dict(best.effects)},
                }
            )
        )


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def subset(effects: Effects, rows: Any) -> Effects:
    return Effects(
        effects.families, effects.margin[rows], effects.base_margin, effects.base, effects.logit[rows],
        effects.effects[rows], effects.speaker[rows],
    )  # fmt: skip


# ── importance ───────────────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 50), st.integers(1, 30), st.integers(1, 3))
def test_gains_are_what_the_loss_grows_by(seed: int, n: int, deals: int) -> None:
    """Against a plain loop; families of one and of several columns."""
    rng = np.random.default_rng(seed)
    x, members = rng.normal(size=(n, 5)), ((0,), (2, 4), (1, 3))
    donors = [rng.permutation(n) for _ in range(deals)]
    weights = rng.normal(size=5)

    def loss_of(rows: Any) -> Any:
        return np.sin(rows @ weights) + rows[:, 0] * rows[:, 4]

    before = x.copy()
    found = gains_of(x, members, loss_of, donors)
    assert (x == before).all()
    for row in range(n):
        for family, columns in enumerate(members):
            grown = []
            for donor in donors:
                told = x[row].copy()
                for column in columns:
                    told[column] = x[donor[row], column]
                grown.append(loss_of(told[None])[0] - loss_of(x[row][None])[0])
            assert found[row, family] == pytest.approx(np.mean(grown), abs=1e-12)


def test_what_tells_something_gains_and_what_does_not_holds_zero(world: World) -> None:
    found = {f.name: f for f in world.measured().families}
    assert [f.name for f in world.measured().families] == ["visits", "employees", "industry", "last_visit"]
    assert found["visits"].gain.low > 0
    assert found["employees"].gain.low > 0
    assert found["industry"].gain.low <= 0 <= found["industry"].gain.high
    assert vars(found["last_visit"].gain) == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["industry"].weight.low > 0  # why the weight cannot say whether it is needed
    assert world.measured().gain.low > 0


def test_weights_and_counts(world: World) -> None:
    found = world.measured()
    for family in found.families:
        column = world.effects.effects[:, NAMES.index(family.name)]
        assert family.weight.value == pytest.approx(np.abs(column).mean())
        assert family.up - family.down == pytest.approx(family.weight.value)
        assert family.weight.low <= family.weight.value <= family.weight.high
        assert family.gain.low <= family.gain.value <= family.gain.high
    assert (found.snapshots, found.groups, found.wins) == (900, 300, int(world.won.sum()))
    seen = {f.name: f.seen for f in found.families}
    visits = world.values["visits_7d"].to_numpy()
    assert seen["visits"] == pytest.approx((visits > 0).mean())
    assert seen["employees"] == pytest.approx(1 - world.values["employees"].null_count / 900)
    assert seen["industry"] == pytest.approx(1 - world.values["industry"].null_count / 900)
    assert seen["last_visit"] == 1.0


def test_the_order_of_rows_and_the_names_of_groups_change_nothing(world: World) -> None:
    order = np.random.default_rng(5).permutation(900)
    turned = importance(
        subset(world.effects, order),
        world.gains[order],
        world.values.take(order),
        world.won[order],
        world.groups[order],
    )
    assert [f.to_json() for f in turned.families] == [f.to_json() for f in world.measured().families]
    assert turned.to_json() == world.measured().to_json()


def test_intervals_are_clustered(world: World) -> None:
    def width(groups: Any) -> float:
        found = importance(world.effects, world.gains, world.values, world.won, groups)
        return found.families[0].gain.high - found.families[0].gain.low

    # every row three times over, as snapshots of one lead: no more is known than before
    three = np.repeat(np.arange(900), 3)
    tripled = importance(
        subset(world.effects, three), world.gains[three], world.values.take(three), world.won[three], three
    ).families[0]
    assert tripled.gain.high - tripled.gain.low == pytest.approx(width(np.arange(900)), rel=1e-6)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 5))
def test_means_of_columns_are_those_of_the_plain_bootstrap(n: int, groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, units = rng.normal(size=(n, 3)), rng.integers(groups, size=n).astype(np.uint64)
    draws = Draws(units, seed, 30)

    def mean(i: int) -> Any:
        return lambda weight: float(np.average(values[:, i], weights=weight))

    plain = draws.estimates({str(i): mean(i) for i in range(3)})
    for fast, slow in zip(draws.means(values), plain.values(), strict=True):
        assert vars(fast) == pytest.approx(vars(slow), abs=1e-12)
    wide, narrow = draws.means(values, 0.95)[0], draws.means(values, LEVEL)[0]
    assert wide.low <= narrow.low <= narrow.high <= wide.high


def test_lengths_that_differ_are_refused(world: World) -> None:
    with pytest.raises(BadData, match="equally many"):
        importance(world.effects, world.gains, world.values, world.won[1:], world.groups)


# ── the beeswarm ─────────────────────────────────────────────────────────────────────────────────────────────


def test_every_snapshot_is_counted_once(world: World) -> None:
    found = swarm(world.effects, world.values)
    assert [c.name for c in found.clusters] == [
        "visits",
        "employees",
        "industry",
    ]  # what moves nothing is left out
    for cluster in found.clusters:
        counts = np.array([getattr(cluster, sort) for sort in SORTS])
        assert counts.sum() == 900
        assert list(cluster.bins) == sorted(set(cluster.bins))
        effects = world.effects.effects[:, NAMES.index(cluster.name)]
        by_hand = np.bincount(np.searchsorted(cluster.bins, np.floor(effects / found.step + 0.5)))
        assert counts.sum(axis=0).tolist() == by_hand.tolist()
    by_name = {c.name: c for c in found.clusters}
    assert sum(by_name["industry"].other) == 900  # a category has no order
    assert sum(by_name["employees"].other) == world.values["employees"].null_count
    assert Swarm.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_high_values_stand_where_they_move(world: World) -> None:
    (visits,) = (c for c in swarm(world.effects, world.values).clusters if c.name == "visits")
    high, low = (np.average(visits.bins, weights=getattr(visits, sort)) for sort in ("high", "low"))
    assert high > 0 > low


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=60))
def test_thirds_keep_the_order(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    found = thirds(array)
    assert ((found == 3) == np.isnan(array)).all()
    order = np.argsort(array[found < 3], kind="stable")
    assert (np.diff(found[found < 3][order]) >= 0).all()
    for value in set(values):
        assert len(set(found[array == value].tolist())) <= 1  # equal values, one sort
    if len(set(values) - {math.nan}) == 1 and not np.isnan(array).any():
        assert set(found.tolist()) == {0}


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4), st.integers(0, 20))
def test_dots_are_dealt_in_proportion(counts: list[int], dots: int) -> None:
    found = shared(counts, dots)
    if sum(counts):
        assert sum(found) == dots
        for n, c in zip(found, counts, strict=True):
            assert abs(n - dots * c / sum(counts)) < 1


def test_it_is_drawn_inside_its_frame_and_the_same_each_time(world: World) -> None:
    found = swarm(world.effects, world.values)
    drawing = draw_swarm(found, "Families")
    assert drawing == draw_swarm(Swarm.from_json(found.to_json()), "Families")
    root = ET.fromstring(drawing.svg)
    marks = [p for p in root.iter(f"{NS}path") if "class" in p.attrib]
    assert {p.attrib["class"] for p in marks} == {f"lq-{sort}" for sort in SORTS}
    for mark in marks:
        for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", mark.attrib["d"]):
            assert 0 < float(x) < WIDTH
            assert 0 < float(y) < drawing.height
    titles = [t.text for t in root.iter(f"{NS}text")]
    assert [t for t in titles if t in ("visits", "company size", "industry")] == [
        "visits",
        "company size",
        "industry",
    ]
    fullest = max(p.attrib["d"].count("M") for p in marks)
    assert fullest > MOST
    told = root.find(f"{NS}desc")
    assert told is not None
    assert re.search(r"visits: ×0\.\d+ to ×[\d.]+ for nine in ten; low values ×0\.", told.text or "")


def test_a_swarm_of_nothing_and_of_hostile_titles(world: World) -> None:
    ET.fromstring(draw_swarm(Swarm(0.01, ()), "nothing").svg)
    idle = Effects(
        FAMILIES, np.zeros(3), 0.0, 0.0, np.zeros(3), np.zeros((3, 4)), np.zeros((3, 4), dtype=np.int64)
    )
    assert swarm(idle, world.values.slice(0, 3)).clusters == ()
    found = swarm(world.effects, world.values).to_json()
    found["clusters"][0]["title"] = EVIL * 20
    svg = draw_swarm(Swarm.from_json(found), EVIL).svg
    tags = {e.tag.removeprefix(NS) for e in ET.fromstring(svg).iter()}
    assert tags == {"svg", "title", "desc", "text", "path"}
    assert "\x1b" not in svg


# ── the typical lead ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_typical_lead_is_the_mean_of_the_highest_band(world: World) -> None:
    p = 1 / (1 + np.exp(-world.effects.logit))
    found = typical(world.effects, p, {"sales_ready": 0.5, "mql": 0.2})
    inside = p >= 0.5
    assert (found.band, found.snapshots) == ("sales_ready", inside.sum())
    mean = world.effects.logit[inside].mean()
    assert found.base + sum(found.effects.values()) == pytest.approx(mean, abs=1e-12)
    assert typical(world.effects, p, {"sales_ready": 1.0, "mql": 0.999}).band == "below"


def test_it_is_drawn_by_the_same_hand(world: World) -> None:
    metrics = world.metrics()
    drawing = draw_typical(metrics["typical"], metrics["families"], "sales-ready")
    root = ET.fromstring(drawing.svg)
    texts = [t.text for t in root.iter(f"{NS}text")]
    assert texts[0] is not None
    assert texts[0].startswith(f"the mean of {metrics['typical']['snapshots']:,} held-out snapshots")
    assert "all else" in texts
    assert [p.attrib["class"] for p in root.iter(f"{NS}polygon")][:3] == ["lq-up", "lq-up", "lq-rest"]


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_families_are_told_apart_in_plain_words(world: World) -> None:
    found = tracked(world.metrics())
    assert found is not None
    groups = {v.title: [f.title for f in v.families] for v in found.verdicts}
    assert groups == {
        "These matter": ["visits", "company size"],
        "Not shown to matter": ["industry"],
        "Recorded, and never used": ["last visit"],
    }
    assert found.said[0] == "Of 4 families 2 are shown to matter, visits and company size before all."
    assert found.said[1] == "For 2 it cannot be told from chance."
    assert [v.in_full for v in found.verdicts] == [True, False, False]
    first = found.verdicts[0].families[0]
    assert re.fullmatch(r"\d+\.\d% to \d+\.\d%", first.span)
    value, low, high, zero = first.ends
    assert 0 <= zero < low < value < high <= 100


@pytest.mark.parametrize(
    ("low", "high", "weight", "seen", "said"),
    [
        (0.1, 0.2, 1.0, 0.5, "proven"),
        (0.1, 0.2, 1.0, 0.001, "proven"),  # rare, and it matters all the same
        (-0.2, -0.1, 1.0, 0.5, "worse"),
        (-0.1, 0.1, 1.0, 0.5, "open"),
        (0.0, 0.1, 1.0, 0.5, "open"),
        (0.0, 0.0, 0.0, 0.5, "unused"),
        (0.0, 0.0, 0.0, 0.0, "scarce"),
        (-0.1, 0.1, 1.0, 0.009, "scarce"),
    ],
)
def test_verdicts(low: float, high: float, weight: float, seen: float, said: str) -> None:
    assert verdict({"gain_low": low, "gain_high": high, "weight": weight, "seen": seen}) == said


def test_harm_and_nothing_at_all_have_words(world: World) -> None:
    metrics = world.metrics()
    for family in metrics["families"]:
        family |= {"gain": -0.1, "gain_low": -0.2, "gain_high": -0.05}
    found = tracked(metrics)
    assert found is not None
    assert found.said[:2] == ("Of 4 families none is shown to matter on its own.", "4 did harm.")
    assert [v.title for v in found.verdicts] == ["These did harm"]
    metrics["importance"]["gain"]["value"] = -0.01  # a model that gains nothing has no shares
    found = tracked(metrics)
    assert found is not None
    assert found.verdicts[0].families[0].share == "–"
    assert tracked({"families": metrics["families"]}) is None


# ── which snapshots ──────────────────────────────────────────────────────────────────────────────────────────


def test_samples_and_deals_do_not_hang_on_the_order_of_rows(company: Trained) -> None:
    snapshots = open_project(company.root).training_set().split()[1]
    keys = np.char.add(snapshots.lead_ids.astype(str), snapshots.as_of.astype(str))
    order = np.random.default_rng(3).permutation(len(snapshots))
    turned = replace(snapshots, table=snapshots.table.take(order))
    chosen, again = sampled(snapshots, 300), sampled(turned, 300)
    assert chosen.sum() == 300
    assert set(keys[chosen]) == set(keys[order][again])
    for donor, other in zip(donors(snapshots), donors(turned), strict=True):
        assert sorted(donor.tolist()) == list(range(len(snapshots)))
        assert (donor != np.arange(len(snapshots))).all()  # told of another, not of itself
        assert dict(zip(keys, keys[donor], strict=True)) == dict(
            zip(keys[order], keys[order][other], strict=True)
        )
    first, second, *_ = donors(snapshots)
    assert (first != second).mean() > 0.9
