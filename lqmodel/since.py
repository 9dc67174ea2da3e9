"""Wiring: a scoring and the run before → what changed for each lead, and what each move did.

Between the two rows stand two steps. First the model: what this run's model makes of the values of then, against
what was said then. After it the moves: from the values of then to those of now, by this run's model alone.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.bundle import Bundle
from lqmodel.declarations import DAY
from lqmodel.errors import BadData
from lqmodel.languages import Language
from lqmodel.makeup import Makeup
from lqmodel.points import VERSION_PREFIX
from lqmodel.reasons import Change, Compared, Families, Since
from lqmodel.reasons.change import COMPARED, Status
from lqmodel.reasons.passing import passed
from lqmodel.reasons.raw import RawColumns, lead_ages
from lqmodel.roster import ID
from lqmodel.scores import CREATED_AT, DIGITS, LOOKED_AT, SCORED, Previous, Scored, moments
from lqmodel.states import EPISODE

Floats = NDArray[np.float64]
_LEAST = 10.0**-DIGITS / 2  # a probability that was written as 0 was below
_CHANGE = ("previous_probability", "change", "change_by_model", "change_by_time")


def since(
    bundle: Bundle,
    values: pa.Table,
    probability: Floats,
    as_of: int,
    previous: Previous,
    threads: int | None = None,
) -> Since:
    """Say what changed for each scored lead since the run before.

    Parameters
    ----------
    bundle : Bundle
        The model of this run.
    values : pyarrow.Table
        Its values, one row per scored lead, by lead id.
    probability : ndarray of float64, shape (n,)
        Calibrated, of these leads.
    as_of : int
        Microseconds UTC.
    previous : Run or Scores
        The run before.
    threads : int, optional
        Results do not depend on it.

    Raises
    ------
    BadData
        A file of the run before was changed.
    ColumnMissing, WrongType
        Its values lack a column that its model read.
    """
    assert previous.as_of is not None
    status, features = _between(bundle, previous)
    each, before = _each(values, previous.table, previous.as_of, status)
    compared, rows = None, np.flatnonzero(each == status)
    if status in COMPARED and len(rows):
        compared, before[rows] = _compared(bundle, values.take(rows), before[rows], previous, status, threads)
    return Since(previous.as_of, as_of, probability, before, tuple(each.tolist()), compared, rows, features)


def change_of(
    bundle: Bundle, scores: Scored, lead_id: str, previous: Previous, language: Language
) -> Change | None:
    """Say what changed for one scored lead since the run before, as `since` does; None without a clock."""
    if scores.as_of is None:
        return None
    values = scores.features.filter(pc.equal(scores.features[ID], lead_id))
    margin = bundle.ensemble.margin(bundle.encoding.transform(values))
    changed = since(bundle, values, bundle.calibrator.probability(margin), scores.as_of, previous)
    return changed.change(0, language)


def change_columns(changed: Since | None, n: int, language: Language) -> dict[str, pa.Array]:
    """Return the columns of scores.parquet that say what changed; all null without a run before."""
    if changed is None:
        nothing = dict.fromkeys(_CHANGE, pa.nulls(n, pa.float64()))
        return {**nothing, "reasons_changed": pa.nulls(n, pa.string())}
    columns = np.full((len(_CHANGE), n), np.nan)
    columns[0] = changed.before
    columns[1] = _logit(changed.probability) - _logit(changed.before)
    if changed.compared is not None:
        columns[2, changed.rows] = changed.compared.model
        columns[3, changed.rows] = changed.compared.by_time
    rounded = np.round(columns, DIGITS) + 0.0  # no negative zero
    found = {name: pa.array(column, from_pandas=True) for name, column in zip(_CHANGE, rounded, strict=True)}
    return {**found, "reasons_changed": pa.array(changed.texts(language), pa.string())}


def _between(bundle: Bundle, previous: Previous) -> tuple[Status, tuple[str, ...]]:
    """Return how the two models compare, and the families that mean something else now."""
    if previous.bundle_version.startswith(VERSION_PREFIX):
        return "by_points", ()
    if previous.bundle_version == bundle.version:
        return "same_model", ()
    makeup, then = Makeup.of(bundle), previous.makeup
    assert then is not None  # only points have none
    if others := makeup.other_features(then):
        return "other_features", others
    if then.trees != makeup.trees:
        return "trained_anew", ()
    return ("same_model" if then.calibrator == makeup.calibrator else "recalibrated"), ()


def _each(
    values: pa.Table, table: pa.Table, moment: int, status: Status
) -> tuple[NDArray[np.object_], Floats]:
    """Return the status of each lead, and its probability then; NaN where there is none to compare with."""
    then = table.take(pc.index_in(values[ID], table[ID]))  # a row of nulls where the lead was not there
    began = np.asarray(values[CREATED_AT].cast(pa.int64())) >= moment  # the lead, or its episode
    again = np.asarray(values[EPISODE]) > 1
    another = _holds(pc.not_equal(then[EPISODE], values[EPISODE]))
    absent, scored = ~np.asarray(pc.is_valid(then[ID])), _holds(pc.equal(then["status"], SCORED))
    cases: dict[Status, NDArray[np.bool_]] = {
        "came_back": again & (began | another),
        "new": absent | began,
        "not_scored": ~scored,
    }
    each = np.select(list(cases.values()), list(cases), status).astype(object)
    before = np.asarray(pc.fill_null(then["probability"], np.nan), dtype=np.float64)
    return each, np.where(each == status, np.clip(before, _LEAST, 1 - _LEAST), np.nan)


def _holds(told: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(told, False))


def _compared(
    bundle: Bundle,
    values: pa.Table,
    before: Floats,
    previous: Previous,
    status: Status,
    threads: int | None,
) -> tuple[Compared, Floats]:
    """Return what each move did; and the probability then, with all its digits where this model gave it."""
    then = previous.features.take(pc.index_in(values[ID], previous.features[ID]))
    families = Families.of(bundle.declarations.features, bundle.encoding.names)
    encoded = bundle.encoding.transform(values), _encoded_then(bundle, then, previous)
    difference = bundle.ensemble.compare(*encoded, threads)
    moves = families.compare(difference, bundle.calibrator)
    if status == "same_model":
        model, before = np.zeros(len(before)), bundle.calibrator.probability(difference.before)
    else:
        model = moves.before - _logit(before)
    gap = (_looked_at(values) - _looked_at(then)) / DAY
    now_raw, then_raw = (RawColumns(part, families.columns, _ages(part)) for part in (values, then))
    return Compared(status, moves, model, passed(families, values, then, gap), now_raw, then_raw), before


def _encoded_then(bundle: Bundle, then: pa.Table, previous: Previous) -> Floats:
    try:
        return bundle.encoding.transform(then)
    except BadData as error:
        raise type(error)(
            error.message,
            where=f"features of run {previous.run_id}, the one before",
            exists=error.exists,
            do="score its moment again, or leave it out",
        ) from error


def _looked_at(values: pa.Table) -> Floats:
    return np.asarray(values[LOOKED_AT].cast(pa.int64()), dtype=np.float64)


def _ages(values: pa.Table) -> Floats | None:
    return lead_ages(moments(values, CREATED_AT), moments(values, LOOKED_AT))


def _logit(probability: Floats) -> Floats:
    return np.log(probability) - np.log1p(-probability)
