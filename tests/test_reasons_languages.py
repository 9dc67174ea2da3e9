"""Reasons in four languages: golden texts of every verb, and what holds for every value."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from lqmodel.calibration import Calibrator
from lqmodel.declarations import VERBS, Column, DeclaredFeature, ProjectFiles, to_microseconds
from lqmodel.languages import ENGLISH, NAMES, Language
from lqmodel.languages.conventions import LOCALES
from lqmodel.reasons import ColumnWords, Families, LeadExplanation, Reason, join, reason_texts
from lqmodel.treeshap import Contributions

ALL = [Language.of(name) for name in NAMES]
GERMAN, ROMANIAN, NORWEGIAN = (Language.of(name) for name in ("de", "ro", "nb"))
EXAMPLE = ProjectFiles.read(Path(__file__).parent.parent).declarations()
COUNTS = (0.0, 1.0, 2.0, 5.0, 19.0, 20.0, 21.0, 1234.0, None)
AS_OF = to_microseconds("2026-11-21T00:00:00Z", None)
TITLES = {"en": "visits", "de": "Besuche", "ro": "vizite", "nb": "besøk"}


def declare(name: str, **values: Any) -> DeclaredFeature:
    feature = VERBS[values["verb"]].model_validate({"source": "events"} | values)
    return DeclaredFeature(name, "engagement", "engagement", feature)


def derived() -> list[DeclaredFeature]:
    """Every verb with a title in four languages and no text: lqmodel words it alone."""
    windows, of = {"windows": ["1d", "7d", "2w", "ever"]}, {"column": "x"}
    known = {"title": TITLES}
    since = {"en": "last visit", "de": "letzter Besuch", "ro": "ultima vizită", "nb": "siste besøk"}
    level = {"en": "last page", "de": "letzte Seite", "ro": "ultima pagină", "nb": "siste side"}
    return [
        *(declare(verb, verb=verb, **windows, **known) for verb in ("count", "active_days")),
        *(declare(verb, verb=verb, **windows, **of, **known) for verb in ("distinct", "sum", "mean", "max")),
        declare("share", verb="share", where={"a": 1}, **windows, **known),
        declare("trend", verb="trend", windows=["7d", "30d"], **known),
        declare("decayed", verb="decayed", half_life="30d", **known),
        declare("recency", verb="recency", title=since),
        declare("tenure", verb="tenure", **known),
        declare("attribute", verb="attribute", dtype="number", **of, **known),
        declare("latest", verb="latest", dtype="category", **of, title=level),
        declare("completeness", verb="completeness", of=["x"], **known),
    ]


DERIVED = derived()
FEATURES = (*EXAMPLE.features, *EXAMPLE.facts, *DERIVED)
COLUMNS = [(feature, column) for feature in FEATURES for column in feature.columns()]


def values_of(column: Column) -> tuple[Any, ...]:
    if column.dtype == "category":
        return ("software", None)
    if column.verb == "trend":
        return (*(math.log(x) for x in (1, 1.15, 2, 25, 0.87, 0.5, 0.1, 0.01)), None)
    if column.verb in ("share", "completeness"):
        return (0.0, 0.0001, 0.01, 0.314, 2 / 3, 0.999, 1.0, None)
    if column.verb == "sum" or column.verb == "mean":
        return (0.0, 1.0, 45.0, 150.0, 1800.0, 9000.0, 12.34, None)
    return (*COUNTS, 2.5) if column.verb == "decayed" else COUNTS


def said(language: Language, features: list[DeclaredFeature]) -> list[str]:
    lines = []
    for feature in features:
        for column in feature.columns():
            words = ColumnWords(feature, column, language)
            assert words.speaks == language, f"{column.name} falls back"
            lines.append(f"{column.name}: {words.named()}; {words.said()}")
            for value in values_of(column):
                usual = words.usual(value, (0.0, 0.0, 1.0), {"software": 0.014})
                lines.append(f"    {value}: {words.text(value)}" + (f" ({usual})" if usual else ""))
    return lines


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_what_the_example_says(language: Language, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(said(language, [*EXAMPLE.features, *EXAMPLE.facts])) == snapshot


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_what_lqmodel_says_alone_for_every_verb(language: Language, snapshot: SnapshotAssertion) -> None:
    assert {feature.name for feature in DERIVED} == set(VERBS)
    assert "\n".join(said(language, DERIVED)) == snapshot


# ── grammar ──────────────────────────────────────────────────────────────────────────────────────────────────


def say(language: Language, text: Any, value: Any, **values: Any) -> str:
    given = {"verb": "count", "windows": ["7d"]} | values
    if given["verb"] in ("recency", "tenure"):
        del given["windows"]
    feature = declare("x_y", reason={language.name: text}, **given)
    return ColumnWords(feature, feature.columns()[0], language).text(value)


@pytest.mark.parametrize(
    ("language", "text", "window", "words"),
    [
        (GERMAN, "{value} Mails in den letzten {window}", "1d", "2 Mails in den letzten 24 Stunden"),
        (GERMAN, "{value} Mails in den letzten {window}", "1w", "2 Mails in den letzten 7 Tagen"),
        (GERMAN, "{value} Mails in den letzten {window} geöffnet", "ever", "2 Mails geöffnet"),
        (GERMAN, "{value} Mails, innerhalb der vergangenen {window}", "ever", "2 Mails"),
        (GERMAN, "{value} Mails, während der letzten {window}", "30d", "2 Mails, während der letzten 30 Tagen"),
        (ROMANIAN, "{value} e-mailuri în ultimele {window}", "30d", "2 e-mailuri în ultimele 30 de zile"),
        (ROMANIAN, "{value} e-mailuri din ultimele {window}", "1d", "2 e-mailuri din ultimele 24 de ore"),
        (ROMANIAN, "{value} e-mailuri în ultimele {window} deschise", "ever", "2 e-mailuri deschise"),
        (NORWEGIAN, "{value} e-poster de siste {window}", "1h", "2 e-poster de siste 60 minuttene"),
        (NORWEGIAN, "{value} e-poster i løpet av de siste {window}", "2w", "2 e-poster i løpet av de siste 2 ukene"),
        (NORWEGIAN, "{value} e-poster i løpet av de siste {window} åpnet", "ever", "2 e-poster åpnet"),
    ],
)  # fmt: skip
def test_windows_in_a_sentence(language, text, window, words) -> None:
    assert say(language, text, 2.0, windows=[window]) == words


@pytest.mark.parametrize(
    ("language", "text", "window", "words"),
    [
        (GERMAN, "{value} Mails geöffnet", "7d", "keine Mails geöffnet"),
        (GERMAN, "{value} Mails", "ever", "bisher keine Mails"),
        (GERMAN, "hat die Seite {value} Mal besucht", "7d", "hat die Seite 0 Mal besucht"),
        (GERMAN, "abgemeldet", "7d", "nicht abgemeldet"),
        (GERMAN, {"zero": "war {window} still", "other": "{value}"}, "7d", "war 7 Tagen still"),
        (ROMANIAN, {"few": "{value} vizite", "other": "{value} de vizite"}, "7d", "fără vizite"),
        (ROMANIAN, "{value} de vizite", "ever", "fără vizite până acum"),
        (ROMANIAN, "a vizitat de {value} ori", "7d", "a vizitat de 0 ori"),
        (ROMANIAN, "s-a dezabonat", "7d", "nu s-a dezabonat"),
        (NORWEGIAN, "{value} besøk", "7d", "ingen besøk"),
        (NORWEGIAN, "{value} besøk", "ever", "ingen besøk hittil"),
        (NORWEGIAN, "besøkt {value} ganger", "ever", "besøkt 0 ganger"),
        (NORWEGIAN, "meldt seg av", "7d", "ikke meldt seg av"),
    ],
)
def test_nothing(language, text, window, words) -> None:
    assert say(language, text, 0.0, windows=[window]) == words


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (GERMAN, "letzter Anruf vor {value} Tagen", "bisher kein Anruf"),
        (GERMAN, "erster Anruf des Kunden: vor {value} Tagen", "bisher kein Anruf des Kunden:"),
        (GERMAN, "letzte Antwort vor {value} Tagen", "bisher keine Antwort"),
        (GERMAN, "letztes Gespräch vor {value} Tagen", "bisher kein Gespräch"),
        (GERMAN, "Tage seit dem ersten Anruf: {value}", "bisher kein Anruf"),
        (GERMAN, "Tage seit der letzten Antwort: {value}", "bisher keine Antwort"),
        (GERMAN, "vor {value} Tagen zuletzt gesehen", "x y: never"),
        (ROMANIAN, "ultimul apel acum {value} zile", "niciun apel până acum"),
        (ROMANIAN, "prima vizită acum {value} zile", "nicio vizită până acum"),
        (ROMANIAN, "zile de la ultima vizită: {value}", "nicio vizită până acum"),
        (ROMANIAN, "zile de la primul apel: {value}", "niciun apel până acum"),
        (NORWEGIAN, "siste anrop for {value} dager siden", "ingen anrop hittil"),
        (NORWEGIAN, "dager siden første besøk: {value}", "ingen besøk hittil"),
    ],
)
def test_never(language, text, words) -> None:
    assert say(language, text, None, verb="recency") == words


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (GERMAN, "letzter Anruf vor {value} Tagen", "letzter Anruf heute"),
        (ROMANIAN, {"few": "ultimul apel acum {value} zile", "other": "ultimul apel acum {value} de zile"},
         "ultimul apel azi"),
        (NORWEGIAN, "siste anrop for {value} dager siden", "siste anrop i dag"),
        (GERMAN, "Tage seit dem letzten Anruf: {value}", "Tage seit dem letzten Anruf: 0"),
    ],
)  # fmt: skip
def test_today(language, text, words) -> None:
    assert say(language, text, 0.4, verb="recency") == words


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (GERMAN, "{value} Sekunden auf der Seite",
         ["keine Zeit auf der Seite", "1 Sekunde auf der Seite", "3 Minuten auf der Seite", "2,5 Stunden auf der Seite"]),
        (ROMANIAN, "{value} de secunde pe site",
         ["fără timp petrecut pe site", "1 secundă pe site", "3 minute pe site", "2,5 ore pe site"]),
        (NORWEGIAN, "{value} sekunder på siden",
         ["ingen tid på siden", "1 sekund på siden", "3 minutter på siden", "2,5 timer på siden"]),
    ],
)  # fmt: skip
def test_seconds_are_told_in_the_unit_that_is_easy_to_read(language, text, words) -> None:
    found = [say(language, text, value, verb="sum", column="s") for value in (0.0, 1.0, 150.0, 9000.0)]
    assert found == words


@pytest.mark.parametrize(
    ("language", "title", "value", "quantiles", "words"),
    [
        (ENGLISH, "x", 9.0, (1.0, 1.0, 1.0), "usually 1 day ago"),
        (GERMAN, "Tage seit dem Kauf", 90.0, (3.2, 9.0, 31.9), "meist 3 bis 31 Tage"),
        (GERMAN, "Tage seit dem Kauf", 90.0, (0.0, 0.0, 1.0), "meist 0 oder 1 Tage"),
        (GERMAN, "Tage seit dem Kauf", 90.0, (1.0, 1.0, 1.0), "meist 1 Tag"),
        (ROMANIAN, "zile", 90.0, (3.2, 9.0, 31.9), "de obicei acum 3 până la 31 de zile"),
        (ROMANIAN, "zile", 90.0, (3.2, 9.0, 19.9), "de obicei acum 3 până la 19 zile"),
        (NORWEGIAN, "dager", 90.0, (3.2, 9.0, 31.9), "vanligvis for 3 til 31 dager siden"),
    ],
)
def test_usual_days(language, title, value, quantiles, words) -> None:
    feature = declare("x", verb="recency", title={language.name: title})
    assert ColumnWords(feature, feature.columns()[0], language).usual(value, quantiles, None) == words


# ── what a language lacks is English as a whole ──────────────────────────────────────────────────────────────

ENGLISH_ONLY = declare(
    "pricing_visits",
    verb="count",
    windows=["30d"],
    reason={
        "en": {"one": "{value} visit in the last {window}", "other": "{value} visits in the last {window}"}
    },
)


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_a_feature_without_words_in_a_language_speaks_english_as_a_whole(language) -> None:
    words = ColumnWords(ENGLISH_ONLY, ENGLISH_ONLY.columns()[0], language)
    english = ColumnWords(ENGLISH_ONLY, ENGLISH_ONLY.columns()[0])
    for value in COUNTS:
        assert words.text(value) == english.text(value)
        assert words.usual(value, (0.0, 3.0, 1200.0), None) == english.usual(value, (0.0, 3.0, 1200.0), None)
    assert (words.speaks, words.titled_in, words.named()) == (ENGLISH, ENGLISH, english.named())


def test_a_title_alone_makes_german_words_only_where_english_ones_are_derived_too() -> None:
    title = {"title": {"de": "Preisbesuche"}}
    told, bare = (
        declare("p", verb="count", windows=["7d"], **title, **r) for r in ({"reason": {"en": "x"}}, {})
    )
    assert ColumnWords(told, told.columns()[0], GERMAN).text(2.0) == "x"
    assert (
        ColumnWords(told, told.columns()[0], GERMAN).text(None)
        == "Preisbesuche: aus den letzten 7 Tagen unbekannt"
    )
    assert ColumnWords(bare, bare.columns()[0], GERMAN).text(2.0) == "Preisbesuche in den letzten 7 Tagen: 2"
    assert ColumnWords(bare, bare.columns()[0], NORWEGIAN).text(2.0) == "p in the last 7 days: 2"


def test_german_words_without_a_german_title_say_unknown_in_english() -> None:
    feature = declare("visits", verb="count", windows=["7d"], reason={"de": "{value} Besuche"})
    words = ColumnWords(feature, feature.columns()[0], GERMAN)
    assert (words.text(2.0), words.text(None)) == ("2 Besuche", "visits unknown for the last 7 days")


# ── what holds for every value ───────────────────────────────────────────────────────────────────────────────

numbers = st.one_of(st.integers(0, 2000).map(float), st.floats(0, 1e7), st.none(), st.just(math.nan))
levels = st.one_of(st.text(max_size=200), st.none())


def value_for(column: Column, data: st.DataObject) -> Any:
    if column.dtype == "category":
        return data.draw(levels)
    if column.verb == "trend":
        return data.draw(st.one_of(st.floats(-20, 20), st.none()))
    return data.draw(st.floats(0, 1) if column.verb in ("share", "completeness") else numbers)


@given(st.sampled_from(COLUMNS), st.sampled_from(ALL), st.data())
def test_every_text_is_whole_in_every_language(pair, language, data) -> None:
    feature, column = pair
    words, value = ColumnWords(feature, column, language), value_for(column, data)
    usual = words.usual(value, (0.0, 1.0, 21.0), {"x": 0.01})
    for text in (words.text(value), usual, words.named(), words.said()):
        if not isinstance(value, str):
            assert text == text.strip()
            assert not set("{}") & set(text)
            assert "  " not in text
    assert words.text(value)
    reason = Reason(
        "f", "fit", words.title, words.text(value), usual, 0.8, True, column.name, value, language
    )
    whole = str(reason)
    assert join([whole, whole], limit=len(whole) + 1) == whole
    assert join([whole], limit=20) == (whole if len(whole) <= 20 else whole[:19] + "…")


COUNTED = [
    (feature, column)
    for feature, column in COLUMNS
    if column.verb in ("count", "distinct", "recency", "attribute") and "one" in (feature.worded("en") or ())
]


@given(st.sampled_from(COUNTED), st.sampled_from(ALL), st.integers(1, 10**5))
def test_the_form_that_is_chosen_is_that_of_cldr(pair, language, n) -> None:
    feature, column = pair
    form = Locale.parse(LOCALES[language.name]).plural_form(n)
    window = "" if column.window is None else language.window(column.window.text)
    text = feature.worded(language.name)[form].replace("{window}", window)
    assert ColumnWords(feature, column, language).text(float(n)) == text.replace(
        "{value}", language.number(n)
    )


# ── one lead, and all of them ────────────────────────────────────────────────────────────────────────────────

VISITS = next(f for f in EXAMPLE.features if f.name == "pricing_visits")
STEADY = Calibrator("identity", (-30.0, 30.0), (-30.0, 30.0), (-31.0, 29.0), (-29.0, 31.0))


def explained(language: Language) -> LeadExplanation:
    def reason(name: str, value: Any, log_odds: float, quantiles: tuple[float, ...]) -> Reason:
        feature = next(f for f in EXAMPLE.features if f.name == name)
        column = feature.columns()[0]
        words = ColumnWords(feature, column, language)
        usual = words.usual(value, quantiles, None)
        text = words.text(value)
        return Reason(
            name,
            feature.kind,
            words.title,
            text,
            usual,
            log_odds,
            column.actionable,
            column.name,
            value,
            language,
        )

    return LeadExplanation(
        lead_id="L-1042",
        as_of=AS_OF,
        probability=0.31,
        low=0.24,
        high=0.384,
        base_probability=0.051,
        stage="sales-ready",
        score=70.99,
        up=(
            reason("pricing_visits", 6.0, 0.83, (0.0, 0.0, 1.0)),
            reason("employees", 1234.0, 0.4, (3.0, 50.0, 900.0)),
        ),
        down=(reason("last_email_click", None, -0.34, (0.0, 1.0, 2.0)),),
        fit=0.5,
        engagement=1.6,
        rest=0.05,
        language=language,
    )


EXPLAINED = {
    "en": """\
