"""Recording a run: once, in the order of time, and whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, select

from lqmodel.asof import iso
from lqmodel.declarations import Handoffs
from lqmodel.errors import BadData, NoInput, Refused, UsageError
from lqmodel.ledger.chain import Chain, compact
from lqmodel.ledger.comparing import STANDING, compare
from lqmodel.ledger.handing import handed, sampled
from lqmodel.ledger.tables import HANDOFFS, RUNS, TRANSITIONS
from lqmodel.ledger.tombstones import Tombstones
from lqmodel.runs import Run
from lqmodel.scores import SCORED


@dataclass(frozen=True)
class Recorded:
    """What recording a run did.

    Attributes
    ----------
    run_id : str
    new : bool
        False: it had been recorded before, and nothing was done.
    transitions, handoffs : int
        Entries of this run.
    taken_over : int
        Handoffs of accounts whose one before has ended, to leads that had joined it.
    notices : tuple of str
    """

    run_id: str
    new: bool
    transitions: int
    handoffs: int
    taken_over: int = 0
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in one line."""
        if not self.new:
            return f"run {self.run_id} was recorded before"
        over = f", {self.taken_over:,} of their accounts' taken over" if self.taken_over else ""
        return (
            f"run {self.run_id} recorded: {self.transitions:,} transitions, {self.handoffs:,} handoffs{over}"
        )


def check_passed(model: str, as_of: int | None, now: int) -> int:
    """Return a moment that has passed; refuse none, and one that is still to come.

    Raises
    ------
    UsageError
        The data has no clock.
    Refused
    """
    if as_of is None:
        raise UsageError(
            f"a run of model {model!r} has no moment: its data has no clock, so runs have no order",
            do="leave --record out",
        )
    if as_of > now:
        raise Refused(
            f"as_of {iso(as_of)} is still to come: every run before it would then be too old to be recorded",
            do="record runs of moments that have passed; --no-record scores without recording",
        )
    return as_of


def check_order(con: Connection, model: str, as_of: int) -> None:
    """Refuse a moment before the last recorded.

    Raises
    ------
    Refused
    """
    last = last_recorded(con, model)
    if last is not None and as_of < last["as_of"]:
        raise Refused(
            f"a run as of {iso(as_of)} is older than the last recorded one, {last['run_id']} as of {iso(last['as_of'])}: "
            "what was recorded is never rewritten",
            where=f"model {model!r}",
            do="score a later moment; --no-record scores the past without recording",
        )


def last_recorded(con: Connection, model: str) -> Mapping[str, Any] | None:
    """Return the row of the last recorded run of a model."""
    query = select(RUNS).where(RUNS.c.model == model).order_by(RUNS.c.seq.desc()).limit(1)
    found = con.execute(query).mappings().first()
    return None if found is None else dict(found)


def unrecorded(con: Connection, run: Run) -> tuple[list[Run], tuple[str, ...]]:
    """Return the run and the runs before it that are still to be recorded, the oldest first, and notices.

    A night that was killed between writing and recording its run is caught up with by the next one. The
    first run that is recorded brings along the runs before it which lie beside it: their handoffs carry the
    reasons of their day.
    """
    model = run.model_name
    last = last_recorded(con, model)
    found = [run]
    while (before := found[-1].manifest["previous_run"]) is not None and not _is_recorded(con, before):
        earlier = _sibling(run, before)
        if last is None:
            if earlier is None or earlier.as_of is None:
                return found[::-1], ()
        elif earlier is None or earlier.as_of is None or earlier.as_of < last["as_of"]:
            told = f"it goes on from run {before}, which was never recorded: the ledger compares it with {last['run_id']}"
            return found[::-1], (told,)
        found.append(earlier)
    return found[::-1], ()


def _sibling(run: Run, run_id: str) -> Run | None:
    """Return another run of the same folder."""
    for folder in sorted(run.folder.parent.glob(f"*-{run_id}")):
        try:
            return Run.open(folder)
        except (BadData, NoInput):
            continue
    return None


def _is_recorded(con: Connection, run_id: str) -> bool:
    return con.execute(select(RUNS.c.seq).where(RUNS.c.run_id == run_id)).first() is not None


def record(con: Connection, chain: Chain, run: Run, now: int, rules: Handoffs, zone: str) -> Recorded:
    """Append what a run did, or nothing if it was recorded before; ``con`` holds the store's lock.

    Parameters
    ----------
    con : Connection
    chain : Chain
    run : Run
        Whole: every file of it is held against its hash.
    now : int
        Microseconds UTC.
    rules : Handoffs
        Who gets a handoff, and until when it is answered.
    zone : str
        Of the days of absences.

    Raises
    ------
    Refused, UsageError
        As in `check_passed` and `check_order`.
    BadData
        The run was changed after it was written, or an earlier version wrote it.
    """
    if _is_recorded(con, run.run_id):
        return Recorded(run.run_id, False, *_counts(con, run.run_id))
    model = run.model_name
    as_of = check_passed(model, run.as_of, now)
    check_order(con, model, as_of)
    if "policy" not in run.manifest:
        raise BadData(
            "an earlier version wrote the run: it does not say what moved each lead",
            where=str(run.folder),
            do="score that moment again, into another --output",
        )
    run.verify()
    previous = run.manifest["previous_run"]
    follows = previous is not None and _is_recorded(con, previous)
    moves = compare(run, standing(con, model), follows=follows, erased=Tombstones.of(con).among)
    number = chain.seq + 1
    chain.append(RUNS, [_head(run, model, len(moves.transitions), len(moves.handoffs), now)])
    chain.append(TRANSITIONS, moves.transitions)
    given = handed(con, run, as_of, moves.handoffs, rules, zone, now, number)
    chain.append(HANDOFFS, given)
    chain.append(HANDOFFS, sampled(con, moves.sample, rules, now))
    taken_over = len(given) - len(moves.handoffs)
    return Recorded(run.run_id, True, len(moves.transitions), len(moves.handoffs), taken_over)


def standing(con: Connection, model: str) -> pa.Table:
    """Return where the ledger last saw each lead of a model that ever moved. Table: `STANDING`."""
    t = TRANSITIONS.c
    newest = select(func.max(t.seq)).where(t.model == model).group_by(t.lead_id)
    rows = con.execute(select(t.lead_id, t.episode, t.to_stage).where(t.seq.in_(newest))).all()
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, STANDING, strict=True)], STANDING)


def _counts(con: Connection, run_id: str) -> tuple[int, int]:
    found = con.execute(select(RUNS.c.moved, RUNS.c.handed_over).where(RUNS.c.run_id == run_id)).one()
    return int(found.moved), int(found.handed_over)


def _head(run: Run, model: str, moved: int, handed_over: int, now: int) -> dict[str, Any]:
    head = run.manifest
    return {
        "run_id": run.run_id,
        "model": model,
        "as_of": run.as_of,
        "bundle": run.bundle_version,
        "policy": head["policy"],
        "agreement": head["agreement"],
        "manifest": head["sha256"],
        "inputs": head["inputs"],
        "cutoffs": compact(head["cutoffs"]),
        "previous_run": head["previous_run"],
        "scored": head["counts"].get(SCORED, 0),
        "moved": moved,
        "handed_over": handed_over,
        "recorded_at": now,
    }
