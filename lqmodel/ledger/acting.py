"""What people had done about a model's leads before a moment, wherever a ledger may or may not have been begun."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from lqmodel.ledger.ledger import Ledger
from lqmodel.settings import Settings


def acts_before(root: Path, model: str, as_of: int | None) -> pa.Table | None:
    """Return the acts as the stages look at them; None without a clock or a ledger.

    Parameters
    ----------
    root : Path
        The project's folder.
    model : str
        The declared name.
    as_of : int or None
        Microseconds UTC.
    """
    settings = Settings.read()
    if as_of is None or not settings.may_have_ledger(root):
        return None
    return Ledger.of(root, settings).acts(model, as_of)


def objecting_now(root: Path) -> frozenset[str]:
    """Return the leads that object to being contacted or scored, whatever the moment looked from."""
    settings = Settings.read()
    return frozenset(Ledger.of(root, settings).suppressed() if settings.may_have_ledger(root) else ())
