"""The run that is shown: opened once, looked up by lead, followed when ``latest`` moves on."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lqmodel.roster import ID
from lqmodel.runs import Run


class Shown:
    """One run, as its readers see it.

    Parameters
    ----------
    run : Run
        Its files are held against their hashes here, once.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._table = run.table.combine_chunks()
        self._ids = _Ids(self._table[ID].chunk(0) if len(self._table) else pa.array([], pa.string()))

    def row(self, lead_id: str) -> dict[str, Any] | None:
        """Return what the run says of a lead; None where it does not hold it."""
        at = bisect_left(self._ids, lead_id)
        if at == len(self._ids) or self._ids[at] != lead_id:
            return None
        return dict(self._table.slice(at, 1).to_pylist()[0])


class _Ids(Sequence[str]):
    """Lead ids in order, read where they lie."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: Any) -> Any:
        return self._ids[at].as_py()


class Follows:
    """Gives the run that a folder names now; it is opened anew only when the folder names another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._now: Shown | None = None

    def __call__(self) -> Shown:
        """Return the run; raises as `Run.open` does."""
        real = self._folder.resolve()
        now = self._now
        if now is None or now.run.folder != real:
            with self._lock:
                now = self._now
                if now is None or now.run.folder != real:
                    now = self._now = Shown(Run.open(self._folder))
        return now
