"""The view under load: `lqmodel serve` in a process of its own over a run of a million scored leads, on loopback.

`python -m benchmarks.web [--quick]`. Twenty people work for a minute, each thinking a second between two requests, and
then for a minute without thinking; they and the server share the machine's cores. Three minutes more without thinking show
whether the server's memory stays as it is. All reads of a lead are written
down, as always. What the server acknowledged is held against the ledger afterwards.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from sqlalchemy import select

from benchmarks.common import RESULTS, Comparison, machine
from benchmarks.web_company import Size, build, team
from benchmarks.web_users import Answered, User, work
from lqmodel.api import open_project
from lqmodel.ledger.store import Store
from lqmodel.ledger.tables import FEEDBACK
from lqmodel.runs import Run

PACKAGES = ("fastapi", "starlette", "uvicorn", "jinja2", "sqlalchemy", "pyarrow")
BAR = 0.150
"""Seconds within which 95 of 100 pages are to be there: of the worklist and a lead, with time to think."""
LARGEST = 60_000
"""Bytes of a page, at most."""
LOOKS, FLAT = 6, 1.15
"""How often memory is looked at while people go on, and how much it may then differ from what two minutes of work left."""
BARRED = ("worklist", "filtered", "searched", "lead")


@dataclass(frozen=True)
class Load:
    """How many leads, and for how long people work; in seconds, and seconds to think between two requests.

    ``more`` is for how long they go on while only memory is looked at.
    """

    size: Size
    seconds: float
    think: float
    more: float


FULL = Load(Size(leads=1_000_000, trained=5_000, simulated=50_000, users=20, bar=0.25), 60.0, 1.0, 180.0)
QUICK = Load(Size(leads=2_000, trained=1_500, simulated=3_000, users=5, bar=0.1), 3.0, 0.1, 1.0)


@dataclass(frozen=True)
class Page(Comparison):
    """One page under one load, beside its bar.

    ``ratio`` is the bar over the slowest of 100, the middle and the fastest; ``max_error`` is 0.

    Attributes
    ----------
    p50, p95, p99 : float
        Seconds.
    bytes : int
        Of the largest.
    """

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of it all: pages, the server's memory in bytes from time to time, and what should not have been."""

    pages: tuple[Page, ...]
    memory: tuple[int, ...]
    told: tuple[str, ...]
    wrong: tuple[str, ...]


@contextmanager
def serving(root: Path) -> Iterator[tuple[tuple[str, int], int]]:
    """Run the server; its address, and its process."""
    command = [sys.executable, "-m", "lqmodel", "serve", "--project", str(root), "--port", "0"]
    said = root / "serve.log"
    with said.open("w") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            yield _address(server, said), server.pid
        finally:
            server.terminate()
            server.wait(30)


def _address(server: subprocess.Popen[bytes], said: Path) -> tuple[str, int]:
    while server.poll() is None:
        if found := re.search(r"http://\S+", said.read_text()):
            parts = urlsplit(found[0])
            return str(parts.hostname), int(parts.port or 0)
        time.sleep(0.05)
    raise RuntimeError(said.read_text())


