"""The table of what people in sales did."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lqmodel.declarations import DAY, to_microseconds
from lqmodel.errors import BadData, ColumnMissing, WrongType
from lqmodel.stages import ACT_SCHEMA, Act, acts_table, checked_acts

MONDAY = to_microseconds("2026-06-01T00:00:00Z", None)
REJECTED = Act("L-1", 1, "rejected", MONDAY, MONDAY + 1, "no_budget", MONDAY + 30 * DAY, {"budget": False})


def test_acts_go_through_a_table_unchanged() -> None:
    accepted = Act("L-2", 2, "accepted", MONDAY, MONDAY, checklist={"need": True, "budget": True})
    table = acts_table([REJECTED, accepted])
    assert checked_acts(table).equals(table)
    rows = table.to_pylist()
    assert rows[0]["reason"] == "no_budget"
    assert rows[1]["checklist"] == [("budget", True), ("need", True)]
    assert rows[1]["until"] is None
    assert checked_acts(acts_table([])).schema == ACT_SCHEMA


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"act": "accept"}, "no act 'accept'\n  there is: accepted, rejected, .*\n  do: write 'accepted'"),
        ({"known_at": MONDAY - 1}, "rejected: known before it was done"),
        ({"until": MONDAY}, "rejected: wakes before it was done"),
    ],
)
def test_an_act_that_cannot_be_is_refused_by_lead(changes, told) -> None:
    with pytest.raises(BadData, match=f"(?s)lead 'L-1': {told}"):
        Act(**{**vars(REJECTED), **changes})


def test_a_table_that_does_not_hold_acts_is_refused() -> None:
    table = acts_table([REJECTED])
    with pytest.raises(ColumnMissing, match="no column 'until'"):
        checked_acts(table.drop_columns(["until"]))
    with pytest.raises(BadData, match="1 acts have no lead_id"):
        checked_acts(table.set_column(0, "lead_id", pa.array([None], pa.string())))
    with pytest.raises(BadData, match="no act 'liked'"):
        checked_acts(table.set_column(2, "act", pa.array(["liked"])))
    with pytest.raises(WrongType, match="does not hold its types"):
        checked_acts(table.set_column(1, "episode", pa.array(["first"])))
