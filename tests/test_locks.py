"""What is installed is locked by hashes, says of no place where to get it, and is what pyproject allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-spark.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ALLOWED = {
    "requirements.txt": [*PROJECT["dependencies"], *EXTRAS["dev"]],
    "requirements-spark.txt": EXTRAS["spark"],
}


def locked(name: str) -> dict[str, list[str]]:
    """Package → its locked versions; several where machines differ."""
    found: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE):
        found.setdefault(package, []).append(version)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_and_hashes_everything(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host|^-", text, re.MULTILINE)
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    versions = locked(name)
    for text in ALLOWED[name]:
        asked = Requirement(text)
        found = versions.get(canonicalize_name(asked.name))
        assert found, f"make lock: {name} lacks {asked.name}"
        assert all(asked.specifier.contains(version) for version in found), (text, found)


def test_spark_burdens_only_those_who_ask_for_it() -> None:
    assert set(locked("requirements-spark.txt")) == {"pyspark", "py4j"}
    assert not set(locked("requirements.txt")) & {"pyspark", "py4j"}
