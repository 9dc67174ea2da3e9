"""X Education's leads: a flat export without a clock, nine of whose columns are filled in with the outcome.

xeducation/   what `lqmodel init` makes of the file, kept; the data stay where they are, in $LQMODEL_DATA
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from lqmodel import load_model, open_project
from lqmodel.errors import LeakageFound
from lqmodel.evaluation import Estimate, evaluate, paired_difference

pytestmark = pytest.mark.skipif(
    not os.environ.get("LQMODEL_DATA"), reason="LQMODEL_DATA names no folder of real data"
)
KEPT = Path(__file__).parent / "xeducation"
ADDRESS = "${LQMODEL_DATA}/xeducation/Leads.csv"
KEY, LABEL = "Prospect ID", "Converted"
LEAKS = {
    "Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity",
    "Asymmetrique Activity Index", "Asymmetrique Profile Index", "Asymmetrique Activity Score", "Asymmetrique Profile Score",
}  # fmt: skip
NUMBERS = {"Lead Number", "TotalVisits", "Total Time Spent on Website", "Page Views Per Visit"}


def leads_file() -> Path:
    return Path(os.environ["LQMODEL_DATA"]) / "xeducation" / "Leads.csv"


def lqmodel(*arguments: object, exit_code: int = 0) -> str:
    """Run the command line as a user does; return what it prints."""
    ours = {"LQMODEL_DATA": os.environ["LQMODEL_DATA"]}
    others = {k: v for k, v in os.environ.items() if not k.startswith(("LQMODEL_", "MLFLOW_"))}
    command = [str(Path(sys.executable).with_name("lqmodel")), *map(str, arguments)]
    done = subprocess.run(command, env=others | ours, capture_output=True, text=True, check=False)
    assert done.returncode == exit_code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def declared_with_all_columns(root: Path) -> Path:
    """Write a project that uses every column but the key and the label."""
    with leads_file().open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    tables = [
        f'[{re.sub("[^a-z]+", "_", column.lower())}]\nsource = "leads"\nverb = "attribute"\ncolumn = "{column}"\n'
        f'dtype = "{"number" if column in NUMBERS else "category"}"\nreason.en.other = "{{value}}"\n'
        for column in header
        if column not in (KEY, LABEL)
    ]
    texts = {
        "features/sources.toml": f'[leads]\nuri = "{ADDRESS}"\nkey = "{KEY}"\nmissing = ["Select"]\n',
        "features/all.toml": "\n".join(['kind = "fit"', *tables]),
        "models/m.toml": f'features = ["all"]\n[label]\nsource = "leads"\nwhere = {{ {LABEL} = 1 }}\n'
        "[stages.mql]\nat_least = 0.3\n[stages.sales_ready]\nat_least = 0.7\n",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_audit_stops_for_the_leaks_and_nothing_else(tmp_path: Path) -> None:
    project = open_project(declared_with_all_columns(tmp_path))
    stopped = {finding.name for finding in project.check().stops}
    assert (
        stopped == LEAKS
    )  # so not for "Total Time Spent on Website", nor for the occupation, strong as they are
    with pytest.raises(LeakageFound, match="9 facts may come from after the outcome"):
        project.train()


def declarations(root: Path) -> dict[str, str]:
    """Return every declaration by its place; the address of the data, which differs by machine, as kept."""
    texts = {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8") for p in root.rglob("*.toml")}
    return {k: re.sub(r"^uri = .*$", lambda _: f'uri = "{ADDRESS}"', v, flags=re.M) for k, v in texts.items()}


def test_init_makes_the_kept_declarations_and_check_accepts_them(tmp_path: Path) -> None:
    lqmodel("init", tmp_path / "made", "--source", f"leads={leads_file()}")
    assert declarations(tmp_path / "made") == declarations(KEPT)
    checked = json.loads(lqmodel("check", "--project", KEPT, "--format", "json"))
    assert not [f for f in checked["audit"]["findings"] if f["level"] == "stop"]
    assert checked["parts"]["all mature"]["snapshots"] == 9_240
    assert checked["parts"]["all mature"]["wins"] == 3_561


def permuted(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the row numbers of the reference cut: 70 % to learn from, 30 % to be judged on."""
    order = np.random.default_rng(20261121).permutation(n)
    return order[: int(n * 0.7)], order[int(n * 0.7) :]


def write_cut(folder: Path) -> tuple[Path, Path]:
    """Write the two files of the reference cut, every text as it stands."""
    rows = pd.read_csv(leads_file(), dtype=str, keep_default_na=False)
    files = folder / "train.csv", folder / "test.csv"
    for file, part in zip(files, permuted(len(rows)), strict=True):
        rows.iloc[part].to_csv(file, index=False)
    return files


