"""Two chances of one lead: as it was handed over, and as the newest run has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nights import NOW, write_night
from sites import Site, serving

from lqmodel.languages import NAMES, Language
from lqmodel.ledger import Ledger
from lqmodel.runs import Run

THEN = {
    "en": "When handed over: about 6 in 10",
    "de": "Bei der Übergabe: etwa 6 von 10",
    "ro": "La predare: circa 6 din 10",
    "nb": "Ved overleveringen: omtrent 6 av 10",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A lead was handed over at 0.6."""
    with serving(Ledger(f"sqlite:///{tmp_path}/l.db", tmp_path), tmp_path) as made:
        yield made


def score_again(site: Site, folder: Path, chance: float, stage: str = "sales-ready") -> None:
    before = Run.open(folder / "runs" / "latest")
    stages = {"A": stage, "B": "sales-ready", "M": "MQL"}
    run = write_night(folder / "runs", 3, stages, previous=before, probability={"A": chance})
    site.ledger.record(run, NOW)


def shown(site: Site, language: str = "en") -> tuple[str, str]:
    """Return the chance of today and that of the handoff, as the lead's page shows them."""
    site.people.speak("ann", Language.of(language))
    page = site.signed("ann").get("/lead?id=A").text
    now = re.search(r'<p class="big">(.*?) <small>', page)
    then = re.search(r'<p id="then">(.*?)</p>', page)
    assert now
    return now[1], then[1] if then else ""


@pytest.mark.parametrize("language", NAMES)
def test_a_chance_that_reads_otherwise_than_at_the_handoff_is_told_with_it(
    site: Site, tmp_path: Path, language: str
) -> None:
    score_again(site, tmp_path, 0.31)
    assert shown(site, language) == (Language.of(language).odds(0.31), THEN[language])


def test_what_reads_alike_is_told_once(site: Site, tmp_path: Path) -> None:
    assert shown(site) == ("about 6 in 10", ""), "the run that handed it over"
    score_again(site, tmp_path, 0.64)
    assert shown(site) == ("about 6 in 10", "")


def test_a_lead_that_fell_back_still_tells_what_it_was_handed_over_with(site: Site, tmp_path: Path) -> None:
    score_again(site, tmp_path, 0.1, "MQL")
    assert shown(site) == ("about 1 in 10", THEN["en"])


def test_a_lead_that_was_never_handed_over_has_no_other_chance(site: Site) -> None:
    page = site.signed("mia").get("/lead?id=M").text
    assert "about 2 in 10" in page
    assert 'id="then"' not in page
