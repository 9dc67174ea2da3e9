"""Leads taken out of files that were written for CRMs; what is erased in the CRM itself is for people there."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lqmodel.crm.salesforce import full_id
from lqmodel.crm.telling import counted
from lqmodel.exporting.folder import CRM, REJECTED, SENT_FILE, STEPS
from lqmodel.files import MANIFEST, read_manifest, write_folder, write_manifest
from lqmodel.roster import ID

ERASED = "erased"
"""Key of a manifest: how many leads were taken out since."""


def forget(out: Path, lead_ids: Collection[str]) -> int:
    """Take leads out of all files for CRMs beside the runs in ``out``; return how many folders were rewritten.

    Each folder is rewritten whole, with a manifest that counts the leads. Rows are found by the records that
    any of a CRM's folders names for a lead; those that name them are rewritten last, so that a call that was
    killed can be made again. Doing it again changes nothing.

    Raises
    ------
    CannotWrite
        A folder cannot be written.
    """
    crms = sorted(p for p in (Path(out) / CRM).glob("*") if p.is_dir())
    return sum(_forget_in(crm, frozenset(lead_ids)) for crm in crms)


def _forget_in(crm: Path, lead_ids: frozenset[str]) -> int:
    folders = [p for p in sorted(crm.iterdir()) if (p / MANIFEST).is_file()]
    records = _records(folders, lead_ids)
    in_order = sorted(folders, key=lambda p: bool(_records([p], lead_ids) - lead_ids))
    return sum(_rewritten(folder, lead_ids, records) for folder in in_order)


def _records(folders: Iterable[Path], lead_ids: frozenset[str]) -> frozenset[str]:
    """Return how these files for a CRM name the records of these leads."""
    keys = set(lead_ids)  # where no column names the record, the lead's id does
    for folder in folders:
        table = pq.read_table(folder / SENT_FILE)
        keys |= set(table.filter(_is_of(table, lead_ids))["key"].drop_null().to_pylist())
        path = folder / f"{REJECTED}.csv"
        if path.is_file():
            keys |= {row[1] for row in _rows(path.read_bytes())[1:] if _plain(row[0]) in lead_ids and row[1]}
    return frozenset({*keys, *(full_id(key) for key in keys if len(key) == 15 and key.isalnum())})


def _rewritten(folder: Path, lead_ids: frozenset[str], records: frozenset[str]) -> bool:
    table = pq.read_table(folder / SENT_FILE)
    kept = {
        path.name: _without(path, lead_ids if path.stem == REJECTED else records)
        for path in sorted(folder.glob("*.csv"))
    }
    gone = _is_of(table, lead_ids)
    if not pc.any(gone).as_py() and not any(taken for _, _, taken in kept.values()):
        return False
    head: dict[str, Any] = {k: v for k, v in read_manifest(folder).items() if k not in ("files", "sha256")}
    steps = (folder / STEPS).read_text(encoding="utf-8")
    for name, (_, left, taken) in kept.items():
        steps = steps.replace(f"{name} ({counted(left + taken)})", f"{name} ({counted(left)})")
        if name in head["rows"]:
            head["rows"] = {**head["rows"], name: left}
    head[ERASED] = head.get(ERASED, 0) + len(lead_ids)

    def fill(building: Path) -> None:
        for name, (data, _, _) in kept.items():
            (building / name).write_bytes(data)
        pq.write_table(table.filter(pc.invert(gone)), building / SENT_FILE, compression="zstd")
        (building / STEPS).write_bytes(steps.encode())
        write_manifest(building, head)

    write_folder(folder, fill, replace=True)
    return True


def _without(path: Path, first_cells: frozenset[str]) -> tuple[bytes, int, int]:
    """Return a file without the rows that begin so, how many rows are left, and how many were taken out."""
    head, *rows = _rows(path.read_bytes())
    left = [row for row in rows if _plain(row[0]) not in first_cells]
    text = io.StringIO()
    csv.writer(text).writerows([head, *left])
    return text.getvalue().encode(), len(left), len(rows) - len(left)


def _rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def _plain(cell: str) -> str:
    """Return a cell without the apostrophe in front of what a spreadsheet would run."""
    return cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@", "'\t", "'\r") else cell


def _is_of(table: pa.Table, lead_ids: frozenset[str]) -> pa.ChunkedArray:
    return pc.is_in(table[ID], pa.array(sorted(lead_ids), pa.string()))
