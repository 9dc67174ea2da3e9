"""Erasure: all that is held of a lead goes, and a tombstone keeps it from coming back.

The ledger comes first, so that whoever was erased cannot come back while folders are still being rewritten.
Killed in between, the same call goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from lqmodel.exporting import forget
from lqmodel.files import write_file
from lqmodel.ledger import Ledger
from lqmodel.ledger.erasing import Erased, erase_lead
from lqmodel.ledger.tables import REWRITES, RUNS
from lqmodel.outbox import ACKNOWLEDGED, key_of
from lqmodel.rewriting import write_without
from lqmodel.rights.folders import cleared, runs
from lqmodel.runs import Run


@dataclass(frozen=True)
class Erasure:
    """What an erasure took away.

    Attributes
    ----------
    ledger : Erased
    folders : dict of str to int
        Run → rows.
    crm : int
        Folders of files for a CRM that were written anew.
    keys : int
        Acknowledged keys of the outbox.
    """

    ledger: Erased
    folders: dict[str, int]
    crm: int
    keys: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        rows = ", ".join(f"{n:,} of {name}" for name, n in self.ledger.rows.items() if n) or "nothing"
        lines = [f"ledger   {rows}" + ("" if self.ledger.new else " (erased before)")]
        lines += [f"folder   {n:,} rows of {folder}" for folder, n in self.folders.items()]
        lines += [f"CRM      {self.crm:,} folders of files"] if self.crm else []
        lines += [f"outbox   {self.keys:,} acknowledged keys"] if self.keys else []
        lines.append("a tombstone keeps the lead from coming back; remove it from your own sources too")
        return "\n".join(lines)


def erase(ledger: Ledger, outs: Sequence[Path], lead_id: str, person: str, now: int) -> Erasure:
    """Take away all that is held of a lead; again is a no-op, and finishes what was killed.

    Parameters
    ----------
    ledger : Ledger
        Begun if there is none: its tombstone is what keeps the lead from coming back.
    outs : sequence of Path
        Folders of runs; each run, and each folder of files for a CRM, is written anew as a whole.
    lead_id : str
    person : str
        Who erases.
    now : int
        Microseconds UTC.

    Raises
    ------
    BadData
        A folder was changed after it was written: it is named, and what came before it is done.
    CannotWrite
    """
    with ledger.writing(now) as (con, chain):
        gone = erase_lead(con, chain, lead_id, person, now)
    ledger.store.scrub()
    rows: dict[str, int] = {}
    crm = keys = 0
    for out in outs:
        cleared(out)
        keys += _forget_keys(out, lead_id)
        crm += forget(out, [lead_id])
        for folder in runs(out):
            n = write_without(folder, [lead_id], lambda before, after: _rewritten(ledger, before, after, now))
            if n:
                rows[str(folder)] = n
    return Erasure(gone, rows, crm, keys)


def _rewritten(ledger: Ledger, before: str, after: str, now: int) -> None:
    """Record that a recorded run is now another folder, so that `verify` knows which."""
    with ledger.writing(now) as (con, chain):
        known = con.execute(select(RUNS.c.run_id).where(RUNS.c.manifest == before)).scalar()
        if known is None:
            known = con.execute(select(REWRITES.c.run_id).where(REWRITES.c.after == before)).scalar()
        if known is not None:
            row = {"run_id": known, "before": before, "after": after, "recorded_at": now}
            chain.append(REWRITES, [row])


def _forget_keys(out: Path, lead_id: str) -> int:
    """Take the keys of a lead's handoffs out of the outbox; return how many there were."""
    path = out / ACKNOWLEDGED
    if not path.is_file():
        return 0
    ours = map(Run.open, runs(out))
    theirs = {key_of(r.model_name, r.manifest["as_of"], lead_id) for r in ours}
    lines = path.read_text(encoding="utf-8").splitlines()
    left = [line for line in lines if line not in theirs]
    if len(left) != len(lines):
        write_file(path, "".join(f"{line}\n" for line in left).encode())
    return len(lines) - len(left)
