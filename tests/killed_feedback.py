"""Kill a process while it writes what sales said, again and again, and look at what is in the store.

    python killed_feedback.py FOLDER KILLS

FOLDER is that of killed_ledger.py, and so is what is printed. Run in a process of its own, because it forks.
"""

from __future__ import annotations

import functools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from killed_ledger import NOW, SMALL, Job, in_peace, killed
from sqlalchemy import select

from lqmodel.errors import LqmodelError
from lqmodel.ledger import Feedback, Ledger, Spoken, chain
from lqmodel.ledger.tables import AUDIT, FEEDBACK
from lqmodel.runs import Run

DAY = 86_400_000_000
BATCHES, EACH = 8, 30
SPOKEN = Spoken(("no_budget",), ("budget", "authority"))
WHO = "imports"


def batches(run: Run) -> list[list[Feedback]]:
    """What sales said of leads of a run, in files of one day each; the last of them say everything there is to say."""
    handed = [str(handoff["lead_id"]) for handoff in run.handoffs()]
    at = (run.as_of or 0) + DAY
    found = []
    for n in range(BATCHES):
        said = []
        for i, lead in enumerate(handed[:EACH]):
            person, when = f"seller {i % 3}", at + n * DAY + i
            kind = (n + i) % 5
            if kind == 0:
                said.append(Feedback(lead, "accepted", when, person=person))
            elif kind == 1:
                said.append(Feedback(lead, "rejected", when, reason="no_budget", person=person))
            elif kind == 2:
                said.append(Feedback(lead, "worked", when, note="called", person=person))
            elif kind == 3:
                said.append(Feedback(lead, "qualified", when, checklist={"budget": True}, person=person))
            else:
                said.append(Feedback(lead, "snoozed", when, until=when + 30 * DAY, person=person))
        found.append(said)
    return found


def say(ledger: Ledger, said: list[Feedback]) -> None:
    taken = ledger.say(said, SPOKEN, NOW, by=WHO)
    if taken.aside:
        raise SystemExit(taken.aside[0].why)


def held(ledger: Ledger) -> tuple[Counter[tuple[str, str, int]], list[int]]:
    """What was said, each how often, and how many rows each note in the audit log tells of."""
    f = FEEDBACK.c
    with ledger.store.reading() as con:
        said = Counter(
            (str(r.lead_id), str(r.act), int(r.at)) for r in con.execute(select(f.lead_id, f.act, f.at))
        )
        told = (
            con.execute(select(AUDIT.c.detail).where(AUDIT.c.action == "feedback").order_by(AUDIT.c.seq))
            .scalars()
            .all()
        )
    return said, [int(json.loads(str(detail))["taken"]) for detail in told]


def problems(
    ledger: Ledger, before: list[list[Feedback]], batch: list[Feedback], ended: str
) -> Iterator[str]:
    found, told = held(ledger)
    doubled = [key for key, n in found.items() if n > 1]
    if doubled:
        yield f"doubled {doubled[:3]}"
    lost = [f for said in before for f in said if not found[f.lead_id, f.act, f.at]]
    if lost:
        yield f"lost {len(lost)} of {sum(map(len, before))}"
    there = sum(1 for f in batch if found[f.lead_id, f.act, f.at])
    if there not in (0, len(batch)):
        yield f"{there} of {len(batch)} rows of one file"
    if ended in ("done", "told") and there != len(batch):
        yield "said to be taken, and is not there"
    if len(found) != sum(map(len, before)) + there:
        yield f"{len(found)} rows, and {sum(map(len, before)) + there} were said"
    if told != [len(said) for said in before] + [len(batch)] * bool(there):
        yield f"the log tells of {told}"
    try:
        ledger.verify().raise_if_changed()
    except LqmodelError as error:
        yield str(error)


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    chain.BATCH = SMALL
    run = Run.open(min(folder.glob("1970-*")))
    said = batches(run)
    addresses = iter(json.loads((folder / "stores.json").read_text()))
    peaceful = Ledger(next(addresses), folder / "peace-said")

    def begin(ledger: Ledger) -> None:
        ledger.record(run, NOW)

    begin(peaceful)
    lasts = in_peace(functools.partial(say, peaceful), said)
    json.dump(
        killed(Job("said", said, lasts, 40, begin, say, problems), folder, addresses, kills), sys.stdout
    )


if __name__ == "__main__":
    main()
