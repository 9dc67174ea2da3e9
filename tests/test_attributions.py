"""Explanations as numbers: they add up on both scales, and shap's own plots draw them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from projects import AS_OF, Trained

import lqmodel as lq
from lqmodel.errors import BadData, Refused, UsageError
from lqmodel.reasons import explain_leads
from lqmodel.reasons.attributions import Attributions
from lqmodel.scores import Scores

shap_warns = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
"""Of matplotlib, at shap's import."""


@pytest.fixture(scope="module")
def model(company: Trained) -> lq.Model:
    loaded = lq.load_model(company.bundle_folder)
    loaded.root = company.root
    return loaded


@pytest.fixture(scope="module")
def scores(model: lq.Model) -> Scores:
    return model.predict(as_of=AS_OF)


@pytest.fixture(scope="module")
def explained(model: lq.Model, scores: Scores) -> Attributions:
    return model.explain_all(scores)


@shap_warns
def test_both_scales_add_up_on_every_row(explained: Attributions, model: lq.Model) -> None:
    margin, logit = explained.to_shap(), explained.families_to_shap()
    x = model.bundle.encoding.transform(explained.values)
    true = model.bundle.ensemble.margin(x)
    np.testing.assert_allclose(margin.base_values + margin.values.sum(axis=1), true, rtol=0, atol=1e-9)
    p = model.bundle.calibrator.probability(true)
    np.testing.assert_allclose(
        logit.base_values + logit.values.sum(axis=1), np.log(p) - np.log1p(-p), rtol=0, atol=1e-6
    )
    assert margin.feature_names == list(model.bundle.encoding.names)
    assert len(logit.feature_names) == len(explained.effects.families.declared) < len(margin.feature_names)
    names = [f.name for f in explained.effects.families.declared]
    columns = [c.family for c in explained.effects.families.columns]
    family = names.index("visits")
    whole = margin.values[:, [i for i, c in enumerate(columns) if c == "visits"]].sum(axis=1)
    assert (np.sign(np.round(whole, 12)) == np.sign(np.round(logit.values[:, family], 12))).all()


@shap_warns
def test_values_stand_beside_their_contributions(explained: Attributions) -> None:
    found = explained.to_shap()
    assert found.data.shape == found.values.shape
    for name in ("industry", "visits_7d"):
        told = found.data[:, found.feature_names.index(name)].tolist()
        true = explained.values[name].to_pylist()
        assert ["" if isinstance(v, float) and np.isnan(v) else v for v in told] == [
            "" if v is None else v for v in true
        ]
    last = found.data[:, found.feature_names.index("last_visit")].astype(float)
    assert np.isnan(last).any()  # never, which the table holds as a number of days


@shap_warns
def test_shap_draws_them(explained: Attributions, tmp_path: Path) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    one = {"waterfall": shap.plots.waterfall}
    many = {"beeswarm": shap.plots.beeswarm, "bar": shap.plots.bar}
    for i, found in enumerate((explained.to_shap(), explained.families_to_shap())):
        for name, plot in (one | many).items():
            plt.figure()
            plot(found[7] if name in one else found[:200], show=False)
            labels = " ".join(t.get_text() for t in plt.gca().get_yticklabels())
            heaviest = found.feature_names[int(np.abs(found.values[:200]).mean(axis=0).argmax())]
            assert name in one or heaviest in labels
            path = tmp_path / f"{name}{i}.png"
            plt.savefig(path)
            plt.close("all")
            assert path.stat().st_size > 5_000


@shap_warns
def test_a_single_explanation_converts_too(model: lq.Model, scores: Scores, explained: Attributions) -> None:
    lead = explained.lead_ids[11]
    why = model.explain(scores, lead)
    margin, logit = why.to_shap(), why.families_to_shap()
    np.testing.assert_array_equal(margin.values, explained.to_shap().values[11])
    assert margin.values.shape == (len(margin.feature_names),)
    assert logit.base_values + logit.values.sum() == pytest.approx(
        np.log(why.probability) - np.log1p(-why.probability), abs=1e-6
    )
    told = why.to_json()
    assert "numbers" not in told
    json.dumps(told, allow_nan=False)
    assert "numbers" not in repr(why)
    assert why == model.explain(scores, lead)


