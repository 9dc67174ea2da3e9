"""Kill a server with -9 while people answer leads, again and again, and look at what is in the store.

    python killed_server.py FOLDER STORE KILLS

FOLDER holds the runs of two nights. Every server is a process of its own that listens on loopback; it is killed at
a random moment, or before one of its statements and commits. Prints as JSON how many kills hit, what was under way,
and what was wrong. Run in a process of its own, because it forks.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1]))

from killed_ledger import dying_at
from sqlalchemy import func, select

from lqmodel.ledger import Ledger, Spoken
from lqmodel.ledger.tables import AUDIT, FEEDBACK
from lqmodel.runs import Run
from lqmodel.web import Config, People, Person, create_app
from lqmodel.web.serving import listening, serve

NOW = 10**15
PASSWORD = "correct horse battery"
NAMES = ("ann", "ben", "cem", "dia")
ACTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("accepted", {}),
    ("worked", {"note": "called"}),
    ("rejected", {"reason": "no_reply"}),
)
AT_ONCE = 2**53  # an entry that no ledger reaches: nobody is told of a conflict
LONGEST = 0.4  # seconds that a server answers before it is killed
STEPS = 300  # statements and commits, of which a random one is the last
PATIENCE = 20.0
UNDER_WAY = (OSError, http.client.HTTPException)


@dataclass
class Client:
    """One person: what the server said is done, and what it died over."""

    name: str
    leads: list[str]
    cookie: str = ""
    csrf: str = ""
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    doubtful: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    def sign_in(self, wire: http.client.HTTPConnection) -> None:
        page = self._ask(wire, "GET", "/login")
        form = {"name": self.name, "password": PASSWORD, "csrf": _csrf(page)}
        self._ask(wire, "POST", "/login", form, 303)
        self.csrf = _csrf(self._ask(wire, "GET", "/handoffs"))

    def work(self, port: int, rng: random.Random) -> None:
        """Answer leads until the server is gone; what it died over before is sent again, as a browser would."""
        wire = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        again, self.doubtful = self.doubtful, []
        try:
            while True:
                if again:
                    self._send(wire, again.pop())
                elif rng.random() < 0.2:
                    self._ask(wire, "GET", f"/lead?{urlencode({'id': rng.choice(self.leads)})}")
                    self.looks += 1
                else:
                    act, more = rng.choice(ACTS)
                    form = {
                        "lead_id": rng.choice(self.leads),
                        "act": act,
                        "token": secrets.token_hex(12),
                        **more,
                    }
                    self.said[str(form["token"])] = str(form["lead_id"]), act
                    self._send(wire, form)
        except UNDER_WAY:
            self.doubtful += again
        finally:
            wire.close()

    def _send(self, wire: http.client.HTTPConnection, form: dict[str, Any]) -> None:
        try:
            self._ask(wire, "POST", "/lead/act", {**form, "csrf": self.csrf, "seen": AT_ONCE}, 303)
        except UNDER_WAY:
            self.doubtful.append(form)
            raise
        self.acknowledged.add(form["token"])

    def _ask(
        self,
        wire: http.client.HTTPConnection,
        method: str,
        path: str,
        form: dict[str, Any] | None = None,
        fine: int = 200,
    ) -> str:
        kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        wire.request(method, path, None if form is None else urlencode(form), {"Cookie": self.cookie, **kind})
        answer = wire.getresponse()
        body = answer.read().decode()
        cookies = answer.headers.get_all("Set-Cookie") or []
        self.cookie = "; ".join(c.split(";")[0] for c in cookies) or self.cookie
        if answer.status != fine:
            self.wrong.append(f"{method} {path}: {answer.status}")
        return body


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]*)"', page)
    assert found, page
    return found[1]


def forked(config: Config, address: str, state: Path, dies_at: int | None) -> tuple[int, int]:
    """Start a server in a fork; return its process and its port."""
    bound = listening("127.0.0.1", 0)
    child = os.fork()
    if child == 0:
        try:
            if dies_at is not None:
                dying_at(dies_at)
            serve(create_app(config, Ledger(address, state)), bound)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)
    port = int(bound.getsockname()[1])
    bound.close()  # else callers would wait for the dead
    return child, port


def killed(child: int, moment: float | None) -> None:
    """Kill a server after a moment, or wait until it has died by itself; at the latest it is killed then."""
    until = time.monotonic() + (PATIENCE if moment is None else moment)
    while time.monotonic() < until and (moment is not None or os.waitid(os.P_PID, child, ENDED) is None):
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT


def answers(port: int) -> None:
    """Wait until a server answers; the moment of its death is counted from then."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as wire:
        wire.sendall(b"GET /login HTTP/1.0\r\nHost: localhost\r\n\r\n")
        wire.recv(1)


def problems(ledger: Ledger, clients: list[Client]) -> Iterator[str]:
    """Hold the store against what people were told, and against what they said."""
    with ledger.store.reading() as con:
        rows = con.execute(select(FEEDBACK.c.token, FEEDBACK.c.lead_id, FEEDBACK.c.act)).all()
        looks = con.execute(select(func.count()).where(AUDIT.c.action == "see")).scalar_one()
    held = Counter(str(row.token) for row in rows)
    said = {token: told for client in clients for token, told in client.said.items()}
    acknowledged = {token for client in clients for token in client.acknowledged}
    doubtful = {form["token"] for client in clients for form in client.doubtful}
    yield from (f"act {token} was acknowledged, and is lost" for token in sorted(acknowledged - {*held}))
    yield from (f"act {token} is there {n} times" for token, n in held.items() if n > 1)
    yield from (
        f"act {token} is there, and nobody waits for it" for token in held.keys() - acknowledged - doubtful
    )
    yield from (f"act {r.token} is not what was said" for r in rows if said[r.token] != (r.lead_id, r.act))
    if looks < sum(client.looks for client in clients):
        yield "a look was had, and is not written down"
    yield from ledger.verify().problems
    yield from (problem for client in clients for problem in client.wrong)


def main() -> None:
    folder, address, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    state, rng = folder / "state", random.Random(0)
    run = Run.open(folder / "runs" / "latest")
    ledger = Ledger(address, state)
    ledger.record(run, NOW)
    people = People(ledger.store)
    leads = sorted(row["lead_id"] for row in ledger.handoffs(NOW))
    clients = [Client(name, leads[i :: len(NAMES)]) for i, name in enumerate(NAMES)]
    for client in clients:
        people.add(Person(client.name, "manager", client.name), PASSWORD)
    config = Config(folder / "runs" / "latest", Spoken(("no_reply",)), acts="1000000/minute")
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    for i in range(kills):
        at_step = i % 2 == 1
        child, port = forked(config, address, state, rng.randint(STEPS // 3, STEPS) if at_step else None)
        try:
            if i == 0:
                wire = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                for client in clients:
                    client.sign_in(wire)
                wire.close()
            if not at_step:
                answers(port)
            threads = [
                threading.Thread(target=c.work, args=(port, random.Random(rng.random()))) for c in clients
            ]
            for thread in threads:
                thread.start()
        finally:
            killed(child, None if at_step else rng.uniform(0.02, LONGEST))
        for thread in threads:
            thread.join()
        counts["kills at a step" if at_step else "kills at a moment"] += 1
        counts["in mid-write"] += any(client.doubtful for client in clients)
        wrong += [f"{i}: {problem}" for problem in problems(ledger, clients)]
    acknowledged = sum(len(client.acknowledged) for client in clients)
    json.dump({"kills": kills, "counts": counts, "acknowledged": acknowledged, "problems": wrong}, sys.stdout)


if __name__ == "__main__":
    main()
