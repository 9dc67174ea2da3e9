"""What the model is held against on the same held-out snapshots: baselines, and the scores that are in use."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lqmodel.baselines import PlattScaled, PointsRule, base_rate, logistic_baseline
from lqmodel.encoding import Encoding
from lqmodel.points import PointsTable
from lqmodel.reasons.raw import lead_ages
from lqmodel.trainingset import Snapshots

Floats = NDArray[np.float64]
YOURS: Final = "your points table"
EXISTING: Final = "existing score"


def rivals(encoding: Encoding, train: Snapshots, test: Snapshots) -> dict[str, Floats]:
    """Return the probabilities that each rival, fitted on the training part, gives to the test snapshots.

    Base rate, points rule and logistic regression always; the declared points table and the score in use
    where they are declared. A rule's points and a score become probabilities by Platt's line, which finds
    their direction on the training part.

    Parameters
    ----------
    encoding : Encoding
        Of the training part's features.
    train, test : Snapshots

    Returns
    -------
    dict of str to ndarray of float64, shape (n_test,)
        The plainest first.
    """
    x, x_test = encoding.transform(train.features()), encoding.transform(test.features())
    by_name = {c.name: c.constraint for c in train.columns}
    rule = PointsRule.fit(x, train.won, [by_name[name] for name in encoding.names], encoding.categorical)
    logistic = logistic_baseline(encoding.categorical).fit(x, train.won)
    found = {
        "base rate": base_rate(train.won, len(test)),
        "points rule": rule.predict(x_test),
        "logistic regression": logistic.predict_proba(x_test)[:, 1],
    }
    in_use = {YOURS: _points, EXISTING: _existing_score}
    for name, score in in_use.items():
        scores, scores_of_test = score(train), score(test)
        if scores is not None and scores_of_test is not None:
            found[name] = PlattScaled.fit(scores, train.won).predict(scores_of_test)
    return found


def _points(snapshots: Snapshots) -> Floats | None:
    if snapshots.declarations.model.points is None:
        return None
    table = PointsTable.of(snapshots.declarations)
    dated = snapshots.declarations.model.has_clock
    ages = lead_ages(snapshots.created, snapshots.as_of) if dated else None
    return table.points(table.holds(snapshots.table, ages)).astype(np.float64)


def _existing_score(snapshots: Snapshots) -> Floats | None:
    column = snapshots.declarations.existing_score()
    if column is None:
        return None
    return np.asarray(snapshots.table[column.name].cast(pa.float64()).fill_null(np.nan).to_numpy())
