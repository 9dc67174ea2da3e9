"""The run that is shown: opened once, looked up by lead, followed when ``latest`` moves on."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lqmodel.files import MANIFEST
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.web.words import trend

BRIEF = ("stage", "probability", "previous_probability", "low", "high")
"""Columns that a `Brief` is read from."""


@dataclass(frozen=True)
class Brief:
    """Where a lead stands, how its chance moved since the run before, and the chance; empty where the run does not hold it."""

    stage: str = ""
    trend: str = ""
    probability: float | None = None
    low: float | None = None
    high: float | None = None


class Shown:
    """One run, as its readers see it.

    Parameters
    ----------
    run : Run
        Its files are held against their hashes here, once.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._columns = {
            name: run.table[name].combine_chunks() for name in BRIEF if name in run.table.column_names
        }
        self._briefs: dict[str, Brief] = {}
        self._ids = _Ids(run.table[ID].combine_chunks())

    def row(self, lead_id: str) -> dict[str, Any] | None:
        """Return what the run says of a lead; None where it does not hold it."""
        at = self._at(lead_id)
        if at is None:
            return None
        return dict(self.run.table.slice(at, 1).to_pylist()[0])

    def who(self, lead_id: str) -> str:
        """Return a lead as people know it; its id where the run holds no name."""
        return named(self.told(lead_id), lead_id)

    def told(self, lead_id: str) -> list[dict[str, Any]]:
        """Return who a lead is and what it did, as far as the project shows it: rows of `timeline.SCHEMA`."""
        rows: list[dict[str, Any]] = self.run.timeline([lead_id]).to_pylist()
        return rows

    def names(self, lead_ids: Collection[str]) -> dict[str, str]:
        """Return leads as people know them."""
        found: dict[str, list[dict[str, Any]]] = {lead: [] for lead in lead_ids}
        for row in self.run.timeline(lead_ids).to_pylist():
            found[row[ID]].append(row)
        return {lead: named(rows, lead) for lead, rows in found.items()}

    def brief(self, lead_id: str) -> Brief:
        """Return where a lead stands and how it moved; remembered, since lists ask for many again and again."""
        found = self._briefs.get(lead_id)
        if found is None:
            at = self._at(lead_id)
            row = {} if at is None else {name: column[at].as_py() for name, column in self._columns.items()}
            chances = {name: row.get(name) for name in ("probability", "low", "high")}
            found = self._briefs[lead_id] = Brief(str(row.get("stage") or ""), trend(row), **chances)
        return found

    def _at(self, lead_id: str) -> int | None:
        at = bisect_left(self._ids, lead_id)
        return None if at == len(self._ids) or self._ids[at] != lead_id else at


def named(rows: Iterable[Mapping[str, Any]], lead_id: str) -> str:
    """Return a lead's display columns in one text; its id where it has none."""
    return ", ".join(row["text"] for row in rows if row["at"] is None) or lead_id


class _Ids(Sequence[str]):
    """Lead ids in order, read where they lie."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: Any) -> Any:
        return self._ids[at].as_py()


class Follows:
    """Gives the run that a folder names now; it is opened anew only when the folder names another, or it was rewritten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._now: tuple[tuple[Path, int, int], Shown] | None = None

    def __call__(self) -> Shown:
        """Return the run; raises as `Run.open` does."""
        key, now = self._key(), self._now
        if now is None or now[0] != key:
            with self._lock:
                now = self._now
                if now is None or now[0] != key:
                    now = self._now = (key, Shown(Run.open(self._folder)))
        return now[1]

    def _key(self) -> tuple[Path, int, int]:
        """Name the run, and which writing of it: an erasure writes it anew under its own name."""
        real = self._folder.resolve()
        try:
            found = (real / MANIFEST).stat()
        except OSError:
            return real, 0, 0
        return real, found.st_ino, found.st_mtime_ns
