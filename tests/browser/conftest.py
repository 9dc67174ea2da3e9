"""A view that really runs, over a company that was scored on two nights, and a browser that looks at it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from parts import need
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)
from projects import WHEN, Trained, agree_on, change

from lqmodel.api import open_project
from lqmodel.declarations import Handoffs, to_microseconds
from lqmodel.languages import Language
from lqmodel.ledger import Ledger
from lqmodel.runs import Run, write_run
from lqmodel.scoring import score
from lqmodel.web import People, Person

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "correct horse battery"
NASTY = "<img src=x onerror=alert(document.domain)>"
BEFORE = to_microseconds("2024-12-23T00:00Z", None)
RECORDED = to_microseconds("2025-01-02T00:00Z", None)
RULES = Handoffs.model_validate({"owners": {"teams": {"all": {"people": ["ann", "ben"]}}}})
SAID = """
[stages.sal]
checklist = ["budget", "authority", "need", "timeframe", "location"]
[stages.recycled]
reasons = { no_budget = "180d", no_reply = "30d" }
"""
WHO = {"ann": "seller", "ben": "seller", "max": "marketer", "mia": "manager", "ada": "admin"}
PATIENCE = 20_000
"""How long anything may take that a test waits for, milliseconds."""

expect.set_options(timeout=PATIENCE)


@dataclass
class Seen:
    """Pages of one person in a browser of their own, and whatever the browser complained of."""

    url: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page and wait until it stands."""
        self.page.goto(self.url + path)
        return self.page

    def lead(self, lead: str) -> Page:
        """Go to the page of a lead."""
        return self.open(f"/lead?id={lead}")

    def listen(self) -> None:
        """Keep what goes wrong in any page, of errors, policy, dialogs and parts that are not there."""
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self._complain(str(error.error)))
        self.context.on("dialog", lambda dialog: (self._complain("a dialog opened"), dialog.dismiss()))
        self.context.on("response", self._answered)

    def forgive(self, *words: str) -> None:
        """Take away the complaints that a test meant to cause; each must be there."""
        for word in words:
            assert any(word in told for told in self.complaints), f"nothing complained of {word}"
        self.complaints[:] = [told for told in self.complaints if not any(word in told for word in words)]

    def _heard(self, message: ConsoleMessage) -> None:
        # a refused form is an answer, and no error of the page
        refused = re.search(r"status of 4\d\d|Response Status Error Code 4\d\d", message.text)
        if message.type in ("error", "warning") and not refused:
            self._complain(message.text)

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type not in ("document", "xhr", "fetch"):
            self._complain(f"{response.url} answered {response.status}")

    def _complain(self, words: str) -> None:
        self.complaints.append(f"{self.page.url}: {words}")


@dataclass(frozen=True)
class Site:
    """The address of the view, the project and the ledger behind it, and a browser."""

    url: str
    root: Path
    ledger: Ledger
    run: Run
    browser: Browser
    sessions: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def browsing(self, **options: Any) -> Iterator[Seen]:
        """Open a browser of its own, which nothing may complain in."""
        context = self.browser.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(PATIENCE)
        seen = Seen(self.url, context, context.new_page())
        seen.listen()
        try:
            yield seen
        finally:
            context.close()
        assert not seen.complaints

    @contextmanager
    def signed(self, name: str, *, anew: bool = False, **options: Any) -> Iterator[Seen]:
        """Sign somebody in, or go on with the session of an earlier test: too many sign-ins are slowed down."""
        if name in self.sessions and not anew:
            with self.browsing(storage_state=self.sessions[name], **options) as seen:
                seen.open("/handoffs")
                yield seen
            return
        with self.browsing(**options) as seen:
            sign_in(seen.open("/login"), name)
            if not anew:
                self.sessions[name] = seen.context.storage_state()
            yield seen

    def leads_of(self, owner: str) -> list[str]:
        """Return the leads that wait for somebody's answer, the likeliest first."""
        found = self.ledger.handoffs(RECORDED, statuses=["open"], owner=owner)
        return [row["lead_id"] for row in sorted(found, key=lambda row: -row["probability"])]

    def at_stage(self, stage: str) -> list[str]:
        """Return the leads that the newest run scored at a stage, in order."""
        rows = self.run.table.to_pylist()
        return [str(row["lead_id"]) for row in rows if row["status"] == "scored" and row["stage"] == stage]

    def said(self, lead: str) -> list[dict[str, Any]]:
        """Return what people did about a lead, in order, as the ledger holds it."""
        return [row for row in self.ledger.of_lead(lead) if row["entry"] == "feedback"]

    def acts(self, lead: str) -> list[str]:
        """Return what people did about a lead, by name."""
        return [str(row["act"]) for row in self.said(lead)]

    def speak(self, name: str, language: str) -> None:
        """Give somebody another language, as the page's own switch does."""
        People(self.ledger.store).speak(name, Language.of(language))


def sign_in(page: Page, name: str) -> None:
    """Fill the form of signing in, and wait for the worklist."""
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button.main")
    expect(page).to_have_url(re.compile("/handoffs$"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    need(found is not None, "a browser: one of " + ", ".join(BROWSERS))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def waiting(site: Site) -> Iterator[str]:
    """A lead of ann's for each test that answers one, so that none meets another's answers."""
    return iter(site.leads_of("ann")[1:])


@pytest.fixture(scope="session")
def site(company: Trained, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`lqmodel serve` in a process of its own, over two recorded nights; some names are nasty."""
    root = company.copy(tmp_path_factory.mktemp("view") / "project", state=True)
    ledger, run = _nights(company, root)
    people = People(ledger.store)
    for name, role in WHO.items():
        people.add(Person(name, role, name, Language.of("en")), PASSWORD)
    command = [sys.executable, "-m", "lqmodel", "serve", "--project", str(root), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield Site(_address(server), root, ledger, run, browser)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise AssertionError("the server ended before it said where it listens")


def _nights(company: Trained, root: Path) -> tuple[Ledger, Run]:
    change(root, "leads", _nasty)
    agree_on(root, SAID)
    opened, before = open_project(root), None
    ledger = opened.ledger()
    for as_of in (BEFORE, WHEN):
        run = write_run(score(company.bundle, root, {}, as_of, before), root / "scores", str(root / "bundle"))
        ledger.record(run, RECORDED, RULES)
        before = run
    return ledger, run


def _nasty(leads: pa.Table) -> pa.Table:
    """Give every fifth lead a company whose name would be run, were it ever taken for markup."""
    place, names = leads.schema.get_field_index("company"), leads["company"].to_pylist()
    nasty = [name if i % 5 else NASTY for i, name in enumerate(names)]
    return leads.set_column(place, "company", pa.array(nasty, leads.schema.field(place).type))