L-1042, 21 November 2026: about 3 in 10 (31%, likely 24% to 38%)
sales-ready, score 70; starting from about 1 in 20

  for       ×2.3  ██████████ ● 6 visits to the pricing page in the last 7 days (usually 0 or 1)
            ×1.5  █████        1,234 employees (usually 3 to 900)
  against  ×0.71  ████       ● no click in an e-mail so far
  all else  ×1.1

  who they are ×1.6, what they do ×5.0 on the odds
  ● marketing or sales can change this""",
    "de": """\
L-1042, 21. November 2026: etwa 3 von 10 (31 %, wahrscheinlich 24 % bis 38 %)
sales-ready, Score 70; ausgehend von etwa 1 von 20

  dafür         ×2,3  ██████████ ● 6 Besuche der Preisseite in den letzten 7 Tagen (meist 0 oder 1)
                ×1,5  █████        1.234 Mitarbeiter (meist 3 bis 900)
  dagegen      ×0,71  ████       ● bisher kein Klick in einer E-Mail
  alles Übrige  ×1,1

  wer sie sind ×1,6, was sie tun ×5,0 auf die Chancen
  ● Marketing oder Vertrieb kann das ändern""",
    "ro": """\
L-1042, 21 noiembrie 2026: circa 3 din 10 (31 %, probabil între 24 % și 38 %)
sales-ready, scor 70; pornind de la circa 1 din 20

  pentru     ×2,3  ██████████ ● 6 vizite pe pagina de prețuri în ultimele 7 zile (de obicei 0 sau 1)
             ×1,5  █████        1.234 de angajați (de obicei între 3 și 900)
  împotrivă ×0,71  ████       ● niciun clic într-un e-mail până acum
  restul     ×1,1

  cine sunt ×1,6, ce fac ×5,0 asupra șanselor
  ● marketingul sau vânzările pot schimba acest lucru""",
    "nb": """\
