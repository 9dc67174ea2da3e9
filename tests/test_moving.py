"""What a run would move is shown before it is written, and too much at once is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Ended
from hypothesis import given
from hypothesis import strategies as st
from killed import scores as small_scores
from projects import AS_OF, WHEN, Trained, agree_on, contents

from lqmodel.api import open_project
from lqmodel.errors import Refused
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.moving import DID, LASTED, OTHER_MODEL, OTHER_RULES, PEOPLE, TIME, WON, Move, Moving, moves
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.stages import Policy, Threshold

WEEK_BEFORE = "2024-12-23T00:00Z"
DAY = 86_400_000_000


def bars(mql: float, ready: float) -> Policy:
    return Policy(Threshold(mql, mql, mql), Threshold(ready, ready, ready), below_ratio=1.0, demote_after=0)


# the share


def moving(moved: int, held: int, **given: Any) -> Moving:
    found = tuple(Move(f"L-{i}", "Lead", "MQL", DID) for i in range(moved))
    return Moving(**{"held": held, "moves": found, "differs": (), "other_rules": False, **given})


@given(st.integers(1, 99), st.integers(1, 400))
def test_exactly_the_declared_share_may_move_and_one_lead_more_may_not(percent: int, hundreds: int) -> None:
    held, at_most = 100 * hundreds, percent / 100
    moved = percent * hundreds
    assert Fraction(moved, held) == Fraction(percent, 100)
    exact, more = moving(0, held), moving(0, held)
    exact = replace(exact, moves=(Move("a", "Lead", "MQL", DID),) * moved)
    more = replace(more, moves=(Move("a", "Lead", "MQL", DID),) * (moved + 1))
    assert not exact.exceeds(at_most)
    exact.check(at_most)
    assert more.exceeds(at_most)
    with pytest.raises(Refused):
        more.check(at_most)


@given(st.integers(0, 50), st.integers(0, 50))
def test_without_a_declared_share_or_leads_nothing_is_refused(moved: int, more: int) -> None:
    moving(moved, moved + more).check(None)
    moving(0, more).check(0.01)
    moving(moved, moved + more).check(1.0)


def test_what_people_said_is_no_stampede() -> None:
    found = moving(1, 10)
    found = replace(
        found, moves=(*found.moves, *(Move(f"S-{i}", "sales-ready", "SAL", PEOPLE) for i in range(6)))
    )
    found.check(0.1)
    assert found.headline() == "1 of 10 leads change stage at once (10.0%), and 6 by what people said"


def test_a_refusal_says_how_many_from_where_to_where_and_why() -> None:
    found = moving(2, 10, differs=("the policy is b, and was a", "the model is 2, and was 1"))
    found = replace(found, moves=(*found.moves, Move("L-9", "sales-ready", "MQL", OTHER_RULES)))
    with pytest.raises(Refused) as refused:
        found.check(0.29)
    assert str(refused.value) == (
        "3 of 10 leads change stage at once (30.0%), and [handoffs] at_most_moving allows 29.0%; nothing was written\n"
        "    Lead → MQL              2  what the lead did 2\n"
        "    sales-ready → MQL       1  other rules 1\n"
        "    likely because the policy is b, and was a\n"
        "    or because the model is 2, and was 1\n"
        "  do: mend the feed and score again; or look at all of it with --dry-run, and let this run pass with --let-move"
    )
    assert refused.value.exit_code == 1
    with pytest.raises(Refused, match="likely because nothing but the leads themselves: look at the notices"):
        moving(5, 10).check(0.1)


# why


def night(
    tmp_path: Path, rows: list[dict[str, Any]], *, policy: Policy, version: str = "one", **then: Any
) -> tuple[Scores, Run]:
    """A scoring of these leads, and the run before it; ``then`` is what its manifest says otherwise."""
    names = ("probability", "change", "change_by_model", "change_by_time")
    schema = pa.schema(
        [
            *[
                (name, pa.string())
                for name in ("lead_id", "status", "stage", "previous_stage", "cause", "band")
            ],
            *[(name, pa.float64()) for name in names],
        ]
    )
    common = {
        "status": "scored",
        "cause": "probability",
        "change": 0.0,
        "change_by_model": 0.0,
        "change_by_time": 0.0,
    }
    now = pa.Table.from_pylist([{**common, **row} for row in rows], schema)
    before = [
        {"lead_id": r["lead_id"], "status": "scored", "stage": r["previous_stage"], "probability": r.get("p_then"), "band": r.get("band_then")}
        for r in rows
    ]  # fmt: skip
    features = pa.table(
        {"lead_id": [r["lead_id"] for r in rows], "form_ever": [r.get("form", 0.0) for r in rows]}
    )
    made = replace(
        small_scores(2), table=now, features=features, policy=policy.version, bundle_version=version
    )
    earlier = replace(
        small_scores(1), table=pa.Table.from_pylist(before, schema), features=features, policy=policy.version,
        bundle_version="one", **then,
    )  # fmt: skip
    run = write_run(earlier, tmp_path / "runs", "here")
    return replace(made, previous_run=run.run_id), run


class Facts:
    """Declarations as far as moves look at them."""

    def fact_columns(self) -> dict[str, str]:
        return {"form": "form_ever"}


def why(found: Moving | None) -> dict[str, str]:
    assert found is not None
    return {move.lead_id: move.why for move in found.moves}


UP = {"previous_stage": "Lead", "stage": "MQL", "band": "mql", "band_then": "lead", "p_then": 0.04}
DOWN = {"previous_stage": "MQL", "stage": "Lead", "band": "lead", "band_then": "mql", "p_then": 0.06}


def test_who_is_counted_and_what_moved_them(tmp_path: Path) -> None:
    rows = [
        {"lead_id": "acts", **UP, "change": 1.0, "change_by_time": 0.3},
        {"lead_id": "customer", **UP, "previous_stage": "Customer", "stage": "Customer", "status": "outside_population"},
        {"lead_id": "lasted", **DOWN, "band_then": "lead"},
        {"lead_id": "new", **UP, "previous_stage": None},
        {"lead_id": "people", **UP, "stage": "SAL", "cause": "accepted"},
        {"lead_id": "stays", **UP, "stage": "Lead"},
        {"lead_id": "time", **DOWN, "change": -1.0, "change_by_time": -0.9},
        {"lead_id": "won", **UP, "stage": "Customer", "cause": "won", "status": "outside_population"},
        {"lead_id": "asked", **UP, "stage": "sales-ready", "cause": "form", "form": 1.0},
    ]  # fmt: skip
    scored, run = night(tmp_path, rows, policy=bars(0.05, 0.5))
    found = moves(scored, run, bars(0.05, 0.5), Facts())  # type: ignore[arg-type]
    assert why(found) == {
        "acts": DID, "lasted": LASTED, "people": PEOPLE, "time": TIME, "won": WON, "asked": "form holds",
    }  # fmt: skip
    assert found is not None
    assert (found.held, found.share, found.other_rules) == (7, 5 / 7, False)
    assert moves(scored, None, bars(0.05, 0.5), Facts()) is None  # type: ignore[arg-type]
    told = found.to_json()
    assert sum(step["leads"] for step in told["transitions"]) == told["moved"] == len(told["leads"]) == 6


def test_other_rules_and_another_model_are_told_from_what_the_lead_did(tmp_path: Path) -> None:
    old, new = bars(0.05, 0.5), bars(0.03, 0.5)
    rows = [
        {"lead_id": "rule", **UP},
        {"lead_id": "fact", **UP, "cause": "form", "form": 2.0},
        {"lead_id": "model", **UP, "p_then": 0.01, "change": 1.0, "change_by_model": 0.8},
        {"lead_id": "unknown", **UP, "p_then": 0.01, "change": 1.0, "change_by_model": None, "change_by_time": None},
        {"lead_id": "acts", **UP, "p_then": 0.01, "change": 1.0, "change_by_model": 0.2},
        {"lead_id": "against", **DOWN, "change": -1.0, "change_by_model": 0.5},
        {"lead_id": "halfway", **UP, "stage": "sales-ready", "band": "sales_ready", "change": 3.0},
        {"lead_id": "unmoved", **UP, "p_then": 0.01, "change": -0.1, "change_by_model": 0.0},
        {"lead_id": "lasted", **DOWN, "band_then": "lead", "p_then": 0.01, "change": 0.5},
    ]  # fmt: skip
    scored, run = night(
        tmp_path, rows, policy=new, version="two", agreement="2026-01", cutoffs={"events": "then"}
    )
    then = replace(run, manifest={**run.manifest, "policy": old.version})
    found = moves(replace(scored, agreement="2026-02", cutoffs={"events": "then"}), then, new, Facts())  # type: ignore[arg-type]
    assert why(found) == {
        "rule": OTHER_RULES, "fact": OTHER_RULES, "model": OTHER_MODEL, "unknown": OTHER_MODEL, "acts": DID,
        "against": DID, "unmoved": OTHER_RULES, "halfway": DID, "lasted": LASTED,
    }  # fmt: skip
    assert found is not None
    assert found.other_rules
    assert found.differs == (
        "the agreement is '2026-02', and was '2026-01'",
        f"the policy is {new.version}, and was {old.version}",
        "the model is two, and was one",
        "source 'events' has nothing new since the run before (then): its feed may be dead",
        "the run before looked from 1970-01-08T00:00Z, 7 days earlier",
    )


# from the command line


@pytest.fixture
def project(company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]) -> Path:
    """The small company, scored once."""
    root = company.copy(tmp_path / "project")
    assert predict(lqmodel, root, WEEK_BEFORE).code == 0
    return root


def predict(lqmodel: Callable[..., Ended], root: Path, as_of: str, *more: object) -> Ended:
    return lqmodel("predict", "--model", root / "bundle", "--project", root, "--as-of", as_of, *more)


def other_bundle(company: Trained, root: Path, *, mql: float) -> None:
    """Put a bundle in the place of the project's whose MQLs begin elsewhere."""
    bundle = company.bundle
    ratio, bar = bundle.policy.below_ratio, bundle.policy.mql
    moved = replace(bar, probability=mql, margin=bar.margin - 2, kept_margin=bar.kept_margin - 2)
    assert ratio < 1
    shutil.rmtree(root / "bundle")
    replace(bundle, policy=replace(bundle.policy, mql=moved)).save(root / "bundle")


