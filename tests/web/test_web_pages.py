"""The pages of all leads and of the model: their contexts from made figures, and drawn over a run that a model made."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nights import write_night
from projects import AS_OF, WHEN, Trained

from lqmodel.api import open_project
from lqmodel.barring import Barred
from lqmodel.card import FIGURES
from lqmodel.counterfactual import nurture
from lqmodel.declarations import to_microseconds
from lqmodel.errors import NoInput
from lqmodel.languages import ENGLISH, Language
from lqmodel.ledger import Ledger, LoopReport, Spoken
from lqmodel.ledger.audit import latest
from lqmodel.ledger.report import Conversion, Moves
from lqmodel.policies import compare_policies, kept
from lqmodel.reasons import LeadExplanation
from lqmodel.runs import Run, write_run
from lqmodel.scoring import score
from lqmodel.web import Config, People, Person, Server, asking, create_app
from lqmodel.web.asking import Asks
from lqmodel.web.charts import Range, ranges, scale
from lqmodel.web.frame import Frame
from lqmodel.web.funnelpage import funnel_page, looked_back
from lqmodel.web.guard import Rate
from lqmodel.web.markdown import blocks
from lqmodel.web.policychange import policy_change
from lqmodel.web.view import View

NOW = 2 * 10**15
PASSWORD = "correct horse battery"
GERMAN = Language.of("de")


# ── the funnel's figures ─────────────────────────────────────────────────────────────────────────────────────


def test_the_funnel_counts_what_the_runs_and_the_ledger_hold(tmp_path: Path) -> None:
    nights = [
        {"A": "Lead", "B": "Lead", "C": "MQL"},
        {"A": "sales-ready", "B": "Lead", "C": "Lead"},
        {"A": "MQL", "B": "sales-ready", "C": "Lead"},
    ]
    ledger, run = Ledger(f"sqlite:///{tmp_path / 'l.db'}", tmp_path), None
    for number, stages in enumerate(nights, start=1):
        run = write_night(tmp_path / "runs", number, stages, previous=run)
        ledger.record(run, 10**15)
    assert run is not None
    runs = looked_back(run)
    assert [r.manifest["stages"] for r in runs] == [
        {"Lead": 2, "MQL": 1},
        {"Lead": 2, "sales-ready": 1},
        {"Lead": 1, "MQL": 1, "sales-ready": 1},
    ]
    page = funnel_page(Frame(), runs, ledger.moves("m", 0), ledger.report("m", 10**15), working=False)
    assert [(s.name, s.now, s.before) for s in page.stages] == [
        ("Lead", 1, 2),
        ("MQL", 1, 0),
        ("sales-ready", 1, 1),
    ]
    assert [(m.from_stage, m.to_stage, m.now, m.lately, m.back) for m in page.moves] == [
        ("Lead", "sales-ready", 1, 2, False),
        ("Lead", "MQL", 0, 1, False),
        ("MQL", "Lead", 0, 1, True),
        ("sales-ready", "MQL", 1, 1, True),
    ]
    assert page.handoffs == 2
    assert {c.name: c.count for c in page.statuses} == {"open": 1, "fell back": 1}
    assert len(looked_back(run, 2)) == 2
    (runs[1].folder / "manifest.json").write_text("{}")
    assert [r.run_id for r in looked_back(run)] == [run.run_id], "a damaged one ends the way back"


def test_an_accepted_lead_that_comes_back_moves_back() -> None:
    moves = [
        Moves(1, "sales-ready", "Recycled", 3),
        Moves(1, "Recycled", "sales-ready", 2),
        Moves(1, "SAL", "SQL", 1),
    ]
    page = funnel_page(Frame(), [], moves, LOOP, working=False)
    assert page.moves == (), "of runs that are not looked back to"


LOOP = LoopReport(
    10,
    2,
    {"accepted": 4, "rejected": 6},
    0.4,
    8,
    (1.0, 30.0, 90.0),
    0.5,
    1,
    {"no_budget": 5, "no reply": 1},
    (
        Conversion("sales_ready", "handoff", 10, 8, 0.25, 3, 0.375, 0.17, 0.64),
        Conversion("lead", "sample", 4, 0, None, 0, None, None, None),
    ),
)


def test_what_was_said_is_drawn_against_what_happened() -> None:
    page = funnel_page(Frame(GERMAN), [], [], LOOP, working=False)
    first, second = page.bands
    assert (first.said, first.happened, first.interval) == ("25\u00a0%", "38\u00a0%", "17\u00a0% – 64\u00a0%")
    assert (second.name, second.said, second.interval) == ("lead, sample", "", "")
    assert page.reasons[0].share == GERMAN.percent(5 / 6)
    assert page.first_touch == GERMAN.seconds(30 * 3600)


def test_a_drawing_holds_all_its_points_in_their_order() -> None:
    row = Range(0.25, 0.375, 0.17, 0.64)
    end = scale([row, Range(None, None, None, None)])
    drawn = ranges(row, end, "<b>")
    low, high = map(float, re.findall(r'class="range" x1="([\d.]+)".*?x2="([\d.]+)"', drawn)[0])
    dot = float(re.findall(r'cx="([\d.]+)"', drawn)[0])
    diamond = float(re.findall(r'class="said" d="M([\d.]+)', drawn)[0])
    assert low < dot < high <= 300
    assert low < diamond < dot
    assert "<b>" not in drawn
    assert "style=" not in drawn


def test_a_card_is_cut_into_blocks_and_nothing_is_lost() -> None:
    text = "# A\n\nline <img src=x>\n\n| a \\| b | c |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n## B\n"
    found = blocks(text)
    assert [(b.kind, b.level) for b in found] == [
        ("heading", 1),
        ("text", 0),
        ("table", 0),
        ("list", 0),
        ("heading", 2),
    ]
    assert found[2].lines == (("a | b", "c"), ("1", "2"))
    assert found[3].lines == (("one",), ("two",))


# ── over a run that a model made ─────────────────────────────────────────────────────────────────────────────


class Site:
    """A view over a scored and recorded project of the small company."""

    def __init__(self, root: Path, url: str, view: View) -> None:
        self.root, self.url, self.view = root, url, view
        self.opened: dict[str, httpx.Client] = {}
        self.ledger = open_project(root).ledger()
        self.run = Run.open(root / "scores" / "latest")
        self.last = max(self.ledger.handoffs(NOW), key=lambda row: row["seq"])

    def signed(self, name: str) -> httpx.Client:
        if name in self.opened:
            return self.opened[name]
        client = self.opened[name] = httpx.Client(
            base_url=self.url, follow_redirects=True, trust_env=False, timeout=60
        )
        csrf = re.search(r'name="csrf" value="([^"]*)"', client.get("/login").text)
        assert csrf
        assert (
            client.post("/login", data={"name": name, "password": PASSWORD, "csrf": csrf[1]}).status_code
            == 200
        )
        return client


@pytest.fixture(scope="module")
def site(company: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = company.copy(tmp_path_factory.mktemp("web") / "project", state=True)
    opened, before = open_project(root), None
    for as_of in (to_microseconds("2024-12-23T00:00Z", None), WHEN):
        scores = score(company.bundle, root, {}, as_of, before)
        before = write_run(scores, root / "scores", str(root / "bundle"))
        opened.ledger().record(before, NOW)
    people = People(opened.ledger().store)
    for name, role, language in (
        ("mia", "manager", "en"),
        ("uwe", "marketer", "de"),
        ("sam", "seller", "en"),
    ):
        people.add(Person(name, role, name, Language.of(language)), PASSWORD)
    config = Config(root / "scores/latest", Spoken.of(opened.declarations().model.stages), project=root)
    app = create_app(config, opened.ledger())
    with Server(app) as server:
        made = Site(root, server.url, app.state.view)
        yield made
        for client in made.opened.values():
            client.close()


def test_reasons_are_in_the_readers_language_and_say_the_same(site: Site) -> None:
    lead, why = site.last["lead_id"], site.last["frozen"]["why"]
    english, german = (site.signed(name).get("/lead", params={"id": lead}).text for name in ("mia", "uwe"))
    assert all(reason["text"] in english for reason in why["up"])
    assert not all(reason["text"] in german for reason in why["up"])
    assert all(GERMAN.effect(reason["factor"]) in german for reason in why["up"])
    assert "in den letzten" in german
    lines = site.signed("uwe").get("/handoffs", params={"q": lead, "status": "all"}).text
    assert "in den letzten" in lines


def test_an_explanation_reads_back_as_it_was_written(site: Site) -> None:
    why, row = site.last["frozen"]["why"], site.last
    told = {**why, **{k: row[k] for k in ("lead_id", "probability", "low", "high", "score")}, "as_of": AS_OF}
    found = LeadExplanation.from_json(told)
    again = found.to_json()
    for key in ("base_probability", "fit", "engagement", "rest", "stage", "language", "lead_id"):
        assert again[key] == told[key]
    assert LeadExplanation.from_json(again) == found
    assert [r["text"] for r in again["up"]] == [r["text"] for r in why["up"]]


def test_what_would_help_is_asked_for_and_then_known(site: Site) -> None:
    mia = site.signed("mia")
    table = site.run.table.to_pylist()
    lead = next(r["lead_id"] for r in table if r["status"] == "scored" and r["stage"] == "Lead")
    asked = ENGLISH.say("web.help_ask")
    assert asked in mia.get("/lead", params={"id": lead}).text
    told = mia.get("/lead/help", params={"id": lead})
    assert told.status_code == 200
    assert asked not in told.text
    assert ENGLISH.say("web.help_means") in told.text
    assert asked not in mia.get("/lead", params={"id": lead}).text
    assert asked not in mia.get("/lead", params={"id": site.last["lead_id"]}).text, "no stage above"
    assert site.signed("sam").get("/lead/help", params={"id": lead}).status_code == 404


def test_what_would_help_waits_for_nobody_for_long_and_not_too_often(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia, view = site.signed("mia"), site.view
    table = site.run.table.to_pylist()
    lead = [r["lead_id"] for r in table if r["status"] == "scored" and r["stage"] == "Lead"][-1]
    monkeypatch.setattr(asking, "TURN", 0.05)
    with view.asks._kernel:
        told = mia.get("/lead/help", params={"id": lead})
    assert told.status_code == 409
    assert "Ask again in a minute" in told.text
    assert mia.get("/lead/help", params={"id": lead}).status_code == 200
    monkeypatch.setattr(view, "helps", Rate("1/minute"))
    assert [mia.get("/lead/help", params={"id": lead}).status_code for _ in range(2)] == [200, 429]


def test_a_model_that_could_not_be_read_is_looked_for_again(
    company: Trained, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks, tried = Asks(site.root, site.ledger), []

    def silent(*told: object) -> None:
        tried.append(told)
        raise NoInput("the registry does not answer", do="ask again")

    with monkeypatch.context() as patched:
        patched.setattr(asking, "find_model", silent)
        assert [asks.bundle(site.run), asks.bundle(site.run)] == [None, None]
        assert len(tried) == 1, "not at each page"
        assert (asks.worded(site.run, site.last, GERMAN) or {})["language"] == "en"
    assert asks.bundle(site.run) is None
    monkeypatch.setattr(asking.time, "monotonic", lambda: 2.0**40)
    assert asks.bundle(site.run) is not None
    assert (asks.worded(site.run, site.last, GERMAN) or {})["language"] == "de"
    asks.close()


def test_who_objects_while_it_is_worked_out_is_on_no_list(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia, view = site.signed("mia"), site.view
    while (found := view.asks.nurture(site.run, ENGLISH)) is None:
        pass
    leads = [help.lead_id for group in found.groups for help in group.helps]
    asked: list[str] = []

    def worked_out(run: Run, language: Language) -> object:
        asked.append("worked out")
        return found

    def barred() -> Barred:
        asked.append("who objects")
        return Barred([leads[0]], lambda ids: [lead for lead in ids if lead == leads[1]])

    monkeypatch.setattr(view.asks, "nurture", worked_out)
    monkeypatch.setattr(view.ledger, "barred", barred)
    told = [row["lead_id"] for row in csv.DictReader(io.StringIO(mia.get("/nurture/audience.csv").text))]
    assert asked == ["worked out", "who objects"]
    assert told == leads[2:]


def test_reasons_of_another_model_name_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    mia, lead = site.signed("mia"), site.last["lead_id"]
    named = f"· Model {site.run.bundle_version}"
    assert named not in mia.get("/lead", params={"id": lead}).text
    monkeypatch.setattr(Run, "bundle_version", "another")
    assert named in mia.get("/lead", params={"id": lead}).text


def test_nurture_lists_and_exports_what_the_command_line_lists(site: Site, company: Trained) -> None:
    mia = site.signed("mia")
    for _ in range(60):
        page = mia.get("/nurture").text
        if ENGLISH.say("web.working") not in page:
            break
    listed = nurture(company.bundle, site.root, {}, site.run)
    group = next(g for g in listed.groups if g.helps)
    assert group.helps[0].lead_id in page
    step = group.steps[0]
    assert step.text in page
    assert len(page.encode()) < 60_000
    named = {"stage": group.stage, "step": step.name}
    assert len(step.leads) == step.alone + step.with_others
    answer = mia.get("/nurture/audience.csv", params=named)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["lead_id"] for row in rows] == list(step.leads)
    assert all(row["stage"] == group.stage for row in rows)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    with site.ledger.store.reading() as con:
        newest = next(n for n in latest(con) if n.action == "export")
    assert (newest.person, newest.detail["leads"]) == ("mia", len(rows))
    assert mia.get("/nurture", params={"stage": group.stage, "step": "<img src=x>"}).text.count("<img") == 0


def test_a_lead_shows_who_it_is_and_what_it_did(site: Site) -> None:
    mia, lead = site.signed("mia"), site.last["lead_id"]
    page = mia.get("/lead", params={"id": lead}).text
    rows = site.run.timeline([lead]).to_pylist()
    done = [row for row in rows if row["at"] is not None]
    assert done
    assert all(row["text"].replace("_", " ") in page for row in rows)
    listed = page.split('id="did"')[1].split("</section>")[0]
    assert listed.count("<li>") == len(done)
    assert "<small>" not in listed, "one source needs no name"
    table = site.run.table.to_pylist()
    other = next(r["lead_id"] for r in table if r["status"] == "scored" and r["stage"] == "Lead")
    told = mia.get("/lead", params={"id": other}).text
    assert all(row["text"].replace("_", " ") in told for row in site.run.timeline([other]).to_pylist())
    assert f"<h1>{other}" not in told, "a lead that was never handed over has its name"


def test_the_model_page_tells_its_quality_and_what_was_agreed(site: Site, company: Trained) -> None:
    page = site.signed("uwe").get("/model").text
    bundle = company.bundle
    agreed = bundle.declarations.model.agreement
    assert all(name in page for _, name in FIGURES)
    assert bundle.version in page
    assert agreed is None or agreed.sales_ready_means in page
    assert GERMAN.percent(bundle.policy.sales_ready.probability) in page
    assert "Model card" in page
    assert page.count("<svg") == sum(b["observed"] is not None for b in bundle.metrics["quality"]["bands"])


def test_the_funnel_draws_each_stage(site: Site) -> None:
    mia = site.signed("mia")
    for _ in range(60):
        page = mia.get("/funnel").text
        if ENGLISH.say("web.working_outcomes") not in page:
            break
    assert all(stage in page for stage in site.run.manifest["stages"])
    assert page.count('class="columns"') == len(site.run.manifest["stages"])
    assert not re.search(r"<[a-z][^<>]*\s(style|on\w+)=", page)
    assert len(page.encode()) < 60_000


def test_the_funnel_shows_what_another_threshold_would_have_done(site: Site, company: Trained) -> None:
    state = open_project(site.root).settings.state_of(site.root)
    compared = compare_policies(company.bundle, kept(company.bundle, state))
    mia = site.signed("mia")
    for _ in range(60):
        page = mia.get("/funnel").text
        if ENGLISH.say("web.working") not in page:
            break
    told = policy_change(compared, ENGLISH)
    table = page.split('id="change"')[1]
    assert re.findall(r'scope="row">≥ ([^<]*?)(?: <small>|</th>)', table) == [
        s.at_least for s in told.settings
    ]
    assert table.count(ENGLISH.say("web.in_force")) == 1
    for setting in told.settings:
        assert f"{setting.won} <small>({setting.won_interval})" in table
        assert f"{setting.found} <small>({setting.found_interval})" in table


def test_without_its_held_out_weeks_the_funnel_says_so(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "project")
    run = write_run(score(company.bundle, root, {}, WHEN), root / "scores", str(root / "bundle"))
    asks = Asks(root, open_project(root).ledger())
    with pytest.raises(NoInput, match="held-out weeks"):
        asks.policies(run, 60)
    asks.close()


def test_filters_are_the_segments_that_the_model_was_judged_by(site: Site, company: Trained) -> None:
    mia = site.signed("mia")
    page = mia.get("/handoffs?status=all").text
    keys: list[Any] = re.findall(r'<option value="([a-z_]+)=([^"]+)"', page)
    columns = {c["name"] for c in company.bundle.metrics["segments"]["columns"]}
    assert {name for name, _ in keys} <= columns
    assert keys
    name, level = keys[0]
    told = mia.get("/handoffs", params={"status": "all", "segment": f"{name}={level}"}).text
    wanted = {
        row["lead_id"]
        for row in site.ledger.handoffs(NOW)
        if row["frozen"]["facts"][name] == level and row["kind"] == "handoff"
    }
    assert set(re.findall(r'/lead\?id=([^"]+)"', told)) <= wanted
    assert f"<small>{len(wanted)} ·" in told
