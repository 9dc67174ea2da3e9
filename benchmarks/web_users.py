"""People at work for `benchmarks.web`: each in a thread of its own with one connection, as a browser without JavaScript."""

from __future__ import annotations

import html
import http.client
import random
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from benchmarks.web_company import PASSWORD
from lqmodel.web import Person

SHARES = {"worklist": 26, "filtered": 15, "searched": 10, "lead": 40, "act": 6, "undo": 2, "funnel": 1}
"""How often each is done, of 100 times; the funnel by those alone whose page it is."""
ACTS = (("accepted", {}), ("worked", {}), ("rejected", {"reason": "no_reply", "note": "called twice"}))
FILTERS = (
    {"status": "all"},
    {"status": "accepted"},
    {"status": "all", "changed": "up"},
    {"stage": "sales-ready"},
    {"sort": "deadline"},
    {"sort": "name", "page": "2"},
    {"sort": "newest", "page": "3"},
)
TYPED = 4
"""Letters that somebody types into the search."""
PATIENCE, IDLE = 30.0, 4.0
"""Seconds that somebody waits for a page, and after which a connection is not used again."""


@dataclass(frozen=True)
class Answered:
    """One request: the page that it was for, when it began, how long it took, and what came."""

    page: str
    began: float
    seconds: float
    status: int
    size: int


@dataclass
class User:
    """One person: what they see, what was answered, and which of their acts were acknowledged.

    ``acknowledged`` holds the token of each act that the server said is done; ``wrong`` what should not have come.
    """

    person: Person
    address: tuple[str, int]
    seed: int
    answered: list[Answered] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    conflicts: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._wire = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        self._cookie, self._last = "", 0.0
        self._leads: list[str] = []
        self._names: list[str] = []
        self._mine: list[tuple[str, str]] = []

    def sign_in(self) -> None:
        """Open a session, and read the first page."""
        form = self._ask("login", "GET", "/login")
        sent = {"name": self.person.name, "password": PASSWORD, "csrf": _hidden(form, "csrf")}
        self._ask("login", "POST", "/login", sent, 303)
        self._list("worklist", {})

    def work(self, until: float, think: float) -> None:
        """Do one thing after the other; between two requests lies half to one and a half of the time to think."""
        shares = {k: n for k, n in SHARES.items() if k != "funnel" or self.person.sees_all}
        while time.perf_counter() < until:
            (chosen,) = self._random.choices(list(shares), list(shares.values()))
            try:
                self._do(chosen, think)
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(f"{chosen}: {type(error).__name__}: {error}")
                self._wire.close()
            self._think(think)

    def close(self) -> None:
        """Close the browser."""
        self._wire.close()

    def _do(self, what: str, think: float) -> None:
        if what == "filtered":
            self._list(what, self._random.choice(FILTERS))
        elif what == "searched" and self._names:
            name = self._random.choice(self._names)
            start = self._random.randrange(max(len(name) - TYPED, 1))
            self._list(what, {"q": name[start : start + TYPED].strip(), "status": "all"})
        elif what == "funnel":
            self._ask(what, "GET", "/funnel")
        elif what == "undo" and self._mine:
            self._take_back(*self._mine.pop())
        elif what in ("lead", "act") and self._leads:
            lead = self._random.choice(self._leads)
            page = self._ask("lead", "GET", f"/lead?{urlencode({'id': lead})}")
            if what == "act" and 'action="/lead/act"' in page:
                self._think(think)
                self._answer(lead, page)
        else:
            self._list("worklist", {})

    def _list(self, what: str, query: dict[str, str]) -> None:
        page = self._ask(what, "GET", "/handoffs" + (f"?{urlencode(query)}" if query else ""))
        found = re.findall(r'<a class="row" href="/lead\?id=([^"]+)">', page)
        if found:
            self._leads = found
            self._names = [html.unescape(n) for n in re.findall(r"<strong>([^<]{4,})</strong>", page)]

    def _answer(self, lead: str, page: str) -> None:
        act, more = self._random.choice(ACTS)
        token = re.search(rf'name="token" value="([^"]+-{act})"', page)
        assert token, act
        sent = {"lead_id": lead, "act": act, "token": token[1], "seen": _hidden(page, "seen"), **more}
        if self._write("act", "/lead/act", page, sent):
            self.acknowledged.append(token[1])
            self._mine.append((lead, token[1]))

    def _take_back(self, lead: str, token: str) -> None:
        page = self._ask("lead", "GET", f"/lead?{urlencode({'id': lead})}")
        if self._write("undo", "/lead/undo", page, {"lead_id": lead, "token": token}):
            self.acknowledged.append(f"undo:{token}")

    def _write(self, what: str, path: str, page: str, sent: dict[str, str]) -> bool:
        """Send a form, and read the page that the answer names; whether it was taken."""
        self._ask(what, "POST", path, {"csrf": _hidden(page, "csrf"), **sent}, 303, 409)
        if self.answered[-1].status == 409:
            self.conflicts += 1
            return False
        if self.answered[-1].status != 303:
            return False
        self._ask("lead", "GET", f"/lead?{urlencode({'id': sent['lead_id'], 'done': 'done'})}")
        return True

    def _ask(self, page: str, method: str, path: str, form: dict[str, str] | None = None, *fine: int) -> str:
        headers = {"Cookie": self._cookie, "Accept-Language": "en"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        if began - self._last > IDLE:
            self._wire.close()  # the server does so too: a browser opens another one
        self._wire.request(method, path, None if form is None else urlencode(form), headers)
        answer = self._wire.getresponse()
        body = answer.read()
        self._last = time.perf_counter()
        taken = self._last - began
        self.answered.append(Answered(page, began, taken, answer.status, len(body)))
        if answer.status not in (fine or (200,)):
            self.wrong.append(f"{method} {path}: {answer.status}")
        cookies = answer.headers.get_all("Set-Cookie") or []
        self._cookie = "; ".join(c.split(";")[0] for c in cookies) or self._cookie
        return body.decode()

    def _think(self, seconds: float) -> None:
        if seconds:
            time.sleep(seconds * (0.5 + self._random.random()))


def work(users: Sequence[User], seconds: float, think: float) -> None:
    """Let all work at once for so long; they begin one after the other within the time to think."""
    until = time.perf_counter() + seconds
    threads = [threading.Thread(target=user.work, args=(until, think)) for user in users]
    for thread in threads:
        thread.start()
        time.sleep(think / len(users))
    for thread in threads:
        thread.join()


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} in the page"
    return html.unescape(found[1])
