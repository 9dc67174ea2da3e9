"""The four tables of the simulated company, and how they get to disk whole.

leads     one row per lead, by lead_id
events    one row per thing a lead did, by lead_id and occurred_at
outcomes  at most one row per lead: won or lost
truth     one row per lead and Monday on which it is open
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from lqmodel.errors import CannotWrite

_TIME: Final = pa.timestamp("us", tz="UTC")

LEADS: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("created_at", _TIME, nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("company", pa.string(), nullable=False),
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("country", pa.string(), nullable=False),
        pa.field("industry", pa.string(), nullable=False),
        pa.field("employees", pa.int64()),
        pa.field("revenue", pa.float64()),  # EUR a year
        pa.field("seniority", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("campaign", pa.string()),
    ]
)
EVENTS: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("occurred_at", _TIME, nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("page", pa.string()),  # page views only
        pa.field("duration_s", pa.int64()),  # page views only
    ]
)
OUTCOMES: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("occurred_at", _TIME, nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("value", pa.float64()),  # EUR, won only
    ]
)
TRUTH: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("as_of", _TIME, nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ]
)
SCHEMAS: Final = {"leads": LEADS, "events": EVENTS, "outcomes": OUTCOMES, "truth": TRUTH}


class Writers:
    """Four open Parquet files; every chunk becomes one row group of each."""

    def __init__(self, opened: dict[str, pq.ParquetWriter]) -> None:
        self._opened = opened
        self.rows = dict.fromkeys(opened, 0)

    def write(self, chunk: dict[str, pa.Table]) -> None:
        """Append one row group per table that has rows."""
        for name, table in chunk.items():
            if table.num_rows:
                self._opened[name].write_table(table)
                self.rows[name] += table.num_rows


@contextmanager
def opened(folder: Path) -> Iterator[Writers]:
    """Open the four files under hidden names; name them in one go when all is written.

    Parameters
    ----------
    folder : pathlib.Path
        Created if missing. If the body fails, files of an earlier run stay as they were.

    Raises
    ------
    CannotWrite
        When the folder or a file in it cannot be written.
    """
    hidden = {name: folder / f".{name}.parquet.part" for name in SCHEMAS}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with ExitStack() as stack:
                yield Writers(
                    {
                        name: stack.enter_context(pq.ParquetWriter(path, SCHEMAS[name], compression="zstd"))
                        for name, path in hidden.items()
                    }
                )
            for name, path in hidden.items():
                path.replace(folder / f"{name}.parquet")
        finally:
            for path in hidden.values():
                path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"cannot write the simulated company: {error.strerror or error}",
            where=str(folder),
            do="give a folder that exists or can be created, and that you may write to",
        ) from error
