"""What marketing can bring about: typical events, by a plain oracle; and what is none."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import oracle
import pytest
from counterfactuals import ACTIONABLE, COUNTED, SWEPT, opened, steps_of
from hypothesis import HealthCheck, given, settings
from strategies import DAY, FEATURES, NOON, History, declare, histories, many_histories

from lqmodel.declarations import Declarations
from lqmodel.errors import BadData
from lqmodel.steps import Step, countable

FEW = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TEXTS = ("flagged", "page", "type")
BLANK = {"type": None, "page": None, "duration_s": None, "flagged": None}


def typical(feature: Mapping[str, Any], facts: Sequence[oracle.Fact], before: int) -> dict[str, Any] | None:
    """The typical event of a feature, as its definition says."""
    where, column = feature.get("where", {}), feature.get("column")
    left = [f for f in facts if f["known"] < before and f["occurred"] < before and oracle.fits(f, where)]
    left = [f for f in left if column is None or f[column] is not None]
    if not left:
        return None
    found: dict[str, Any] = {}
    for name in sorted(TEXTS, key=lambda c: (c not in where, c)):
        told = [
            None if f[name] is None else str(f[name]).lower() if name == "flagged" else f[name] for f in left
        ]
        counts = Counter(told)
        found[name] = min(counts, key=lambda v: (-counts[v], v is None, (v or "").encode()))
        left = [f for f, v in zip(left, told, strict=True) if v == found[name]]
    known = sorted(f["duration_s"] for f in left if f["duration_s"] is not None)
    found["duration_s"] = known[(len(known) - 1) // 2] if 2 * len(known) >= len(left) else None
    return found


@FEW
@given(histories(most=100))
def test_a_step_is_the_typical_event_and_fits_what_its_features_ask_for(history: History) -> None:
    with opened(history, SWEPT) as inputs:
        steps = steps_of(inputs, SWEPT, NOON)
    by_feature = {name: dict(step.values) for step in steps for name in step.features}
    for name, feature in COUNTED.items():
        assert by_feature.get(name) == typical(feature, history.events, NOON), name
        if name in by_feature:
            values = by_feature[name]
            flagged = {None: None, "true": True, "false": False}[values["flagged"]]
            assert oracle.fits({**values, "flagged": flagged}, feature.get("where", {})), name
    assert [step.name for step in steps] == sorted(step.name for step in steps)
    assert len({step.values for step in steps}) == len(steps), "one event is one step"


def test_order_threads_and_later_facts_change_no_step() -> None:
    history = many_histories(seed=3, leads=200)
    mixed = replace(history, events=random.Random(1).sample(history.events, len(history.events)))
    later = [{**f, "known": max(f["known"], NOON), "type": "call", "page": "later"} for f in history.events]
    more = replace(mixed, events=[*mixed.events, *later])
    found = []
    for facts, threads in ((history, 1), (mixed, 2), (more, 2)):
        with opened(facts, SWEPT, threads) as inputs:
            found.append(steps_of(inputs, SWEPT, NOON))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 5


# --- what is a step, and what is not --------------------------------------------------------------

VISIT = {
    "source": "events",
    "verb": "count",
    "where": {"type": "page_view"},
    "windows": ["7d"],
    "actionable": True,
}
CALL = {**VISIT, "where": {"type": "call"}}
ASKED = {"source": "events", "verb": "count", "where": {"type": "call"}, "windows": ["1d", "7d"]}


def history_of(*kinds: str) -> History:
    events = [
        {**BLANK, "lead": "L00", "occurred": NOON - DAY, "known": NOON - DAY, "type": kind, "duration_s": 5.0}
        for kind in kinds
    ]
    lead = {"lead": "L00", "occurred": NOON - 9 * DAY, "known": NOON - 9 * DAY}
    profile = {"lead": "L00", "occurred": NOON - 9 * DAY, "known": NOON - 9 * DAY}
    return History([{**lead, "industry": None}], events, [{**profile, "plan": "pro", "seats": 1.0}])


def learned(
    features: Mapping[str, Any], *kinds: str, model: Mapping[str, Any] | None = None
) -> tuple[Step, ...]:
    declared = declare(features=features, model=model)
    with opened(history_of(*kinds), declared) as inputs:
        return steps_of(inputs, declared, NOON)


def names(steps: Sequence[Step]) -> list[tuple[str, ...]]:
    return [step.features for step in steps]


def test_features_of_one_event_are_one_step_by_the_first_name() -> None:
    trend = {"source": "events", "verb": "trend", "where": {"type": ["call", "page_view"]}, "windows": ["7d"], "actionable": True}  # fmt: skip
    steps = learned(
        {"engagement": {"visits": VISIT, "calls": CALL, "b_trend": trend}}, "page_view", "page_view", "call"
    )
    assert names(steps) == [("b_trend", "visits"), ("calls",)]


def test_what_training_never_saw_is_no_step() -> None:
    assert names(learned({"engagement": {"visits": VISIT, "calls": CALL}}, "call")) == [("calls",)]


def test_only_actionable_counts_of_dated_engagement_are_steps() -> None:
    fixed = {**VISIT, "actionable": False}
    plan = {"source": "profiles", "verb": "latest", "column": "plan", "dtype": "category", "actionable": True}
    age = {"source": "leads", "verb": "recency", "actionable": True}
    wins = {"source": "outcomes", "verb": "count", "windows": ["7d"], "actionable": True}
    updates = {"source": "profiles", "verb": "count", "windows": ["7d"], "actionable": True}
    declared = declare(
        features={
            "engagement": {"fixed": fixed, "plan": plan, "age": age, "wins": wins, "visits": VISIT},
            "fit": {"updates": updates},
        }
    )
    assert [item.name for item in countable(declared)] == ["visits"]


@pytest.mark.parametrize("actionable", [False, True])
def test_a_hand_raise_is_a_step_only_where_the_fact_is_declared_actionable(actionable: bool) -> None:
    asked = {**ASKED, "actionable": actionable}
    stages = {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.3, "promote_any": ["asked"]}}
    features = {"engagement": {"visits": VISIT, "calls": CALL}, "gates": {"asked": asked}}
    found = learned(features, "page_view", "call", model={"stages": stages, "features": ["engagement"]})
    assert names(found) == ([("calls",), ("visits",)] if actionable else [("visits",)])


@pytest.mark.parametrize("actionable", [False, True])
def test_what_makes_an_mql_as_was_agreed_is_noted(actionable: bool) -> None:
    asked = {**ASKED, "actionable": actionable}
    stages = {"mql": {"at_least": 0.05, "promote_any": ["asked"]}, "sales_ready": {"at_least": 0.3}}
    features = {"engagement": {"visits": VISIT, "calls": CALL}, "gates": {"asked": asked}}
    found = learned(features, "page_view", "call", model={"stages": stages, "features": ["engagement"]})
    assert [(step.name, step.makes_mql) for step in found] == [("calls", not actionable), ("visits", False)]


def test_a_hand_raise_of_other_events_takes_no_step_away() -> None:
    asked = {**ASKED, "where": {"type": "email"}}
    stages = {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.3, "promote_any": ["asked"]}}
    features = {"engagement": {"visits": VISIT, "calls": CALL}, "gates": {"asked": asked}}
    assert names(learned(features, "page_view", "call", model={"stages": stages, "features": ["engagement"]})) == [("calls",), ("visits",)]  # fmt: skip


def test_steps_of_a_source_that_is_also_read_as_text_keep_text_and_number_together() -> None:
    words = {
        "source": "events",
        "verb": "count",
        "where": {"duration_s": ["5"]},
        "windows": ["ever"],
        "actionable": True,
    }
    (step,) = learned(
        {"engagement": {"five": words, "dwell": {**ACTIONABLE["dwell"], "actionable": False}}}, "call"
    )
    assert dict(step.values)["duration_s"] == 5.0
    assert dict(step.values)["__text_duration_s"] == "5"


def test_steps_survive_json_to_the_byte() -> None:
    steps = learned({"engagement": {"visits": VISIT, "calls": CALL}}, "page_view", "call")
    again = [Step.from_json(json.loads(json.dumps(step.to_json()))) for step in steps]
    assert again == list(steps)


@pytest.mark.parametrize(
    "broken",
    [
        {"features": [], "source": "events", "values": {}},
        {"features": ["a"], "source": "events", "values": {"n": float("inf")}},
        {"features": ["a"], "source": "events", "values": {"n": float("nan")}},
        {"features": ["a"], "source": "events", "values": {"n": True}},
        {"features": ["a"], "values": {}},
        {"features": ["a"], "source": "events", "values": [1]},
        {"features": ["a"], "source": "events", "values": {}},
        7,
    ],
)
def test_what_is_no_stored_step_is_refused(broken: Any) -> None:
    with pytest.raises(BadData, match=r"^steps: this is not a stored step: "):
        Step.from_json(broken)


def test_declarations_of_the_tests_have_steps_of_every_aggregating_verb() -> None:
    declared: Declarations = SWEPT
    verbs = {item.feature.verb for item in countable(declared)}
    assert verbs == {t["verb"] for t in FEATURES["engagement"].values()} - {"latest"}
