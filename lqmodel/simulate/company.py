"""What a simulated company is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from lqmodel.errors import UsageError

_BOUNDS: Final = {
    "leads": (1, 10_000_000),
    "seed": (0, 2**63 - 1),
    "days": (7, 3_650),
    "horizon_days": (1, 3_650),
}
_LAST_START: Final = date(9000, 1, 1)  # so that no later date overflows


@dataclass(frozen=True)
class Company:
    """The parameters of a simulated company; valid once made.

    Parameters
    ----------
    leads : int
        How many leads are created over the whole period, 1 to 10,000,000.
    seed : int
        Equal seeds (and parameters) give equal bytes; 0 or greater.
    start : datetime.date
        First day of the period, UTC.
    days : int
        Length of the period in whole days, 7 to 3,650. Nothing after it is written.
    horizon_days : int
        Length in whole days of the window [as_of, as_of + horizon) in which a win counts, 1 to 3,650.

    Raises
    ------
    UsageError
        When a parameter has the wrong type or lies outside its bounds.

    Examples
    --------
    >>> Company(leads=100, days=90).horizon_days
    60
    """

    leads: int = 20_000
    seed: int = 0
    start: date = date(2024, 1, 1)
    days: int = 730
    horizon_days: int = 60

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            _check_whole(name, getattr(self, name), least, most)
        if isinstance(self.start, datetime) or not isinstance(self.start, date):
            raise UsageError(
                f"start is {self.start!r}, not a date",
                where="Company",
                do="give a day without a time, such as date(2024, 1, 1); days are UTC",
            )
        if self.start > _LAST_START:
            raise UsageError(
                f"start is {self.start}, after {_LAST_START}",
                where="Company",
                do=f"choose a start up to {_LAST_START}",
            )


@dataclass(frozen=True)
class Simulated:
    """What was written: counts of rows and the folder that holds them.

    Parameters
    ----------
    leads, events : int
        Rows of ``leads.parquet`` and ``events.parquet``.
    won, lost, open : int
        Leads by their standing at the end of the period; they add up to ``leads``.
    folder : pathlib.Path
        Where ``leads``, ``events``, ``outcomes`` and ``truth`` lie as Parquet files.
    """

    leads: int
    events: int
    won: int
    lost: int
    open: int
    folder: Path


def _check_whole(name: str, given: object, least: int, most: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int):
        raise UsageError(
            f"{name} is {given!r}, not a whole number",
            where="Company",
            do=f"give a whole number from {least:,} to {most:,}",
        )
    if not least <= given <= most:
        raise UsageError(
            f"{name} is {given:,}, outside {least:,} to {most:,}",
            where="Company",
            do=f"give a whole number from {least:,} to {most:,}",
        )
