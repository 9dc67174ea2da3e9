"""What changed, from two rows of a lead: effects that add up, time told from acts, words in four languages."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqmodel.calibration import Calibrator
from lqmodel.declarations import DAY, VERBS, DeclaredFeature, to_microseconds
from lqmodel.encoding import Encoding
from lqmodel.languages import NAMES, Language
from lqmodel.reasons import CUT_OFF, Change, ColumnWords, Compared, Families, Move, Since
from lqmodel.reasons.change import COMPARED, SHOWN
from lqmodel.reasons.passing import passed
from lqmodel.reasons.raw import RawColumns
from lqmodel.treeshap import Difference, TreeEnsemble

THEN = to_microseconds("2026-11-14T00:00:00Z", None)
NOW = THEN + 7 * DAY
BENT = Calibrator(
    "isotonic", (-30.0, -2.0, 30.0), (-20.0, -3.0, 40.0), (-21.0, -3.5, 39.0), (-19.0, -2.5, 41.0)
)
PAGES = {
    "en": {
        "one": "{value} page seen in the last {window}",
        "other": "{value} pages seen in the last {window}",
    },
    "de": {
        "one": "{value} Seite angesehen in den letzten {window}",
        "other": "{value} Seiten angesehen in den letzten {window}",
    },
    "ro": {
        "one": "{value} pagină văzută în ultimele {window}",
        "few": "{value} pagini văzute în ultimele {window}",
        "other": "{value} de pagini văzute în ultimele {window}",
    },
    "nb": {"one": "{value} side sett de siste {window}", "other": "{value} sider sett de siste {window}"},
}
LAST_VISIT = {
    "en": {"one": "last visit {value} day ago", "other": "last visit {value} days ago"},
    "de": {"one": "letzter Besuch vor {value} Tag", "other": "letzter Besuch vor {value} Tagen"},
    "ro": {
        "one": "ultima vizită acum {value} zi",
        "few": "ultima vizită acum {value} zile",
        "other": "ultima vizită acum {value} de zile",
    },
    "nb": {"one": "siste besøk for {value} dag siden", "other": "siste besøk for {value} dager siden"},
}


def declare(name: str, kind: str = "engagement", **values) -> DeclaredFeature:
    feature = VERBS[values["verb"]].model_validate({"source": "events"} | values)
    return DeclaredFeature(name, kind, kind, feature)


VIEW = {"type": "view"}
PRICING = {"type": "view", "page": "pricing"}
VISITS = declare("visits", verb="count", where=VIEW, windows=["7d", "30d"], actionable=True, reason=PAGES)
LAST = declare("last_visit", verb="recency", where=VIEW, direction="down", reason=LAST_VISIT)
INDUSTRY = declare("industry", "fit", verb="attribute", column="industry", dtype="category")
SIZE = declare("employees", "fit", verb="attribute", column="employees", dtype="number", title="company size")
DECLARED = (VISITS, LAST, INDUSTRY, SIZE)


def drawn(rng: np.random.Generator, n: int, never: np.ndarray, ages: np.ndarray) -> pa.Table:
    week = rng.poisson(1.0, n).astype(float)
    return pa.table(
        {
            "visits_7d": week,
            "visits_30d": week + rng.poisson(1.0, n),
            "last_visit": np.where(never, ages + 1.0, rng.uniform(0, 60, n)),
            "industry": pa.array(rng.choice(["retail", "software", None], n, p=[0.5, 0.3, 0.2])),
            "employees": np.where(rng.random(n) < 0.2, np.nan, np.round(np.exp(rng.normal(5, 2, n)))),
        }
    )


class World:
    """400 leads a week apart, of whom some did nothing, and what an ensemble makes of both rows."""

    def __init__(self, n: int = 400) -> None:
        rng = np.random.default_rng(3)
        ages, never = rng.uniform(1, 300, n), rng.random(n) < 0.3
        then, now = drawn(rng, n, never, ages), drawn(rng, n, never, ages + 7)
        self.idle = rng.random(n) < 0.4
        columns = {name: np.where(self.idle, then[name], now[name]) for name in ("industry", "employees")}
        seven = np.where(self.idle, 0.0, now["visits_7d"])
        thirty = np.where(self.idle, np.minimum(then["visits_30d"], 1.0), now["visits_30d"])
        last = np.where(self.idle | never, np.asarray(then["last_visit"]) + 7, now["last_visit"])
        columns |= {"visits_7d": seven, "visits_30d": thirty, "last_visit": last}
        self.then, self.now = (
            then,
            pa.table({name: pa.array(columns[name].tolist()) for name in then.column_names}),
        )
        dtypes = {c.name: c.dtype for f in DECLARED for c in f.columns()}
        encoding = Encoding.fit(pa.concat_tables([self.then, self.now]), dtypes, min_count=1)
        x = encoding.transform(self.now)
        at = {name: i for i, name in enumerate(encoding.names)}
        signal = x[:, at["visits_7d"]] + (x[:, at["industry"]] == 1) - 0.04 * x[:, at["last_visit"]]
        won = (signal + rng.logistic(size=n) > 0).astype(float)
        options = {
            "objective": "binary",
            "num_leaves": 8,
            "verbosity": -1,
            "num_threads": 1,
            "min_data_in_leaf": 10,
        }
        data = lgb.Dataset(x, won, categorical_feature=encoding.categorical, free_raw_data=False)
        texts = [lgb.train(options | {"seed": s}, data, 25).model_to_string() for s in (1, 2)]
        self.families = Families.of(DECLARED, encoding.names)
        trees = TreeEnsemble.from_texts(texts, x.shape[1])
        self.difference = trees.compare(x, encoding.transform(self.then))
        self.gap = np.full(n, 7.0)
        self.passed = passed(self.families, self.now, self.then, self.gap)
        self.ages = ages + 7, ages

    def since(self, status: str = "same_model", model: float = 0.0) -> Since:
        moves = self.families.compare(self.difference, BENT)
        n = len(moves.logit)
        now, then = (
            RawColumns(part, self.families.columns, ages)
            for part, ages in zip((self.now, self.then), self.ages, strict=True)
        )
        found = Compared(status, moves, np.full(n, model), self.passed, now, then)
        before = 1 / (1 + np.exp(model - moves.before))
        after = 1 / (1 + np.exp(-moves.logit))
        return Since(THEN, NOW, after, before, (status,) * n, found, np.arange(n))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_effects_lead_from_the_logit_of_then_to_that_of_now(world) -> None:
    moves = world.families.compare(world.difference, BENT)
    np.testing.assert_allclose(moves.before + moves.effects.sum(axis=1), moves.logit, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(moves.logit, BENT.logit(world.difference.margin))
    np.testing.assert_array_equal(moves.before, BENT.logit(world.difference.before))
    assert np.abs(moves.logit - moves.before).max() > 1


def test_a_family_that_did_not_move_has_exactly_no_effect(world) -> None:
    moves = world.families.compare(world.difference, BENT)
    still = [f.name for f in world.families.declared].index("industry")
    same = np.array(world.now["industry"].to_pylist(), dtype=object) == np.array(
        world.then["industry"].to_pylist(), dtype=object
    )
    assert same.any()
    assert (moves.effects[same, still] == 0.0).all()
    assert (moves.effects[~same, still] != 0.0).any()


def test_backwards_is_the_same_with_the_other_sign(world) -> None:
    d = world.difference
    back = world.families.compare(Difference(d.margin, d.before, -d.values), BENT)
    np.testing.assert_allclose(back.effects, -world.families.compare(d, BENT).effects, rtol=0, atol=1e-9)


@given(st.floats(-28, 28), st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_effects_add_up_between_any_two_margins(before, parts) -> None:
    families = Families.of([SIZE, LAST], ["employees", "last_visit"])
    margin = float(np.clip(before + sum(parts), -30, 30))
    values = np.array([[parts[0], margin - before - parts[0]]])
    found = families.compare(Difference(np.array([before]), np.array([margin]), values), BENT)
    assert found.before[0] + found.effects.sum() == pytest.approx(float(BENT.logit(margin)), abs=1e-6)


@pytest.mark.parametrize(
    ("status", "model"), [("same_model", 0.0), ("recalibrated", 0.4), ("trained_anew", -1.3)]
)
def test_shown_factors_multiply_from_the_odds_of_then_to_those_of_now(world, status, model) -> None:
    since = world.since(status, model)
    said = 0
    for lead in range(len(since.status)):
        found = since.change(lead, most=2)
        odds = found.before / (1 - found.before) * math.exp(found.model + found.rest)
        for move in found.up + found.down:
            odds *= move.factor
        assert math.log(odds) == pytest.approx(
            math.log(found.probability / (1 - found.probability)), abs=1e-6
        )
        assert [m.log_odds for m in found.up] == sorted((m.log_odds for m in found.up), reverse=True)
        assert [m.log_odds for m in found.down] == sorted(m.log_odds for m in found.down)
        assert all(m.log_odds >= CUT_OFF for m in found.up)
        assert all(m.log_odds <= -CUT_OFF for m in found.down)
        assert len(found.up) <= 2
        assert found.log_odds == pytest.approx(
            math.log(found.probability / (1 - found.probability))
            - math.log(found.before / (1 - found.before)),
            abs=1e-6,
        )
        said += len(found.up) + len(found.down)
    assert said > 100


# ── all leads at once ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("status", "model"), [("same_model", 0.0), ("trained_anew", -1.3), ("recalibrated", 0.01)]
)
def test_the_line_of_a_lead_is_the_same_alone_and_among_all(world, name, status, model) -> None:
    since, language = world.since(status, model), Language.of(name)
    texts = since.texts(language)
    nothing = language.say("since.nothing")
    assert texts == [since.change(lead, language).text for lead in range(len(texts))]
    assert any(nothing in text for text in texts) == (abs(model) < CUT_OFF)
    assert all(text.count(" (+)") + text.count(" (−)") <= SHOWN + 1 for text in texts)


def test_a_line_is_cut_at_the_end_of_a_move(world) -> None:
    since = world.since()
    for whole, cut in zip(since.texts(), since.texts(limit=70), strict=True):
        assert len(cut) <= 70
        assert cut == whole or whole.startswith(f"{cut}; ") or cut.endswith("…")
    assert max(map(len, since.texts())) > 70


def test_leads_that_cannot_be_compared_stand_among_those_that_can(world) -> None:
    whole = world.since()
    rows = np.array([0, 2, 5])
    compared = whole.compared
    part = Compared(
        "same_model",
        replace(
            compared.moves,
            **{k: getattr(compared.moves, k)[rows] for k in ("before", "logit", "effects", "speaker")},
        ),
        compared.model[rows],
        compared.passed[rows],
        *(
            RawColumns(table.take(rows), world.families.columns, ages[rows])
            for table, ages in zip((world.now, world.then), world.ages, strict=True)
        ),
    )
    before = np.where(np.isin(np.arange(6), rows), whole.before[:6], np.nan)
    status = ("same_model", "new", "same_model", "came_back", "not_scored", "same_model")
    some = Since(THEN, NOW, whole.probability[:6], before, status, part, rows)
    for lead in range(6):
        found = some.change(lead)
        if lead in rows:
            assert found == whole.change(lead)
        else:
            assert (found.before, found.log_odds, found.up, found.down) == (None, None, (), ())
    assert some.texts() == [some.change(lead).text for lead in range(6)]
    assert some.texts()[1] == "new since 14 Nov"


# ── time that passes ─────────────────────────────────────────────────────────────────────────────────────────


def told(
    declared: DeclaredFeature, then: object, now: object, *witnesses: tuple[DeclaredFeature, float, float]
) -> bool:
    """Whether one column that went from then to now in seven days moved only because time went by."""
    features = [declared, *(w for w, _, _ in witnesses)]
    names = [declared.columns()[0].name, *(w.name for w, _, _ in witnesses)]
    rows = [
        dict(zip(names, values, strict=True))
        for values in ((then, *(w[1] for w in witnesses)), (now, *(w[2] for w in witnesses)))
    ]
    tables = [pa.table({k: pa.array([v]) for k, v in row.items()}) for row in rows]
    families = Families.of(features, names)
    at = [f.name for f in families.declared].index(declared.name)
    return bool(passed(families, tables[1], tables[0], np.array([7.0]))[0, at])


COUNT = declare("n", verb="count", windows=["30d"])


@pytest.mark.parametrize(
    ("declared", "then", "now", "expected"),
    [
        (COUNT, 5.0, 2.0, True),
        (COUNT, 5.0, 5.0, True),
        (COUNT, 5.0, 6.0, False),
        (declare("n", verb="count", windows=["ever"]), 5.0, 4.0, False),
        (declare("n", verb="sum", column="s", windows=["7d"]), 60.0, 0.0, True),
        (declare("n", verb="max", column="s", windows=["7d"]), 60.0, None, True),
        (declare("n", verb="max", column="s", windows=["7d"]), None, 60.0, False),
        (declare("n", verb="mean", column="s", windows=["7d"]), 60.0, 50.0, False),
        (declare("n", verb="share", where=VIEW, windows=["7d"]), 0.5, 0.4, False),
        (declare("n", verb="trend", windows=["7d"]), 0.5, -0.4, False),
        (declare("n", verb="decayed", half_life="7d"), 2.0, 1.0, True),
        (declare("n", verb="decayed", half_life="7d"), 2.0, 2.5, False),
        (declare("n", verb="recency"), 5.0, 12.0, True),
        (declare("n", verb="recency"), 5.0, 11.9, False),
        (declare("n", verb="recency"), 5.0, 1.0, False),
        (declare("n", verb="recency"), None, None, True),
        (declare("n", verb="recency"), None, 3.0, False),
        (declare("n", verb="recency", direction="down"), 31.0, 38.0, True),
        (declare("n", verb="tenure"), 5.0, 12.0, True),
        (declare("n", verb="tenure", direction="up"), 0.0, 0.0, True),
        (declare("n", verb="tenure", direction="up"), 0.0, 3.0, False),
        (INDUSTRY, "retail", "retail", True),
        (INDUSTRY, "retail", "software", False),
        (INDUSTRY, None, "software", False),
        (INDUSTRY, "retail", None, False),
        (SIZE, 50.0, 40.0, False),
        (SIZE, None, None, True),
    ],
)  # fmt: skip
def test_time_is_told_from_what_is_new(declared, then, now, expected) -> None:
    assert told(declared, then, now) == expected


NOTHING_SINCE, SOMETHING_SINCE = (5.0, 12.0), (5.0, 1.0)


@pytest.mark.parametrize(
    ("declared", "witness", "then", "now", "expected"),
    [
        # days since the last visit grew by the seven days that passed: no visit, so none to the pricing page
        (declare("n", verb="trend", where=VIEW, windows=["7d"]), (VIEW, NOTHING_SINCE), 0.5, -0.4, True),
        (declare("n", verb="trend", where=PRICING, windows=["7d"]), (VIEW, NOTHING_SINCE), 0.5, -0.4, True),
        # no visit to the pricing page says nothing of other visits
        (declare("n", verb="trend", where=VIEW, windows=["7d"]), (PRICING, NOTHING_SINCE), 0.5, -0.4, False),
        # of a share all rows count, of which the visits are some
        (declare("n", verb="share", where=VIEW, windows=["7d"]), (VIEW, NOTHING_SINCE), 0.5, 0.4, False),
        (declare("n", verb="share", where=VIEW, windows=["7d"]), ({}, NOTHING_SINCE), 0.5, 0.4, True),
        # fewer than before, and yet there was one
        (declare("n", verb="count", where=VIEW, windows=["30d"]), (VIEW, SOMETHING_SINCE), 5.0, 2.0, False),
        (declare("n", verb="count", where=VIEW, windows=["30d"]), (PRICING, SOMETHING_SINCE), 5.0, 2.0, False),
        # a visit need not have been one to the pricing page
        (declare("n", verb="count", where=PRICING, windows=["30d"]), (VIEW, SOMETHING_SINCE), 5.0, 2.0, True),
        # a list of values holds each of them
        (
            declare("n", verb="mean", column="s", where=VIEW, windows=["7d"]),
            ({"type": ["view", "click"]}, NOTHING_SINCE),
            5.0,
            2.0,
            True,
        ),
    ],
)  # fmt: skip
def test_days_since_the_last_act_bear_witness(declared, witness, then, now, expected) -> None:
    where, (before, after) = witness
    assert told(declared, then, now, (declare("w", verb="recency", where=where), before, after)) == expected


def test_other_sources_bear_no_witness() -> None:
    trend = declare("n", verb="trend", windows=["7d"])
    other = declare("w", verb="recency", source="calls")
    assert not told(trend, 0.5, -0.4, (other, *NOTHING_SINCE))


def test_of_idle_leads_all_is_time_passing(world) -> None:
    since = world.since()
    np.testing.assert_allclose(
        since.compared.by_time[world.idle], since.compared.change[world.idle], atol=1e-9
    )
    assert (np.abs(since.compared.by_time - since.compared.change)[~world.idle] > 0.01).any()
    idle = [since.change(lead) for lead in np.flatnonzero(world.idle)]
    assert all(move.passed for found in idle for move in found.up + found.down)
    said = [str(found) for found in idle if found.up or found.down]
    assert said
    assert all(text.endswith("  all of this is time passing alone") for text in said)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────

TREND = declare(
    "trend", verb="trend", windows=["7d"], reason={"en": "visits {change} on the {window} before"}
)
SECONDS = declare(
    "time",
    verb="sum",
    column="s",
    windows=["7d"],
    reason={"en": "{value} seconds on the site in the last {window}"},
)
AGE = declare(
    "age",
    verb="recency",
    reason={"en": {"one": "a lead for {value} day", "other": "a lead for {value} days"}},
)
RECENT = declare("acts", verb="decayed", half_life="7d", title="acts")
FILLED = declare("filled", verb="share", where=VIEW, windows=["7d"], title="views")
FIRST = declare("first", verb="tenure", direction="up", reason={"en": "first visit {value} days ago"})


@pytest.mark.parametrize(
    ("declared", "then", "now", "by_time", "expected"),
    [
        (VISITS, 0.0, 3.0, False, "3 pages seen in the last 7 days (before: none)"),
        (VISITS, 5.0, 2.0, True, "2 pages seen in the last 7 days (before: 5; as time passes)"),
        (VISITS, 5.0, 0.0, True, "no pages seen in the last 7 days (before: 5; as time passes)"),
        (VISITS, None, 1.0, False, "1 page seen in the last 7 days (before: unknown)"),
        (LAST, 5.0, 12.2, True, "no visit for 12 days (before: 5 days)"),
        (LAST, 0.2, 1.0, True, "no visit for 1 day (before: 0 days)"),
        (LAST, 12.0, 0.3, False, "last visit today (before: 12 days ago)"),
        (LAST, 0.3, 3.0, False, "last visit 3 days ago (before: today)"),
        (LAST, None, 2.0, False, "last visit 2 days ago (before: never)"),
        (LAST, None, None, True, "no visit so far (as time passes)"),
        (LAST, 2.1, 2.9, False, "last visit 2 days ago"),
        (AGE, 30.0, 37.0, True, "a lead for 37 days (before: 30 days; as time passes)"),
        (FIRST, None, 3.0, False, "first visit 3 days ago (before: never)"),
        (FIRST, 3.0, 10.0, True, "first visit 10 days ago (before: 3 days ago; as time passes)"),
        (TREND, 0.0, math.log(0.5), False, "visits down to half on the 7 days before (before: unchanged)"),
        (SECONDS, 0.0, 900.0, False, "15 minutes on the site in the last 7 days (before: none)"),
        (SECONDS, 900.0, 0.0, True, "no time on the site in the last 7 days (before: 15 minutes; as time passes)"),
        (RECENT, 2.5, 1.2, True, "acts, recent ones counting most: 1.2 (before: 2.5; as time passes)"),
        (FILLED, 0.5, 0.25, False, "views in the last 7 days: 25% (before: 50%)"),
        (INDUSTRY, None, "retail", False, "industry: retail (before: unknown)"),
        (INDUSTRY, "a\x1b[31mb", None, False, "industry unknown (before: a [31mb)"),
        (SIZE, 50.0, 1200.0, False, "company size: 1,200 (before: 50)"),
    ],
)  # fmt: skip
def test_a_value_now_and_before_in_english(declared, then, now, by_time, expected) -> None:
    assert sentence(declared, then, now, by_time, "en") == expected


def sentence(declared: DeclaredFeature, then: object, now: object, by_time: bool, name: str) -> str:
    words = ColumnWords(declared, declared.columns()[0], Language.of(name))
    return Move.of(words, now, then, 0.5, passed=by_time).sentence


@pytest.mark.parametrize(
    ("declared", "then", "now", "by_time", "expected"),
    [
        (VISITS, 0.0, 3.0, False, {
            "de": "3 Seiten angesehen in den letzten 7 Tagen (vorher: keine)",
            "ro": "3 pagini văzute în ultimele 7 zile (înainte: deloc)",
            "nb": "3 sider sett de siste 7 dagene (før: ingen)",
        }),
        (VISITS, 25.0, 1.0, True, {
            "de": "1 Seite angesehen in den letzten 7 Tagen (vorher: 25; mit der Zeit)",
            "ro": "1 pagină văzută în ultimele 7 zile (înainte: 25; odată cu trecerea timpului)",
            "nb": "1 side sett de siste 7 dagene (før: 25; etter hvert som tiden går)",
        }),
        (LAST, 5.0, 12.0, True, {
            "de": "seit 12 Tagen kein Besuch (vorher: 5 Tage)",
            "ro": "nicio vizită de 12 zile (înainte: 5 zile)",
            "nb": "ingen besøk på 12 dager (før: 5 dager)",
        }),
        (LAST, 20.0, 27.0, True, {
            "de": "seit 27 Tagen kein Besuch (vorher: 20 Tage)",
            "ro": "nicio vizită de 27 de zile (înainte: 20 de zile)",
            "nb": "ingen besøk på 27 dager (før: 20 dager)",
        }),
        (LAST, 0.5, 1.5, True, {
            "de": "seit 1 Tag kein Besuch (vorher: 0 Tage)",
            "ro": "nicio vizită de 1 zi (înainte: 0 zile)",
            "nb": "ingen besøk på 1 dag (før: 0 dager)",
        }),
        (LAST, 33.0, 1.0, False, {
            "de": "letzter Besuch vor 1 Tag (vorher: vor 33 Tagen)",
            "ro": "ultima vizită acum 1 zi (înainte: acum 33 de zile)",
            "nb": "siste besøk for 1 dag siden (før: for 33 dager siden)",
        }),
        (LAST, None, 2.0, False, {
            "de": "letzter Besuch vor 2 Tagen (vorher: nie)",
            "ro": "ultima vizită acum 2 zile (înainte: niciodată)",
            "nb": "siste besøk for 2 dager siden (før: aldri)",
        }),
        # what is not declared in a language is said in English as a whole
        (SECONDS, 0.0, 900.0, False, dict.fromkeys(("de", "ro", "nb"), "15 minutes on the site in the last 7 days (before: none)")),
    ],
)  # fmt: skip
def test_a_value_now_and_before_in_other_languages(declared, then, now, by_time, expected) -> None:
    assert {name: sentence(declared, then, now, by_time, name) for name in expected} == expected


def change(name: str = "en", **changes) -> Change:
    language = Language.of(name)

    def move(declared: DeclaredFeature, then: object, now: object, log_odds: float, by_time: bool) -> Move:
        words = ColumnWords(declared, declared.columns()[0], language)
        return Move.of(words, now, then, log_odds, passed=by_time)

    told = {
        "status": "same_model",
        "since": THEN,
        "as_of": NOW,
        "probability": 0.0514,
        "before": 0.0311,
        "up": (move(VISITS, 0.0, 3.0, math.log(2.1), False),),
        "down": (move(LAST, 5.0, 12.0, math.log(0.82), True),),
        "rest": -0.004,
        "passed": math.log(0.82),
        "language": language,
    }
    return Change(**(told | changes))


GOLDEN = {
    "en": """\
