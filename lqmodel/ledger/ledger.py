"""The ledger: what each run moved and handed over, as it was, and what people did about it."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, select

from lqmodel.barring import NOBODY, Barred
from lqmodel.declarations import Handoffs
from lqmodel.errors import BadData, CannotWrite
from lqmodel.files import canonical, write_file
from lqmodel.ledger.accounts import Given, given
from lqmodel.ledger.answers import RETURNED, answers, chunked, of_any_model, suppressed
from lqmodel.ledger.audit import note
from lqmodel.ledger.chain import Chain
from lqmodel.ledger.feedback import Feedback, Spoken, Taken, acts, append, check_seen
from lqmodel.ledger.recording import Recorded, check_order, check_passed, record, unrecorded
from lqmodel.ledger.report import COUNTED, LoopReport, Moves, report
from lqmodel.ledger.store import Store
from lqmodel.ledger.tables import FEEDBACK, GENESIS, HANDOFFS, RUNS, TRANSITIONS
from lqmodel.ledger.tombstones import Tombstones
from lqmodel.ledger.verifying import Seen, Verified, verify
from lqmodel.runs import Run
from lqmodel.settings import Settings
from lqmodel.stages import acts_table

LAYOUT = 1
DEFAULTS = Handoffs()
SEEN = "ledger-seen.json"
"""File of the state folder: where each ledger's chain ended when this machine last wrote into it."""


