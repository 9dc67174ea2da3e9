"""The one artefact that scoring needs: a folder of text files, each under a hash, no pickle.

manifest.json      what this is, and the SHA-256 of every other file (written last)
model/00.txt …     LightGBM text, one file per booster; their margins are averaged
encoding.json      levels of the categories      calibrator.json   margin → probability
declarations.json  sources, features, model      policy.json       thresholds and gates
usual.json         quantiles for the words       metrics.json      held-out quality
fitted.json        what the model was fitted on  card.md           the model card
reference.json     how each column lay, to see whether what is scored looks like it
steps.json         the events that marketing can bring about, as they usually are
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lqmodel.calibration import Calibrator
from lqmodel.declarations import Declarations
from lqmodel.encoding import Encoding
from lqmodel.errors import BundleDamaged, NoInput
from lqmodel.files import (
    MANIFEST,
    canonical,
    file_sha256,
    read_manifest,
    sha256,
    write_folder,
    write_manifest,
)
from lqmodel.reasons import Usual
from lqmodel.skew import Reference
from lqmodel.stages import Policy
from lqmodel.steps import Step, stored_steps
from lqmodel.treeshap import TreeEnsemble

FORMAT = 3
MANIFEST_KEYS = {"format", "name", "lqmodel", "fingerprint", "data", "files", "sha256"}


@dataclass(frozen=True)
class Fitted:
    """What the shipped model was fitted on, so that no one is scored or judged on it unawares.

    ``first`` and ``last`` are the as_of of the oldest and newest snapshots in microseconds UTC; without a
    clock they are None, and ``leads`` holds short hashes of the lead ids instead. ``observed_from`` is
    the first moment that each source covered.
    """

    rows: int
    wins: int
    first: int | None
    last: int | None
    leads: tuple[str, ...]
    observed_from: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "leads": list(self.leads), "observed_from": dict(self.observed_from)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fitted:
        return cls(**{**values, "leads": tuple(values["leads"])})


@dataclass(frozen=True)
class Bundle:
    """Everything that turns facts into probabilities, stages and reasons.

    Attributes
    ----------
    declarations : Declarations
        The sources, features and model that it was trained from.
    texts : tuple of str
        The boosters as LightGBM text; their margins are averaged.
    encoding : Encoding
        The levels of the categories.
    calibrator : Calibrator
        Margin → probability, with its interval.
    policy : Policy
        Probability and facts → stage.
    usual : Usual
        What is usual, for the words.
    fitted : Fitted
        What it was fitted on.
    reference : Reference
        How the columns of that lay.
    steps : tuple of Step
        The events that marketing can bring about, by name.
    metrics : mapping
        The figures of the held-out evaluation, as JSON values.
    card : str
        The model card, Markdown.
    data : str
        SHA-256 of the training inputs.
    lqmodel : str
        Version of the package that trained it.
    ensemble : TreeEnsemble
        The trees of `texts`, checked: margins and exact contributions.
    """

    declarations: Declarations
    texts: tuple[str, ...]
    encoding: Encoding
    calibrator: Calibrator
    policy: Policy
    usual: Usual
    fitted: Fitted
    reference: Reference
    steps: tuple[Step, ...]
    metrics: Mapping[str, Any]
    card: str
    data: str
    lqmodel: str
    ensemble: TreeEnsemble = field(repr=False, compare=False)

    @cached_property
    def version(self) -> str:
        """First 12 digits of the manifest's SHA-256."""
        return sha256(canonical(self._manifest()))[:12]

    def _contents(self) -> dict[str, bytes]:
        parts: dict[str, Any] = {
            "encoding.json": self.encoding.to_json(),
            "calibrator.json": self.calibrator.to_json(),
            "declarations.json": self.declarations.to_json(),
            "policy.json": self.policy.to_json(),
            "usual.json": self.usual.to_json(),
            "fitted.json": self.fitted.to_json(),
            "reference.json": self.reference.to_json(),
            "steps.json": [step.to_json() for step in self.steps],
            "metrics.json": self.metrics,
        }
        files = {name: canonical(value) for name, value in parts.items()}
        files["card.md"] = self.card.encode()
        files |= {f"model/{i:02d}.txt": text.encode() for i, text in enumerate(self.texts)}
        return files

    def _manifest(self) -> dict[str, Any]:
        return {
            **self._head(),
            "files": {name: sha256(data) for name, data in sorted(self._contents().items())},
        }

    def _head(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.declarations.name,
            "lqmodel": self.lqmodel,
            "fingerprint": self.declarations.fingerprint(),
            "data": self.data,
        }

    def save(self, folder: Path) -> Path:
        """Write the bundle as a folder, whole or not at all; the same bundle gives the same bytes.

        A bundle that stands there is replaced.

        Raises
        ------
        CannotWrite
            The folder cannot be written, or holds other things than a bundle.
        """

        def fill(building: Path) -> None:
            for name, data in self._contents().items():
                path = building / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
            write_manifest(building, self._head())

        write_folder(Path(folder), fill, replace=True)
        return Path(folder)

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle: verify every hash first, then bounds-check the trees, then use them.

        Raises
        ------
        NoInput
            There is no bundle.
        BundleDamaged
            A file was changed, is missing, or does not belong there.
        """
        folder = Path(folder)
        manifest = _verified_manifest(folder)
        read = {name: (folder / name).read_bytes() for name in manifest["files"]}
        try:
            return _assembled(manifest, read)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, BundleDamaged):
                raise
            raise BundleDamaged(
                f"the bundle does not fit this version of lqmodel: {type(error).__name__}: {error}",
                where=str(folder),
                do=f"it was made by lqmodel {manifest['lqmodel']}; train again, or install that version",
            ) from error


def _verified_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else None
        raise NoInput(
            f"no bundle in {folder}",
            exists=there,
            do="name the folder that holds manifest.json; `lqmodel train` makes one",
        )
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        raise _damaged("manifest.json was changed after it was written", folder) from error
    if set(manifest) != MANIFEST_KEYS or manifest["format"] != FORMAT:
        raise BundleDamaged(
            f"manifest.json has another format than {FORMAT}",
            where=str(folder),
            do="train again with this version of lqmodel",
        )
    there_now = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {MANIFEST}
    for name in sorted(there_now ^ set(manifest["files"])):
        raise _damaged(f"{name} " + ("does not belong there" if name in there_now else "is missing"), folder)
    for name, expected in manifest["files"].items():
        if file_sha256(folder / name) != expected:
            raise _damaged(f"{name} was changed after it was written", folder)
    return manifest


def _damaged(message: str, folder: Path) -> BundleDamaged:
    return BundleDamaged(
        message,
        where=str(folder),
        do="use the bundle as `lqmodel train` wrote it: restore it, or train again",
    )


def _assembled(manifest: Mapping[str, Any], read: Mapping[str, bytes]) -> Bundle:
    def part(name: str) -> Any:
        return json.loads(read[name])

    encoding = Encoding.from_json(part("encoding.json"))
    texts = tuple(data.decode() for name, data in sorted(read.items()) if name.startswith("model/"))
    declarations = Declarations.from_json(part("declarations.json"))
    return Bundle(
        declarations=declarations,
        texts=texts,
        encoding=encoding,
        calibrator=Calibrator.from_json(part("calibrator.json")),
        policy=Policy.from_json(part("policy.json")),
        usual=Usual.from_json(part("usual.json")),
        fitted=Fitted.from_json(part("fitted.json")),
        reference=Reference.from_json(part("reference.json")),
        steps=stored_steps(part("steps.json"), declarations),
        metrics=part("metrics.json"),
        card=read["card.md"].decode(),
        data=manifest["data"],
        lqmodel=manifest["lqmodel"],
        ensemble=TreeEnsemble.from_texts(texts, len(encoding.names)),
    )
