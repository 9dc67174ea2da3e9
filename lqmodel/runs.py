"""Runs: one scoring of all leads at one as_of, as a folder that is whole or absent.

OUT/2026-11-21T0000Z-3f9a12c04b7e/
scores.parquet     one row per lead of the input, by lead id
features.parquet   the values that the scores rest on, one row per scored lead
states.parquet     where every lead stands that any run has seen: what the next run goes on from
handoffs.jsonl     the leads that this run hands to sales, with frozen reasons
timeline.parquet   what the view shows of leads: declared columns of who they are, and of what they did
skipped.parquet    what was left out: source, lead_id, reason, rows
manifest.json      what this is, and the SHA-256 of every other file (written last)
OUT/latest             a link to the newest run
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lqmodel.asof import iso
from lqmodel.declarations import to_microseconds
from lqmodel.errors import BadData, NoInput
from lqmodel.files import (
    MANIFEST,
    file_sha256,
    point_symlink,
    read_manifest,
    write_folder,
    write_manifest,
)
from lqmodel.languages import ENGLISH, Language
from lqmodel.lookup import Lookup
from lqmodel.makeup import Makeup
from lqmodel.points import NOTICE, VERSION_PREFIX
from lqmodel.roster import Scorer
from lqmodel.scores import Scores, summary
from lqmodel.timeline import SCHEMA

LATEST = "latest"
FORMAT = 4
SCORES, TIMELINE = "scores.parquet", "timeline.parquet"
GROUP: Final = 100_000
"""Rows of a group in a file that is read whole."""
LOOKED_UP: Final = {SCORES: 10_000, TIMELINE: 4_000}
"""The same where single leads are looked up: fewer make a look-up cheaper, and the whole dearer to read."""


@dataclass(frozen=True, eq=False)
class Part:
    """What a run holds of some leads: its tables with their rows alone, by lead id."""

    table: pa.Table
    features: pa.Table
    states: pa.Table
    as_of: int | None
    bundle_version: str


@dataclass(frozen=True)
class Run:
    """A run that was written: its folder and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open a run's folder, or ``OUT/latest``.

        Raises
        ------
        NoInput
            There is no run.
        BadData
            The manifest was changed, or is not one of a run.
        """
        folder = Path(folder)
        if not (folder / MANIFEST).is_file():
            place = folder if folder.is_dir() else folder.parent
            there = [p.name for p in _run_folders(place)] if place.is_dir() else None
            raise NoInput(
                f"no run in {folder}", exists=there, do="name a run's folder; `lqmodel predict` makes one"
            )
        try:
            manifest = read_manifest(folder)
        except ValueError as error:
            raise _changed(MANIFEST, folder) from error
        if "run_id" not in manifest:
            raise BadData(
                "manifest.json is not one of a run",
                where=str(folder),
                do="name a run's folder; `lqmodel predict` makes one",
            )
        if manifest.get("format") != FORMAT:
            raise BadData(
                f"the run has another format than {FORMAT}",
                where=str(folder),
                do="score again; move it elsewhere if it is in the way, stages then start afresh",
            )
        return cls(folder.resolve(), manifest)

    def verify(self) -> None:
        """Hold every file against its hash.

        Raises
        ------
        BadData
            A file was changed or is missing.
        """
        for name in self.manifest["files"]:
            self._verified(name)

    def _verified(self, name: str) -> Path:
        """Return the path of a file that is, to the byte, what was written."""
        path = self.folder / name
        if not path.is_file() or file_sha256(path) != self.manifest["files"][name]:
            raise _changed(name, self.folder)
        return path

    @property
    def run_id(self) -> str:
        """Hash of bundle, as_of, inputs and the previous run."""
        return str(self.manifest["run_id"])

    @property
    def bundle_version(self) -> str:
        """Version of the bundle, or of the points table, that made the run."""
        return str(self.manifest["model"]["version"])

    @property
    def language(self) -> Language:
        """What its reasons are worded in."""
        return Language.of(self.manifest.get("language", ENGLISH.name))

    @property
    def makeup(self) -> Makeup | None:
        """What its probabilities rest on; None by points."""
        found = self.manifest["model"]["makeup"]
        return None if found is None else Makeup.from_json(found)

    @property
    def by_points(self) -> bool:
        """Whether a points table made the run: then it holds no probabilities."""
        return self.bundle_version.startswith(VERSION_PREFIX)

    @property
    def as_of(self) -> int | None:
        """Microseconds UTC; None without a clock."""
        as_of = self.manifest["as_of"]
        return None if as_of is None else to_microseconds(as_of, None)

    @cached_property
    def table(self) -> pa.Table:
        """scores.parquet. Grain: one row per lead of the input, by lead id."""
        return pq.read_table(self._verified(SCORES))

    def columns(self, names: Collection[str]) -> pa.Table:
        """Read some columns of scores.parquet, those of them that it has, and leave the others on the disk; raises as `verify`."""
        path = self._held_once(SCORES)
        return pq.read_table(path, columns=[n for n in pq.read_schema(path).names if n in names])

    def rows(self, lead_ids: Collection[str], names: Collection[str]) -> pa.Table:
        """Read some columns of scores.parquet, of some leads; raises as `verify`."""
        return self._looked_up.rows(lead_ids, names)

    @cached_property
    def _looked_up(self) -> Lookup:
        return Lookup(self._held_once(SCORES), "lead_id")

    @cached_property
    def features(self) -> pa.Table:
        """features.parquet. Grain: one row per scored lead, by lead id."""
        return pq.read_table(self._verified("features.parquet"))

    @cached_property
    def states(self) -> pa.Table:
        """states.parquet. Grain: one row per lead that any run has seen, by lead id."""
        return pq.read_table(self._verified("states.parquet"))

    def part(self, lead_ids: Collection[str]) -> Part:
        """Read what the run holds of some leads, and leave the others on the disk.

        Raises
        ------
        BadData
            A file was changed after it was written.
        """
        chosen = [("lead_id", "in", list(lead_ids))]
        scores, features, states = (
            pq.read_table(self._held_once(name), filters=chosen)
            for name in (SCORES, "features.parquet", "states.parquet")
        )
        return Part(scores, features, states, self.as_of, self.bundle_version)

    def timeline(self, lead_ids: Collection[str]) -> pa.Table:
        """Read what is shown of some leads, as of `timeline.timeline`; empty where an earlier version wrote the run.

        Raises
        ------
        BadData
            The file was changed after it was written.
        """
        if TIMELINE not in self.manifest["files"] or not lead_ids:
            return SCHEMA.empty_table()
        return self._shown.rows(lead_ids)

    @cached_property
    def _shown(self) -> Lookup:
        return Lookup(self._held_once(TIMELINE), "lead_id")

    @cached_property
    def _held(self) -> dict[str, Path]:
        return {}

    def _held_once(self, name: str) -> Path:
        """Return the path of a file that was held against its hash when it was first asked for."""
        if name not in self._held:
            self._held[name] = self._verified(name)
        return self._held[name]

    def previous(self) -> Run | None:
        """Open the run that this one went on from, which stands beside it; None where there was none.

        Raises
        ------
        NoInput
            It is not there any more.
        BadData
            Its manifest was changed.
        """
        run_id = self.manifest["previous_run"]
        if run_id is None:
            return None
        beside = _run_folders(self.folder.parent)
        found = [p for p in beside if p.name.endswith(f"-{run_id}")]
        if not found:
            raise NoInput(
                f"the run before, {run_id}, is not in {self.folder.parent}",
                exists=[p.name for p in beside],
                do="bring it back beside this run",
            )
        return Run.open(found[0])

    @property
    def model_name(self) -> str:
        """The declared name of the model, or points table, that made it."""
        return str(self.manifest["model"]["name"])

    def handoffs(self) -> list[dict[str, Any]]:
        """The handoffs of this run, the likeliest first."""
        data = self._verified("handoffs.jsonl").read_bytes()
        return [json.loads(line) for line in data.split(b"\n") if line]

    def before(self) -> Run | None:
        """Return the run whose stages this one went on from; None if there was none, or it is not beside this one."""
        wanted = self.manifest["previous_run"]
        found = sorted(self.folder.parent.glob(f"*-{wanted}")) if wanted else []
        return Run.open(found[0]) if found else None

    def summary(self) -> str:
        """Say in a few lines what the run holds."""
        lines = [summary(*(self.manifest[name] for name in ("counts", "stages", "handoffs")))]
        if self.by_points:
            lines.append(f"points    {NOTICE} ({self.bundle_version})")
        lines.append(f"run       {self.folder}")
        return "\n".join(lines)


def _changed(name: str, folder: Path) -> BadData:
    return BadData(
        f"{name} was changed after the run was written",
        where=str(folder),
        do="restore the run, or remove it and score again",
    )


def _run_folders(out: Path) -> list[Path]:
    return sorted(
        p
        for p in out.iterdir()
        if not p.name.startswith(".") and not p.is_symlink() and (p / MANIFEST).is_file()
    )


def previous_run(out: Path, scorer: Scorer, as_of: int | None) -> Run | None:
    """Return the latest run of the same model with an earlier as_of, by its points or by a bundle; None if there is none."""
    if as_of is None or not Path(out).is_dir():
        return None
    runs = [Run.open(p) for p in _run_folders(Path(out))]
    earlier = [
        r
        for r in runs
        if r.model_name == scorer.declarations.name and r.as_of is not None and r.as_of < as_of
    ]
    return max(earlier, key=lambda r: (r.as_of or 0, r.run_id), default=None)


def write_run(scores: Scores, out: Path, address: str) -> Run:
    """Write a run under a hidden name, rename it when whole, then move ``latest`` to it.

    Writing the same run again changes nothing; one that was damaged since is written anew.

    Parameters
    ----------
    scores : Scores
        What `score` gave.
    out : Path
        The folder of runs; made if it is not there.
    address : str
        Where the model was found, for `explain`.

    Raises
    ------
    CannotWrite
        The folder cannot be written.
    BadData
        The run that ``latest`` points to was changed.
    """
    out = Path(out)
    run_id = scores.run_id
    folder = _folder(scores, out)

    def fill(building: Path) -> None:
        write_parquet(scores.table, building / SCORES)
        write_parquet(scores.features, building / "features.parquet")
        write_parquet(scores.states, building / "states.parquet")
        lines = (
            json.dumps({"run_id": run_id, **h}, ensure_ascii=False, sort_keys=True) + "\n"
            for h in scores.handoffs
        )
        (building / "handoffs.jsonl").write_bytes("".join(lines).encode())
        write_parquet(scores.skipped, building / "skipped.parquet")
        write_parquet(scores.timeline, building / TIMELINE)
        write_manifest(building, _head(scores, run_id, address))

    if not _is_whole(folder):
        write_folder(folder, fill, replace=True)
    run = Run.open(folder)
    if _is_newest(run, out / LATEST):
        point_symlink(out / LATEST, folder.name)
    return run


def stands(scores: Scores, out: Path) -> bool:
    """Whether this very run was written already, whole."""
    return _is_whole(_folder(scores, Path(out)))


def _folder(scores: Scores, out: Path) -> Path:
    when = "undated" if scores.as_of is None else iso(scores.as_of).replace(":", "")
    return out / f"{when}-{scores.run_id}"


def _is_whole(folder: Path) -> bool:
    if not (folder / MANIFEST).is_file():
        return False
    try:
        Run.open(folder).verify()
    except BadData:
        return False
    return True


def _is_newest(run: Run, latest: Path) -> bool:
    """Whether ``latest`` has yet to point to the run: a re-scored past must not hide the present."""
    if not (latest / MANIFEST).is_file():
        return True
    now = Run.open(latest)
    if now.folder == run.folder:
        return False
    comparable = now.model_name == run.model_name and now.as_of and run.as_of
    return not comparable or (run.as_of or 0) >= (now.as_of or 0)


def _head(scores: Scores, run_id: str, address: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "run_id": run_id,
        "as_of": None if scores.as_of is None else iso(scores.as_of),
        "model": {
            "name": scores.model,
            "version": scores.bundle_version,
            "address": address,
            "makeup": None if scores.makeup is None else scores.makeup.to_json(),
        },
        "agreement": scores.agreement,
        "signed": None if scores.signed is None else scores.signed.to_json(),
        "language": scores.language.name,
        "policy": scores.policy,
        "cutoffs": dict(scores.cutoffs),
        "previous_run": scores.previous_run,
        "inputs": scores.inputs,
        "counts": scores.counts("status"),
        "stages": scores.standing(),
        "handoffs": len(scores.handoffs),
        "erased": 0,
        "notices": list(scores.notices),
        "skew": [s.to_json() for s in scores.skew],
    }


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table of a run; the same table gives the same bytes."""
    rows = LOOKED_UP.get(path.name, GROUP)
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd", row_group_size=rows)
