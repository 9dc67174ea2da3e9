"""What a project lacks in a language, and that the example lacks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lqmodel.declarations import VERBS, DeclaredFeature, ProjectFiles, translation_notices, untranslated
from lqmodel.languages import NAMES

EXAMPLE = ProjectFiles.read(Path(__file__).parent.parent).declarations()
FEATURES = (*EXAMPLE.features, *EXAMPLE.facts)
EN = {"one": "{value} visit", "other": "{value} visits"}
RO = {"one": "{value} vizită", "few": "{value} vizite", "other": "{value} de vizite"}


def visits(name: str = "visits", **values) -> DeclaredFeature:
    given = {"verb": "count", "source": "events", "windows": ["7d"]} | values
    return DeclaredFeature(name, "engagement", "engagement", VERBS[given["verb"]].model_validate(given))


@pytest.mark.parametrize("language", NAMES)
def test_the_example_lacks_no_translation(language) -> None:
    assert {f.name: lacks for f in FEATURES if (lacks := untranslated(f, language))} == {}
    assert list(translation_notices(FEATURES, language)) == []


@pytest.mark.parametrize(
    ("values", "language", "lacks"),
    [
        ({"reason": {"en": EN}}, "en", ()),
        ({"reason": {"en": EN}}, "de", ("title", "reason")),
        ({"reason": {"en": EN}, "title": {"de": "Besuche"}}, "de", ("reason",)),
        ({"reason": {"en": EN, "de": "{value} Besuche"}, "title": {"de": "Besuche"}}, "de", ("one",)),
        ({"reason": {"en": EN, "ro": EN}, "title": {"ro": "vizite"}}, "ro", ("few",)),
        ({"reason": {"en": EN, "ro": RO}, "title": {"ro": "vizite"}}, "ro", ()),
        ({"reason": {"en": EN, "ro": RO}, "title": "visits"}, "ro", ("title",)),
        ({"reason": {"en": "unsubscribed", "ro": "s-a dezabonat"}, "title": {"ro": "dezabonare"}}, "ro", ()),
        ({"reason": {"en": EN, "ro": "a vizitat"}, "title": {"ro": "vizite"}}, "ro", ()),
        ({"reason": {"ro": RO}, "title": {"ro": "vizite"}}, "en", ()),
        ({"reason": {"ro": RO | {"other": "{value} vizite"}}, "title": {"ro": "vizite"}}, "ro", ()),
        ({}, "de", ("title",)),
        ({"title": {"de": "Besuche"}}, "de", ()),
        ({}, "en", ()),
    ],
)
def test_what_a_feature_lacks(values, language, lacks) -> None:
    assert untranslated(visits(**values), language) == lacks


def test_only_languages_that_were_begun_or_chosen_are_told_of() -> None:
    english = visits(reason={"en": EN})
    german = visits("calls", reason={"en": EN, "de": EN}, title={"de": "Anrufe"})
    french = visits("mails", reason={"en": EN, "fr": "{value} messages"})
    assert list(translation_notices([english], "en")) == []
    assert list(translation_notices([english], "nb")) == [
        "words in norsk bokmål (nb) are missing for 1 of 1 features, which then speak English or in a wrong "
        "plural: visits (title, reason)"
    ]
    assert list(translation_notices([english, german, french], "en")) == [
        "words in Deutsch (de) are missing for 2 of 3 features, which then speak English or in a wrong plural: "
        "mails (title, reason); visits (title, reason)",
        "words in 'fr' are never used: reasons are worded in de, en, nb, ro",
    ]
    many = [visits(f"v{i}", reason={"en": EN}) for i in range(7)]
    assert next(translation_notices(many, "ro")).endswith("v4 (title, reason) and 2 more")
