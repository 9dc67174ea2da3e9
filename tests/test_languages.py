from __future__ import annotations

import ast
import math
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

import lqmodel
from lqmodel.declarations.agreement import PARTIES
from lqmodel.errors import UsageError
from lqmodel.languages import ENGLISH, NAMES, Language
from lqmodel.languages.conventions import LOCALES, conventions
from lqmodel.languages.dates import FORMS
from lqmodel.languages.grammar import GRAMMARS
from lqmodel.languages.language import meant_by
from lqmodel.languages.phrases import PHRASES, TOPICS
from lqmodel.ledger import STATUSES
from lqmodel.ledger.answers import LIFTED, UNDONE
from lqmodel.reasons.swarm import SORTS
from lqmodel.web.acts import OFFERED
from lqmodel.web.people import ROLES
from lqmodel.web.view import KNOWN_FAILURES
from lqmodel.web.working import NOTICES
from lqmodel.web.worklist import BY_VALUE
from lqmodel.web.worklist import SORTS as WORKLIST_SORTS

ALL = [Language.of(name) for name in NAMES]
PLACE = re.compile(r"\{(\w*)\}")
languages = st.sampled_from(ALL)
sizes = st.one_of(st.integers(-(10**9), 10**9).map(float), st.floats(-1e9, 1e9))


def babel(language: Language) -> Locale:
    return Locale.parse(LOCALES[language.name])


def forms_of(key: str, name: str) -> dict[str, str]:
    return dict(Language(name).forms(key))


# ── the catalog ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", sorted(PHRASES))
def test_a_phrase_has_all_languages_the_same_places_and_all_plural_forms(key) -> None:
    assert list(PHRASES[key]) == list(NAMES)
    places = {name: {tuple(sorted(PLACE.findall(t))) for t in forms_of(key, name).values()} for name in NAMES}
    counted = {name: not isinstance(PHRASES[key][name], str) for name in NAMES}
    assert len(set(counted.values())) == 1
    everywhere = {name: set().union(*found) for name, found in places.items()}
    assert len(set(map(frozenset, everywhere.values()))) == 1, everywhere
    for name in NAMES:
        forms = forms_of(key, name)
        assert tuple(sorted(forms)) == (conventions(name).forms if counted[name] else ("other",))
        assert set(PLACE.findall(forms["other"])) == everywhere[name]
        for text in forms.values():
            assert text.strip() == text
            assert "  " not in text
            assert PLACE.sub("", text).count("{") == 0


def test_no_key_stands_twice() -> None:
    assert sum(len(topic.PHRASES) for topic in TOPICS) == len(PHRASES)


def said_in_the_code() -> set[str]:
    """Return every text in lqmodel's code that could be a key, outside of the catalog itself."""
    root = Path(lqmodel.__file__).parent
    files = [p for p in root.rglob("*.py") if p.parent.name != "phrases"]
    nodes = (node for p in files for node in ast.walk(ast.parse(p.read_text("utf-8"))))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def said_in_templates() -> set[str]:
    """Return the keys of all that the view's templates could say."""
    templates = (Path(lqmodel.__file__).parent / "web" / "templates").glob("*.html")
    return {f"web.{word}" for p in templates for word in re.findall(r'"(\w+)"', p.read_text("utf-8"))}


def test_every_phrase_is_used() -> None:
    made = {f"window.{unit}" for unit in "smhdw"} | {"derived.mean", "derived.max"}
    made |= {f"swarm.{sort}" for sort in SORTS} | said_in_templates()
    made |= {f"web.status_{status.replace(' ', '_')}" for status in STATUSES}
    made |= {f"web.sort_{sort}" for sort in (*WORKLIST_SORTS, BY_VALUE)}
    made |= {f"web.did_{act}" for act in (*OFFERED, LIFTED, UNDONE)}
    made |= {f"web.{word}_{role}" for role in ROLES for word in ("role", "may")}
    made |= {f"web.trend_{way}" for way in ("up", "down", "steady")}
    made |= {f"web.failed_{status}" for status in (*KNOWN_FAILURES, 503)}
    made |= {f"web.team_{team}" for team in PARTIES}
    made |= {f"web.{notice}" for notice in NOTICES}
    assert set(PHRASES) - said_in_the_code() - made == set()


@pytest.mark.parametrize("language", ALL, ids=str)
def test_no_two_phrases_of_a_topic_are_the_same_by_mistake(language) -> None:
    """A translation that was copied and not changed shows: where English tells two apart, all do."""
    for topic in TOPICS:
        # the definite or dative plural of a window may be the plain plural
        phrases = [texts for key, texts in topic.PHRASES.items() if not key.startswith("window.")]
        assert len({str(p[language.name]) for p in phrases}) == len({str(p["en"]) for p in phrases})


def test_grammars_are_those_of_the_languages() -> None:
    assert set(GRAMMARS) == set(NAMES) == set(LOCALES)


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_english_is_as_babel_has_it() -> None:
    locale, own = babel(ENGLISH), conventions("en")
    symbols = locale.number_symbols["latn"]
    assert (symbols["group"], symbols["decimal"], symbols["minusSign"]) == (",", ".", "-")
    assert locale.percent_formats[None].pattern.replace("#,##0", "{}") == own.percent
    assert set(own.forms) == {*locale.plural_form.tags, "other"}


