"""What would help 1,000 leads: their features in every world of two and of three steps.

`python -m benchmarks.counterfactual [LEADS]`. The peer is the plain way: each (lead, world) becomes a lead of its own,
with a copy of all its facts, and the sweep computes the features of them all. A unit is a lead in a world.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.common import Comparison, compare, interleave, publish
from lqmodel.counterfactual.search import worlds
from lqmodel.counterfactual.worlds import Crossing, World
from lqmodel.declarations import ProjectFiles
from lqmodel.engine import AS_OF, CREATED, KEY, OCCURRED, fetch
from lqmodel.example import write_example
from lqmodel.inputs import open_inputs
from lqmodel.simulate import Company, simulate
from lqmodel.steps import learn_steps

LEADS = 1_000
REPETITIONS = 3


@dataclass(frozen=True)
class Case:
    """Leads of the example company, ready to be crossed with worlds of so many steps."""

    crossing: Crossing
    worlds: list[World]

    def combined(self) -> pa.Table:
        return self._all(self.crossing)

    def crossed(self) -> pa.Table:
        plain = replace(self.crossing)
        vars(plain)["measures"] = None
        return self._all(plain)

    def _all(self, crossing: Crossing) -> pa.Table:
        everyone = np.arange(len(crossing.leads))
        parts = crossing.batches(everyone, len(self.worlds))
        return pa.concat_tables([crossing.features(part, self.worlds) for part in parts])


def cross(folder: Path, leads: int) -> Crossing:
    """Simulate a company, and take the facts of its last leads."""
    write_example(folder)
    company = Company(leads=3 * leads, seed=0)
    simulate(folder / "data", company)
    declarations = ProjectFiles.read(folder).declarations()
    inputs = open_inputs(declarations, folder)
    as_of = inputs.facts["events"].newest_known or 0
    table = inputs.facts["leads"].table
    known = fetch(table.filter(table[OCCURRED] < as_of).select(KEY, **{CREATED: table[OCCURRED]}))
    chosen = known.take(pc.sort_indices(known, [(CREATED, "descending"), (KEY, "ascending")])[:leads])
    asked = chosen.append_column(AS_OF, pa.array(np.full(len(chosen), as_of)))
    steps = learn_steps(declarations, inputs.facts, as_of)
    items = (*declarations.features, *declarations.facts)
    return Crossing.of(inputs.facts, steps, asked, items, inputs.observed_from(), declarations.model.zone)


def measure(leads: int = LEADS, repetitions: int = REPETITIONS) -> list[Comparison]:
    """Compare the two ways; their tables must be the same."""
    found = []
    with TemporaryDirectory() as folder:
        crossing = cross(Path(folder), leads)
        for size in (2, 3):
            case = Case(crossing, worlds(range(len(crossing.steps)), size))
            if not case.combined().equals(case.crossed()):
                raise ValueError(f"the features in worlds of {size} steps differ")
            n = leads * len(case.worlds)
            seconds = interleave({"ours": case.combined, "theirs": case.crossed}, repetitions)
            name = f"{leads:,} leads × {len(case.worlds):,} worlds of {size} steps"
            found.append(
                compare(name, "facts crossed, swept", (n, seconds["ours"]), (n, seconds["theirs"]), 0.0)
            )
    return found


if __name__ == "__main__":
    publish("counterfactual", measure(int(sys.argv[1]) if len(sys.argv) > 1 else LEADS))
