"""The view from the command line, and over a run that a model made."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import typer
from conftest import Ended
from fastapi import FastAPI
from projects import AS_OF, Trained

from lqmodel.api import open_project
from lqmodel.declarations import to_microseconds
from lqmodel.languages import Language
from lqmodel.ledger import Spoken
from lqmodel.web import Config, People, Person, Server, create_app, serving
from lqmodel.web.view import right_now

Lqmodel = Callable[..., Ended]
PASSWORD = "correct horse battery"


@pytest.fixture
def project(company: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project of the small company that was trained, and never scored."""
    root = company.copy(tmp_path / "project")
    monkeypatch.chdir(root)
    return root


def test_people_are_added_listed_and_shut_out(
    project: Path, lqmodel: Lqmodel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, bool]] = []
    lqmodel("user", "add", "ann").refused(2, "no terminal to ask for a password on", "--password-stdin")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "prompt", lambda text, **how: asked.append(how) or PASSWORD)
    assert lqmodel("user", "list").out == ""
    assert lqmodel("user", "add", "ann").out == "ann may sign in as seller\n"
    assert asked[0]["hide_input"]
    assert asked[0]["confirmation_prompt"]
    assert lqmodel("user", "add", "mia", "--role", "manager", "--language", "de").code == 0
    lqmodel("user", "add", "ann").refused(2, "there is a user 'ann' already")
    lqmodel("user", "add", "eve", "--role", "king").refused(
        2, "no role 'king'", "seller, marketer, manager, admin"
    )
    assert len(asked) == 2, "whoever cannot be added is told before a password is asked for"
    lqmodel("user", "add").refused(2, "user add needs a name")
    lqmodel("user", "role", "mia").refused(2, "user role needs a role", "seller, marketer, manager, admin")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    assert lqmodel("user", "add", "cem", "--password-stdin").code == 0
    assert People(open_project().ledger().store).sign_in("cem", PASSWORD, 10**15)
    assert lqmodel("user", "disable", "cem").code == 0
    assert lqmodel("user", "disable", "ann").code == 0
    lqmodel("user", "disable", "nobody").refused(66, "no user 'nobody'", "ann, cem, mia")
    lqmodel("user", "password", "nobody").refused(66, "no user 'nobody'", "ann, cem, mia")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}, another\n"))
    assert "new password" in lqmodel("user", "password", "cem", "--password-stdin").out
    people = People(open_project().ledger().store)
    assert people.sign_in("cem", PASSWORD, 10**15) is None
    assert people.sign_in("cem", f"{PASSWORD}, another", 10**15), "who was shut out is let in again"
    assert lqmodel("user", "disable", "cem").code == 0
    assert (
        lqmodel("user", "list").out
        == "ann  seller  ann  disabled\ncem  seller  cem  disabled\nmia  manager  mia\n"
    )
    assert '"language": "de"' in lqmodel("user", "list", "--format", "json").out


def test_what_is_not_served(project: Path, lqmodel: Lqmodel) -> None:
    lqmodel("serve").refused(2, "nobody may sign in yet", "lqmodel user add")
    lqmodel("serve", "--host", "0.0.0.0").refused(2, "passwords would travel in the open", "--https")
    People(open_project().ledger().store).add(Person("ann", "seller", "ann"), PASSWORD)
    lqmodel("serve").refused(66, "no run in")


def test_a_view_of_another_moment(project: Path, lqmodel: Lqmodel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lqmodel("predict", "--model", "bundle", "--as-of", AS_OF, "--record").code == 0
    People(open_project().ledger().store).add(Person("ann", "seller", "ann"), PASSWORD)
    served: list[FastAPI] = []
    monkeypatch.setattr(serving, "serve", lambda app, bound: (served.append(app), bound.close()))
    for as_of, moment in (("run", "2024-12-30T09:00"), ("2025-02-03", "2025-02-03T00:00")):
        told = lqmodel("serve", "--port", "0", "--as-of", as_of).err
        assert f"pages and answers are dated from {moment}" in told
    clock = served[-1].state.view.clock
    first = clock()
    assert 0 <= first - to_microseconds("2025-02-03", "UTC") < 60_000_000
    assert clock() > first, "time goes on"
    assert "dated" not in lqmodel("serve", "--port", "0").err
    assert served[-1].state.view.clock is right_now
    lqmodel("serve", "--as-of", "noon").refused(2, "as_of 'noon'", "today")
    assert "notice" not in lqmodel("serve", "--port", "0").err
    assert lqmodel("predict", "--model", "bundle", "--as-of", "2025-01-06", "--no-record").code == 0
    assert "on no worklist: say `lqmodel record`" in lqmodel("serve", "--port", "0").err


def test_a_lead_of_a_real_run_is_told_in_full(project: Path, lqmodel: Lqmodel) -> None:
    for as_of in ("2024-12-23T00:00Z", AS_OF):
        assert lqmodel("predict", "--model", "bundle", "--as-of", as_of, "--record").code == 0
    opened = open_project()
    ledger = opened.ledger()
    People(ledger.store).add(Person("mia", "manager", "mia", Language.of("de")), PASSWORD)
    spoken = Spoken.of(opened.declarations().model.stages)
    now = max(run["recorded_at"] for run in ledger.runs())
    frozen = max(ledger.handoffs(now), key=lambda row: row["seq"])
    why = frozen["frozen"]["why"]
    with (
        Server(create_app(Config(project / "scores/latest", spoken), ledger)) as server,
        httpx.Client(base_url=server.url, follow_redirects=True, trust_env=False) as client,
    ):
        csrf = re.search(r'name="csrf" value="([^"]*)"', client.get("/login").text)
        assert csrf
        client.post("/login", data={"name": "mia", "password": PASSWORD, "csrf": csrf[1]})
        page = client.get("/lead", params={"id": frozen["lead_id"]}).text
        rows = client.get("/handoffs?status=all&sort=newest").text
    assert len(page.encode()) < 60_000
    assert "<svg" in page
    assert page.count("<svg") == 1
    assert all(reason["text"] in page for reason in why["up"])
    assert all(value in page for value in why["display"].values())
    assert frozen["bundle"] in page
    assert Language.of("de").odds(frozen["probability"]) in page
    assert not re.search(r"<[a-z][^<>]*\s(style|on\w+)=", page)
    assert rows.count('class="row"') == min(len(ledger.handoffs(now)), 25)
