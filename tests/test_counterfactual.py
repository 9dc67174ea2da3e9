"""What would help: the smallest sets by brute force, what they promise by scoring anew, and each answer in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from conftest import Ended
from counterfactuals import SWEPT, crossing, opened, steps_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import WHEN, Trained, change, shuffled
from strategies import LEADS, NOON, History, histories

import lqmodel.counterfactual.search as searching
from lqmodel.bundle import Bundle
from lqmodel.counterfactual import what_would_help
from lqmodel.counterfactual.helping import helped
from lqmodel.counterfactual.search import Judge, largest, search, worlds
from lqmodel.declarations import Declarations, from_microseconds
from lqmodel.encoding import ColumnEncoding, Encoding
from lqmodel.errors import BadData, NoInput, Refused, UsageError
from lqmodel.languages import Language
from lqmodel.model import Model
from lqmodel.reasons import Help
from lqmodel.reasons.help import SHOWN
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import score
from lqmodel.stages import STAGES, Act, Decisions, Policy, State, Threshold, acts_table
from lqmodel.steps import Step

FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
LAG = 3_600_000_000


# --- the smallest sets, by brute force on small worlds --------------------------------------------


@dataclass(frozen=True)
class Weights:
    """A margin that is a weighted sum of columns, missing ones weighing nothing."""

    weights: np.ndarray

    def margin(self, x: np.ndarray, threads: int | None = None) -> np.ndarray:
        return np.nan_to_num(x) @ self.weights


def policy(mql: float, ready: float) -> Policy:
    return Policy(Threshold(0.1, mql, mql), Threshold(0.2, ready, ready), below_ratio=1.0, demote_after=0)


@FEW
@given(histories(most=60), st.integers(0, 2**32 - 1))
def test_the_smallest_sets_are_those_of_brute_force(history: History, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with opened(history, SWEPT) as inputs:
        steps = steps_of(inputs, SWEPT, NOON)[:4]
        if not steps:
            return
        crossed = crossing(inputs, SWEPT, steps, [(lead, NOON) for lead in LEADS])
        everyone = np.arange(len(LEADS))
        encoding = Encoding(tuple(ColumnEncoding(c.name, "number") for c in crossed.columns))
        weights = Weights(rng.normal(size=len(crossed.columns)) * (rng.random(len(crossed.columns)) < 0.2))
        sets = [
            world for size in range(4) for world in combinations_with_replacement(range(len(steps)), size)
        ]
        margins = np.stack(
            [weights.margin(encoding.transform(crossed.features(everyone, [world]))) for world in sets],
            axis=1,
        )
        mql, ready = float(np.quantile(margins, rng.uniform(0.3, 1))), float(margins.max()) + 0.1
        values = crossed.features(everyone, [()])
        judge = Judge(
            SWEPT, encoding, weights, policy(mql, ready), values, encoding.transform(values),
            State.fresh(len(LEADS)), Decisions.none(len(LEADS)), NOON,
        )  # fmt: skip
        found = search(crossed, judge, everyone, range(len(steps)))
    for i in everyone.tolist():
        enough = [world for world, margin in zip(sets, margins[i], strict=True) if margin >= mql]
        size = min(map(len, enough), default=None)
        if size is None:
            assert i not in found
            continue
        assert found[i].size == size
        assert [tuple(s) for s in found[i].sets.tolist()] == sorted(w for w in enough if len(w) == size)
        assert (found[i].margin >= mql).all()


@pytest.mark.parametrize(("n", "size"), [(1, 3), (30, 3), (31, 2), (99, 2), (100, 1), (6_000, 1)])
def test_sets_are_tried_up_to_a_bound(n: int, size: int) -> None:
    assert largest(n) == size
    if n < 100:
        assert len(worlds(range(n), size)) <= searching.MOST_SETS


# --- the whole of it, on the simulated company -----------------------------------------------------


def thresholds(bundle: Bundle, mql: float, ready: float) -> Bundle:
    """The same model under another policy, in which the probability alone makes an MQL and hands over."""
    bars = [Threshold(p, *bundle.calibrator.inverse([p, 0.8 * p]).tolist()) for p in (mql, ready)]
    plain = replace(bundle.policy, nurture_any=(), require_any=())
    return replace(bundle, policy=replace(plain, mql=bars[0], sales_ready=bars[1]))


@pytest.fixture(scope="module")
def bundle(company: Trained) -> Bundle:
    return thresholds(company.bundle, 0.06, 0.2)


@pytest.fixture(scope="module")
def scored(bundle: Bundle, company: Trained) -> Scores:
    return score(bundle, company.root, None, WHEN)


@pytest.fixture(scope="module")
def everyone(scored: Scores) -> list[str]:
    ids: list[str] = scored.features["lead_id"].to_pylist()
    return ids


@pytest.fixture(scope="module")
def helps(bundle: Bundle, company: Trained, scored: Scores, everyone: list[str]) -> tuple[Help, ...]:
    return what_would_help(bundle, company.root, None, scored, everyone)


def answered(helps: Sequence[Help], answer: str, steps: int | None = None) -> list[Help]:
    return [h for h in helps if h.answer == answer and (steps is None or size(h) == steps)]


def size(help: Help) -> int:
    return sum(step.times for step in help.ways[0].steps)


def events_of(steps: Sequence[tuple[Step, int]], lead: str) -> list[dict[str, Any]]:
    at = from_microseconds(WHEN - LAG - 1)
    return [{"lead_id": lead, "occurred_at": at, **dict(step.values)} for step, n in steps for _ in range(n)]


def with_events(company: Trained, folder: Path, events: list[dict[str, Any]]) -> Path:
    root = company.copy(folder)

    def edit(table: pa.Table) -> pa.Table:
        given = pa.Table.from_pylist(events)
        more = given.select([c for c in table.column_names if c in given.column_names])
        more = more.cast(pa.schema([table.schema.field(c) for c in more.column_names]))
        return pa.concat_tables([table, more], promote_options="default")

    change(root, "events", edit)
    return root


def test_scoring_the_events_that_would_help_gives_what_was_said(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...], tmp_path: Path
) -> None:
    """The events are written into the source, and everything is scored anew: the stages and probabilities said."""
    by_name = {step.name: step for step in bundle.steps}
    moved = answered(helps, "reaches")
    assert {size(h) for h in moved} == {1, 2, 3}
    assert {h.stage for h in moved} == {"Lead", "MQL"}
    for place in (0, -1):
        events = [
            event
            for help in moved
            for event in events_of([(by_name[s.name], s.times) for s in help.ways[place].steps], help.lead_id)
        ]
        again = score(bundle, with_events(company, tmp_path / f"p{place}", events), None, WHEN)
        rows = {row["lead_id"]: row for row in again.table.to_pylist()}
        for help in moved:
            row, way = rows[help.lead_id], help.ways[place]
            assert row["probability"] == pytest.approx(way.probability, abs=1e-6)
            assert STAGES.index(row["stage"]) >= STAGES.index(str(help.aim))
        others = {h.lead_id for h in helps} - {h.lead_id for h in moved}
        before = {row["lead_id"]: row for row in scored.table.to_pylist()}
        assert all(rows[lead] == before[lead] for lead in others)
        fit = [f"{c.name}" for c in bundle.declarations.columns() if c.kind == "fit"]
        assert again.features.select(["lead_id", *fit]).equals(scored.features.select(["lead_id", *fit]))


@pytest.mark.slow
def test_no_single_step_reaches_what_was_said_to_take_more(
    bundle: Bundle, company: Trained, helps: tuple[Help, ...], tmp_path: Path
) -> None:
    """Each step is written into the source, once for every lead: it moves those of whom that was said, and no other."""
    stuck = {
        h.lead_id: h.stage for h in helps if h.answer == "none" or (h.answer == "reaches" and size(h) > 1)
    }
    single = {h.lead_id: h for h in answered(helps, "reaches", 1)}
    alone = {
        lead: {way.steps[0].name for way in h.ways} for lead, h in single.items() if h.n_ways == len(h.ways)
    }
    assert len(stuck) > 50
    assert len(alone) > 20
    for step in bundle.steps:
        events = [event for lead in (*stuck, *single) for event in events_of([(step, 1)], lead)]
        again = score(bundle, with_events(company, tmp_path / step.name, events), None, WHEN)
        stages = dict(zip(*(again.table[c].to_pylist() for c in ("lead_id", "stage")), strict=True))
        for lead, stage in stuck.items():
            assert STAGES.index(stages[lead]) <= STAGES.index(stage), (lead, step.name)
        for lead, names in alone.items():
            assert (STAGES.index(stages[lead]) > STAGES.index(single[lead].stage)) == (step.name in names)


def test_every_answer_is_given_and_fits_the_stage(helps: tuple[Help, ...], scored: Scores) -> None:
    stages = dict(zip(*(scored.table[c].to_pylist() for c in ("lead_id", "stage")), strict=True))
    assert {h.answer for h in helps} >= {"reaches", "none", "blocked", "highest"}
    for help in helps:
        assert help.stage == stages[help.lead_id]
        assert (help.aim is None) == (help.answer == "highest")
        assert bool(help.ways) == (help.answer == "reaches")
        assert help.n_ways >= len(help.ways)
        assert "will" not in help.text.split()
        assert [w.text for w in help.ways] == list(dict.fromkeys(w.text for w in help.ways))
        names = [[s.name for s in way.steps for _ in range(s.times)] for way in help.ways]
        assert names == sorted(names)


def test_blocked_are_those_whom_a_fact_keeps_from_sales(helps: tuple[Help, ...], scored: Scores) -> None:
    column = scored.features["unsubscribed_ever"]
    unsubscribed = set(scored.features.filter(pc.greater(column, 0))["lead_id"].to_pylist())
    blocked = answered(helps, "blocked")
    assert {h.lead_id for h in blocked} == {h.lead_id for h in helps if h.stage == "MQL"} & unsubscribed
    assert {h.text for h in blocked} == {
        "no step reaches sales-ready as long as this holds: unsubscribed from e-mail"
    }


def test_no_request_is_offered_that_hands_over_by_itself(bundle: Bundle, helps: tuple[Help, ...]) -> None:
    offered = {s.name for h in helps for way in h.ways for s in way.steps}
    assert "webinars" in {step.name for step in bundle.steps}
    assert offered <= {step.name for step in bundle.steps}
    assert not {name for name in offered if name.endswith("_requested")}
    kept = [h for h in answered(helps, "highest") if h.because]
    assert kept
    assert "it stays there at any probability because of this: asked for a" in kept[0].text


def test_order_threads_company_and_later_facts_change_nothing(
    bundle: Bundle,
    company: Trained,
    scored: Scores,
    everyone: list[str],
    helps: tuple[Help, ...],
    tmp_path: Path,
) -> None:
    root = company.copy(tmp_path / "p")
    late = pc.greater_equal

    def edit(table: pa.Table) -> pa.Table:
        later = late(
            table["occurred_at"], pa.scalar(from_microseconds(WHEN - LAG), pa.timestamp("us", "UTC"))
        )
        assert pc.sum(later).as_py() > 0
        return shuffled(table.filter(pc.invert(later)), seed=1)

    change(root, "events", edit)
    some = [everyone[i] for i in (300, 7, 120, 7)]
    for threads in (1, 2):
        found = what_would_help(bundle, root, None, scored, some, threads)
        assert found == tuple(helps[everyone.index(lead)] for lead in some)


def test_a_run_that_was_written_gives_the_same(
    bundle: Bundle,
    company: Trained,
    scored: Scores,
    everyone: list[str],
    helps: tuple[Help, ...],
    tmp_path: Path,
) -> None:
    run = Run.open(write_run(scored, tmp_path, "here").folder)
    assert what_would_help(bundle, company.root, {}, run, everyone[:5]) == helps[:5]


def test_sets_that_reach_are_all_kept_for_lists(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    many = [h for h in helps if h.n_ways > len(h.ways)]
    assert many
    (found,) = helped(bundle, company.root, None, scored, [many[0].lead_id])
    assert found.help == many[0]
    assert found.reached is not None
    assert len(found.reached.sets) == many[0].n_ways


# --- other policies --------------------------------------------------------------------------------


def first(helps: Sequence[Help], answer: str, stage: str) -> Help:
    return next(h for h in helps if (h.answer, h.stage) == (answer, stage))


def asked(bundle: Bundle, company: Trained, scores: Scores, *leads: str) -> tuple[Help, ...]:
    """Ask under another policy: as if the same scores had been made by it."""
    return what_would_help(bundle, company.root, None, replace(scores, bundle_version=bundle.version), leads)


def test_where_both_thresholds_are_one_a_lead_goes_straight_to_sales(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    lead = first(helps, "reaches", "Lead").lead_id
    (found,) = asked(thresholds(bundle, 0.06, 0.06), company, scored, lead)
    assert (found.aim, found.ways[0].stage) == ("MQL", "sales-ready")
    assert "the model would make it sales-ready after: " in found.text


def test_ways_to_different_stages_are_told_apart(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    leads = [h.lead_id for h in helps if (h.answer, h.stage) == ("reaches", "Lead")]
    mixed = []
    for found in asked(thresholds(bundle, 0.05, 0.055), company, scored, *leads):
        shown = found.ways[:SHOWN]
        if len({way.stage for way in shown}) > 1:
            mixed.append(found)
            head, *lines = found.lines()
            assert head == "the model would make it MQL after:"
            assert all(
                ("sales-ready)" in line) == (w.stage == "sales-ready")
                for w, line in zip(shown, lines, strict=False)
            )
            assert ("sales-ready)" in found.in_short()) == (shown[0].stage == "sales-ready")
    assert mixed


@pytest.mark.parametrize("language", [Language.of(name) for name in ("en", "de", "ro", "nb")], ids=str)
def test_where_nothing_can_be_tried_no_number_of_steps_is_named(language: Language) -> None:
    text = Help("L", "Lead", "MQL", "none", most=0, language=language).text
    assert "0" not in text
    assert "MQL" in text


def test_python_hears_what_people_did_as_the_commands_do(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead that somebody keeps from sales is out of reach in a notebook too."""
    lead = first(helps, "reaches", "MQL").lead_id
    model = Model(bundle, root=company.root)
    (free,) = model.what_would_help(scored, lead)
    acts = acts_table([Act(lead, 1, "suppressed", WHEN - LAG, WHEN - LAG)])
    monkeypatch.setattr("lqmodel.model.acts_before", lambda *asked: acts)
    (kept,) = model.what_would_help(scored, lead)
    assert (free.answer, kept.answer) == ("reaches", "blocked")


