"""Wiring: bundle + sources + as_of → scores, stages and reasons of every lead. Command line and web share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.barring import NOBODY, Barred, kept_back
from lqmodel.bundle import Bundle
from lqmodel.cautions import flattered, later_facts, nobody_scored, short_history, skewed, unseen_levels
from lqmodel.explaining import attributions, check_made_by
from lqmodel.handoff import cause_words, handoffs
from lqmodel.inputs import open_inputs
from lqmodel.languages import ENGLISH, Language
from lqmodel.makeup import Makeup
from lqmodel.reasons import Effects, Families, LeadExplanation, Since, explain_leads, reason_texts
from lqmodel.roster import ID, REASON, check_moment, cutoffs, everyone, skipped
from lqmodel.sampling import with_draws
from lqmodel.scores import (
    CREATED_AT,
    DIGITS,
    LOOKED_AT,
    REASONS,
    Previous,
    Scored,
    Scores,
    all_leads,
    displayed,
    facts_of,
    levels_at,
    moments,
    read_digest,
    routed,
    scored_row,
    shown,
    values_at,
)
from lqmodel.since import change_columns, change_of, since
from lqmodel.stages import margin_band
from lqmodel.stages import score as score_of
from lqmodel.states import EPISODE, Walked, remembered, walk
from lqmodel.treeshap import Contributions


def score(
    bundle: Bundle,
    root: Path,
    sources: Mapping[str, str] | None,
    as_of: int | None,
    previous: Previous | None = None,
    threads: int | None = None,
    language: Language = ENGLISH,
    acts: pa.Table | None = None,
    barred: Barred = NOBODY,
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
    language : Language, default English
        What the reasons are worded in.
    acts : pyarrow.Table, optional
        What people in sales did, as in `stages.ACT_SCHEMA`; those known before as_of count.
    barred : Barred, default nobody
        Who may not be scored.

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
    kept = kept_back(inputs, declarations.model, barred)
    leads = everyone(bundle, inputs, as_of, kept)
    observed = {**inputs.observed_from(), **bundle.fitted.observed_from}
    values = values_at(bundle, inputs, as_of, _value_columns(bundle), observed, kept)
    x = bundle.encoding.transform(values)
    contributions = bundle.ensemble.explain(x, threads)
    effects = _families(bundle).measure(contributions, bundle.calibrator)
    margin = contributions.margin
    facts = facts_of(declarations, values)
    levels = levels_at(declarations, values)
    walked = walk(
        leads, values, margin, facts, as_of, bundle.policy, remembered(previous, barred), acts, levels
    )
    changed = None
    if previous is not None and as_of is not None:
        changed = since(bundle, values, bundle.calibrator.probability(margin), as_of, previous, threads)
    scored = _scored(bundle, values, effects, margin, changed, language)
    scored = with_draws(scored, walked, facts, declarations, bundle.policy)
    unseen = bundle.encoding.unseen(values)
    skew = bundle.reference.compare(values, declarations.columns(), len(values))
    source = declarations.model.population.source
    agreement = declarations.model.agreement.version if declarations.model.agreement else None
    return Scores(
        model=declarations.name,
        bundle_version=bundle.version,
        as_of=as_of,
        table=all_leads(leads, scored, walked, as_of, bundle.version),
        features=values,
        states=walked.states,
        timeline=shown(declarations, inputs, leads, walked, as_of),
        skipped=skipped(leads, inputs, unseen, source),
        handoffs=_handoffs(bundle, values, contributions, scored, walked, leads, changed, language),
        inputs=read_digest(inputs, acts, as_of, declarations.model.handoffs, kept),
        previous_run=None if previous is None else previous.run_id,
        agreement=agreement,
        policy=bundle.policy.version,
        cutoffs=cutoffs(inputs, as_of),
        notices=(
            *inputs.notices,
            *kept.notices(declarations.model.population.source),
            *flattered(bundle, values, as_of),
            *short_history(bundle, inputs, as_of),
            *later_facts(inputs, as_of),
            *nobody_scored(leads[REASON]),
            *unseen_levels(unseen),
            *skewed(skew),
        ),
        skew=skew,
        language=language,
        makeup=Makeup.of(bundle),
        signed=declarations.signature,
    )


def _families(bundle: Bundle) -> Families:
    return Families.of(bundle.declarations.features, bundle.encoding.names)


def _scored(
    bundle: Bundle,
    values: pa.Table,
    effects: Effects,
    margin: NDArray[np.float64],
    changed: Since | None,
    language: Language,
) -> pa.Table:
    """Return the columns of scores.parquet that scored leads have. Grain: one row per scored lead, by id."""
    levels = levels_at(bundle.declarations, values)
    probability = bundle.calibrator.probability(margin)
    low, high = bundle.calibrator.interval(margin)
    up, down = reason_texts(
        effects,
        values,
        created=moments(values, CREATED_AT),
        as_of=moments(values, LOOKED_AT),
        most=REASONS,
        language=language,
    )
    columns = {
        ID: values[ID],
        LOOKED_AT: values[LOOKED_AT],
        EPISODE: values[EPISODE],
        "probability": np.round(probability, DIGITS),
        "low": np.round(low, DIGITS),
        "high": np.round(high, DIGITS),
        # never rounded up to a threshold
        "score": np.floor(score_of(probability, bundle.policy, levels) * 10) / 10,
        "fit": np.round(effects.fit, DIGITS),
        "engagement": np.round(effects.engagement, DIGITS),
        "band": pa.array(margin_band(margin, bundle.policy, levels).tolist(), pa.string()),
        "reasons_up": pa.array(up, pa.string()),
        "reasons_down": pa.array(down, pa.string()),
        **change_columns(changed, len(values), language),
    }
    return pa.table(columns)


def _handoffs(
    bundle: Bundle,
    values: pa.Table,
    contributions: Contributions,
    scored: pa.Table,
    walked: Walked,
    leads: pa.Table,
    changed: Since | None,
    language: Language,
) -> tuple[dict[str, Any], ...]:
    """Return the handoffs of this scoring, each with its reasons in full."""
    moved = walked.moved
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
        changes=None if changed is None else [changed.change(row, language) for row in rows.tolist()],
        stages=walked.table["stage"].take(rows).to_pylist(),
        scores=scored["score"].take(rows).to_numpy(),
        language=language,
    )
    model = bundle.declarations.model
    stamp = {
        "model_version": bundle.version,
        "agreement": model.agreement.version if model.agreement else None,
    }
    causes = [cause_words(bundle.declarations, name, language) for name in moved.cause_names()[rows]]
    display = displayed(bundle.declarations, leads, chosen)
    routes = routed(bundle.declarations, leads, chosen)
    return handoffs(explained, causes, display, routes, stamp)


def _value_columns(bundle: Bundle) -> set[str]:
    declarations = bundle.declarations
    return {c.name for c in declarations.columns()} | set(declarations.columns_beside())


def explain_lead(
    bundle: Bundle,
    scores: Scored,
    lead_id: str,
    language: Language = ENGLISH,
    previous: Previous | None = None,
) -> LeadExplanation:
    """Say in a language why a lead has its probability, from the values that its score rests on.

    With the run before, also what changed since.

    Raises
    ------
    NoInput
        The run does not hold the lead.
    Refused
        The lead was not scored, or another model made the scores.
    """
    check_made_by(bundle, scores)
    row = scored_row(scores, lead_id)
    values = scores.features.filter(pc.equal(scores.features[ID], lead_id))
    change = None if previous is None else change_of(bundle, scores, lead_id, previous, language)
    as_of, created = moments(values, LOOKED_AT), moments(values, CREATED_AT)
    numbers = attributions(bundle, values, [lead_id], created, as_of, language)
    (found,) = explain_leads(
        numbers.effects,
        values,
        bundle.calibrator,
        changes=[change],
        lead_ids=[lead_id],
        as_of=as_of,
        stages=[row["stage"]],
        scores=[row["score"]],
        created=created,
        usual=bundle.usual,
        language=language,
    )
    return replace(found, numbers=numbers)
