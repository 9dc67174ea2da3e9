from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqmodel.calibration import Calibrator
from lqmodel.declarations import DAY, VERBS, DeclaredFeature, ProjectFiles, to_microseconds
from lqmodel.encoding import Encoding
from lqmodel.errors import BadData, ColumnMissing, WrongType
from lqmodel.languages import ENGLISH
from lqmodel.reasons import (
    CUT_OFF,
    ColumnWords,
    Families,
    LeadExplanation,
    Reason,
    Usual,
    explain_leads,
    join,
    reason_texts,
)
from lqmodel.reasons.raw import numbers
from lqmodel.treeshap import Contributions, TreeEnsemble

AS_OF = to_microseconds("2026-11-21T00:00:00Z", None)
EVIL = "<img src=x onerror=alert(1)>"
BENT = Calibrator(
    "isotonic", (-30.0, -2.0, 30.0), (-20.0, -3.0, 40.0), (-21.0, -3.5, 39.0), (-19.0, -2.5, 41.0)
)


def declare(name: str, kind: str = "engagement", **values) -> DeclaredFeature:
    feature = VERBS[values["verb"]].model_validate({"source": "events"} | values)
    return DeclaredFeature(name, kind, kind, feature)


VISITS = declare(
    "pricing_visits",
    verb="count",
    windows=["7d", "30d"],
    actionable=True,
    reason={
        "en": {
            "one": "{value} visit to the pricing page in the last {window}",
            "other": "{value} visits to the pricing page in the last {window}",
        }
    },
)
LAST = declare(
    "last_visit",
    verb="recency",
    direction="down",
    title="days since the last visit",
    reason={"en": {"one": "last visit {value} day ago", "other": "last visit {value} days ago"}},
)
TIME = declare(
    "time_on_site",
    verb="sum",
    column="duration_s",
    windows=["7d"],
    reason={"en": {"other": "{value} seconds on the site in the last {window}"}},
)
INDUSTRY = declare("industry", "fit", verb="attribute", column="industry", dtype="category")
SIZE = declare(
    "employees",
    "fit",
    verb="attribute",
    column="employees",
    dtype="number",
    title="company size",
    reason={"en": {"one": "{value} employee", "other": "{value} employees"}},
)
DECLARED = (VISITS, LAST, INDUSTRY, SIZE)


