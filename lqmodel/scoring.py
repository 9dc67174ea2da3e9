"""Wiring: bundle + sources + as_of → scores, stages and reasons of every lead. Command line and web share it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel import engine
from lqmodel.bundle import Bundle
from lqmodel.cautions import flattered, later_facts, nobody_scored, short_history, skewed, unseen_levels
from lqmodel.declarations import Declarations
from lqmodel.engine import KEY, fetch
from lqmodel.errors import NoInput, Refused, nearest
from lqmodel.handoff import handoffs
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.reasons import ColumnWords, Effects, Families, LeadExplanation, explain_leads, reason_texts
from lqmodel.roster import ID, REASON, Scorer, check_moment, everyone, skipped, to_score
from lqmodel.skew import Skew
from lqmodel.stages import Advance, State, advance, margin_band, stage_names
from lqmodel.stages import score as score_of
from lqmodel.sweep import features_at
from lqmodel.treeshap import Contributions

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT, CREATED_AT, EPISODE = "as_of", "created", "episode"
SCORED, OUTSIDE = "scored", "outside_population"
DIGITS = 6
"""Digits of probabilities and log-odds in outputs: finer than any interval, coarser than a platform's last bit."""
REASONS = 3
"""Reasons for and against that a row of scores carries; `explain` shows them all."""
NEAR = 20_000
"""Lead ids among which one that was misspelt is looked for: as many as fit into a second."""
STATE = ("stage", "entered_at", "below_since", "last_as_of")


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


class Previous(Scored, Protocol):
    """The run before: its states are where the stages go on from."""

    @property
    def run_id(self) -> str: ...


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
    notices : tuple of str
        What was assumed or set aside, in words.
    skew : tuple of Skew
        How each column of the scored leads differs from what the model was fitted on; empty where too few were scored.
    """

    model: str
    bundle_version: str
    as_of: int | None
    table: pa.Table
    features: pa.Table
    skipped: pa.Table
    handoffs: tuple[dict[str, Any], ...]
    inputs: str
    previous_run: str | None
    agreement: str | None
    notices: tuple[str, ...]
    skew: tuple[Skew, ...] = ()

    def counts(self, column: str) -> dict[str, int]:
        """Count leads by status or stage, most first."""
        found = [(v["values"], v["counts"]) for v in pc.value_counts(self.table[column]).to_pylist()]
        return dict(sorted(((k, n) for k, n in found if k is not None), key=lambda item: (-item[1], item[0])))

    def to_pandas(self) -> pd.DataFrame:
        """Return the table of scores as a pandas DataFrame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame


def score(
    bundle: Bundle,
    root: Path,
    sources: Mapping[str, str] | None,
    as_of: int | None,
    previous: Previous | None = None,
    threads: int | None = None,
) -> Scores:
    """Score every lead of the sources.

    Parameters
    ----------
    bundle : Bundle
    root : Path
        Where relative addresses of declared sources start.
    sources : mapping or None
        Source name → another file.
    as_of : int or None
        Microseconds UTC; None without a clock.
    previous : Run, optional
        The run before, whose states the stages go on from.
    threads : int, optional
        Results do not depend on it.

    Raises
    ------
    NoInput, BadData, ColumnMissing, WrongType
        A source cannot be read as declared.
    Refused
        as_of lies before any data, or a source is older than its declared freshness.
    """
    declarations = bundle.declarations
    inputs = open_inputs(
        declarations, root, sources, with_label=declarations.model.has_clock, display=True, threads=threads
    )
    if as_of is not None:
        check_moment(bundle, inputs, as_of)
    leads = everyone(bundle, inputs, as_of)
    observed = {**inputs.observed_from(), **bundle.fitted.observed_from}
    values = values_at(bundle, inputs, as_of, _value_columns(bundle), observed)
    x = bundle.encoding.transform(values)
    contributions = bundle.ensemble.explain(x, threads)
    effects = _families(bundle).measure(contributions, bundle.calibrator)
    margin = contributions.margin
    facts = facts_of(declarations, values)
    moved = advance(previous_state(previous, values), margin, facts, as_of or 0, bundle.policy)
    scored = _scored(bundle, values, effects, moved, margin)
    unseen = bundle.encoding.unseen(values)
    skew = bundle.reference.compare(values, declarations.columns(), len(values))
    source = declarations.model.population.source
    agreement = declarations.model.agreement.version if declarations.model.agreement else None
    return Scores(
        model=declarations.name,
        bundle_version=bundle.version,
        as_of=as_of,
        table=all_leads(leads, scored, as_of, bundle.version),
        features=values,
        skipped=skipped(leads, inputs, unseen, source),
        handoffs=_handoffs(bundle, values, contributions, scored, moved, leads),
        inputs=inputs.digest(),
        previous_run=None if previous is None else previous.run_id,
        agreement=agreement,
        notices=(
            *inputs.notices,
            *flattered(bundle, values, as_of),
            *short_history(bundle, inputs, as_of),
            *later_facts(inputs, as_of),
            *nobody_scored(leads[REASON]),
            *unseen_levels(unseen),
            *skewed(skew),
        ),
        skew=skew,
    )