since 14 Nov: from 3.1% to 5.1% (×1.7 on the odds)
  up        ×2.1  ██████████  3 pages seen in the last 7 days (before: none)
  down     ×0.82  ███         no visit for 12 days (before: 5 days)
  all else ×1.00
  of this, time passing alone ×0.82""",
    "de": """\
seit 14. Nov.: von 3,1\xa0% auf 5,1\xa0% (×1,7 auf die Chancen)
  hinauf        ×2,1  ██████████  3 Seiten angesehen in den letzten 7 Tagen (vorher: keine)
  hinab        ×0,82  ███         seit 12 Tagen kein Besuch (vorher: 5 Tage)
  alles Übrige ×1,00
  davon allein durch Zeitablauf ×0,82""",
    "ro": """\
din 14 nov.: de la 3,1\xa0% la 5,1\xa0% (×1,7 asupra șanselor)
  în sus  ×2,1  ██████████  3 pagini văzute în ultimele 7 zile (înainte: deloc)
  în jos ×0,82  ███         nicio vizită de 12 zile (înainte: 5 zile)
  restul ×1,00
  din care doar prin trecerea timpului ×0,82""",
    "nb": """\
siden 14. nov.: fra 3,1\xa0% til 5,1\xa0% (×1,7 på oddsen)
  opp        ×2,1  ██████████  3 sider sett de siste 7 dagene (før: ingen)
  ned       ×0,82  ███         ingen besøk på 12 dager (før: 5 dager)
  alt annet ×1,00
  av dette bare fordi tiden går ×0,82""",
}
LINES = {
    "en": "since 14 Nov: 3 pages seen in the last 7 days (+); no visit for 12 days (−)",
    "de": "seit 14. Nov.: 3 Seiten angesehen in den letzten 7 Tagen (+); seit 12 Tagen kein Besuch (−)",
    "ro": "din 14 nov.: 3 pagini văzute în ultimele 7 zile (+); nicio vizită de 12 zile (−)",
    "nb": "siden 14. nov.: 3 sider sett de siste 7 dagene (+); ingen besøk på 12 dager (−)",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_change_in_words(name) -> None:
    found = change(name)
    assert str(found) == GOLDEN[name]
    assert found.text == LINES[name]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"status": "recalibrated", "model": math.log(1.2), "up": (), "down": ()},
            "since 14 Nov: from 3.1% to 5.1% (×1.2 on the odds)\n"
            "  model     ×1.2  ██████████  recalibrated: the values of 14 Nov now give 3.7%, not 3.1%\n"
            "  all else ×1.00",
        ),
        (
            {"status": "trained_anew", "model": math.log(0.5), "rest": 0.0, "down": ()},
            "since 14 Nov: from 3.1% to 5.1% (×1.1 on the odds)\n"
            "  model    ×0.50  █████████   trained anew: the values of 14 Nov now give 1.6%, not 3.1%\n"
            "  up        ×2.1  ██████████  3 pages seen in the last 7 days (before: none)\n"
            "  all else  ×1.0",
        ),
        ({"up": (), "down": (), "passed": 0.0, "probability": 0.0312}, "since 14 Nov: still 3.1%\n  nothing that matters changed"),
        (
            {"up": (), "down": (), "probability": 0.0314, "before": 0.0306},
            "since 14 Nov: still 3.1%\n  nothing that matters changed",
        ),
        (
            {"status": "other_features", "up": (), "down": (), "rest": 0.52, "features": ("pricing_visits", "visits")},
            "since 14 Nov: from 3.1% to 5.1% (×1.7 on the odds)\n"
            "  the model reads otherwise than on 14 Nov: pricing_visits, visits; so the change cannot be laid to what the lead did",
        ),
        ({"status": "new", "before": None, "up": (), "down": ()}, "new since 14 Nov"),
        ({"status": "not_scored", "before": None, "up": (), "down": ()}, "not scored on 14 Nov: nothing to compare with"),
        (
            {"status": "came_back", "before": None, "up": (), "down": ()},
            "came back since 14 Nov and began anew: nothing to compare with",
        ),
        (
            {"status": "by_points", "before": None, "up": (), "down": ()},
            "scored by points on 14 Nov: no probability to compare with",
        ),
        (
            {"status": "unread", "since": None, "before": None, "up": (), "down": (), "why": "it is gone"},
            "what changed since the run before cannot be said: it is gone",
        ),
        (
            {"since": to_microseconds("2025-12-29T00:00:00Z", None), "up": (), "down": ()},
            "since 29 Dec 2025: from 3.1% to 5.1% (×1.00 on the odds)\n  nothing that matters changed",
        ),
    ],
)  # fmt: skip
def test_every_way_to_compare_in_words(changes, expected) -> None:
    assert str(change(**changes)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_compare_has_words_in_every_language(name) -> None:
    for status in ("other_features", "new", "not_scored", "came_back", "by_points", "unread"):
        found = change(name, status=status, before=None, up=(), down=(), features=("visits",), why="gone")
        assert found.text == found.headline == str(found)
        assert "{" not in found.text
    for status in COMPARED:
        found = change(name, status=status, model=0.3 if status != "same_model" else 0.0)
        assert len(str(found).splitlines()) == (5 if status == "same_model" else 6)
        assert ("recalibrated" in found.text) == (status == "recalibrated" and name == "en")


def test_a_change_goes_into_json() -> None:
    found = change().to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["since"] == "2026-11-14T00:00:00Z"
    assert found["text"] == LINES["en"]
    assert found["headline"] == GOLDEN["en"].splitlines()[0]
    assert found["up"][0]["factor"] == pytest.approx(2.1)
    assert (found["up"][0]["value"], found["up"][0]["value_before"], found["up"][0]["before"]) == (
        3.0,
        0.0,
        "before: none",
    )
    assert found["as_of"] == "2026-11-21T00:00:00Z"
    assert not {"language", "probability"} & set(found)
