"""What the ledger says of folders, and of who saw or changed what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from lqmodel.ledger import Ledger, Verified
from lqmodel.ledger.tables import AUDIT, ERASURES, REWRITES, RUNS
from lqmodel.rights.access import read_row
from lqmodel.rights.folders import runs
from lqmodel.runs import Run


def changed_runs(ledger: Ledger, outs: Sequence[Path]) -> list[str]:
    """Say which recorded runs are not, in their folders, what was recorded."""
    with ledger.store.reading() as con:
        manifests = {
            str(r.run_id): str(r.manifest) for r in con.execute(select(RUNS.c.run_id, RUNS.c.manifest))
        }
        again = con.execute(select(REWRITES.c.run_id, REWRITES.c.after).order_by(REWRITES.c.seq))
        latest = manifests | {str(r.run_id): str(r.after) for r in again}
    told = []
    for out in outs:
        for folder in runs(out):
            run_id = folder.name.rpartition("-")[2]
            if run_id not in latest:
                continue
            found = str(Run.open(folder).manifest["sha256"])
            if found == latest[run_id]:
                Run.open(folder).verify()
            elif found == manifests[run_id]:
                told.append(f"{folder}: an erasure is unfinished: run `lqmodel erase` for that lead again")
            else:
                told.append(f"{folder} is not the run that was recorded")
    return told


def checked(ledger: Ledger, outs: Sequence[Path]) -> Verified:
    """Hold the ledger against its chain, and the recorded runs in these folders against the ledger."""
    found = ledger.verify()
    return replace(found, problems=(*found.problems, *changed_runs(ledger, outs)))


def audit_log(ledger: Ledger) -> list[dict[str, Any]]:
    """Return who saw or changed what, the oldest first, and what was erased."""
    with ledger.store.reading() as con:
        rows = [
            {"entry": table.name, **read_row(dict(row))}
            for table in (AUDIT, ERASURES)
            for row in con.execute(select(table).order_by(table.c.seq)).mappings()
        ]
    return sorted(rows, key=lambda row: row["seq"])
