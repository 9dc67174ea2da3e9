"""Leads from their first sign of life to a customer or out of sight, by the commands alone, with the texts that people read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Ended
from once import once
from projects import Trained, change, train, write_company
from syrupy.assertion import SnapshotAssertion

from lqmodel.bundle import Bundle
from lqmodel.declarations import to_microseconds
from lqmodel.runs import Run
from lqmodel.scores import Scores
from lqmodel.scoring import score
from lqmodel.stages import Threshold

NIGHTS = ("2024-12-09", "2024-12-16", "2024-12-23", "2024-12-30", "2025-01-06")
JOHN, THINNING, PROPOSAL, SOCIAL, FORM = "J-JOHN", "J-THIN", "J-PROP", "J-SOCIAL", "J-FORM"
FAIR = tuple(f"J-FAIR-{n:02d}" for n in range(30))
WHO = {
    "account_id": "A-J", "country": "DE", "industry": "software", "employees": 240, "revenue": 31e6, "seniority": "director",
    "source": "organic_search", "campaign": None,
}  # fmt: skip
CHECKLIST = ("budget", "authority", "need", "timeframe", "location")
YES = "yes,yes,yes,yes,yes"


def at(day: str, time: str = "10:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)


def did(
    lead: str, when: datetime, kind: str, page: str | None = None, seconds: int | None = None
) -> dict[str, Any]:
    return {"lead_id": lead, "occurred_at": when, "type": kind, "page": page, "duration_s": seconds}


def visits(
    lead: str, start: datetime, pages: Iterable[str], hours: float = 20, seconds: int = 150
) -> Iterator[dict[str, Any]]:
    for n, page in enumerate(pages):
        yield did(lead, start + timedelta(hours=hours * n), "page_view", page, seconds)


def events() -> Iterator[dict[str, Any]]:
    """Yield what the leads of the journeys did."""
    yield did(JOHN, at("2024-12-03"), "ebook_download")
    yield did(JOHN, at("2024-12-04"), "newsletter_signup")
    yield did(JOHN, at("2024-12-05"), "social_engagement")
    yield from visits(
        JOHN, at("2024-12-10"), ("service", "pricing", "case_study", "pricing", "service", "pricing"), 22
    )
    yield did(JOHN, at("2024-12-14"), "email_click")
    yield did(JOHN, at("2024-12-15"), "demo_requested")
    for n, gap in enumerate((0, 0.3, 0.7, 1, 1.5, 2, 3, 4.5, 6.5, 9)):
        yield did(
            THINNING, at("2024-12-03") + timedelta(days=gap), "page_view", ("service", "blog")[n % 2], 60
        )
    yield did(THINNING, at("2024-12-20"), "unsubscribe")
    yield did(PROPOSAL, at("2024-12-15", "20:10"), "proposal_requested")
    for n in range(40):
        yield did(SOCIAL, at("2024-12-02") + timedelta(hours=13 * n), "social_engagement")
    yield did(FORM, at("2024-12-04"), "contact_form")


def leads() -> Iterator[dict[str, Any]]:
    begun = {JOHN: at("2024-12-02"), THINNING: at("2024-12-02"), PROPOSAL: at("2024-12-15", "20:00")}
    for lead, name in (
        (JOHN, "John Ealder"),
        (THINNING, "Ines Falk"),
        (PROPOSAL, "Petra Wold"),
        (SOCIAL, "Sol Arne"),
        (FORM, "Fee Berg"),
    ):
        yield {
            "lead_id": lead,
            "created_at": begun.get(lead, at("2024-12-02")),
            "name": name,
            "company": f"{name.split()[1]} Works",
            **WHO,
            "account_id": f"A-{lead}",
        }
    for lead in FAIR:  # one import, one instant
        yield {
            "lead_id": lead,
            "created_at": at("2024-12-02", "09:00"),
            "name": f"Visitor {lead}",
            "company": lead,
            **WHO,
            "account_id": f"A-{lead}",
            "source": "event",
            "campaign": "fair_autumn",
        }


def added(rows: Iterable[dict[str, Any]]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: pa.concat_tables([table, pa.Table.from_pylist(list(rows), table.schema)])


AGREED = {
    "[stages.sql]\n": f"[stages.sal]\nchecklist = {[*CHECKLIST]}\n[stages.sql]\nrequire = {[*CHECKLIST[:3]]}\n",
    'version = "2026-01"': 'version = "journeys"',
}


@pytest.fixture(scope="session")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The small company, where both teams agreed on what sales looks at. Not to be written into."""

    def build(root: Path) -> None:
        write_company(root)
        model = root / "models" / "lead_conversion.toml"
        text = model.read_text()
        for old, new in AGREED.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        model.write_text(text)
        train(root, register=0)

    return Trained(once(tmp_path_factory, "journeys", build))


