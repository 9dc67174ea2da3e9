"""Scoring by points: the same leads and stages as by a model, no probability, and said so everywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from projects import AS_OF, WHEN, Trained, change, contents, shuffled, write_flat

from lqmodel.api import open_project
from lqmodel.declarations import ProjectFiles
from lqmodel.errors import Refused, UsageError
from lqmodel.points import NOTICE
from lqmodel.points_scoring import explain_points, score_by_points
from lqmodel.runs import Run, previous_run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import score

BEFORE, EARLIER = "2024-12-23T00:00Z", WHEN - 7 * 86_400_000_000
POINTS = """
[points]
mql = 20
sales_ready = 40
[points.for]
pricing_visits = [{ window = "7d", ge = 2, points = 15 }, { window = "30d", points = 10 }]
last_visit = { le = 7, points = 5 }
unsubscribed = -50
industry = { software = 15, retail = 5 }
employees = { ge = 50, points = 10 }
"""


@pytest.fixture(scope="module")
def project(company: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained company, whose declarations now hold points; not to be written into."""
    root = company.copy(tmp_path_factory.mktemp("points") / "p")
    with (root / "models" / "lead_conversion.toml").open("a") as file:
        file.write(POINTS)
    return root


@pytest.fixture(scope="module")
def scores(project: Path) -> Scores:
    return open_project(project).points(as_of=AS_OF)


def test_there_is_no_probability_and_it_is_said(scores: Scores) -> None:
    for name in ("probability", "low", "high"):
        assert scores.table[name].null_count == len(scores.table)
    assert scores.notices[0] == f"{NOTICE} in models/lead_conversion.toml [points]"
    assert scores.bundle_version.startswith("points-")
    assert set(scores.table["model_version"].to_pylist()) == {scores.bundle_version}