def lightgbm_defaults() -> tuple[pd.Series, pd.Series]:
    """Return probability and outcome of the test part by lead: LightGBM as it comes, on all columns but the leaks."""
    rows = pd.read_csv(leads_file()).replace("Select", np.nan)
    x = rows.drop(columns=[KEY, "Lead Number", *LEAKS, LABEL])
    for column in x.select_dtypes(["object", "string"]).columns:
        x[column] = x[column].astype("category")
    x.columns = [column.replace(" ", "_") for column in x.columns]
    train, test = permuted(len(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        booster = lgb.LGBMClassifier(verbose=-1).fit(x.iloc[train], rows[LABEL].iloc[train])
        p = booster.predict_proba(x.iloc[test])[:, 1]
    lead = rows[KEY].iloc[test].to_numpy()
    return pd.Series(p, lead), pd.Series(rows[LABEL].iloc[test].to_numpy(), lead)


def told(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


@pytest.mark.slow
def test_the_main_job(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """From the file to explained handoffs by the command line, and as good as promised on leads never seen."""
    train_file, test_file = write_cut(tmp_path)
    project, bundle, report = tmp_path / "project", tmp_path / "bundle", tmp_path / "report.html"
    shutil.copytree(KEPT, project)
    here = ("--project", project)
    test_leads = ("--source", f"leads={test_file}")

    out = lqmodel("train", *here, "--source", f"leads={train_file}", "--save", bundle, "--report", report)
    assert "champion" in out
    assert "warning" not in out
    assert "<html" in report.read_text(encoding="utf-8")

    assert "no clock: other leads" in lqmodel("evaluate", "--model", bundle)
    refused = ("evaluate", "--model", bundle, "--source", f"leads={train_file}")
    lqmodel(*refused, exit_code=1)
    judged = json.loads(lqmodel("evaluate", "--model", bundle, *test_leads, "--format", "json"))

    out = lqmodel("predict", *here, *test_leads, "--output", tmp_path / "scores")
    assert "2,772 scored" in out
    run = ("--run", tmp_path / "scores" / "latest")
    handoffs = json.loads(lqmodel("handoffs", *run, "--format", "json"))
    _check_handoffs(handoffs, lqmodel("handoffs", *run, "--most", 3))
    _check_explanation(handoffs[0], lqmodel("explain", handoffs[0]["lead_id"], *run, *here))
    assert lqmodel("explain", "nobody", *run, *here, exit_code=66) == ""

    _check_figures(bundle, test_file, judged, tell)


def _check_handoffs(handoffs: list[dict[str, object]], text: str) -> None:
    """The likeliest first, each with reasons in words."""
    p = [float(str(handoff["probability"])) for handoff in handoffs]
    assert 300 < len(handoffs) < 1_000
    assert p == sorted(p, reverse=True)
    assert min(p) >= 0.7
    assert all(handoff["up"] for handoff in handoffs)
    assert str(handoffs[0]["lead_id"]) in text
    _check_words(text)


def _check_explanation(handoff: dict[str, object], text: str) -> None:
    assert str(handoff["lead_id"]) in text
    assert f"{float(str(handoff['probability'])):.0%}" in text
    assert "sales-ready" in text
    assert any(name in text for name in ("occupation", "total time spent on website", "lead origin"))
    _check_words(text)


def _check_words(text: str) -> None:
    """A seller can read it: factors, and nothing of the machine."""
    assert "×" in text
    assert not re.search(r"\bnan\b|\bNone\b|[{}]|_", text)


def _check_figures(
    bundle: Path, test_file: Path, judged: dict[str, dict[str, dict[str, float]]], tell: Callable[[str], None]
) -> None:
    """Judge the shipped bundle, fitted on the whole training file, on leads that it has not seen."""
    model = load_model(bundle)
    test = open_project(KEPT, {"leads": str(test_file)}).training_set()
    quality = model.evaluate(test)
    for name in ("log_loss", "auc", "ece"):
        assert judged["quality"][name]["value"] == pytest.approx(getattr(quality, name).value, abs=1e-6)
    scores = model.predict({"leads": str(test_file)}, root=KEPT).to_pandas().set_index("lead_id")
    defaults, won = lightgbm_defaults()
    p = scores["probability"].reindex(won.index).to_numpy()
    rival = evaluate(won, defaults, won.index, won.index)
    difference = paired_difference(won, p, defaults, won.index)
    reached = "reached" if quality.log_loss.value <= 0.414 else "not reached"
    tell(
        f"xeducation, {len(test):,} leads never seen: log loss {told(quality.log_loss)}, aim 0.414 {reached}"
    )
    tell(
        f"  AUC {told(quality.auc)}, ECE {told(quality.ece)}, Brier {told(quality.brier)}, lift {told(quality.lift_at_10)}"
    )
    tell(
        f"  LightGBM defaults: log loss {told(rival.log_loss)}, AUC {told(rival.auc)}, ECE {told(rival.ece)}"
    )
    tell(
        f"  lqmodel less LightGBM defaults: log loss {told(difference.log_loss)}, AUC {told(difference.auc)}"
    )
    assert quality.log_loss.value <= 0.414
    assert quality.auc.value >= 0.88
    assert difference.log_loss.high < 0
