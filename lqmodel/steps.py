"""What marketing can bring about: for each feature declared actionable the event that it counts, as such events are.

Learned at training and kept in the bundle (steps.json), so that what would help a lead follows from the bundle and
the lead's own facts alone, and no file has to be read whole for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lqmodel.asof import Facts
from lqmodel.declarations import Condition, Declarations, DeclaredFeature, OfRow
from lqmodel.declarations.verbs import OfColumn
from lqmodel.engine import (
    AS_OF,
    CREATED,
    KEY,
    KNOWN,
    LOCAL_DAY,
    OCCURRED,
    TEXT,
    fetch,
    fetch_row,
    materialise,
)
from lqmodel.errors import BadData
from lqmodel.features import features
from lqmodel.localdays import with_local_days
from lqmodel.verbs import matches

Value = float | str | None
OWN: Final = (KEY, OCCURRED, KNOWN, LOCAL_DAY)
STEP: Final = "__step"  # int64: position of a step

_STEPS, _TRIED = "__steps", "__tried"


@ibis.udf.agg.builtin(name="quantile_disc")  # type: ignore[untyped-decorator]
def _quantile(values: dt.float64, at: dt.float64) -> dt.float64: ...


@dataclass(frozen=True)
class Step:
    """One event that marketing can bring about.

    Attributes
    ----------
    features : tuple of str
        The declared features that count it, by name; the first one is the step's name.
    source : str
        The source that it would stand in.
    values : tuple of (str, float or str or None)
        Column of the source's facts → its value, by name; None is missing.
    makes_mql : bool
        Whether it makes a lead an MQL as was agreed, whatever the model says.
    """

    features: tuple[str, ...]
    source: str
    values: tuple[tuple[str, Value], ...]
    makes_mql: bool = False

    @property
    def name(self) -> str:
        """The name that decides between equals."""
        return self.features[0]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`; floats keep every digit."""
        return {**vars(self), "features": list(self.features), "values": dict(self.values)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Step:
        """Rebuild what `to_json` returned.

        Raises
        ------
        BadData
            The dictionary is not a step.
        """
        try:
            features, values = tuple(map(str, stored["features"])), dict(stored["values"])
            if not features or not all(v is None or isinstance(v, float | str) for v in values.values()):
                raise ValueError("a step has features, and values that are numbers, texts or missing")
            if not all(np.isfinite(v) for v in values.values() if isinstance(v, float)):
                raise ValueError("a number is not finite")
            return cls(
                features, str(stored["source"]), tuple(sorted(values.items())), bool(stored["makes_mql"])
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadData(f"this is not a stored step: {error!r}", where="steps") from error


def stored_steps(stored: Sequence[Mapping[str, Any]], declarations: Declarations) -> tuple[Step, ...]:
    """Rebuild the steps of a bundle.

    Raises
    ------
    BadData
        These are not steps of these declarations.
    """
    steps = tuple(map(Step.from_json, stored))
    sources = {item.name: item.feature.source for item in countable(declarations)}
    for step in steps:
        for name in step.features:
            if sources.get(name) != step.source:
                raise BadData(
                    f"{name!r} counts no event of source {step.source!r}",
                    where="steps",
                    exists=sorted(sources),
                )
    return steps


def countable(declarations: Declarations) -> tuple[DeclaredFeature, ...]:
    """Return the features whose events are steps, by name: actionable engagement that is counted over dated facts.

    Leads, outcomes and customers are no events; nor is what a handoff causes, which no feature may read. A model that
    looks at a lead once, at an age, has no steps: what happens afterwards does not move it.
    """
    model = declarations.model
    if not model.has_clock or model.population.at_age is not None:
        return ()
    no_events = {model.population.source, model.label.source, model.population.customers}
    return tuple(
        item
        for item in declarations.features
        if item.feature.actionable
        and item.kind == "engagement"
        and not isinstance(item.feature, OfRow)
        and item.feature.source not in no_events
        and declarations.sources[item.feature.source].occurred_at is not None
    )


def learn_steps(declarations: Declarations, facts: Mapping[str, Facts], before: int) -> tuple[Step, ...]:
    """Find the typical event of each actionable feature, among the facts known before a moment.

    Typical is the commonest text of each column, among the facts that share the texts before it: first the
    columns that the feature's ``where`` names, by name, then the others; of equally common texts the least, and
    missing last. Of a column of numbers it is the lower median of these facts; missing where most of them lack it.
    So a typical event fits its ``where``, and every value of it has occurred.

    Features of the same event share one step. An event that never occurred is none: the model has learned nothing of
    it. Nor is a hand-raise, an event that makes a `promote_any` fact of sales_ready hold of a lead that did nothing
    else, unless that fact is declared actionable itself: that a request hands over is what was agreed, whatever the
    model says. By the same rule a step may make an MQL, which is noted.

    Parameters
    ----------
    declarations : Declarations
    facts : mapping
        Source name → its facts, in DuckDB.
    before : int
        Microseconds UTC.

    Returns
    -------
    tuple of Step
        By name.
    """
    typical: dict[tuple[str, tuple[Condition, ...], str | None], tuple[tuple[str, Value], ...] | None] = {}
    counted: dict[tuple[str, tuple[tuple[str, Value], ...]], list[str]] = defaultdict(list)
    for item in countable(declarations):
        feature = item.feature
        filled = feature.column if isinstance(feature, OfColumn) else None
        key = (feature.source, feature.where, filled)
        if key not in typical:
            typical[key] = _typical(facts[feature.source], feature.where, filled, before)
        values = typical[key]
        if values is not None:
            counted[feature.source, values].append(item.name)
    steps = [Step(tuple(names), source, values) for (source, values), names in counted.items()]
    steps.sort(key=lambda step: step.name)
    stages = declarations.model.stages
    raises = _agreed(declarations, stages.sales_ready.promote_any, facts, steps, before)
    nurtures = _agreed(declarations, stages.mql.promote_any, facts, steps, before)
    return tuple(replace(step, makes_mql=i in nurtures) for i, step in enumerate(steps) if i not in raises)


def happened(facts: Facts, steps: Sequence[tuple[int, Step]], at: ir.Table, zone: str) -> ir.Table:
    """Let each step happen to each lead at the last moment that is still known before as_of.

    Parameters
    ----------
    facts : Facts
        Of the source that all ``steps`` stand in; gives the columns their types.
    steps : sequence of (int, Step)
        Position and step.
    at : ibis Table
        Grain: ``__key``; with ``__as_of``.
    zone : str
        Of the model's dates.

    Returns
    -------
    ibis Table
        One row per (lead, step): the columns of ``facts.table``, and ``__step``. It occurred at
        as_of - lag - 1 µs and was known at as_of - 1 µs, so a window shorter than the lag does not hold it.
    """
    con = at.get_backend()
    kinds = {c: t for c, t in facts.table.schema().items() if c not in OWN}
    given = [dict(step.values) for _, step in steps]
    columns = {
        c: pa.array([values.get(c) for values in given]).cast(kind.to_pyarrow()) for c, kind in kinds.items()
    }
    con.con.register(_STEPS, pa.table({STEP: pa.array([i for i, _ in steps], pa.int64()), **columns}))
    crossed = at.select(KEY, AS_OF).cross_join(con.table(_STEPS))
    occurred = crossed[AS_OF] - (facts.source.lag.us + 1)
    rows = crossed.mutate(**{OCCURRED: occurred, KNOWN: crossed[AS_OF] - 1}).drop(AS_OF)
    if LOCAL_DAY in facts.table.columns:
        rows = with_local_days(replace(facts, table=rows), zone).table
    made = materialise(con, f"__happened_{facts.name}", rows.select(*facts.table.columns, STEP))
    con.con.unregister(_STEPS)
    return made


def _typical(
    facts: Facts, where: tuple[Condition, ...], filled: str | None, before: int
) -> tuple[tuple[str, Value], ...] | None:
    """Return the typical fact among those that match; None if there is none."""
    table = facts.table
    known = [table[KNOWN] < before, table[OCCURRED] < before]
    table = table.filter(*known, matches(table, where), *([table[filled].notnull()] if filled else []))
    schema = table.schema()
    texts = [c for c in schema if c not in OWN and schema[c].is_string()]
    named = {c for condition in where for c in (condition.column, TEXT + condition.column)}
    values: dict[str, Value] = {c: None for c in schema if c not in OWN}
    for column in sorted(texts, key=lambda c: (c not in named, c)):
        counts = table.group_by(column).aggregate(n=table.count())
        first = counts.order_by(ibis.desc("n"), counts[column].isnull(), counts[column]).limit(1)
        rows = fetch(first)[column].to_pylist()
        if not rows:
            return None
        values[column] = rows[0]
        table = table.filter(table[column].isnull() if rows[0] is None else table[column] == rows[0])
    numbers = [c for c in schema if c not in OWN and schema[c].is_floating()]
    measures: dict[str, ir.Scalar] = {"n": table.count()}
    for i, column in enumerate(numbers):
        measures |= {f"n{i}": table[column].count(), f"m{i}": _quantile(table[column], 0.5)}
    row = fetch_row(table.aggregate(**measures))
    if not row["n"]:
        return None
    for i, column in enumerate(numbers):
        values[column] = None if 2 * row[f"n{i}"] < row["n"] else row[f"m{i}"] + 0.0
    return tuple(sorted(values.items()))


def _agreed(
    declarations: Declarations,
    gate: Sequence[str],
    facts: Mapping[str, Facts],
    steps: Sequence[Step],
    as_of: int,
) -> set[int]:
    """Return the positions of the steps that alone make a fact of a gate hold which is not declared actionable."""
    declared = [
        f
        for f in (*declarations.features, *declarations.facts)
        if f.name in gate and not f.feature.actionable
    ]
    found: set[int] = set()
    for source in sorted({step.source for step in steps}):
        ours = [(i, step) for i, step in enumerate(steps) if step.source == source]
        if gates := [f for f in declared if f.feature.source == source]:
            found |= _making(facts[source], ours, gates, as_of, declarations.model.zone)
    return found


def _making(
    facts: Facts, steps: Sequence[tuple[int, Step]], gates: Iterable[DeclaredFeature], as_of: int, zone: str
) -> set[int]:
    """Look at one new lead for each step, to whom nothing but this step has happened."""
    gates = tuple(gates)
    con = facts.table.get_backend()
    one = pa.table({KEY: ["lead"], AS_OF: pa.array([as_of], pa.int64())})
    con.con.register(_TRIED, one)
    rows = happened(facts, steps, con.table(_TRIED), zone)
    con.con.unregister(_TRIED)
    rows = rows.mutate(**{KEY: rows[STEP].cast("string")})
    created = ibis.literal(as_of - facts.source.lag.us - 1, "int64")
    snapshots = rows.select(KEY, **{AS_OF: ibis.literal(as_of, "int64"), CREATED: created})
    found = fetch(features(snapshots, {facts.name: replace(facts, table=rows.drop(STEP))}, gates, {}))
    columns = [gate.fact_column() for gate in gates]
    return {int(row[KEY]) for row in found.to_pylist() if any((row[c] or 0) > 0 for c in columns)}