class World:
    """1,200 leads, a small ensemble trained on them, and the effects of all."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        n = 1200
        self.created = AS_OF - rng.integers(DAY, 300 * DAY, n)
        ages = (AS_OF - self.created).astype(np.float64) / DAY
        week = rng.poisson(0.6, n).astype(float)
        self.never = rng.random(n) < 0.3
        self.table = pa.table(
            {
                "pricing_visits_7d": week,
                "pricing_visits_30d": week + rng.poisson(0.8, n),
                "last_visit": np.where(self.never, ages + 1.0, rng.uniform(0, 60, n)),
                "industry": pa.array(
                    rng.choice(["retail", "software", EVIL, None], n, p=[0.5, 0.3, 0.02, 0.18])
                ),
                "employees": pa.array(
                    np.where(rng.random(n) < 0.2, np.nan, np.round(np.exp(rng.normal(5, 2, n))))
                ),
            }
        )
        dtypes = {c.name: c.dtype for f in DECLARED for c in f.columns()}
        encoding = Encoding.fit(self.table, dtypes)
        x = encoding.transform(self.table)
        at = {name: i for i, name in enumerate(encoding.names)}
        size = np.nan_to_num(np.log1p(x[:, at["employees"]]), nan=3.0)
        signal = 1.5 * week + (x[:, at["industry"]] == 1) + 0.4 * size - 0.04 * x[:, at["last_visit"]]
        won = (signal + rng.logistic(size=n) > 3).astype(float)
        options = {
            "objective": "binary",
            "num_leaves": 8,
            "verbosity": -1,
            "num_threads": 1,
            "min_data_in_leaf": 10,
        }
        data = lgb.Dataset(x, won, categorical_feature=encoding.categorical, free_raw_data=False)
        texts = [
            lgb.train(options | {"seed": seed, "feature_fraction": 0.6}, data, 30).model_to_string()
            for seed in (1, 2)
        ]
        self.families = Families.of(DECLARED, encoding.names)
        self.contributions = TreeEnsemble.from_texts(texts, x.shape[1]).explain(x)
        self.effects = self.families.measure(self.contributions, BENT)
        self.usual = Usual.fit(self.table, self.families, self.created, AS_OF)

    def explain(self, rows=None, **changes) -> list[LeadExplanation]:
        rows = np.arange(self.table.num_rows) if rows is None else np.asarray(rows)
        c = self.contributions
        effects = self.families.measure(Contributions(c.margin[rows], c.base, c.values[rows]), BENT)
        given = {
            "lead_ids": [f"L-{i}" for i in rows],
            "as_of": AS_OF,
            "stages": ["MQL"] * len(rows),
            "scores": [55.9] * len(rows),
            "created": self.created[rows],
            "usual": self.usual,
        }
        return explain_leads(effects, self.table.take(rows), BENT, **(given | changes))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_effects_lead_from_the_base_to_the_logit(world) -> None:
    effects = world.effects
    np.testing.assert_allclose(effects.base + effects.effects.sum(axis=1), effects.logit, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        effects.base + effects.fit + effects.engagement, effects.logit, rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(effects.logit, BENT.logit(world.contributions.margin))
    assert [f.name for f in world.families.declared] == [
        "employees",
        "industry",
        "last_visit",
        "pricing_visits",
    ]


def test_windows_are_one_family_and_signs_stay(world) -> None:
    names = [c.name for c in world.families.columns]
    columns = [names.index(f"pricing_visits_{w}") for w in ("7d", "30d")]
    total = world.contributions.values[:, columns].sum(axis=1)
    assert (np.sign(world.effects.effects[:, 3]) == np.sign(total)).all()
    assert set(np.unique(world.effects.speaker[:, 3])) == set(columns)


def test_the_column_that_speaks_pulls_the_familys_way() -> None:
    families = Families.of([VISITS], ["pricing_visits_30d", "pricing_visits_7d"])
    values = np.array([[0.3, -0.5], [0.6, -0.5], [-0.2, -0.1]])
    found = families.measure(Contributions(-2.0 + values.sum(axis=1), -2.0, values), BENT)
    assert found.speaker[:, 0].tolist() == [1, 0, 0]


def test_at_the_base_the_slope_scales() -> None:
    families = Families.of([SIZE, LAST], ["employees", "last_visit"])
    values = np.array([[0.5, -0.5], [0.5, -0.5 + 1e-12]])
    found = families.measure(Contributions(-1.0 + values.sum(axis=1), -1.0, values), BENT)
    slope = (40 + 3) / 32
    np.testing.assert_allclose(found.effects, [[0.5 * slope, -0.5 * slope]] * 2, rtol=1e-9)


@given(st.floats(-28, 28), st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_effects_add_up_for_any_margin(base, parts) -> None:
    families = Families.of([SIZE, LAST], ["employees", "last_visit"])
    values = np.array([parts])
    margin = np.clip(base + values.sum(axis=1), -30, 30)
    values[0, 1] = margin[0] - base - values[0, 0]
    found = families.measure(Contributions(margin, base, values), BENT)
    assert found.base + found.effects.sum() == pytest.approx(BENT.logit(margin)[0], abs=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_law8_a_large_family_adds_up_to_the_same_bits_in_any_batch(rows) -> None:
    """From 8 columns on, numpy's sum along a row takes another order where the rows are few."""
    days = [f"{n}d" for n in range(1, 13)]
    many = declare(
        "visits", verb="count", windows=days, reason={"en": {"other": "{value} in the last {window}"}}
    )
    families = Families.of([many], [column.name for column in many.columns()])
    values = np.random.default_rng(7).normal(size=(500, len(days)))
    margin = values.sum(axis=1) - 1.0
    found = families.measure(Contributions(margin, -1.0, values), BENT)
    for start in range(0, 500 - rows, 50):
        part = slice(start, start + rows)
        some = families.measure(Contributions(margin[part], -1.0, values[part]), BENT)
        assert some.effects.tobytes() == found.effects[part].tobytes()
        assert some.engagement.tobytes() == found.engagement[part].tobytes()


EIGHTHS = st.integers(0, 80).map(lambda n: n / 8)  # so close together that several are shown alike


