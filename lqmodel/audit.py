"""Leakage and other traps in a training set, found before anything is trained.

    declarations ──> structure: whose facts, known when, named how ──┐
    snapshots ─────> figures of every column alone ──────────────────┴──> findings: stop, warn, note

A stop needs a reason to suspect *when* a fact was known: its source, its name without a clock, values that
stand on won leads only. Strength alone never stops short of near certainty, because good features are
strong as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lqmodel.declarations import Attribute, Completeness, Condition, Declarations, DeclaredFeature
from lqmodel.engine import KEY, KNOWN
from lqmodel.errors import LeakageFound
from lqmodel.figures import Figures, figures_of, folds_of
from lqmodel.inputs import Inputs
from lqmodel.labels import closings
from lqmodel.lexicon import ID as ID_WORDS
from lqmodel.lexicon import found, too_late
from lqmodel.trainingset import Snapshots
from lqmodel.verbs import matches

Level = Literal["stop", "warn", "note"]
LEVELS: Final[tuple[Level, ...]] = ("stop", "warn", "note")
WINNERS_ONLY: Final = 0.95  # from this share of won leads on, facts exist for winners only
ABOVE_BASE: Final = 0.2  # … if that is so far above the share of all leads that were won
MOSTLY_LATE: Final = 0.9  # from this share on, a winner's facts come after the win …
MOSTLY_WINNERS: Final = 0.5  # … and are its consequence where at least so many of their leads were won
FEWEST_LEADS: Final = 20  # fewer leads, or wins, say nothing about when facts are known
CERTAIN_AUC: Final = 0.98  # one attribute alone that ranks so well is the outcome under another name
STRONG_AUC: Final = 0.80  # of an attribute: worth a look, because whole models seldom rank better
STRONG_ACTIVITY: Final = 0.90  # the same of what a lead did, which has passed the door of time
EMPTY_AUC: Final = 0.65  # of "is it missing?" alone
EMPTY_RATIO: Final = 3.0  # between the share won with and without a value
FEWEST_EMPTY: Final = 50  # rows on either side, to compare them
CONSTANT: Final = 0.995  # from this share of one value (or of missing) on, nothing is learnt
MANY_LEVELS: Final = 200  # categories with more levels are mostly noise
ID_LIKE: Final = 0.5  # from so many levels per lead on, a category is a name


@dataclass(frozen=True)
class Finding:
    """One thing that the audit saw.

    Attributes
    ----------
    level : {"stop", "warn", "note"}
        "stop": training refuses; "warn": look at it.
    rule : str
        Its short name.
    name : str
        The feature, column or source.
    where : str
        Its file and table, or source and column.
    message, do : str
        What was seen, and what to do about it.
    """

    level: Level
    rule: str
    name: str
    where: str
    message: str
    do: str


Judged = tuple[Finding, list[str]]  # and the features that it is about


@dataclass(frozen=True)
class Audit:
    """All findings, and the figures that they rest on.

    Attributes
    ----------
    findings : tuple of Finding
        Stops first.
    figures : tuple of Figures
        Of every column alone, by name.
    """

    findings: tuple[Finding, ...]
    figures: tuple[Figures, ...]

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings at which training refuses."""
        return tuple(f for f in self.findings if f.level == "stop")

    def raise_if_stopped(self) -> None:
        """Refuse to go on.

        Raises
        ------
        LeakageFound
            There is a stop; the message lists each with what to do.
        """
        if not self.stops:
            return
        listed = "".join(f"\n  {f.name} ({f.where}): {f.message}\n    do: {f.do}" for f in self.stops)
        one = len(self.stops) == 1
        raise LeakageFound(
            f"{len(self.stops)} {'fact' if one else 'facts'} may come from after the outcome{listed}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; a NaN becomes null."""
        figures = [{k: None if v != v else v for k, v in asdict(f).items()} for f in self.figures]
        return {"findings": [asdict(f) for f in self.findings], "figures": figures}

    def __str__(self) -> str:
        if not self.findings:
            return "audit: nothing found"
        counts = [(sum(f.level == level for f in self.findings), level) for level in LEVELS]
        lines = ["audit: " + ", ".join(f"{n} {level}{'s' * (n != 1)}" for n, level in counts if n)]
        for f in self.findings:
            lines += [f"{f.level:<5} {f.name} ({f.where}): {f.message}", f"      do: {f.do}"]
        return "\n".join(lines)


def audit(snapshots: Snapshots, inputs: Inputs) -> Audit:
    """Look for facts from after the outcome, and for columns that teach nothing.

    Parameters
    ----------
    snapshots : Snapshots
        All labelled snapshots; the order of rows changes nothing.
    inputs : Inputs
        The facts they were made from.
    """
    case = _Case(snapshots.declarations, inputs)
    figures = _figures(snapshots, case)
    findings: list[Finding] = []
    settled: set[str] = set()  # features that one rule has stopped or accepted: the next rules are silent
    for rule in (case.label_as_feature(), case.known_too_late(), case.suspicious_names(figures)):
        for finding, features in list(rule):
            if not set(features) <= settled:
                findings.append(finding)
            if finding.level != "warn":
                settled.update(features)
    findings += [f for c in figures if c.feature not in settled for f in case.telling(c)]
    findings += [f for name in sorted({c.feature for c in figures}) for f in case.teaches(name, figures)]
    findings.sort(key=lambda f: (LEVELS.index(f.level), f.rule, f.name))
    return Audit(tuple(findings), figures)


def _figures(snapshots: Snapshots, case: _Case) -> tuple[Figures, ...]:
    ids = snapshots.lead_ids
    first = np.zeros(len(ids), dtype=bool)
    first[np.unique(ids.astype(str), return_index=True)[1]] = True
    once = (
        np.array([i in case.won_leads for i in ids[first].tolist()], dtype=bool),
        folds_of(snapshots.groups[first]),
    )
    each = (snapshots.won.astype(bool), folds_of(snapshots.groups))
    result = []
    for column in snapshots.columns:
        values, about = snapshots.table[column.name], each
        if case.stands_still(column.family):
            values, about = values.filter(pa.array(first)), once
        result.append(figures_of(column, values, *about))
    return tuple(sorted(result, key=lambda f: f.column))


class _Case:
    """One model's declarations held against its facts."""

    def __init__(self, declarations: Declarations, inputs: Inputs) -> None:
        self.declarations = declarations
        self.inputs = inputs
        self.by_name = {item.name: item for item in declarations.features}
        self.leads = _ever_won(declarations, inputs)
        won = self.leads.filter(self.leads.is_won)
        self.won_leads = frozenset(won[KEY].to_pyarrow().to_pylist())
        self.n_leads = int(self.leads.count().to_pyarrow().as_py())
        self.base = len(self.won_leads) / max(self.n_leads, 1)
        self.one_row = {
            name: self._one_row_per_lead(name) for name in {i.feature.source for i in declarations.features}
        }

    def _one_row_per_lead(self, source: str) -> bool:
        table = self.inputs.facts[source].table
        return self.inputs.facts[source].rows == int(table[KEY].nunique().to_pyarrow().as_py())

    def stands_still(self, feature: str) -> bool:
        """Whether the feature is a column of a table with one row per lead: no history, one value at all times."""
        item = self.by_name[feature].feature
        return isinstance(item, Attribute | Completeness) and self.one_row[item.source]

    def _where(self, item: DeclaredFeature) -> str:
        return f"features/{item.file}.toml [{item.name}]"

    def _warn(self, rule: str, name: str, item: DeclaredFeature, message: str, do: str) -> Finding:
        return Finding("warn", rule, name, self._where(item), message, do)

    def _judged(
        self,
        rule: str,
        name: str,
        where: str,
        message: str,
        do: str,
        source: str,
        columns: Iterable[str | None],
    ) -> Finding:
        """Return a stop, or a note where the source's declaration accepts one of the columns."""
        accepted = dict(self.declarations.sources[source].accept)
        for column in columns:
            if column in accepted:
                told = f"{message}; accepted: {accepted[column]}"
                return Finding("note", rule, name, where, told, "nothing, as long as that reason holds")
        return Finding("stop", rule, name, where, message, do)

    def label_as_feature(self) -> Iterator[Judged]:
        """Features that read the label's columns, or in dated data its source."""
        label = self.declarations.model.label
        read = {c.column for c in (*label.where, *label.lost)}
        address = self.inputs.uris[label.source]
        for item in self.declarations.features:
            source = item.feature.source
            same = [c for c in item.feature.reads() if c in read and self.inputs.uris[source] == address]
            if same:
                message = f"reads {same[0]!r}, which says the outcome"
            elif self.declarations.model.has_clock and source == label.source:
                message = f"reads source {source!r}, which holds the outcomes"
            else:
                continue
            do = f"take [{item.name}] out"
            yield Finding("stop", "label_as_feature", item.name, self._where(item), message, do), [item.name]

    def known_too_late(self) -> Iterator[Judged]:
        """Facts that exist for won leads only, or come after the win."""
        label = self.declarations.model.label.source if self.declarations.model.has_clock else None
        usages: dict[str, dict[tuple[tuple[Condition, ...], str | None], list[DeclaredFeature]]] = {}
        for item in self.declarations.features:
            column = item.feature.column if isinstance(item.feature, Attribute) else None
            if item.feature.source != label:
                usages.setdefault(item.feature.source, {}).setdefault(
                    (item.feature.where, column), []
                ).append(item)
        for source, by_usage in sorted(usages.items()):
            for items, told in zip(by_usage.values(), self._timing(source, list(by_usage)), strict=True):
                for item in items:
                    yield from self._late(source, item, told)

    def _timing(self, source: str, usages: list[tuple[tuple[Condition, ...], str | None]]) -> list[_Timing]:
        facts = self.inputs.facts[source]
        joined = self.leads.inner_join(facts.table, KEY)
        rows = {}
        for i, (where, column) in enumerate(usages):
            match = matches(joined, where)
            match = match & joined[column].notnull() if column else match
            rows[f"n{i}"] = joined.count(where=match)
            late = (joined[KNOWN] >= joined.won).fill_null(False) if facts.has_clock else ibis.literal(False)
            rows[f"late{i}"] = joined.count(where=match & late)
        each = joined.group_by(KEY).aggregate(is_won=joined.is_won.any(), **rows)
        sums: dict[str, ir.Value] = {}
        for i in range(len(usages)):
            n, late = each[f"n{i}"], each[f"late{i}"]
            sums |= {f"leads{i}": each.count(where=n > 0), f"won{i}": each.count(where=(n > 0) & each.is_won)}
            sums |= {f"facts{i}": n.sum(where=each.is_won).fill_null(0), f"late{i}": late.sum().fill_null(0)}
        row = each.aggregate(**sums).to_pyarrow().to_pylist()[0]
        return [
            _Timing(*(int(row[f"{key}{i}"] or 0) for key in ("leads", "won", "facts", "late")))
            for i in range(len(usages))
        ]

    def _late(self, source: str, item: DeclaredFeature, told: _Timing) -> Iterator[Judged]:
        if told.leads < FEWEST_LEADS:
            return
        share, late = told.won / told.leads, told.late / max(told.facts, 1)
        declared = self.declarations.sources[source]
        columns = [*item.feature.reads(), declared.occurred_at, declared.key]
        accept = item.feature.reads()[0] if item.feature.reads() else declared.occurred_at or declared.key
        do = f"take [{item.name}] out, or, if {_accepting(source, accept)}"
        if share - self.base < ABOVE_BASE:
            return
        if share >= WINNERS_ONLY:
            rule = "winners_only"
            message = f"its facts exist for {told.leads} leads; {share:.0%} of them were won, of all leads {self.base:.0%}"
        elif late >= MOSTLY_LATE and share >= MOSTLY_WINNERS:
            rule = "after_the_win"
            message = f"{late:.0%} of its facts of won leads are known only after the win"
        else:
            return
        yield self._judged(rule, item.name, self._where(item), message, do, source, columns), [item.name]

    def suspicious_names(self, figures: tuple[Figures, ...]) -> Iterator[Judged]:
        """Columns whose name suggests that they are filled in with the outcome, once per column."""
        auc = {f.feature: f.auc for f in figures}
        seen: dict[tuple[str, str], list[DeclaredFeature]] = {}
        for item in self.declarations.features:
            if isinstance(item.feature, Attribute | Completeness) and self.one_row[item.feature.source]:
                for column in item.feature.reads():
                    seen.setdefault((item.feature.source, column), []).append(item)
        for (source, column), items in sorted(seen.items(), key=lambda s: s[0]):
            word = too_late(column)
            if word is None:
                continue
            where, features = ", ".join(self._where(i) for i in items), [i.name for i in items]
            alone = [f"{auc[i.name]:.2f}" for i in items if isinstance(i.feature, Attribute)]
            figure = f" (AUC alone {alone[0]})" if alone else ""
            if self.inputs.facts[source].has_clock:
                message = f"{word!r} is often overwritten later, and each lead has one row, so one value for all times{figure}"
                do = f"check that {column!r} stands as it was when the lead was made"
                yield Finding("warn", "suspicious_name", column, where, message, do), features
            else:
                message = f"{word!r} is often filled in with the outcome, and source {source!r} has no clock to show when{figure}"
                do = f"take it out, or, if {_accepting(source, column)}"
                yield self._judged("suspicious_name", column, where, message, do, source, [column]), features

    def telling(self, column: Figures) -> Iterator[Finding]:
        """What a column alone, or its being empty, gives away."""
        item, wins = self.by_name[column.feature], len(self.won_leads)
        where, source = self._where(item), item.feature.source
        still = isinstance(item.feature, Attribute | Completeness)
        if still and column.auc >= CERTAIN_AUC and wins >= FEWEST_LEADS:
            message = f"alone it ranks held-out leads with AUC {column.auc:.3f}: it all but says the outcome"
            do = f"take it out, or, if {_accepting(source, item.feature.reads()[0])}"
            yield self._judged(
                "says_the_outcome", column.column, where, message, do, source, item.feature.reads()
            )
        elif column.auc >= (STRONG_AUC if still else STRONG_ACTIVITY):
            message = f"alone it ranks held-out rows with AUC {column.auc:.2f}"
            do = "make sure that it is known before the outcome"
            yield self._warn("strong_alone", column.column, item, message, do)
        empty = column.missing * column.rows
        if still and min(empty, column.rows - empty) >= FEWEST_EMPTY:
            low, high = sorted((column.won_empty, column.won_filled))
            if column.empty_auc >= EMPTY_AUC or high >= EMPTY_RATIO * low:
                message = (
                    f"won: {column.won_filled:.1%} with a value, {column.won_empty:.1%} without ({column.missing:.0%} of rows; "
                    f"AUC of missing alone {column.empty_auc:.2f})"
                )
                yield self._warn(
                    "telling_gaps", column.column, item, message, "ask who fills it in, and when"
                )

    def teaches(self, feature: str, figures: tuple[Figures, ...]) -> Iterator[Finding]:
        """Features of which nothing general can be learnt: empty, constant, names."""
        item, columns = self.by_name[feature], [f for f in figures if f.feature == feature]
        widest = min(columns, key=lambda f: f.top_share)
        if all(f.missing == 1 for f in columns):
            yield self._warn("empty", feature, item, "no row has a value", "take it out, or mend its source")
        elif widest.top_share >= CONSTANT:
            message = f"{widest.top_share:.2%} of rows are {widest.top_value!r}"
            do = "take it out: nothing can be learnt from so few"
            yield self._warn("near_constant", feature, item, message, do)
        elif isinstance(item.feature, Attribute):
            category = item.feature.dtype == "category"
            named = found(item.feature.column, ID_WORDS) is not None
            if (
                widest.levels >= ID_LIKE * self.n_leads
                and self.n_leads >= FEWEST_LEADS
                and (category or named)
            ):
                message = f"{widest.levels} different values for {self.n_leads} leads: it names them, it does not describe them"
                do = "take it out, or show it with `display`"
                yield self._warn("names_leads", feature, item, message, do)
            elif category and widest.levels > MANY_LEVELS:
                message = f"{widest.levels} levels; rare ones share one"
                do = "group them in the source, or take it out"
                yield self._warn("many_levels", feature, item, message, do)


@dataclass(frozen=True)
class _Timing:
    """Leads with a fact, those of them that were won, the facts of these, and how many came after the win."""

    leads: int
    won: int
    facts: int
    late: int


def _ever_won(declarations: Declarations, inputs: Inputs) -> ir.Table:
    """Return one row per lead: ``__key``, ``is_won`` and ``won`` (first win occurred, microseconds UTC, or null)."""
    model, leads = declarations.model, inputs.facts[declarations.model.population.source].table
    if not model.has_clock:
        labelled = ibis.or_(*(leads[c.column].notnull() for c in model.label.where))
        leads = leads.filter(labelled)
        return leads.select(KEY, is_won=matches(leads, model.label.where), won=ibis.null("int64"))
    closed = closings(inputs.facts[model.label.source], model).select(KEY, "won")
    joined = leads.select(KEY).left_join(closed, KEY)
    return joined.select(KEY, is_won=joined.won.notnull(), won=joined.won)


def _accepting(source: str, column: str) -> str:
    return (
        f'it was known before, write accept = {{ "{column}" = "why" }} in [{source}] of features/sources.toml'
    )
