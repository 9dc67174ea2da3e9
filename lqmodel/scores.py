"""What a scoring is, and the steps that scoring by a model and by points share.

roster ──> values_at ──> (a model, or points) ──> states.walk, all_leads ──> Scores
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel import engine
from lqmodel.barring import OBJECTS, Kept
from lqmodel.declarations import Declarations, Handoffs, Signature
from lqmodel.engine import KEY, fetch
from lqmodel.errors import NoInput, Refused, nearest
from lqmodel.files import canonical, sha256
from lqmodel.inputs import Inputs
from lqmodel.languages import ENGLISH, Language
from lqmodel.makeup import Makeup
from lqmodel.roster import ID, REASON, Scorer, to_score
from lqmodel.skew import Skew
from lqmodel.stages import CUSTOMER, LEAD, STAGES, acts_digest
from lqmodel.states import EPISODE, SHOWN, Before, Walked
from lqmodel.sweep import features_at
from lqmodel.timeline import SCHEMA, timeline

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT, CREATED_AT = "as_of", "created"
SCORED, OUTSIDE, SUPPRESSED = "scored", "outside_population", "suppressed"
DIGITS = 6
"""Digits of probabilities and log-odds in outputs: finer than any interval, coarser than a platform's last bit."""
REASONS = 3
"""Reasons for and against that a row of scores carries; `explain` shows them all."""
NEAR = 20_000
"""Lead ids among which one that was misspelt is looked for: as many as fit into a second."""


class Scored(Protocol):
    """Scores of a moment, in memory or read from a run: what an explanation needs."""

    @property
    def table(self) -> pa.Table: ...
    @property
    def features(self) -> pa.Table: ...
    @property
    def as_of(self) -> int | None: ...
    @property
    def bundle_version(self) -> str: ...


class Previous(Scored, Before, Protocol):
    """The run before: its states are where the stages go on from, its values what changed is told against."""

    @property
    def run_id(self) -> str: ...
    @property
    def makeup(self) -> Makeup | None: ...


