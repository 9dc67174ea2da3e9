"""A project's declarations together, and whether they fit each other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lqmodel.declarations.agreement import (
    Signature,
    Signed,
    agreement_file,
    check_signed,
    draft_notices,
    same_stages,
)
from lqmodel.declarations.base import plain, suggestion
from lqmodel.declarations.checking import (
    SOURCES_FILE,
    UNTIMED,
    check_feature,
    check_listed,
    check_model,
    check_used,
    places,
)
from lqmodel.declarations.checking_points import check_points
from lqmodel.declarations.feature import Column, DeclaredFeature
from lqmodel.declarations.loading import TomlFile, load_features, load_model, load_sources
from lqmodel.declarations.model import Model
from lqmodel.declarations.points import Worth
from lqmodel.declarations.source import Source
from lqmodel.errors import NoInput, UsageError

BESIDE = ("crm", "handoffs")
"""Tables of a model that say what follows from a score: they may change without another model."""
SIGNED = "signed"
"""Under this name stored declarations hold the agreement that was signed."""
__all__ = ["SOURCES_FILE", "UNTIMED", "Declarations", "DeclaredFeature", "ProjectFiles"]


@dataclass(frozen=True)
class Declarations:
    """Everything that one model needs: sources, features and the model itself.

    ``features`` feed the model; ``facts`` are read by gates, points and baselines only. Both are sorted by
    name, so that the order of files and tables changes nothing.
    """

    name: str
    model: Model
    sources: Mapping[str, Source]
    features: tuple[DeclaredFeature, ...]
    facts: tuple[DeclaredFeature, ...]
    raw: Mapping[str, Any]
    signed: Signed | None = None

    @property
    def signature(self) -> Signature | None:
        """Who signed the agreement that the model names, and who is missing; None where nobody did, or there is none."""
        return None if self.signed is None else self.signed.signature

    def check_signed(self) -> None:
        """Refuse rules that are not those that were signed under the version that the model names."""
        check_signed(self.name, self.model, self.signed)

    def draft_notices(self) -> tuple[str, ...]:
        """Say who has yet to sign the agreement that the model names, where somebody has."""
        return draft_notices(self.name, self.model, self.signed)

    def columns(self) -> tuple[Column, ...]:
        """Return the model's columns, sorted by name."""
        return tuple(sorted((c for f in self.features for c in f.columns()), key=lambda c: c.name))

    def fact_columns(self) -> dict[str, str]:
        """Return fact → the column that holds when present and above zero."""
        by_name = {f.name: f for f in (*self.features, *self.facts)}
        named = (fact for fact in self.model.stages.facts() if fact in by_name)  # else of the checklist
        return {fact: by_name[fact].fact_column() for fact in named}

    def worths(self) -> tuple[tuple[Worth, DeclaredFeature, Column], ...]:
        """Return each line of the points table with its feature and the column that it looks at."""
        by_name = {f.name: f for f in (*self.features, *self.facts)}
        lines = self.model.points.worths if self.model.points else ()
        return tuple(
            (line, item, next(c for c in item.columns() if c.name == _looked_at(line, item)))
            for line in lines
            for item in [by_name[line.name]]
        )

    def columns_beside(self) -> tuple[str, ...]:
        """Return the names of the columns that gates, points, baselines and segments look at, sorted."""
        score = self.existing_score()
        named = {*self.fact_columns().values(), *(column.name for _, _, column in self.worths())}
        # a category makes one column, called like the feature
        named |= {*self.model.evaluation.segments, *filter(None, [self.model.stages.sales_ready.per])}
        return tuple(sorted(named | ({score.name} if score else set())))

    def existing_score(self) -> Column | None:
        """Return the column of the score in use, which the model is held against, if one is declared."""
        name = self.model.evaluation.existing_score
        return next((f.columns()[0] for f in self.facts if f.name == name), None)

    def used_sources(self, *, scoring: bool = False) -> dict[str, Source]:
        """Return the sources that training reads, by name; scoring also reads who objects."""
        names = {f.feature.source for f in (*self.features, *self.facts)}
        names |= {self.model.label.source, self.model.population.source}
        if self.model.population.customers is not None:
            names.add(self.model.population.customers)
        if scoring and self.model.population.objections is not None:
            names.add(self.model.population.objections)
        return {name: self.sources[name] for name in sorted(names)}

    def fingerprint(self) -> str:
        """SHA-256 of what scores rest on: the declarations without the addresses of the data, without `BESIDE`, without who signed."""
        raw = {k: v for k, v in self.raw.items() if k not in ("sources", SIGNED)}
        raw["model"] = {k: v for k, v in self.raw["model"].items() if k not in BESIDE}
        raw["sources"] = {
            name: {k: v for k, v in table.items() if k != "uri"}
            for name, table in self.raw["sources"].items()
        }
        return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()

    def handled(self, model: Model, signed: Signed | None) -> Declarations:
        """Return these declarations with the rules for handoffs of a project, which are no part of what a model learnt.

        With its agreement too, where that leaves the stages as they are here: signing needs no training.

        Parameters
        ----------
        model : Model
            What the project declares now.
        signed : Signed or None
            What was signed of it.
        """
        same = model.agreement is not None and same_stages(model.stages, self.model.stages)
        agreed = {"agreement": model.agreement} if same else {}
        changed = self.model.model_copy(update={"handoffs": model.handoffs, **agreed})
        return replace(self, model=changed, signed=signed if same else self.signed)

    def to_json(self) -> dict[str, Any]:
        """Return a copy that :meth:`from_json` takes, of JSON values only."""
        return {"name": self.name, **plain(self.raw)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Declarations:
        """Check declarations again that :meth:`to_json` wrote; refusals then name no lines."""
        files = {name: TomlFile(f"features/{name}.toml", table) for name, table in values["features"].items()}
        sources = TomlFile(f"features/{SOURCES_FILE}.toml", values["sources"])
        name, stored = values["name"], values.get(SIGNED)
        signed = None if stored is None else TomlFile(f"{stored.get('version')}.toml", stored)
        return _assemble(name, TomlFile(f"models/{name}.toml", values["model"]), sources, files, signed)


@dataclass(frozen=True)
class ProjectFiles:
    """The TOML files of a project folder, read but not yet held against each other."""

    root: Path
    sources: TomlFile
    features: Mapping[str, TomlFile]
    models: Mapping[str, TomlFile]
    agreements: Mapping[str, TomlFile | None] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> ProjectFiles:
        """Read all TOML files of a project folder.

        Raises
        ------
        NoInput
            No project folder, or a file cannot be opened.
        BadDeclaration
            A file is not UTF-8 or not TOML.
        """
        root = root.resolve()
        for folder in ("features", "models"):
            if not (root / folder).is_dir():
                raise NoInput(
                    f"{root} is no lqmodel project: it has no folder {folder}/",
                    exists=_folders(root),
                    do="change to the project's folder, name it with --project, or make one with `lqmodel init`",
                )
        sources = TomlFile.read(root / "features" / f"{SOURCES_FILE}.toml", root)
        features = {
            p.stem: TomlFile.read(p, root)
            for p in sorted((root / "features").glob("*.toml"))
            if p.stem != SOURCES_FILE
        }
        models = {p.stem: TomlFile.read(p, root) for p in sorted((root / "models").glob("*.toml"))}
        agreements = {name: agreement_file(root, name, file.values) for name, file in models.items()}
        return cls(root, sources, features, models, agreements)

    def declarations(self, model: str | None = None) -> Declarations:
        """Check the declarations of one model; without a name, of the only one.

        Raises
        ------
        BadDeclaration
            A file is refused, or the files do not fit each other.
        NoInput
            There is no model at all.
        UsageError
            No such model, or several and none named.
        """
        if not self.models:
            raise NoInput(
                "models/ holds no model",
                where=str(self.root),
                do="write models/NAME.toml, or run `lqmodel init`",
            )
        if model is None and len(self.models) > 1:
            raise UsageError(
                "which model?",
                where=str(self.root),
                exists=sorted(self.models),
                do="name one of them with --name",
            )
        name = model if model is not None else next(iter(self.models))
        if name not in self.models:
            raise UsageError(
                f"no model {name!r}",
                where=str(self.root / "models"),
                exists=sorted(self.models),
                do=suggestion(name, self.models) or "name one of them",
            )
        return _assemble(name, self.models[name], self.sources, self.features, self.agreements.get(name))


def _assemble(
    name: str,
    model_file: TomlFile,
    sources_file: TomlFile,
    files: Mapping[str, TomlFile],
    signed_file: TomlFile | None = None,
) -> Declarations:
    sources = load_sources(sources_file)
    model = load_model(model_file)
    declared = _declared(files, sources)
    check_listed(model, files, model_file)
    check_model(model, sources, declared, model_file)
    check_points(model, sources, declared, model_file, files)
    features = tuple(f for _, f in sorted(declared.items()) if f.file in model.features)
    if not features:
        raise model_file.refuse(
            "features: these files declare no feature",
            ("features",),
            do="declare one in them, or list another file",
        )
    named = (declared[fact] for fact in model.facts() if fact in declared)  # else an item of the checklist
    facts = tuple(fact for fact in named if fact.file not in model.features)
    check_used(features, facts, model, sources, files)
    # whole feature files stand in the fingerprint: a gate's fact may live in any of them
    needed = {item.file for item in facts}.union(model.features)
    raw = {
        "sources": plain(sources_file.values),
        "features": {stem: plain(files[stem].values) for stem in sorted(needed)},
        "model": plain(model_file.values),
    }
    signed = None if signed_file is None else Signed.read(signed_file)
    if signed is not None:
        raw[SIGNED] = signed.raw
    return Declarations(name, model, sources, features, facts, raw, signed)


def _looked_at(line: Worth, item: DeclaredFeature) -> str:
    if line.window is None:
        return item.fact_column()
    return next(c.name for c in item.columns() if c.window == line.window)


def _declared(files: Mapping[str, TomlFile], sources: Mapping[str, Source]) -> dict[str, DeclaredFeature]:
    declared: dict[str, DeclaredFeature] = {}
    for stem, file in sorted(files.items()):
        kind, features = load_features(file)
        for name, feature in features.items():
            if name in declared:
                raise file.refuse(
                    f"{name!r} is declared twice",
                    (name,),
                    do=f"rename it here or in {places(declared[name], files)}",
                )
            declared[name] = DeclaredFeature(name, kind, stem, feature)
            check_feature(declared[name], sources, file)
    return declared


def _folders(root: Path) -> Iterable[str] | None:
    return sorted(f"{p.name}/" for p in root.iterdir() if p.is_dir()) if root.is_dir() else None
