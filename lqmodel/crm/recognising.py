"""Which CRM a table of leads was exported from, by the names of its columns."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lqmodel.crm import dynamics, hubspot, nutshell, salesforce
from lqmodel.crm.names import ExportNames
from lqmodel.crm.target import plain

EXPORTS: Final = (hubspot.EXPORT, salesforce.EXPORT, dynamics.EXPORT, nutshell.EXPORT)
FEWEST: Final = 4
"""Marks by which an export is known."""
ALIKE: Final = 0.85
"""How alike two names are of which one may be the other, renamed."""
SHORTEST: Final = 5
"""Letters of a name below which none is like another."""


@dataclass(frozen=True)
class Recognised:
    """A table that is an export of a CRM, with the names that its columns have in this file.

    Attributes
    ----------
    names : ExportNames
    key, created, won_at, outcome, account : str or None
        Columns of the file.
    late : mapping of str to str
        Column of the file → why it teaches nothing that is known before the outcome.
    renamed : mapping of str to str
        Name that the CRM gives → the column of the file that looks like it, where the CRM's own is not there.
    columns : mapping of str to str
        Name without letter case and signs → the column of the file.
    """

    names: ExportNames
    key: str | None
    created: str | None
    won_at: str | None
    outcome: str | None
    account: str | None
    late: Mapping[str, str]
    renamed: Mapping[str, str]

    columns: Mapping[str, str]

    @property
    def key_is_taken(self) -> bool:
        """Whether the CRM's importer finds a record by the key that this file holds."""
        return self.key is not None and plain(self.key) in map(plain, self.names.taken)

    def declaration(self) -> dict[str, Any]:
        """Return ``present`` and ``closed`` of a [crm.NAME] table, by the columns of the file; {} for none."""
        fields = {
            field: next((self.columns[plain(name)] for name in known if plain(name) in self.columns), None)
            for field, known in self.names.fields.items()
        }
        present = {field: column for field, column in fields.items() if column is not None}
        closed = {
            self.columns[plain(name)]: list(values)
            for name, values in self.names.closed.items()
            if plain(name) in self.columns
        }
        return {name: told for name, told in (("present", present), ("closed", closed)) if told}


def recognise(columns: Collection[str]) -> Recognised | None:
    """Return which CRM wrote a table of leads; None if it is none that we know.

    >>> found = recognise(["Record ID", "Create Date", "Lifecycle Stage", "Lead Status", "Contact owner", "City"])
    >>> found.names.title, found.key, found.outcome, sorted(found.late)
    ('HubSpot', 'Record ID', 'Lifecycle Stage', ['Contact owner', 'Lead Status'])
    """
    by_plain = {plain(column): column for column in reversed(list(columns))}
    marks = [sum(plain(mark) in by_plain for mark in names.marks) for names in EXPORTS]
    best = marks.index(max(marks))
    return _recognised(EXPORTS[best], columns, by_plain) if marks[best] >= FEWEST else None


def _recognised(names: ExportNames, columns: Collection[str], by_plain: Mapping[str, str]) -> Recognised:
    def first(known: Iterable[str]) -> str | None:
        return next((by_plain[plain(name)] for name in known if plain(name) in by_plain), None)

    late = names.late()
    known = {
        plain(name)
        for name in (*names.marks, *names.key, *names.created, *names.won_at, *names.outcome, *late)
    }
    strange = [column for column in columns if plain(column) not in known]
    parts = {"key": names.key, "created": names.created, "won_at": names.won_at, "outcome": names.outcome}
    found = {part: first(known_as) for part, known_as in parts.items()}
    missing = [name for part, known_as in parts.items() if found[part] is None for name in known_as]
    missing += [name for name in late if plain(name) not in by_plain]
    renamed = _renamed(missing, strange)
    told = {by_plain[plain(name)]: why for name, why in late.items() if plain(name) in by_plain}
    told |= {column: late[name] for name, column in renamed.items() if name in late}
    parted = set(found.values())
    return Recognised(
        names,
        found["key"],
        found["created"],
        found["won_at"],
        found["outcome"],
        first(names.account),
        {column: why for column, why in told.items() if column not in parted},
        renamed,
        by_plain,
    )


def _renamed(missing: Iterable[str], strange: Collection[str]) -> dict[str, str]:
    """Return missing name → the strange column that is most alike; each column once."""
    by_plain = {plain(column): column for column in strange}
    renamed: dict[str, str] = {}
    for name in missing:
        if len(plain(name)) < SHORTEST:
            continue
        near = difflib.get_close_matches(plain(name), list(by_plain), n=1, cutoff=ALIKE)
        if near:
            renamed[name] = by_plain.pop(near[0])
    return renamed