def test_a_dry_run_writes_nothing_and_tells_what_the_run_then_does(
    project: Path, lqmodel: Callable[..., Ended]
) -> None:
    assert predict(lqmodel, project, WEEK_BEFORE, "--record").code == 0
    lead = Run.open(project / "scores" / "latest").handoffs()[0]["lead_id"]
    now = WHEN - 6 * DAY
    Ledger.of(project).say([Feedback(lead, "accepted", now)], Spoken(), now)
    before = contents(project)
    ended = predict(lqmodel, project, AS_OF, "--dry-run")
    told = json.loads(predict(lqmodel, project, AS_OF, "--dry-run", "--format", "json").out)
    assert contents(project) == before, "not a byte, in no folder and no ledger"
    assert ended.code == 0
    assert ended.out.startswith("dry run   nothing is written\nleads     ")
    assert "\nmoves     " in ended.out
    assert "sales-ready → SAL" in ended.out
    assert {"lead_id": lead, "from": "sales-ready", "to": "SAL", "why": PEOPLE} in told["moving"]["leads"]
    assert predict(lqmodel, project, AS_OF).code == 0
    run = Run.open(project / "scores" / "latest")
    rows = run.table.to_pylist()
    moved = [r for r in rows if r["previous_stage"] and r["stage"] != r["previous_stage"]]
    assert [m["lead_id"] for m in told["moving"]["leads"]] == [r["lead_id"] for r in moved]
    assert told["counts"] == run.manifest["counts"]
    assert told["stages"] == run.manifest["stages"]
    assert told["handoffs"] == run.manifest["handoffs"]
    assert told["refused"] is None


