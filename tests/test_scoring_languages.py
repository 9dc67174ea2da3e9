"""Runs in another language: the same numbers in other words, whoever chose it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ended
from projects import AS_OF, WHEN, Trained

from lqmodel.api import open_project
from lqmodel.declarations import Declarations
from lqmodel.errors import UsageError
from lqmodel.handoff import handoff_text
from lqmodel.languages import ENGLISH, NAMES, Language
from lqmodel.model import load_model
from lqmodel.points_scoring import explain_points, score_by_points
from lqmodel.rewording import Rewording
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import explain_lead, score
from lqmodel.settings import Settings

OTHERS = [Language.of(name) for name in NAMES if name != "en"]
WORDS = ("reasons_up", "reasons_down")
POINTS = """
[points]
mql = 5
sales_ready = 10
[points.for]
pricing_visits = [{ window = "7d", ge = 2, points = 15 }, { window = "30d", points = 10 }]
last_visit = { le = 7, points = 5 }
industry = { software = 15, retail = 5 }
"""


@pytest.fixture(scope="module")
def english(company: Trained) -> Scores:
    return score(company.bundle, company.root, None, WHEN)


def in_language(company: Trained, language: Language) -> Scores:
    return score(company.bundle, company.root, None, WHEN, language=language)


@pytest.fixture(scope="module")
def german(company: Trained) -> Scores:
    return in_language(company, Language.of("de"))


def numbers(handoff: dict[str, Any]) -> dict[str, Any]:
    """Return a handoff without its words."""
    sides = {
        side: [{k: v for k, v in r.items() if k not in ("text", "usual", "title")} for r in handoff[side]]
        for side in ("up", "down")
    }
    return {k: v for k, v in {**handoff, **sides}.items() if k not in ("cause", "language")}


def test_only_the_words_differ(english: Scores, german: Scores) -> None:
    assert german.table.drop_columns([*WORDS]).equals(english.table.drop_columns([*WORDS]))
    assert german.features.equals(english.features)
    assert list(map(numbers, german.handoffs)) == list(map(numbers, english.handoffs))
    for column in WORDS:
        ours, theirs = (scores.table[column].to_pylist() for scores in (german, english))
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if b]
        assert len(pairs) > 100
        assert all(a and a != b and a.count("; ") == b.count("; ") for a, b in pairs)
    told = " ".join(filter(None, german.table["reasons_up"].to_pylist()))
    assert " in den letzten 7 Tagen (×" in told
    assert " in the last " not in told


def test_the_same_leads_in_other_words_are_another_run(
    english: Scores, german: Scores, tmp_path: Path
) -> None:
    first, second = (write_run(scores, tmp_path, "bundle") for scores in (english, german))
    assert first.run_id != second.run_id
    assert (first.language, second.language) == (ENGLISH, Language.of("de"))
    assert second.manifest["language"] == "de"
    assert {h["language"] for h in second.handoffs()} == {"de"}
    assert write_run(german, tmp_path, "bundle") == second


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.name)
def test_handoffs_are_reworded_into_what_a_run_in_that_language_says(
    language: Language, english: Scores, company: Trained
) -> None:
    bundle = company.bundle
    there = Rewording(bundle.declarations, ENGLISH, language, bundle.usual).of_run(
        english.handoffs, english.features
    )
    assert there == list(in_language(company, language).handoffs)
    assert len({h["cause"] for h in there}) > 1
    back = Rewording(bundle.declarations, language, ENGLISH, bundle.usual).of_run(there, english.features)
    assert back == list(english.handoffs)


def test_a_handoff_is_told_in_its_language(german: Scores, company: Trained) -> None:
    asked = next(h for h in german.handoffs if h["cause"] == "Demo angefragt")
    lines = handoff_text(asked).splitlines()
    assert " %, wahrscheinlich " in lines[0].replace("\xa0", " ")
    assert lines[1] == "  Anlass   Demo angefragt"
    assert lines[2].startswith("  dafür    ")
    lead = explain_lead(company.bundle, german, asked["lead_id"], Language.of("de"))
    assert [r.text for r in lead.up] == [r["text"] for r in asked["up"]]


def test_points_speak_too(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "p")
    with (root / "models" / "lead_conversion.toml").open("a") as file:
        file.write(POINTS)
    declarations = open_project(root).declarations()
    english = score_by_points(declarations, root, None, WHEN)
    norwegian = Language.of("nb")
    found = score_by_points(declarations, root, None, WHEN, language=norwegian)
    assert found.table.drop_columns([*WORDS]).equals(english.table.drop_columns([*WORDS]))
    there = Rewording(declarations, ENGLISH, norwegian).of_run(english.handoffs, english.features)
    assert there == list(found.handoffs)
    assert "besøk" in " ".join(r["text"] for r in found.handoffs[0]["up"])
    assert " poeng, ennå ingen sannsynlighet" in handoff_text(found.handoffs[0])
    why = explain_points(declarations, found, found.handoffs[0]["lead_id"], norwegian)
    lead, points = why.lead_id, why.points
    heading = f"{lead}, 2024-12-30: {points} poeng (ennå ingen sannsynlighet: poeng som dere har fastsatt)"
    assert str(why).splitlines()[0] == heading
    assert why.to_json()["language"] == "nb"
    assert [r.text for r in why.up] == [r["text"] for r in found.handoffs[0]["up"]]


# ── who chooses ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "environment", "declared", "chosen"),
    [
        (None, None, "en", "en"),
        (None, None, "de", "de"),
        (None, "ro", "de", "ro"),
        ("nb", "ro", "de", "nb"),
        ("en", "ro", "de", "en"),
        ("nb", "xx", "de", "nb"),
        (None, "", "de", "de"),
    ],
)
def test_what_is_asked_for_then_the_environment_then_the_model(
    asked, environment, declared, chosen, monkeypatch
) -> None:
    if environment is not None:
        monkeypatch.setenv("LQMODEL_LANGUAGE", environment)
    assert Settings.read().language_of(asked, declared) == Language.of(chosen)


def test_an_unknown_language_of_the_environment_names_the_variable(monkeypatch) -> None:
    monkeypatch.setenv("LQMODEL_LANGUAGE", "dansk")
    with pytest.raises(UsageError, match=r"^LQMODEL_LANGUAGE: no words in language 'dansk'"):
        Settings.read().language_of(None, "de")


def declaring(company: Trained, language: str) -> Declarations:
    found = company.bundle.declarations.to_json()
    return Declarations.from_json({**found, "model": {**found["model"], "language": language}})


def test_the_models_language_is_part_of_its_declarations(company: Trained) -> None:
    ours, theirs = declaring(company, "de"), company.bundle.declarations
    assert (ours.model.language, theirs.model.language) == ("de", "en")
    assert ours.fingerprint() != theirs.fingerprint()


def test_in_python(company: Trained, german: Scores, monkeypatch) -> None:
    model = load_model(company.bundle_folder)
    monkeypatch.chdir(company.root)
    assert model.predict(as_of=AS_OF, language="de").table.equals(german.table)
    lead = german.handoffs[0]["lead_id"]
    assert model.explain(german, lead).language == ENGLISH
    monkeypatch.setenv("LQMODEL_LANGUAGE", "ro")
    assert model.explain(german, lead).language == Language.of("ro")
    assert "<svg" in model.explain(german, lead, language="nb")._repr_html_()
    with pytest.raises(UsageError, match="no words in language 'no'"):
        model.explain(german, lead, language="no")


def test_on_the_command_line(
    company: Trained, german: Scores, tmp_path: Path, lqmodel: Callable[..., Ended], monkeypatch
) -> None:
    out = tmp_path / "scores"
    predict = ("predict", "--model", company.bundle_folder, "--project", company.root, "--output", out)
    refused = lqmodel(*predict, "--as-of", AS_OF, "--language", "deutsch")
    refused.refused(2, "no words in language 'deutsch'", "de (Deutsch), en (English)", "did you mean 'de'?")
    assert not out.exists()

    monkeypatch.setenv("LQMODEL_LANGUAGE", "de")
    assert lqmodel(*predict, "--as-of", AS_OF).code == 0
    run = Run.open(out / "latest")
    assert run.manifest["language"] == "de"
    assert run.table.equals(german.table)
    monkeypatch.delenv("LQMODEL_LANGUAGE")

    read = ("--run", out / "latest")
    frozen = json.loads(lqmodel("handoffs", *read, "--format", "json").out)
    assert [h["up"] for h in frozen] == [list(h["up"]) for h in german.handoffs]
    again = json.loads(lqmodel("handoffs", *read, "--language", "de", "--format", "json").out)
    assert again == frozen
    there = lqmodel("handoffs", *read, "--language", "ro", "--most", "3")
    assert "  pentru   " in there.out
    assert " în ultimele " in there.out
    lead = frozen[0]["lead_id"]
    told = lqmodel("explain", lead, *read, "--project", company.root, "--language", "nb")
    assert told.out.startswith(f"{lead}, 30. desember 2024: omtrent ")
    assert "hvem de er ×" in told.out
    lqmodel("explain", lead, *read, "--language", "fr").refused(2, "no words in language 'fr'")
    lqmodel("handoffs", *read, "--language", "fr").refused(2, "no words in language 'fr'")
    other = lqmodel("handoffs", *read, "--language", "ro", "--model", tmp_path)
    assert other.code != 0
