"""Every verb against the oracle, over generated histories."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import numpy as np
import oracle
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import (
    DAY,
    FEATURES,
    LEADS,
    NOON,
    History,
    declare,
    histories,
    many_histories,
    us,
    write,
    write_history,
)

from lqmodel.declarations import VERBS, Decayed, DeclaredFeature, Duration
from lqmodel.engine import AS_OF, CREATED, KEY, OCCURRED, fetch
from lqmodel.features import features
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.verbs import matches, measures, oldest, reach, row_value

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
AS_OFS = (NOON - 10 * DAY, NOON, NOON + 3 * DAY)
ZONE = "Europe/Berlin"
DECLARED = declare(model={"zone": ZONE})
TO_SPRING, TO_AUTUMN = 27 * DAY, 237 * DAY  # from NOON to the days on which Berlin's clocks are changed


def computed(
    inputs: Inputs, as_ofs: Sequence[int], declared: Sequence[DeclaredFeature] = DECLARED.features
) -> dict[tuple[str, int], dict[str, Any]]:
    """Features of all leads at the moments after their creation, by (lead, as_of)."""
    leads = inputs.facts["leads"].table
    grid = ibis.literal(list(as_ofs), type="array<int64>").unnest().name(AS_OF).as_table()
    crossed = leads.select(KEY, **{CREATED: leads[OCCURRED]}).cross_join(grid)
    snapshots = crossed.filter(crossed[CREATED] < crossed[AS_OF])
    wide = features(snapshots, inputs.facts, declared, inputs.observed_from())
    rows = fetch(wide).to_pylist()
    assert len({(r[KEY], r[AS_OF]) for r in rows}) == len(rows)
    return {(r[KEY], r[AS_OF]): r for r in rows}


def opened(history: History) -> Inputs:
    with TemporaryDirectory() as folder:
        write_history(Path(folder), history)
        return open_inputs(DECLARED, Path(folder), threads=2)


def assert_agrees(history: History, as_ofs: Sequence[int]) -> None:
    """Every column of every lead at every moment is what the oracle says, exactly."""
    rows = computed(opened(history), as_ofs)
    created = {f["lead"]: f["occurred"] for f in history.leads}
    assert set(rows) == {(lead, t) for lead, at in created.items() for t in as_ofs if at < t}
    for source in ("leads", "events", "profiles"):
        by_lead = defaultdict(list)
        for fact in history.facts(source):
            by_lead[fact["lead"]].append(fact)
        start = min(max(f["occurred"], f["known"]) for f in history.facts(source))
        declared = {n: f for file in FEATURES.values() for n, f in file.items() if f["source"] == source}
        for (lead, as_of), row in rows.items():
            for name, feature in declared.items():
                facts = by_lead[lead]
                expected = oracle.columns(name, feature, facts, lead, created[lead], as_of, start, ZONE)
                assert {c: row[c] for c in expected} == expected, (lead, as_of, name)


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@given(histories(), st.sampled_from([0, TO_SPRING, TO_AUTUMN]))
def test_every_verb_agrees_with_the_oracle(history: History, later: int) -> None:
    assert_agrees(history.moved(later), [as_of + later for as_of in AS_OFS])


@pytest.mark.parametrize("later", [0, TO_SPRING, TO_SPRING + DAY, TO_AUTUMN, TO_AUTUMN + DAY])
def test_every_verb_agrees_with_the_oracle_over_thousands_of_histories(later: int) -> None:
    assert_agrees(many_histories(later, leads=600).moved(later), [as_of + later for as_of in AS_OFS])


def test_the_oracle_knows_every_verb() -> None:
    assert {f["verb"] for file in FEATURES.values() for f in file.values()} == set(VERBS)


def history_of(*events: dict[str, Any]) -> History:
    blank = {"known": 0, "type": None, "page": None, "duration_s": None, "flagged": False}
    lead = {"lead": LEADS[0], "occurred": NOON - 30 * DAY, "known": NOON - 30 * DAY, "industry": None}
    early = {"lead": "other", "occurred": NOON - 90 * DAY, "known": NOON - 90 * DAY}
    return History(
        [lead],
        [{**blank, **e, "known": e.get("known", e["occurred"] + 1)} for e in (early, *events)],
        [{"lead": LEADS[0], "occurred": NOON - DAY, "known": 0, "plan": None, "seats": None}],
    )


class Row:
    """What is known of the first lead at noon; a column is computed when it is asked for."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs

    def __getitem__(self, column: str) -> Any:
        declared = [d for d in DECLARED.features if column in {c.name for c in d.columns()}]
        return computed(self.inputs, (NOON,), declared)[LEADS[0], NOON][column]


