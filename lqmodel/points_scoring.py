"""Wiring: a points table + sources + as_of → points, stages and reasons of every lead, without a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lqmodel.barring import NOBODY, Barred, kept_back
from lqmodel.cautions import later_facts
from lqmodel.declarations import Declarations, from_microseconds
from lqmodel.errors import Refused
from lqmodel.handoff import cause_words
from lqmodel.inputs import open_inputs
from lqmodel.languages import ENGLISH, Language
from lqmodel.points import NOTICE, Bools, PointReason, PointsExplanation, PointsTable
from lqmodel.reasons.raw import lead_ages
from lqmodel.roster import ID, check_moment, cutoffs, everyone, skipped
from lqmodel.sampling import with_draws
from lqmodel.scores import (
    CREATED_AT,
    LOOKED_AT,
    REASONS,
    Previous,
    Scored,
    Scores,
    all_leads,
    displayed,
    facts_of,
    moments,
    read_digest,
    routed,
    scored_row,
    shown,
    values_at,
)
from lqmodel.since import change_columns
from lqmodel.stages import margin_band
from lqmodel.stages import score as score_of
from lqmodel.states import EPISODE, Walked, remembered, walk


def score_by_points(
    declarations: Declarations,
    root: Path,
    sources: Mapping[str, str] | None,
    as_of: int | None,
    previous: Previous | None = None,
    threads: int | None = None,
    language: Language = ENGLISH,
    acts: pa.Table | None = None,
    barred: Barred = NOBODY,
) -> Scores:
    """Score every lead of the sources by the declared points table alone.

    The same leads, stages and gates as with a model, but probability, low and high are null, and the table
    holds ``points``. Stages go on from a previous run, whether a model or points made it.

    Parameters
    ----------
    declarations : Declarations
        With [points].
    root, sources, as_of, previous, threads, language
        As in `scoring.score`.

    Raises
    ------
    UsageError
        No points are declared.
    NoInput, BadData, ColumnMissing, WrongType, Refused
        As in `scoring.score`.
    """
    table = PointsTable.of(declarations, language)
    inputs = open_inputs(
        declarations, root, sources, with_label=declarations.model.has_clock, display=True, threads=threads
    )
    if as_of is not None:
        check_moment(table, inputs, as_of)
    kept = kept_back(inputs, declarations.model, barred)
    leads = everyone(table, inputs, as_of, kept)
    # what a file's first fact is says nothing of other files: points must depend on the lead's facts alone
    declared = {
        name: f.observed_from for name, f in inputs.facts.items() if f.source.observed_from is not None
    }
    observed = {name: moment for name, moment in declared.items() if moment is not None}
    values = values_at(table, inputs, as_of, declarations.columns_beside(), observed, kept)
    held = table.holds(values, _ages(values))
    facts = facts_of(declarations, values)
    walked = walk(
        leads, values, table.points(held), facts, as_of, table.policy(), remembered(previous, barred), acts
    )
    scored = with_draws(_scored(table, values, held), walked, facts, declarations, table.policy())
    agreement = declarations.model.agreement
    return Scores(
        model=declarations.name,
        bundle_version=table.version,
        as_of=as_of,
        table=all_leads(leads, scored, walked, as_of, table.version),
        features=values,
        states=walked.states,
        timeline=shown(declarations, inputs, leads, walked, as_of),
        skipped=skipped(leads, inputs, {}, declarations.model.population.source),
        handoffs=_handoffs(table, values, scored, walked, leads),
        inputs=read_digest(inputs, acts, as_of, declarations.model.handoffs, kept),
        previous_run=None if previous is None else previous.run_id,
        agreement=agreement.version if agreement else None,
        policy=table.policy().version,
        cutoffs=cutoffs(inputs, as_of),
        notices=(
            f"{NOTICE} in models/{declarations.name}.toml [points]",
            *table.unmet(values),
            *inputs.notices,
            *kept.notices(declarations.model.population.source),
            *later_facts(inputs, as_of),
        ),
        language=language,
        signed=declarations.signature,
    )


def _ages(values: pa.Table) -> np.ndarray | None:
    return lead_ages(moments(values, CREATED_AT), moments(values, LOOKED_AT))


def _text(moment: int) -> str:
    return from_microseconds(moment).isoformat().replace("+00:00", "Z")


def _scored(table: PointsTable, values: pa.Table, held: Bools) -> pa.Table:
    """Return the columns of scores.parquet that scored leads have. Grain: one row per scored lead, by id."""
    points, policy = table.points(held), table.policy()
    up, down = table.texts(values, _ages(values), most=REASONS)
    nothing = pa.nulls(len(values), pa.float64())
    columns = {
        ID: values[ID],
        LOOKED_AT: values[LOOKED_AT],
        EPISODE: values[EPISODE],
        "probability": nothing,
        "low": nothing,
        "high": nothing,
        "points": points,
        "score": np.floor(score_of(table.placed(points), policy) * 10) / 10,
        "fit": table.points(held, "fit").astype(np.float64),
        "engagement": table.points(held, "engagement").astype(np.float64),
        "band": pa.array(margin_band(points, policy).tolist(), pa.string()),
        "reasons_up": pa.array(up, pa.string()),
        "reasons_down": pa.array(down, pa.string()),
        **change_columns(None, len(values), table.language),
    }
    return pa.table(columns)


def _handoffs(
    table: PointsTable, values: pa.Table, scored: pa.Table, walked: Walked, leads: pa.Table
) -> tuple[dict[str, Any], ...]:
    """Return the handoffs of this scoring, those with the most points first: the keys of a model's, and points."""
    moved = walked.moved
    rows = np.flatnonzero(moved.handoff)
    chosen, given = values.take(rows), scored.take(rows).to_pylist()
    stages = walked.table["stage"].take(rows).to_pylist()
    up, down = table.reasons(chosen, _ages(chosen))
    looked = moments(chosen, LOOKED_AT)
    agreement = table.declarations.model.agreement
    display, routes = (part(table.declarations, leads, chosen) for part in (displayed, routed))
    causes = moved.cause_names()[rows]
    found = [
        {
            ID: row[ID],
            "as_of": None if looked is None else _text(looked[i]),
            "probability": None,
            "low": None,
            "high": None,
            "base_probability": None,
            "points": row["points"],
            "stage": stages[i],
            "score": row["score"],
            "up": [_reason(reason) for reason in up[i]],
            "down": [_reason(reason) for reason in down[i]],
            "fit": row["fit"],
            "engagement": row["engagement"],
            "rest": 0.0,
            "change": None,
            "cause": _cause(table, causes[i]),
            "display": display[i],
            "route": routes[i],
            "language": table.language.name,
            "model_version": table.version,
            "agreement": agreement.version if agreement else None,
        }
        for i, row in enumerate(given)
    ]
    return tuple(sorted(found, key=lambda row: (-row["points"], row[ID])))