def _families(bundle: Bundle) -> Families:
    return Families.of(bundle.declarations.features, bundle.encoding.names)


def _scored(
    bundle: Bundle,
    values: pa.Table,
    effects: Effects,
    moved: Advance,
    margin: NDArray[np.float64],
) -> pa.Table:
    """Return the columns of scores.parquet that scored leads have. Grain: one row per scored lead, by id."""
    probability = bundle.calibrator.probability(margin)
    low, high = bundle.calibrator.interval(margin)
    up, down = reason_texts(
        effects, values, created=moments(values, CREATED_AT), as_of=moments(values, LOOKED_AT), most=REASONS
    )
    state = moved.state.to_table()
    columns = {
        ID: values[ID],
        LOOKED_AT: values[LOOKED_AT],
        EPISODE: values[EPISODE],
        "probability": np.round(probability, DIGITS),
        "low": np.round(low, DIGITS),
        "high": np.round(high, DIGITS),
        "score": np.floor(score_of(probability, bundle.policy) * 10) / 10,  # never rounded up to a threshold
        "fit": np.round(effects.fit, DIGITS),
        "engagement": np.round(effects.engagement, DIGITS),
        "band": pa.array(margin_band(margin, bundle.policy).tolist(), pa.string()),
        "stage": state["stage"],
        "previous_stage": pa.array(stage_names(moved.previous_stage).tolist(), pa.string()),
        **{name: state[name].cast(pa.timestamp("us", "UTC")) for name in STATE[1:]},
        "reasons_up": pa.array(up, pa.string()),
        "reasons_down": pa.array(down, pa.string()),
    }
    return pa.table(columns)


def _handoffs(
    bundle: Bundle,
    values: pa.Table,
    contributions: Contributions,
    scored: pa.Table,
    moved: Advance,
    leads: pa.Table,
) -> tuple[dict[str, Any], ...]:
    """Return the handoffs of this scoring, each with its reasons in full."""
    rows = np.flatnonzero(moved.handoff)
    chosen = values.take(rows)
    part = Contributions(contributions.margin[rows], contributions.base, contributions.values[rows])
    explained = explain_leads(
        _families(bundle).measure(part, bundle.calibrator),
        chosen,
        bundle.calibrator,
        lead_ids=chosen[ID].to_pylist(),
        as_of=moments(chosen, LOOKED_AT),
        created=moments(chosen, CREATED_AT),
        usual=bundle.usual,
        stages=scored["stage"].take(rows).to_pylist(),
        scores=scored["score"].take(rows).to_numpy(),
    )
    model = bundle.declarations.model
    stamp = {
        "model_version": bundle.version,
        "agreement": model.agreement.version if model.agreement else None,
    }
    causes = [cause_words(bundle.declarations, name) for name in moved.cause_names()[rows]]
    return handoffs(explained, causes, displayed(bundle.declarations, leads, chosen), stamp)


def displayed(declarations: Declarations, leads: pa.Table, chosen: pa.Table) -> list[dict[str, str | None]]:
    """Return for each chosen lead the columns that are shown to people; ``leads`` as of `everyone`."""
    columns = declarations.sources[declarations.model.population.source].display
    shown = leads.take(pc.index_in(chosen[ID], leads[ID])).select(columns)
    return shown.to_pylist() if columns else [{}] * len(chosen)


