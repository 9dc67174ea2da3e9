"""Whom to nurture: the nearest of each stage, what helps how many, and the words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pyarrow.compute as pc
import pytest
from conftest import Ended
from projects import WHEN, Trained
from syrupy.assertion import SnapshotAssertion
from test_counterfactual import thresholds
from test_nightly import DAY, FIRST, HOUR, night

from lqmodel.api import open_project
from lqmodel.bundle import Bundle
from lqmodel.counterfactual import NurtureList, nurture, what_would_help
from lqmodel.declarations import VERBS, Declarations, DeclaredFeature
from lqmodel.errors import Refused, UsageError
from lqmodel.languages import ENGLISH, NAMES, Language
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.model import load_model
from lqmodel.reasons import Help, NurtureStep, Way
from lqmodel.reasons.help import Answer, step_text, weighs_most
from lqmodel.reasons.nurturing import Row, nurture_text
from lqmodel.runs import write_run
from lqmodel.scores import Scores
from lqmodel.scoring import score
from lqmodel.steps import countable

ALL = 10_000


@pytest.fixture(scope="module")
def bundle(company: Trained) -> Bundle:
    return thresholds(company.bundle, 0.06, 0.2)


@pytest.fixture(scope="module")
def scored(bundle: Bundle, company: Trained) -> Scores:
    return score(bundle, company.root, None, WHEN)


@pytest.fixture(scope="module")
def listed(bundle: Bundle, company: Trained, scored: Scores) -> NurtureList:
    return nurture(bundle, company.root, None, scored, ALL)


def test_the_list_holds_every_lead_that_the_model_may_move(
    bundle: Bundle, company: Trained, scored: Scores, listed: NurtureList
) -> None:
    assert [(g.stage, g.aim) for g in listed.groups] == [("MQL", "sales-ready"), ("Lead", "MQL")]
    rows = {row["lead_id"]: row for row in scored.table.to_pylist()}
    for group in listed.groups:
        stands = {lead for lead, row in rows.items() if row["stage"] == group.stage}
        ids = [h.lead_id for h in group.helps]
        helps = what_would_help(bundle, company.root, None, scored, sorted(stands))
        blocked = {h.lead_id for h in helps if h.answer == "blocked"}
        assert (group.leads, group.blocked) == (len(stands), len(blocked))
        assert set(ids) == stands - blocked
        assert list(group.probability) == [rows[lead]["probability"] for lead in ids]
        assert ids == sorted(ids, key=lambda lead: (-rows[lead]["probability"], lead))
        assert set(group.helps) <= set(helps)
    assert listed.groups[0].blocked > 0


def test_steps_count_the_leads_that_they_help(listed: NurtureList) -> None:
    for group in listed.groups:
        alone = [{w.steps[0].name for w in h.ways} for h in group.helps if h.ways and h.ways[0].steps[0].times == 1 and len(h.ways[0].steps) == 1]  # fmt: skip
        assert all(h.n_ways == len(h.ways) for h in group.helps if h.ways and size(h) == 1), "none is cut off"
        for step in group.steps:
            assert step.alone == sum(step.name in names for names in alone)
            assert step.alone + step.with_others <= sum(bool(h.ways) for h in group.helps)
        assert [s.alone for s in group.steps] == sorted((s.alone for s in group.steps), reverse=True)
    assert any(step.with_others for group in listed.groups for step in group.steps)


def size(help: Help) -> int:
    return sum(step.times for step in help.ways[0].steps)


def test_most_takes_the_nearest(
    bundle: Bundle, company: Trained, scored: Scores, listed: NurtureList
) -> None:
    three = nurture(bundle, company.root, None, scored, 3)
    for group, whole in zip(three.groups, listed.groups, strict=True):
        assert group.helps == whole.helps[:3]
        assert (group.leads, group.blocked) == (whole.leads, whole.blocked)


def test_a_stage_at_which_nobody_stands(bundle: Bundle, company: Trained, scored: Scores) -> None:
    nobody = scored.table.filter(pc.not_equal(scored.table["stage"].fill_null(""), "MQL"))
    found = nurture(bundle, company.root, None, replace(scored, table=nobody), 1)
    assert found.groups[0].helps == ()
    assert str(found).startswith("MQL → sales-ready: 0 leads\n\nLead → MQL: ")


@pytest.mark.parametrize("most", [0, -3])
def test_at_least_one(most: int, bundle: Bundle, company: Trained, scored: Scores) -> None:
    with pytest.raises(UsageError, match=f"{most} leads of each stage") as error:
        nurture(bundle, company.root, None, scored, most)
    assert "do: ask for at least 1" in str(error.value)


def test_points_have_no_model_to_ask(bundle: Bundle, company: Trained, scored: Scores) -> None:
    by_points = replace(scored, bundle_version="points-0123456789ab")
    with pytest.raises(
        Refused, match="a points table made the scores: there is no model to ask what would help"
    ):
        nurture(bundle, company.root, None, by_points)


def test_answers_to_the_checklist_are_read_from_the_ledger(
    bundle: Bundle, company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    """Where a handoff with a budget is SQL at once, a lead whose budget is known would be SQL."""
    root = company.copy(tmp_path / "project")
    shutil.rmtree(root / "bundle")
    policy = replace(bundle.policy, sql_after="handoff", require=("budget",), checklist=("budget",))
    replace(bundle, policy=policy).save(root / "bundle")
    before = night(root, FIRST)
    command = ("--model", root / "bundle", "--project", root)

    def nearest(folder: Path) -> dict[str, list[str]]:
        told = lqmodel("nurture", "--run", folder, *command, "--most", ALL, "--format", "json").out
        helps = json.loads(told)["groups"][0]["nearest"]
        return {help["lead_id"]: [way["stage"] for way in help["ways"]] for help in helps if help["ways"]}

    first = nearest(before.folder)
    assert {stage for stages in first.values() for stage in stages} == {"sales-ready"}
    now = FIRST + 5 * HOUR
    known = [Feedback(lead, "worked", now, checklist={"budget": True}, person="ann") for lead in first]
    assert Ledger.of(root).say(known, Spoken(), now).taken == len(first)
    run = night(root, FIRST + DAY)
    second = nearest(run.folder)
    both = sorted(set(first) & set(second))
    assert both
    for lead, stages in second.items():
        assert set(stages) == {"SQL" if lead in first else "sales-ready"}
    explained = lqmodel("explain", both[0], "--run", run.folder, *command)
    assert "the model would make it SQL after:" in explained.out


def test_who_objects_is_neither_nurtured_nor_handed_over(
    company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    root = company.copy(tmp_path / "project")
    run = night(root, FIRST)
    model = open_project(root).load_model(str(root / "bundle"))
    before = model.nurture(run, most=3)
    near = [group.helps[0].lead_id for group in before.groups if group.helps]
    assert near
    handed = [handoff["lead_id"] for handoff in run.handoffs()]
    told = lqmodel("suppress", *near, handed[0], "--project", root).out
    assert told == f"{len(near) + 1} put on the list\n"
    for group, then in zip(model.nurture(run, most=10_000).groups, before.groups, strict=True):
        assert {help.lead_id for help in group.helps}.isdisjoint(near)
        assert (group.blocked, group.leads) == (then.blocked + bool(then.helps), then.leads)
        assert group.leads == group.blocked + len(group.helps)
    command = ("--run", run.folder, "--project", root, "--model", root / "bundle", "--format", "json")
    told = json.loads(lqmodel("nurture", *command, "--most", "10000").out)["groups"]
    blocked = [group.blocked + bool(group.helps) for group in before.groups]
    assert [group["blocked"] for group in told] == blocked
    listed = lqmodel("handoffs", *command)
    assert [handoff["lead_id"] for handoff in json.loads(listed.out)] == handed[1:]
    assert "notice: 1 left out, who object to being contacted" in listed.err
    assert f"notice: {near[0]} objects" in lqmodel("explain", near[0], *command).err


def test_a_model_without_steps_says_so_once(flat: Trained) -> None:
    listed = nurture(flat.bundle, flat.root, None, score(flat.bundle, flat.root, None, None))
    assert str(listed).count("nothing to add: no feature is declared actionable") == 2
    assert {h.answer for group in listed.groups for h in group.helps} == {"not_actionable"}


def at_an_age(bundle: Bundle) -> Bundle:
    stored = bundle.declarations.to_json()
    stored["model"]["population"] = {"source": "leads", "at_age": "3d"}
    return replace(bundle, declarations=Declarations.from_json(stored), steps=())


def test_a_model_that_looks_once_moves_nobody_afterwards(
    bundle: Bundle, company: Trained, scored: Scores, listed: NurtureList
) -> None:
    once = at_an_age(bundle)
    scores = replace(scored, bundle_version=once.version)
    (found,) = what_would_help(once, company.root, None, scores, [listed.groups[0].helps[0].lead_id])
    assert (found.answer, found.ways) == ("once", ())
    with pytest.raises(Refused, match="the model looks at each lead once, at the age of 3d"):
        nurture(once, company.root, None, scores)
    assert countable(once.declarations) == ()


def test_python_and_the_command_line_give_the_same(
    company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    model = open_project(company.root).load_model(str(company.bundle_folder))
    scores = model.predict(as_of="2024-12-30")
    run = write_run(scores, tmp_path / "scores", str(company.bundle_folder))
    found = model.nurture(scores, most=5)
    command = ("nurture", "--run", run.folder, "--project", company.root, "--most", "5")
    ended = lqmodel(*command)
    assert (ended.code, ended.err, ended.out) == (0, f"run {run.folder.name}\n", f"{found}\n")
    told = json.loads(lqmodel(*command, "--format", "json").out)
    assert told == {
        "run_id": run.run_id,
        "as_of": "2024-12-30T00:00Z",
        "groups": json.loads(json.dumps(found.to_json())),
    }
    lead = found.groups[1].helps[0]
    assert model.what_would_help(scores, lead.lead_id) == (lead,)
    assert f"{model.what_would_help(scores, lead.lead_id)!r}" == f"{lead.lead_id}\n{lead}"
    elsewhere = load_model(company.bundle_folder)
    assert elsewhere.what_would_help(run, lead.lead_id, root=company.root) == (lead,)


# --- words -----------------------------------------------------------------------------------------


def step(name: str, text: str, times: int = 1) -> NurtureStep:
    return NurtureStep(name, (name,), times, text)


WEBINAR, VISITS = step("webinars", "1 webinar attended"), step("visits", "2 pages seen", 2)


def way(*steps: NurtureStep, stage: str = "MQL", p: float = 0.0612) -> Way:
    return Way(steps, stage, p)


def answer(answer: Any, **values: Any) -> Help:
    return Help("L-1", **{"stage": "Lead", "aim": "MQL", "answer": answer, "most": 3, **values})


@pytest.mark.parametrize(
    ("help", "lines"),
    [
        (
            answer("reaches", ways=(way(WEBINAR),), n_ways=1),
            ["the model would make it MQL after:", "1 webinar attended (6.1%)"],
        ),
        (
            answer("reaches", ways=(way(VISITS, WEBINAR), way(WEBINAR, step("a", "1 referral"), p=0.1)), n_ways=2),
            ["the model would make it MQL after:", "2 pages seen + 1 webinar attended (6.1%)", "or 1 webinar attended + 1 referral (10%)"],
        ),
        (
            answer("reaches", ways=(way(WEBINAR, stage="sales-ready"),) * 4, n_ways=4),
            ["the model would make it sales-ready after:", "1 webinar attended (6.1%)", *["or 1 webinar attended (6.1%)"] * 2, "or 1 other way"],
        ),
        (
            answer("reaches", ways=(way(VISITS),) * 10, n_ways=1_234),
            ["the model would make it MQL after:", "2 pages seen (6.1%)", *["or 2 pages seen (6.1%)"] * 2, "or 1,231 other ways"],
        ),
        (answer("none", because="company size weighs most (×0.52)"), ["no nurturing step reaches MQL, not even 3 at once: company size weighs most (×0.52)"]),
        (answer("none", most=1), ["no nurturing step reaches MQL"]),
        (answer("reached", ways=(way(),), n_ways=1), ["no step is needed: the model would make it MQL when it is next scored"]),
        (answer("highest", stage="sales-ready", aim=None), ["the model has no stage after sales-ready: sales decides from here"]),
    ],
)  # fmt: skip
def test_the_words(help: Help, lines: list[str]) -> None:
    assert help.lines() == lines
    assert str(help) == "\n".join(lines)
    assert help.text == " ".join([lines[0], "; ".join(lines[1:])]).strip()
    assert help.labelled()[0] == f"  would help  {lines[0]}"
    assert json.loads(json.dumps(help.to_json()))["text"] == help.text


def every_answer(language: Language) -> list[Help]:
    """One of each, as a reader of the language gets it."""
    titles = {"because": "title"}
    return [
        answer("reaches", ways=(way(VISITS, WEBINAR), way(WEBINAR)), n_ways=2),
        answer("reaches", ways=(way(WEBINAR),), n_ways=1_234),
        answer("reached", ways=(way(),), n_ways=1),
        answer("none", most=1),
        answer("none", because=weighs_most(PRICING, 0.523, language)),
        answer("blocked", stage="MQL", aim="sales-ready", because="title"),
        answer("blocked", stage="MQL", aim="sales-ready", because=language.say("help.suppressed")),
        answer("highest", stage="sales-ready", aim=None),
        answer("highest", stage="sales-ready", aim=None, **titles),
        answer("asleep", stage="Recycled", aim=None, because=language.date(date(2026, 11, 21))),
        answer("asleep", stage="Recycled", aim=None),
        answer("people", stage="SAL", aim=None),
        *(answer(kind, **titles) for kind in ("undated", "unseen")),
        *(answer(kind) for kind in ("once", "not_actionable", "changed")),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_golden_texts(name: str, snapshot: SnapshotAssertion) -> None:
    language = Language.of(name)
    helps = [replace(help, language=language) for help in every_answer(language)]
    assert {help.answer for help in helps} == set(get_args(Answer))
    steps = [step_text([item], n, language) for item in (PRICING, LAST) for n in (1, 2, 20)]
    rows = [Row(step_text([PRICING], 1, language), 1, 0), Row(step_text([LAST], 1, language), 12, 1_200)]
    listed = nurture_text("MQL", "sales-ready", 20, 5, helps[:5], [0.055] * 5, rows, language)
    said = ["\n".join(help.labelled()) for help in helps]
    assert "\n".join([*said, *steps, listed]) == snapshot


def counted(name: str, **values: Any) -> DeclaredFeature:
    table = {"source": "events", "verb": "count", "windows": ["7d", "30d"], **values}
    if table["verb"] in ("recency", "tenure"):
        del table["windows"]
    return DeclaredFeature(name, "engagement", "engagement", VERBS[table["verb"]].model_validate(table))


REASON: Mapping[str, Any] = {
    "en": {
        "one": "{value} visit to the pricing page in the last {window}",
        "other": "{value} visits to the pricing page in the last {window}",
    },
    "de": {
        "one": "{value} Besuch der Preisseite in den letzten {window}",
        "other": "{value} Besuche der Preisseite in den letzten {window}",
    },
    "ro": {
        "one": "{value} vizită pe pagina de prețuri în ultimele {window}",
        "few": "{value} vizite pe pagina de prețuri în ultimele {window}",
        "other": "{value} de vizite pe pagina de prețuri în ultimele {window}",
    },
}
TITLE = {"en": "pricing visits", "de": "Besuche der Preisseite", "nb": "besøk på prissiden"}
PRICING = counted("pricing", where={"type": "page_view", "page": "pricing"}, title=TITLE, reason=REASON)
ANY = counted("any", where={"type": "page_view"}, title="pages seen")
LAST = counted("last", verb="recency", title="days since the last call")


@pytest.mark.parametrize(
    ("counting", "once", "twice"),
    [
        ([PRICING], "1 visit to the pricing page", "2 visits to the pricing page"),
        ([ANY, PRICING], "1 visit to the pricing page", "2 visits to the pricing page"),
        (
            [LAST],
            "1 event that counts for days since the last call",
            "2 events that count for days since the last call",
        ),
    ],
)
def test_a_step_in_words(counting: list[DeclaredFeature], once: str, twice: str) -> None:
    assert (step_text(counting, 1), step_text(counting, 2)) == (once, twice)


def test_a_count_without_a_text_has_its_title() -> None:
    assert "pages seen" in step_text([ANY], 2)
    assert "window" not in step_text([ANY], 2)
    assert "last" not in step_text([ANY], 2)


def test_texts_of_a_source_cannot_reach_the_terminal_or_the_page() -> None:
    evil = counted("evil", title="\x1b[31m<script>")
    assert "\x1b" not in step_text([evil], 1)
    evil_lead = replace(answer("none"), lead_id="\x1b[2J L")
    assert "\x1b" not in nurture_text("Lead", "MQL", 1, 0, [evil_lead], [0.05], [], ENGLISH)
    assert "\x1b" not in weighs_most(evil, 0.5)


def test_a_group_in_words() -> None:
    helps = [
        answer("reaches", ways=(way(WEBINAR),), n_ways=2),
        answer("reaches", ways=(way(VISITS),), n_ways=4),
        answer("none", because="country weighs most (×0.70)"),
        answer("reached", ways=(way(),), n_ways=1),
    ]
    rows = [Row("1 webinar attended", 1, 0), Row("1 page seen", 0, 1_200)]
    text = nurture_text("Lead", "MQL", 1_234, 5, helps, [0.055, 0.05, 0.1, 0.039], rows, ENGLISH, most=3)
    assert text == (
        """\
Lead → MQL: 1,234 leads, 5 blocked
  the 4 nearest: 1 without any step, 1 by 1 step, 1 by 2 steps, 1 by none that was tried

  the model would move, by  alone  with others
  1 webinar attended            1            0
  1 page seen                   0        1,200

  L-1    5.5%  1 webinar attended (6.1%), or 1 other way
  L-1    5.0%  2 pages seen (6.1%), or 3 other ways
  L-1     10%  no nurturing step reaches MQL, not even 3 at once: country weighs most (×0.70)
  and 1 more: JSON has all"""
    )
