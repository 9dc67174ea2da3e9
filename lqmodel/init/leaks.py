"""Columns whose values alone give the outcome away, by the audit's own figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from lqmodel.audit import ABOVE_BASE, CERTAIN_AUC, FEWEST_LEADS, WINNERS_ONLY
from lqmodel.declarations import Column
from lqmodel.figures import figures_of, folds_of
from lqmodel.init.columns import Choice
from lqmodel.init.profile import Contents, known_sql, number_sql

GIVEN_AWAY: Final = "its values come with the outcome"


def without_tell_tales(contents: Contents, key: str, choices: list[Choice], base: float) -> list[Choice]:
    """Leave out columns that the audit would stop for their values; ``__won`` (k, won) holds the leads.

    Parameters
    ----------
    contents : Contents
        A table with one row per lead.
    key : str
        The column that names the lead.
    choices : list of Choice
        Kept against the rule stays kept.
    base : float
        Share of all leads that were won.
    """
    used = [c for c in choices if c.use in ("number", "category") and not c.accepted]
    if not used:
        return choices
    picked = ", ".join(f"{_value_sql(contents, c)} AS c{i}" for i, c in enumerate(used))
    rows = contents.table.con.execute(
        f"SELECT k, won IS NOT NULL AS won, COLUMNS('^c[0-9]+$') "
        f"FROM (SELECT {contents.key_sql(key)} AS k, {picked} FROM {contents.table.relation}) "
        "JOIN __won USING (k) ORDER BY k"
    ).to_arrow_table()
    won = rows["won"].to_numpy().astype(bool)
    if won.sum() < FEWEST_LEADS or won.all():
        return choices
    fold = folds_of(np.asarray(rows["k"].to_pylist(), dtype=object))
    reasons = {c.column: _reason(c, rows[f"c{i}"], won, fold, base) for i, c in enumerate(used)}
    return [
        replace(c, use="out", why=why, group=GIVEN_AWAY) if (why := reasons.get(c.column)) else c
        for c in choices
    ]


def _value_sql(contents: Contents, choice: Choice) -> str:
    p = contents.profiles[choice.column]
    value = known_sql(p.name, p.missing_texts)
    if choice.use == "category":
        return f"({value})::VARCHAR"
    return number_sql(f"({value})", contents.decimal) if p.is_text else f"({value})::DOUBLE"


def _reason(
    choice: Choice, values: pa.ChunkedArray, won: np.ndarray, fold: np.ndarray, base: float
) -> str | None:
    dtype: Literal["number", "category"] = "number" if choice.use == "number" else "category"
    column = Column(choice.column, choice.column, "fit", dtype, "attribute", None, 0, False)
    figures = figures_of(column, values, won, fold)
    filled = (1 - figures.missing) * figures.rows
    if (
        filled >= FEWEST_LEADS
        and figures.won_filled >= WINNERS_ONLY
        and figures.won_filled - base >= ABOVE_BASE
    ):
        return f"{figures.won_filled:.0%} of the leads that have a value were won: it comes with the outcome"
    if figures.auc >= CERTAIN_AUC:
        return f"alone it ranks leads with AUC {figures.auc:.3f}: it all but says the outcome"
    return None