def measure(root: Path, load: Load, run: Run) -> Outcome:
    """Let people work on a company that was built, and look at what is left."""
    ledger = open_project(root).ledger()
    before = _acts(ledger.store)
    handed = len(ledger.handoffs(time.time_ns() // 1000))
    told = [
        f"{run.manifest['counts']['scored']:,} scored leads, {handed:,} handoffs, {load.size.users} people at once"
    ]
    wrong: list[str] = []
    pages: list[Page] = []
    with serving(root) as (address, process):
        users = [User(person, address, seed) for seed, person in enumerate(team(load.size.users))]
        for user in users:
            user.sign_in()
        sizes = [_resident(process)]
        for think in (load.think, 0.0):
            for user in users:
                user.answered.clear()
            began = time.perf_counter()
            work(users, load.seconds, think)
            taken = time.perf_counter() - began
            sizes.append(_resident(process))
            found = [one for user in users for one in user.answered]
            case = f"{load.size.users} people, {f'{think:g} s' if think else 'no time'} to think"
            pages += _pages(case, found)
            told.append(f"{case}: {len(found) / taken:.0f} requests/s")
        for _ in range(LOOKS):
            work(users, load.more / LOOKS, 0.0)
            sizes.append(_resident(process))
        for user in users:
            user.close()
    wrong += [problem for user in users for problem in user.wrong]
    wrong += _lost(
        [token for user in users for token in user.acknowledged], _acts(ledger.store)[len(before) :]
    )
    wrong += ledger.verify().problems
    told += [
        f"{sum(len(user.acknowledged) for user in users):,} acts acknowledged, {sum(u.conflicts for u in users)} refused as conflicts",
        "server's memory at first, after each minute, and each half minute more: "
        + ", ".join(f"{size / 2**20:,.0f}" for size in sizes)
        + " MiB",
    ]
    return Outcome(tuple(pages), tuple(sizes), tuple(told), tuple(wrong))


def _acts(store: Store) -> list[str]:
    with store.reading() as con:
        return [str(token) for token in con.scalars(select(FEEDBACK.c.token).order_by(FEEDBACK.c.seq))]


def _lost(acknowledged: Sequence[str], held: Sequence[str]) -> list[str]:
    """Say which acts the server acknowledged and does not have, or has and nobody sent, or has twice."""
    lost, unknown = set(acknowledged) - {*held}, {*held} - set(acknowledged)
    found = [f"act {token} was acknowledged, and is lost" for token in sorted(lost)]
    found += [f"act {token} was never acknowledged" for token in sorted(unknown)]
    return found + (["an act is there twice"] if len(held) != len({*held}) else [])


def _pages(case: str, found: Sequence[Answered]) -> list[Page]:
    pages = []
    for page in dict.fromkeys([*BARRED, *(one.page for one in found)]):
        seconds = sorted(one.seconds for one in found if one.page == page)
        if not seconds:
            continue
        cut = (
            [0.0, *statistics.quantiles(seconds, n=100, method="inclusive")]
            if len(seconds) > 1
            else seconds * 100
        )
        quantiles = {"p50": cut[50], "p95": cut[95], "p99": cut[99]}
        pages.append(
            Page(
                case=f"{page}, {case}",
                peer="a bar of 150 ms",
                ratio={
                    name: round(BAR / value, 2)
                    for name, value in zip(
                        ("min", "median", "max"), (cut[99], cut[50], seconds[0]), strict=True
                    )
                },
                max_error=0.0,
                n=len(seconds),
                peer_n=len(seconds),
                seconds=round(sum(seconds), 4),
                peer_seconds=round(BAR * len(seconds), 4),
                machine=machine(PACKAGES),
                bytes=max(one.size for one in found if one.page == page),
                **{name: round(value, 4) for name, value in quantiles.items()},
            )
        )
    return pages


def _resident(process: int) -> int:
    """Return the memory of a process that is resident, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


def missed(outcome: Outcome, load: Load) -> list[str]:
    """Say which bars were missed: errors, acts lost, large pages, memory that grows, and time where people think."""
    slow = [
        f"{page.case}: 95 of 100 within {page.p95 * 1000:.0f} ms, not {BAR * 1000:.0f}"
        for page in outcome.pages
        if page.case.startswith(BARRED) and "no time" not in page.case and page.p95 > BAR
    ]
    large = [f"{page.case}: {page.bytes:,} bytes" for page in outcome.pages if page.bytes > LARGEST]
    _, _, warm, *later = outcome.memory
    grown = [] if max(later) <= warm * FLAT else [f"memory went from {warm:,} to {max(later):,} bytes"]
    return [*outcome.wrong, *slow, *large, *grown]


def table(outcome: Outcome) -> str:
    """Return what was measured as lines."""
    lines = [machine(PACKAGES), *outcome.told]
    lines.append(f"{'page':<50} {'n':>6} {'p50':>8} {'p95':>8} {'p99':>8} {'bytes':>8}")
    for page in outcome.pages:
        times = "".join(f" {value * 1000:>5.0f} ms" for value in (page.p50, page.p95, page.p99))
        lines.append(f"{page.case:<50} {page.n:>6,}{times} {page.bytes:>8,}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure in a temporary folder; a missed bar is an error."""
    load = QUICK if "--quick" in sys.argv[1:] else FULL
    with TemporaryDirectory() as folder:
        outcome = measure(Path(folder), load, build(Path(folder), load.size))
    sys.stdout.write(table(outcome))
    if load is FULL:
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps([asdict(page) for page in outcome.pages], indent=2)
        (RESULTS / "web.json").write_text(text + "\n", encoding="utf-8")
    if problems := missed(outcome, load):
        sys.exit("\n".join(problems[:20]))


if __name__ == "__main__":
    main()
