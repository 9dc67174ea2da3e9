"""docs/reference says what the code does, and every link and command in the texts is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import measured
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import AS_OF, Trained
from typer.main import get_command

import docs
from lqmodel import cli
from lqmodel.declarations import VERBS, Model, ProjectFiles, SignedRules, Source
from lqmodel.declarations.base import Declared
from lqmodel.errors import exit_codes
from lqmodel.settings import Settings

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
TEXTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS: dict[str, Any] = get_command(cli.app).commands  # type: ignore[attr-defined]
LINK = re.compile(r"\]\(([^)\s]+)\)")
each_text = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def _read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _tables(declared: type[Declared]) -> Iterator[type[Declared]]:
    yield declared
    for _, inner in docs._tables(declared, ()):
        yield inner


def test_the_pages_are_up_to_date() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")}
    stale = sorted(name for name, text in docs.pages().items() if written.pop(name, None) != text)
    assert (stale, sorted(written)) == ([], []), "run `make docs`"


def test_the_readme_tells_what_was_measured_last() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- measured: treeshap -->" in text
    assert measured.filled(text) == text, "run `make docs`"


def test_every_benchmark_has_a_title_and_results_of_the_one_form() -> None:
    benchmarks = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()}
    assert benchmarks == set(measured.TOLD) == {path.stem for path in measured.RESULTS.glob("*.json")}
    for name in benchmarks:
        for one in measured.results(name):
            assert one["ratio"]["min"] <= one["ratio"]["median"] <= one["ratio"]["max"]
            assert one["max_error"] >= 0
            assert min(one["n"], one["seconds"], one["peer_n"], one["peer_seconds"]) > 0
            assert one["machine"]


def test_no_terminal_changes_the_pages(tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "40", "FORCE_COLOR": "1", "LQMODEL_THREADS": "3"}
    program = "import docs, pathlib, sys; docs.write(docs.pages(), pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, check=True, env={**environment, "PYTHONPATH": str(ROOT / "tools")}, cwd=tmp_path)
    assert {p.name: p.read_text(encoding="utf-8") for p in tmp_path.glob("*.md")} == docs.pages()


def test_writing_takes_away_what_is_no_page_any_more(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("gone")
    docs.write({"new.md": "here\n"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.md"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_told_with_its_options_and_an_example(name: str) -> None:
    section = _read("cli.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for parameter in COMMANDS[name].params:
        for option in parameter.opts:
            assert option in section
    assert f"```\nlqmodel {name} " in section


def test_every_example_names_options_that_exist() -> None:
    for name, command in COMMANDS.items():
        example = command.epilog.removeprefix("Example: ")
        assert example.startswith(f"lqmodel {name}")
        inner = getattr(command, "commands", {}).get(example.split()[2], command)
        known = {option for parameter in inner.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", example)) <= known


def test_every_setting_is_told() -> None:
    for key in Settings.model_fields:
        assert f"| `LQMODEL_{key.upper()}` |" in _read("settings.md")


def test_every_verb_and_every_key_is_told_with_its_meaning() -> None:
    page = _read("declarations.md")
    for verb in VERBS:
        assert f"### verb = '{verb}'" in page
    for declared in (*VERBS.values(), *_tables(Source), *_tables(Model), SignedRules):
        assert declared.__doc__, declared
        for key, field in declared.model_fields.items():
            assert f"| `{field.alias or key}` |" in page
            assert field.description or key == "verb", f"{declared.__name__}.{key} has no description"


def test_every_feature_and_fact_of_the_example_is_told() -> None:
    page = _read("features.md")
    found = ProjectFiles.read(ROOT).declarations()
    for item in (*found.features, *found.facts):
        assert f"| `{item.name}` | {item.feature.verb} |" in page


def test_every_exit_code_is_told() -> None:
    for code, meaning in exit_codes().items():
        assert f"| {code} | {meaning} |" in _read("errors.md")


JSON = {str: "string", int: "number", float: "number", bool: "boolean", list: "array", dict: "object"}


def _columns(name: str) -> dict[str, str]:
    return {column: kind for column, (kind, _, _) in docs.outputs()["run"][name]["columns"].items()}


def _assert_told(name: str, values: dict[str, Any]) -> None:
    told = _columns(name)
    assert set(values) == set(told)
    for key, value in values.items():
        assert value is None or JSON[type(value)] in told[key].split(" or "), key


@pytest.mark.slow
def test_a_run_and_a_bundle_hold_what_is_told(
    company: Trained, lqmodel: Callable[..., Any], tmp_path: Path
) -> None:
    bundle = company.bundle_folder
    for as_of in ("2024-12-23T00:00Z", AS_OF):
        lqmodel(
            "predict", "--model", bundle, "--project", company.root, "--as-of", as_of, "--output", tmp_path
        )
    run = tmp_path / "latest"

    def schema(name: str) -> dict[str, str]:
        found: pa.Schema = pq.read_schema(run / name)
        return {field.name: str(field.type) for field in found}

    assert schema("scores.parquet") == _columns("scores.parquet")
    assert schema("skipped.parquet") == _columns("skipped.parquet")
    assert schema("timeline.parquet") == _columns("timeline.parquet")
    found = company.bundle.declarations
    numbers = {column.name: column.dtype == "number" for column in found.columns()}
    numbers |= dict.fromkeys(found.fact_columns().values(), True)
    ours = {name: "double" if is_number else "string" for name, is_number in numbers.items()}
    assert schema("features.parquet") == _columns("features.parquet") | ours
    lines = [json.loads(line) for line in (run / "handoffs.jsonl").read_text().splitlines()]
    for handoff in lines:
        _assert_told("handoffs.jsonl", handoff)
    for reason in (reason for handoff in lines for reason in handoff["up"] + handoff["down"]):
        _assert_told("handoffs.jsonl, a reason in `up` or `down`", reason)
    assert any(handoff["up"] for handoff in lines)
    for change in (handoff["change"] for handoff in lines):
        _assert_told("handoffs.jsonl, a change", change)
        for move in change["up"] + change["down"]:
            _assert_told("handoffs.jsonl, a move in `up` or `down` of a change", move)
    assert any(handoff["change"]["up"] for handoff in lines)
    manifest = json.loads((run / "manifest.json").read_bytes())
    _assert_told("manifest.json", manifest)
    assert set(manifest["files"]) | {"manifest.json"} == {path.name for path in run.iterdir()}
    boosters = re.compile(r"model/\d\d\.txt")
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert {boosters.sub("model/00.txt", name) for name in files} == set(docs.outputs()["bundle"])


@each_text
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [link for link in LINK.findall(text) if not link.startswith(("http://", "https://", "#"))]
    assert [link for link in links if not (path.parent / link.partition("#")[0]).exists()] == []


@each_text
def test_every_command_that_a_text_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    in_code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))
    named = set(re.findall(r"(?:^|`)lqmodel ([a-z]+)", in_code, re.M))
    assert named <= set(COMMANDS)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", in_code, re.M)) <= targets
