"""The same leads in many worlds: in each some steps have happened to them, and every feature is computed anew.

In worlds of one step, the facts of each lead are crossed with the worlds, each (lead, world) as a lead of its own, and
the step is added: one query gives what `features` gives on the lead's facts and that step. In worlds of several steps
the measures are combined from those (see `measures`), so that no fact is looked at again; the values are made of them
by the very query that makes them of facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend
from numpy.typing import NDArray

from lqmodel.asof import Facts
from lqmodel.counterfactual.measures import Measures
from lqmodel.declarations import Column, DeclaredFeature, OfRow
from lqmodel.engine import AS_OF, CREATED, KEY, KNOWN, OCCURRED, fetch, materialise
from lqmodel.features import features
from lqmodel.steps import STEP, Step, happened
from lqmodel.sweep import features_at

Ints = NDArray[np.int64]
World = tuple[int, ...]
"""Positions of the steps that have happened, ascending; one that happened twice stands twice."""

LEAD: Final = "__lead"  # int64: position of a lead
ROWS_AT_ONCE = 100_000
"""Rows, of a lead in a world, that one query gives."""
FACTS_AT_ONCE = 4_000_000
"""Crossed facts that one query goes over."""
_PLACE, _WORLD = "__place", "__world"
_LEADS, _ASKED, _WORLDS, _MEMBERS, _COMBINED = (
    "__leads_at",
    "__asked",
    "__worlds",
    "__members",
    "__combined",
)


@dataclass(frozen=True, eq=False)
class Crossing:
    """Leads, their facts, and the steps that could happen to them.

    Attributes
    ----------
    con : Backend
        DuckDB.
    leads : pyarrow.Table
        ``__lead``, ``__as_of``, ``__created``; by position.
    steps : tuple of Step
    facts : mapping of str to Facts
        What was known of the leads, by source in which a step stands; with ``__lead``.
    happened : mapping of str to ibis Table
        The steps, as facts of each lead, with ``__lead`` and ``__step``.
    declared : tuple of DeclaredFeature
        What is computed: all that is made of these sources and is not fit.
    observed_from : mapping of str to int
        As in `features.features`.
    n_facts : ndarray of int64, shape (n_leads,)
        Facts of each lead.
    """

    con: Backend
    leads: pa.Table
    steps: tuple[Step, ...]
    facts: Mapping[str, Facts]
    happened: Mapping[str, ir.Table]
    declared: tuple[DeclaredFeature, ...]
    observed_from: Mapping[str, int]
    n_facts: Ints

    @classmethod
    def of(
        cls,
        facts: Mapping[str, Facts],
        steps: Sequence[Step],
        leads: pa.Table,
        declared: Sequence[DeclaredFeature],
        observed_from: Mapping[str, int],
        zone: str,
    ) -> Crossing:
        """Take the facts that were known of each lead, and let each step happen to it.

        Parameters
        ----------
        facts : mapping of str to Facts
            Of every source that a step stands in; those of other leads are left out.
        steps : sequence of Step
            At least one.
        leads : pyarrow.Table
            Grain: ``__key``; with ``__as_of`` and ``__created``, int64 microseconds UTC.
        declared : sequence of DeclaredFeature
            Features and facts of the model.
        observed_from, zone
            As in `features.features` and `steps.happened`.
        """
        sources = sorted({step.source for step in steps})
        con = facts[sources[0]].table.get_backend()
        numbered = leads.append_column(LEAD, pa.array(np.arange(len(leads)), pa.int64()))
        con.con.register(_ASKED, numbered)
        at = materialise(con, _LEADS, con.table(_ASKED))
        con.con.unregister(_ASKED)
        known: dict[str, Facts] = {}
        added: dict[str, ir.Table] = {}
        n_facts = np.zeros(len(leads), np.int64)
        for name in sources:
            table = facts[name].table
            rows = table.inner_join(at, KEY)
            rows = rows.filter(rows[KNOWN] < rows[AS_OF], rows[OCCURRED] < rows[AS_OF])
            ours = materialise(con, f"__known_{name}", rows.select(*table.columns, LEAD))
            known[name] = replace(facts[name], table=ours)
            counted = fetch(ours.group_by(LEAD).aggregate(n=ours.count()))
            n_facts[counted[LEAD].to_numpy()] += counted["n"].to_numpy()
            these = [(i, step) for i, step in enumerate(steps) if step.source == name]
            named = at.select(AS_OF, **{KEY: at[LEAD].cast("string")})
            events = happened(facts[name], these, named, zone)
            added[name] = events.mutate(**{LEAD: events[KEY].cast("int64")})
        wanted = tuple(f for f in declared if f.feature.source in known and f.kind != "fit")
        by_place = numbered.select([LEAD, AS_OF, CREATED])
        return cls(con, by_place, tuple(steps), known, added, wanted, observed_from, n_facts)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are computed, by name."""
        return tuple(sorted((c for f in self.declared for c in f.columns()), key=lambda c: c.name))

    def batches(self, leads: Ints, n_worlds: int) -> Iterator[Ints]:
        """Cut leads into parts that are looked at together; where they are cut changes nothing."""
        rows = np.arange(1, len(leads) + 1) * n_worlds // ROWS_AT_ONCE
        crossed = np.cumsum(self.n_facts[leads] * n_worlds) // FACTS_AT_ONCE
        cuts = np.flatnonzero(np.diff(rows) | np.diff(crossed)) + 1
        yield from (part for part in np.split(leads, cuts) if len(part))

    def features(self, leads: Ints, worlds: Sequence[World]) -> pa.Table:
        """Compute the features of some leads in some worlds.

        Parameters
        ----------
        leads : ndarray of int64
            Positions.
        worlds : sequence of World
            All of as many steps.

        Returns
        -------
        pyarrow.Table
            The `columns`; one row per (lead, world), all worlds of the first lead first.
        """
        if len(worlds[0]) < 2 or self.measures is None:
            with (
                self.crossed(leads, worlds) as (snapshots, facts),
                features_at(snapshots, facts, self.declared, self.observed_from) as wide,
            ):
                return self._ordered(fetch(self._chosen(wide)))
        looked = self.leads.take(np.repeat(leads, len(worlds)))
        keys = pa.array(np.arange(len(looked))).cast(pa.string())
        table = looked.select([AS_OF, CREATED]).append_column(KEY, keys)
        for name, values in self.measures.combined(leads, np.array(worlds)).items():
            table = table.append_column(name, values)
        self.con.con.register(_COMBINED, table)
        found = self.con.con.sql(self._finishing).to_arrow_table()
        self.con.con.unregister(_COMBINED)
        return self._ordered(found)

    @cached_property
    def _finishing(self) -> str:
        """The query that makes values of combined measures; compiled once, while a table of them is there."""
        at, names = self.con.table(_COMBINED), frozenset(c.name for c in self.columns)
        query: str = self.con.compile(
            self._chosen(features(at, self.facts, self.declared, self.observed_from, names))
        )
        return query

    @cached_property
    def measures(self) -> Measures | None:
        """What the facts of each lead measure, alone and with each step; None where worlds have to be crossed.

        That is where a feature is read off one row, or sums may be too large to be floats.
        """
        if any(isinstance(item.feature, OfRow) for item in self.declared):
            return None
        from lqmodel.sweep.measuring import measured

        worlds = [(), *((i,) for i in range(len(self.steps)))]
        parts: list[pa.Table] = []
        for leads in self.batches(np.arange(len(self.leads)), len(worlds)):
            with self.crossed(leads, worlds) as (snapshots, facts):
                table, names = measured(snapshots, facts, self.declared)
            if len(names) < len(self.columns):
                return None
            parts.append(table.take(pc.sort_indices(table[KEY].cast(pa.int64()))))
        return Measures.of(pa.concat_tables(parts), self.declared, self.steps)

    def _chosen(self, wide: ir.Table) -> ir.Table:
        return wide.select(KEY, *(c.name for c in self.columns))

    def _ordered(self, found: pa.Table) -> pa.Table:
        whole = found.combine_chunks()
        return whole.take(pc.sort_indices(whole[KEY].cast(pa.int64()))).drop_columns([KEY])

    @contextmanager
    def crossed(self, leads: Ints, worlds: Sequence[World]) -> Iterator[tuple[ir.Table, dict[str, Facts]]]:
        """Cross leads and their facts with worlds: snapshots and facts, with (lead, world) for ``__key``."""
        members = [(w, step) for w, world in enumerate(worlds) for step in world]
        tables = {
            _ASKED: pa.table({LEAD: leads, _PLACE: np.arange(len(leads))}),
            _WORLDS: pa.table({_WORLD: np.arange(len(worlds))}),
            _MEMBERS: pa.table(
                {
                    _WORLD: pa.array([w for w, _ in members], pa.int64()),
                    STEP: pa.array([step for _, step in members], pa.int64()),
                }
            ),
        }
        for name, table in tables.items():
            self.con.con.register(name, table)
        asked, each, member = (self.con.table(name) for name in tables)
        at = self.con.table(_LEADS, database=("temp", "main"))
        key = {KEY: (ibis._[_PLACE] * len(worlds) + ibis._[_WORLD]).cast("string")}
        snapshots = asked.inner_join(at.drop(KEY), LEAD).cross_join(each).select(AS_OF, CREATED, **key)
        facts = {}
        for name, known in self.facts.items():
            kept = [c for c in known.table.columns if c not in (KEY, LEAD)]
            before = known.table.inner_join(asked, LEAD).cross_join(each).select(*kept, **key)
            events = self.happened[name].inner_join(asked, LEAD).inner_join(member, STEP).select(*kept, **key)
            table = materialise(self.con, f"__crossed_{name}", ibis.union(before, events))
            most = int(self.n_facts[leads].sum()) * len(worlds) + len(leads) * len(members)
            facts[name] = replace(known, table=table, rows=most)
        try:
            yield materialise(self.con, "__snapshots", snapshots), facts
        finally:
            for name in tables:
                self.con.con.unregister(name)
