"""Training: the same bytes from the same facts, bands that partition, and warnings where they are due."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from projects import (
    Trained,
    change,
    contents,
    shuffled,
    train,
    write_flat,
    write_flat_leads,
)

from lqmodel.api import open_project
from lqmodel.errors import LeakageFound, NoSignal, Refused, TooFewWins
from lqmodel.judging import evaluate_on
from lqmodel.stages import bands
from lqmodel.trainingset import lead_hashes


@pytest.mark.slow
def test_law_2_training_on_shuffled_files_gives_the_same_bundle_to_the_byte(
    company: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = company.copy(tmp_path / "p")
    for name in ("leads", "events", "outcomes"):
        change(root, name, lambda table: shuffled(table, 3))
    monkeypatch.setenv("LQMODEL_THREADS", "1")  # law 8: nor does the number of threads matter
    train(root, register=0)
    assert contents(root / "bundle") == contents(company.bundle_folder)


def test_law_10_training_again_gives_the_same_bundle_and_version(flat: Trained, tmp_path: Path) -> None:
    root = flat.copy(tmp_path / "p")
    rows = (root / "leads.csv").read_text().splitlines()
    (root / "leads.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]) + "\n")
    for name in ("features/fit.toml", "models/flat.toml"):
        os.utime(root / name, (1, 1))
    train(root, register=0)
    assert contents(root / "bundle") == contents(flat.bundle_folder)


@pytest.mark.parametrize("project", ["company", "flat"])
def test_law_6_bands_partition_0_to_1(project: str, request: pytest.FixtureRequest) -> None:
    bundle = request.getfixturevalue(project).bundle
    found = bands(bundle.policy)
    assert [b.name for b in found] == ["lead", "mql", "sales_ready"]
    assert (found[0].low, found[-1].high) == (0.0, 1.0)
    assert all(a.high == b.low for a, b in itertools.pairwise(found))
    judged = bundle.metrics["quality"]["bands"]
    assert [b["at_least"] for b in judged] == sorted(b["at_least"] for b in judged)
    assert judged[0]["at_least"] == 0
    assert sum(b["snapshots"] for b in judged) == bundle.metrics["test"]["snapshots"]


def test_law_6_training_says_when_a_higher_band_converts_no_more(flat: Trained, tmp_path: Path) -> None:
    """Where those who were won are those who were not, every higher band converts less."""
    table = write_flat_leads(tmp_path / "leads.csv", 400, seed=9, win=lambda won: not won)
    found = evaluate_on(flat.bundle, flat.root, {"leads": str(table)})
    assert "band sales_ready converted no more than band mql on held-out snapshots" in " ".join(
        found["warnings"]
    )
    assert "the model does not beat the base rate" in " ".join(found["warnings"])
    straight = write_flat_leads(tmp_path / "others.csv", 400, seed=9)
    told = " ".join(evaluate_on(flat.bundle, flat.root, {"leads": str(straight)})["warnings"])
    assert "converted no more" not in told
    assert "does not beat" not in told


def test_the_bundle_says_what_it_was_fitted_on(company: Trained, flat: Trained) -> None:
    fitted, metrics = company.bundle.fitted, company.bundle.metrics
    assert (fitted.rows, fitted.wins) == (metrics["shipped"]["snapshots"], metrics["shipped"]["wins"])
    assert metrics["train"]["last"] < metrics["test"]["first"] <= metrics["shipped"]["last"]
    assert fitted.leads == ()
    assert set(fitted.observed_from) == {"leads", "events", "outcomes"}
    ids = [line.split(",")[0] for line in (flat.root / "leads.csv").read_text().splitlines()[1:]]
    assert flat.bundle.fitted.leads == tuple(sorted(lead_hashes(ids)))
    assert (flat.bundle.fitted.first, flat.bundle.fitted.last) == (None, None)


def test_every_baseline_stands_beside_the_model(company: Trained) -> None:
    metrics = company.bundle.metrics
    assert list(metrics["baselines"]) == ["base rate", "logistic regression", "points rule"]
    for rival in metrics["baselines"]:
        assert rival in metrics["differences"]
        assert rival in company.bundle.card
    json.dumps(metrics, allow_nan=False)


def test_a_leak_stops_training(flat: Trained, tmp_path: Path) -> None:
    root = flat.copy(tmp_path / "p")
    fit = root / "features" / "fit.toml"
    fit.write_text(
        fit.read_text()
        + '\n[stage]\nsource = "leads"\nverb = "attribute"\ncolumn = "stage"\ndtype = "category"\nreason.en.other = "{value}"\n'
    )
    rows = (root / "leads.csv").read_text().splitlines()
    rows = [rows[0] + ",stage", *(r + (",customer" if r.endswith(",1") else ",open") for r in rows[1:])]
    (root / "leads.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(LeakageFound, match="stage"):
        open_project(root).train()


@pytest.mark.parametrize("wins", [0, 5])
def test_no_or_too_few_wins_are_refused(wins: int, tmp_path: Path) -> None:
    seen = 0

    def few(won: bool) -> bool:
        nonlocal seen
        seen += won
        return won and seen <= wins

    write_flat(tmp_path, 300, win=few)
    expected = "no win among 300" if not wins else "won and"
    with pytest.raises((TooFewWins, Refused), match=expected):
        open_project(tmp_path).train()


def test_labels_without_signal_are_refused_or_warned_about(tmp_path: Path) -> None:
    turn = iter(range(400))
    write_flat(tmp_path, 400, win=lambda _: next(turn) % 3 == 0)
    try:
        model = open_project(tmp_path).train()
    except NoSignal:
        return
    assert any("does not beat the base rate" in w for w in model.bundle.metrics["warnings"])


def test_training_reads_the_file_that_source_names(flat: Trained, tmp_path: Path) -> None:
    table = write_flat_leads(tmp_path / "others.csv", 500, seed=4)
    model = open_project(flat.root, {"leads": str(table)}).train()
    assert model.bundle.fitted.rows == 500
    assert model.bundle.declarations.fingerprint() == flat.bundle.declarations.fingerprint()
    assert model.bundle.data != flat.bundle.data
