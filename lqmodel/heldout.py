"""Held-out weeks without names: what thresholds are solved on, and what settings of a policy are compared on.

A training keeps them in the project's state folder, so that comparing needs neither the sources nor another fit.
Leads and accounts are numbers that follow from what the rows hold and from nothing else: no id, and no hash of one.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from lqmodel.errors import BadData, NoInput
from lqmodel.evaluation import checked
from lqmodel.files import write_file
from lqmodel.folds import group_keys
from lqmodel.metrics import Floats
from lqmodel.stages import Replay, holds
from lqmodel.trainingset import Snapshots

Bools = NDArray[np.bool_]
Codes = NDArray[np.int64]
FOLDER = "heldout"
"""Where in the state folder held-out weeks are kept, a file for each bundle."""
SCHEMA = pa.schema(
    [
        ("lead", pa.int64()),
        ("group", pa.int64()),
        ("as_of", pa.timestamp("us", tz="UTC")),
        ("probability", pa.float64()),
        ("won", pa.bool_()),
        ("promoted", pa.bool_()),
        ("blocked", pa.bool_()),
        ("engaged", pa.bool_()),
        ("level", pa.string()),
    ]
)
DO = "name the project that trained it with --project, or train again: `lqmodel train` keeps them"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Snapshots that the evaluated model has not seen. Grain: one row per (lead, as_of), in this order.

    Attributes
    ----------
    lead, group : ndarray of int64, shape (n,)
        Number of the lead, and of its account, else of the lead: the unit of every interval.
    as_of : ndarray of int64, shape (n,)
        Microseconds UTC.
    probability : ndarray of float64, shape (n,)
        Calibrated, by the model that was evaluated.
    won : ndarray of bool, shape (n,)
        Whether the lead was won within the horizon.
    promoted, blocked, engaged : ndarray of bool, shape (n,)
        Whether an act hands over at any probability, one keeps from sales, and one is there without which the
        probability hands nothing over.
    level : ndarray of object, shape (n,)
        The level of the category with thresholds of its own; "" where it is not known or there is none.
    """

    lead: Codes
    group: Codes
    as_of: Codes
    probability: Floats
    won: Bools
    promoted: Bools
    blocked: Bools
    engaged: Bools
    level: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.lead)

    @classmethod
    def of(
        cls,
        lead_id: ArrayLike,
        as_of: ArrayLike,
        probability: ArrayLike,
        won: ArrayLike,
        group: ArrayLike | None = None,
        promoted: ArrayLike | None = None,
        blocked: ArrayLike | None = None,
        engaged: ArrayLike | None = None,
        level: ArrayLike | None = None,
    ) -> HeldOut:
        """Take rows in any order and leave their names behind.

        Parameters
        ----------
        lead_id, group : array-like, shape (n,)
            Names; the group is the lead, where it is None.
        as_of, probability, won, promoted, blocked, engaged, level : array-like, shape (n,), or None
            As the attributes; without an act nobody is promoted or blocked, and all are engaged.

        Raises
        ------
        BadData
            Lengths differ, an outcome is not 0 or 1, or a probability is not in [0, 1].
        """
        outcome, units, (p,) = checked(won, lead_id if group is None else group, probability)
        n = len(p)

        def flags(values: ArrayLike | None, usual: bool) -> Bools:
            return np.full(n, usual) if values is None else np.asarray(values).astype(bool)

        names = [None] * n if level is None else np.asarray(level, dtype=object).tolist()
        levels = np.array([name or "" for name in names], dtype=object)
        moments, lead = np.asarray(as_of, dtype=np.int64), group_keys(lead_id)
        if not len(lead) == len(moments) == n:
            raise BadData(f"{len(lead)} leads, {len(moments)} moments and {n} outcomes do not go together")
        told = flags(blocked, False)
        rows = cls(
            lead=lead.view(np.int64),
            group=units.view(np.int64),
            as_of=moments,
            probability=p,
            won=outcome.astype(bool),
            promoted=flags(promoted, False) & ~told,
            blocked=told,
            engaged=flags(engaged, True),
            level=levels,
        )
        return rows._numbered()

    def _numbered(self) -> HeldOut:
        """Number leads and groups by what their rows hold; names decide between those that hold the same."""
        rows = self._take(np.lexsort((self.as_of, self.lead)))
        flags = [rows.won, rows.promoted, rows.blocked, rows.engaged]
        bits = sum(flag.astype(np.int64) << i for i, flag in enumerate(flags))
        of_level = np.unique(rows.level.astype(str), return_inverse=True)[1].astype(np.int64)
        held = np.column_stack([rows.as_of, rows.probability.view(np.int64), bits, of_level]).astype("<i8")
        starts = np.flatnonzero(np.diff(rows.lead, prepend=rows.lead[0] ^ 1))
        digests = [_digest(part.tobytes()) for part in np.split(held, starts[1:])]
        content = np.repeat(np.array(digests, dtype=np.uint64), np.diff([*starts, len(rows)]))
        lead = _ranked(content, rows.lead)
        order = np.lexsort((lead, rows.group))
        starts = np.flatnonzero(np.diff(rows.group[order], prepend=rows.group[order][0] ^ 1))
        digests = [
            _digest(np.sort(part).astype("<u8").tobytes()) for part in np.split(content[order], starts[1:])
        ]
        together = np.empty(len(rows), dtype=np.uint64)
        together[order] = np.repeat(np.array(digests, dtype=np.uint64), np.diff([*starts, len(rows)]))
        group = _ranked(together, rows.group)
        numbered = HeldOut(**{**vars(rows), "lead": lead, "group": group})
        return numbered._take(np.lexsort((rows.as_of, lead)))

    def _take(self, rows: NDArray[np.intp]) -> HeldOut:
        return HeldOut(**{name: values[rows] for name, values in vars(self).items()})

    @property
    def weeks(self) -> float:
        """From the first as_of to the last."""
        return float(self.as_of.max() - self.as_of.min()) / (7 * 86_400_000_000)

    @property
    def every(self) -> int:
        """The shortest time between two as_ofs, microseconds; 0 of one moment."""
        return int(np.diff(np.unique(self.as_of)).min(initial=2**62)) if self.weeks else 0

    def replay(self) -> Replay:
        """Return the same for the solving of thresholds."""
        return Replay(
            self.lead,
            self.as_of,
            self.probability,
            self.promoted,
            self.blocked,
            self.engaged,
            self.won,
            self.group,
            self.level,
        )

    def first(self, threshold: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows at which leads are handed over for the first time: after the first as_of, and at it.

        Parameters
        ----------
        threshold : float, or array-like of float, shape (n,)
            Probability from which a lead is handed over.
        """
        likely = (self.probability >= np.asarray(threshold, dtype=np.float64)) & self.engaged
        handed = np.flatnonzero((likely | self.promoted) & ~self.blocked)
        first = handed[np.unique(self.lead[handed], return_index=True)[1]]  # rows stand by lead and time
        start = self.as_of[first] == self.as_of.min()
        return first[~start], first[start]

    def save(self, state: Path, version: str) -> Path:
        """Keep them in a state folder for the bundle of this version; equal rows give equal bytes."""
        columns = {name: pa.array(values) for name, values in vars(self).items() if name != "as_of"}
        columns["as_of"] = pa.array(self.as_of).cast(SCHEMA.field("as_of").type)
        table = pa.table([columns[name] for name in SCHEMA.names], SCHEMA.names).cast(SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        path = place(state, version)
        write_file(path, buffer.getvalue())
        return path

    @classmethod
    def load(cls, state: Path, version: str) -> HeldOut:
        """Read what the training of a bundle kept.

        Raises
        ------
        NoInput
            It kept nothing there: another project trained the bundle, or an earlier version of lqmodel did.
        BadData
            The file is not what was kept.
        """
        path = place(state, version)
        if not path.is_file():
            raise NoInput(f"the held-out weeks of bundle {version} are not in {path.parent}", do=DO)
        try:
            table = pq.read_table(path).cast(SCHEMA)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BadData("these are not kept held-out weeks", where=str(path), do=DO) from error
        arrays = {name: table[name].to_numpy() for name in SCHEMA.names if name not in ("as_of", "level")}
        if not len(table) or table.column_names != SCHEMA.names:
            raise BadData("these are not kept held-out weeks", where=str(path), do=DO)
        as_of = table["as_of"].cast(pa.int64()).to_numpy()
        return cls(**arrays, as_of=as_of, level=np.array(table["level"].to_pylist(), dtype=object))


def place(state: Path, version: str) -> Path:
    """Return the file that holds the held-out weeks of a bundle."""
    return state / FOLDER / f"{version}.parquet"


def held_out(test: Snapshots, probability: Floats) -> HeldOut | None:
    """Return held-out snapshots as the nightly process sees them; None without a clock.

    Parameters
    ----------
    test : Snapshots
    probability : ndarray of float64, shape (n,)
    """
    return held_out_parts([test], lambda _: probability) if test.declarations.model.has_clock else None


def held_out_parts(parts: Iterable[Snapshots], probability: Callable[[Snapshots], Floats]) -> HeldOut:
    """Return held-out snapshots that come in parts, of which one at a time is in memory.

    Parameters
    ----------
    parts : iterable of Snapshots
        With a clock; at least one.
    probability : callable
        Of the rows of a part.
    """
    columns: dict[str, list[Any]] = {}
    for part in parts:
        for name, values in _seen(part, probability(part)).items():
            columns.setdefault(name, []).append(values)
    return HeldOut.of(**{name: np.concatenate(several) for name, several in columns.items()})


def _seen(part: Snapshots, probability: Floats) -> dict[str, Any]:
    """Return what the nightly process sees of each row, by the names of `HeldOut.of`."""
    ready = part.declarations.model.stages.sales_ready

    def any_of(names: Sequence[str]) -> Bools:
        none = np.zeros(len(part), dtype=bool)
        found: Bools = np.logical_or.reduce([none, *(holds(part.fact(name)) for name in names)])
        return found

    level = [] if ready.per is None else part.table[ready.per].to_pylist()
    return {
        "lead_id": part.lead_ids,
        "as_of": part.as_of,
        "probability": probability,
        "won": part.won,
        "group": part.groups,
        "promoted": any_of(ready.promote_any),
        "blocked": any_of(ready.block),
        "engaged": any_of(ready.require_any) | (not ready.require_any),
        **({"level": np.array(level, dtype=object)} if ready.per is not None else {}),
    }


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _ranked(content: NDArray[np.uint64], name: Codes) -> Codes:
    """Number things by what they hold, then by their name; shape (n,)."""
    pairs = np.column_stack([content, name.view(np.uint64)])
    return np.unique(pairs, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
