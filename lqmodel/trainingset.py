"""Snapshots ⨝ features ⨝ labels, and how they are split in time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from lqmodel import engine
from lqmodel.asof import iso
from lqmodel.declarations import DAY, Column, Declarations
from lqmodel.declarations.points import UNTIL_THEN
from lqmodel.engine import CREATED, KEY, fetch, fetch_row, materialise, settled
from lqmodel.errors import BadData, Refused, TooFewWins
from lqmodel.inputs import Inputs
from lqmodel.labels import group, label, population
from lqmodel.maturity import mature_moments, out_of_reach, won_and_lost
from lqmodel.sweep import features_at
from lqmodel.verbs import matches, reach

if TYPE_CHECKING:
    import pandas as pd

ID, AS_OF, CREATED_AT, EPISODE, GROUP, WON = "lead_id", "as_of", "created", "episode", "group", "won"
WON_KNOWN = "__won_known"  # int64 microseconds UTC: when the win could first be known; null if never won
LEAST_TO_LEARN = 1 / 3
"""Of the time that a horizon leaves of the mature history, what the test must leave to learn from."""


@dataclass(frozen=True, repr=False)
class Snapshots:
    """Labelled snapshots. Grain: (lead_id, as_of), in this order.

    Attributes
    ----------
    table : pyarrow.Table
        lead_id (string), as_of and created (timestamp[us, UTC]; null without a clock), episode (int64: the
        which time the lead is worked, counted from 1), group (string: the account, else the lead), won (int8, 0 or 1), __won_known (int64 microseconds UTC: when the win could
        first be known), then the features by name (float64 or string), and the facts that gates look at.
    columns : tuple of Column
        The model's columns, by name.
    declarations : Declarations
        What they were built from.
    counts : dict of str to int
        What was left out or is missing, and how often.
    """

    table: pa.Table
    columns: tuple[Column, ...]
    declarations: Declarations
    counts: dict[str, int]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        leads = len(set(self.table[ID].to_pylist()))
        return f"<{len(self):,} snapshots of {leads:,} leads, {int(self.won.sum()):,} won, {len(self.columns)} columns>"

    @property
    def won(self) -> np.ndarray:
        """Labels, shape (n,), int8."""
        return np.asarray(self.table[WON].to_numpy())

    @property
    def groups(self) -> np.ndarray:
        """Account, else lead, shape (n,), object."""
        return np.asarray(self.table[GROUP].to_pylist(), dtype=object)

    @property
    def lead_ids(self) -> np.ndarray:
        """Lead of each snapshot, shape (n,), object."""
        return np.asarray(self.table[ID].to_pylist(), dtype=object)

    @property
    def as_of(self) -> np.ndarray:
        """Microseconds UTC, shape (n,), int64; 0 without a clock."""
        return self._microseconds(AS_OF)

    @property
    def created(self) -> np.ndarray:
        """When each lead was made, microseconds UTC, shape (n,), int64; 0 without a clock."""
        return self._microseconds(CREATED_AT)

    def _microseconds(self, column: str) -> np.ndarray:
        return np.asarray(self.table[column].cast(pa.int64()).fill_null(0).to_numpy())

    def features(self) -> pa.Table:
        """Return the model's columns alone, by name."""
        return self.table.select([c.name for c in self.columns])

    def fact(self, name: str) -> np.ndarray:
        """Return the values of a fact that gates look at, shape (n,), float64; NaN where missing."""
        column = self.table[self.declarations.fact_columns()[name]]
        return np.asarray(column.cast(pa.float64()).fill_null(np.nan).to_numpy())

    def take(self, rows: np.ndarray) -> Snapshots:
        """Keep the rows of a boolean mask, shape (n,)."""
        return replace(self, table=self.table.filter(pa.array(rows)))

    def split(self) -> tuple[Snapshots, Snapshots]:
        """Split into training and test: the latest stretch is the test, labels known before it is the training.

        A test that would leave less than `LEAST_TO_LEARN` of what a horizon leaves is shortened to that; see
        `smalldata.shortened`. Without a clock the test is a share of the groups, chosen by a hash of their names.

        Raises
        ------
        Refused
            The history is too short to learn from and to hold out a week.
        """
        evaluation, horizon = self.declarations.model.evaluation, self.declarations.model.label.horizon
        if horizon is None:
            share = hash_share(self.groups)
            lowest = np.unique(share)  # by rank, not by value: a part that was split off can be split again
            held_out = (
                share < lowest[min(max(round(evaluation.test_share * len(lowest)), 1), len(lowest) - 1)]
            )
            return self.take(~held_out), self.take(held_out)
        as_of = self.as_of
        lag = self.declarations.sources[self.declarations.model.label.source].lag.us
        test = as_of > int(as_of.max()) - test_length(self.declarations, int(as_of.min()), int(as_of.max()))
        # the last label that training may use is known just before the first test as_of
        train = as_of + horizon.us + lag <= as_of[test].min()
        if not train.any():
            days = (int(as_of.max()) - int(as_of.min())) / DAY
            raise Refused(
                f"the mature snapshots cover {days:.0f} days ({iso(int(as_of.min()))} to {iso(int(as_of.max()))}): too few to "
                f"learn from and to hold out a week after a horizon of {horizon.text}",
                do=f"shorten label.horizon, or give a longer history; {UNTIL_THEN}",
            )
        return self.take(train)._as_known_at(int(as_of[test].min())), self.take(test)

    def _as_known_at(self, moment: int) -> Snapshots:
        """Return the snapshots with the labels that were known strictly before ``moment``, the others counted.

        A win that arrived later counts as not won, as it would have then: leaving the snapshot out instead
        would make the choice of rows depend on the outcome.
        """
        later = self._microseconds(WON_KNOWN) >= moment
        n = int((later & (self.won == 1)).sum())
        if not n:
            return self
        labels = pa.array(np.where(later, 0, self.won), pa.int8())
        table = self.table.set_column(self.table.schema.get_field_index(WON), WON, labels)
        return replace(
            self,
            table=table,
            counts={**self.counts, "won, but known only after the test began: taken as not won": n},
        )

    def to_pandas(self) -> tuple[pd.DataFrame, pd.Series]:
        """Return X (numbers float64, categories as pandas categories) and y (int8), for any estimator."""
        frame = self.features().to_pandas()
        for column in self.columns:
            if column.dtype == "category":
                frame[column.name] = frame[column.name].astype("category")
        return frame, self.table[WON].to_pandas()


