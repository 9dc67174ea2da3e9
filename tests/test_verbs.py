"""Every verb against the oracle, over generated histories."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import oracle
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import DAY, FEATURES, LEADS, NOON, History, declare, histories, write_history

from lqmodel.declarations import VERBS, Duration
from lqmodel.engine import AS_OF, CREATED, KEY, OCCURRED, fetch
from lqmodel.features import features
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.verbs import matches, measures, reach

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
AS_OFS = (NOON, NOON + 3 * DAY)
DECLARED = declare()


def computed(inputs: Inputs, as_ofs: tuple[int, ...] = AS_OFS) -> dict[tuple[str, int], dict[str, Any]]:
    """Features of all leads at the moments after their creation, by (lead, as_of)."""
    leads = inputs.facts["leads"].table
    grid = ibis.literal(list(as_ofs), type="array<int64>").unnest().name(AS_OF).as_table()
    crossed = leads.select(KEY, **{CREATED: leads[OCCURRED]}).cross_join(grid)
    snapshots = crossed.filter(crossed[CREATED] < crossed[AS_OF])
    wide = features(snapshots, inputs.facts, DECLARED.features, inputs.observed_from())
    rows = fetch(wide).to_pylist()
    assert len({(r[KEY], r[AS_OF]) for r in rows}) == len(rows)
    return {(r[KEY], r[AS_OF]): r for r in rows}


def opened(history: History) -> Inputs:
    with TemporaryDirectory() as folder:
        write_history(Path(folder), history)
        return open_inputs(DECLARED, Path(folder), threads=2)


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@given(histories())
def test_every_verb_agrees_with_the_oracle(history: History) -> None:
    rows = computed(opened(history))
    assert set(rows) == {(f["lead"], t) for f in history.leads for t in AS_OFS if f["occurred"] < t}
    created = {f["lead"]: f["occurred"] for f in history.leads}
    for file in FEATURES.values():
        for name, feature in file.items():
            facts = history.facts(feature["source"])
            start = min(max(f["occurred"], f["known"]) for f in facts)
            for (lead, as_of), row in rows.items():
                expected = oracle.columns(name, feature, facts, lead, created[lead], as_of, start)
                assert {c: row[c] for c in expected} == expected, (lead, as_of, name)


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


def row_of(*events: dict[str, Any]) -> dict[str, Any]:
    return computed(opened(history_of(*events)), (NOON,))[LEADS[0], NOON]


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


def test_reach_is_what_a_column_looks_back_over() -> None:
    by_name = {c.name: (d.feature, c.window) for d in DECLARED.features for c in d.columns()}
    assert reach(*by_name["visits_7d"]) == 7 * DAY
    assert reach(*by_name["visits_trend_7d"]) == 14 * DAY
    assert reach(*by_name["visits_ever"]) is None
    assert reach(*by_name["last_act"]) is None
    assert Duration.parse("7d").us == 7 * DAY


def test_attributes_are_not_aggregated() -> None:
    plan = next(d for d in DECLARED.features if d.name == "plan")
    table = ibis.table({"plan": "string", OCCURRED: "int64", AS_OF: "int64"}, name="t")
    with pytest.raises(TypeError, match="attribute does not aggregate"):
        measures(table, plan.feature, plan.columns()[0])


def test_an_empty_where_matches_all() -> None:
    table = ibis.table({"a": "int64"}, name="t")
    assert matches(table, ()).equals(ibis.literal(True))
