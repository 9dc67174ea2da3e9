"""Every module has its layer: a new one cannot slip past the import contracts."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def modules() -> set[str]:
    inside = (ROOT / "lqmodel").iterdir()
    names = {p.stem for p in inside if p.suffix == ".py" or (p / "__init__.py").exists()}
    return {f"lqmodel.{name}" for name in names - {"__init__"}}


def contracts() -> list[dict[str, list[str]]]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, list[str]]] = declared["tool"]["importlinter"]["contracts"]
    return found


def test_every_module_is_in_a_layer() -> None:
    layers = contracts()[0]["layers"]
    assert {name.strip() for layer in layers for name in layer.split("|")} == modules()


def test_only_tracking_may_import_mlflow() -> None:
    assert set(contracts()[1]["source_modules"]) == modules() - {"lqmodel.tracking"}
