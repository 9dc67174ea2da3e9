"""All sources of one model, opened and checked: what training and scoring both start from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from lqmodel.asof import Facts, facts, iso
from lqmodel.declarations import Declarations
from lqmodel.declarations.model import Population
from lqmodel.engine import KEY, close_doors, connect, fetch, fetch_row
from lqmodel.errors import BadData, listing
from lqmodel.localdays import needs_local_days, with_local_days
from lqmodel.sources import Reading, check_overrides, read, readings, resolve

CHOSEN = "__chosen_leads"


@dataclass(frozen=True)
class Inputs:
    """The facts of every source that a model uses, in one engine whose doors are closed.

    ``unknown`` counts, by source, the rows of leads that the leads' source does not hold.
    ``notices`` are sentences on what was set aside or guessed; nothing is dropped without one.
    """

    con: Backend
    facts: Mapping[str, Facts]
    uris: Mapping[str, str]
    unknown: Mapping[str, int]
    notices: tuple[str, ...]

    def digest(self) -> str:
        """Return a hash of the content of all sources; the order of rows and columns changes nothing."""
        text = "\n".join(f"{name} {f.rows} {f.digest}" for name, f in sorted(self.facts.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    def observed_from(self) -> dict[str, int]:
        """Return source → first moment that features may look back to, for the sources with a clock."""
        covered = {name: f.covered_from() for name, f in self.facts.items()}
        return {name: moment for name, moment in covered.items() if moment is not None}


def open_inputs(
    declarations: Declarations,
    root: Path,
    overrides: Mapping[str, str] | None = None,
    *,
    with_label: bool = True,
    display: bool = False,
    threads: int | None = None,
) -> Inputs:
    """Read every source that the model uses, then close the engine's doors.

    Parameters
    ----------
    declarations : Declarations
        What is used, and how it is to be read.
    root : Path
        The folder that relative addresses start from.
    overrides : mapping, optional
        Source name → another file, relative to the current folder.
    with_label : bool
        Without a clock, scoring does not need the label's columns.
    display : bool
        For scoring: also read who objects, and the columns of the leads that are shown to people.
    threads : int, optional
        Threads of the engine; results do not depend on it.

    Raises
    ------
    NoInput, BadData, ColumnMissing, WrongType
        A source cannot be used as declared.
    """
    overrides = overrides or {}
    used = declarations.used_sources(scoring=display)
    check_overrides(overrides, declarations.sources)
    con = connect(threads)
    opened: dict[str, Facts] = {}
    uris: dict[str, str] = {}
    for name, reading in readings(declarations, with_label=with_label, display=display).items():
        addresses = resolve(used[name], name, root, overrides)
        uris[name] = ", ".join(addresses)
        opened[name] = _open(con, declarations, name, addresses, reading)
    leads = opened[declarations.model.population.source]
    if not declarations.model.population.episodes:
        check_unique(leads)
    close_doors(con)
    unknown = _unknown_leads(opened, leads, declarations.model.population)
    notices = _notices(opened) + [
        f"source {name!r}: {found['rows']} rows of {found['leads']} leads that source {leads.name!r} does not hold "
        f"(such as {found['example']!r}), set aside"
        for name, found in unknown.items()
    ]
    return Inputs(con, opened, uris, {name: found["rows"] for name, found in unknown.items()}, tuple(notices))


def open_facts_of(
    declarations: Declarations,
    root: Path,
    overrides: Mapping[str, str] | None,
    sources: Collection[str],
    leads: Sequence[str],
    threads: int | None = None,
) -> dict[str, Facts]:
    """Read the rows of some leads in some sources, then close the engine's doors.

    Parameters
    ----------
    declarations, root, overrides, threads
        As in `open_inputs`.
    sources : collection of str
        Names of used sources.
    leads : sequence of str
        Whose rows are read; other rows are not even checked.

    Returns
    -------
    dict of str to Facts
        By source, all in one engine; a source may hold none of these leads.

    Raises
    ------
    NoInput, BadData, ColumnMissing, WrongType, UsageError
        As in `open_inputs`.
    """
    overrides = overrides or {}
    used = declarations.used_sources()
    check_overrides(overrides, declarations.sources)
    con = connect(threads)
    con.con.register(CHOSEN, pa.table({KEY: pa.array(leads, pa.string())}))
    only = con.table(CHOSEN)
    opened = {
        name: _open(con, declarations, name, resolve(used[name], name, root, overrides), reading, only)
        for name, reading in readings(declarations, with_label=declarations.model.has_clock).items()
        if name in sources
    }
    close_doors(con)
    return opened


def _open(
    con: Backend,
    declarations: Declarations,
    name: str,
    addresses: Sequence[str],
    reading: Reading,
    only: ir.Table | None = None,
) -> Facts:
    """Read one source past the door of time: all of it, or the rows of some leads, of which there may be none."""
    source = declarations.sources[name]
    table = read(con, name, source, addresses, reading, only)
    found = facts(con, name, source, table, reading.columns, may_be_empty=only is not None)
    dated = name in needs_local_days(declarations)
    return with_local_days(found, declarations.model.zone) if dated else found


def check_unique(leads: Facts) -> None:
    """One row per lead: a key that stands twice is refused, because either row could be the wrong one."""
    table = leads.table
    twice = table.group_by(KEY).aggregate(n=table.count())
    twice = twice.filter(twice.n > 1).order_by(KEY)
    ids = fetch(twice)[KEY].to_pylist()
    if ids:
        n, examples = len(ids), ids[:5]
        raise BadData(
            f"{n} lead ids stand in several rows, such as {listing(map(repr, examples))}",
            where=f"source {leads.name!r}",
            do="keep one row per lead; rows that are dated facts belong in a source of their own",
        )


def _notices(opened: Mapping[str, Facts]) -> list[str]:
    notices = []
    for name, f in sorted(opened.items()):
        notices += [
            f"source {name!r}: {n} rows {reason}, set aside" for reason, n in sorted(f.set_aside.items())
        ]
        guessed = []
        if f.has_clock and f.source.observed_from is None:
            guessed.append(f"observed_from taken from its first fact ({_shown(f.covered_from())})")
        if f.has_clock and f.source.observed_until is None:
            guessed.append(f"observed_until taken from its last fact ({_shown(f.observed_until)})")
        if guessed:
            notices.append(f"source {name!r}: {'; '.join(guessed)}")
    return notices


def _shown(moment: int | None) -> str:
    return "none" if moment is None else iso(moment)


def _unknown_leads(
    opened: Mapping[str, Facts], leads: Facts, population: Population
) -> dict[str, dict[str, Any]]:
    """Return source → how many rows of how many leads the leads' source does not hold, and an example.

    A source of customers may name accounts, or leads of long ago; one of objections anybody.
    """
    found = {}
    for name, f in sorted(opened.items()):
        if name in (leads.name, population.customers, population.objections):
            continue
        unknown = f.table.anti_join(leads.table, KEY)
        row = unknown.aggregate(
            rows=unknown.count(), leads=unknown[KEY].nunique(), example=unknown[KEY].min()
        )
        counts = fetch_row(row)
        if counts["rows"]:
            found[name] = counts
    return found