def cause_words(declarations: Declarations, cause: str) -> str:
    """Return what handed a lead over, in the declared words of the fact."""
    declared = {f.name: f for f in (*declarations.features, *declarations.facts)}
    if cause not in declared:
        return cause
    fact = declared[cause]
    widest = next(c for c in fact.columns() if c.name == fact.fact_column())
    return ColumnWords(fact, widest).said()


def moments(values: pa.Table, column: str) -> NDArray[np.int64] | None:
    """Return moments as microseconds UTC; None where one is missing, as without a clock."""
    found = values[column].cast(pa.int64())
    return None if found.null_count else found.to_numpy()


def values_at(
    scorer: Scorer, inputs: Inputs, as_of: int | None, names: Collection[str], observed: Mapping[str, int]
) -> pa.Table:
    """Return the columns of these names of the leads to be scored, by lead id.

    ``observed`` holds the first moment that a source covers; windows that reach back further are missing.
    """
    declared = (*scorer.declarations.features, *scorer.declarations.facts)
    leads = to_score(scorer, inputs, as_of)
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


def _value_columns(bundle: Bundle) -> set[str]:
    declarations = bundle.declarations
    return {c.name for c in declarations.columns()} | set(declarations.columns_beside())


def previous_state(previous: Previous | None, values: pa.Table) -> State | None:
    """Return the states of the previous run, aligned with ``values``.

    A lead that it did not score is new, and so is one that came back: its next episode starts afresh.
    """
    if previous is None:
        return None
    before = previous.table.filter(pc.equal(previous.table["status"], SCORED))
    rows = pc.index_in(values[ID], before[ID])
    same = pc.equal(before[EPISODE].take(rows), values[EPISODE])
    return State.from_table(before.select(STATE).take(pc.if_else(same, rows, None)))


def all_leads(leads: pa.Table, scored: pa.Table, as_of: int | None, version: str) -> pa.Table:
    """Put the scored leads among all leads, by id."""
    rows = pc.index_in(leads[ID], scored[ID])
    status = pc.if_else(pc.is_valid(leads[REASON]), OUTSIDE, SCORED)
    placed = scored.drop_columns([ID]).take(rows)
    moment = (
        placed[LOOKED_AT] if as_of is None else pc.coalesce(placed[LOOKED_AT], _repeat(as_of, len(leads)))
    )
    placed = placed.drop_columns([LOOKED_AT])
    table = {ID: leads[ID], LOOKED_AT: moment, "status": status}
    table |= {name: placed[name] for name in placed.column_names}
    return pa.table(table | {"model_version": pa.array([version] * len(leads), pa.string())})


def _repeat(as_of: int, n: int) -> pa.Array:
    return pa.array(np.full(n, as_of), pa.int64()).cast(pa.timestamp("us", "UTC"))


def facts_of(declarations: Declarations, values: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Return the facts that gates look at, by name; NaN is missing."""
    columns = {name: values[column] for name, column in declarations.fact_columns().items()}
    return {
        name: np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")))
        for name, column in columns.items()
    }


def explain_lead(bundle: Bundle, scores: Scored, lead_id: str) -> LeadExplanation:
    """Say why a lead has its probability, from the values that its score rests on.

    Raises
    ------
    NoInput
        The run does not hold the lead.
    Refused
        The lead was not scored, or another model made the scores.
    """
    made_by = scores.bundle_version
    if made_by != bundle.version:
        raise Refused(
            f"the scores were made by bundle {made_by}, and this is bundle {bundle.version}",
            do="name the bundle that made them with --model, or score again",
        )
    row = scored_row(scores, lead_id)
    values = scores.features.filter(pc.equal(scores.features[ID], lead_id))
    contributions = bundle.ensemble.explain(bundle.encoding.transform(values))
    effects = _families(bundle).measure(contributions, bundle.calibrator)
    return explain_leads(
        effects,
        values,
        bundle.calibrator,
        lead_ids=[lead_id],
        as_of=moments(values, LOOKED_AT),
        stages=[row["stage"]],
        scores=[row["score"]],
        created=moments(values, CREATED_AT),
        usual=bundle.usual,
    )[0]


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