@given(
    EIGHTHS,
    st.lists(EIGHTHS, min_size=3, max_size=3).map(sorted),
    st.sampled_from([VISITS, LAST, SIZE, TIME]),
)
def test_what_is_usual_never_ends_at_what_is_shown(value, quantiles, feature) -> None:
    words = ColumnWords(feature, feature.columns()[0])
    if words.usual(value, tuple(quantiles), None):
        assert words.shown(value) not in (words.shown(quantiles[0]), words.shown(quantiles[-1]))


def test_a_column_of_no_feature_is_refused() -> None:
    with pytest.raises(ColumnMissing, match="'shoe_size' belongs to no declared feature"):
        Families.of(DECLARED, ["shoe_size"])


# ── one lead ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_shown_factors_multiply_to_the_leads_odds(world) -> None:
    for why in world.explain(most=2):
        odds = why.base_probability / (1 - why.base_probability) * math.exp(why.rest)
        for reason in why.up + why.down:
            odds *= reason.factor
        assert math.log(odds) == pytest.approx(math.log(why.probability / (1 - why.probability)), abs=1e-6)
        assert why.low <= why.probability <= why.high
        assert [r.log_odds for r in why.up] == sorted((r.log_odds for r in why.up), reverse=True)
        assert [r.log_odds for r in why.down] == sorted(r.log_odds for r in why.down)
        assert all(r.log_odds >= CUT_OFF for r in why.up)
        assert all(r.log_odds <= -CUT_OFF for r in why.down)
        assert len(why.up) <= 2


def test_never_is_told_from_long_ago(world) -> None:
    said = {}
    for i, why in enumerate(world.explain()):
        for reason in why.up + why.down:
            if reason.family == "last_visit":
                said.setdefault(bool(world.never[i]), set()).add(reason.text.split(" ")[0])
                assert (reason.value is None) == world.never[i]
    assert said == {True: {"no"}, False: {"last"}}


def test_a_reason_carries_what_a_view_needs(world) -> None:
    reasons = [r for why in world.explain() for r in why.up + why.down]
    visits = next(r for r in reasons if r.family == "pricing_visits")
    assert (visits.kind, visits.title, visits.actionable) == ("engagement", "pricing visits", True)
    assert visits.column in ("pricing_visits_7d", "pricing_visits_30d")
    assert next(r for r in reasons if r.family == "industry").kind == "fit"
    rare = {r.sentence for r in reasons if r.family == "industry" and r.value == EVIL}
    assert len(rare) == 1
    assert rare.pop().startswith(f"industry: {EVIL} (rare: ")


def lead(**changes) -> LeadExplanation:
    def reason(log_odds: float, text: str, usual: str = "") -> Reason:
        return Reason("visits", "engagement", "visits", text, usual, log_odds, True, "visits_7d", 3.0)

    return replace(
        LeadExplanation(
            lead_id="L-1042",
            as_of=AS_OF,
            probability=0.31,
            low=0.24,
            high=0.384,
            base_probability=0.051,
            stage="sales-ready",
            score=70.99,
            up=(
                reason(0.83, "3 visits to the pricing page in the last 7 days", "usually 0"),
                reason(0.4, "x"),
            ),
            down=(reason(-0.34, "no e-mails opened in the last 30 days"),),
            fit=0.5,
            engagement=1.6,
            rest=0.05,
        ),
        **changes,
    )


def test_what_a_terminal_shows() -> None:
    assert str(lead()) == (
        "L-1042, 21 November 2026: about 3 in 10 (31%, likely 24% to 38%)\n"
        "sales-ready, score 70; starting from about 1 in 20\n"
        "\n"
        "  for       ×2.3  ██████████ ● 3 visits to the pricing page in the last 7 days (usually 0)\n"
        "            ×1.5  █████      ● x\n"
        "  against  ×0.71  ████       ● no e-mails opened in the last 30 days\n"
        "  all else  ×1.1\n"
        "\n"
        "  who they are ×1.6, what they do ×5.0 on the odds\n"
        "  ● marketing or sales can change this"
    )


def test_a_lead_without_reasons_shows_too() -> None:
    plain = lead(up=(), down=())
    assert "\n  all else ×1.1\n" in str(plain)
    assert "all else" in plain._repr_html_()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append(tag)

    def handle_data(self, data) -> None:
        self.text += data


