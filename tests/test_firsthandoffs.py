"""First handoffs: each lead once, as capacity is solved, whatever the order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.declarations import DAY
from lqmodel.firsthandoffs import FirstHandoffs, first_handoffs
from lqmodel.heldout import HeldOut
from lqmodel.stages import Crossings, Replay

WEEK = 7 * DAY


@st.composite
def weeks(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Leads over four weeks, each there in some of them; probabilities with ties, some acts."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=20, unique=True
        ).filter(lambda rows: len({week for _, week in rows}) > 1)
    )
    n = len(rows)
    p = draw(st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.7]), min_size=n, max_size=n))
    acts = draw(st.lists(st.sampled_from(["", "", "promoted", "blocked", "idle"]), min_size=n, max_size=n))
    return {
        "leads": np.array([f"L{lead}" for lead, _ in rows]),
        "as_of": np.array([week * WEEK for _, week in rows]),
        "y": np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))),
        "p": np.array(p),
        "promoted": np.array([a == "promoted" for a in acts]),
        "blocked": np.array([a == "blocked" for a in acts]),
        "engaged": np.array([a != "idle" for a in acts]),
    }


def held(rows: dict[str, Any]) -> HeldOut:
    acts = {name: rows.get(name) for name in ("promoted", "blocked", "engaged")}
    return HeldOut.of(rows["leads"], rows["as_of"], rows["p"], rows["y"], **acts)


def found(rows: dict[str, Any], threshold: float = 0.5) -> FirstHandoffs:
    result = first_handoffs(held(rows), threshold, draws=5)
    assert result is not None
    return result


@settings(deadline=None)
@given(rows=weeks())
def test_each_lead_counts_once_at_its_first_handoff(rows: dict[str, Any]) -> None:
    first: dict[str, tuple[int, int, float]] = {}
    for i in np.argsort(rows["as_of"], kind="stable"):
        likely = rows["p"][i] >= 0.5 and rows["engaged"][i]
        over = (likely or rows["promoted"][i]) and not rows["blocked"][i]
        if over and rows["leads"][i] not in first:
            first[rows["leads"][i]] = (rows["as_of"][i], rows["y"][i], rows["p"][i])
    start = rows["as_of"].min()
    after = [(y, p) for at, y, p in first.values() if at > start]
    seen = found(rows)
    assert (seen.leads, seen.backlog) == (len(after), len(first) - len(after))
    assert seen.wins == sum(y for y, _ in after)
    if after:
        assert seen.predicted == pytest.approx(np.mean([p for _, p in after]))
        assert seen.observed is not None
        assert seen.observed.value == pytest.approx(np.mean([y for y, _ in after]))
    else:
        assert seen.observed is None


@settings(deadline=None)
@given(rows=weeks())
def test_the_volume_is_the_one_that_capacity_is_solved_by(rows: dict[str, Any]) -> None:
    promoted = rows["promoted"] & ~rows["blocked"]
    replay = Replay(rows["leads"], rows["as_of"], rows["p"], promoted, rows["blocked"], rows["engaged"])
    volume = Crossings.of(replay).volume(0.5)
    seen = found(rows)
    assert (seen.per_week, seen.backlog, seen.weeks) == (volume.per_week, volume.backlog, volume.weeks)


@settings(deadline=None, max_examples=20)
@given(rows=weeks(), seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(rows: dict[str, Any], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(rows["y"]))
    assert found({k: v[order] for k, v in rows.items()}).to_json() == found(rows).to_json()


def test_one_moment_has_no_week() -> None:
    same = {"y": [0, 1], "p": [0.2, 0.9], "leads": [1, 2], "as_of": [5, 5]}
    assert first_handoffs(held(same), 0.5) is None
