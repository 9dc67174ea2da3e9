"""Features in other worlds are those of the lead's facts and the steps together: by the oracle, and to the byte."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from counterfactuals import SWEPT, WHOLE, ZONE, crossing, fact, opened, steps_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import DAY, HOUR, LEADS, NOON, History, declare, histories, many_histories
from worlds import ODD_FEATURES, TEXTS_OF_NUMBERS

import lqmodel.counterfactual.worlds as counterfactual_worlds
from lqmodel.counterfactual.worlds import Crossing, World
from lqmodel.declarations import Declarations
from lqmodel.steps import Step

FEW = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# the second: one minute past midnight in Berlin, so a step of an hour before stands on the date before
MOMENTS = (NOON - 9 * DAY, NOON + 11 * HOUR + 60_000_000, NOON, NOON + 1, NOON + 3 * DAY)
ASKED = [(lead, MOMENTS[i % len(MOMENTS)]) for i, lead in enumerate(LEADS)]


def by_oracle(
    history: History,
    declared: Declarations,
    crossed: Crossing,
    lead: str,
    as_of: int,
    happened: Sequence[Step],
) -> dict[str, Any]:
    created = next(f["occurred"] for f in history.leads if f["lead"] == lead)
    facts = [*history.events, *(fact(step, lead, as_of) for step in happened)]
    found: dict[str, Any] = {}
    tables = declared.raw["features"]["engagement"]
    for item in crossed.declared:
        observed = crossed.observed_from.get(item.feature.source)
        found |= oracle.columns(item.name, tables[item.name], facts, lead, created, as_of, observed, ZONE)
    return found


def sets_of(steps: Sequence[Step], size: int, rng: random.Random, most: int) -> list[World]:
    worlds = list(combinations_with_replacement(range(len(steps)), size))
    return sorted(rng.sample(worlds, min(most, len(worlds))))


@pytest.mark.parametrize("declared", [SWEPT, WHOLE], ids=["combined", "crossed"])
def test_features_are_those_of_facts_and_steps_together(declared: Declarations) -> None:
    @FEW
    @given(histories(most=80), st.integers(0, 999))
    def check(history: History, seed: int) -> None:
        rng = random.Random(seed)
        with opened(history, declared) as inputs:
            steps = steps_of(inputs, declared, NOON + 3 * DAY)
            if not steps:
                return
            crossed = crossing(inputs, declared, steps, ASKED)
            assert (crossed.measures is None) == (declared is WHOLE)
            for size in range(4):
                worlds = sets_of(steps, size, rng, 6)
                table = crossed.features(np.arange(len(ASKED)), worlds)
                rows = iter(table.to_pylist())
                for lead, as_of in ASKED:
                    for world in worlds:
                        happened = [steps[i] for i in world]
                        wanted = by_oracle(history, declared, crossed, lead, as_of, happened)
                        assert next(rows) == pytest.approx(wanted, abs=1e-12), (lead, as_of, world)

    check()


@FEW
@given(histories(most=100), st.integers(0, 999))
def test_combined_measures_give_what_crossed_facts_give_to_the_byte(history: History, seed: int) -> None:
    with opened(history, SWEPT) as inputs:
        steps = steps_of(inputs, SWEPT, NOON + 3 * DAY)
        if steps:
            crossed = crossing(inputs, SWEPT, steps, ASKED)
            for size in (2, 3):
                worlds = sets_of(steps, size, random.Random(seed), 30)
                ours = crossed.features(np.arange(len(ASKED)), worlds)
                assert_same(ours, all_crossed(crossed, worlds))


def test_many_leads_are_as_many_histories() -> None:
    history = many_histories(seed=2, leads=150)
    with opened(history, SWEPT) as inputs:
        steps = steps_of(inputs, SWEPT, NOON)
        asked = [(f["lead"], MOMENTS[i % len(MOMENTS)]) for i, f in enumerate(history.leads)]
        crossed = crossing(inputs, SWEPT, steps, asked)
        worlds = sets_of(steps, 3, random.Random(0), 40)
        assert_same(crossed.features(np.arange(len(asked)), worlds), all_crossed(crossed, worlds))
        some = np.array([77, 3, 140])
        wanted = all_crossed(crossed, worlds).take(
            np.concatenate([np.arange(i * len(worlds), (i + 1) * len(worlds)) for i in some])
        )
        assert_same(crossed.features(some, worlds), wanted)


def test_order_threads_and_batches_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    history = many_histories(seed=4, leads=40)
    mixed = replace(history, events=random.Random(1).sample(history.events, len(history.events)))
    asked = [(f["lead"], NOON) for f in history.leads]
    found = []
    for facts, threads, rows in ((history, 1, 100_000), (mixed, 2, 100_000), (mixed, 2, 100)):
        monkeypatch.setattr(counterfactual_worlds, "ROWS_AT_ONCE", rows)
        with opened(facts, SWEPT, threads) as inputs:
            steps = steps_of(inputs, SWEPT, NOON)
            crossed = crossing(inputs, SWEPT, steps, asked)
            parts = []
            for size in range(3):
                worlds = sets_of(steps, size, random.Random(0), 25)
                batches = list(crossed.batches(np.arange(len(asked)), len(worlds)))
                assert (len(batches) > 1) == (rows == 100 and size > 0)
                parts += [crossed.features(part, worlds) for part in batches]
            found.append(pa.concat_tables(parts).combine_chunks())
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


def test_a_batch_never_holds_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterfactual_worlds, "FACTS_AT_ONCE", 300)
    with opened(many_histories(seed=4, leads=40), SWEPT) as inputs:
        steps = steps_of(inputs, SWEPT, NOON)
        asked = [(f"L{i:04d}", NOON) for i in range(40)]
        crossed = crossing(inputs, SWEPT, steps, asked)
        parts = list(crossed.batches(np.arange(40), 10))
        assert np.concatenate(parts).tolist() == list(range(40))
        most = crossed.n_facts.max() * 10
        assert len(parts) > 3
        assert all(crossed.n_facts[part].sum() * 10 <= 300 + most for part in parts)


ODD_TEXTS = declare(
    features={
        "engagement": {
            name: {**table, "actionable": True}
            for name, table in (ODD_FEATURES | TEXTS_OF_NUMBERS["events"]).items()
        }
    }
)


def test_odd_texts_and_numbers_read_as_text(tmp_path: Path) -> None:
    """Steps take part in every condition that facts do, whatever characters their values hold."""
    rng = random.Random(7)
    odd = [v for f in ODD_FEATURES.values() for v in f.get("where", {}).get("page", [])]
    history = many_histories(seed=7, leads=30)
    events = [
        {**f, "page": rng.choice(odd), "duration_s": rng.choice([5.0, 0.1, -3.25, 1e-300])}
        for f in history.events
    ]
    with opened(replace(history, events=events), ODD_TEXTS) as inputs:
        steps = steps_of(inputs, ODD_TEXTS, NOON)
        crossed = crossing(inputs, ODD_TEXTS, steps, [(f["lead"], NOON) for f in history.leads])
        alone = crossed.features(np.arange(30), [()])
        for i, step in enumerate(steps):
            with_step = crossed.features(np.arange(30), [(i,)])
            for name in step.features:
                column = f"{name}_ever"
                grown = pc.subtract(with_step[column], alone[column]).to_pylist()
                distinct = name == "odd_pages"
                assert set(grown) <= ({0.0, 1.0} if distinct else {1.0}), (name, step)


def test_leads_to_whom_nothing_has_happened() -> None:
    history = many_histories(seed=1, leads=20)
    with opened(history, SWEPT) as inputs:
        steps = steps_of(inputs, SWEPT, NOON)
        nobody = replace(inputs.facts["events"], table=inputs.facts["events"].table.limit(0))
        emptied = replace(inputs, facts={**inputs.facts, "events": nobody})
        crossed = crossing(emptied, SWEPT, steps, [(f["lead"], NOON) for f in history.leads])
        assert crossed.n_facts.sum() == 0
        alone = replace(history, events=[])
        for world in ((), (0,), (0, 1)):
            rows = crossed.features(np.arange(20), [world]).to_pylist()
            for row, lead in zip(rows, history.leads, strict=True):
                happened = [steps[i] for i in world]
                assert row == pytest.approx(
                    by_oracle(alone, SWEPT, crossed, lead["lead"], NOON, happened), abs=1e-12
                )


def test_fit_is_not_computed_anew() -> None:
    """A profile's update could be a step; what the profile says of the lead stays the lead's own."""
    updates = {"source": "profiles", "verb": "count", "windows": ["7d"], "actionable": True}
    plan = {"source": "profiles", "verb": "attribute", "column": "plan", "dtype": "category"}
    last = {**plan, "verb": "latest"}
    declared = declare(
        features={"engagement": {"updates": updates, "last_plan": last}, "fit": {"plan": plan}}
    )
    with opened(many_histories(seed=1, leads=30), declared) as inputs:
        steps = steps_of(inputs, declared, NOON)
        crossed = crossing(inputs, declared, steps, [(f"L{i:04d}", NOON) for i in range(30)])
        assert [c.name for c in crossed.columns] == ["last_plan", "updates_7d"]
        found = crossed.features(np.arange(30), [(0,)])
        assert set(found["last_plan"].to_pylist()) == {dict(steps[0].values)["plan"]}


def all_crossed(crossed: Crossing, worlds: Sequence[World]) -> pa.Table:
    """The features with every fact looked at in every world."""
    plain = replace(crossed)
    vars(plain)["measures"] = None
    return plain.features(np.arange(len(crossed.leads)), worlds)


def assert_same(ours: pa.Table, theirs: pa.Table) -> None:
    assert ours.column_names == theirs.column_names
    for name in theirs.column_names:
        assert ours[name].combine_chunks().equals(theirs[name].combine_chunks()), name
        if pa.types.is_floating(ours[name].type):  # -0.0 equals 0.0, but is another byte
            signs = [np.signbit(t[name].fill_null(0.0).to_numpy()) for t in (ours, theirs)]
            assert (signs[0] == signs[1]).all(), name


def test_steps_of_two_sources(tmp_path: Path) -> None:
    views = {
        "source": "events",
        "verb": "count",
        "where": {"type": "page_view"},
        "windows": ["7d"],
        "actionable": True,
    }
    updates = {"source": "profiles", "verb": "count", "windows": ["7d"], "actionable": True}
    declared = declare(features={"engagement": {"updates": updates, "views": views}})
    with opened(many_histories(seed=1, leads=30), declared) as inputs:
        steps = steps_of(inputs, declared, NOON)
        assert [step.source for step in steps] == ["profiles", "events"]
        crossed = crossing(inputs, declared, steps, [(f"L{i:04d}", NOON) for i in range(30)])
        worlds = [(0, 0), (0, 1), (1, 1)]
        alone = crossed.features(np.arange(30), [()]).to_pydict()
        found = crossed.features(np.arange(30), worlds).to_pydict()
        for name, grown in (("updates_7d", [2, 1, 0]), ("views_7d", [0, 1, 2])):
            wanted = [v + more for v in alone[name] for more in grown]
            assert found[name] == wanted
