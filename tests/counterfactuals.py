"""Histories in which marketing can do something, and steps as facts for the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from strategies import ENGAGEMENT, FEATURES, LAG, History, declare, write_history

from lqmodel.counterfactual.worlds import Crossing
from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, KEY
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.steps import Step, learn_steps

OF_ROW = ("latest", "attribute", "completeness")
ACTIONABLE: dict[str, Any] = {
    name: {"source": "events", "actionable": True, **table} for name, table in ENGAGEMENT.items()
}
COUNTED: dict[str, Any] = {name: t for name, t in ACTIONABLE.items() if t["verb"] not in OF_ROW}
ZONE = "Europe/Berlin"
WHOLE = declare(features={"engagement": ACTIONABLE, "fit": FEATURES["fit"]}, model={"zone": ZONE})
"""All verbs: what is read off one row has every world crossed."""
SWEPT = declare(features={"engagement": COUNTED, "fit": FEATURES["fit"]}, model={"zone": ZONE})
"""The verbs that are combined."""


@contextmanager
def opened(history: History, declared: Declarations, threads: int | None = None) -> Iterator[Inputs]:
    with TemporaryDirectory() as folder:
        write_history(Path(folder), history)
        yield open_inputs(declared, Path(folder), threads=threads)


def crossing(
    inputs: Inputs, declared: Declarations, steps: Sequence[Step], asked: Sequence[tuple[str, int]]
) -> Crossing:
    """Cross leads, each looked at from a moment of its own."""
    created = dict(zip(*(c.to_pylist() for c in _created(inputs)), strict=True))
    leads = pa.table(
        {
            KEY: pa.array([lead for lead, _ in asked], pa.string()),
            AS_OF: pa.array([at for _, at in asked], pa.int64()),
            CREATED: pa.array([created[lead] for lead, _ in asked], pa.int64()),
        }
    )
    items = (*declared.features, *declared.facts)
    return Crossing.of(inputs.facts, steps, leads, items, inputs.observed_from(), declared.model.zone)


def _created(inputs: Inputs) -> list[Any]:
    from lqmodel.engine import OCCURRED, fetch

    table = fetch(inputs.facts["leads"].table.select(KEY, OCCURRED))
    return [table[KEY], table[OCCURRED]]


def steps_of(inputs: Inputs, declared: Declarations, before: int) -> tuple[Step, ...]:
    return learn_steps(declared, inputs.facts, before)


def fact(step: Step, lead: str, as_of: int) -> dict[str, Any]:
    """The step as the oracle's fact: at the last moment that is known before as_of."""
    values: Mapping[str, Any] = dict(step.values)
    flagged = {None: None, "true": True, "false": False}[values["flagged"]]
    columns = {**{c: values[c] for c in ("type", "page", "duration_s")}, "flagged": flagged}
    return {"lead": lead, "occurred": as_of - LAG - 1, "known": as_of - 1, **columns}