def test_length(declarations: Declarations, first: int, last: int) -> int:
    """Return how long the test is where mature snapshots lie from ``first`` to ``last``; all in microseconds.

    As declared, but so short that `LEAST_TO_LEARN` of what a horizon leaves is left to learn from, and no
    shorter than a week.
    """
    model = declarations.model
    if model.label.horizon is None:
        raise TypeError("without a clock the test is a share of the leads")
    left = last - first - model.label.horizon.us - declarations.sources[model.label.source].lag.us
    return min(model.evaluation.test.us, max(int(left * (1 - LEAST_TO_LEARN)), 7 * DAY))


def hash_share(groups: np.ndarray) -> np.ndarray:
    """Map names to [0, 1) by a hash that never changes, shape (n,), float64."""
    names, inverse = np.unique(groups.astype(str), return_inverse=True)
    hashed = [int.from_bytes(hashlib.blake2b(n.encode(), digest_size=8).digest(), "big") for n in names]
    return (np.array(hashed, dtype=np.float64) / 2.0**64)[inverse]


def lead_hashes(lead_ids: np.ndarray) -> list[str]:
    """Return a short hash of each lead id, in order: tells leads apart without naming them."""
    return [hashlib.blake2b(str(lead).encode(), digest_size=6).hexdigest() for lead in lead_ids]