@given(st.decimals(0, 10**6, allow_nan=False, places=None))
def test_english_counts_as_babel_does(n) -> None:
    assert conventions("en").plural(n) == babel(ENGLISH).plural_form(n)


@given(languages, st.one_of(sizes, st.floats(-100, 100)))
def test_numbers_are_written_as_babel_writes_them(language, value) -> None:
    shown = language.number(value)
    if 0 < abs(value) < 0.001:
        assert shown == language.say("almost_0")
        return
    rounded = Decimal(ENGLISH.number(value).replace(",", ""))
    sign = babel(language).number_symbols["latn"]["minusSign"]  # Babel's patterns keep the plain one
    assert shown == format_decimal(rounded, "#,##0.###", locale=babel(language)).replace("-", sign)
    assert float(rounded) == pytest.approx(value, rel=0.1, abs=0.005)


@given(languages, st.floats(0, 1))
def test_percentages_are_written_as_babel_writes_them(language, share) -> None:
    shown = language.percent(share)
    if 0.001 <= share <= 0.995 or share in (0, 1):
        digits = 0 if share >= 0.0995 or share == 0 else 1
        pattern = babel(language).percent_formats[None].pattern.replace("#,##0", "0" if not digits else "0.0")
        exact = Decimal(f"{100 * share:.{digits}f}").scaleb(-2)
        assert shown == format_percent(exact, pattern, locale=babel(language))
    else:
        assert shown.split(" ")[0] in ("under", "over", "unter", "über", "sub", "peste")


@given(languages, st.one_of(st.integers(0, 10**6), st.floats(0, 1000)))
def test_plurals_go_by_what_is_shown(language, value) -> None:
    shown = Decimal(0 if 0 < value < 0.001 else ENGLISH.number(value).replace(",", ""))
    assert language.plural(value) == babel(language).plural_form(shown)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("en", ["0 days", "1 day", "2 days", "2.5 days", "19 days", "20 days", "101 days", "1,234 days"]),
        ("de", ["0 Tage", "1 Tag", "2 Tage", "2,5 Tage", "19 Tage", "20 Tage", "101 Tage", "1.234 Tage"]),
        ("ro", ["0 zile", "1 zi", "2 zile", "2,5 zile", "19 zile", "20 de zile", "101 zile", "1.234 de zile"]),
        ("nb", ["0 dager", "1 dag", "2 dager", "2,5 dager", "19 dager", "20 dager", "101 dager", "1\xa0234 dager"]),
    ],
)  # fmt: skip
def test_things_are_counted(name, words) -> None:
    assert [Language.of(name).say("days", n) for n in (0, 1, 2, 2.5, 19, 20, 101, 1234)] == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("en", ["7 days", "30 days", "24 hours", "day", "week", "2 weeks", "hour", "minute", "1,000 days", "whole time"]),
        ("de", ["7 Tagen", "30 Tagen", "24 Stunden", "24 Stunden", "7 Tagen", "2 Wochen", "60 Minuten", "60 Sekunden",
                "1.000 Tagen", "gesamten Zeit"]),
        ("ro", ["7 zile", "30 de zile", "24 de ore", "24 de ore", "7 zile", "2 săptămâni", "60 de minute",
                "60 de secunde", "1.000 de zile", "întreaga perioadă"]),
        ("nb", ["7 dagene", "30 dagene", "24 timene", "24 timene", "7 dagene", "2 ukene", "60 minuttene",
                "60 sekundene", "1\xa0000 dagene", "hele tiden"]),
    ],
)  # fmt: skip
def test_windows_stand_after_in_the_last(name, words) -> None:
    windows = ("7d", "30d", "24h", "1d", "1w", "2w", "1h", "1m", "1000d", "ever")
    assert [Language.of(name).window(text) for text in windows] == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("en", ["×2.3", "×12", "×0.45", "×0.01 or less", "×1,000 or more"]),
        ("de", ["×2,3", "×12", "×0,45", "×0,01 oder weniger", "×1.000 oder mehr"]),
        ("ro", ["×2,3", "×12", "×0,45", "×0,01 sau mai puțin", "×1.000 sau mai mult"]),
        ("nb", ["×2,3", "×12", "×0,45", "×0,01 eller mindre", "×1\xa0000 eller mer"]),
    ],
)
def test_effects(name, words) -> None:
    assert [Language.of(name).effect(x) for x in (2.34, 12.3, 0.451, 0.0001, 1e9)] == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("en", ["about 3 in 10", "about 1 in 20", "about 1 in 80", "fewer than 1 in 1,000", "about 19 in 20",
                "more than 99 in 100"]),
        ("de", ["etwa 3 von 10", "etwa 1 von 20", "etwa 1 von 80", "weniger als 1 von 1.000", "etwa 19 von 20",
                "mehr als 99 von 100"]),
        ("ro", ["circa 3 din 10", "circa 1 din 20", "circa 1 din 80", "mai puțin de 1 din 1.000", "circa 19 din 20",
                "mai mult de 99 din 100"]),
        ("nb", ["omtrent 3 av 10", "omtrent 1 av 20", "omtrent 1 av 80", "færre enn 1 av 1\xa0000", "omtrent 19 av 20",
                "flere enn 99 av 100"]),
    ],
)  # fmt: skip
def test_odds(name, words) -> None:
    assert [Language.of(name).odds(p) for p in (0.31, 0.051, 0.0123, 0.0004, 0.97, 0.999)] == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("en", ["0 seconds", "1 second", "90 seconds", "3 minutes", "60 minutes", "2.5 hours", "25 hours"]),
        ("de", ["0 Sekunden", "1 Sekunde", "90 Sekunden", "3 Minuten", "60 Minuten", "2,5 Stunden", "25 Stunden"]),
        ("ro", ["0 secunde", "1 secundă", "90 de secunde", "3 minute", "60 de minute", "2,5 ore", "25 de ore"]),
        ("nb", ["0 sekunder", "1 sekund", "90 sekunder", "3 minutter", "60 minutter", "2,5 timer", "25 timer"]),
    ],
)  # fmt: skip
def test_lengths_of_time(name, words) -> None:
    assert [Language.of(name).seconds(x) for x in (0, 1, 90, 150, 3600, 9000, 90_000)] == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("en", ["unchanged", "slightly up", "up ×2.0", "up ×1,200", "slightly down", "down to three quarters",
                "down to a third", "down to a tenth", "down to almost nothing"]),
        ("de", ["unverändert", "leicht gestiegen", "auf das 2,0-Fache gestiegen", "auf das 1.200-Fache gestiegen",
                "leicht gesunken", "auf drei Viertel gesunken", "auf ein Drittel gesunken", "auf ein Zehntel gesunken",
                "auf fast nichts gesunken"]),
        ("ro", ["fără schimbare", "în ușoară creștere", "în creștere de 2,0 ori", "în creștere de 1.200 ori",
                "în ușoară scădere", "în scădere la trei sferturi", "în scădere la o treime", "în scădere la o zecime",
                "în scădere aproape la zero"]),
        ("nb", ["uendret", "litt opp", "opp ×2,0", "opp ×1\xa0200", "litt ned", "ned til tre firedeler",
                "ned til en tredel", "ned til en tidel", "ned til nesten ingenting"]),
    ],
)  # fmt: skip
def test_trends(name, words) -> None:
    ratios = (1.0, 1.15, 2.0, 1200, 0.87, 0.74, 0.34, 0.1, 0.01)
    assert [Language.of(name).change(math.log(x)) for x in ratios] == words


