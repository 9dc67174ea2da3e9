"""A company of many leads for `benchmarks.web`.

A small one is simulated, learned from and scored on two nights; its scored rows are then repeated under other ids. What
a page reads is as it is in any run, and takes minutes to make.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.api import open_project
from lqmodel.bundle import Bundle
from lqmodel.declarations import to_microseconds
from lqmodel.example import write_example
from lqmodel.languages import NAMES, Language
from lqmodel.nightly import record
from lqmodel.roster import ID
from lqmodel.runs import Run, write_run
from lqmodel.scores import SCORED, Scores
from lqmodel.scoring import score
from lqmodel.simulate import Company, simulate
from lqmodel.web import People, Person

NIGHTS = ("2025-01-27", "2025-02-03")
RULES = """
[handoffs]
respond_within = "3d"
[handoffs.owners.teams.all]
people = [{people}]
[stages.sal]
checklist = ["budget", "authority"]
[stages.recycled]
reasons = {{ no_budget = "180d", no_reply = "30d" }}
[classifier]
max_rounds = 60
learning_rate = 0.1
repeats = 1
folds = 3
"""
HANDOFFS = re.compile(r"\[handoffs\]\n.*?(?=\[agreement\])", re.DOTALL)
CAPACITY = re.compile(r"capacity = .*\npromote_any = .*\n")
THRESHOLD = "at_least = {bar}\n"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Size:
    """How much there is of what.

    Attributes
    ----------
    leads : int
        Scored leads of the run, at least.
    trained, simulated : int
        Leads of the companies that the model learns from, and that it scores and that are then repeated.
    users : int
    bar : float
        The probability from which a lead is handed over; with it goes how many handoffs there are.
    """

    leads: int
    trained: int
    simulated: int
    users: int
    bar: float


def team(users: int) -> list[Person]:
    """Return who works: of ten people eight are sellers, one is a marketer, one a manager; in all languages."""
    roles = ("seller",) * 4 + ("marketer",) + ("seller",) * 4 + ("manager",)
    spoken = [Language.of(name) for name in NAMES]
    return [
        Person(f"user{i:02}", roles[i % 10], f"user{i:02}", spoken[i % len(spoken)]) for i in range(users)
    ]


def build(root: Path, size: Size) -> Run:
    """Write a project with a model, two runs that are recorded, and people; return the run that is shown."""
    people = team(size.users)
    _declare(root, people, size.bar)
    simulate(root / "data", Company(leads=size.trained, days=400, seed=1))
    open_project(root).train().save(root / "bundle")
    simulate(root / "data", Company(leads=size.simulated, days=400, seed=2))
    bundle = Bundle.load(root / "bundle")
    small: Run | None = None
    large: Run | None = None
    times = 0
    for night in NIGHTS:
        scores = score(bundle, root, {}, to_microseconds(f"{night}T00:00Z", None), small)
        small = write_run(scores, root / "small", str(root / "bundle"))
        times = times or -(-size.leads // scores.counts("status")[SCORED])
        repeated = replace(_repeated(scores, times), previous_run=None if large is None else large.run_id)
        large = write_run(repeated, root / "scores", str(root / "bundle"))
        record(large, root, time.time_ns() // 1000)
    assert large is not None
    known = People(open_project(root).ledger().store)
    for person in people:
        known.add(person, PASSWORD)
    return large


def _declare(root: Path, people: list[Person], bar: float) -> None:
    write_example(root)
    shutil.rmtree(root / "models" / "agreements")
    model = root / "models" / "lead_conversion.toml"
    text = model.read_text(encoding="utf-8").replace('test = "120d"', 'test = "60d"')
    sellers = ", ".join(f'"{p.owner}"' for p in people if not p.sees_all)
    text, found = HANDOFFS.subn("", text)
    text, more = CAPACITY.subn(THRESHOLD.format(bar=bar), text)
    assert found == more == 1
    model.write_text(text + RULES.format(people=sellers), encoding="utf-8")


def _repeated(scores: Scores, times: int) -> Scores:
    """Return the leads that were scored, so many times; all that names a lead or its account is told apart."""
    kept = scores.table.filter(pc.equal(scores.table["status"], SCORED))
    ids = kept[ID].combine_chunks()

    def chosen(table: pa.Table) -> pa.Table:
        return table.filter(pc.is_in(table[ID], ids))

    def many(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(ID)
        parts = [
            table.set_column(at, ID, pc.binary_join_element_wise(_nth(i), table[ID], "-"))
            for i in range(times)
        ]
        return pa.concat_tables(parts)

    return replace(
        scores,
        table=many(kept),
        features=many(chosen(scores.features)),
        states=many(chosen(scores.states)),
        timeline=many(chosen(scores.timeline)),
        handoffs=tuple(_handoff(h, i) for i in range(times) for h in scores.handoffs),
        inputs=f"{scores.inputs} x {times}",
    )  # fmt: skip


def _handoff(handoff: Mapping[str, Any], i: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(handoff))
    told[ID] = f"{_nth(i)}-{told[ID]}"
    if told["route"]["account"] is not None:
        told["route"]["account"] = f"{_nth(i)}-{told['route']['account']}"
    return told


def _nth(i: int) -> str:
    return f"{i:04}"