def row_of(*events: dict[str, Any]) -> Row:
    return Row(opened(history_of(*events)))


def view(back: int, **more: Any) -> dict[str, Any]:
    return {"lead": LEADS[0], "occurred": NOON - back, "type": "page_view", **more}


def test_a_window_holds_its_first_moment_and_not_as_of() -> None:
    late = {"known": NOON - 1}
    row = row_of(view(7 * DAY), view(7 * DAY + 1), view(1, **late), view(0), view(-1))
    assert (row["visits_1d"], row["visits_7d"], row["visits_ever"]) == (1.0, 2.0, 3.0)


def test_what_is_known_exactly_at_as_of_does_not_count() -> None:
    row = row_of(view(DAY, known=NOON), view(DAY, known=NOON + 9 * DAY), view(DAY, known=NOON - 1))
    assert row["visits_1d"] == 1.0


def test_no_fact_at_all_gives_zeros_and_never() -> None:
    row = row_of()
    zeros = ("visits_7d", "dwell_7d", "pages_1d", "visits_trend_7d", "visits_ever")
    assert {row[c] for c in zeros} == {0.0}
    assert row["last_act"] is None  # unconstrained: missing
    assert row["last_call"] == 31.0  # constrained: the lead's age plus one day
    assert row["age"] == 30.0


def test_sums_round_half_up_to_their_scale() -> None:
    row = row_of(view(1, duration_s=0.0005, known=NOON - 1), view(2, duration_s=0.00049, known=NOON - 1))
    assert row["dwell_1d"] == 0.001
    row = row_of(view(1, duration_s=-0.0005, known=NOON - 1))
    assert row["dwell_1d"] == 0.0


def test_what_is_as_old_as_its_half_life_counts_half() -> None:
    row = row_of(*(view(age) for age in (2, DAY - 1, DAY, 2 * DAY, 20 * DAY, 20 * DAY + 1)))
    assert row["warmth"] == 2 + 1 / 2 + 1 / 4 + 2**-20
    assert row_of(view(21 * DAY))["warmth"] == 0.0