def test_words_alone_say_where_the_numbers_are(explained: Attributions, model: lq.Model) -> None:
    n = len(explained)
    words = explain_leads(
        explained.effects,
        explained.values,
        model.bundle.calibrator,
        lead_ids=explained.lead_ids,
        as_of=None,
        stages=["MQL"] * n,
        scores=np.zeros(n),
    )[0]
    with pytest.raises(
        UsageError, match=r"words without the contributions.*\n.*model.explain\(scores, lead_id\)"
    ):
        words.to_shap()


def test_snapshots_are_explained_as_well(model: lq.Model, company: Trained) -> None:
    snapshots = lq.open_project(company.root).training_set().split()[1]
    found = model.explain_all(snapshots)
    assert found.lead_ids == tuple(snapshots.lead_ids.astype(str))
    margin = found.contributions.base + found.contributions.values.sum(axis=1)
    p = model.bundle.calibrator.probability(margin)
    np.testing.assert_allclose(p, model.probability(snapshots), rtol=0, atol=1e-9)
    table = found.to_pandas()
    assert table.shape == (len(snapshots), len(found.effects.families.declared))
    assert table.index.name == "lead_id"
    np.testing.assert_array_equal(table.to_numpy(), found.effects.effects)


def test_it_shows_itself_as_a_beeswarm(explained: Attributions) -> None:
    drawing = explained.beeswarm(most=3)
    assert explained.beeswarm(most=3) == drawing
    assert f"how far families move the odds: {len(explained):,} leads" in drawing.svg
    assert "for nine in ten; low values ×" in drawing.svg
    assert explained._repr_html_() == explained.beeswarm()._repr_html_()


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("de", ("niedriger Wert", "bei neun von zehn", "wie weit Merkmale", "Zeit auf der Website")),
        ("ro", ("valoare mare", "la nouă din zece", "de leaduri")),
        ("nb", ("ukjent, eller uten rekkefølge", "for ni av ti", "i snitt")),
    ],
)
def test_it_speaks_the_readers_language(
    model: lq.Model, scores: Scores, language: str, parts: tuple[str, ...]
) -> None:
    drawn = model.explain_all(scores, language).beeswarm().svg
    for part in parts:
        assert part in drawn
    assert not re.search(r"nine|value|on average", drawn)
    assert "…" not in drawn


def test_without_a_clock(flat: Trained) -> None:
    model = lq.load_model(flat.bundle_folder)
    model.root = flat.root
    found = model.explain_all(model.predict())
    assert found.ages is None
    assert len(found) == 600
    assert len(model.explain_all(lq.open_project(flat.root).training_set())) == 600


def test_scores_of_another_bundle_are_refused(model: lq.Model, flat: Trained) -> None:
    other = lq.load_model(flat.bundle_folder)
    other.root = flat.root
    with pytest.raises(Refused, match="the scores were made by bundle"):
        model.explain_all(other.predict())


def test_what_does_not_go_together_is_refused(explained: Attributions, model: lq.Model) -> None:
    families, calibrator = explained.effects.families, model.bundle.calibrator
    with pytest.raises(BadData, match=r"must be equally many, got \[\d+, \d+, 1\]"):
        Attributions.of(explained.contributions, families, calibrator, explained.values, ["one"])


def test_shap_is_loaded_when_asked_for_and_not_before(company: Trained) -> None:
    code = (
        "import sys, lqmodel as lq\n"
        f"model = lq.load_model({str(company.bundle_folder)!r})\n"
        f"scores = model.predict(as_of={AS_OF!r}, root={str(company.root)!r})\n"
        "explained = model.explain_all(scores)\n"
        "explained.beeswarm(), model.explain(scores, explained.lead_ids[0]).waterfall()\n"
        "found = {'shap', 'lightgbm', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    ran: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