# ── dates ────────────────────────────────────────────────────────────────────────────────────────────────────


@given(languages, st.dates(date(1000, 1, 1)))
def test_days_are_written_as_babel_writes_them(language, day) -> None:
    locale = babel(language)
    assert language.date(day) == format_date(day, "long", locale)
    assert language.date(day, "short") == format_skeleton("yMMMd", day, locale=locale)
    assert language.date(day, "day") == format_skeleton("MMMd", day, locale=locale)


def test_days() -> None:
    day = date(2026, 11, 14)
    assert [ENGLISH.date(day, form) for form in FORMS] == [
        "14 November 2026",
        "14 Nov 2026",
        "14 Nov",
    ]
    assert [language.date(day) for language in ALL[1:]] == [
        "14. November 2026",
        "14 noiembrie 2026",
        "14. november 2026",
    ]


# ── which language ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "do"),
    [
        ("de-AT", "did you mean 'de'?"),
        ("Deutsch", "did you mean 'de'?"),
        ("no", "did you mean 'nb'?"),
        ("norwgian", "did you mean 'nb'?"),
        ("fr", "name one of these"),
        ("", "name one of these"),
        ("{value}", "name one of these"),
    ],
)
def test_an_unknown_language_is_refused(name, do) -> None:
    with pytest.raises(UsageError) as refused:
        Language.of(name, "LQMODEL_LANGUAGE")
    assert str(refused.value) == (
        f"LQMODEL_LANGUAGE: no words in language {name!r}\n"
        "  there is: de (Deutsch), en (English), nb (norsk bokmål), ro (română)\n"
        f"  do: {do}"
    )


@given(st.text(max_size=20))
def test_what_was_meant_is_one_that_is_spoken(name) -> None:
    assert meant_by(name) in {None, *NAMES}


def test_a_value_keeps_its_braces() -> None:
    assert ENGLISH.say("unknown", title="{window} {x}") == "{window} {x} unknown"


def test_english_needs_no_babel() -> None:
    code = """
import sys
from datetime import date
from lqmodel.languages import ENGLISH
ENGLISH.number(1234.5), ENGLISH.percent(0.3), ENGLISH.say("days", 3), ENGLISH.date(date(2026, 1, 1))
print([m for m in sys.modules if m.startswith("babel")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
