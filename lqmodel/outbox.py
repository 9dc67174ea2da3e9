"""The outbox: handoffs that no one has acknowledged yet, for programmes that fetch them. At least once.

run ──> its handoffs, and those of the runs before it ──> without what was acknowledged ──> whose they are ──> JSON lines

Nothing is kept but the keys that were acknowledged: whoever dies between delivering and acknowledging gets the
same handoffs again, under the same keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow.compute as pc

from lqmodel.errors import BadData
from lqmodel.files import append_lines, canonical, sha256
from lqmodel.ledger.accounts import JOINED, Given, given_json
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.scores import SUPPRESSED

ACKNOWLEDGED: Final = "acknowledged.txt"
"""File beside the runs: one key a line."""
KEY_DIGITS: Final = 32
_KEY: Final = re.compile(rf"[0-9a-f]{{{KEY_DIGITS}}}")


@dataclass(frozen=True)
class Outbox:
    """What is to be delivered.

    Attributes
    ----------
    handoffs : tuple of dict
        The oldest first, each with its ``key``: the same for the same handoff, whichever run tells of it.
    withheld : int
        Handoffs of leads that have been suppressed since.
    joined : int
        Leads for which another one of their account stands; they are delivered once they take its handoff over.
    """

    handoffs: tuple[dict[str, Any], ...]
    withheld: int
    joined: int = 0

    def first(self, most: int | None) -> Outbox:
        """Return the oldest handoffs only; None: all."""
        return self if most is None else replace(self, handoffs=self.handoffs[:most])

    def lines(self) -> str:
        """Return one JSON object a line."""
        return "".join(f"{json.dumps(row, ensure_ascii=False, sort_keys=True)}\n" for row in self.handoffs)


def key_of(model: str, as_of: str | None, lead_id: str) -> str:
    """Return the idempotency key of a handoff: a hash of model, moment and lead.

    A run that was scored again, by whatever bundle, hands a lead over under the same key. Without a clock
    a lead has one key for ever.

    >>> key_of("m", "2026-01-05T00:00Z", "L-1")
    '52f7edc046a01bfecf58299c47da8e25'
    """
    return sha256(canonical([model, as_of, lead_id]))[:KEY_DIGITS]


def outbox(
    run: Run,
    given: Mapping[tuple[int, str], Given] = MappingProxyType({}),
    objecting: Collection[str] = (),
) -> Outbox:
    """Return the handoffs of a run and of the runs that it goes on from, without what was acknowledged.

    Parameters
    ----------
    run : Run
    given : mapping
        as_of and lead → whose it is, as `Ledger.given` knows of recorded runs.
    objecting : collection of str
        Leads that object to being contacted, as `Ledger.suppressed` lists them.

    Raises
    ------
    BadData
        A run was changed after it was written.
    """
    done = acknowledged(run.folder.parent)
    barred = {*run.table.filter(pc.equal(run.table["status"], SUPPRESSED))[ID].to_pylist(), *objecting}
    found: dict[str, dict[str, Any]] = {}
    withheld = joined = 0
    for each in reversed(list(_and_before(run))):
        for handoff in each.handoffs():
            key = key_of(each.model_name, each.manifest["as_of"], handoff[ID])
            told = given.get((each.as_of or 0, handoff[ID]))
            if key in done or key in found:
                continue
            if handoff[ID] in barred:
                withheld += 1
            elif told is not None and told.kind == JOINED:
                joined += 1
            else:
                found[key] = {"key": key, **handoff, **given_json(told)}
    return Outbox(tuple(found.values()), withheld, joined)


def acknowledged(out: Path) -> frozenset[str]:
    """Return the keys that were acknowledged; half a line, left by a kill, is none."""
    path = out / ACKNOWLEDGED
    if not path.is_file():
        return frozenset()
    lines = path.read_bytes().decode("ascii", errors="replace").splitlines()
    return frozenset(line for line in lines if _KEY.fullmatch(line))


def acknowledge(out: Path, keys: Sequence[str]) -> int:
    """Keep keys that were delivered, and return how many had not been before; doing it again changes nothing.

    Raises
    ------
    CannotWrite
    """
    known = acknowledged(out)
    new = [key for key in dict.fromkeys(keys) if key not in known]
    if new:
        append_lines(out / ACKNOWLEDGED, new)
    return len(new)


def read_keys(lines: Iterable[str], where: str) -> list[str]:
    """Read the keys of delivered handoffs: JSON lines as `Outbox.lines` writes them, or bare keys.

    Raises
    ------
    BadData
        A line is neither.
    """
    keys = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            key = _key_in(line.strip())
            if key is None:
                raise BadData(
                    f"no key in {line.strip()[:60]!r}",
                    where=f"{where}, line {number}",
                    do="give lines as `lqmodel outbox` prints them, or their keys",
                )
            keys.append(key)
    return keys


def _key_in(line: str) -> str | None:
    if line.startswith("{"):
        try:
            line = str(json.loads(line).get("key"))
        except ValueError:
            return None
    return line if _KEY.fullmatch(line) else None


def _and_before(run: Run) -> Iterator[Run]:
    """Yield a run and those that it goes on from, as far as they are still there, the newest first."""
    found: Run | None = run
    while found is not None:
        yield found
        found = found.before()