def test_a_notebook_shows_it_and_nothing_in_it_runs(world) -> None:
    tags = Tags()
    evil = lead(lead_id=EVIL, stage=EVIL, up=(replace(lead().up[0], text=EVIL, usual=EVIL),))
    tags.feed(evil._repr_html_())
    assert set(tags.seen) == {"div", "svg", "title", "desc", "text", "circle", "path", "polygon"}
    assert tags.text.count(EVIL) == 8  # each once as seen, once as told


def test_a_terminal_is_safe_from_control_characters() -> None:
    assert "\x1b" not in str(lead(lead_id="L\x1b[2J", stage="a\nb"))


def test_json_holds_everything() -> None:
    stored = json.loads(json.dumps(lead().to_json(), allow_nan=False))
    assert stored["as_of"] == "2026-11-21T00:00:00Z"
    assert stored["up"][0]["factor"] == pytest.approx(math.exp(0.83))
    assert stored["up"][0]["text"] == "3 visits to the pricing page in the last 7 days"
    assert (stored["rest"], stored["down"][0]["actionable"]) == (0.05, True)


# ── all leads ────────────────────────────────────────────────────────────────────────────────────────────────


def test_texts_of_all_leads_say_what_explanations_say(world) -> None:
    up, down = reason_texts(world.effects, world.table, created=world.created, as_of=AS_OF, most=2)
    for i, why in enumerate(world.explain(most=2)):
        assert up[i] == "; ".join(map(str, why.up))
        assert down[i] == "; ".join(map(str, why.down))
    assert any("; " in text for text in up)


def test_order_and_batches_change_no_text(world) -> None:
    whole = reason_texts(world.effects, world.table, created=world.created, as_of=AS_OF)
    order = np.random.default_rng(0).permutation(world.table.num_rows)[:100]
    c = world.contributions
    part = world.families.measure(Contributions(c.margin[order], c.base, c.values[order]), BENT)
    some = reason_texts(part, world.table.take(order), created=world.created[order], as_of=AS_OF)
    assert some == tuple([side[i] for i in order] for side in whole)


def test_no_leads(world) -> None:
    empty = Contributions(np.empty(0), -1.0, np.empty((0, 5)))
    effects = world.families.measure(empty, BENT)
    assert reason_texts(effects, world.table.slice(0, 0)) == ([], [])


def test_what_does_not_fit_is_refused(world) -> None:
    with pytest.raises(BadData, match="3 rows of values and 1200"):
        reason_texts(world.effects, world.table.slice(0, 3))
    with pytest.raises(ColumnMissing, match="'employees' is not among"):
        reason_texts(world.effects, world.table.drop_columns(["employees"]))
    words = world.table.set_column(4, "employees", pa.array(["many"] * 1200))
    with pytest.raises(WrongType, match="'employees' is declared as a number but holds string"):
        reason_texts(world.effects, words)


@pytest.mark.slow
def test_twenty_thousand_leads_in_a_few_seconds() -> None:
    rng = np.random.default_rng(0)
    declared = [declare(f"f{i}", verb="count", windows=["7d"]) for i in range(40)]
    families = Families.of(declared, [f"f{i}_7d" for i in range(40)])
    values = rng.normal(0, 0.5, (20_000, 40))
    table = pa.table({c.name: rng.uniform(0, 1000, 20_000) for c in families.columns})
    start = time.process_time()
    effects = families.measure(Contributions(-2 + values.sum(axis=1), -2.0, values), BENT)
    up, _ = reason_texts(effects, table)
    assert time.process_time() - start < 5
    assert all(text.count(";") == 2 for text in up)


@given(st.lists(st.text(max_size=20), max_size=6), st.integers(0, 60))
def test_joined_reasons_are_cut_at_an_end(reasons, limit) -> None:
    reasons = [r for r in reasons if r]
    joined = join(reasons, limit)
    assert len(joined) <= limit
    wholes = ["; ".join(reasons[:k]) for k in range(len(reasons) + 1)]
    assert joined in wholes or joined == (reasons[0][: limit - 1] + "…")[:limit]


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def say(feature: DeclaredFeature, value, column: int = 0) -> str:
    return ColumnWords(feature, feature.columns()[column]).text(value)


