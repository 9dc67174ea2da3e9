"""Who looked at which lead: an entry of the ledger's audit log for each page, before it goes out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lqmodel.ledger import Ledger
from lqmodel.ledger.audit import Noted, latest, note

SEE = "see"
"""The action of the audit log."""
SECOND = 1_000_000


@dataclass
class _Look:
    person: str
    lead_id: str
    version: str
    written: bool = False
    error: Exception | None = field(default=None)


class Trail:
    """The looks at leads of a ledger.

    Many people look at once, and each entry has to be on the disk before its page goes out: whoever gets the
    turn writes for all who wait.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._waiting: list[_Look] = []
        self._remembered = 0

    def saw(self, person: str, lead_id: str, version: str, now: int) -> None:
        """Write down that a person was shown a lead.

        Raises
        ------
        CannotWrite, BadData
            It cannot be written: then nothing may be shown.
        """
        mine = _Look(person, lead_id, version)
        with self._lock:
            self._waiting.append(mine)
        with self._turn:
            if not mine.written and mine.error is None:
                self._write(now)
        if mine.error is not None:
            raise mine.error

    def did(self, person: str, action: str, detail: Mapping[str, Any], now: int) -> None:
        """Write down what else a person did, such as taking a file of leads; raises as `saw`."""
        with self._ledger.writing(now) as (con, chain):
            note(con, chain, person, action, now, detail=detail)

    def latest(self, person: str = "") -> list[Noted]:
        """Return the last entries of the audit log, the newest first; of one person, where one is named."""
        if not self._ledger.exists():
            return []
        with self._ledger.store.reading() as con:
            return latest(con, person=person or None)

    def _write(self, now: int) -> None:
        with self._lock:
            looks, self._waiting = self._waiting, []
        try:
            remember = now - self._remembered >= SECOND
            with self._ledger.writing(now, remember=remember) as (con, chain):
                for look in looks:
                    note(con, chain, look.person, SEE, now, look.lead_id, version=look.version)
        except Exception as error:  # whatever it is: nobody's page goes out
            for look in looks:
                look.error = error
            return
        self._remembered = now if remember else self._remembered
        for look in looks:
            look.written = True
