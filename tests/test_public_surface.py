"""What users may rely on: a change here is a change for them, and belongs into CHANGELOG.md."""

from __future__ import annotations

from typing import Any

import pytest
import surface
from projects import Trained
from typer.main import get_command

import lqmodel
from lqmodel import cli
from lqmodel.api import Project
from lqmodel.evaluation import Quality
from lqmodel.model import Model
from lqmodel.scores import Scores
from lqmodel.trainingset import Snapshots

COMMANDS = "init check simulate train evaluate predict explain handoffs nurture export outbox record feedback history suppress access erase purge promote user serve demo policy"
NAMES = "Bundle LeadClassifier LqmodelError Model Project Snapshots __version__ load_model open_project"
MEMBERS: dict[type[Any], str] = {
    Project: "files sources settings root check declarations inputs ledger load_model points register tracker train training_set",
    Model: "bundle trained root quality compare_policies evaluate explain explain_all nurture predict probability save what_would_help",
    Snapshots: """table columns declarations counts as_of created groups lead_ids won fact features split take
        to_pandas""",
    Quality: """snapshots leads groups wins base_rate log_loss brier auc average_precision ece lift_at_10 gains
        reliability bands bands_table plot table to_json""",
    Scores: """model bundle_version as_of table features states skipped handoffs inputs previous_run agreement policy cutoffs notices
        skew language makeup signed timeline run_id counts standing to_pandas""",
    lqmodel.Bundle: """declarations texts encoding calibrator policy usual fitted reference steps metrics card data lqmodel ensemble
        version load save""",
}
SHOWN = [*(getattr(lqmodel, name) for name in lqmodel.__all__), *surface.RETURNED]


def test_the_names_of_the_package() -> None:
    assert lqmodel.__all__ == NAMES.split()
    assert dir(lqmodel) == sorted(lqmodel.__all__)
    assert all(hasattr(lqmodel, name) for name in lqmodel.__all__)


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'lqmodel' has no attribute 'Projekt'"):
        _ = lqmodel.Projekt


def test_the_commands() -> None:
    assert list(get_command(cli.app).commands) == COMMANDS.split()  # type: ignore[attr-defined]


@pytest.mark.parametrize("cls", MEMBERS, ids=lambda cls: cls.__name__)
def test_the_members_of(cls: type[Any]) -> None:
    assert list(surface.public(cls)) == MEMBERS[cls].split()


@pytest.mark.parametrize(
    "cls", [item for item in SHOWN if isinstance(item, type)], ids=lambda cls: cls.__name__
)
def test_every_member_is_said_in_words(cls: type[Any]) -> None:
    assert cls.__doc__
    assert [name for name, (_, words) in surface.public(cls).items() if not words] == []


@pytest.mark.slow
def test_objects_offer_what_the_page_says_and_nothing_else(company: Trained) -> None:
    project = lqmodel.open_project(company.root)
    model = lqmodel.load_model(company.bundle_folder)
    snapshots = project.training_set()
    for made in (project, model, model.bundle, snapshots):
        told = surface.public(type(made))
        for name in told.keys() - {"quality"}:  # a loaded model has none and says so
            assert hasattr(made, name)
        assert {name for name in dir(made) if not name.startswith("_")} == set(told)