def counted(text: str, window: str = "30d", **values) -> DeclaredFeature:
    return declare("x_y", verb=values.pop("verb", "count"), windows=[window], reason={"en": text}, **values)


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        (VISITS, 3.0, "3 visits to the pricing page in the last 7 days"),
        (VISITS, 1.0, "1 visit to the pricing page in the last 7 days"),
        (VISITS, 0.0, "no visits to the pricing page in the last 7 days"),
        (VISITS, 1200.0, "1,200 visits to the pricing page in the last 7 days"),
        (VISITS, None, "pricing visits unknown for the last 7 days"),
        (counted("{value} mails in the last {window}", "24h"), 2.0, "2 mails in the last 24 hours"),
        (counted("{value} mails in the last {window}", "1d"), 2.0, "2 mails in the last day"),
        (counted("{value} mails in the last {window}", "1w"), 2.0, "2 mails in the last week"),
        (counted("{value} mails in the last {window}", "ever"), 2.0, "2 mails"),
        (counted("{value} mails in the last {window}", "ever"), 0.0, "no mails so far"),
        (counted("{value} mails over the past {window} opened", "ever"), 2.0, "2 mails opened"),
        (counted("unsubscribed", "ever"), 1.0, "unsubscribed"),
        (counted("unsubscribed", "ever"), 0.0, "not unsubscribed"),
        (counted({"zero": "quiet for {window}", "other": "{value} acts"}), 0.0, "quiet for 30 days"),
        (LAST, 3.9, "last visit 3 days ago"),
        (LAST, 1.2, "last visit 1 day ago"),
        (LAST, 0.4, "last visit today"),
        (LAST, math.nan, "no visit so far"),
        (declare("last_click", verb="recency"), 5.5, "last click: 5 days ago"),
        (declare("last_click", verb="recency"), 0.5, "last click: today"),
        (declare("last_click", verb="recency"), None, "no click so far"),
        (declare("age", verb="recency", title="days since the start"), 5.5, "days since the start: 5"),
        (declare("age", verb="recency", title="age of the lead"), None, "age of the lead: never"),
        (INDUSTRY, "retail", "industry: retail"),
        (INDUSTRY, None, "industry unknown"),
        (INDUSTRY, "a\u202eb\x1b\n {window} " + 80 * "c", "industry: a b {window} " + 46 * "c" + "…"),
        (SIZE, 1200.0, "1,200 employees"),
        (SIZE, 1.0, "1 employee"),
        (SIZE, None, "company size unknown"),
        (SIZE, 0.0, "0 employees"),
        (counted("{value} seconds on the site in the last {window}", verb="sum", column="s"), 150.0,
         "3 minutes on the site in the last 30 days"),
        (counted("{value} seconds on the site in the last {window}", verb="sum", column="s"), 45.0,
         "45 seconds on the site in the last 30 days"),
        (counted("{value} seconds on the site in the last {window}", verb="sum", column="s"), 0.0,
         "no time on the site in the last 30 days"),
        (counted("{value} seconds on the site", verb="sum", column="s"), 9000.0, "2.5 hours on the site"),
        (counted("{value} EUR spent in the last {window}", verb="sum", column="s"), 0.0,
         "0 EUR spent in the last 30 days"),
        (declare("filled", "fit", verb="completeness", of=["a"], reason={"en": "{value} of the profile"}), 2 / 3,
         "67% of the profile"),
        (declare("filled", "fit", verb="completeness", of=["a"]), 1.0, "filled: 100%"),
        (counted("visits {change} on the {window} before", "7d", verb="trend"), math.log(2),
         "visits up ×2.0 on the 7 days before"),
        (counted("visits {change} on the {window} before", "7d", verb="trend"), 0.0,
         "visits unchanged on the 7 days before"),
        (counted("visits {change} on the {window} before", "7d", verb="trend"), None, "x y unknown for the last 7 days"),
        (declare("x_y", verb="trend", windows=["7d"]), math.log(1 / 3), "x y: down to a third on the 7 days before"),
        (declare("x_y", verb="count", windows=["7d"]), 3.0, "x y in the last 7 days: 3"),
        (declare("x_y", verb="count", windows=["7d"]), 0.0, "no x y in the last 7 days"),
        (declare("x_y", verb="count", windows=["ever"]), 3.0, "x y: 3"),
        (declare("x_y", verb="count", windows=["7d"], reason={"de": "{value} Besuche"}), 1.0, "x y in the last 7 days: 1"),
        (declare("spent", verb="sum", column="s", windows=["7d"]), 12.34, "spent in the last 7 days: 12.3"),
        (declare("visits", verb="active_days", windows=["7d"]), 3.0, "visits: on 3 days in the last 7 days"),
        (declare("visits", verb="active_days", windows=["7d"]), 1.0, "visits: on 1 day in the last 7 days"),
        (declare("visits", verb="active_days", windows=["7d"]), 0.0, "no visits in the last 7 days"),
        (declare("visits", verb="active_days", windows=["ever"]), 3.0, "visits: on 3 days"),
        (declare("visits", verb="active_days", windows=["ever"]), 0.0, "no visits"),
        (declare("busy_days", verb="active_days", windows=["7d"]), 3.0, "busy days in the last 7 days: 3"),
        (counted("{value} days with visits in the last {window}", verb="active_days"), 0.0,
         "no days with visits in the last 30 days"),
        (declare("stay", verb="mean", column="s", windows=["7d"]), 12.34, "stay in the last 7 days: on average 12.3"),
        (declare("stay", verb="mean", column="s", windows=["7d"]), None, "stay unknown for the last 7 days"),
        (counted("{value} seconds a visit in the last {window}", verb="mean", column="s"), 150.0,
         "3 minutes a visit in the last 30 days"),
        (counted("{value} seconds a visit", verb="mean", column="s"), 0.0, "0 seconds a visit"),
        (declare("basket", verb="max", column="s", windows=["ever"]), 1200.0, "basket: at most 1,200"),
        (declare("basket", verb="max", column="s", windows=["7d"]), 0.0, "basket in the last 7 days: at most 0"),
        (declare("basket", verb="max", column="s", windows=["ever"]), None, "basket unknown"),
        (declare("pricing_share", verb="share", where={"a": 1}, windows=["7d"]), 0.314,
         "pricing share in the last 7 days: 31%"),
        (declare("pricing_share", verb="share", where={"a": 1}, windows=["7d"]), 0.0,
         "pricing share in the last 7 days: 0%"),
        (counted("{value} of the visits were to the pricing page", verb="share", where={"a": 1}), 1.0,
         "100% of the visits were to the pricing page"),
        (declare("visits", verb="decayed", half_life="30d"), 2.36, "visits, recent ones counting most: 2.36"),
        (declare("visits", verb="decayed", half_life="30d"), 0.0, "no recent visits"),
        (declare("x_y", verb="decayed", half_life="30d", reason={"en": "{value} recent visits"}), 0.0,
         "no recent visits"),
        (declare("first_visit", verb="tenure"), 5.5, "first visit: 5 days ago"),
        (declare("first_visit", verb="tenure"), 0.5, "first visit: today"),
        (declare("first_visit", verb="tenure"), None, "no visit so far"),
        (declare("x_y", verb="tenure", reason={"en": "first call {value} days ago"}), None, "no call so far"),
        (declare("last_page", verb="latest", column="p", dtype="category"), "pricing", "last page: pricing"),
        (declare("last_page", verb="latest", column="p", dtype="category"), None, "last page unknown"),
        (declare("seats", verb="latest", column="p", dtype="number"), 12.0, "seats: 12"),
    ],
)  # fmt: skip
def test_words(feature, value, words) -> None:
    assert say(feature, value) == words


