"""A run against where the ledger last saw each lead: what moved, and what is handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.ledger.accounts import likeliest
from lqmodel.ledger.chain import compact
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.sampling import DRAW
from lqmodel.stages import LEAD, MQL, RECYCLED, SALES_READY, STAGES
from lqmodel.states import EPISODE

BEFORE_SALES = (STAGES[LEAD], STAGES[MQL], STAGES[RECYCLED])
"""From these a lead is handed over; from SAL on people have acted."""
UNRECORDED = "handed over in a run that was never recorded"
"""The cause of a handoff whose own run is lost: it goes on with the reasons of the run that is recorded."""
CHANCE = ("probability", "low", "high", "score", "band")
Erased = Callable[[Sequence[str]], Sequence[str]]
FROZEN = ("fit", "engagement", "points", "status", "reasons_up", "reasons_down")
STANDING = pa.schema({ID: pa.string(), EPISODE: pa.int64(), "stage": pa.string()})
"""Where the ledger last saw each lead. Grain: one row per lead that ever moved."""


@dataclass(frozen=True)
class Moves:
    """What a run did: rows of `transitions`, and what will be rows of `handoffs`.

    ``handoffs`` stand by likelihood, ``sample`` by their draws.
    """

    transitions: tuple[Mapping[str, Any], ...]
    handoffs: tuple[Mapping[str, Any], ...]
    sample: tuple[Mapping[str, Any], ...]


def compare(run: Run, standing: pa.Table, *, follows: bool, erased: Erased) -> Moves:
    """Hold a run against where each lead stood.

    Leads outside the population, or not in the input any more, move too: by people's acts, or a win. A lead
    that the ledger does not know stood where the run before left it, if that run was recorded, else at
    Lead. The next episode of a lead that came back starts at Lead.

    Parameters
    ----------
    run : Run
        Dated.
    standing : pyarrow.Table
        Of `STANDING`.
    follows : bool
        Whether the run that this one went on from was recorded.
    erased : callable
        Lead ids → those of them that were erased: they do not come back by a run that was written before.
    """
    leads = _leads(run)
    before = _before(leads, standing, run.as_of or 0, follows)
    moved = leads.append_column("__before", before).filter(pc.not_equal(leads["stage"], before))
    moved = _without(moved, erased)
    facts = _facts(run, moved)
    handed = {handoff[ID]: handoff for handoff in run.handoffs()}
    transitions, handoffs = [], []
    for row in moved.to_pylist():
        stood, common = row.pop("__before"), _common(run, row)
        transitions.append(
            common
            | {
                "from_stage": stood,
                "to_stage": row["stage"],
                "cause": row["cause"],
                "frozen": compact(_plain({name: row[name] for name in FROZEN if name in row})),
            }
        )
        is_handed = row[ID] in handed or row["stage"] == STAGES[SALES_READY]
        if stood in BEFORE_SALES and is_handed and row[ID] in facts:
            handoff = handed.get(row[ID]) or {**row, "cause": UNRECORDED}
            route = {"route": handoff.get("route", {})}
            handoffs.append(common | _handoff(run, handoff, facts[row[ID]]) | route)
    return Moves(tuple(transitions), tuple(sorted(handoffs, key=likeliest)), tuple(_sample(run, erased)))


def _without(leads: pa.Table, erased: Erased) -> pa.Table:
    gone = pa.array(erased(leads[ID].to_pylist()), pa.string())
    return leads.filter(pc.invert(pc.is_in(leads[ID], gone))) if len(gone) else leads


def _common(run: Run, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "model": run.model_name,
        ID: row[ID],
        EPISODE: row[EPISODE],
        "as_of": run.as_of,
        **{name: row[name] for name in CHANCE},
    }


def _sample(run: Run, erased: Erased) -> Iterator[dict[str, Any]]:
    """Yield the leads that the run drew, by their draws."""
    drawn = run.table.filter(pc.is_valid(run.table[DRAW])).sort_by(DRAW)
    drawn = _without(drawn, erased)
    facts = _facts(run, drawn)
    for row in drawn.to_pylist():
        yield _common(run, row) | _handoff(run, {**row, "cause": DRAW}, facts[row[ID]]) | {"route": {}}


def _leads(run: Run) -> pa.Table:
    """Return every lead that has a state: what scores.parquet says of it, null where it is not in the input."""
    said = run.table.take(pc.index_in(run.states[ID], run.table[ID].combine_chunks()))
    for name in (ID, EPISODE, "stage", "entered_at"):
        said = said.set_column(said.schema.get_field_index(name), name, run.states[name])
    return said


def _before(leads: pa.Table, standing: pa.Table, as_of: int, follows: bool) -> pa.ChunkedArray:
    """Return the stage at which each lead stood."""
    first = pa.scalar(STAGES[LEAD])
    rows = pc.index_in(leads[ID], standing[ID].combine_chunks())
    same = pc.equal(standing[EPISODE].take(rows), leads[EPISODE])
    known = pc.if_else(same, standing["stage"].take(rows), first)
    unknown = pa.nulls(len(leads), pa.string())
    if follows:
        moved_now = pc.equal(leads["entered_at"].cast(pa.int64()), as_of)
        stayed = pc.if_else(pc.fill_null(moved_now, False), first, leads["stage"])
        unknown = pc.coalesce(leads["previous_stage"], stayed)
    return pc.coalesce(pc.if_else(pc.is_valid(rows), known, unknown), first)


def _facts(run: Run, moved: pa.Table) -> dict[str, dict[str, Any]]:
    """Return the values that the scores of the moved leads rest on, by lead; the others were not scored."""
    rows = pc.index_in(moved[ID], run.features[ID].combine_chunks())
    found = run.features.take(rows.filter(pc.is_valid(rows))).to_pylist()
    return {row[ID]: row for row in found}


def _handoff(run: Run, handoff: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Freeze what is known of a handoff."""
    known = ("run_id", ID, EPISODE, "as_of", "cause", "agreement", *CHANCE)
    said = {name: value for name, value in handoff.items() if name not in known}
    return {
        "cause": handoff["cause"],
        "bundle": run.bundle_version,
        "policy": run.manifest["policy"],
        "agreement": run.manifest["agreement"],
        "frozen": compact(_plain({"why": said, "facts": facts, "cutoffs": run.manifest["cutoffs"]})),
    }


def _plain(value: Any) -> Any:
    """Turn moments into text and missing numbers into null: JSON values only."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return None if isinstance(value, float) and value != value else value