L-1042, 21. november 2026: omtrent 3 av 10 (31 %, trolig 24 % til 38 %)
sales-ready, score 70; med utgangspunkt i omtrent 1 av 20

  for        ×2,3  ██████████ ● 6 besøk på prissiden de siste 7 dagene (vanligvis 0 eller 1)
             ×1,5  █████        1 234 ansatte (vanligvis 3 til 900)
  mot       ×0,71  ████       ● ingen klikk i e-post hittil
  alt annet  ×1,1

  hvem de er ×1,6, hva de gjør ×5,0 på oddsen
  ● markedsføring eller salg kan endre dette""",
}


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_what_a_terminal_shows(language) -> None:
    assert str(explained(language)).replace("\xa0", " ") == EXPLAINED[language.name]


def test_json_names_the_language_once() -> None:
    found = explained(GERMAN).to_json()
    assert found["language"] == "de"
    assert "language" not in found["up"][0]
    assert found["up"][0]["text"] == "6 Besuche der Preisseite in den letzten 7 Tagen"
    numbers = ("probability", "low", "high", "fit", "rest", "score", "stage", "as_of")
    assert {k: found[k] for k in numbers} == {k: explained(ENGLISH).to_json()[k] for k in numbers}


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_a_waterfall_says_the_same(language) -> None:
    why = explained(language)
    drawn = why.waterfall().svg
    for words in (why.up[0].effect, language.odds(0.31), language.say("all_else"), "L-1042"):
        assert words in drawn
    if language != ENGLISH:
        assert "who they are" not in drawn
        assert "on the odds" not in drawn


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.name)
def test_all_leads_are_told_as_one_lead_is(language) -> None:
    families = Families.of([VISITS], [f"pricing_visits_{w}" for w in ("7d", "30d", "90d")])
    counts = np.array([0.0, 1.0, 2.0, 21.0, 1234.0])
    table = pa.table({c.name: counts for c in families.columns})
    values = np.array([[0.8, 0.0, 0.0]] * 5)
    effects = families.measure(Contributions(-2 + values.sum(axis=1), -2.0, values), STEADY)
    up, down = reason_texts(effects, table, language=language)
    words = ColumnWords(VISITS, VISITS.columns()[0], language)
    assert up == [f"{words.text(v)} ({language.effect(math.exp(0.8))})" for v in counts.tolist()]
    assert set(down) == {""}


@pytest.mark.slow
@pytest.mark.parametrize("language", ALL[1:], ids=lambda language: language.name)
def test_another_language_costs_little_more_than_english(language, tell) -> None:
    rng = np.random.default_rng(0)
    features = [replace(VISITS, name=f"f{i}") for i in range(10)]
    families = Families.of(features, [c.name for f in features for c in f.columns()])
    n = 20_000
    values = rng.normal(0, 0.5, (n, len(families.columns)))
    table = pa.table({c.name: rng.integers(0, 50, n).astype(float) for c in families.columns})
    effects = families.measure(Contributions(-2 + values.sum(axis=1), -2.0, values), STEADY)

    def seconds(spoken: Language) -> float:
        start = time.process_time()
        reason_texts(effects, table, language=spoken)
        return time.process_time() - start

    seconds(language)
    ratios = sorted(seconds(language) / seconds(ENGLISH) for _ in range(5))
    tell(f"reasons of {n:,} leads in {language.name}: {ratios[2]:.2f} times the CPU of English")
    assert ratios[2] < 2


# ── what docs/languages.md says ──────────────────────────────────────────────────────────────────────────────


def rows_of(page: str) -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines]


def test_the_page_on_languages_is_right() -> None:
    page = (Path(__file__).parent.parent / "docs" / "languages.md").read_text("utf-8")
    rows = rows_of(page)
    windows = {row[0].strip("`"): row[2:] for row in rows if row[0].strip("`") in NAMES}
    heads = next(row for row in rows if row[1] == "after")[2:]
    assert windows == {
        name: [Language.of(name).window(head.strip("`")) for head in heads] for name in windows
    }
    told = {row[0]: row[1:] for row in rows if len(row) == 5 and row[0]}
    last = dict(zip(NAMES, ("last visit", "letzter Besuch", "ultima vizită", "siste besøk"), strict=True))
    never = [say(Language.of(name), f"{text} {{value}}", None, verb="recency") for name, text in last.items()]
    assert told['never, from "last visit …"'] == never
    assert told["0 of `{value} …`"] == [say(language, "{value} …", 0.0) for language in ALL]
    assert told["0 of a text without a value"] == [say(language, "…", 0.0) for language in ALL]
    assert told['150 of "{value} seconds"'] == [language.seconds(150) for language in ALL]
    assert told["missing"] == [language.say("unknown", title="(title)") for language in ALL]
    assert told['0 of "… days ago"'] == [language.say("today") for language in ALL]
