"""`lqmodel init` asks where it cannot know, and only on a terminal."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pexpect
import pytest
from parts import need

COMMAND = [sys.executable, "-c", "from lqmodel.cli import main; main()"]


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["Ref", "Renewed", "Signed", "Country"])
        out.writerows(
            [f"A{i}", "Yes" if i % 3 == 0 else "No", "Yes" if i % 4 == 0 else "No", "DE"] for i in range(300)
        )
    return path


def test_asks_which_column_is_the_outcome(leads: Path, tmp_path: Path) -> None:
    need(hasattr(os, "openpty"), "a pseudo-terminal")
    arguments = [*COMMAND[1:], "init", "project", "--source", f"leads={leads}"]
    child = pexpect.spawn(COMMAND[0], arguments, cwd=tmp_path, encoding="utf-8", timeout=60)
    child.expect("Which column says whether a lead was won")
    child.sendline("Signed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    model = tomllib.loads((tmp_path / "project" / "models" / "lead_conversion.toml").read_text())
    assert model["label"]["where"] == {"Signed": "Yes"}


def test_elsewhere_the_flag_is_named(leads: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "init", "project", "--source", f"leads={leads}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == (
        "error: source 'leads': no column looks like the outcome\n"
        "  there is: Renewed (No / Yes), Signed (No / Yes)\n"
        "  do: name it and the value of a win: --label COLUMN=VALUE\n"
    )
