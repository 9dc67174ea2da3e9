"""Who may not be scored: people who object, and people who were erased and may not come back.

An objection counts at once, whatever the moment looked from: it is a right, not a feature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from lqmodel.declarations import Model
from lqmodel.engine import KEY, fetch, materialise
from lqmodel.inputs import Inputs

OBJECTS: Final = "objects to being contacted or scored"
"""The reason why such a lead is not scored."""
_GIVEN, _TABLE = "__given", "__barred"


@dataclass(frozen=True)
class Barred:
    """Who may not be scored, as far as the ledger knows.

    Attributes
    ----------
    objecting : sequence of str
        Leads that object.
    erased : callable or None
        Lead ids → those of them that were erased; None: nobody was.
    """

    objecting: Sequence[str] = ()
    erased: Callable[[Sequence[str]], Sequence[str]] | None = None


NOBODY: Final = Barred()


@dataclass(frozen=True)
class Kept:
    """Who of the input is kept from scoring.

    Attributes
    ----------
    table : ibis Table
        ``__key``, ``gone`` (erased: as if they were not in the input). Grain: one row per such lead.
    objecting, erased : int
        How many leads of the input.
    digest : str or None
        A hash of who they are; None: nobody.
    """

    table: ir.Table
    objecting: int
    erased: int
    digest: str | None

    def notices(self, source: str) -> tuple[str, ...]:
        """Say what was kept back, without a name."""
        if not self.erased:
            return ()
        return (
            f"source {source!r}: {self.erased} leads were erased and may not come back, left out; remove them there too",
        )


def kept_back(inputs: Inputs, model: Model, barred: Barred) -> Kept:
    """Look who of the input may not be scored: by the ledger, and by the declared source of objections."""
    leads = inputs.facts[model.population.source].table.select(KEY).distinct()
    given = pa.table({KEY: pa.array(sorted(set(barred.objecting)), pa.string())})
    inputs.con.con.register(_GIVEN, given)
    objecting = inputs.con.table(_GIVEN)
    if model.population.objections is not None:
        said = inputs.facts[model.population.objections].table.select(KEY).distinct()
        objecting = ibis.union(objecting, said, distinct=True)
    found = fetch(leads.semi_join(objecting, KEY).order_by(KEY))[KEY].to_pylist()
    erased: list[str] = []
    if barred.erased is not None:
        erased = sorted(barred.erased(fetch(leads.order_by(KEY))[KEY].to_pylist()))
    gone = set(erased)
    both = [*((lead, False) for lead in found if lead not in gone), *((lead, True) for lead in erased)]
    columns = list(zip(*both, strict=True)) if both else [(), ()]
    rows = pa.table({KEY: pa.array(columns[0], pa.string()), "gone": pa.array(columns[1], pa.bool_())})
    inputs.con.con.unregister(_GIVEN)
    inputs.con.con.register(_GIVEN, rows)
    table = materialise(inputs.con, _TABLE, inputs.con.table(_GIVEN))
    inputs.con.con.unregister(_GIVEN)
    digest = hashlib.sha256(repr(both).encode()).hexdigest() if both else None
    return Kept(table, len(both) - len(erased), len(erased), digest)