def test_a_lead_that_is_due_needs_no_step(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    lead = first(helps, "reaches", "Lead").lead_id
    (found,) = asked(thresholds(bundle, 0.0001, 0.2), company, scored, lead)
    assert (found.answer, found.ways[0].steps) == ("reached", ())
    assert found.text == "no step is needed: the model would make it MQL when it is next scored"


def moved_to(scores: Scores, lead: str, stage: str, **state: Any) -> Scores:
    """The same scores, with one lead at another stage."""
    rows = scores.states.to_pylist()
    for row in rows:
        if row["lead_id"] == lead:
            row |= {"stage": stage, **state}
    return replace(scores, states=pa.Table.from_pylist(rows, scores.states.schema))


def test_a_level_may_have_a_threshold_of_its_own(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    """Two MQLs whom no step takes to sales: for the level of one of them sales-ready begins at once."""
    levels = dict(zip(*(scored.features[c].to_pylist() for c in ("lead_id", "industry")), strict=True))
    stuck = [h.lead_id for h in helps if (h.stage, h.answer) == ("MQL", "none") and levels[h.lead_id]]
    one, other = stuck[0], next(lead for lead in stuck if levels[lead] != levels[stuck[0]])
    stored = bundle.declarations.to_json()
    ready = {"per": "industry", "capacity": {"per_week": {levels[one]: 1, levels[other]: 1}}}
    kept = {k: v for k, v in stored["model"]["stages"]["sales_ready"].items() if k != "capacity"}
    stored["model"]["stages"]["sales_ready"] = {**kept, **ready}
    policy = replace(bundle.policy, per="industry", levels=((levels[one], bundle.policy.mql),))
    by_level = replace(bundle, declarations=Declarations.from_json(stored), policy=policy)
    found = asked(by_level, company, scored, one, other)
    assert [h.answer for h in found] == ["reached", "none"]


@pytest.mark.parametrize("stage", ["SAL", "SQL", "Customer"])
def test_from_sal_on_people_decide(
    stage: str, bundle: Bundle, company: Trained, scored: Scores, everyone: list[str]
) -> None:
    (found,) = asked(bundle, company, moved_to(scored, everyone[0], stage), everyone[0])
    assert (found.answer, found.text) == ("people", f"people decide what follows {stage}, the model does not")


def test_a_lead_that_was_sent_back_sleeps(
    bundle: Bundle, company: Trained, scored: Scores, everyone: list[str]
) -> None:
    wakes = from_microseconds(WHEN + 40 * 24 * LAG)
    (found,) = asked(bundle, company, moved_to(scored, everyone[0], "Recycled", wake_at=wakes), everyone[0])
    assert (found.answer, found.text) == ("asleep", "sales sent it back: it sleeps until 8 February 2025")
    (found,) = asked(bundle, company, moved_to(scored, everyone[0], "Recycled"), everyone[0])
    assert (found.answer, found.text) == ("asleep", "sales sent it back: it sleeps without a date")


def test_a_person_may_keep_a_lead_from_sales(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    free, kept = [h.lead_id for h in helps if (h.stage, h.answer) == ("MQL", "none")][:2]
    acts = acts_table([Act(kept, 1, "suppressed", WHEN - LAG, WHEN - LAG)])
    found = what_would_help(bundle, company.root, None, scored, [free, kept, kept], acts=acts)
    assert [h.answer for h in found] == ["none", "blocked", "blocked"]
    assert found[1].text == "no step reaches sales-ready as long as this holds: kept from sales by a person"
    later = acts_table([Act(kept, 1, "suppressed", WHEN - LAG, WHEN)])
    (open_again,) = what_would_help(bundle, company.root, None, scored, [kept], acts=later)
    assert open_again.answer == "none", "what is known at as_of or later does not count"


def test_a_lead_moves_from_where_it_stands_now(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    """What sales said before the lead came back is no news: it is neither accepted nor rejected for it once more."""
    help = first(helps, "reaches", "Lead")
    long_ago = from_microseconds(WHEN - 900 * 24 * LAG)
    since = {"accepted_since": long_ago, "entered_at": from_microseconds(WHEN - 24 * LAG)}
    assert asked(bundle, company, moved_to(scored, help.lead_id, "Lead", **since), help.lead_id) == (help,)


def test_a_step_that_makes_an_mql_as_was_agreed_is_offered_to_mqls_alone(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    lead = next(h for h in helps if h.stage == "Lead" and size_of_all(h) == 1 and h.n_ways > 1)
    name = lead.ways[0].steps[0].name
    agreed = replace(bundle, steps=tuple(replace(s, makes_mql=s.name == name) for s in bundle.steps))
    (found,) = asked(agreed, company, scored, lead.lead_id)
    assert found.n_ways == lead.n_ways - 1
    assert name not in {s.name for way in found.ways for s in way.steps}
    mql = next(h for h in helps if h.stage == "MQL" and h.answer == "reaches")
    assert asked(agreed, company, scored, mql.lead_id) == (mql,)


def size_of_all(help: Help) -> int:
    return size(help) if help.ways else 0


def test_where_the_handoff_makes_sql_the_model_has_no_further_stage(
    bundle: Bundle, company: Trained, scored: Scores, everyone: list[str]
) -> None:
    by_handoff = replace(bundle, policy=replace(bundle.policy, sql_after="handoff"))
    (found,) = asked(by_handoff, company, moved_to(scored, everyone[0], "SQL"), everyone[0])
    assert found.answer == "highest"
    assert found.text.startswith("the model has no stage after SQL: sales decides from here")


def test_what_weighs_most_is_looked_for_where_marketing_can_change_nothing(
    bundle: Bundle, helps: tuple[Help, ...]
) -> None:
    none = answered(helps, "none")
    fixed = {f.title for f in bundle.declarations.features if not f.feature.actionable}
    weighs = re.compile(r"what weighs most is (.+) \(×0\.\d\d\)")
    assert {weighs.fullmatch(h.because)[1] for h in none if h.because} & fixed  # type: ignore[index]
    for help in none:
        assert help.text.startswith(f"no nurturing step reaches {help.aim}, not even 3 at once")


# --- bad input -------------------------------------------------------------------------------------


def test_a_lead_that_the_scores_do_not_hold(bundle: Bundle, company: Trained, scored: Scores) -> None:
    with pytest.raises(NoInput, match="the run holds no lead 'L-99999'"):
        what_would_help(bundle, company.root, None, scored, ["L-99999"])


def test_a_lead_that_was_not_scored(bundle: Bundle, company: Trained, scored: Scores) -> None:
    outside = scored.table.filter(pc.not_equal(scored.table["status"], "scored"))["lead_id"][0].as_py()
    with pytest.raises(Refused, match=f"lead '{outside}' was not scored: outside population"):
        what_would_help(bundle, company.root, None, scored, [outside])


def test_scores_of_another_bundle(company: Trained, scored: Scores, everyone: list[str]) -> None:
    with pytest.raises(Refused, match=r"the scores were made by bundle \w+, and this is bundle \w+"):
        what_would_help(company.bundle, company.root, None, scored, everyone[:1])


def test_leads_whose_facts_have_changed_are_named_and_the_others_answered(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...], tmp_path: Path
) -> None:
    two = [h.lead_id for h in answered(helps, "reaches", 1)[:2]]
    events = events_of([(bundle.steps[0], 1)], two[0])
    root = with_events(company, tmp_path / "p", events)
    changed, same = what_would_help(bundle, root, None, scored, two)
    assert changed.answer == "changed"
    assert changed.text == (
        "not known: the sources hold other facts of this lead than its score rests on; score again"
    )
    assert same in helps


def test_sources_that_cannot_be_read(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...], tmp_path: Path
) -> None:
    lead = [first(helps, "reaches", "Lead").lead_id]
    with pytest.raises(NoInput, match=r"source 'events': no file .*events\.parquet"):
        what_would_help(bundle, tmp_path, None, scored, lead)
    with pytest.raises(UsageError, match="no source 'event' to override"):
        what_would_help(bundle, company.root, {"event": "x.parquet"}, scored, lead)
    root = company.copy(tmp_path / "p")
    change(root, "events", lambda table: _infinite(table, lead[0]))
    with pytest.raises(BadData, match="column 'duration_s' holds 1 infinite numbers"):
        what_would_help(bundle, root, None, scored, lead)
    (blocked,) = what_would_help(bundle, tmp_path, None, scored, [answered(helps, "blocked")[0].lead_id])
    assert blocked.answer == "blocked", "no source is read where no step has to be tried"


def _infinite(table: pa.Table, lead: str) -> pa.Table:
    durations = [None if d is None else float(d) for d in table["duration_s"].to_pylist()]
    durations[table["lead_id"].to_pylist().index(lead)] = float("inf")
    at = table.schema.get_field_index("duration_s")
    return table.set_column(at, "duration_s", pa.array(durations, pa.float64()))


def test_rows_of_other_leads_are_not_even_looked_at(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...], tmp_path: Path
) -> None:
    """From a CSV file, in which a row of another lead is unreadable; and of a lead that never did anything."""
    help, other = answered(helps, "reaches", 2)[:2]
    events = pq.read_table(company.root / "data" / "events.parquet")
    shown = {name: events[name].cast(pa.string()) for name in events.column_names}
    shown["occurred_at"] = pc.strftime(events["occurred_at"], format="%Y-%m-%dT%H:%M:%SZ")
    place = events["lead_id"].to_pylist().index(other.lead_id)
    durations = shown["duration_s"].to_pylist()
    durations[place] = "long"
    shown["duration_s"] = pa.array(durations, pa.string())
    path = tmp_path / "events.csv"
    csv.write_csv(pa.table(shown), path)
    (found,) = what_would_help(bundle, company.root, {"events": str(path)}, scored, [help.lead_id])
    assert found == help
    with pytest.raises(BadData, match="must hold numbers"):
        what_would_help(bundle, company.root, {"events": str(path)}, scored, [help.lead_id, other.lead_id])


def test_data_without_a_clock_has_nothing_dated_to_add(flat: Trained) -> None:
    scores = score(flat.bundle, flat.root, None, None)
    leads = scores.table.filter(pc.equal(scores.table["stage"], "Lead"))["lead_id"].to_pylist()
    (found,) = what_would_help(flat.bundle, flat.root, None, scores, leads[:1])
    assert (found.answer, found.text) == (
        "not_actionable",
        "nothing to add: no feature is declared actionable",
    )


def actionable_visits(bundle: Bundle) -> Bundle:
    stored = bundle.declarations.to_json()
    features = {name: dict(table) for name, table in stored["features"].items()}
    features["fit"]["visits"] = {**features["fit"]["visits"], "actionable": True}
    return replace(bundle, declarations=type(bundle.declarations).from_json({**stored, "features": features}))


def test_what_marketing_can_change_must_be_dated(flat: Trained) -> None:
    bundle = actionable_visits(flat.bundle)
    scores = score(bundle, flat.root, None, None)
    leads = scores.table.filter(pc.equal(scores.table["stage"], "Lead"))["lead_id"].to_pylist()
    (found,) = what_would_help(bundle, flat.root, None, scores, leads[:1])
    assert (found.answer, found.text) == (
        "undated",
        "nothing dated to add: what marketing can change (visits) is not counted over events with a time",
    )


def test_where_training_saw_no_event_there_is_no_step(
    bundle: Bundle, company: Trained, scored: Scores, helps: tuple[Help, ...]
) -> None:
    lead = first(helps, "reaches", "Lead").lead_id
    (found,) = asked(replace(bundle, steps=()), company, scored, lead)
    assert found.answer == "unseen"
    assert found.text.startswith(
        "nothing to add: training saw no event that marketing can bring about (case studies, "
    )


# --- on the command line ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(company: Trained, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("scores")
    return write_run(score(company.bundle, company.root, None, WHEN), out, str(company.bundle_folder))


def test_explain_says_what_would_help(company: Trained, written: Run, lqmodel: Callable[..., Ended]) -> None:
    leads = written.table.filter(pc.equal(written.table["stage"], "Lead"))["lead_id"].to_pylist()
    (help,) = what_would_help(company.bundle, company.root, None, written, leads[:1])
    command = ("explain", leads[0], "--run", written.folder, "--project", company.root)
    ended = lqmodel(*command)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("\n" + "\n".join(help.labelled()) + "\n")
    assert "\n  would help  " in ended.out
    told = json.loads(lqmodel(*command, "--format", "json").out)
    assert told["would_help"]["text"] == help.text
    assert told["would_help"]["answer"] == help.answer
    events = company.root / "data" / "events.parquet"
    assert lqmodel(*command, "--source", f"events={events}").out == ended.out


def test_explain_without_the_sources_says_so_and_explains_all_the_same(
    company: Trained, written: Run, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    lead = written.table.filter(pc.equal(written.table["stage"], "Lead"))["lead_id"][0].as_py()
    command = ("explain", lead, "--run", written.folder, "--project", tmp_path)
    ended = lqmodel(*command)
    assert ended.code == 0
    assert ended.out.startswith(f"{lead}, 30 December 2024: ")
    assert "would help" not in ended.out
    assert ended.err.startswith("notice: what would help is not said: source 'events': no file ")
    assert "would_help" not in json.loads(lqmodel(*command, "--format", "json").out)
    lqmodel(*command, "--source", f"events={tmp_path}/gone.parquet").refused(66, "no file", "gone.parquet")
    lqmodel(*command, "--source", "event=x").refused(2, "no source 'event' to override", "write 'events'")
