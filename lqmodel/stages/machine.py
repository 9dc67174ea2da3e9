"""(state, margin, facts, policy) → state: where each lead stands after one step.

Pure functions over arrays, one row per lead. Times are int64 microseconds UTC; `NEVER` stands for null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import from_microseconds, to_microseconds
from lqmodel.errors import BadData, ColumnMissing, Refused
from lqmodel.stages.policy import Policy

Bools = NDArray[np.bool_]
Times = NDArray[np.int64]
Codes = NDArray[np.int8]

STAGES = ("Lead", "MQL", "sales-ready", "SAL", "SQL", "Customer", "Recycled")
"""Names of the stages; a stage's code is its position."""
LEAD, MQL, SALES_READY, SAL, SQL, CUSTOMER, RECYCLED = range(7)
NEVER = int(np.iinfo(np.int64).min)
"""Null among times."""


@dataclass(frozen=True, eq=False)
class State:
    """Where each lead stands; grain: one row per lead, aligned with the caller's leads.

    Attributes
    ----------
    stage : ndarray of int8, shape (n,)
        Position in `STAGES`.
    entered_at : ndarray of int64, shape (n,)
        as_of at which the lead moved to its stage; NEVER while it has not moved.
    below_since : ndarray of int64, shape (n,)
        First as_of of the unbroken stretch below the bar of its stage; NEVER while not below.
    last_as_of : ndarray of int64, shape (n,)
        as_of of the last `advance`; NEVER for a lead not seen before.
    """

    stage: Codes
    entered_at: Times
    below_since: Times
    last_as_of: Times

    def __len__(self) -> int:
        return len(self.stage)

    @classmethod
    def fresh(cls, n: int) -> State:
        """Return the state of n leads never seen before: all at Lead."""
        return cls(np.zeros(n, dtype=np.int8), *(np.full(n, NEVER, dtype=np.int64) for _ in range(3)))

    def to_table(self) -> pa.Table:
        """Return the four columns; stages as text, NEVER as null."""
        times = {name: getattr(self, name) for name in ("entered_at", "below_since", "last_as_of")}
        columns = {"stage": pa.array(stage_names(self.stage), pa.string())}
        return pa.table(columns | {k: pa.array(v, pa.int64(), mask=v == NEVER) for k, v in times.items()})

    @classmethod
    def from_table(cls, table: pa.Table) -> State:
        """Read the four columns; a row of nulls is a lead never seen before.

        Raises
        ------
        ColumnMissing, BadData
            A column is not there, or names an unknown stage.
        """
        missing = [f.name for f in fields(cls) if f.name not in table.column_names]
        if missing:
            raise ColumnMissing(f"the state has no column {missing[0]!r}", exists=table.column_names)
        names = table.column("stage").fill_null(STAGES[LEAD]).dictionary_encode().combine_chunks()
        known = {name: code for code, name in enumerate(STAGES)}
        codes = np.zeros(table.num_rows, dtype=np.int8)
        if table.num_rows:
            levels = names.dictionary.to_pylist()
            unknown = [level for level in levels if level not in known]
            if unknown:
                raise BadData(f"the state holds the unknown stage {unknown[0]!r}", exists=STAGES)
            codes = np.array([known[level] for level in levels], dtype=np.int8)[names.indices.to_numpy()]
        times = (
            table.column(name).cast(pa.int64()).fill_null(NEVER).to_numpy()
            for name in ("entered_at", "below_since", "last_as_of")
        )
        return cls(codes, *times)