def test_a_level_that_no_lead_has_is_said_with_the_nearest(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "p"
    shutil.copytree(project, root)
    model = root / "models" / "lead_conversion.toml"
    model.write_text(
        model.read_text().replace("{ software = 15, retail = 5 }", "{ softwear = 15, retail = 5 }")
    )
    said = "[points.for] industry: no lead has 'softwear'; the nearest is 'software'"
    assert said in open_project(root).points(as_of=AS_OF).notices
    assert not any("[points.for]" in notice for notice in open_project(project).points(as_of=AS_OF).notices)


def test_the_leads_are_those_that_a_model_scores(company: Trained, scores: Scores) -> None:
    by_model = score(company.bundle, company.root, None, WHEN)
    for name in ("lead_id", "as_of", "status"):
        assert scores.table[name].equals(by_model.table[name])
    assert [n for n in scores.table.column_names if n != "points"] == by_model.table.column_names
    for name in set(by_model.table.column_names) - {"points"}:
        assert scores.table.schema.field(name).type == by_model.table.schema.field(name).type
    assert scores.skipped.schema == by_model.skipped.schema


def test_points_are_the_sum_of_what_the_features_say(scores: Scores) -> None:
    rows = scores.table.filter(pc.equal(scores.table["status"], "scored")).to_pylist()
    assert [row["lead_id"] for row in rows] == scores.features["lead_id"].to_pylist()
    for row, value in zip(rows, scores.features.to_pylist(), strict=True):
        recent = value["last_visit"] is not None and value["last_visit"] <= 7
        age = (value["as_of"] - value["created"]).total_seconds() / 86_400
        never = value["last_visit"] is not None and abs(value["last_visit"] - age - 1) < 1e-6
        fit = {"software": 15, "retail": 5}.get(value["industry"], 0) + 10 * ((value["employees"] or 0) >= 50)
        engagement = (
            15 * (value["pricing_visits_7d"] >= 2)
            + 10 * (value["pricing_visits_30d"] > 0)
            + 5 * (recent and not never)
            - 50 * (value["unsubscribed_ever"] > 0)
        )
        assert (row["fit"], row["engagement"], row["points"]) == (fit, engagement, fit + engagement)
        band = "sales_ready" if row["points"] >= 40 else "mql" if row["points"] >= 20 else "lead"
        assert (row["band"], row["score"] >= 40, row["score"] >= 70) == (
            band,
            band != "lead",
            band == "sales_ready",
        )


def test_stages_follow_points_and_gates(scores: Scores) -> None:
    rows = scores.table.filter(pc.equal(scores.table["status"], "scored")).to_pylist()
    values = scores.features.to_pylist()
    asked = ("asked_for_proposal", "asked_for_demo", "asked_for_consultation")
    seen = set()
    for row, value in zip(rows, values, strict=True):
        blocked = value["unsubscribed_ever"] > 0
        raised = any((n.startswith(asked)) and v > 0 for n, v in value.items() if n.startswith("asked_for"))
        engaged = any(value[f"{n}_90d"] > 0 for n in ("visits", "email_clicks", "webinars", "referral"))
        interested = any(value[f"{n}_90d"] > 0 for n in ("contact_form", "ebooks"))
        ready = ((row["points"] >= 40 and engaged) or raised) and not blocked
        mql = row["points"] >= 20 or interested
        assert row["stage"] == ("sales-ready" if ready else "MQL" if mql else "Lead")
        seen.add((row["stage"], raised))
    assert {("sales-ready", False), ("sales-ready", True), ("MQL", False), ("Lead", False)} <= seen
    ready = sorted(row["lead_id"] for row in rows if row["stage"] == "sales-ready")
    assert sorted(handoff["lead_id"] for handoff in scores.handoffs) == ready


def test_handoffs_name_points(scores: Scores) -> None:
    points = [handoff["points"] for handoff in scores.handoffs]
    assert points == sorted(points, reverse=True)
    assert {handoff["probability"] for handoff in scores.handoffs} == {None}
    by_points = [h for h in scores.handoffs if h["cause"] == "points"]
    raised = [h for h in scores.handoffs if h["cause"] != "points"]
    assert min(h["points"] for h in by_points) >= 40
    assert all(h["cause"].startswith("asked for") for h in raised)
    assert raised
    for handoff in scores.handoffs:
        assert sum(r["points"] for r in handoff["up"] + handoff["down"]) == handoff["points"]
    json.dumps(scores.handoffs, allow_nan=False)


def test_order_and_threads_change_no_byte(
    project: Path, scores: Scores, tmp_path: Path, company: Trained
) -> None:
    root = company.copy(tmp_path / "p")
    (root / "models" / "lead_conversion.toml").write_bytes(
        (project / "models" / "lead_conversion.toml").read_bytes()
    )
    for name in ("leads", "events", "outcomes"):
        change(root, name, lambda table: shuffled(table, 7))
    again = score_by_points(open_project(root).declarations(), root, None, WHEN, threads=1)
    runs = [write_run(s, tmp_path / out, "here") for s, out in ((scores, "a"), (again, "b"))]
    assert contents(runs[0].folder) == contents(runs[1].folder)
    assert runs[0].folder.name == runs[1].folder.name


def test_stages_go_on_from_points_to_a_model(company: Trained, project: Path, tmp_path: Path) -> None:
    """The day there are wins enough, what was handed over by points is not handed over again."""
    declarations = ProjectFiles.read(project).declarations()
    by_points = write_run(score_by_points(declarations, project, None, EARLIER), tmp_path, "points")
    before = previous_run(tmp_path, company.bundle, WHEN)
    assert before is not None
    assert before.run_id == by_points.run_id
    by_model = score(company.bundle, company.root, None, WHEN, before)
    ready = by_points.table.filter(pc.equal(by_points.table["stage"], "sales-ready"))["lead_id"].to_pylist()
    assert ready
    kept = by_model.table.filter(pc.is_in(by_model.table["lead_id"], pc.cast(ready, "string")))
    open_now = kept.filter(pc.equal(kept["status"], "scored"))
    assert set(open_now["previous_stage"].to_pylist()) == {"sales-ready"}
    assert not {h["lead_id"] for h in by_model.handoffs} & set(ready)


def test_the_command_line_says_it_all(project: Path, lqmodel: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "runs"
    arguments = ("predict", "--points", "--project", project, "--as-of", AS_OF, "--output", out)
    ended = lqmodel(*arguments)
    assert ended.code == 0, ended
    assert f"points    {NOTICE}" in ended.out
    assert f"notice: {NOTICE}" in ended.err
    run = Run.open(out / "latest")
    run.verify()
    assert run.by_points
    assert run.manifest["notices"][0].startswith(NOTICE)
    assert run.manifest["model"]["address"] == "models/lead_conversion.toml"
    first = contents(out)
    assert lqmodel(*arguments).code == 0  # again: nothing changes
    assert contents(out) == first
    handed = lqmodel("handoffs", "--run", out / "latest", "--most", 1).out
    assert "points, no probability yet" in handed
    lead = run.handoffs()[0]
    explained = lqmodel("explain", lead["lead_id"], "--run", out / "latest", "--project", project)
    assert f"{lead['lead_id']}, 2024-12-30: {lead['points']} points ({NOTICE})" in explained.out
    told = json.loads(
        lqmodel(
            "explain", lead["lead_id"], "--run", out / "latest", "--project", project, "--format", "json"
        ).out
    )
    assert sum(reason["points"] for reason in told["up"] + told["down"]) == told["points"] == lead["points"]
    as_json = json.loads(lqmodel(*arguments, "--format", "json").out)
    assert as_json["model"]["version"].startswith("points-")


def test_what_points_would_move_is_told_without_writing(
    company: Trained, project: Path, lqmodel: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    common = ("--project", project, "--output", out)
    assert lqmodel("predict", "--model", company.bundle_folder, *common, "--as-of", BEFORE).code == 0
    first = contents(out)
    ended = lqmodel("predict", "--points", *common, "--as-of", AS_OF, "--dry-run")
    assert ended.code == 0
    assert "\nmoves     " in ended.out
    assert "another model" in ended.out
    assert "\ndiffers   the policy is " in ended.out
    lqmodel("predict", "--points", *common, "--as-of", AS_OF).refused(
        1, "leads change stage at once", "--let-move"
    )
    assert contents(out) == first
    assert lqmodel("predict", "--points", *common, "--as-of", AS_OF, "--let-move").code == 0


def test_who_objects_gets_no_points_either(
    project: Path, lqmodel: Callable[..., Any], tmp_path: Path
) -> None:
    root, out = tmp_path / "p", tmp_path / "runs"
    shutil.copytree(project, root)
    arguments = ("predict", "--points", "--project", root, "--as-of", AS_OF, "--output", out, "--record")
    assert lqmodel(*arguments).code == 0
    lead = Run.open(out / "latest").handoffs()[0]["lead_id"]
    assert lqmodel("suppress", lead, "--project", root).code == 0
    assert lqmodel(*arguments).code == 0
    table = Run.open(out / "latest").table
    row = table.filter(pc.equal(table["lead_id"], lead)).to_pylist()[0]
    assert (row["status"], row["points"], row["score"]) == ("suppressed", None, None)


def test_what_does_not_go_together_is_refused(
    company: Trained, project: Path, lqmodel: Callable[..., Any], tmp_path: Path
) -> None:
    lqmodel("predict", "--points", "--project", company.root).refused(
        2, "model 'lead_conversion' declares no points", "do: add [points]"
    )
    lqmodel("predict", "--points", "--model", "bundle", "--project", project).refused(
        2, "--points and --model at once"
    )
    lqmodel("predict", "--name", "x", "--project", project).refused(
        2, "--name 'x' names a points table", "add --points"
    )
    lqmodel("predict", "--points", "--name", "x", "--project", project).refused(
        2, "no model 'x'", "lead_conversion"
    )
    run = write_run(open_project(project).points(as_of=BEFORE), tmp_path, "here")
    lead = run.features["lead_id"][0].as_py()
    with pytest.raises(UsageError, match="declares no points"):
        explain_points(open_project(company.root).declarations(), run, lead)
    lqmodel("explain", lead, "--model", "bundle", "--run", run.folder, "--project", project).refused(
        2, "a points table made the run", "leave --model out"
    )
    lqmodel("explain", lead, "--svg", tmp_path / "x.svg", "--run", run.folder, "--project", project).refused(
        2, "points have no odds to draw", "leave --svg out"
    )
    assert not (tmp_path / "x.svg").exists()
    copied = company.copy(tmp_path / "other")
    with (copied / "models" / "lead_conversion.toml").open("a") as file:
        file.write(POINTS.replace("-50", "-40"))
    with pytest.raises(Refused, match="the declarations are now points-"):
        explain_points(open_project(copied).declarations(), run, lead)


def test_without_a_clock(tmp_path: Path, lqmodel: Callable[..., Any]) -> None:
    write_flat(tmp_path, 50)
    with (tmp_path / "models" / "flat.toml").open("a") as file:
        file.write(
            "\n[points]\nmql = 3\nsales_ready = 6\nfor = { visits = { ge = 4, points = 6 }, country = { RO = -1 } }\n"
        )
    ended = lqmodel("predict", "--points", "--project", tmp_path)
    assert ended.code == 0, ended
    scored = pq.read_table(tmp_path / "scores" / "latest" / "scores.parquet").to_pylist()
    leads = [line.split(",") for line in (tmp_path / "leads.csv").read_text().splitlines()[1:]]
    want = {row[0]: 6 * (int(row[4]) >= 4) - (row[2] == "RO") for row in leads}
    assert {row["lead_id"]: row["points"] for row in scored} == want
    lqmodel("predict", "--points", "--as-of", AS_OF, "--project", tmp_path).refused(2, "has no clock")


def test_too_few_wins_point_to_points(tmp_path: Path, lqmodel: Callable[..., Any]) -> None:
    seen = 0

    def few(won: bool) -> bool:
        nonlocal seen
        seen += won
        return won and seen <= 12

    write_flat(tmp_path, 300, win=few)
    lqmodel("train", "--project", tmp_path).refused(
        1, "won and", "training needs 30 of each", "`lqmodel predict --points`"
    )
    assert "`lqmodel predict --points`" in lqmodel("check", "--project", tmp_path).out
