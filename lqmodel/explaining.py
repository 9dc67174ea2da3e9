"""Wiring: bundle + scores or snapshots → contributions and effects of all their leads, as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from numpy.typing import ArrayLike

from lqmodel.bundle import Bundle
from lqmodel.errors import Refused
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons import Families
from lqmodel.reasons.attributions import Attributions
from lqmodel.roster import ID
from lqmodel.scores import CREATED_AT, LOOKED_AT, Scored, moments
from lqmodel.trainingset import Snapshots


def explain_scores(bundle: Bundle, scores: Scored, language: Language = ENGLISH) -> Attributions:
    """Explain every scored lead, from the values that its score rests on.

    Raises
    ------
    Refused
        Another model made the scores.
    """
    check_made_by(bundle, scores)
    values = scores.features
    ids = values[ID].cast(pa.string()).to_pylist()
    return attributions(
        bundle, values, ids, moments(values, CREATED_AT), moments(values, LOOKED_AT), language
    )


def explain_snapshots(bundle: Bundle, snapshots: Snapshots, language: Language = ENGLISH) -> Attributions:
    """Explain every snapshot, also those that the model was fitted on: an explanation is no judgement."""
    ids = snapshots.lead_ids.astype(str).tolist()
    if not snapshots.declarations.model.has_clock:
        return attributions(bundle, snapshots.features(), ids, language=language)
    return attributions(bundle, snapshots.features(), ids, snapshots.created, snapshots.as_of, language)


def attributions(
    bundle: Bundle,
    values: pa.Table,
    lead_ids: Sequence[str],
    created: ArrayLike | None = None,
    as_of: ArrayLike | None = None,
    language: Language = ENGLISH,
) -> Attributions:
    """Explain rows of feature values; parameters as in `Attributions.of`."""
    contributions = bundle.ensemble.explain(bundle.encoding.transform(values))
    families = Families.of(bundle.declarations.features, bundle.encoding.names)
    return Attributions.of(
        contributions, families, bundle.calibrator, values, lead_ids, created, as_of, language
    )


def check_made_by(bundle: Bundle, scores: Scored) -> None:
    """Refuse a bundle that did not make these scores."""
    made_by = scores.bundle_version
    if made_by != bundle.version:
        raise Refused(
            f"the scores were made by bundle {made_by}, and this is bundle {bundle.version}",
            do="name the bundle that made them with --model, or score again",
        )
