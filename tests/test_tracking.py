"""MLflow: what is logged, who is champion, and addresses that stay true."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ended
from projects import Trained, contents, write_flat_leads

from lqmodel.api import open_project
from lqmodel.errors import CannotWrite, NoInput, UsageError
from lqmodel.locating import find_model
from lqmodel.tracking import Tracker


@pytest.fixture
def registry(flat: Trained, tmp_path: Path) -> Path:
    """The registered project, free to be changed; its artefacts stay where they are."""
    return flat.copy(tmp_path / "p", state=True)


def tracker(root: Path) -> Tracker:
    return open_project(root).tracker()


def client(root: Path) -> Any:
    from mlflow import MlflowClient

    store = f"sqlite:///{root / '.lqmodel' / 'mlflow.db'}"
    return MlflowClient(tracking_uri=store, registry_uri=store)


def test_a_training_logs_parameters_figures_fingerprints_plots_report_and_bundle(flat: Trained) -> None:
    bundle = flat.bundle
    runs = client(flat.root)
    run = runs.get_run(runs.get_model_version("flat", "1").run_id)
    assert run.data.tags["lqmodel.version"] == bundle.version
    assert run.data.tags["lqmodel.fingerprint"] == bundle.declarations.fingerprint()
    assert run.data.tags["lqmodel.data"] == bundle.data
    assert run.data.params["max_rounds"] == "25"
    assert run.data.params["rows"] == "600"
    quality = bundle.metrics["quality"]
    for name in ("log_loss", "auc", "brier", "ece", "lift_at_10"):
        assert run.data.metrics[name] == quality[name]["value"]
        assert run.data.metrics[f"{name}_low"] <= run.data.metrics[name] <= run.data.metrics[f"{name}_high"]
    assert (
        run.data.metrics["log_loss_points_rule"]
        == bundle.metrics["baselines"]["points rule"]["log_loss"]["value"]
    )
    logged = contents(Path(run.info.artifact_uri.removeprefix("file://")))
    assert {"report.html", "card.md", "plots/reliability.svg", "plots/bands.svg"} <= set(logged)
    assert logged["card.md"].decode() == bundle.card
    assert bundle.version.encode() in logged["report.html"]


def test_the_registered_bundle_is_the_saved_one_to_the_byte(flat: Trained) -> None:
    assert contents(tracker(flat.root).folder("models:/flat/1")) == contents(flat.bundle_folder)


def test_nothing_in_the_store_is_pickled(flat: Trained) -> None:
    names = list(contents(flat.root / ".lqmodel"))
    assert any(name.endswith("MLmodel") for name in names)
    assert not [name for name in names if Path(name).suffix in (".pkl", ".pickle", ".joblib", ".cloudpickle")]
    for name, data in contents(flat.root / ".lqmodel" / "artifacts").items():
        assert not data.startswith(b"\x80"), f"{name} is a pickle"


def test_the_first_model_is_champion_and_the_next_its_challenger(flat: Trained) -> None:
    aliases = client(flat.root).get_registered_model("flat").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {"champion": "1", "challenger": "2"}


def test_promote_makes_the_challenger_champion(registry: Path, lqmodel: Callable[..., Ended]) -> None:
    ended = lqmodel("promote", "--project", registry)
    assert (ended.code, ended.out) == (0, "models:/flat/2 is the champion\n")
    assert tracker(registry).resolve("models:/flat@champion") == "models:/flat/2"
    lqmodel("promote", "--project", registry).refused(
        66, "model 'flat' has no challenger", "champion (version 2)", "do: train again"
    )
    assert lqmodel("promote", "--project", registry, "--model-version", "1").code == 0
    assert tracker(registry).resolve("models:/flat@champion") == "models:/flat/1"
    for version in ("3", "x", "-1", "01", "9" * 30):
        lqmodel("promote", "--project", registry, "--model-version", version).refused(
            66, f"no version {version}", "there is: 1, 2"
        )


def test_alias_version_and_folder_give_equal_scores_and_versions_are_written_down(
    flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    table = write_flat_leads(tmp_path / "new.csv", 50, seed=7)
    runs = {}
    addresses = {
        "none": None,
        "alias": "models:/flat@champion",
        "version": "models:/flat/1",
        "challenger": "models:/flat@challenger",
        "folder": flat.bundle_folder,
    }
    for name, address in addresses.items():
        chosen = () if address is None else ("--model", address)
        out = ("--output", tmp_path / name)
        ended = lqmodel("predict", *chosen, "--project", flat.root, "--source", f"leads={table}", *out)
        assert ended.code == 0, ended.err
        runs[name] = contents(tmp_path / name / "latest")
    for name in runs:
        assert {k: v for k, v in runs[name].items() if k != "manifest.json"} == {
            k: v for k, v in runs["none"].items() if k != "manifest.json"
        }
    found = {name: json.loads(run["manifest.json"])["model"]["address"] for name, run in runs.items()}
    assert found == {
        "none": "models:/flat/1",
        "alias": "models:/flat/1",
        "version": "models:/flat/1",
        "challenger": "models:/flat/2",
        "folder": str(flat.bundle_folder),
    }


def test_a_run_is_explained_by_its_model_after_another_one_was_promoted(
    registry: Path, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    out = tmp_path / "scores"
    assert lqmodel("predict", "--project", registry, "--output", out).code == 0
    assert lqmodel("promote", "--project", registry).code == 0
    ended = lqmodel("explain", "0-0001", "--run", out / "latest", "--project", registry)
    assert ended.code == 0, ended.err
    assert "0-0001" in ended.out


@pytest.mark.parametrize(
    ("address", "error", "parts"),
    [
        (
            "models:/flat@nobody",
            NoInput,
            ("no alias 'nobody'", "challenger (version 2), champion (version 1)"),
        ),
        ("models:/flat/9", NoInput, ("no version 9", "there is: 1, 2")),
        (
            "models:/other@champion",
            NoInput,
            ("no registered model 'other'", "there is: flat", "lqmodel train"),
        ),
        ("models:/o'ther/1", NoInput, ("no registered model", "there is: flat")),
        ("models:/flat", UsageError, ("is no model address", "models:/NAME@champion")),
        ("models:/flat@a@b", UsageError, ("is no model address",)),
        ("models:/flat/0", UsageError, ("is no model address",)),
        ("models:/flat/latest", UsageError, ("is no model address",)),
        ("models:/", UsageError, ("is no model address",)),
    ],
)
def test_an_address_that_leads_nowhere_says_what_there_is(
    flat: Trained, address: str, error: type[Exception], parts: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        find_model(address, flat.root)
    for part in parts:
        assert part in str(caught.value)


def test_no_store_no_database_and_no_files_are_clear_errors(
    flat: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = flat.copy(tmp_path / "bare")
    with pytest.raises(NoInput, match=r"no tracking store in .*bare") as error:
        find_model(None, bare)
    assert "lqmodel train" in str(error.value)
    (bare / ".lqmodel").mkdir()
    (bare / ".lqmodel" / "mlflow.db").write_text("this is no database, but a text of some length" * 99)
    with pytest.raises(NoInput, match=r"the tracking store does not answer: .*not a database"):
        find_model(None, bare)
    monkeypatch.setenv("LQMODEL_TRACKING_URI", f"file://{tmp_path}/mlruns")
    with pytest.raises(NoInput, match="the tracking store does not answer"):
        find_model(None, bare)
    monkeypatch.delenv("LQMODEL_TRACKING_URI")
    monkeypatch.setenv("LQMODEL_STATE", str(bare / "leads.csv"))
    with pytest.raises(CannotWrite, match="cannot open the tracking store"):
        tracker(bare)


def test_artefacts_that_are_gone_are_a_clear_error(flat: Trained, tmp_path: Path) -> None:
    root = flat.copy(tmp_path / "p", state=True)
    import sqlite3

    with sqlite3.connect(root / ".lqmodel" / "mlflow.db") as store:
        for table, column in (("model_versions", "storage_location"), ("logged_models", "artifact_location")):
            store.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(flat.root), str(root))
            )
    shutil.rmtree(root / ".lqmodel" / "artifacts")
    with pytest.raises(NoInput, match="the files of models:/flat/1 are not where the tracking store says"):
        find_model("models:/flat@champion", root)


START = """
import sys, time
from pathlib import Path
from lqmodel.tracking import Tracker
folder = Path(sys.argv[1])
Tracker(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
print("started")
"""


@pytest.mark.slow
def test_two_processes_that_start_at_once_on_an_empty_store_both_do(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out, err) == (0, b"started\n", b"")


def test_pyfunc_predicts_what_predict_does_without_pickle(flat: Trained) -> None:
    from lqmodel.scoring import score

    made = score(flat.bundle, flat.root, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

        mlflow.set_registry_uri(f"sqlite:///{flat.root / '.lqmodel' / 'mlflow.db'}")
        mlflow.set_tracking_uri(f"sqlite:///{flat.root / '.lqmodel' / 'mlflow.db'}")
        model = mlflow.pyfunc.load_model("models:/flat@champion")
        frame = made.features.to_pandas().set_index("lead_id")
        found = model.predict(frame)
    assert list(found.columns) == ["probability", "low", "high"]
    assert list(found.index) == made.features["lead_id"].to_pylist()
    rows = made.table.to_pandas().set_index("lead_id")
    for column in found:
        assert (found[column].round(6) == rows[column].astype(float)).all()


def test_registering_within_a_users_own_mlflow_run_works(flat: Trained, registry: Path) -> None:
    import mlflow

    own = tracker(registry)  # points mlflow at the project's store
    with mlflow.start_run():
        registered = own.log(flat.bundle, {"a": 1}, {"b": 1.0}, registry / "features")
    assert (registered.version, registered.alias) == ("3", "challenger")
    assert registered.uri == "models:/flat/3"
    assert contents(own.folder("models:/flat@challenger")) == contents(flat.bundle_folder)
