"""The run that is shown: opened once, looked up by lead, followed when ``latest`` moves on."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lqmodel.errors import LqmodelError
from lqmodel.files import MANIFEST
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.web.kept import Kept
from lqmodel.web.words import trend

BRIEF = ("status", "stage", "probability", "low", "high")
"""Columns that a `Brief` is read from: they stand in memory; texts are read of one lead when it is asked for."""
WEEK = 7 * 86_400_000_000
"""Microseconds over which a lead's trend is told."""
LATELY = 500
"""Leads of which all is remembered: those that were looked at last."""


@dataclass(frozen=True)
class Brief:
    """Whether a lead was scored, where it stands, how its chance moved in a week, and the chance.

    Empty where the run does not hold it.
    """

    status: str = ""
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
        self._now = _Leads(run.columns((ID, *BRIEF)))
        self._then = _week_before(run)
        self._briefs: dict[str, Brief] = {}
        self._texts: Kept[dict[str, str]] = Kept(LATELY)
        self._told: Kept[list[dict[str, Any]]] = Kept(LATELY)

    def holds(self, lead_id: str) -> bool:
        """Whether the run says anything of a lead."""
        return self._now.row(lead_id) is not None

    def texts(self, lead_id: str, *names: str) -> dict[str, str]:
        """Return columns of text that the run has of a lead; empty texts where it has none."""

        def read() -> dict[str, str]:
            row = self.run.rows([lead_id], names).to_pylist()[0] if names and self.holds(lead_id) else {}
            return {name: row.get(name) or "" for name in names}

        return self._texts.get((lead_id, *names), read)

    def who(self, lead_id: str) -> str:
        """Return a lead as people know it; its id where the run holds no name."""
        return named(self.told(lead_id), lead_id)

    def told(self, lead_id: str) -> list[dict[str, Any]]:
        """Return who a lead is and what it did, as far as the project shows it: rows of `timeline.SCHEMA`."""
        return self._told.get((lead_id,), lambda: list(self.run.timeline([lead_id]).to_pylist()))

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
            row = self._now.row(lead_id) or {}
            before = {} if self._then is None else self._then.row(lead_id) or {}
            chances = {name: row.get(name) for name in ("probability", "low", "high")}
            status, stage = (str(row.get(name) or "") for name in ("status", "stage"))
            moved = trend(before.get("probability"), chances["probability"])
            found = self._briefs[lead_id] = Brief(status, stage, moved, **chances)
        return found


def week_before(run: Run) -> Run | None:
    """Return, of the runs that one goes on from, the one nearest to a week before it; None where there is none."""
    found, at, wanted = None, run.before(), (run.as_of or 0) - WEEK
    while at is not None and (found is None or _far(at, wanted) <= _far(found, wanted)):
        found, at = at, at.before()
    return found


def _week_before(run: Run) -> _Leads | None:
    """Read its probabilities; a run that was damaged since takes the trends from the pages, and nothing else."""
    try:
        before = week_before(run)
        return None if before is None else _Leads(before.columns((ID, "probability")))
    except LqmodelError:
        return None


def _far(run: Run, moment: int) -> int:
    return abs((run.as_of or 0) - moment)


def named(rows: Iterable[Mapping[str, Any]], lead_id: str) -> str:
    """Return a lead's display columns in one text; its id where it has none."""
    return ", ".join(row["text"] for row in rows if row["at"] is None) or lead_id


class _Leads:
    """Columns of leads, ordered by id, read where they lie."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = {name: table[name].combine_chunks() for name in table.column_names}
        self._ids = _Ids(self._columns.pop(ID))

    def row(self, lead_id: str) -> dict[str, Any] | None:
        """Return what stands of a lead; None where there is none."""
        at = bisect_left(self._ids, lead_id)
        if at == len(self._ids) or self._ids[at] != lead_id:
            return None
        return {name: column[at].as_py() for name, column in self._columns.items()}


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
