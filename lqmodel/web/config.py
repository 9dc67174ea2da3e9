"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lqmodel.ledger import Spoken

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Config:
    """What the view shows, and to whom it answers.

    Attributes
    ----------
    run : Path
        A run's folder, or ``OUT/latest``: then a newer run is shown as soon as it is whole.
    spoken : Spoken
        Declared reasons of a rejection and items of the checklist.
    hosts : tuple of str
        Names under which it may be called; any other is refused.
    secure : bool
        Whether people reach it by HTTPS: the cookie is then of this host alone.
    logins : str
        How many tries of one name are allowed from one place, as ``limits`` writes it.
    acts : str
        How many acts of one person.
    helps : str
        How often one person may ask what would help a lead.
    project : Path or None
        Where the model that made the run and its sources are found, for what is worked out when it is asked
        for; None: it is left out.
    """

    run: Path
    spoken: Spoken
    hosts: tuple[str, ...] = LOOPBACK
    secure: bool = False
    logins: str = "5/minute"
    acts: str = "60/minute"
    helps: str = "30/minute"
    project: Path | None = None
