"""Parts of the system that a test needs."""

from __future__ import annotations

import os

import pytest


def need(present: bool, part: str) -> None:
    """Skip a test whose system part is not there; fail it where LQMODEL_STRICT is set, as in CI."""
    if present:
        return
    if os.environ.get("LQMODEL_STRICT"):
        pytest.fail(f"this system lacks {part}")
    pytest.skip(f"this system lacks {part}")