@dataclass(frozen=True, eq=False)
class Advance:
    """What one step did; arrays of shape (n,), aligned with the leads.

    Attributes
    ----------
    state : State
        After the step.
    previous_stage : ndarray of int8
        Before it.
    moved : ndarray of bool
    handoff : ndarray of bool
        Moved into sales-ready (or through it to SAL or SQL) by probability or hand-raise.
    cause : ndarray of int16
        Position in `causes`; -1 where not moved.
    causes : tuple of str
        Names of facts, and "probability", "gates", "won".
    """

    state: State
    previous_stage: Codes
    moved: Bools
    handoff: Bools
    cause: NDArray[np.int16]
    causes: tuple[str, ...]

    def cause_names(self) -> NDArray[np.object_]:
        """Return the cause of each lead's move as text; None where not moved."""
        names: NDArray[np.object_] = np.array([*self.causes, None], dtype=object)[self.cause]
        return names


def stage_names(codes: ArrayLike) -> NDArray[np.object_]:
    """Return the names of stages; `codes` as in `State.stage`."""
    names: NDArray[np.object_] = np.array(STAGES, dtype=object)[np.asarray(codes)]
    return names


def holds(values: ArrayLike) -> Bools:
    """Return whether a fact holds: present and above zero.

    >>> holds([0.0, 2.0, float("nan")]).tolist()
    [False, True, False]
    """
    found: Bools = np.asarray(values, dtype=np.float64) > 0
    return found


def advance(
    state: State | None,
    margin: ArrayLike,
    facts: Mapping[str, ArrayLike],
    as_of: int,
    policy: Policy,
    won: ArrayLike | None = None,
) -> Advance:
    """Move each lead by one step, at most once a calendar day.

    - Up, at once: to sales-ready at its threshold, or at any probability by a `promote_any` fact; to MQL at
      its threshold. A step may skip stages.
    - Down, with memory: from MQL or sales-ready to its band of today, once its probability stayed under
      `below_ratio` × threshold, at every as_of, for `demote_after`. A hand-raise that still holds keeps it.
    - A `block` fact keeps a lead from sales, hand-raise or not; one that is sales-ready falls to MQL or Lead
      by its probability, at once.
    - Accepted: SAL; SQL with all `require` facts. Under ``sql_after = "handoff"`` a sales-ready lead with
      all `require` facts is SQL, and as long as nobody accepted it, it falls back like a sales-ready one.
    - Won: Customer.

    Parameters
    ----------
    state : State or None
        None: no lead was seen before.
    margin : array-like of float64, shape (n,)
        Uncalibrated log-odds, of the model that the policy was solved for.
    facts : mapping of str to array-like of bool, shape (n,)
        At least `policy.facts()`; numbers count as in `holds`.
    as_of : int
        Microseconds UTC. Leads whose `last_as_of` is this moment are left as they are.
    policy : Policy
    won : array-like of bool, shape (n,), or None

    Raises
    ------
    Refused
        A lead was already advanced at a later moment.
    ColumnMissing
        A fact that the policy looks at is not given.
    BadData
        Lengths differ, or a margin is not finite.
    """
    margins = np.asarray(margin, dtype=np.float64)
    before = State.fresh(len(margins)) if state is None else state
    given, is_won = _checked(before, margins, facts, as_of, policy, won)
    none, every = np.zeros(len(margins), dtype=bool), np.ones(len(margins), dtype=bool)
    block = np.logical_or.reduce([none, *(given[name] for name in policy.block)])
    promote = np.logical_or.reduce([none, *(given[name] for name in policy.promote_any)]) & ~block
    accepted = np.logical_or.reduce([none, *(given[name] for name in policy.accepted)])
    gates = np.logical_and.reduce([every, *(given[name] for name in policy.require)])
    hands_over = (promote | (margins >= policy.sales_ready.margin)) & ~block
    aim = np.where(hands_over, SALES_READY, np.where(margins >= policy.mql.margin, MQL, LEAD))

    # What the model may move, and the level at which it holds the lead now; from SAL on, people move it.
    stage = before.stage
    by_handoff = policy.sql_after == "handoff"
    own = (stage <= SALES_READY) | ((stage == SQL) & ~accepted & by_handoff)
    level = np.minimum(stage, SALES_READY)
    at_ready, at_mql = own & (level == SALES_READY), own & (level == MQL)
    below = (at_ready & ~promote & (margins < policy.sales_ready.kept_margin)) | (
        at_mql & (margins < policy.mql.kept_margin)
    )
    since = np.where(below, np.where(before.below_since == NEVER, as_of, before.below_since), NEVER)
    falls = (below & (since <= as_of - policy.demote_after)) | (at_ready & block)
    level_after = np.where((aim > level) | falls, aim, level)

    model = np.where((level_after == SALES_READY) & gates & by_handoff, SQL, level_after)
    people = np.where(
        (stage == SQL) | (gates & (accepted | (stage == SAL))), SQL, np.where(accepted, SAL, stage)
    )
    wanted = np.where(own & ~accepted, model, people)
    wanted = np.where(is_won | (stage == CUSTOMER), CUSTOMER, wanted).astype(np.int8)

    live = before.last_as_of != as_of
    moved = live & (before.entered_at < _midnight(as_of, policy.zone)) & (wanted != stage)
    after = State(
        np.where(moved, wanted, stage),
        np.where(moved, as_of, before.entered_at),
        np.where(live, np.where(moved, NEVER, since), before.below_since),
        np.where(live, as_of, before.last_as_of),
    )
    handoff = moved & own & (level < SALES_READY) & hands_over & (wanted >= SALES_READY) & (wanted <= SQL)
    enters = accepted & ((stage < SAL) | (stage == RECYCLED))
    cause, causes = _first(
        ("won", wanted == CUSTOMER),
        *((name, enters & given[name]) for name in policy.accepted),
        *((name, at_ready & given[name]) for name in policy.block),
        *((name, handoff & promote & given[name]) for name in policy.promote_any),
        ("probability", handoff | own & (level_after != level)),
        ("gates", every),
    )
    cause[~moved] = -1
    return Advance(after, stage, moved, handoff, cause, causes)