@dataclass(frozen=True, eq=False)
class Scores:
    """One scoring of all leads at one as_of, not yet written.

    Attributes
    ----------
    model, bundle_version : str
        Name and version of what scored.
    as_of : int or None
        Microseconds UTC; None without a clock.
    table : pyarrow.Table
        One row per lead of the input, by lead id: the columns of scores.parquet.
    features : pyarrow.Table
        One row per scored lead, by lead id: the values that its score rests on.
    states : pyarrow.Table
        One row per lead that any run has seen, by lead id: where it stands, for the next run.
    skipped : pyarrow.Table
        source, lead_id, reason, rows.
    handoffs : tuple of dict
        The leads that are handed to sales, the likeliest first.
    inputs : str
        SHA-256 of everything read.
    previous_run : str or None
        The run whose stages these went on from.
    agreement : str or None
        Version of the declared agreement.
    policy : str
        Hash of the thresholds and gates that made the stages.
    cutoffs : mapping of str to str
        Source with a clock → when its newest fact that counted became known; null where none did.
    notices : tuple of str
        What was assumed or set aside, in words.
    skew : tuple of Skew
        How each column of the scored leads differs from what the model was fitted on; empty where too few were scored.
    language : Language
        What its reasons are worded in.
    makeup : Makeup or None
        What its probabilities rest on; None by points.
    signed : Signature or None
        Who signed the agreement, when, and its hash; None where it is a draft, or there is none.
    timeline : pyarrow.Table
        What people are shown of the leads, as of `timeline.timeline`.
    """

    model: str
    bundle_version: str
    as_of: int | None
    table: pa.Table
    features: pa.Table
    states: pa.Table
    skipped: pa.Table
    handoffs: tuple[dict[str, Any], ...]
    inputs: str
    previous_run: str | None
    agreement: str | None
    policy: str
    cutoffs: Mapping[str, str | None]
    notices: tuple[str, ...]
    skew: tuple[Skew, ...] = ()
    language: Language = ENGLISH
    makeup: Makeup | None = None
    signed: Signature | None = None
    timeline: pa.Table = field(default_factory=SCHEMA.empty_table)

    @property
    def run_id(self) -> str:
        """Hash of what it rests on: bundle, as_of, inputs, the run before, and the language."""
        parts = [self.bundle_version, str(self.as_of), self.inputs, self.previous_run or ""]
        if self.language != ENGLISH:  # the same leads in other words are another run
            parts.append(self.language.name)
        return sha256(canonical(parts))[:12]

    def counts(self, column: str) -> dict[str, int]:
        """Count leads by status or stage, most first."""
        return counts_of(self.table[column])

    def standing(self) -> dict[str, int]:
        """Count by stage the scored leads and the customers, most first; others outside the population are in none."""
        return standing_of(self.table)

    def __str__(self) -> str:
        """Say in a few lines what it holds."""
        return summary(self.counts("status"), self.standing(), len(self.handoffs))

    __repr__ = __str__

    def to_pandas(self) -> pd.DataFrame:
        """Return the table of scores as a pandas DataFrame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame


def summary(counts: Mapping[str, int], stages: Mapping[str, int], handoffs: int) -> str:
    """Say in three lines how many leads there are of each status and stage, and how many are handed over."""
    told = ", ".join(f"{n:,} {status.replace('_', ' ')}" for status, n in counts.items())
    standing = ", ".join(f"{n:,} {stage}" for stage, n in stages.items())
    return f"leads     {told}\nstages    {standing}\nhandoffs  {handoffs:,}"


def standing_of(table: pa.Table) -> dict[str, int]:
    """Count the leads of scores.parquet by stage, as `Scores.standing` does."""
    counted = pc.or_(pc.equal(table["status"], SCORED), pc.equal(table["stage"], STAGES[CUSTOMER]))
    return counts_of(table.filter(counted)["stage"])


def counts_of(values: pa.ChunkedArray) -> dict[str, int]:
    """Count values, most first; null is none."""
    found = [(v["values"], v["counts"]) for v in pc.value_counts(values).to_pylist()]
    return dict(sorted(((k, n) for k, n in found if k is not None), key=lambda item: (-item[1], item[0])))


def values_at(
    scorer: Scorer,
    inputs: Inputs,
    as_of: int | None,
    names: Collection[str],
    observed: Mapping[str, int],
    kept: Kept,
) -> pa.Table:
    """Return the columns of these names of the leads to be scored, by lead id.

    ``observed`` holds the first moment that a source covers; windows that reach back further are missing.
    Those in ``kept`` are left out.
    """
    declared = (*scorer.declarations.features, *scorer.declarations.facts)
    leads = to_score(scorer, inputs, as_of, kept)
    wanted = [f for f in declared if any(c.name in names for c in f.columns())]
    at = leads.select(KEY, engine.AS_OF, engine.CREATED)
    ours = {ID: KEY, LOOKED_AT: engine.AS_OF, CREATED_AT: engine.CREATED, EPISODE: engine.EPISODE}
    ours |= {c: c for c in sorted(names)}
    with features_at(at, inputs.facts, wanted, observed) as wide:
        wide = wide.join(leads.select(KEY, engine.EPISODE), KEY)
        values = fetch(wide.select(**{name: wide[theirs] for name, theirs in ours.items()}).order_by(ID))
    # a number written into a query comes back in the engine's own width
    episode = values[EPISODE].cast(pa.int64())
    values = values.set_column(values.schema.get_field_index(EPISODE), EPISODE, episode)
    for name in (LOOKED_AT, CREATED_AT):
        clocked = values[name].cast(pa.int64()).cast(pa.timestamp("us", "UTC"))
        clocked = clocked if as_of is not None else pa.nulls(len(values), clocked.type)
        values = values.set_column(values.schema.get_field_index(name), name, clocked)
    return values


def moments(values: pa.Table, column: str) -> NDArray[np.int64] | None:
    """Return moments as microseconds UTC; None where one is missing, as without a clock."""
    found = values[column].cast(pa.int64())
    return None if found.null_count else found.to_numpy()


def facts_of(declarations: Declarations, values: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Return the facts that gates look at, by name; NaN is missing."""
    columns = {name: values[column] for name, column in declarations.fact_columns().items()}
    return {
        name: np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")))
        for name, column in columns.items()
    }


def levels_at(declarations: Declarations, values: pa.Table) -> NDArray[np.object_] | None:
    """Return each lead's level of the category whose levels have thresholds of their own; None without one."""
    per = declarations.model.stages.sales_ready.per
    return None if per is None else np.array(values[per].to_pylist(), dtype=object)