@pytest.mark.parametrize(
    ("feature", "value", "quantiles", "words"),
    [
        (VISITS, 3.0, (0.0, 0.0, 1.0), "usually 0 or 1"),
        (VISITS, 3.0, (0.0, 0.0, 0.0), "usually 0"),
        (VISITS, 30.0, (0.0, 3.0, 12.0), "usually 0 to 12"),
        (VISITS, 3.0, (0.0, 3.0, 12.0), ""),
        (VISITS, None, (0.0, 3.0, 12.0), ""),
        (VISITS, 3.0, None, ""),
        (LAST, 3.0, (3.7, 3.8, 3.9), ""),
        (LAST, 70.0, (3.2, 9.0, 31.9), "usually 3 to 31 days ago"),
        (LAST, 9.0, (0.0, 0.4, 1.0), "usually 0 or 1 days ago"),
        (LAST, 9.0, (1.2, 1.4, 1.9), "usually 1 day ago"),
        (LAST, 32.4, (3.2, 9.0, 32.1), ""),  # both are "32 days"
        (LAST, 3.9, (3.95, 9.0, 32.1), ""),
    ],
)
def test_what_is_usual(feature, value, quantiles, words) -> None:
    assert ColumnWords(feature, feature.columns()[0]).usual(value, quantiles, None) == words