class Ledger:
    """What each run moved and handed over, frozen as it was.

    Parameters
    ----------
    store : str
        ``sqlite:///FILE`` or ``postgresql://USER@HOST/DATABASE``.
    state : Path
        A folder of this machine, where it keeps what it last saw of the ledger.

    Raises
    ------
    UsageError
        It is no such address.
    """

    def __init__(self, store: str, state: Path) -> None:
        self.store = Store(store)
        self._state = state

    @classmethod
    def of(cls, root: Path, settings: Settings | None = None) -> Ledger:
        """Return the ledger of a project folder, as the environment's settings say."""
        chosen = settings or Settings.read()
        return cls(chosen.ledger_store(root), chosen.state_of(root))

    def exists(self) -> bool:
        """Whether anything was ever recorded."""
        return self.store.exists()

    def check_order(self, model: str, as_of: int | None, now: int) -> None:
        """Refuse a moment that could not be recorded, before anything is scored.

        Raises
        ------
        UsageError, Refused
            It has no clock, is still to come, or older than the last recorded run.
        """
        moment = check_passed(model, as_of, now)
        if self.exists():
            with self.store.reading() as con:
                check_order(con, model, moment)

    def record(
        self, run: Run, now: int, rules: Handoffs = DEFAULTS, zone: str = "UTC"
    ) -> tuple[Recorded, ...]:
        """Append what a run did, and first the runs before it that were never recorded.

        Recording again does nothing, however many processes do it at once.

        Parameters
        ----------
        run : Run
        now : int
            Microseconds UTC.
        rules : Handoffs, default of a project that declares none
            Who gets a handoff, and until when it is answered.
        zone : str, default "UTC"
            Of the days of absences.

        Raises
        ------
        Refused
            It is older than the last recorded run, or still to come.
        UsageError
            Its data has no clock.
        BadData
            It was changed after it was written.
        """
        with self.writing(now) as (con, chain):
            runs, notices = unrecorded(con, run)
            done = [record(con, chain, each, now, rules, zone) for each in runs]
        last = done[-1]
        return (*done[:-1], replace(last, notices=notices))

    def runs(self) -> list[dict[str, Any]]:
        """Return the recorded runs, the oldest first."""
        with self.store.reading() as con:
            return _rows(con, select(RUNS).order_by(RUNS.c.seq))

    def has(self, run: Run) -> bool:
        """Whether a run was recorded."""
        return self.exists() and any(row["run_id"] == run.run_id for row in self.runs())

    def of_lead(self, lead_id: str) -> list[dict[str, Any]]:
        """Return what is recorded of a lead, the oldest first; ``entry`` says what each row is."""
        with self.store.reading() as con:
            queries = {
                TRANSITIONS: select(TRANSITIONS).where(of_any_model(con)),
                HANDOFFS: select(HANDOFFS),
                FEEDBACK: select(FEEDBACK),
            }
            found = [
                {"entry": table.name, **row}
                for table, query in queries.items()
                for row in _rows(con, query.where(table.c.lead_id == lead_id))
            ]
        return sorted(found, key=lambda row: row["seq"])

    def say(
        self,
        feedback: Sequence[Feedback],
        spoken: Spoken,
        now: int,
        seen: int | None = None,
        by: str | None = None,
    ) -> Taken:
        """Append what people in sales did and said; what cannot be taken is returned with the reason.

        Again is a no-op, row by row.

        Parameters
        ----------
        feedback : sequence of Feedback
        spoken : Spoken
            Declared reasons and checklist.
        now : int
            Microseconds UTC.
        seen : int, optional
            The last entry about these leads that the person saw (`of_lead`): where there is a newer one of
            somebody else, nothing is written.
        by : str, optional
            Who brings it, for the audit log.

        Raises
        ------
        Refused
            Somebody else has said something about the lead since ``seen``.
        """
        with self.writing(now) as (con, chain):
            if seen is not None:
                check_seen(con, feedback, seen)
            taken = append(con, chain, feedback, spoken, now)
            if by is not None and taken.taken:
                note(con, chain, by, "feedback", now, detail={"taken": taken.taken})
            return taken

    def acts(self, model: str, as_of: int) -> pa.Table:
        """Return what the stages look at: the acts about a model's leads that were known before a moment.

        Table of `stages.ACT_SCHEMA`; empty before anything was recorded.
        """
        if not self.exists():
            return acts_table([])
        with self.store.reading() as con:
            return acts(con, model, as_of)

    def suppressed(self) -> list[str]:
        """Return the leads that object to being contacted or scored, in order."""
        if not self.exists():
            return []
        with self.store.reading() as con:
            return suppressed(con)

    def barred(self) -> Barred:
        """Return who may not be scored: who objects, and who was erased."""
        if not self.exists():
            return NOBODY
        with self.store.reading() as con:
            stones = Tombstones.of(con)
            return Barred(suppressed(con), stones.among if stones.digests else None)

    def handoffs(
        self,
        now: int,
        *,
        statuses: Collection[str] | None = None,
        overdue: bool = False,
        owner: str | None = None,
        after: int = 0,
        leads: Collection[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return handoffs and what became of each, the oldest deadline first.

        Parameters
        ----------
        now : int
            Microseconds UTC.
        statuses : collection of str, optional
            Only those; default: all.
        overdue : bool
            Only those past their deadline that nobody answered, gone back to marketing or not.
        owner : str, optional
            Only theirs.
        after : int, default 0
            Only entries after this one.
        leads : collection of str, optional
            Only of these.

        Returns
        -------
        list of dict
            The columns of `handoffs` but salt, and ``status``, ``overdue``, ``first_touch``, ``reason``, ``accepted``.
        """
        h = HANDOFFS.c
        query = select(HANDOFFS).where(h.seq > after).order_by(h.seq)
        with self.store.reading() as con:
            query = query if owner is None else query.where(h.owner == owner)
            if leads is None:
                rows = _rows(con, query)
            else:
                parts = chunked(sorted(leads))
                rows = [row for part in parts for row in _rows(con, query.where(h.lead_id.in_(part)))]
            found = [row | vars(told) for row, told in zip(rows, answers(con, rows, now + 1), strict=True)]
        if overdue:
            found = [row for row in found if row["overdue"] or row["status"] == RETURNED]
        if statuses is not None:
            found = [row for row in found if row["status"] in statuses]
        return sorted(found, key=lambda row: (row["due_at"] is None, row["due_at"] or 0, row["seq"]))

    def given(self, model: str) -> Mapping[tuple[int, str], Given]:
        """Return as_of (microseconds UTC) and lead → whose a model's handed leads are; no sample."""
        if not self.exists():
            return {}
        with self.store.reading() as con:
            return given(con, model)

    def moves(self, model: str, since: int) -> list[Moves]:
        """Count a model's transitions from a moment on, by run, from and to; the oldest run first."""
        t = TRANSITIONS.c
        by = (t.as_of, t.from_stage, t.to_stage)
        query = (
            select(*by, func.count()).where(t.model == model, t.as_of >= since).group_by(*by).order_by(*by)
        )
        with self.store.reading() as con:
            return [Moves(*row) for row in con.execute(query)]

    def entries(self, seqs: Collection[int]) -> list[dict[str, Any]]:
        """Return the handoffs of these entries, as they were recorded."""
        query = select(HANDOFFS).order_by(HANDOFFS.c.seq)
        if not seqs:
            return []
        with self.store.reading() as con:
            parts = chunked(sorted(seqs))
            return [row for part in parts for row in _rows(con, query.where(HANDOFFS.c.seq.in_(part)))]

    def report(
        self,
        model: str,
        now: int,
        won: Callable[[Sequence[Mapping[str, Any]]], Sequence[bool | None]] | None = None,
        since: int = 0,
    ) -> LoopReport:
        """Summarise what sales did with a model's handoffs, and what came of them.

        Parameters
        ----------
        model : str
        now : int
            Microseconds UTC.
        won : callable, optional
            Rows of `handoffs`, of the columns `report.COUNTED` → whether each was won within the horizon, as
            `outcomes.won_within` does.
        since : int, default 0
            Only handoffs recorded from then on, microseconds UTC.
        """
        h = HANDOFFS.c
        query = select(*(h[name] for name in COUNTED)).where(h.model == model, h.recorded_at >= since)
        with self.store.reading() as con:
            rows = [dict(row) for row in con.execute(query.order_by(h.seq)).mappings()]
            told = answers(con, rows, now + 1)
        return report(rows, told, None if won is None else won(rows), now)

    def verify(self) -> Verified:
        """Look for anything that was changed, added or taken away by hand."""
        with self.store.reading() as con:
            return verify(con, self._seen(con))

    @contextmanager
    def writing(self, now: int, *, remember: bool = True) -> Iterator[tuple[Connection, Chain]]:
        """Append entries, alone; they are there as a whole or not at all. A ledger is begun where there is none.

        Where many are written one after the other, not each has to be remembered by this machine: what is cut off
        after the last one that was, nobody can tell.
        """
        with self.store.writing() as con:
            chain = Chain(con)
            if chain.seq == 0:
                chain.append(GENESIS, [_genesis(now)])
            yield con, chain
            ledger_id = con.execute(select(GENESIS.c.ledger_id)).scalar_one()
        if remember:
            self._keep(str(ledger_id), Seen(chain.seq, chain.head))

    def _seen(self, con: Connection) -> Seen | None:
        ledger_id = con.execute(select(GENESIS.c.ledger_id)).scalar()
        found = self._all_seen().get(str(ledger_id))
        return None if found is None else Seen(int(found["seq"]), str(found["link"]))

    def _all_seen(self) -> dict[str, Mapping[str, Any]]:
        path = self._state / SEEN
        try:
            return dict(json.loads(path.read_bytes())) if path.is_file() else {}
        except ValueError as error:
            raise BadData(
                "the file cannot be read, in which this machine keeps what it last saw of the ledger",
                where=str(path),
                do="restore it, or remove it: what was cut off at the ledger's end can then not be told",
            ) from error

    def _keep(self, ledger_id: str, seen: Seen) -> None:
        """Remember the end of the chain outside the store; a folder that cannot be written forgets it."""
        known = self._all_seen()
        if seen.seq > known.get(ledger_id, {"seq": 0})["seq"]:
            with contextlib.suppress(CannotWrite):
                write_file(self._state / SEEN, canonical({**known, ledger_id: vars(seen)}))


def _genesis(now: int) -> dict[str, Any]:
    return {
        "ledger_id": secrets.token_hex(8),
        "pepper": secrets.token_hex(16),
        "layout": LAYOUT,
        "recorded_at": now,
    }


def _rows(con: Connection, query: Any) -> list[dict[str, Any]]:
    """Return rows without their salts; what was frozen as values."""
    rows = [dict(row) for row in con.execute(query).mappings()]
    for row in rows:
        del row["salt"]
        for name in ("frozen", "cutoffs", "checklist"):
            if name in row:
                row[name] = json.loads(row[name])
    return rows