def all_leads(leads: pa.Table, scored: pa.Table, walked: Walked, as_of: int | None, version: str) -> pa.Table:
    """Put what is scored, and where leads stand, among all leads, by id; stages stand after the band."""
    placed = scored.drop_columns([ID]).take(pc.index_in(leads[ID], scored[ID]))
    stands = walked.table.select(SHOWN).take(pc.index_in(leads[ID], walked.table[ID]))
    status = pc.if_else(pc.is_valid(leads[REASON]), OUTSIDE, SCORED)
    status = pc.if_else(pc.fill_null(pc.equal(leads[REASON], OBJECTS), False), SUPPRESSED, status)
    moment = (
        placed[LOOKED_AT] if as_of is None else pc.coalesce(placed[LOOKED_AT], _repeat(as_of, len(leads)))
    )
    table = {ID: leads[ID], LOOKED_AT: moment, "status": status}
    for name in placed.column_names:
        if name != LOOKED_AT:
            table[name] = placed[name]
        if name == "band":
            table |= {stand: stands[stand] for stand in SHOWN}
    return pa.table(table | {"model_version": pa.array([version] * len(leads), pa.string())})


def read_digest(inputs: Inputs, acts: pa.Table | None, as_of: int | None, rules: Handoffs, kept: Kept) -> str:
    """Return a hash of all that was read: sources, acts that were known, who may not be scored, and what a run holds of handoffs.

    The order of rows and acts changes nothing.
    """
    parts = [inputs.digest()]
    if acts is not None:
        parts.append(acts_digest(acts, as_of or 0))
    owners = rules.owners
    if rules.sample or owners.columns():
        parts.append(repr((rules.sample, owners.column, owners.territory)))
    if kept.digest is not None:
        parts.append(kept.digest)
    return parts[0] if len(parts) == 1 else hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _repeat(as_of: int, n: int) -> pa.Array:
    return pa.array(np.full(n, as_of), pa.int64()).cast(pa.timestamp("us", "UTC"))


def shown(
    declarations: Declarations, inputs: Inputs, leads: pa.Table, walked: Walked, as_of: int | None
) -> pa.Table:
    """Return what people are shown: of every scored lead who it is, and what those did that left the first stage."""
    scored = walked.table
    later = scored.filter(pc.not_equal(scored["stage"], STAGES[LEAD]))
    ids = leads.filter(pc.is_null(leads[REASON]))[ID]
    followed = later.filter(pc.is_in(later[ID], value_set=ids.combine_chunks()))[ID]
    return timeline(declarations, inputs, leads, ids, followed, as_of)


def displayed(declarations: Declarations, leads: pa.Table, chosen: pa.Table) -> list[dict[str, str | None]]:
    """Return for each chosen lead the columns that are shown to people; ``leads`` as of `everyone`."""
    columns = declarations.sources[declarations.model.population.source].display
    shown = leads.take(pc.index_in(chosen[ID], leads[ID])).select(columns)
    return shown.to_pylist() if columns else [{}] * len(chosen)


def routed(declarations: Declarations, leads: pa.Table, chosen: pa.Table) -> list[dict[str, str | None]]:
    """Return for each chosen lead its account, and what says whom its handoff goes to; null where nothing does."""
    routes = declarations.model.routes()
    rows = leads.take(pc.index_in(chosen[ID], leads[ID])).to_pylist()
    return [
        {name: row[f"__{name}"] if name in routes else None for name in ("account", "owner", "territory")}
        for row in rows
    ]


def scored_row(scores: Scored, lead_id: str) -> dict[str, Any]:
    """Return the row of a lead that was scored.

    Raises
    ------
    NoInput
        The run does not hold the lead.
    Refused
        The lead was not scored.
    """
    row = scores.table.filter(pc.equal(scores.table[ID], lead_id))
    if not len(row):
        ids = scores.table[ID].to_pylist()
        near = nearest(lead_id, ids[:NEAR])
        raise NoInput(
            f"the run holds no lead {lead_id!r}",
            exists=ids,
            do=f"did you mean {near!r}?" if near else "name a lead of the run",
        )
    found: dict[str, Any] = row.to_pylist()[0]
    if found["status"] != SCORED:
        raise Refused(
            f"lead {lead_id!r} was not scored: {found['status'].replace('_', ' ')}",
            do="skipped.parquet of the run says why",
        )
    return found