def test_no_engine_can_round_a_weight_otherwise() -> None:
    """Exponentials that are wrong by 1e-9 of a unit (engines': 1e-10) still round to the table's weights."""
    for days in range(1, Decayed.LONGEST // DAY + 1):
        exact = np.exp2(-np.arange(20 * days + 1) / days) * 2**20
        assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-8, days
    for half_life in ("1d", "7d", "30d", "365d", "1000d"):
        feature = Decayed(verb="decayed", source="events", half_life=half_life)
        days = feature.half_life.us // DAY
        by_exp = np.floor(np.exp(np.arange(20 * days + 1) * (-math.log(2) / days)) * 2**20 + 0.5)
        assert by_exp.astype(int).tolist() == list(feature.weights())


def test_a_share_is_missing_where_its_source_has_no_row() -> None:
    mail = {"type": "email"}
    row = row_of(view(2 * DAY), view(DAY + 1), view(3 * DAY, **mail), view(5 * DAY, **mail))
    assert (row["views_of_all_1d"], row["views_of_all_14d"]) == (None, 0.5)
    alone = row_of(view(3 * DAY, **mail))  # no other feature asks for the rows that do not match
    assert alone["views_of_all_14d"] == 0.0


def test_missing_values_neither_raise_nor_lower_a_mean() -> None:
    row = row_of(view(DAY, duration_s=1.0), view(DAY, duration_s=4.0), view(DAY))
    assert (row["stay_1d"], row["longest_1d"], row["dwell_1d"]) == (2.5, 4.0, 5.0)
    row = row_of(view(DAY))
    assert (row["stay_1d"], row["longest_1d"], row["dwell_1d"]) == (None, None, 0.0)


def test_a_greatest_value_below_zero_is_not_zero() -> None:
    assert row_of(view(DAY, duration_s=-3.0), view(DAY))["longest_1d"] == -3.0


def test_zero_has_one_sign_whatever_the_order() -> None:
    for values in ((0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0)):
        row = row_of(*(view(DAY, duration_s=value) for value in values))
        columns = ("longest_1d", "longest_view_14d", "last_stay", "stay_1d", "dwell_1d")
        assert [math.copysign(1, row[c]) for c in columns] == [1.0] * 5, values


def test_tenure_counts_from_the_first_match_and_is_zero_before() -> None:
    row = row_of(view(30 * DAY), view(3 * DAY, type="call"), view(DAY, type="call"))
    assert (row["first_act"], row["first_call"]) == (30.0, 3.0)
    row = row_of()
    assert (row["first_act"], row["first_call"]) == (None, 0.0)


def test_latest_passes_over_missing_values_and_takes_the_greatest_of_equally_new() -> None:
    row = row_of(view(DAY), view(2 * DAY, page="a"), view(2 * DAY, page="b"), view(3 * DAY, page="z"))
    assert row["last_page"] == "b"
    known_late = row_of(view(DAY, page="new", known=NOON), view(2 * DAY, page="old"))
    assert known_late["last_page"] == "old"
    both = row_of(view(DAY, page="z", known=NOON), view(DAY, page="a", known=NOON - 1))
    assert both["last_page"] == "a"
    assert row_of(view(DAY))["last_page"] is None


MIDNIGHT = us("2024-03-03T23:00Z")  # in Berlin


@pytest.mark.parametrize(
    ("moments", "days"),
    [
        ([MIDNIGHT - 1, MIDNIGHT], 2),
        ([MIDNIGHT, MIDNIGHT + 1, NOON - 1], 1),
        ([us("2024-02-28T23:30Z"), us("2024-02-29T22:59:59.999999Z")], 1),  # 29 February
        ([us("2024-02-29T22:59:59.999999Z"), us("2024-02-29T23:00Z")], 2),
        ([us("2023-03-25T23:00Z"), us("2023-03-26T21:59:59.999999Z")], 1),  # the day of 23 hours
        ([us("2023-03-26T21:59:59.999999Z"), us("2023-03-26T22:00Z")], 2),
        ([us("2023-10-28T22:00Z"), us("2023-10-29T22:59:59.999999Z")], 1),  # the day of 25 hours
        ([us("2023-10-29T22:59:59.999999Z"), us("2023-10-29T23:00Z")], 2),
        ([us("2023-10-29T00:30Z"), us("2023-10-29T01:30Z")], 1),  # both 02:30
        ([us("1969-12-31T22:59Z"), us("1969-12-31T23:00Z")], 2),
    ],
)
def test_active_days_are_dates_of_the_zone(moments: list[int], days: int) -> None:
    assert row_of(*(view(NOON - moment) for moment in moments))["busy_days_ever"] == days


def test_a_date_without_a_time_is_the_date_that_was_written(tmp_path: Path) -> None:
    write_history(tmp_path, history_of())
    dates = [date(2024, 2, 29), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 3), date(2024, 3, 4)]
    write(tmp_path, "calls", lead_id=[LEADS[0]] * 5, on=pa.array(dates, pa.date32()))
    calls = {"uri": "calls.parquet", "key": "lead_id", "occurred_at": "on", "zone": ZONE}
    calls |= {"observed_from": "2024-01-01"}
    days = {"source": "calls", "verb": "active_days", "windows": ["3d", "30d"]}
    sources = DECLARED.to_json()["sources"] | {"calls": calls}
    declared = declare(sources, {"engagement": {"days": days}}, {"zone": ZONE})
    inputs = open_inputs(declared, tmp_path)
    leads = inputs.facts["leads"].table
    snapshots = leads.select(KEY, **{CREATED: leads[OCCURRED], AS_OF: ibis.literal(NOON)})
    row = fetch(features(snapshots, inputs.facts, declared.features, inputs.observed_from())).to_pylist()[0]
    # from 1 March 12:00 on; 4 March is not over at noon
    assert (row["days_3d"], row["days_30d"]) == (2.0, 3.0)


def test_reach_is_what_a_column_looks_back_over() -> None:
    by_name = {c.name: (d.feature, c.window) for d in DECLARED.features for c in d.columns()}
    assert reach(*by_name["visits_7d"]) == 7 * DAY
    assert reach(*by_name["visits_trend_7d"]) == 14 * DAY
    assert reach(*by_name["visits_ever"]) is None
    assert reach(*by_name["last_act"]) is None
    assert reach(*by_name["warmth"]) is None
    assert oldest(*by_name["view_warmth"]) == 140 * DAY
    assert oldest(*by_name["visits_7d"]) == 7 * DAY
    assert Duration.parse("7d").us == 7 * DAY


def test_attributes_are_not_aggregated() -> None:
    plan = next(d for d in DECLARED.features if d.name == "plan")
    table = ibis.table({"plan": "string", OCCURRED: "int64", AS_OF: "int64"}, name="t")
    with pytest.raises(TypeError, match="attribute does not aggregate"):
        measures(table, plan.feature, plan.columns()[0], None)
    visits = next(d for d in DECLARED.features if d.name == "visits")
    with pytest.raises(TypeError, match="count is not read off one row"):
        row_value(table, visits.feature)


def test_an_empty_where_matches_all() -> None:
    table = ibis.table({"a": "int64"}, name="t")
    assert matches(table, ()).equals(ibis.literal(True))