def training_set(
    declarations: Declarations, inputs: Inputs, observed_from: Mapping[str, int] | None = None
) -> Snapshots:
    """Build all mature snapshots of a model with their labels.

    ``observed_from``: source → first moment covered, where a model that was fitted elsewhere knows better.

    Raises
    ------
    TooFewWins
        No lead was won, or all were.
    Refused
        No snapshot is mature yet.
    """
    build = _dated if declarations.model.has_clock else _undated
    snapshots = build(declarations, inputs, {**inputs.observed_from(), **(observed_from or {})})
    wins = int(snapshots.won.sum())
    if wins in (0, len(snapshots)):
        found = "no win" if wins == 0 else "nothing but wins"
        raise TooFewWins(
            f"{found} among {len(snapshots)} labelled snapshots",
            where=f"models/{declarations.name}.toml [label]",
            exists=_label_values(declarations, inputs),
            do="check label.where against the values that stand there" + ("" if wins else f"; {UNTIL_THEN}"),
        )
    return snapshots


def _label_values(declarations: Declarations, inputs: Inputs) -> list[str]:
    source, where = declarations.model.label.source, declarations.model.label.where
    if not where:
        return [f"{inputs.facts[source].rows} rows in source {source!r}, each a win"]
    table, column = inputs.facts[source].table, where[0].column
    values = table.group_by(value=table[column]).aggregate(n=table.count())
    values = fetch(values.order_by(ibis.desc("n"), "value").limit(10))
    return [f"{column} = {row['value']!r} ({row['n']} rows)" for row in values.to_pylist()]


def _dated(declarations: Declarations, inputs: Inputs, observed: Mapping[str, int]) -> Snapshots:
    model = declarations.model
    leads, outcomes = inputs.facts[model.population.source], inputs.facts[model.label.source]
    moments = mature_moments(leads, outcomes, inputs, model)
    snapshots, counts = _labelled(declarations, inputs, moments)
    table = _with_features(snapshots, inputs, declarations, observed)
    counts |= out_of_reach(leads, outcomes, model, moments)
    counts |= won_and_lost(snapshots, outcomes, model)
    return _snapshots(table, declarations, counts | _reaching_back(table, observed, declarations))


def snapshots_at(
    declarations: Declarations,
    inputs: Inputs,
    moments: list[int],
    observed_from: Mapping[str, int] | None = None,
) -> Snapshots:
    """Build the labelled snapshots of other moments than those of the training set.

    Parameters
    ----------
    declarations : Declarations
        Of a model that looks at leads ``every`` so often.
    inputs : Inputs
    moments : list of int
        The as_ofs, microseconds UTC; each must be mature.
    observed_from : mapping of str to int, optional
        As in `training_set`.
    """
    snapshots, counts = _labelled(declarations, inputs, moments)
    observed = {**inputs.observed_from(), **(observed_from or {})}
    return _snapshots(_with_features(snapshots, inputs, declarations, observed), declarations, counts)


def _labelled(
    declarations: Declarations, inputs: Inputs, moments: list[int]
) -> tuple[ir.Table, dict[str, int]]:
    """Return who is in the population at which moment, with labels, and what was left out."""
    model = declarations.model
    leads, outcomes = inputs.facts[model.population.source], inputs.facts[model.label.source]
    customers = None if model.population.customers is None else inputs.facts[model.population.customers]
    everyone = population(leads, outcomes, model, moments, customers)
    everyone = materialise(inputs.con, "__everyone", everyone)
    late = fetch_row(everyone.aggregate(n=everyone.count(where=everyone.late)))["n"]
    snapshots = everyone.filter(~everyone.late).drop("late")
    labelled = snapshots.mutate(**{WON: label(snapshots, model), WON_KNOWN: snapshots.won_known})
    counts = {"won before as_of but known later, left out": late} if late else {}
    return materialise(inputs.con, "__snapshots", labelled), counts


