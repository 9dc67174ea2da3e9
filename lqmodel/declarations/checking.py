"""Whether the declarations of a project fit each other; every refusal names file and line."""

from __future__ import annotations

from collections.abc import Mapping

from lqmodel.declarations.base import suggestion
from lqmodel.declarations.feature import DeclaredFeature
from lqmodel.declarations.lines import KeyPath
from lqmodel.declarations.loading import TomlFile
from lqmodel.declarations.model import Model
from lqmodel.declarations.source import Source
from lqmodel.declarations.stages import SUPPRESSED
from lqmodel.declarations.verbs import Attribute, Completeness

SOURCES_FILE = "sources"
UNTIMED = (Attribute, Completeness)
RESERVED = (
    "as_of",
    "created",
    "episode",
    "group",
    "lead_id",
    "won",
)  # the columns of a training set besides the features
UNTIMED_VERBS = ("attribute", "completeness")
Files = Mapping[str, TomlFile]
Sources = Mapping[str, Source]


def check_feature(declared: DeclaredFeature, sources: Sources, file: TomlFile) -> None:
    """Refuse a feature that reads what its source does not hold or does not allow."""
    name, feature = declared.name, declared.feature
    if name == SUPPRESSED:
        raise file.refuse(
            f"{name}: the name says who objects to being contacted or scored, and no feature may have it",
            (name,),
            do="rename it, such as do_not_call, and name that in `block`; or declare [population] objections",
        )
    if feature.source not in sources:
        raise file.refuse(
            f"{name}: no source {feature.source!r}",
            (name, "source"),
            exists=sorted(sources),
            do=suggestion(feature.source, sources)
            or f"declare [{feature.source}] in features/{SOURCES_FILE}.toml",
        )
    source = sources[feature.source]
    if source.occurred_at is None and not isinstance(feature, UNTIMED):
        raise file.refuse(
            f"{name}: {feature.verb} needs times, and source {feature.source!r} declares no occurred_at",
            (name, "source"),
            exists=[n for n, s in sorted(sources.items()) if s.occurred_at is not None],
            do=f"declare occurred_at in features/{SOURCES_FILE}.toml, or use the verb attribute",
        )
    for column in feature.reads():
        at = (name, *_place(declared, column))
        if column in source.display:
            raise file.refuse(
                f"{name}: column {column!r} is declared for display only",
                at,
                exists=source.columns,
                do=f"take it out of `display` of [{feature.source}] if it may be used as a feature",
            )
        _check_allowed(column, feature.source, source, name, file, at)


def _place(declared: DeclaredFeature, column: str) -> KeyPath:
    """Return the keys under which a feature names a column that it reads."""
    feature = declared.feature
    if column in (condition.column for condition in feature.where):
        return "where", column
    return ("of",) if isinstance(feature, Completeness) else ("column",)


def _check_allowed(column: str, name: str, source: Source, reader: str, file: TomlFile, at: KeyPath) -> None:
    if source.allows(column):
        return
    allowed = source.columns or ()
    near = suggestion(column, allowed)
    add = f"add it to `columns` of [{name}] if it may be used"
    raise file.refuse(
        f"{reader}: source {name!r} does not allow column {column!r}",
        at,
        exists=allowed,
        do=f"{near}, or {add}" if near else add,
    )


def check_listed(model: Model, files: Files, file: TomlFile) -> None:
    """Refuse a model that lists a feature file that is not there."""
    for stem in model.features:
        if stem not in files:
            near = suggestion(stem, files) or f"add features/{stem}.toml, or take {stem!r} out"
            raise file.refuse(
                f"features: no feature file {stem!r}",
                ("features",),
                exists=sorted(files),
                do=f"take {stem!r} out, features are declared in other files"
                if stem == SOURCES_FILE
                else near,
            )


def check_model(
    model: Model, sources: Sources, declared: Mapping[str, DeclaredFeature], file: TomlFile
) -> None:
    """Refuse a model whose sources, columns, clock or gates do not exist as it needs them."""
    for part, source in (("label", model.label.source), ("population", model.population.source)):
        if source not in sources:
            raise file.refuse(
                f"{part}.source: no source {source!r}",
                (part, "source"),
                exists=sorted(sources),
                do=suggestion(source, sources) or f"declare [{source}] in features/{SOURCES_FILE}.toml",
            )
        if model.has_clock and sources[source].occurred_at is None:
            raise file.refuse(
                f"{part}.source: {source!r} declares no occurred_at, and the model has a horizon",
                (part, "source"),
                exists=[n for n, s in sorted(sources.items()) if s.occurred_at is not None],
                do="declare occurred_at, or take out label.horizon and population.every",
            )
    if not model.has_clock and model.label.source != model.population.source:
        raise file.refuse(
            f"label.source: {model.label.source!r}, but without a clock the label stands in the table of the leads",
            ("label", "source"),
            exists=(model.population.source,),
            do="declare label.horizon and population.every for dated outcomes",
        )
    for key in ("customers", "objections"):
        _check_source(key, getattr(model.population, key), sources, file)
    _check_model_columns(model, sources, file)
    for (stage, key), facts in model.stages.gates().items():
        asked = model.stages.sal.checklist if (stage, key) == ("sql", "require") else ()
        for fact in facts:
            if fact in declared or fact not in asked:
                _check_fact(fact, declared, file, ("stages", stage, key), asked)
    for name in model.evaluation.segments:
        _check_segment(name, declared, file, ("evaluation", "segments"))
    if model.stages.sales_ready.per is not None:
        _check_segment(model.stages.sales_ready.per, declared, file, ("stages", "sales_ready", "per"))


