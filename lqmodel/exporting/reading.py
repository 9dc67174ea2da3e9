"""What an export reads: the scored leads of a run, and the columns of the leads' source that the mapping names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow.compute as pc

from lqmodel.acting import given_to
from lqmodel.asof import facts
from lqmodel.crm import Lead, Sent, link
from lqmodel.declarations import Declarations, from_microseconds
from lqmodel.declarations.crm import CrmFile
from lqmodel.engine import KEY, close_doors, connect, fetch
from lqmodel.inputs import check_unique
from lqmodel.roster import ID, one_row_each
from lqmodel.runs import Run
from lqmodel.scores import SCORED
from lqmodel.sources import Reading, check_overrides, read, resolve

Held = Mapping[str, Mapping[str, str]]
"""Lead → column of the leads' source → its text, "" where it is missing."""


IN_SALES: Final = ("sales-ready", "SAL", "SQL")
"""Stages at which somebody in sales has a lead."""


def leads(run: Run, declared: CrmFile, held: Held, zone: str, owners: Mapping[str, str]) -> Iterator[Lead]:
    """Yield the scored leads of a run, by id; ``zone``: of the day that they were scored on."""
    day = (
        None
        if run.as_of is None
        else from_microseconds(run.as_of).astimezone(ZoneInfo(zone)).date().isoformat()
    )
    names = (
        "low",
        "high",
        "probability",
        "points",
        "stage",
        "previous_stage",
        "reasons_up",
        "reasons_down",
        "score",
    )
    for row in _rows(run, (ID, *names)):
        lead_id = row[ID]
        yield Lead(
            lead_id=lead_id,
            key=record(declared, lead_id, held),
            probability=row["probability"],
            low=row["low"],
            high=row["high"],
            score=math.floor(row["score"]),
            points=row["points"],
            stage=row["stage"],
            previous_stage=row["previous_stage"],
            reasons=row["reasons_up"] or "",
            against=row["reasons_down"] or "",
            model_version=run.bundle_version,
            scored_at=day,
            link=link(declared.lead_page, lead_id),
            held=held.get(lead_id, {}),
            owner=_owner(row, owners),
        )


def _owner(row: Mapping[str, Any], owners: Mapping[str, str]) -> str | None:
    return owners.get(row[ID]) if row["stage"] in IN_SALES else None


def owners_in(
    run: Run, declarations: Declarations, declared: CrmFile, root: Path
) -> Mapping[str, str] | None:
    """Return lead → who got its newest handoff up to a run; None where no owner is declared, written or recorded."""
    owners = declarations.model.handoffs.owners
    if declared.fields.owner is None or run.as_of is None or not (owners.column or owners.teams):
        return None
    given = given_to(root, run.model_name)
    if not given:
        return None
    told = sorted((as_of, lead, each.owner) for (as_of, lead), each in given.items() if each.owner)
    return {lead: owner for as_of, lead, owner in told if as_of <= run.as_of}


def scored_in(run: Run, owners: Mapping[str, str]) -> Iterator[Sent]:
    """Yield what a CRM would hold if all of a run had been written; of its records we know nothing."""
    for row in _rows(run, (ID, "probability", "score", "points", "stage")):
        score, owner = math.floor(row["score"]), _owner(row, owners)
        yield Sent(row[ID], None, row["probability"], score, row["points"], row["stage"], None, owner)


def record(declared: CrmFile, lead_id: str, held: Held) -> str | None:
    """Return the id of a lead's record in the CRM, None if there is none."""
    return lead_id if declared.key is None else held.get(lead_id, {}).get(declared.key) or None


def read_held(
    declarations: Declarations,
    declared: CrmFile,
    root: Path,
    sources: Mapping[str, str],
    as_of: int | None,
    threads: int | None,
) -> Held:
    """Return lead → the declared columns of the leads' source as text, missing as ""; {} where none is declared."""
    columns = declared.columns()
    check_overrides(sources, declarations.sources)
    if not columns:
        return {}
    population = declarations.model.population
    name, source = population.source, declarations.sources[population.source]
    con = connect(threads)
    reading = Reading(frozenset(), frozenset(columns), {})
    table = read(con, name, source, resolve(source, name, root, sources), reading)
    found = facts(con, name, source.model_copy(update={"display": columns}), table, columns)
    if not population.episodes:
        check_unique(found)
    close_doors(con)
    kept = one_row_each(found, as_of) if population.episodes else found.table
    shown = fetch(
        kept.select(**{KEY: kept[KEY]}, **{c: kept[c].cast("string") for c in columns}).order_by(KEY)
    )
    return {row.pop(KEY): {c: v or "" for c, v in row.items()} for row in shown.to_pylist()}


def _rows(run: Run, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the scored leads of a run; a column that it does not have is None."""
    scored = run.table.filter(pc.equal(run.table["status"], SCORED))
    there = [name for name in names if name in scored.column_names]
    missing = dict.fromkeys(name for name in names if name not in there)
    for batch in scored.select(there).to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield {**missing, **row}
