"""What a simulated team in sales answers to handoffs, as the file that it would send.

Its acceptances follow the probability, so that they look like a team's; the simulated wins follow from the leads'
own paths alone, whatever sales said.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

COLUMNS: Final = ("lead_id", "act", "at", "worked_at", "reason", "person")
ANSWERED: Final = 100
"""How many handoffs the team gets to in a week, the likeliest first."""
NOBODY: Final = "somebody in sales"
REASONS: Final = ("no budget", "no need", "not reached")
ACCEPTED, SNOOZED = 0.3, 0.1
"""Chance that a handoff is accepted beside its probability, and that it is put off."""


def answers(handoffs: Iterable[tuple[str, float, str | None]], as_of: datetime, seed: int) -> bytes:
    """Return what sales said in the five days after a run, as CSV.

    Parameters
    ----------
    handoffs : iterable of (lead id, probability, owner)
        The likeliest first; only the first `ANSWERED` are answered, each by its owner.
    as_of : datetime
        Of the run.
    seed : int
        Same seed, same answers.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for n, (lead_id, probability, owner) in enumerate(handoffs):
        if n == ANSWERED:
            break
        called = as_of.astimezone(UTC) + timedelta(days=n * 5 // ANSWERED, hours=float(rng.uniform(8, 14)))
        decided = called + timedelta(hours=float(rng.uniform(0.2, 3)))
        act = _act(float(rng.random()), probability)
        reason = str(rng.choice(REASONS)) if act == "rejected" else ""
        writer.writerow((lead_id, act, _text(decided), _text(called), reason, owner or NOBODY))
    return out.getvalue().encode()


def _act(drawn: float, probability: float) -> str:
    if drawn < ACCEPTED + probability:
        return "accepted"
    return "snoozed" if drawn > 1 - SNOOZED else "rejected"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