def test_rare_levels_are_called_rare() -> None:
    words = ColumnWords(INDUSTRY, INDUSTRY.columns()[0])
    shares = {"retail": 0.6, "zoo": 0.004}
    found = [words.usual(level, None, shares) for level in ("retail", "zoo", "moon")]
    assert found == ["", "rare: 0.4% of leads", "rare"]


def test_numbers_are_calm() -> None:
    assert [ENGLISH.number(x) for x in (0.05, 0.0001, 99.96, 3.10, -1500.0)] == [
        "0.05",
        "almost 0",
        "100",
        "3.1",
        "-1,500",
    ]
    assert [ENGLISH.percent(x) for x in (0.02, 0.0996, 0.9951)] == ["2.0%", "10%", "over 99%"]
    assert ENGLISH.change(math.log(20)) == "up ×20"
    assert ENGLISH.odds(0.5) == "about 5 in 10"


@given(st.floats(1e-9, 1 - 1e-9))
def test_every_probability_has_words(p) -> None:
    said = ENGLISH.odds(p)
    assert said.split(" ")[0] in ("about", "fewer", "more")
    if said.startswith("about"):
        k, n = (float(said.split(" ")[i].replace(",", "")) for i in (1, 3))
        assert abs(k / n - p) < 0.06


# ── what is usual ────────────────────────────────────────────────────────────────────────────────────────────


def test_never_speaks_for_a_lead_only_because_it_is_new() -> None:
    text = {"en": {"other": "last visit {value} days ago"}}
    dated, free = (
        ColumnWords(feature, feature.columns()[0])
        for more in ({"direction": "down"}, {})
        for feature in [declare("last_visit", verb="recency", reason=text, **more)]
    )
    assert dated.told(None, 0.3) == "no visit so far, but a new lead"
    assert dated.told(None, -0.3) == free.told(None, 0.3) == "no visit so far"
    assert dated.told(3.0, 0.3) == "last visit 3 days ago"


def test_usual_leaves_never_and_missing_out_and_goes_through_json(world) -> None:
    usual = world.usual
    days = world.table.column("last_visit").to_numpy()[~world.never]
    assert usual.numbers["last_visit"][0] == np.quantile(days, 0.1, method="inverted_cdf")
    assert Usual.fit(world.table, world.families).numbers["last_visit"][2] > usual.numbers["last_visit"][2]
    assert sum(usual.levels["industry"].values()) == pytest.approx(1)
    assert next(iter(usual.levels["industry"])) == "retail"
    assert Usual.from_json(json.loads(json.dumps(usual.to_json()))) == usual
    order = np.random.default_rng(1).permutation(world.table.num_rows)
    assert Usual.fit(world.table.take(order), world.families, world.created[order], AS_OF) == usual
    for broken in ({}, {"numbers": {"a": [2, 1, 0]}, "levels": {}}, {"numbers": [], "levels": {}}):
        with pytest.raises(BadData, match="usual"):
            Usual.from_json(broken)


def test_a_constrained_tenure_of_zero_is_never() -> None:
    tenure = declare("first_visit", verb="tenure", direction="up")
    free = declare("first_visit", verb="tenure")
    table = pa.table({"first_visit": [0.0, 1e-11, None]})
    assert np.isnan(numbers(table, tenure.columns()[0])).tolist() == [True, False, True]
    assert np.isnan(numbers(table, free.columns()[0])).tolist() == [False, False, True]


def test_every_declared_column_of_the_example_has_words() -> None:
    declarations = ProjectFiles.read(Path(__file__).parent.parent).declarations()
    for feature in (*declarations.features, *declarations.facts):
        for column in feature.columns():
            values = ["x", None] if column.dtype == "category" else [0.0, 0.5, 1.0, 2.0, 5000.0, None]
            values += [-0.7] if column.verb == "trend" else []
            for value in values:
                text = ColumnWords(feature, column).text(value)
                assert text == text.strip()
                assert "{" not in text
                assert "  " not in text
                assert "1 days" not in text


def test_scoring_stays_light_and_english_without_babel() -> None:
    code = """
import sys
import lqmodel.calibration, lqmodel.reasons, lqmodel.stages, lqmodel.treeshap
print([m for m in ("lightgbm", "sklearn", "scipy", "pandas", "mlflow", "shap", "babel") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
