"""Features that read the outcome itself, and columns that are named like it."""

from __future__ import annotations

from collections.abc import Iterator

from lqmodel.audit.case import Case, Judged, accepting
from lqmodel.audit.finding import Finding
from lqmodel.declarations import DeclaredFeature, OfRow, Taken
from lqmodel.figures import Figures
from lqmodel.lexicon import too_late


def label_as_feature(case: Case) -> Iterator[Judged]:
    """Features that read the label's columns, or in dated data its source."""
    label = case.declarations.model.label
    read = {c.column for c in (*label.where, *label.lost, *label.reopened)}
    files = _files(case, label.source)
    for item in case.declarations.features:
        source = item.feature.source
        same = [c for c in item.feature.reads() if c in read and files & _files(case, source)]
        if same:
            message = f"reads {same[0]!r}, which says the outcome"
        elif case.declarations.model.has_clock and source == label.source:
            message = f"reads source {source!r}, which holds the outcomes"
        else:
            continue
        do = f"take [{item.name}] out"
        yield Finding("stop", "label_as_feature", item.name, case.where(item), message, do), [item.name]


def _files(case: Case, source: str) -> set[str]:
    return set(case.inputs.uris[source].split(", "))


def suspicious_names(case: Case, figures: tuple[Figures, ...]) -> Iterator[Judged]:
    """Columns whose name suggests that they are filled in with the outcome, once per column."""
    auc = {f.feature: f.auc for f in figures}
    seen: dict[tuple[str, str], list[DeclaredFeature]] = {}
    for item in case.declarations.features:
        if isinstance(item.feature, OfRow) and case.one_row[item.feature.source]:
            for column in item.feature.reads():
                seen.setdefault((item.feature.source, column), []).append(item)
    for (source, column), items in sorted(seen.items(), key=lambda s: s[0]):
        word = too_late(column)
        if word is None:
            continue
        where, features = ", ".join(case.where(i) for i in items), [i.name for i in items]
        alone = [f"{auc[i.name]:.2f}" for i in items if isinstance(i.feature, Taken)]
        figure = f" (AUC alone {alone[0]})" if alone else ""
        if case.inputs.facts[source].has_clock:
            message = f"{word!r} is often overwritten later, and each lead has one row, so one value for all times{figure}"
            do = f"check that {column!r} stands as it was when the lead was made"
            yield Finding("warn", "suspicious_name", column, where, message, do), features
        else:
            message = f"{word!r} is often filled in with the outcome, and source {source!r} has no clock to show when{figure}"
            do = f"take it out, or, if {accepting(source, column)}"
            yield case.judged("suspicious_name", column, where, message, do, source, [column]), features
