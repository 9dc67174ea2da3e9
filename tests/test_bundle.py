"""Bundles: the same bytes each time, and refused when one of them is another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ended
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import WHEN, Trained, contents

from lqmodel.bundle import Bundle
from lqmodel.errors import BundleDamaged, CannotWrite, LqmodelError, NoInput
from lqmodel.files import MANIFEST, canonical, write_manifest
from lqmodel.scoring import score

FILES = {
    "calibrator.json",
    "card.md",
    "declarations.json",
    "encoding.json",
    "fitted.json",
    "manifest.json",
    "metrics.json",
    "model/00.txt",
    "model/01.txt",
    "policy.json",
    "reference.json",
    "steps.json",
    "usual.json",
}


def test_a_bundle_holds_these_files_and_nothing_executable(flat: Trained) -> None:
    found = contents(flat.bundle_folder)
    assert set(found) == FILES
    for name, data in found.items():
        data.decode("utf-8")
        if name.endswith(".json"):
            assert canonical(json.loads(data)) == data


def test_law_8_saved_and_loaded_is_the_same_to_the_byte(flat: Trained, tmp_path: Path) -> None:
    bundle = flat.bundle
    assert bundle.save(tmp_path / "again") == tmp_path / "again"
    assert contents(tmp_path / "again") == contents(flat.bundle_folder)
    again = Bundle.load(tmp_path / "again")
    assert again.version == bundle.version
    assert again == bundle


def test_law_8_a_loaded_bundle_scores_the_same_to_the_byte(company: Trained, tmp_path: Path) -> None:
    again = Bundle.load(company.bundle.save(tmp_path / "again"))
    here, there = (
        score(b, company.root, None, WHEN, threads=t) for b, t in ((company.bundle, 1), (again, 2))
    )
    assert here.table.equals(there.table)
    assert here.features.equals(there.features)
    assert here.handoffs == there.handoffs


def test_the_version_is_of_the_content(flat: Trained, tmp_path: Path) -> None:
    bundle = flat.bundle
    other = replace(bundle, card=bundle.card + "one line more\n")
    assert other.version != bundle.version
    other.save(tmp_path / "b")
    assert Bundle.load(tmp_path / "b").version == other.version
    bundle.save(tmp_path / "b")
    assert contents(tmp_path / "b") == contents(flat.bundle_folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FILES)), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_law_9_a_byte_changed_in_any_file_is_found_before_anything_is_used(
    flat: Trained, tmp_path: Path, name: str, place: float, flip: int
) -> None:
    folder = tmp_path / "b"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(flat.bundle_folder, folder)
    data = bytearray((folder / name).read_bytes())
    data[int(place * len(data))] ^= flip
    (folder / name).write_bytes(data)
    with pytest.raises(BundleDamaged, match=f"{name} was changed after it was written") as error:
        Bundle.load(folder)
    assert str(folder) in str(error.value)
    assert "do: use the bundle as `lqmodel train` wrote it" in str(error.value)


@pytest.mark.parametrize("name", sorted(FILES - {MANIFEST}))
def test_a_file_that_is_missing_or_cut_off_is_named(flat: Trained, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(flat.bundle_folder, tmp_path / "b"))
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(BundleDamaged, match=f"{name} was changed"):
        Bundle.load(folder)
    (folder / name).unlink()
    with pytest.raises(BundleDamaged, match=f"{name} is missing"):
        Bundle.load(folder)


def test_a_file_that_does_not_belong_there_is_named(flat: Trained, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(flat.bundle_folder, tmp_path / "b"))
    (folder / "model" / "02.txt").write_text("tree")
    with pytest.raises(BundleDamaged, match=r"model/02.txt does not belong there"):
        Bundle.load(folder)
    with pytest.raises(CannotWrite, match="holds other things"):
        flat.bundle.save(folder)


def test_no_bundle_says_what_is_there(flat: Trained, tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no bundle in") as error:
        Bundle.load(flat.root)
    assert "bundle" in (error.value.exists or ())
    with pytest.raises(NoInput, match="no bundle in"):
        Bundle.load(tmp_path / "nowhere")


def test_another_format_is_told_from_damage(flat: Trained, tmp_path: Path) -> None:
    folder = sealed_anew(flat, tmp_path, {"format": 99})
    with pytest.raises(BundleDamaged, match="another format than 3"):
        Bundle.load(folder)


def sealed_anew(flat: Trained, tmp_path: Path, head: dict[str, Any], **parts: Any) -> Path:
    """A bundle with other JSON values, whose hashes are right all the same."""
    folder = tmp_path / "sealed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(flat.bundle_folder, folder)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name, value in parts.items():
        (folder / f"{name}.json").write_bytes(canonical(value))
    kept = {k: v for k, v in manifest.items() if k not in ("files", "sha256")}
    write_manifest(folder, {**kept, **head})
    return folder


PARTS = ("calibrator", "declarations", "encoding", "fitted", "policy", "reference", "steps", "usual")
GARBAGE = st.sampled_from(
    [None, True, -1, 0, 1e308, "", "x", [], {}, [None], {"a": 1}, [[1, 2], [3]], "1e999"]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], garbage: Any) -> Any:
    if not path:
        return garbage
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], garbage)
    return copy


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PARTS), st.data())
def test_content_that_was_sealed_wrong_loads_or_is_refused_in_words(
    flat: Trained, tmp_path: Path, part: str, data: st.DataObject
) -> None:
    value = json.loads((flat.bundle_folder / f"{part}.json").read_bytes())
    place = data.draw(st.sampled_from(places(value)))
    folder = sealed_anew(flat, tmp_path, {}, **{part: put(value, place, data.draw(GARBAGE))})
    refused = None
    try:
        Bundle.load(folder)
    except LqmodelError as error:
        refused = str(error)
    assert refused is None or "do: " in refused


def test_the_command_line_refuses_a_damaged_bundle(
    flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    rng = np.random.default_rng(0)
    for name in sorted(FILES):
        folder = Path(shutil.copytree(flat.bundle_folder, tmp_path / name.replace("/", "-")))
        data = bytearray((folder / name).read_bytes())
        data[rng.integers(len(data))] ^= 1
        (folder / name).write_bytes(data)
        ended = lqmodel("predict", "--model", folder, "--output", tmp_path / "scores")
        ended.refused(65, f"{folder}: {name} was changed", "do: ")
    assert not (tmp_path / "scores").exists()
