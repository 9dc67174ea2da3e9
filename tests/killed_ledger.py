"""Kill a process while it records runs, again and again, and look at what is in the store.

    python killed_ledger.py FOLDER KILLS

FOLDER holds runs written by nights.py, of days 1, 2, …, and in stores.json the addresses of empty stores, one
for each round. Prints as JSON how many kills hit, at which moments, and what was wrong. Run in a
process of its own, because it forks.
"""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from lqmodel.errors import LqmodelError
from lqmodel.ledger import Ledger, chain
from lqmodel.ledger.tables import HANDOFFS, RUNS, TRANSITIONS
from lqmodel.runs import Run

T = TypeVar("T")
NOW = 10**15
SMALL = 40  # rows of a batch, so that there are many steps to be killed at


def record(address: str, state: str, folder: str, start: Any, results: Any) -> None:
    """Record a run as soon as all others are ready; for processes that do it at once."""
    run = Run.open(Path(folder))
    start.wait()
    results.put([r.new for r in Ledger(address, Path(state)).record(run, NOW)])


def dying_at(step: int) -> None:
    """Have this process killed before its statement or commit number ``step``, or before it forgets them."""
    done = 0

    def count(*_: Any) -> None:
        nonlocal done
        done += 1
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "after_cursor_execute", count)
    event.listen(Engine, "commit", count)
    keep = Ledger._keep

    def counted_keep(*arguments: Any) -> None:
        count()
        keep(*arguments)

    Ledger._keep = counted_keep  # type: ignore[method-assign]


def forked(work: Callable[[], object], prepare: Callable[[], object], after: float | None) -> str:
    """Work in a fork that may be killed; return how it ended: killed, told (that it was done) or done."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        try:
            prepare()
            work()
            os.write(writes, b"done")
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    os.close(writes)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    told = os.read(reads, 4)
    os.close(reads)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        return f"ended with {status}"
    return "done" if status == 0 else "told" if told else "killed"


def held(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """Run → its transitions and handoffs in the store."""
    if not ledger.exists():
        return {}
    with ledger.store.reading() as con:
        runs = [str(r) for r in con.execute(select(RUNS.c.run_id)).scalars()]
        counts = [
            {
                str(r.run_id): int(r.n)
                for r in con.execute(select(t.c.run_id, func.count().label("n")).group_by(t.c.run_id))
            }
            for t in (TRANSITIONS, HANDOFFS)
        ]
    orphans = {run for count in counts for run in count} - set(runs)
    return {run: (counts[0].get(run, 0), counts[1].get(run, 0)) for run in [*runs, *sorted(orphans)]}


def problems(
    ledger: Ledger, whole: dict[str, tuple[int, int]], before: list[str], run: str, ended: str
) -> Iterator[str]:
    found = held(ledger)
    lost = [r for r in before if r not in found]
    if lost:
        yield f"lost {lost}"
    if ended in ("done", "told") and run not in found:
        yield "said to be recorded, and is not there"
    for name, counts in found.items():
        if counts != whole[name]:
            yield f"run {name} has {counts} rows, not {whole[name]}"
    if found:
        try:
            ledger.verify().raise_if_changed()
        except LqmodelError as error:
            yield str(error)


@dataclass(frozen=True)
class Job(Generic[T]):
    """What is killed: a name, the items that are written one after the other, how, and how one looks for problems.

    ``lasts`` is how long an item takes in peace, in seconds, and ``steps`` about how many statements it needs.
    """

    name: str
    items: Sequence[T]
    lasts: float
    steps: int
    begin: Callable[[Ledger], object]
    write: Callable[[Ledger, T], object]
    problems: Callable[[Ledger, list[T], T, str], Iterator[str]]


def killed(job: Job[T], folder: Path, addresses: Iterator[str], kills: int) -> dict[str, Any]:
    """Write all items into one empty store after the other, and kill the writer at a step or a moment of each."""
    rng = random.Random(0)
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    hits = step = 0
    while hits < kills:
        state = folder / f"{job.name}{hits}"
        try:
            ledger = Ledger(next(addresses), state)
        except StopIteration:
            wrong.append(f"only {hits} of {kills} kills hit")
            break
        job.begin(ledger)
        address = ledger.store.url.render_as_string(hide_password=False)
        before: list[T] = []
        for item in job.items:
            step += 1
            at_step = step % 2 == 0
            prepare = functools.partial(dying_at, rng.randint(1, job.steps)) if at_step else int
            after = None if at_step else rng.uniform(0, 1.5 * job.lasts)
            work = functools.partial(_write, job, address, state, item)
            ended = forked(work, prepare, after)
            ends[("at a step: " if at_step else "at a moment: ") + ended] += 1
            hits += ended in ("killed", "told")
            wrong += [f"{step} {ended}: {p}" for p in job.problems(ledger, before, item, ended)]
            for _ in range(2):
                job.write(ledger, item)
            wrong += [f"{step} again: {p}" for p in job.problems(ledger, before, item, "done")]
            before.append(item)
    return {"kills": hits, "ends": ends, "problems": wrong, "seconds": job.lasts}


def _write(job: Job[T], address: str, state: Path, item: T) -> None:
    job.write(Ledger(address, state), item)


def in_peace(write: Callable[[T], object], items: Sequence[T]) -> float:
    """Write all items, and return how long one takes, in seconds."""
    started = time.monotonic()
    for item in items:
        write(item)
    return (time.monotonic() - started) / len(items)


def nothing(_: Ledger) -> None:
    """Begin with nothing."""


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    chain.BATCH = SMALL
    runs = [Run.open(p) for p in sorted(folder.glob("1970-*"))]
    addresses = iter(json.loads((folder / "stores.json").read_text()))
    peaceful = Ledger(next(addresses), folder / "peace")

    def write(ledger: Ledger, run: Run) -> None:
        ledger.record(run, NOW)

    lasts = in_peace(functools.partial(write, peaceful), runs)
    whole = held(peaceful)

    def wrong(ledger: Ledger, before: list[Run], run: Run, ended: str) -> Iterator[str]:
        return problems(ledger, whole, [r.run_id for r in before], run.run_id, ended)

    json.dump(
        killed(Job("state", runs, lasts, 60, nothing, write, wrong), folder, addresses, kills), sys.stdout
    )


if __name__ == "__main__":
    main()
