"""Files and folders: whole or absent, never anything else of the user's."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Trained, contents

from lqmodel import files
from lqmodel.errors import CannotWrite, NoInput

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé☃"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
)


def fill(folder: Path, text: str = "one") -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "a.txt").write_text(text)
    files.write_manifest(folder, {"name": text})


@pytest.mark.parametrize(
    "scenario",
    [
        "file",
        "acknowledgements",
        "first run",
        "next run",
        pytest.param("next bundle", marks=pytest.mark.slow),
        pytest.param("next bundle, without exchange", marks=pytest.mark.slow),
    ],
)
def test_law_9_killed_before_any_step_readers_find_the_old_or_the_new(
    scenario: str, flat: Trained, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(script), scenario, str(flat.bundle_folder), str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert not found["problems"]
    assert found["steps"] >= 8  # every one of them was a kill


@given(JSON)
def test_canonical_json_is_one_form(value: object) -> None:
    text = files.canonical(value)
    assert json.loads(text) == value
    assert files.canonical(json.loads(text)) == text


def test_canonical_json_refuses_what_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="nan"):
        files.canonical({"a": float("nan")})


def test_write_folder_replaces_only_what_it_wrote(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bundle"
    files.write_folder(target, fill, replace=False)
    with pytest.raises(CannotWrite, match="stands already"):
        files.write_folder(target, fill, replace=False)
    files.write_folder(target, lambda folder: fill(folder, "two"), replace=True)
    assert (target / "inner" / "a.txt").read_text() == "two"
    assert [p.name for p in target.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    "stands", ["a file", "others' files", "one file more", "a broken manifest", "a link"]
)
def test_write_folder_never_removes_other_things(tmp_path: Path, stands: str) -> None:
    target = tmp_path / "documents"
    if stands == "a file":
        target.write_text("mine")
    elif stands == "a link":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "letter.txt").write_text("mine")
        target.symlink_to("elsewhere")
    elif stands == "others' files":
        target.mkdir()
        (target / "letter.txt").write_text("mine")
    else:
        files.write_folder(target, fill, replace=False)
        (target / ("letter.txt" if stands == "one file more" else "manifest.json")).write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(CannotWrite, match="holds other things") as error:
        files.write_folder(target, fill, replace=True)
    assert "move that one away" in str(error.value)
    assert contents(tmp_path) == before


def test_write_folder_takes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    files.write_folder(tmp_path / "empty", fill, replace=True)
    assert (tmp_path / "empty" / "inner" / "a.txt").read_text() == "one"


def test_what_fill_raises_comes_through_and_leaves_nothing(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        fill(folder)
        raise NoInput("no such thing")

    with pytest.raises(NoInput, match="no such thing"):
        files.write_folder(tmp_path / "a", fails, replace=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_an_unwritable_place_is_one_clear_error(tmp_path: Path, what: str) -> None:
    (tmp_path / "taken").write_text("")
    target = tmp_path / "taken" / "out"
    write = {
        "folder": lambda: files.write_folder(target, fill, replace=True),
        "file": lambda: files.write_file(target, b""),
        "link": lambda: files.point_symlink(target, "x"),
    }[what]
    with pytest.raises(CannotWrite, match=r"cannot write .*taken/out") as error:
        write()
    assert "do: name a place that you may write to" in str(error.value)


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_file(tmp_path / "report.html", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        files.write_file(tmp_path / "report.html", b"new")
    assert contents(tmp_path) == {"report.html": b"old"}


def test_leftovers_of_dead_builds_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    for name in ("dead", "living", "unlocked"):
        (tmp_path / f"{files.WORKSHOP}{name}").mkdir()
    (tmp_path / f"{files.WORKSHOP}dead" / "new").mkdir()
    with (tmp_path / f"{files.WORKSHOP}living" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files.write_file(tmp_path / "a", b"")
        assert sorted(p.name for p in tmp_path.iterdir()) == [f"{files.WORKSHOP}living", "a"]
    files.write_file(tmp_path / "a", b"")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_many_writers_at_once_do_not_take_each_other_for_dead(tmp_path: Path) -> None:
    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(20):
                files.write_file(tmp_path / f"{number}.txt", b"%d" % number)
                files.write_folder(tmp_path / "shared", fill, replace=True)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sorted(contents(tmp_path)) == [
        "0.txt",
        "1.txt",
        "2.txt",
        "3.txt",
        "shared/inner/a.txt",
        "shared/manifest.json",
    ]


@given(st.data())
def test_a_manifest_changed_anywhere_is_told(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    fill(folder)
    path = folder / files.MANIFEST
    whole = path.read_bytes()
    assert files.read_manifest(folder)["name"] == "one"
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[place]))
    path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
    with pytest.raises(ValueError):  # noqa: PT011 - JSON, UTF-8 and hashes each have their own
        files.read_manifest(folder)
