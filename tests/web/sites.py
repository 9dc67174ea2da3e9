"""A view that answers over two small nights, for the tests of the view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from nights import NOW, write_night
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

import lqmodel.web.people
from lqmodel.ledger import Ledger, Spoken
from lqmodel.web import Config, People, Person, Server, create_app

NASTY = "<img src=x onerror=alert(1)>"
PASSWORD = "correct horse battery"
SPOKEN = Spoken(("no_budget", "no_reply"), ("budget", "need"))
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
"""Slow hashes are for real passwords."""
WHO = {"ann": "seller", "ben": "seller", "max": "marketer", "mia": "manager", "ada": "admin"}


@dataclass
class Site:
    """A view that answers, its ledger, and a clock that can be moved."""

    url: str
    app: Any
    ledger: Ledger
    people: People
    now: int = NOW
    opened: list[httpx.Client] = field(default_factory=list)

    def client(self, *, follow: bool = True) -> httpx.Client:
        self.opened.append(httpx.Client(base_url=self.url, follow_redirects=follow, trust_env=False))
        return self.opened[-1]

    def signed(self, name: str) -> httpx.Client:
        client = self.client()
        form = {"name": name, "password": PASSWORD, "csrf": hidden(client.get("/login").text, "csrf")}
        assert client.post("/login", data=form).url.path == "/handoffs"
        return client

    def acts(self, lead: str) -> list[dict[str, Any]]:
        return [row for row in self.ledger.of_lead(lead) if row["entry"] == "feedback"]

    def status(self, lead: str) -> str:
        return next(h["status"] for h in self.ledger.handoffs(self.now) if h["lead_id"] == lead)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} in the page"
    return found[1]


def form(page: str, act: str, **more: Any) -> dict[str, Any]:
    """Return what the browser would send for one act of a lead's page."""
    token = re.search(rf'name="token" value="([^"]+-{act})"', page)
    assert token, act
    lead = re.search(r'name="lead_id" value="([^"]*)"', page)
    assert lead
    return {
        "csrf": hidden(page, "csrf"),
        "lead_id": lead[1].replace("&lt;", "<").replace("&gt;", ">"),
        "token": token[1],
        "seen": hidden(page, "seen"),
        "act": act,
        **more,
    }


@contextmanager
def serving(ledger: Ledger, folder: Path, **changed: Any) -> Iterator[Site]:
    """Record two nights and serve them; ``changed`` is what differs of `Config`."""
    stages = {"A": "sales-ready", "B": "sales-ready", NASTY: "sales-ready", "M": "MQL"}
    owners = {"A": "ann", "B": "ben", NASTY: "ann"}
    chance = {"A": 0.6, "B": 0.7, NASTY: 0.5, "M": 0.2}
    first = write_night(folder / "runs", 1, dict.fromkeys(stages, "Lead"))
    ledger.record(first, NOW)
    run = write_night(folder / "runs", 2, stages, previous=first, owners=owners, probability=chance)
    ledger.record(run, NOW)
    people = People(ledger.store)
    with mock.patch.object(lqmodel.web.people, "_hasher", return_value=QUICK):
        yield from _served(ledger, folder, people, changed)


def _served(ledger: Ledger, folder: Path, people: People, changed: dict[str, Any]) -> Iterator[Site]:
    for name, role in WHO.items():
        people.add(Person(name, role, name), PASSWORD)
    config = replace(Config(folder / "runs" / "latest", SPOKEN), **changed)
    made = Site("", None, ledger, people)
    made.app = create_app(config, ledger, lambda: made.now)
    with Server(made.app) as server:
        made.url = server.url
        yield made
        for client in made.opened:
            client.close()