def _cause(table: PointsTable, cause: str) -> str:
    return "points" if cause == "probability" else cause_words(table.declarations, cause, table.language)


def _reason(reason: PointReason) -> dict[str, Any]:
    """Return a reason with the keys of a model's, where an effect on the odds is null."""
    return {**vars(reason), "usual": "", "log_odds": None, "factor": None}


def check_made_by(table: PointsTable, scores: Scored) -> None:
    """Refuse declarations that did not make these scores."""
    if scores.bundle_version != table.version:
        raise Refused(
            f"the scores were made by {scores.bundle_version}, and the declarations are now {table.version}",
            do="score again with `lqmodel predict --points`, or read reasons_up and reasons_down in scores.parquet",
        )


def explain_points(
    declarations: Declarations, scores: Scored, lead_id: str, language: Language = ENGLISH
) -> PointsExplanation:
    """Say in a language why a lead has its points, from the values that they rest on.

    Raises
    ------
    NoInput
        The run does not hold the lead.
    Refused
        The lead was not scored, or the declarations are not those that made the run.
    """
    table = PointsTable.of(declarations, language)
    check_made_by(table, scores)
    row = scored_row(scores, lead_id)
    places = [i for i, found in enumerate(scores.features[ID].to_pylist()) if found == lead_id]
    values = scores.features.take(places)
    up, down = table.reasons(values, _ages(values))
    looked = moments(values, LOOKED_AT)
    return PointsExplanation(
        lead_id=lead_id,
        as_of=None if looked is None else _text(looked[0]),
        points=row["points"],
        stage=row["stage"],
        score=row["score"],
        up=tuple(up[0]),
        down=tuple(down[0]),
        language=language,
    )
