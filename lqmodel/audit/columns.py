"""What the values of a column alone give away, and columns of which nothing can be learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from lqmodel.audit.case import FEWEST_LEADS, Case, accepting
from lqmodel.audit.finding import Finding
from lqmodel.declarations import OfRow, Taken
from lqmodel.figures import Figures, figures_of, folds_of
from lqmodel.lexicon import ID as ID_WORDS
from lqmodel.lexicon import found
from lqmodel.trainingset import Snapshots

CERTAIN_AUC: Final = 0.98  # one attribute alone that ranks so well is the outcome under another name
STRONG_AUC: Final = 0.80  # of an attribute: worth a look, because whole models seldom rank better
STRONG_ACTIVITY: Final = 0.90  # the same of what a lead did, which has passed the door of time
EMPTY_AUC: Final = 0.65  # of "is it missing?" alone
EMPTY_RATIO: Final = 3.0  # between the share won with and without a value
FEWEST_EMPTY: Final = 50  # rows on either side, to compare them
CONSTANT: Final = 0.995  # from this share of one value (or of missing) on, nothing is learnt
MANY_LEVELS: Final = 200  # categories with more levels are mostly noise
ID_LIKE: Final = 0.5  # from so many levels per lead on, a category is a name


def figures_of_columns(snapshots: Snapshots, case: Case) -> tuple[Figures, ...]:
    """Return what each column of the training set says alone, by name."""
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


def telling(case: Case, column: Figures) -> Iterator[Finding]:
    """What a column alone, or its being empty, gives away."""
    item, wins = case.by_name[column.feature], len(case.won_leads)
    where, source = case.where(item), item.feature.source
    still = isinstance(item.feature, OfRow)
    if still and column.auc >= CERTAIN_AUC and wins >= FEWEST_LEADS:
        message = f"alone it ranks held-out leads with AUC {column.auc:.3f}: it all but says the outcome"
        do = f"take it out, or, if {accepting(source, item.feature.reads()[0])}"
        yield case.judged("says_the_outcome", column.column, where, message, do, source, item.feature.reads())
    elif column.auc >= (STRONG_AUC if still else STRONG_ACTIVITY):
        message = f"alone it ranks held-out rows with AUC {column.auc:.2f}"
        do = "make sure that it is known before the outcome"
        yield case.warn("strong_alone", column.column, item, message, do)
    empty = column.missing * column.rows
    if still and min(empty, column.rows - empty) >= FEWEST_EMPTY:
        low, high = sorted((column.won_empty, column.won_filled))
        if column.empty_auc >= EMPTY_AUC or high >= EMPTY_RATIO * low:
            message = (
                f"won: {column.won_filled:.1%} with a value, {column.won_empty:.1%} without ({column.missing:.0%} of rows; "
                f"AUC of missing alone {column.empty_auc:.2f})"
            )
            yield case.warn("telling_gaps", column.column, item, message, "ask who fills it in, and when")


def teaches(case: Case, feature: str, figures: tuple[Figures, ...]) -> Iterator[Finding]:
    """Features of which nothing general can be learnt: empty, constant, names."""
    item, columns = case.by_name[feature], [f for f in figures if f.feature == feature]
    widest = min(columns, key=lambda f: f.top_share)
    if all(f.missing == 1 for f in columns):
        yield case.warn("empty", feature, item, "no row has a value", "take it out, or mend its source")
    elif widest.top_share >= CONSTANT:
        message = f"{widest.top_share:.2%} of rows are {widest.top_value!r}"
        do = "take it out: nothing can be learnt from so few"
        yield case.warn("near_constant", feature, item, message, do)
    elif isinstance(item.feature, Taken):
        category = item.feature.dtype == "category"
        named = found(item.feature.column, ID_WORDS) is not None
        if widest.levels >= ID_LIKE * case.n_leads and case.n_leads >= FEWEST_LEADS and (category or named):
            message = f"{widest.levels} different values for {case.n_leads} leads: it names them, it does not describe them"
            do = "take it out, or show it with `display`"
            yield case.warn("names_leads", feature, item, message, do)
        elif category and widest.levels > MANY_LEVELS:
            message = f"{widest.levels} levels; rare ones share one"
            do = "group them in the source, or take it out"
            yield case.warn("many_levels", feature, item, message, do)