def _reaching_back(
    table: pa.Table, observed: Mapping[str, int], declarations: Declarations
) -> dict[str, int]:
    """Count, for each source, the snapshots with windows that begin before the source does."""
    as_of = table[AS_OF].to_numpy()
    counts = {}
    for name, start in sorted(observed.items()):
        bounds = [
            reach(item.feature, column.window)
            for item in declarations.features
            if item.feature.source == name
            for column in item.columns()
        ]
        furthest = max((bound for bound in bounds if bound is not None), default=0)
        n = int((as_of - furthest < start).sum()) if furthest else 0
        if n:
            counts[f"with windows that begin before source {name!r} does ({iso(start)}), left missing"] = n
    return counts


def _undated(declarations: Declarations, inputs: Inputs, observed: Mapping[str, int]) -> Snapshots:
    model = declarations.model
    leads = inputs.facts[model.population.source]
    won = matches(leads.table, model.label.where).ifelse(1, 0).cast("int8")
    unlabelled = _unlabelled(leads.table, declarations)
    # filtered first: a user's column may be called as one of ours, and is replaced by the selection
    snapshots = leads.table.filter(~unlabelled).select(
        KEY,
        **{
            engine.GROUP: group(leads, model),
            engine.AS_OF: ibis.literal(0, "int64"),
            CREATED: ibis.null("int64"),
            engine.EPISODE: ibis.literal(1, "int64"),
            WON: won,
            WON_KNOWN: ibis.null("int64"),
        },
    )
    snapshots = materialise(inputs.con, "__snapshots", snapshots)
    table = _with_features(snapshots, inputs, declarations, observed)
    table = table.set_column(table.schema.get_field_index(AS_OF), AS_OF, pa.nulls(len(table), pa.int64()))
    n_unlabelled = leads.rows - len(table)
    return _snapshots(
        table, declarations, {"without a label, left out": n_unlabelled} if n_unlabelled else {}
    )


def _unlabelled(table: ir.Table, declarations: Declarations) -> ir.BooleanValue:
    """Rows whose label columns are all empty: the outcome is not known."""
    empty = [table[c.column].isnull() for c in declarations.model.label.where]
    return ibis.and_(*empty)


def _with_features(
    snapshots: ir.Table, inputs: Inputs, declarations: Declarations, observed: Mapping[str, int]
) -> pa.Table:
    """Return the snapshots with their features, ordered by lead and time."""
    at = snapshots.select(KEY, engine.AS_OF, CREATED)
    declared = (*declarations.features, *declarations.facts)
    named = {
        ID: KEY,
        AS_OF: engine.AS_OF,
        CREATED_AT: CREATED,
        EPISODE: engine.EPISODE,
        GROUP: engine.GROUP,
        WON: WON,
        WON_KNOWN: WON_KNOWN,
    }
    named |= {column.name: column.name for column in declarations.columns()}
    named |= {column: column for column in declarations.columns_beside()}
    with features_at(at, inputs.facts, declared, observed) as wide:
        joined = snapshots.left_join(wide.drop(CREATED), [KEY, engine.AS_OF])
        chosen = joined.select(**{ours: joined[theirs] for ours, theirs in named.items()})
        return fetch(chosen.order_by(ID, AS_OF))


def _snapshots(table: pa.Table, declarations: Declarations, counts: dict[str, int]) -> Snapshots:
    if table.num_rows == 0:
        raise BadData(
            "no lead is in the population at any time",
            where=f"models/{declarations.name}.toml [population]",
            do="check population.max_age, and whether the leads were created before the outcomes end",
        )
    # a number written into a query comes back in the engine's own width
    for name, kind in ((WON, pa.int8()), (EPISODE, pa.int64()), (WON_KNOWN, pa.int64())):
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    for name in (AS_OF, CREATED_AT):
        moments = table[name].cast(pa.timestamp("us", "UTC"))
        table = table.set_column(table.schema.get_field_index(name), name, moments)
    return Snapshots(settled(table), declarations.columns(), declarations, counts)