def test_a_dry_run_of_a_first_night_and_options_that_do_not_go_with_it(
    company: Trained, flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    root = company.copy(tmp_path / "project")
    before = contents(root)
    assert "moves     none to tell: there is no run before" in predict(lqmodel, root, AS_OF, "--dry-run").out
    for more in ("--record", "--crm=hubspot"):
        predict(lqmodel, root, AS_OF, "--dry-run", more).refused(2, "--dry-run writes nothing")
    assert contents(root) == before
    ended = lqmodel(
        "predict",
        "--model",
        flat.bundle_folder,
        "--project",
        flat.root,
        "--dry-run",
        "--output",
        tmp_path / "out",
    )
    assert ended.code == 0
    assert not (tmp_path / "out").exists()


def test_other_rules_are_shown_before_the_run_is_written(
    company: Trained, project: Path, lqmodel: Callable[..., Ended]
) -> None:
    assert "moves " not in predict(lqmodel, project, AS_OF).err, "the rules are those of the run before"
    shutil.rmtree(project / "scores")
    predict(lqmodel, project, WEEK_BEFORE)
    other_bundle(company, project, mql=0.02)
    ended = predict(lqmodel, project, AS_OF, "--let-move")
    assert ended.code == 0
    assert "\ndiffers   the policy is " in ended.err
    assert f"{OTHER_RULES} " in ended.err
    assert "moves " not in ended.out


def test_too_many_moves_are_refused_before_anything_is_written(
    company: Trained, project: Path, lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert predict(lqmodel, project, WEEK_BEFORE, "--record").code == 0
    other_bundle(company, project, mql=0.02)
    before = contents(project)
    ended = predict(lqmodel, project, AS_OF)
    ended.refused(
        1, "leads change stage at once", "at_most_moving allows 15.0%; nothing was written", "Lead → MQL",
        OTHER_RULES, "likely because the policy is", "--let-move",
    )  # fmt: skip
    assert contents(project) == before
    told = predict(lqmodel, project, AS_OF, "--dry-run")
    assert told.code == 0
    assert "\nrefused   " in told.out
    assert contents(project) == before
    assert predict(lqmodel, project, AS_OF, "--let-move").code == 0
    run = Run.open(project / "scores" / "latest")
    assert any(text.startswith("let pass: ") for text in run.manifest["notices"])
    held = contents(project / "scores")
    assert predict(lqmodel, project, AS_OF).code == 0, (
        "what was let pass once is a run, and running again is a no-op"
    )
    assert contents(project / "scores") == held


def test_a_bundle_alone_refuses_too(
    company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = company.copy(tmp_path / "project")
    sources = [f"--source={path.stem}={path}" for path in sorted((root / "data").glob("[elo]*.parquet"))]
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    monkeypatch.chdir(nowhere)
    command = ("predict", "--model", root / "bundle", *sources, "--as-of")
    assert lqmodel(*command, WEEK_BEFORE).code == 0
    run = Run.open(nowhere / "scores" / "latest")
    assert run.manifest["agreement"] == "2026-01"
    signature = company.bundle.declarations.signature
    assert signature is not None
    assert run.manifest["signed"] == signature.to_json()
    other_bundle(company, root, mql=0.02)
    before = contents(nowhere)
    lqmodel(*command, AS_OF).refused(1, "at_most_moving allows 15.0%")
    assert contents(nowhere) == before


def test_without_a_declared_share_all_may_move(
    company: Trained, project: Path, lqmodel: Callable[..., Ended]
) -> None:
    agree_on(project)
    other_bundle(company, project, mql=0.02)
    assert predict(lqmodel, project, AS_OF).code == 0


@pytest.mark.slow
def test_the_journey_of_an_agreement(company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]) -> None:
    """Signed, trained, scored; a threshold is changed, refused, signed anew, looked at, and let pass."""
    root = company.copy(tmp_path / "project")
    model = agree_on(root, "\n[handoffs]\nat_most_moving = 0.15\n")
    call = lambda *words: lqmodel(*words, "--project", root)  # noqa: E731
    assert "agreement '2026-01' is a draft" in call("train").err
    assert call("policy", "sign", "--version", "2026-01", "--by", "marketing", "--by", "sales").code == 0
    assert "is a draft" not in call("train").err
    call("promote")
    assert call("predict", "--as-of", WEEK_BEFORE).code == 0
    first = Run.open(root / "scores" / "latest").manifest
    assert (first["agreement"], first["signed"]["by"]) == ("2026-01", ["marketing", "sales"])
    model.write_text(model.read_text().replace("at_least = 0.05", "at_least = 0.02"))
    told = "stages.mql.at_least: signed 0.05, declared 0.02"
    for command in (("predict", "--as-of", AS_OF), ("train",)):
        call(*command).refused(1, told, "lqmodel policy sign --version NEW --by marketing --by sales")
    assert told in call("check").out
    call("policy", "sign", "--version", "2026-01", "--by", "sales").refused(1, "is never written again")
    signed = call("policy", "sign", "--version", "2026-02", "--by", "marketing", "--by", "sales")
    assert "models/lead_conversion.toml names '2026-02' now" in signed.out
    behind = call("predict", "--as-of", AS_OF, "--dry-run")
    assert "names agreement '2026-02', whose stages are not those of this model" in behind.err
    assert call("train").code == 0
    call("promote")
    before = contents(root / "scores")
    dry = call("predict", "--as-of", AS_OF, "--dry-run")
    assert "the agreement is '2026-02', and was '2026-01'" in dry.out
    assert OTHER_RULES in dry.out
    assert contents(root / "scores") == before
    ended = call("predict", "--as-of", AS_OF, "--let-move")
    assert ended.code == 0
    assert "the agreement is '2026-02', and was '2026-01'" in ended.err
    run = Run.open(root / "scores" / "latest")
    assert run.manifest["agreement"] == "2026-02"
    assert {handoff["agreement"] for handoff in run.handoffs()} == {"2026-02"}
    assert open_project(root).declarations().signature is not None
