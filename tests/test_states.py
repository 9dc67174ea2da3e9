"""Where every lead stands after a run: nobody's state is lost, and a win makes a customer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from projects import WHEN, Trained, change
from test_stages import MONDAY, POLICY, logit

from lqmodel.declarations import DAY
from lqmodel.errors import Refused
from lqmodel.runs import Run, write_run
from lqmodel.scoring import score
from lqmodel.stages import Act, acts_table
from lqmodel.states import STATES, walk

PLAIN = replace(POLICY, promote_any=(), block=(), accepted=(), require=())


@dataclass(frozen=True)
class Night:
    """A run of leads given as (lead, episode, probability); None is outside the population, "won" is won."""

    states: pa.Table
    shown: dict[str, dict]


def night(day: int, rows, before: Night | None = None, acts=None) -> Night:
    scored = [(lead, episode, p) for lead, episode, p in rows if isinstance(p, float)]
    leads = pa.table(
        {
            "lead_id": pa.array([lead for lead, _, _ in rows], pa.string()),
            "__came": pa.array([episode for _, episode, _ in rows], pa.int64()),
            "__won": pa.array([p == "won" for _, _, p in rows], pa.bool_()),
        }
    )
    ids, episodes = [lead for lead, _, _ in scored], [episode for _, episode, _ in scored]
    values = pa.table({"lead_id": pa.array(ids, pa.string()), "episode": pa.array(episodes, pa.int64())})
    margins = logit(np.array([p for _, _, p in scored]))
    walked = walk(leads, values, margins, {}, MONDAY + day * DAY, PLAIN, before, acts)
    shown = {row.pop("lead_id"): row for row in walked.table.to_pylist()}
    assert walked.states.schema == STATES
    assert walked.states["lead_id"].to_pylist() == sorted(walked.states["lead_id"].to_pylist())
    return Night(walked.states, shown)


def stages(of: Night) -> dict[str, str]:
    return dict(zip(of.states["lead_id"].to_pylist(), of.states["stage"].to_pylist(), strict=True))


def test_a_win_makes_a_customer_outside_the_population() -> None:
    first = night(0, [("a", 1, 0.4), ("b", 1, 0.01), ("old", 1, "won"), ("unseen", 1, None)])
    assert stages(first) == {"a": "sales-ready", "b": "Lead", "old": "Customer"}
    assert first.shown["old"] == first.shown["old"] | {"known": False, "previous_stage": None, "cause": "won"}
    second = night(1, [("a", 1, "won"), ("b", 1, None), ("old", 1, "won"), ("unseen", 1, None)], first)
    assert stages(second) == {"a": "Customer", "b": "Lead", "old": "Customer"}
    assert second.shown["a"] == second.shown["a"] | {"previous_stage": "sales-ready", "cause": "won"}
    assert second.shown["old"]["cause"] is None, "once"


def test_a_lead_that_leaves_the_population_or_the_input_keeps_its_state() -> None:
    first = night(0, [("a", 1, 0.4), ("b", 1, 0.06)])
    gone = night(2, [("a", 1, None)], night(1, [("b", 1, None)], first))
    assert stages(gone) == {"a": "sales-ready", "b": "MQL"}
    back = night(3, [("a", 1, 0.2), ("b", 1, 0.2)], gone)
    assert stages(back) == {"a": "sales-ready", "b": "MQL"}
    assert back.shown["a"]["previous_stage"] == "sales-ready"
    assert back.shown["a"]["entered_at"].timestamp() * 1e6 == MONDAY


def test_the_next_episode_starts_afresh_once_it_is_scored() -> None:
    first = night(0, [("a", 1, "won"), ("b", 1, 0.4)])
    outside = night(1, [("a", 2, None), ("b", 2, None)], first)
    assert stages(outside) == {"a": "Customer", "b": "sales-ready"}
    assert outside.states["episode"].to_pylist() == [1, 1]
    again = night(2, [("a", 2, 0.4), ("b", 2, 0.01)], outside)
    assert stages(again) == {"a": "sales-ready", "b": "Lead"}
    assert again.shown["a"]["previous_stage"] is None
    assert again.states["episode"].to_pylist() == [2, 2]


def test_people_move_leads_that_are_not_scored() -> None:
    first = night(0, [("a", 1, 0.4), ("b", 1, 0.4)])
    at = MONDAY + DAY // 2
    told = acts_table([Act("a", 1, "accepted", at, at), Act("b", 1, "rejected", at, at)])
    assert stages(night(1, [("a", 1, None)], first, told)) == {"a": "SAL", "b": "Recycled"}


def test_an_earlier_moment_is_refused() -> None:
    with pytest.raises(Refused, match="1 of 1 leads were already advanced after 2026-06-01"):
        night(0, [("a", 1, 0.4)], night(1, [("a", 1, 0.4)]))


def test_runs_of_a_company_lose_no_state(company: Trained, tmp_path: Path) -> None:
    """Week by week: who was scored is known for ever, and who was won since is a customer."""
    before, seen = None, set()
    for week in range(4):
        moment = WHEN - (4 - week) * 7 * DAY
        run = write_run(score(company.bundle, company.root, None, moment, before), tmp_path, "here")
        rows = {row["lead_id"]: row for row in run.table.to_pylist()}
        known = dict(zip(run.states["lead_id"].to_pylist(), run.states["stage"].to_pylist(), strict=True))
        assert {lead for lead, row in rows.items() if row["stage"]} == set(known)
        seen |= {lead for lead, row in rows.items() if row["status"] == "scored"}
        assert seen <= set(known)
        if before is not None:
            left = [
                lead for lead in known if rows[lead]["status"] != "scored" and rows[lead]["previous_stage"]
            ]
            won = [lead for lead in left if rows[lead]["cause"] == "won"]
            assert won
            assert {rows[lead]["stage"] for lead in won} == {"Customer"}
            assert all(rows[lead]["previous_stage"] != "Customer" for lead in won)
        before = Run.open(run.folder)
    outcomes = pq.read_table(company.root / "data" / "outcomes.parquet")
    cut = pa.scalar(WHEN - 7 * DAY, pa.int64()).cast(pa.timestamp("us", "UTC"))
    bought = outcomes.filter(
        pc.and_(pc.equal(outcomes["outcome"], "won"), pc.less(outcomes["occurred_at"], cut))
    )
    assert sorted(k for k, stage in known.items() if stage == "Customer") == sorted(
        bought["lead_id"].to_pylist()
    )


def test_acts_are_part_of_what_a_run_is(company: Trained, tmp_path: Path) -> None:
    first = write_run(score(company.bundle, company.root, None, WHEN - 7 * DAY), tmp_path, "here")
    handed = [h["lead_id"] for h in first.handoffs()][:3]
    at = WHEN - 6 * DAY
    acts = [
        Act(handed[0], 1, "accepted", at, at),
        Act(handed[1], 1, "rejected", at, at, "timing"),
        Act(handed[2], 1, "accepted", WHEN, WHEN),  # known too late
    ]
    made = [
        score(company.bundle, company.root, None, WHEN, first, acts=acts_table(told))
        for told in (acts, acts[::-1], acts[:2], [])
    ]
    assert made[0].inputs == made[1].inputs == made[2].inputs != made[3].inputs
    assert made[0].table.equals(made[1].table)
    found = {row["lead_id"]: (row["stage"], row["cause"]) for row in made[0].table.to_pylist()}
    assert found[handed[0]] == ("SAL", "accepted")
    assert found[handed[1]] == ("Recycled", "rejected")
    plain = score(company.bundle, company.root, None, WHEN, first)
    for row, other in zip(made[0].table.to_pylist(), plain.table.to_pylist(), strict=True):
        if row["lead_id"] not in handed[:2]:
            assert row == other


def test_a_lead_that_is_back_in_the_input_stands_where_it_stood(company: Trained, tmp_path: Path) -> None:
    first = write_run(score(company.bundle, company.root, None, WHEN - 14 * DAY), tmp_path, "here")
    ready = first.table.filter(pc.equal(first.table["stage"], "sales-ready"))["lead_id"].to_pylist()
    root = company.copy(tmp_path / "p")
    change(root, "leads", lambda table: table.filter(pc.invert(pc.is_in(table["lead_id"], pa.array(ready)))))
    without = write_run(score(company.bundle, root, None, WHEN - 7 * DAY, first), tmp_path, "here")
    assert not set(ready) & set(without.table["lead_id"].to_pylist())
    now = score(company.bundle, company.root, None, WHEN, without)
    back = now.table.filter(pc.is_in(now.table["lead_id"], pa.array(ready)))
    assert set(back["previous_stage"].to_pylist()) == {"sales-ready"}
    assert not set(ready) & {h["lead_id"] for h in now.handoffs}