@pytest.fixture
def project(agreed: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trained company, into which these leads have come since."""
    root = agreed.copy(tmp_path / "project")
    change(root, "leads", added(leads()))
    change(root, "events", added(events()))
    won = {"lead_id": JOHN, "occurred_at": at("2025-01-03"), "outcome": "won", "value": 42_000.0}
    change(root, "outcomes", added([won]))
    monkeypatch.chdir(root)
    return root


class Teller:
    """The commands, and what they said so far."""

    def __init__(self, lqmodel: Callable[..., Ended], clock: pytest.MonkeyPatch) -> None:
        self.call, self.clock = lqmodel, clock

    def night(self, day: str) -> Run:
        self.clock.setattr("lqmodel.cli.predict.right_now", lambda: moment(f"{day}T03:00Z"))
        ended = self.call("predict", "--model", "bundle", "--as-of", day, "--record")
        assert ended.code == 0, ended.err
        return Run.open(Path("scores/latest"))

    def says(self, day: str, *lines: str) -> None:
        """What sales said on a day, brought in by the evening of it."""
        self.clock.setattr("lqmodel.cli.feedback.right_now", lambda: moment(f"{day}T18:00Z"))
        Path("calls.csv").write_text(
            "\n".join((f"lead_id,act,at,reason,person,{','.join(CHECKLIST)}", *lines)) + "\n"
        )
        ended = self.call("feedback", "import", "calls.csv", "--zone", "UTC")
        assert ended.code == 0, ended.err

    def history(self, lead: str) -> str:
        return plain(self.call("history", lead).out)

    def explained(self, lead: str) -> str:
        return self.call("explain", lead, "--model", "bundle").out


def moment(text: str) -> int:
    return to_microseconds(text, None)


def plain(text: str) -> str:
    """Take out what another processor's last digit could change."""
    return re.sub(r"[\d.]+%|×[\d.,]+", "…", re.sub(r"\b[0-9a-f]{12,}\b", "ID", text))


def row(run: Run, lead: str) -> dict[str, Any]:
    (found,) = [r for r in run.table.to_pylist() if r["lead_id"] == lead]
    return found


@pytest.fixture
def teller(project: Path, lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Teller:
    return Teller(lqmodel, monkeypatch)


def test_john(teller: Teller, snapshot: SnapshotAssertion) -> None:
    """E-book, newsletter, a follow: MQL. A demo asked for: handoff. Accepted: SAL. The checklist: SQL. Then a customer."""
    first, second = teller.night(NIGHTS[0]), teller.night(NIGHTS[1])
    assert (row(first, JOHN)["stage"], row(second, JOHN)["stage"]) == ("MQL", "sales-ready")
    assert row(second, JOHN)["probability"] > row(first, JOHN)["probability"]
    assert JOHN in [handoff["lead_id"] for handoff in second.handoffs()]
    why = teller.explained(JOHN)
    assert re.search(r"for .*\n", why)
    assert "minutes on the site in the last 7 days" in why
    assert re.search(r"\nsince 9 Dec: from .* to .*\n(.*\n)*.*minutes on the site", why)
    teller.says("2024-12-17", f"{JOHN},accepted,2024-12-17T09:00,,ann,,,,,")
    assert row(teller.night(NIGHTS[2]), JOHN)["stage"] == "SAL"
    teller.says("2024-12-27", f"{JOHN},qualified,2024-12-27T09:00,,ann,{YES}")
    assert row(teller.night(NIGHTS[3]), JOHN)["stage"] == "SQL"
    last = teller.night(NIGHTS[4])
    assert row(last, JOHN)["stage"] == "Customer"
    assert teller.history(JOHN) == snapshot
    told = json.loads(teller.call("history", JOHN, "--format", "json").out)
    causes = [step["cause"] for step in told if step["entry"] == "transitions"]
    assert causes == ["ebooks", "asked_for_demo", "accepted", "gates", "won"], (
        "what programs read are the names"
    )
    won = json.loads(teller.call("handoffs", "--status", "won", "--format", "json").out)
    assert [h["accepted"] for h in won if h["lead_id"] == JOHN] == [True]


def test_ten_visits_that_thin_out_and_an_unsubscribe(teller: Teller) -> None:
    """A lead that came ten times is less and less promising, and stays with marketing once it unsubscribes."""
    runs = [teller.night(day) for day in NIGHTS[:4]]
    chances = [row(run, THINNING)["probability"] for run in runs]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < chances[0] / 2
    assert row(runs[-1], THINNING)["stage"] in ("Lead", "MQL")
    assert not any(handoff["lead_id"] == THINNING for run in runs[2:] for handoff in run.handoffs())
    why = teller.explained(THINNING)
    assert "5 visits to the service pages in the last 30 days" in why, "it came ten times"
    assert re.search(r"against(.*\n)*.*no time on the site in the last 7 days", why)
    assert "last visit 17 days ago" in why


def test_an_import_from_a_trade_fair_that_never_engages(teller: Teller) -> None:
    """Thirty leads of one instant: each has its status and its reasons, and none of them reaches sales."""
    runs = [teller.night(day) for day in NIGHTS[:3]]
    for lead in FAIR:
        assert {row(run, lead)["stage"] for run in runs} == {"Lead"}
        assert row(runs[-1], lead)["status"] == "scored"
    assert len({row(runs[-1], lead)["probability"] for lead in FAIR}) == 1, (
        "who is the same is scored the same"
    )
    assert not {handoff["lead_id"] for run in runs for handoff in run.handoffs()} & {*FAIR}
    assert "no visit so far" in teller.explained(FAIR[0])
    assert "new lead" not in teller.explained(FAIR[0])


def test_a_proposal_asked_for_on_day_one(teller: Teller, snapshot: SnapshotAssertion) -> None:
    """Four hours old at the nightly run, and handed over at any probability, saying why."""
    run = teller.night(NIGHTS[1])
    (handoff,) = [h for h in run.handoffs() if h["lead_id"] == PROPOSAL]
    assert handoff["cause"] == "asked for a proposal"
    assert row(run, PROPOSAL)["cause"] == "asked_for_proposal"
    assert "no visit so far, but a new lead" in row(run, PROPOSAL)["reasons_up"]
    assert teller.history(PROPOSAL) == snapshot
    told = teller.call("handoffs").out
    assert re.search(rf"Wold Works, Petra Wold \({PROPOSAL}\).*\n  because +asked for a proposal\n", told)
    assert "no visit so far, but a new lead" in told


def test_a_history_is_told_where_declarations_are_gone_or_broken(teller: Teller) -> None:
    teller.night(NIGHTS[1])
    model, facts = Path("models/lead_conversion.toml"), Path("features/facts.toml")
    model.write_text(model.read_text() + "[nonsense]\n")
    assert "by asked for proposal\n" in teller.history(PROPOSAL)
    model.unlink()
    facts.unlink()
    assert "by asked for proposal\n" in teller.history(PROPOSAL)


def test_a_bare_contact_form_and_social_engagement_alone_never_reach_sales(teller: Teller) -> None:
    runs = [teller.night(day) for day in NIGHTS[:4]]
    assert {row(run, FORM)["stage"] for run in runs} == {"MQL"}
    assert {row(run, SOCIAL)["stage"] for run in runs} <= {"Lead", "MQL"}


def nights_from(probability: float, project: Path) -> list[Scores]:
    """Score four nights with both thresholds at one probability, by the rules that the example declares."""
    bundle = Bundle.load(project / "bundle")
    margin, kept = bundle.calibrator.inverse([probability, 0.8 * probability]).tolist()
    bar = Threshold(probability, margin, kept)
    asked = replace(bundle, policy=replace(bundle.policy, mql=bar, sales_ready=bar, levels=()))
    found: list[Scores] = []
    for day in NIGHTS[:4]:
        found.append(score(asked, project, None, moment(f"{day}T00:00Z"), found[-1] if found else None))
    return found


def stages(nights: list[Scores], lead: str) -> list[str]:
    return [
        str(found["stage"])
        for night in nights
        for found in night.table.to_pylist()
        if found["lead_id"] == lead
    ]


def test_at_any_probability_interest_alone_is_marketing_s(project: Path) -> None:
    """Sales takes all that the model could hand over, and gets neither social engagement nor a bare contact form."""
    nights = nights_from(1e-6, project)
    handed = {handoff["lead_id"] for night in nights for handoff in night.handoffs}
    assert len(handed) > 100, "the threshold itself keeps nobody back"
    assert {JOHN, THINNING, PROPOSAL} <= handed
    assert not handed & {SOCIAL, FORM, *FAIR}
    for lead in (SOCIAL, FORM):
        assert stages(nights, lead) == ["MQL"] * len(nights)


def test_at_any_probability_a_hand_raised_goes_to_sales_and_a_contact_form_to_marketing(
    project: Path,
) -> None:
    """And where the model hands nobody over, these do."""
    nights = nights_from(1 - 1e-6, project)
    causes = {handoff["lead_id"]: handoff["cause"] for night in nights for handoff in night.handoffs}
    assert "probability" not in causes.values()
    assert causes[PROPOSAL] == "asked for a proposal"
    assert causes[JOHN] == "asked for a demo"
    assert stages(nights, FORM) == ["MQL"] * len(nights)
    assert set(stages(nights, SOCIAL)) == {"Lead"}


def test_who_unsubscribes_goes_back_at_any_probability(project: Path) -> None:
    nights = nights_from(1e-6, project)
    assert stages(nights, THINNING) == ["sales-ready", "sales-ready", "MQL", "MQL"]


def test_a_handoff_has_an_owner_and_a_deadline(teller: Teller) -> None:
    teller.night(NIGHTS[1])
    told = teller.call("handoffs").out
    found = re.search(rf"\({PROPOSAL}\)(.*\n)+?  (seller \d) (\w+), (.*)\n", told)
    assert found, told
    assert found[2] in ("seller 1", "seller 2"), "DE is theirs"
    assert (found[3], found[4]) == ("dach", "to be answered by 2024-12-21T03:00Z")
