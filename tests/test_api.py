"""The Python interface: what a notebook does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from projects import AS_OF, Trained, contents, write_company

import lqmodel as lq
from lqmodel.errors import LqmodelError, NoInput, Refused, UsageError
from lqmodel.runs import write_run

PUBLIC = [
    "Bundle",
    "LeadClassifier",
    "LqmodelError",
    "Model",
    "Project",
    "Snapshots",
    "__version__",
    "load_model",
    "open_project",
]


@pytest.fixture(scope="module")
def project(company: Trained) -> lq.Project:
    return lq.open_project(company.root)


@pytest.fixture(scope="module")
def model(company: Trained) -> lq.Model:
    return lq.load_model(company.bundle_folder)


def test_the_public_surface_is_this(project: lq.Project) -> None:
    assert sorted(lq.__all__) == PUBLIC == dir(lq)
    for name in lq.__all__:
        assert getattr(lq, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lq.nothing  # noqa: B018


def test_things_say_what_they_are(project: lq.Project, model: lq.Model, company: Trained) -> None:
    assert repr(project) == f"<lqmodel project {company.root}: models lead_conversion>"
    assert repr(model) == f"<lqmodel model lead_conversion {company.bundle.version}>"


def test_a_training_set_splits_in_time_and_goes_to_pandas(project: lq.Project) -> None:
    snapshots = project.training_set("lead_conversion")
    assert project.training_set() is snapshots, "built once"
    train, test = snapshots.split()
    assert train.as_of.max() < test.as_of.min()
    X, y = train.to_pandas()
    assert isinstance(X, pd.DataFrame)
    assert list(X.columns) == sorted(c.name for c in snapshots.columns)
    assert set(y.unique()) == {0, 1}
    assert len(X) == len(y) == len(train)
    assert isinstance(X["country"].dtype, pd.CategoricalDtype)


def test_check_gives_the_findings(project: lq.Project) -> None:
    assert project.check().findings == ()


@pytest.mark.slow
def test_train_on_a_part_and_evaluate_on_the_rest(tmp_path: Path) -> None:
    write_company(tmp_path / "p", leads=2300)  # so many, that the part's own training part holds enough wins
    project = lq.open_project(tmp_path / "p")
    train, test = project.training_set("lead_conversion").split()
    model = project.train("lead_conversion", on=train)
    quality = model.evaluate(test)
    assert quality.bands[0].name == "below"
    assert 0.6 < quality.auc.value < 1
    assert model.quality.auc.value != quality.auc.value, "the first was held out within the part"
    with pytest.raises(Refused, match="were used to fit this model, so its figures on them would flatter"):
        model.evaluate(train)
    with pytest.raises(Refused, match="were used to fit"):
        model.evaluate(project.training_set())
    assert contents(model.save(tmp_path / "bundle"))
    assert repr(lq.load_model(tmp_path / "bundle")) == repr(model)
    assert len(model.predict(as_of=AS_OF).table) == 2300, "a model of a project knows where its data is"


def test_evaluate_refuses_what_the_model_was_fitted_on(project: lq.Project, model: lq.Model) -> None:
    train, test = project.training_set().split()
    for part in (train, test, project.training_set()):
        with pytest.raises(Refused, match=f"{len(part)} of {len(part)} snapshots were used to fit"):
            model.evaluate(part)


def test_without_a_clock_evaluate_tells_leads_apart(flat: Trained) -> None:
    snapshots = lq.open_project(flat.root).training_set()
    with pytest.raises(Refused, match="600 of 600 snapshots were used to fit"):
        lq.load_model(flat.bundle_folder).evaluate(snapshots)
    with pytest.raises(Refused, match="1 of 1 snapshots were used to fit"):
        lq.load_model(flat.bundle_folder).evaluate(snapshots.take(np.arange(600) == 5))


def test_predict_and_explain_in_memory(
    project: lq.Project, model: lq.Model, company: Trained, tmp_path: Path
) -> None:
    scores = model.predict(as_of=AS_OF, root=company.root)
    frame = scores.to_pandas()
    assert len(frame) == 1500
    assert frame.lead_id.is_monotonic_increasing
    lead = frame[frame.status == "scored"].sort_values("probability").lead_id.iloc[-1]
    why = model.explain(scores, lead_id=lead)
    assert lead in repr(why) or lead in str(why)
    html = why._repr_html_()
    assert html.startswith("<div")
    assert lead in html
    run = write_run(scores, tmp_path, str(company.bundle_folder))
    assert model.explain(run, lead) == why
    sources = {
        name: str(company.root / "data" / f"{name}.parquet") for name in ("leads", "events", "outcomes")
    }
    elsewhere = lq.load_model(company.bundle_folder).predict(sources, as_of=AS_OF, root=tmp_path)
    assert elsewhere.table.equals(scores.table), "other addresses, same facts"


def test_a_project_loads_models_by_address_or_folder(flat: Trained) -> None:
    project = lq.open_project(flat.root)
    by_alias, by_folder = (
        project.load_model("models:/flat@champion"),
        project.load_model(str(flat.bundle_folder)),
    )
    assert by_alias.bundle == by_folder.bundle
    assert len(by_alias.predict().table) == 600


def test_a_loaded_model_says_what_it_cannot_do(model: lq.Model, project: lq.Project) -> None:
    with pytest.raises(UsageError, match="the full figures stay with the training"):
        _ = model.quality
    with pytest.raises(UsageError, match="was loaded, not trained here"):
        project.register(model)
    with pytest.raises(UsageError, match="as_of 'yesterday'"):
        model.predict(as_of="yesterday")
    with pytest.raises(UsageError, match=r"offset|zone"):
        model.predict(as_of="2024-12-30T00:00")


def test_a_moment_for_data_without_a_clock_is_refused(flat: Trained) -> None:
    with pytest.raises(UsageError, match="the data of model 'flat' has no clock") as error:
        lq.load_model(flat.bundle_folder).predict(as_of=AS_OF, root=flat.root)
    assert "leave --as-of out" in str(error.value)


def test_no_project_no_model_and_bad_settings_are_clear_errors(
    flat: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoInput, match="is no lqmodel project"):
        lq.open_project(tmp_path)
    with pytest.raises(UsageError, match="no model 'flta'") as error:
        lq.open_project(flat.root).declarations("flta")
    assert "do: write 'flat'" in str(error.value)
    for value in ("many", "0", "-1"):
        monkeypatch.setenv("LQMODEL_THREADS", value)
        with pytest.raises(UsageError, match=f"the variable LQMODEL_THREADS holds '{value}'"):
            lq.open_project(flat.root)


def test_every_error_of_the_package_is_one_family() -> None:
    from lqmodel import errors

    ours = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(e, LqmodelError) for e in ours)
