"""Runs: whole, found again, and in the right order."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from killed import DAY, scores
from projects import WHEN, Trained, contents

from lqmodel.errors import BadData, CannotWrite, NoInput
from lqmodel.runs import Run, previous_run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import score

HERE = "models:/m/1"


def of(bundle_name: str) -> Scores:
    return replace(scores(1), model=bundle_name)


def test_law_9_a_run_is_whole_or_absent(tmp_path: Path) -> None:
    """The kills themselves are in test_files.py; here, what a reader holds against what."""
    run = write_run(scores(1), tmp_path, HERE)
    run.verify()
    assert sorted(contents(run.folder)) == [
        "features.parquet",
        "handoffs.jsonl",
        "manifest.json",
        "scores.parquet",
        "skipped.parquet",
        "states.parquet",
        "timeline.parquet",
    ]
    for name in contents(run.folder):
        copy = Path(shutil.copytree(run.folder, tmp_path / f"with another {name}"))
        data = (copy / name).read_bytes()
        (copy / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(BadData, match=f"{name} was changed after the run was written") as error:
            Run.open(copy).verify()
        assert "do: restore the run" in str(error.value)
        shutil.rmtree(copy)


def test_a_changed_file_is_never_read(tmp_path: Path) -> None:
    run = write_run(scores(1), tmp_path, HERE)
    for name in ("scores.parquet", "features.parquet", "states.parquet", "handoffs.jsonl"):
        (run.folder / name).write_bytes(b"PAR1")
    for read in (lambda: run.table, lambda: run.features, lambda: run.states, run.handoffs):
        with pytest.raises(BadData, match="was changed after the run was written"):
            read()


def test_law_10_writing_the_same_run_again_touches_nothing(tmp_path: Path) -> None:
    first = write_run(scores(1), tmp_path, HERE)
    before = {p: p.lstat().st_mtime_ns for p in [tmp_path, *tmp_path.rglob("*")]}
    again = write_run(scores(1), tmp_path, "another address")
    assert again.run_id == first.run_id
    assert {p: p.lstat().st_mtime_ns for p in [tmp_path, *tmp_path.rglob("*")]} == before


def test_a_run_that_was_damaged_is_written_anew(tmp_path: Path) -> None:
    run = write_run(scores(1), tmp_path, HERE)
    whole = contents(tmp_path)
    (run.folder / "scores.parquet").write_bytes(b"")
    write_run(scores(1), tmp_path, HERE).verify()
    assert contents(tmp_path) == whole
    (run.folder / "manifest.json").write_text("{}")
    with pytest.raises(CannotWrite, match="stands already and holds other things"):
        write_run(scores(1), tmp_path, HERE)


def test_latest_is_the_newest_moment_and_moves_in_one_step(tmp_path: Path) -> None:
    second = write_run(scores(2), tmp_path, HERE)
    first = write_run(scores(1), tmp_path, HERE)
    assert Run.open(tmp_path / "latest").run_id == second.run_id, "a re-scored past must not hide the present"
    third = write_run(scores(3), tmp_path, HERE)
    assert Run.open(tmp_path / "latest").run_id == third.run_id
    assert (tmp_path / "latest").is_symlink()
    assert not (tmp_path / "latest").readlink().is_absolute(), "so that the folder of runs can be moved"
    assert first.folder.is_dir()
    other = write_run(replace(scores(3), bundle_version="ffffffffffff"), tmp_path, HERE)
    assert Run.open(tmp_path / "latest").run_id == other.run_id, "of one moment, the last one written"


def test_latest_that_points_nowhere_is_mended(tmp_path: Path) -> None:
    run = write_run(scores(1), tmp_path, HERE)
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to("gone")
    assert write_run(scores(1), tmp_path, HERE).run_id == run.run_id
    assert Run.open(tmp_path / "latest").run_id == run.run_id


def test_latest_that_is_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(CannotWrite, match=r"cannot write .*latest"):
        write_run(scores(1), tmp_path, HERE)


def test_the_run_id_hashes_bundle_moment_inputs_and_previous_run(tmp_path: Path) -> None:
    base = scores(1)
    others = [
        replace(base, bundle_version="ffffffffffff"),
        replace(base, as_of=base.as_of + 1),
        replace(base, inputs="other"),
        replace(base, previous_run="0123456789ab"),
    ]
    ids = {write_run(s, tmp_path, HERE).run_id for s in (base, *others)}
    assert len(ids) == 5
    assert write_run(replace(base, notices=("more",)), tmp_path, HERE).run_id in ids


def test_the_previous_run_is_the_latest_earlier_one_of_the_same_model(flat: Trained, tmp_path: Path) -> None:
    bundle = flat.bundle
    name = bundle.declarations.name
    assert previous_run(tmp_path, bundle, 9 * DAY) is None
    assert previous_run(tmp_path / "nowhere", bundle, 9 * DAY) is None
    runs = [write_run(replace(scores(w), model=name), tmp_path, HERE) for w in (1, 2, 3)]
    write_run(replace(scores(2), model="another", as_of=15 * DAY), tmp_path, HERE)
    undated = replace(scores(1), model=name, as_of=None)
    write_run(undated, tmp_path, HERE)
    for as_of, expected in ((22 * DAY, 2), (21 * DAY, 1), (14 * DAY, 0), (7 * DAY, None), (None, None)):
        found = previous_run(tmp_path, bundle, as_of)
        assert (None if found is None else found.run_id) == (
            None if expected is None else runs[expected].run_id
        )
    (runs[0].folder / "manifest.json").write_text("{}")
    with pytest.raises(BadData, match=r"manifest.json was changed") as error:
        previous_run(tmp_path, bundle, 22 * DAY)
    assert str(runs[0].folder) in str(error.value)


def test_no_run_says_which_there_are(tmp_path: Path, flat: Trained) -> None:
    with pytest.raises(NoInput, match="no run in"):
        Run.open(tmp_path / "nowhere" / "latest")
    run = write_run(scores(1), tmp_path, HERE)
    with pytest.raises(NoInput) as error:
        Run.open(tmp_path / "2026")
    assert list(error.value.exists or ()) == [run.folder.name]
    with pytest.raises(BadData, match="not one of a run"):
        Run.open(flat.bundle_folder)


@pytest.mark.parametrize("text", ["A\u2028B", "A\x85B", "A\x1cB", "A\nB", 'A"B', "Müller & Söhne ☃"])
def test_handoffs_are_one_line_each_whatever_a_name_holds(tmp_path: Path, text: str) -> None:
    handoffs = ({"lead_id": "a", "display": {"name": text}}, {"lead_id": "b", "display": {}})
    run = write_run(replace(scores(1), handoffs=handoffs), tmp_path, HERE)
    assert [h["lead_id"] for h in run.handoffs()] == ["a", "b"]
    assert run.handoffs()[0] == {"run_id": run.run_id, **handoffs[0]}


def test_what_was_written_is_what_was_scored(company: Trained, tmp_path: Path) -> None:
    made = score(company.bundle, company.root, None, WHEN)
    run = write_run(made, tmp_path, HERE)
    read = Run.open(tmp_path / "latest")
    assert read.as_of == WHEN
    assert read.bundle_version == company.bundle.version
    assert read.table.equals(made.table.replace_schema_metadata(None))
    assert read.features.equals(made.features.replace_schema_metadata(None))
    assert [h["lead_id"] for h in read.handoffs()] == [h["lead_id"] for h in made.handoffs]
    assert read.manifest["counts"] == made.counts("status")
    stages = read.manifest["stages"]
    assert sum(stages.values()) - stages["Customer"] == made.counts("status")["scored"]
    assert f"handoffs  {len(made.handoffs)}" in run.summary()
    assert f"{made!r}".splitlines()[-1] == f"handoffs  {len(made.handoffs):,}"
    assert f"{made}".count("\n") == 2
    assert read.table.schema.field("as_of").type == pa.timestamp("us", "UTC")
    assert json.loads((run.folder / "manifest.json").read_bytes())["model"]["address"] == HERE
