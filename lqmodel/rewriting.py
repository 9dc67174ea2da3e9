"""What a run, or a folder of files for a CRM, holds of some leads; and a run written without them, whole as before."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lqmodel.crm.cells import GUARD
from lqmodel.errors import BadData
from lqmodel.files import MANIFEST, file_sha256, read_manifest, write_folder, write_manifest
from lqmodel.roster import ID
from lqmodel.runs import SCORES, write_parquet
from lqmodel.scores import counts_of, standing_of

ERASED: Final = "erased"
"""Key of a run's manifest: how many rows were taken out since it was written."""
RECORD: Final = "key"  # of sent.parquet: a lead's record in the CRM


@dataclass(frozen=True)
class Held:
    """What a folder holds of some leads: file → its rows, as JSON values."""

    folder: Path
    rows: Mapping[str, list[dict[str, Any]]]

    def count(self) -> int:
        return sum(map(len, self.rows.values()))


def is_ours(folder: Path) -> bool:
    """Whether a folder has a manifest of ours."""
    return folder.is_dir() and not folder.is_symlink() and (folder / MANIFEST).is_file()


def held_of(folder: Path, leads: Collection[str]) -> Held:
    """Return the rows that a folder holds of some leads.

    Raises
    ------
    BadData
        A file was changed after it was written.
    """
    manifest, names = _manifest(folder), {*leads, *_records(folder, leads)}
    found: dict[str, list[dict[str, Any]]] = {}
    for name in manifest["files"]:
        path = _verified(folder, name, manifest)
        reader = _READERS.get(path.suffix)
        rows = [] if reader is None else reader(path, leads, names)
        if rows:
            found[name] = rows
    return Held(folder, found)


def write_without(
    folder: Path, leads: Collection[str], told: Callable[[str, str], None] | None = None
) -> int:
    """Write a run anew without the rows of some leads; return how many there were.

    Its manifest counts them under ``erased``. A kill leaves the old folder or the new one.

    Parameters
    ----------
    folder : Path
    leads : collection of str
    told : callable, optional
        Is given the hashes of the manifest before and after, once the new folder is built and before it
        takes the old one's place.

    Raises
    ------
    BadData
        A file was changed after it was written.
    CannotWrite
    """
    held = held_of(folder, leads)
    if not held.rows:
        return 0
    before = _manifest(folder)
    head = {key: value for key, value in before.items() if key not in ("files", "sha256")}
    head[ERASED] = int(before.get(ERASED, 0)) + held.count()

    def fill(building: Path) -> None:
        for name in before["files"]:
            (building / name).parent.mkdir(parents=True, exist_ok=True)
            writer = _WRITERS.get(Path(name).suffix) if name in held.rows else None
            if writer is None:
                (building / name).write_bytes((folder / name).read_bytes())
            else:
                writer(folder / name, building / name, leads)
        if SCORES in before["files"]:
            head.update(_counts(building, before))
        after = write_manifest(building, head)
        if told is not None:
            told(str(before["sha256"]), after)

    write_folder(folder, fill, replace=True)
    return held.count()


def _counts(building: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a run's manifest, of what is left."""
    table = pq.read_table(building / SCORES)
    lines = (building / "handoffs.jsonl").read_bytes().count(b"\n")
    counts = {"counts": counts_of(table["status"]), "stages": standing_of(table), "handoffs": lines}
    return {name: value for name, value in counts.items() if name in before}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder)
    except ValueError as error:
        raise _changed(MANIFEST, folder) from error


def _verified(folder: Path, name: str, manifest: Mapping[str, Any]) -> Path:
    path = folder / name
    if not path.is_file() or file_sha256(path) != manifest["files"][name]:
        raise _changed(name, folder)
    return path


def _changed(name: str, folder: Path) -> BadData:
    return BadData(
        f"{name} was changed after it was written",
        where=str(folder),
        do="restore the folder, or remove it; what it holds of people cannot be vouched for",
    )


def _records(folder: Path, leads: Collection[str]) -> set[str]:
    """Return the records of some leads in a CRM, as the files for it name them."""
    path = folder / "sent.parquet"
    if not path.is_file():
        return set()
    table = pq.read_table(path, columns=[ID, RECORD])
    return {str(row[RECORD]) for row in _of(table, leads).to_pylist() if row[RECORD] is not None}


def _of(table: pa.Table, leads: Collection[str]) -> pa.Table:
    return table.filter(pc.is_in(table[ID].cast(pa.string()), pa.array(sorted(leads), pa.string())))


# --- by kind of file: read what names a lead, write the rest ---------------------------------------


def _parquet_rows(path: Path, leads: Collection[str], _: Collection[str]) -> list[dict[str, Any]]:
    if ID not in pq.read_schema(path).names:
        return []
    rows: list[dict[str, Any]] = _of(pq.read_table(path), leads).to_pylist()
    return rows


def _write_parquet(old: Path, new: Path, leads: Collection[str]) -> None:
    table = pq.read_table(old)
    theirs = pc.is_in(table[ID].cast(pa.string()), pa.array(sorted(leads), pa.string()))
    write_parquet(table.filter(pc.invert(theirs)), new)


def _jsonl_rows(path: Path, leads: Collection[str], _: Collection[str]) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    return [row for row in rows if row.get(ID) in leads]


def _write_jsonl(old: Path, new: Path, leads: Collection[str]) -> None:
    lines = [line for line in old.read_bytes().split(b"\n") if line]
    new.write_bytes(b"".join(line + b"\n" for line in lines if json.loads(line).get(ID) not in leads))


def _csv_rows(path: Path, _: Collection[str], names: Collection[str]) -> list[dict[str, Any]]:
    head, *rows = _cells(path)
    return [dict(zip(head, row, strict=False)) for row in rows if _names(row, names)]


def _cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file)) or [[]]


def _names(row: Collection[str], names: Collection[str]) -> bool:
    """Whether a row names one of these; texts that a spreadsheet would run stand behind an apostrophe."""
    return any(cell in names or cell.removeprefix(GUARD) in names for cell in row)


_READERS: Final = {".parquet": _parquet_rows, ".jsonl": _jsonl_rows, ".csv": _csv_rows}
_WRITERS: Final = {".parquet": _write_parquet, ".jsonl": _write_jsonl}