def _first(*rules: tuple[str, Bools]) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Return for each lead the position of the first rule that applies, and the rules' names."""
    cause = np.full(len(rules[0][1]), -1, dtype=np.int16)
    for code, (_, applies) in enumerate(rules):
        cause[(cause < 0) & applies] = code
    return cause, tuple(name for name, _ in rules)


def _checked(
    state: State,
    margins: NDArray[np.float64],
    facts: Mapping[str, ArrayLike],
    as_of: int,
    policy: Policy,
    won: ArrayLike | None,
) -> tuple[dict[str, Bools], Bools]:
    """Return the policy's facts and the wins as arrays, or refuse."""
    n = len(margins)
    if len(state) != n:
        raise BadData(f"{len(state)} states and {n} margins do not go together")
    if not np.isfinite(margins).all():
        raise BadData(f"{int((~np.isfinite(margins)).sum())} of {n} margins are not finite")
    later = int((state.last_as_of > as_of).sum())
    if later:
        raise Refused(
            f"{later} of {n} leads were already advanced after {from_microseconds(as_of).isoformat()}",
            do="start from the latest state before that moment, or take a later as_of",
        )
    unknown = [name for name in policy.facts() if name not in facts]
    if unknown:
        raise ColumnMissing(f"the policy looks at the fact {unknown[0]!r}", exists=sorted(facts))
    given = {name: _flags(facts[name], n, name) for name in policy.facts()}
    return given, _flags(np.zeros(n) if won is None else won, n, "won")


def _flags(values: ArrayLike, n: int, name: str) -> Bools:
    flags = np.asarray(values)
    if flags.shape != (n,):
        raise BadData(f"{flags.shape} values and {n} margins do not go together", where=name)
    return flags if flags.dtype == np.bool_ else holds(flags)


def _midnight(as_of: int, zone: str) -> int:
    """Return the moment at which the calendar day of as_of began."""
    day = from_microseconds(as_of).astimezone(ZoneInfo(zone)).date()
    return to_microseconds(day, zone)
