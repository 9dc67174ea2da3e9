"""History tables: the rows of a lead must not hold at the same time."""

from __future__ import annotations

import ibis.expr.types as ir

from lqmodel.engine import KEY, OCCURRED, fetch_row
from lqmodel.errors import BadData

UNTIL = "__until"  # int64 microseconds UTC, exclusive; null: it still holds


def check_validity(table: ir.Table, name: str, column: str) -> None:
    """Refuse rows that end before they begin, and rows of one lead that overlap.

    Parameters
    ----------
    table : ibis Table
        ``__key``, ``__occurred`` (from when a row held) and ``__until``; in any order.
    name, column : str
        The source, and its column that says until when.

    Raises
    ------
    BadData
        Either value of an overlap could be the true one; taking the newer would hide the damage.
    """
    # a row that was replaced within its day ends as it begins, and never overlaps
    lasting = table.filter((table[UNTIL] != table[OCCURRED]).fill_null(True))
    following = lasting[OCCURRED].lead().over(group_by=KEY, order_by=[OCCURRED, UNTIL])
    ends = lasting[UNTIL]
    overlap = (following < ends) | (ends.isnull() & following.notnull())
    seen = lasting.mutate(
        __backwards=(ends < lasting[OCCURRED]).fill_null(False), __overlap=overlap.fill_null(False)
    )
    row = fetch_row(
        seen.aggregate(
            backwards=seen.count(where=seen["__backwards"]),
            backwards_lead=seen[KEY].min(where=seen["__backwards"]),
            overlap=seen.count(where=seen["__overlap"]),
            overlap_lead=seen[KEY].min(where=seen["__overlap"]),
        )
    )
    do = f"mend the table; or take valid_until out of [{name}]: of several rows the newest then counts"
    if row["backwards"]:
        raise BadData(
            f"{row['backwards']} rows end before they begin, such as one of lead {row['backwards_lead']!r}",
            where=f"source {name!r}, column {column!r}",
            do=do,
        )
    if row["overlap"]:
        raise BadData(
            f"{row['overlap']} rows still hold when the lead's next row begins, such as one of lead {row['overlap_lead']!r}",
            where=f"source {name!r}, column {column!r}",
            do=do,
        )
