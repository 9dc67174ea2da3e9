"""What people do about a model's leads, and whose these are, wherever a ledger may or may not have been begun.

The ledger is imported only where there may be one: it takes SQLAlchemy along.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lqmodel.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from lqmodel.ledger import Ledger
    from lqmodel.ledger.accounts import Given


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
    ledger = None if as_of is None else _begun(root)
    return None if ledger is None or as_of is None else ledger.acts(model, as_of)


def objecting_now(root: Path) -> frozenset[str]:
    """Return the leads that object to being contacted or scored, whatever the moment looked from."""
    ledger = _begun(root)
    return frozenset(() if ledger is None else ledger.suppressed())


def given_to(root: Path, model: str) -> Mapping[tuple[int, str], Given]:
    """Return as_of (microseconds UTC) and lead → whose the leads are that a model's recorded runs handed over."""
    ledger = _begun(root)
    return {} if ledger is None else ledger.given(model)


def _begun(root: Path) -> Ledger | None:
    settings = Settings.read()
    if not settings.may_have_ledger(root):
        return None
    from lqmodel.ledger import Ledger

    return Ledger.of(root, settings)
