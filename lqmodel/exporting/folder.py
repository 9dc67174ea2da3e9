"""The folder of an export: whole or absent, and what later files are held against.

OUT/crm/hubspot/2026-11-21T0000Z-3f9a12c04b7e/
contacts.csv …   what is loaded, by sheet; load.txt says how, and in which order
rejects.csv      leads that are not written, and why
sent.parquet     what the CRM holds of each lead once the files are loaded: what the next files are held against
manifest.json    what this is, and the SHA-256 of every other file (written last)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from lqmodel.crm import (
    Plan,
    Sent,
    Target,
    load_steps,
    read_sent,
    sent_table,
    summary,
    to_json,
    to_text,
    write_sheet,
)
from lqmodel.errors import BadData, Refused
from lqmodel.exporting.reading import scored_in
from lqmodel.files import MANIFEST, file_sha256, read_manifest, write_folder, write_manifest
from lqmodel.roster import ID
from lqmodel.runs import Run

CRM, SENT_FILE, STEPS, REJECTED = "crm", "sent.parquet", "load.txt", "rejects"
REJECTS: Final = (ID, "record", "reason")
FORMAT: Final = 1


@dataclass(frozen=True, eq=False)
class Export:
    """What of a run would be written for a CRM; nothing is written yet.

    Attributes
    ----------
    run : Run
    name : str
        Of the CRM, as declared.
    target : Target
    plan : Plan
    against : str or None
        The run that holds what was written before; None: everything is new.
    set_stage, only_changes : bool
    """

    run: Run
    name: str
    target: Target
    plan: Plan
    against: str | None
    set_stage: bool
    only_changes: bool

    @property
    def folder(self) -> Path:
        """Where the files go unless another place is named."""
        return export_folder(self.run, self.name)

    def to_json(self) -> dict[str, Any]:
        """Return what would be written as JSON values, in full."""
        return {"run_id": self.run.run_id, "against": self.against, **to_json(self.target, self.plan)}

    def __str__(self) -> str:
        against = f", held against run {self.against}" if self.against else ""
        return f"{self.target.title}, run {self.run.run_id}{against}\n{to_text(self.target, self.plan)}"


def export_folder(run: Run, name: str) -> Path:
    """Return where a run's files for a CRM lie."""
    return run.folder.parent / CRM / name / run.folder.name


def write_export(made: Export, folder: Path | None = None) -> Path:
    """Write the files of an export as one folder, whole or not at all; the same export gives the same bytes.

    Raises
    ------
    CannotWrite
        The folder cannot be written, or holds other things.
    """
    limits = made.target.limits.within(made.target.declared.rows_per_file)

    def fill(building: Path) -> None:
        files = {}
        for sheet, rows in made.plan.sheets.items():
            if len(rows[0]) > limits.columns:
                raise Refused(
                    f"{sheet}: {len(rows[0])} columns, and {made.target.title} takes {limits.columns}"
                )
            files[sheet] = write_sheet(building, sheet, tuple(rows[0]), rows, limits)
        if made.plan.rejects:
            rows = [dict(zip(REJECTS, (r.lead_id, r.key, r.reason), strict=True)) for r in made.plan.rejects]
            write_sheet(building, REJECTED, REJECTS, rows, limits)
        pq.write_table(sent_table(made.plan.sent), building / SENT_FILE, compression="zstd")
        (building / STEPS).write_bytes(load_steps(made.target, made.plan, files).encode())
        write_manifest(building, _head(made, files))

    place = made.folder if folder is None else Path(folder)
    write_folder(place, fill, replace=True)
    return place


def check_written(made: Export) -> None:
    """Refuse an export in which no lead could be written, whatever stands in its folder.

    Raises
    ------
    Refused
    """
    if made.plan.rejects and not made.plan.sheets and not made.plan.negligible:
        first = made.plan.rejects[0]
        raise Refused(
            f"{made.target.title}: all {len(made.plan.rejects):,} leads were rejected; of {first.lead_id!r}: {first.reason}",
            do=f"mend [crm.{made.name}] of the model, such as key = the column that holds the record's id; docs/crm.md",
        )


def told(made: Export, folder: Path) -> str:
    """Say in a few lines what was written, and where."""
    lines = summary(made.target, made.plan)
    return "\n".join([*lines, f"{'files':22} {folder}", f"{'how to load them':22} {folder / STEPS}"])


def _head(made: Export, files: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "crm": made.name,
        "run_id": made.run.run_id,
        "against": made.against,
        "set_stage": made.set_stage,
        "only_changes": made.only_changes,
        "rows": {name: rows for parts in files.values() for name, rows in parts.items()},
        "left_out": made.plan.negligible,
        "rejects": len(made.plan.rejects),
    }


def earlier(run: Run, crm: str, owners: Mapping[str, str]) -> dict[str, Sent]:
    """Return what the CRM holds of each lead: by the files written of a run, else as if all of it had been written.

    Parameters
    ----------
    run : Run
    crm : str
    owners : mapping of str to str
        Lead → who had it then.
    """
    folder = export_folder(run, crm)
    if not (folder / MANIFEST).is_file():
        return {sent.lead_id: sent for sent in scored_in(run, owners)}
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        raise _changed(MANIFEST, folder) from error
    path = folder / SENT_FILE
    if not path.is_file() or file_sha256(path) != manifest["files"].get(SENT_FILE):
        raise _changed(SENT_FILE, folder)
    return read_sent(pq.read_table(path))


def _changed(name: str, folder: Path) -> BadData:
    return BadData(
        f"{name} was changed after it was written",
        where=str(folder),
        do="write these files again with `lqmodel export`, or move the folder away",
    )