def _check_source(key: str, name: str | None, sources: Sources, file: TomlFile) -> None:
    if name is not None and name not in sources:
        raise file.refuse(
            f"population.{key}: no source {name!r}",
            ("population", key),
            exists=sorted(sources),
            do=suggestion(name, sources) or f"declare [{name}] in features/{SOURCES_FILE}.toml",
        )


def _check_segment(name: str, declared: Mapping[str, DeclaredFeature], file: TomlFile, at: KeyPath) -> None:
    categories = sorted(n for n, d in declared.items() if all(c.dtype == "category" for c in d.columns()))
    if name not in declared:
        raise file.refuse(
            f"{'.'.join(at)}: no feature or fact {name!r}",
            at,
            exists=categories,
            do=suggestion(name, categories) or f"declare [{name}] in a file in features/, or take it out",
        )
    if name not in categories:
        raise file.refuse(
            f"{'.'.join(at)}: {name!r} is a number, and segments are the levels of a category",
            at,
            exists=categories,
            do="name one of these, or declare the column once more with dtype = 'category'",
        )


def _check_model_columns(model: Model, sources: Sources, file: TomlFile) -> None:
    read = [
        ("label", key, c.column) for key in ("where", "lost", "reopened") for c in getattr(model.label, key)
    ]
    if model.population.account is not None:
        read.append(("population", "account", model.population.account))
    for part, key, column in read:
        name = model.label.source if part == "label" else model.population.source
        if column not in sources[name].display:
            _check_allowed(column, name, sources[name], f"{part}.{key}", file, (part, key, column))
    leads = model.population.source
    for key in ("column", "territory"):
        column, at = getattr(model.handoffs.owners, key), ("handoffs", "owners", key)
        if column is not None and column not in sources[leads].display:
            _check_allowed(column, leads, sources[leads], ".".join(at), file, at)


def _check_fact(
    fact: str,
    declared: Mapping[str, DeclaredFeature],
    file: TomlFile,
    at: KeyPath,
    checklist: tuple[str, ...] = (),
) -> None:
    if fact not in declared:
        exists = [*checklist, *sorted(declared)]
        do = (
            _suppression(fact)
            or suggestion(fact, exists)
            or f"declare [{fact}] in a file in features/, or take it out"
        )
        kinds = "feature, fact or item of the checklist" if checklist else "feature or fact"
        raise file.refuse(f"{'.'.join(at)}: no {kinds} {fact!r}", at, exists=exists, do=do)
    if any(column.dtype == "category" for column in declared[fact].columns()):
        raise file.refuse(
            f"{'.'.join(at)}: {fact!r} is a category, and a gate needs a number",
            at,
            exists=sorted(n for n, d in declared.items() if all(c.dtype == "number" for c in d.columns())),
            do="declare a count with the category in its `where`",
        )


def _suppression(fact: str) -> str | None:
    return "take it out: it may stand in stages.sales_ready.block alone" if fact == SUPPRESSED else None


def check_used(
    features: tuple[DeclaredFeature, ...],
    facts: tuple[DeclaredFeature, ...],
    model: Model,
    sources: Sources,
    files: Files,
) -> None:
    """Refuse features that know the outcome or have no clock, and columns that are made twice."""
    for item in features:
        _check_known_before(item, model, sources, files[item.file])
    seen: dict[str, DeclaredFeature] = {}
    for item in (*features, *facts):
        file = files[item.file]
        if not model.has_clock and not isinstance(item.feature, UNTIMED):
            raise file.refuse(
                f"{item.name}: the model has no clock, so {item.feature.verb} has no as_of to look from",
                (item.name, "verb"),
                exists=UNTIMED_VERBS,
                do="use one of these verbs, or declare label.horizon and population.every",
            )
        for column in item.columns():
            if column.name in RESERVED:
                raise file.refuse(
                    f"{item.name}: a column of every training set is called {column.name!r}",
                    (item.name,),
                    exists=RESERVED,
                    do="give the feature another name than these",
                )
            if column.name in seen:
                other = seen[column.name]
                raise file.refuse(
                    f"{item.name} and {other.name} both make a column {column.name!r}",
                    (item.name,),
                    do=f"rename it here, or rename {other.name} in {places(other, files)}",
                )
            seen[column.name] = item


def _check_known_before(item: DeclaredFeature, model: Model, sources: Sources, file: TomlFile) -> None:
    name, read = item.feature.source, item.feature.reads()
    if sources[name].origin == "handoff":
        raise file.refuse(
            f"{item.name}: source {name!r} holds facts caused by a handoff",
            (item.name, "source"),
            exists=[n for n, s in sorted(sources.items()) if s.origin is None],
            do="features may not use them, gates may: move it to a file that the model does not list",
        )
    label = {condition.column for condition in (*model.label.where, *model.label.lost)}
    leaking = [column for column in read if column in label]
    if leaking and name == model.label.source and not model.has_clock:
        raise file.refuse(
            f"{item.name} reads the label's column {leaking[0]!r}",
            (item.name, *_place(item, leaking[0])),
            do="take the feature out, or the column out of it",
        )


def places(item: DeclaredFeature, files: Files) -> str:
    """Return file and line of a declared feature."""
    return files[item.file].where((item.name,))
