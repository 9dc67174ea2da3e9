"""Whether the points table and the existing score name what is there, and what may be used so."""

from __future__ import annotations

from collections.abc import Mapping

from lqmodel.declarations.base import suggestion
from lqmodel.declarations.checking import places
from lqmodel.declarations.feature import DeclaredFeature
from lqmodel.declarations.lines import KeyPath
from lqmodel.declarations.loading import TomlFile
from lqmodel.declarations.model import Model
from lqmodel.declarations.points import Worth
from lqmodel.declarations.source import Source

Declared = Mapping[str, DeclaredFeature]
EXISTING: KeyPath = ("evaluation", "existing_score")


def check_points(
    model: Model,
    sources: Mapping[str, Source],
    declared: Declared,
    file: TomlFile,
    files: Mapping[str, TomlFile],
) -> None:
    """Refuse points for what is not declared so, and a score in use that is not one number or is learnt from."""
    for line in model.points.worths if model.points else ():
        at = ("points", "for", line.name)
        _check_declared(line.name, declared, file, at)
        item = declared[line.name]
        if sources[item.feature.source].origin == "handoff":
            raise file.refuse(
                f"points.for: {line.name!r} comes from source {item.feature.source!r}, which holds facts caused by a handoff",
                at,
                exists=[n for n, d in sorted(declared.items()) if sources[d.feature.source].origin is None],
                do="take it out: points decide on the handoff, so they cannot wait for what it brings about",
            )
        _check_form(line, item, file, at)
    if model.evaluation.existing_score is not None:
        _check_existing(model.evaluation.existing_score, model, declared, file, files)


def _check_declared(name: str, declared: Declared, file: TomlFile, at: KeyPath) -> None:
    if name not in declared:
        do = suggestion(name, declared) or f"declare [{name}] in a file in features/, or take it out"
        part = ".".join(at[:2])
        raise file.refuse(f"{part}: no feature or fact {name!r}", at, exists=sorted(declared), do=do)


def _check_form(line: Worth, item: DeclaredFeature, file: TomlFile, at: KeyPath) -> None:
    """Refuse a level of a number, a number's line of a category, and a window that the feature lacks."""
    columns = item.columns()
    is_category = columns[0].dtype == "category"
    if is_category and line.level is None:
        raise file.refuse(
            f"points.for: {line.name!r} is a category, and its levels give points",
            at,
            do=f"write {line.name} = {{ software = {line.points} }}, with a level of its own",
        )
    if not is_category and line.level is not None:
        raise file.refuse(
            f"points.for: {line.name!r} is a number, and has no level {line.level!r}",
            (*at, line.level),
            do=f"write {line.name} = {line.points}, or {line.name} = {{ ge = 50, points = {line.points} }}",
        )
    windows = {c.window: c.window.text for c in columns if c.window is not None}
    if line.window is not None and line.window not in windows:
        raise file.refuse(
            f"points.for: {line.name!r} has no window {line.window.text!r}",
            (*at, "window"),
            exists=list(windows.values()),
            do="write one of these" if windows else "take the window out",
        )


def _check_existing(
    name: str, model: Model, declared: Declared, file: TomlFile, files: Mapping[str, TomlFile]
) -> None:
    _check_declared(name, declared, file, EXISTING)
    item = declared[name]
    columns = item.columns()
    if len(columns) > 1 or columns[0].dtype == "category":
        held = "a category" if columns[0].dtype == "category" else f"{len(columns)} columns"
        raise file.refuse(
            f"evaluation.existing_score: {name!r} is {held}, and a score is one number",
            EXISTING,
            exists=sorted(n for n, d in declared.items() if [c.dtype for c in d.columns()] == ["number"]),
            do="declare it with verb = 'attribute' and dtype = 'number'",
        )
    if item.file in model.features:
        raise file.refuse(
            f"evaluation.existing_score: {name!r} is a feature of the model ({places(item, files)})",
            EXISTING,
            do="move it to a file that `features` does not list: the model must not learn from the score that it is held against",
        )
