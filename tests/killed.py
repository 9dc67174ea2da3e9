"""Kill a writer before each of its steps in turn, and look at what a reader finds.

    python killed.py SCENARIO BUNDLE FOLDER

Prints as JSON how many steps there were and what was wrong. Run in a process of its own, because it forks.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lqmodel import files
from lqmodel.bundle import Bundle
from lqmodel.errors import LqmodelError
from lqmodel.outbox import ACKNOWLEDGED, acknowledge, acknowledged
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores

STEPS = ("os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "fcntl.flock", "ctypes.dlsym")
DAY = 86_400_000_000
KEYS = [f"{n:032x}" for n in range(6)]


def dying_at(step: int) -> None:
    """Have this process killed before its step number ``step``; half-written files count as steps."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if event in STEPS or writes:
            count()

    sys.addaudithook(hook)
    fsync, write_table = os.fsync, pq.write_table

    def counted_fsync(handle: int) -> None:
        count()
        fsync(handle)

    def torn_bytes(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            count()
            return file.write(data[len(data) // 2 :])

    def torn_table(table: pa.Table, path: Path, **options: Any) -> None:
        count()
        write_table(table, path, **options)
        whole = path.read_bytes()
        torn_bytes(path, whole)

    write = os.write

    def torn_write(handle: int, data: bytes) -> int:
        done = write(handle, data[: len(data) // 2])
        count()
        return done + write(handle, data[len(data) // 2 :])

    os.fsync = counted_fsync
    os.write = torn_write
    Path.write_bytes = torn_bytes  # type: ignore[method-assign,assignment]
    pq.write_table = torn_table


def in_child(act: Callable[[], object]) -> int:
    """Run something in a fork; return 0, the exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@dataclasses.dataclass(frozen=True)
class Scenario:
    """``before`` is done in peace, ``act`` is killed.

    ``problems`` are what a reader finds wrong at any time after; ``recovered`` (else the same) after another
    write.
    """

    before: Callable[[], object]
    act: Callable[[], object]
    problems: Callable[[], Iterator[str]]
    recovered: Callable[[], Iterator[str]] | None = None


def scores(week: int) -> Scores:
    """Scores as small as they come."""
    table = pa.table({"lead_id": ["a", "b"], "status": ["scored", "scored"], "stage": ["Lead", "MQL"]})
    return Scores(
        model="m",
        bundle_version="0123456789ab",
        as_of=week * 7 * DAY,
        table=table,
        features=pa.table({"lead_id": ["a", "b"], "visits": [1.0, 2.0]}),
        states=pa.table({"lead_id": ["a", "b"], "stage": ["Lead", "MQL"]}),
        skipped=pa.table({"source": ["leads"], "rows": [1]}),
        handoffs=({"lead_id": "b", "probability": 0.5},),
        inputs="same",
        previous_run=None,
        agreement=None,
        policy="fedcba987654",
        cutoffs={},
        notices=(),
    )


def run_problems(out: Path, *, had_one: bool) -> Iterator[str]:
    runs = [p for p in out.iterdir() if not p.name.startswith(".") and not p.is_symlink()]
    for folder in [*runs, *([out / "latest"] if had_one or (out / "latest").is_symlink() else [])]:
        try:
            Run.open(folder).verify()
        except LqmodelError as error:
            yield f"{folder.name}: {error}"


def bundle_problems(folder: Path, versions: set[str], *, had_one: bool) -> Iterator[str]:
    if not had_one and not folder.exists():
        return
    try:
        manifest = files.read_manifest(folder)
    except (OSError, ValueError) as error:
        yield f"{type(error).__name__}: {error}"
        return
    if manifest["sha256"][:12] not in versions:
        yield f"version {manifest['sha256']}"
    if files.hashes(folder) != manifest["files"]:
        yield "other files than in the manifest"


def ack_problems(out: Path) -> Iterator[str]:
    """What was acknowledged in peace stays so, and of the others no key is made up or missing once done again."""
    found = acknowledged(out)
    if not set(KEYS[:3]) <= found <= set(KEYS):
        yield f"acknowledged: {sorted(found)}"
    if len(acknowledged(out)) != acknowledge(out, KEYS[:3]) + len(found):
        yield "a key was lost"
    lines = (out / ACKNOWLEDGED).read_text().split("\n")
    if len(lines) - len(found) > 6:
        yield f"{len(lines)} lines"


def file_problems(path: Path) -> Iterator[str]:
    if path.read_bytes() not in (b"old" * 9, b"new" * 9):
        yield repr(path.read_bytes())


def without_exchange() -> None:
    """As on a system that cannot exchange two folders in one step."""
    ctypes.CDLL = lambda name: object()  # type: ignore[assignment,misc]


def scenarios(bundle_folder: Path, out: Path) -> dict[str, Scenario]:
    old = Bundle.load(bundle_folder)
    new = dataclasses.replace(old, card=old.card + "\nanother\n")
    place, path = out / "bundle", out / "file.txt"
    first, second = scores(1), scores(2)
    versions = {old.version, new.version}

    def save_without_exchange() -> None:
        without_exchange()
        new.save(place)

    return {
        "first run": Scenario(
            lambda: None,
            lambda: write_run(first, out, "here"),
            lambda: run_problems(out, had_one=False),
        ),
        "next run": Scenario(
            lambda: write_run(first, out, "here"),
            lambda: write_run(second, out, "here"),
            lambda: run_problems(out, had_one=True),
        ),
        "next bundle": Scenario(
            lambda: old.save(place),
            lambda: new.save(place),
            lambda: bundle_problems(place, versions, had_one=True),
        ),
        "next bundle, without exchange": Scenario(
            lambda: old.save(place),
            save_without_exchange,
            lambda: bundle_problems(place, versions, had_one=False),
            lambda: bundle_problems(place, versions, had_one=True),
        ),
        "acknowledgements": Scenario(
            lambda: acknowledge(out, KEYS[:3]),
            lambda: [acknowledge(out, [key]) for key in KEYS[3:]],
            lambda: ack_problems(out),
        ),
        "file": Scenario(
            lambda: files.write_file(path, b"old" * 9),
            lambda: files.write_file(path, b"new" * 9),
            lambda: file_problems(path),
        ),
    }


def run(scenario: Scenario, out: Path) -> dict[str, Any]:
    problems: list[str] = []
    prepared = out.with_name("prepared")
    out.mkdir()
    if in_child(scenario.before):
        problems.append("cannot prepare")
    out.rename(prepared)
    step = 0
    while True:
        step += 1
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(prepared, out, symlinks=True)

        def act(step: int = step) -> None:
            dying_at(step)
            scenario.act()

        ended = in_child(act)
        problems += [f"killed at step {step}: {p}" for p in scenario.problems()]
        if ended == 0:
            break
        if ended != -signal.SIGKILL:
            problems.append(f"ended with {ended} at step {step}")
            break
        # the next write, of whatever else, clears up and brings back what was being replaced
        files.write_file(out / "other.txt", b"other")
        (out / "other.txt").unlink()
        problems += [
            f"after a kill at step {step} and another write: {p}"
            for p in (scenario.recovered or scenario.problems)()
        ]
        left = [p.name for p in out.iterdir() if p.name.startswith(".")]
        problems += [f"left after a kill at step {step}: {name}" for name in left]
        if step % 3 == 1:
            if in_child(scenario.act):
                problems.append(f"cannot be done again after step {step}")
            problems += [f"done again after step {step}: {p}" for p in scenario.problems()]
    return {"steps": step - 1, "problems": problems}


def main() -> None:
    name, bundle_folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    chosen = scenarios(bundle_folder, out)[name]
    json.dump(run(chosen, out), sys.stdout)


if __name__ == "__main__":
    main()
