"""Gates that `lqmodel init` declares from what acts are called: hands raised, mere interest, an unsubscribe."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqmodel.declarations import ProjectFiles
from lqmodel.init import Answers, Guess, guess, write_project
from lqmodel.init.activity import Act
from lqmodel.init.gates import gates, kind_of
from lqmodel.lexicon import humanise
from lqmodel.simulate import Company, simulate

RAISED = ("demo_requested", "Proposal request", "askedForConsultation", "Angebot angefragt", "Beratung gebucht", "Cerere de ofertă", "Forespørsel om tilbud", "callback requested")  # fmt: skip
FORMS = ("contact_form", "Kontaktformular", "Formular de contact", "kontaktskjema")
INTEREST = (
    "social_engagement",
    "newsletter signup",
    "LinkedIn follow",
    "email_open",
    "Email sent",
    "Nyhetsbrev",
)
OUT = (
    "unsubscribe",
    "Email Unsubscribed",
    "opt-out",
    "Abmeldung",
    "dezabonat",
    "avmelding",
    "spam complaint",
)
OTHER = ("page_view", "email_click", "webinar_attended", "proposal sent", "demo done", "offer_sent_by_sales", "referral", "ebook_download", "call")  # fmt: skip
KINDS = {"raised": RAISED, "form": FORMS, "interest": INTEREST, "opted_out": OUT, None: OTHER}


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in KINDS.items() for value in values]
)
def test_what_acts_are_called_says_what_they_are(kind: str | None, value: str) -> None:
    found = kind_of(humanise(value))
    assert found == kind or (kind is None and found == "interest"), (
        "what sales did is nothing that a lead asked for"
    )


def act(value: str) -> Act:
    return Act("events", humanise(value), {"type": value})


@given(st.lists(st.sampled_from([value for values in KINDS.values() for value in values]), unique=True))
def test_no_act_stands_on_two_sides(values: list[str]) -> None:
    engagement = {f"f_{i}": {"source": "events", "verb": "count", "where": {"type": value}} for i, value in enumerate(values)}  # fmt: skip
    found = gates([act(value) for value in values], engagement, engagement)
    wheres = {name: declared["where"]["type"] for name, declared in {**engagement, **found.facts}.items()}
    named = [
        (f"{stage}.{gate}", wheres[name])
        for stage, of_stage in found.stages.items()
        for gate, names in of_stage.items()
        for name in names
    ]
    assert len(named) == len({value for _, value in named})
    assert set(found.notes) == {where for where, _ in named}
    assert not set(found.facts) & set(engagement)
    needed = {value for where, value in named if where == "sales_ready.require_any"}
    assert not needed & {*FORMS, *INTEREST, *RAISED, *OUT}
    if any(v in FORMS + INTEREST for v in values) and any(kind_of(humanise(v)) is None for v in values):
        assert needed, "mere interest alone would reach sales"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Guess, Path]:
    root = tmp_path_factory.mktemp("gates")
    simulate(root / "data", Company(leads=1500, days=400, seed=1))
    sources = {name: root / "data" / f"{name}.parquet" for name in ("leads", "events", "outcomes")}
    guessed = guess(sources, Answers())
    write_project(guessed, root)
    return guessed, root


def test_the_simulated_company_s_acts_become_gates_that_hold(found: tuple[Guess, Path]) -> None:
    guessed, root = found
    declarations = ProjectFiles.read(root).declarations()
    stages = declarations.model.stages
    facts = {fact.name: fact.feature for fact in (*declarations.features, *declarations.facts)}

    def types(names: tuple[str, ...]) -> set[object]:
        return {value for name in names for condition in facts[name].where for value in condition.values}

    assert types(stages.sales_ready.promote_any) == {"demo_requested", "consultation_requested", "proposal_requested"}  # fmt: skip
    assert types(stages.mql.promote_any) == {"contact_form"}
    assert types(stages.sales_ready.block) == {"unsubscribe"}
    needed = types(stages.sales_ready.require_any)
    assert {"page_view", "email_click"} <= needed
    assert not needed & {
        "contact_form",
        "social_engagement",
        "newsletter_signup",
        "email_open",
        "unsubscribe",
    }
    assert any("stages.sales_ready.require_any names page_view" in told for told in guessed.explanations)


def test_the_model_s_file_explains_each_gate(found: tuple[Guess, Path]) -> None:
    lines = (found[1] / "models" / "lead_conversion.toml").read_text().splitlines()
    for key, words in (
        ("require_any", "social engagement or newsletter signup alone never reaches sales"),
        ("block", "your competitors' leads"),
        ("promote_any", "an MQL at any probability"),
    ):
        before = next(lines[i - 1] for i, line in enumerate(lines) if line.startswith(f"{key} = "))
        assert before.startswith("# ")
        assert words in before


def test_without_kinds_of_acts_nothing_is_declared(tmp_path: Path) -> None:
    simulate(tmp_path, Company(leads=600, days=300, seed=2))
    events = pq.read_table(tmp_path / "events.parquet")
    pq.write_table(events.select(["lead_id", "occurred_at"]), tmp_path / "events.parquet")
    guessed = guess(
        {name: tmp_path / f"{name}.parquet" for name in ("leads", "events", "outcomes")}, Answers()
    )
    assert {key for stage in guessed.model["stages"].values() for key in stage} == {"at_least"}
    assert "facts" not in guessed.features
