"""A table that a CRM exported: what is said of it, and the files that the CRM takes in turn."""

from __future__ import annotations

from typing import Any

from lqmodel.crm import Recognised


def told_of(export: Recognised | None, source: str) -> list[str]:
    """Return the sentences on an export: whose it is, and which of its columns seem to have another name."""
    if export is None:
        return []
    title = export.names.title
    told = [f"{source!r} is an export of {title}, and its columns are read as {title} names them"]
    for name, column in export.renamed.items():
        then = (
            "looks like it and is left out" if column in export.late else "looks like it; rename it if it is"
        )
        told.append(f"{source!r}: {title} has a column {name!r}, and this file does not: {column!r} {then}")
    return told


def files_of(export: Recognised | None, key: str, notes: dict[str, str], told: list[str]) -> dict[str, Any]:
    """Return the mapping for files that the CRM takes, where the lead's id is one that its importer finds records by."""
    if export is None or key != export.key or not export.key_is_taken:
        return {}
    name, title = export.names.name, export.names.title
    notes["crm"] = f"for files that {title} takes: lqmodel export --crm {name}; docs/crm.md"
    told.append(f"[crm.{name}] is declared for files that {title} takes (lqmodel export --crm {name})")
    return {"crm": {name: export.declaration()}}
