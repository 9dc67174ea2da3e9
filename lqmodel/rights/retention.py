"""Retention: what is older than declared goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lqmodel.declarations.handoffs import Retention
from lqmodel.exporting.folder import CRM
from lqmodel.ledger import Ledger
from lqmodel.ledger.erasing import count_old, purge_old
from lqmodel.rewriting import is_ours
from lqmodel.rights.folders import runs
from lqmodel.runs import Run

PURGED: Final = ".lqmodel-purged-"
"""How the hidden folders begin that are being taken away."""


def purge(
    ledger: Ledger,
    outs: Sequence[Path],
    model: str,
    retention: Retention,
    person: str,
    now: int,
    *,
    dry_run: bool = False,
) -> dict[str, int]:
    """Take away what is older than declared; return table, or folder, → how many rows, or 1.

    The newest run of a model and the one that it goes on from stay, and so do objections.
    """
    rows: dict[str, int] = {}
    if ledger.exists():
        if dry_run:
            with ledger.store.reading() as con:
                rows = count_old(con, model, retention, now)
        else:
            with ledger.writing(now) as (con, chain):
                rows = purge_old(con, chain, model, retention, person, now)
            ledger.store.scrub()
    for out in outs:
        for folder in _old_folders(out, model, retention, now):
            rows[str(folder)] = 1
            if not dry_run:
                _remove(folder)
        if not dry_run:
            _remove_leftovers(out)
    return rows


def _old_folders(out: Path, model: str, retention: Retention, now: int) -> Iterator[Path]:
    if retention.runs is None or not out.is_dir():
        return
    ours = [r for r in map(Run.open, runs(out)) if r.model_name == model and r.as_of is not None]
    newest = max(ours, key=lambda r: (r.as_of or 0, r.run_id), default=None)
    if newest is None:
        return
    kept = {newest.run_id, newest.manifest["previous_run"]}
    for run in ours:
        if run.run_id not in kept and (run.as_of or 0) < now - retention.runs.us:
            yield out / run.folder.name
            yield from (p for p in sorted((out / CRM).glob(f"*/{run.folder.name}")) if is_ours(p))


def _remove(folder: Path) -> None:
    """Take a folder away: at once for every reader, then from the disk."""
    hidden = folder.with_name(f"{PURGED}{folder.name}")
    folder.replace(hidden)
    shutil.rmtree(hidden)


def _remove_leftovers(out: Path) -> None:
    for place in (out, *(out / CRM).glob("*")):
        for hidden in place.glob(f"{PURGED}*"):
            shutil.rmtree(hidden)
