"""Columns about a person: refused as features until the declarations say what they are needed for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from lqmodel.audit.case import SOURCES_FILE, Case
from lqmodel.audit.finding import PERSONAL, Finding, Level
from lqmodel.declarations import Completeness, DeclaredFeature, Taken
from lqmodel.personal import About, about_person, values_about_person
from lqmodel.trainingset import Snapshots

FEW: Final = 20  # a column with at most so many values is no address, whatever it is called
MOST_VALUES: Final = 2_000  # different values that are looked at


def personal_attributes(case: Case, snapshots: Snapshots) -> Iterator[Finding]:
    """Columns that are personal by name or by their values, once per column."""
    seen: dict[tuple[str, str], list[DeclaredFeature]] = {}
    for item in (*case.declarations.features, *case.declarations.facts):
        for column in item.feature.reads():
            seen.setdefault((item.feature.source, column), []).append(item)
    for (source, column), items in sorted(seen.items(), key=lambda s: s[0]):
        values = _values(snapshots, items)
        names = [column, *(item.name for item in items if isinstance(item.feature, Taken))]
        about, by_value = next((told for told in map(about_person, names) if told), None), False
        if about is None or (about.kind == "contact" and values is not None and len(values) <= FEW):
            about, by_value = (values_about_person(values) if values else None), True
        if about is not None:
            yield from _finding(case, source, column, items, about, by_value)


def _values(snapshots: Snapshots, items: list[DeclaredFeature]) -> list[str] | None:
    """Return the different values of the column where a feature takes it over, as texts; None if none does."""
    for item in items:
        if isinstance(item.feature, Taken) and item.name in snapshots.table.column_names:
            different = snapshots.table[item.name].unique().drop_null().cast(pa.string())
            return sorted(different.to_pylist())[:MOST_VALUES]
    return None


def _finding(
    case: Case, source: str, column: str, items: list[DeclaredFeature], about: About, by_value: bool
) -> Iterator[Finding]:
    where = ", ".join(case.where(item) for item in items)
    message = f"{about.reason} ({about.by if by_value else repr(about.by)})"
    purpose = dict(case.declarations.sources[source].purpose).get(column)
    only_filled = all(isinstance(item.feature, Completeness) for item in items)
    if only_filled and about.kind in ("name", "contact"):
        return  # whether it is filled in says nothing of the person
    if purpose is not None:
        yield Finding(
            "note",
            PERSONAL,
            column,
            where,
            f"{message}; purpose: {purpose}",
            "nothing, as long as that purpose holds",
        )
        return
    unsure = only_filled or (by_value and about.kind == "name")
    level: Level = "warn" if unsure else "stop"
    do = (
        f'take it out, or, if there is a lawful need, write purpose = {{ "{column}" = "what it is needed for" }} '
        f"in [{source}] of {SOURCES_FILE}"
    )
    if about.kind in ("name", "contact"):
        do = f"show it with `display` instead of learning from it; {do}"
    yield Finding(level, PERSONAL, column, where, message, do)
