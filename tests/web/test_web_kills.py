"""Kill -9 on the server while people answer leads: what it acknowledged is there once, and nothing else. On both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import killed_server
import pytest
from nights import Databases, write_night

KILLS = 50


@pytest.mark.slow
def test_no_acknowledged_act_is_lost_and_none_is_there_twice(
    store: Databases, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    write_night(tmp_path / "runs", 1, {f"{i:03}": "sales-ready" for i in range(80)})
    command = [sys.executable, killed_server.__file__, str(tmp_path), store.fresh(), str(KILLS)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    tell(f"{store.name}: {found['counts']}, {found['acknowledged']} acts acknowledged")
    assert found["problems"] == []
    assert found["counts"]["in mid-write"] >= KILLS * 0.9
    assert found["acknowledged"] >= KILLS
