"""Scoring from a folder starts quickly: what it imports, and the compiled code that it finds on disk."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numba
import pyarrow.parquet as pq
import pytest
from numba.core import caching
from projects import AS_OF, Trained

from lqmodel import compiled

SCRIPT = Path(sys.executable).with_name("lqmodel")
PACKAGE = Path(compiled.__file__).parent
NOT_NEEDED = {"lightgbm", "mlflow", "sklearn", "scipy", "pandas", "shap", "matplotlib", "optuna", "cffi"}
LOADED = """
import sys
from lqmodel.cli import main
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(*command: object) -> set[str]:
    """Run a command in a process of its own; return the packages that it loaded."""
    ended = subprocess.run([sys.executable, "-c", LOADED, *map(str, command)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[-1].split())


def seconds(*command: object) -> float:
    """CPU seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def predict(project: Trained, output: Path) -> list[object]:
    when = ["--as-of", AS_OF] if project.bundle.declarations.model.has_clock else []
    return [
        "predict", "--model", project.bundle_folder, "--project", project.root, "--output", output, *when,
    ]  # fmt: skip


@pytest.mark.parametrize("project", ["company", "flat"])
def test_predict_and_explain_from_a_folder_import_nothing_that_they_do_not_need(
    project: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    trained: Trained = request.getfixturevalue(project)
    found = loaded(*predict(trained, tmp_path))
    assert "numba" in found
    assert not found & {"babel", *NOT_NEEDED}
    lead = pq.read_table(tmp_path / "latest" / "features.parquet")["lead_id"][0]
    explain = ["explain", lead, "--run", tmp_path / "latest", "--model", trained.bundle_folder]
    found = loaded(*explain)
    assert "numba" in found
    assert not found & {"babel", *NOT_NEEDED}
    found = loaded(*explain, "--language", "de")
    assert "babel" in found
    assert not found & NOT_NEEDED


def test_a_cold_predict_is_quick(flat: Trained, tmp_path: Path) -> None:
    """2 s are promised for one lead; a busy machine may take 3 s of CPU."""
    command = predict(flat, tmp_path)
    assert min(seconds(SCRIPT, *command) for _ in range(3)) < 3


def test_a_process_that_others_share_keeps_what_it_has() -> None:
    code = """
import sys, json, scipy
from lqmodel.cli.light import keep_out
keep_out()
import pandas, scipy.linalg
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_was_kept_out_can_be_imported_afterwards() -> None:
    code = """
import sys
from lqmodel.cli.light import keep_out
keep_out()
assert "numba" in sys.modules and not {"pandas", "scipy", "cffi"} & sys.modules.keys()
import pandas, scipy.linalg, pyarrow
assert pandas.DataFrame({"a": [1]}).shape == (1, 1)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ── compiled code on disk ───────────────────────────────────────────────────────────────────────────────────


def entries() -> set[str]:
    """Every compiled function that Python calls, as numba names its files: module.function."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for name in re.findall(r"^@entry\ndef (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.add(f"{path.stem}.{name}")
    return found


@pytest.mark.slow
def test_warming_compiles_all_that_scoring_compiles(company: Trained, flat: Trained, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kept)}

    def run(*command: object) -> str:
        done = subprocess.run(
            list(map(str, command)), env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def files() -> dict[str, bytes]:
        return {str(p.relative_to(kept)): p.read_bytes() for p in kept.rglob("*") if p.is_file()}

    told = run(sys.executable, "-m", "lqmodel.warm")
    assert re.fullmatch(rf"compiled in \d+ s, kept in {re.escape(str(kept))}/lqmodel_\w+\n", told)
    warmed = files()
    assert {Path(name).name.partition("-")[0] for name in warmed} == entries()
    for project in (company, flat):
        run(SCRIPT, *predict(project, tmp_path / project.root.name))
    assert files() == warmed


def compile_anew(monkeypatch: pytest.MonkeyPatch, folder: Path, path: Path) -> object:
    """Import a small module as a new process would, and call its compiled function."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    space: dict[str, object] = {"__name__": "small"}
    exec(compile(path.read_text(), path, "exec"), space)
    made = space["twice"]
    assert made(21) == 42  # type: ignore[operator]
    return made.stats  # type: ignore[attr-defined]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text("from lqmodel.compiled import entry\n@entry\ndef twice(x):\n    return 2 * x\n")
    return path


def forbid_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(caching.tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", refuse)


def test_code_is_kept_and_found(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_anew(monkeypatch, tmp_path / "kept", small)
    assert (sum(first.cache_hits.values()), sum(first.cache_misses.values())) == (0, 1)
    second = compile_anew(monkeypatch, tmp_path / "kept", small)
    assert (sum(second.cache_hits.values()), sum(second.cache_misses.values())) == (1, 0)


def test_a_folder_that_cannot_be_written_still_gives_what_it_holds(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_anew(monkeypatch, tmp_path / "kept", small)
    forbid_writing(monkeypatch)
    found = compile_anew(monkeypatch, tmp_path / "kept", small)
    assert sum(found.cache_hits.values()) == 1
    assert found.cache_path.startswith(str(tmp_path / "kept"))


def test_without_a_folder_for_compiled_code_it_is_compiled_anew(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_writing(monkeypatch)
    found = compile_anew(monkeypatch, tmp_path / "empty", small)
    assert found.cache_path is None
    assert not found.cache_hits


def test_a_full_disk_stops_nothing(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
        found = compile_anew(patched, tmp_path / "kept", small)
    assert not found.cache_hits


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("length", [0, 20, 400])
def test_code_cut_short_is_compiled_anew(
    ending: str, length: int, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_anew(monkeypatch, tmp_path / "kept", small)
    (path,) = (tmp_path / "kept").rglob(f"*{ending}")
    path.write_bytes(path.read_bytes()[:length])
    for expected in (0, 1):
        found = compile_anew(monkeypatch, tmp_path / "kept", small)
        assert sum(found.cache_hits.values()) == expected
