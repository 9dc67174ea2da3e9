"""Where every lead stands after a scoring: the scored ones, those outside the population, and those not in the input.

    previous run's states ──┐
    scores, facts, acts ────┼──> one step of `stages.advance` ──> states, for the next run
    wins ───────────────────┘

A lead that leaves the population keeps its state, and a win makes it a customer there. One that is missing
from the input keeps its state for the day that it is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from lqmodel.barring import Barred
from lqmodel.roster import CAME, ID, WON
from lqmodel.stages import STATE_SCHEMA, Advance, Decisions, Policy, State, advance, decisions, stage_names

EPISODE: Final = "episode"
STATES: Final = pa.schema([pa.field(ID, pa.string()), pa.field(EPISODE, pa.int64()), *STATE_SCHEMA])
"""The columns of states.parquet."""
SHOWN: Final = ("stage", "previous_stage", "cause", "entered_at", "below_since", "wake_at", "last_as_of")
"""The columns of scores.parquet that say where a lead stands."""


class Before(Protocol):
    """The run before."""

    @property
    def states(self) -> pa.Table: ...


@dataclass(frozen=True, eq=False)
class Remembered:
    """The states of the run before, without those of leads that were erased since."""

    states: pa.Table


def remembered(before: Before | None, barred: Barred) -> Before | None:
    """Return the run before, without leads that were erased since it was written."""
    if before is None or barred.erased is None:
        return before
    ids = before.states[ID]
    erased = pa.array(barred.erased(ids.to_pylist()), pa.string())
    return Remembered(before.states.filter(pc.invert(pc.is_in(ids, erased)))) if len(erased) else before


@dataclass(frozen=True, eq=False)
class Walked:
    """One step of all leads that have a state.

    Attributes
    ----------
    moved : Advance
        The step; the scored leads come first, in the order of their values.
    table : pyarrow.Table
        ``lead_id``, ``known`` (whether an earlier run knew the lead in this episode), the columns of
        `SHOWN`; row by row as ``moved``.
    states : pyarrow.Table
        The columns of `STATES`. Grain: one row per lead ever seen, by lead id.
    """

    moved: Advance
    table: pa.Table
    states: pa.Table


def walk(
    leads: pa.Table,
    values: pa.Table,
    margin: ArrayLike,
    facts: dict[str, NDArray[np.float64]],
    as_of: int | None,
    policy: Policy,
    previous: Before | None = None,
    acts: pa.Table | None = None,
    levels: NDArray[np.object_] | None = None,
) -> Walked:
    """Move every lead that has a state by one step, or gets its first.

    Parameters
    ----------
    leads : pyarrow.Table
        Every lead of the input, as `roster.everyone` gives it.
    values : pyarrow.Table
        ``lead_id`` and ``episode`` of the scored ones.
    margin, facts
        Of the scored ones, row by row; see `stages.advance`.
    as_of : int or None
        Microseconds UTC; None without a clock.
    policy : Policy
    previous : Run, optional
        The run before.
    acts : pyarrow.Table, optional
        What people in sales did, as in `stages.ACT_SCHEMA`.
    levels : ndarray of object, optional
        The level of ``policy.per`` that each scored lead has.

    Raises
    ------
    Refused
        The previous run is not an earlier one.
    """
    before = STATES.empty_table() if previous is None else previous.states
    rows = _rows(leads, values, before)
    n, all_facts = len(values), {}
    margins = np.zeros(len(rows))
    margins[:n] = np.asarray(margin, dtype=np.float64)
    for name, held in facts.items():
        all_facts[name] = np.zeros(len(rows))
        all_facts[name][:n] = held
    at = _same_episode(rows, before)
    moment = as_of or 0
    moved = advance(
        State.from_table(before.take(at)),
        margins,
        all_facts,
        moment,
        policy,
        rows[WON].to_numpy(),
        said=_said(acts, rows, moment, policy),
        scored=np.arange(len(rows)) < n,
        levels=None if levels is None else np.append(levels, np.full(len(rows) - n, None)),
    )
    states = pa.table({ID: rows[ID], EPISODE: rows[EPISODE]} | _columns(moved.state.to_table()))
    return Walked(moved, _shown(rows, moved, pc.is_valid(at)), states.cast(STATES).sort_by(ID))


def _rows(leads: pa.Table, values: pa.Table, before: pa.Table) -> pa.Table:
    """Return whom the step moves: ``lead_id``, ``episode``, ``__won``; the scored leads first.

    Of the others, those whose state goes on, and those that are won; whom no run ever saw has no state.
    """
    scored = _whom(values[ID], values[EPISODE])
    rest = leads.filter(pc.and_(pc.invert(_is_in(leads[ID], scored)), pc.is_valid(leads[CAME])))
    outside = _whom(rest[ID], rest[CAME], rest[WON])
    outside = outside.filter(pc.or_(outside[WON], pc.is_valid(_same_episode(outside, before))))
    present = pa.concat_tables([scored, outside])
    gone = before.filter(pc.invert(_is_in(before[ID], present)))
    return pa.concat_tables([present, _whom(gone[ID], gone[EPISODE])])


def _whom(ids: pa.ChunkedArray, episodes: pa.ChunkedArray, won: pa.ChunkedArray | None = None) -> pa.Table:
    none = pa.chunked_array([np.zeros(len(ids), dtype=bool)])
    # a number written into a query comes back in the engine's own width
    return pa.table({ID: ids, EPISODE: episodes.cast(pa.int64()), WON: none if won is None else won})


def _is_in(ids: pa.ChunkedArray, table: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(ids, table[ID].combine_chunks())


def _same_episode(rows: pa.Table, before: pa.Table) -> pa.ChunkedArray:
    """Return where each lead stands among the states before; null for a new one, and for one that came back."""
    at = pc.index_in(rows[ID], before[ID].combine_chunks())
    return pc.if_else(pc.equal(before[EPISODE].take(at), rows[EPISODE]), at, None)


def _said(acts: pa.Table | None, rows: pa.Table, moment: int, policy: Policy) -> Decisions:
    return decisions(acts, rows[ID], rows[EPISODE], moment, policy)


def _shown(rows: pa.Table, moved: Advance, known: pa.ChunkedArray) -> pa.Table:
    state = _columns(moved.state.to_table())
    state["previous_stage"] = pc.if_else(
        known, pa.array(stage_names(moved.previous_stage), pa.string()), None
    )
    state["cause"] = pa.array(moved.cause_names(), pa.string())
    return pa.table({ID: rows[ID], "known": known} | {name: state[name] for name in SHOWN})


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))
