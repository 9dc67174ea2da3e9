"""What people say and the stages that follow: acceptance, the checklist, and the way back to marketing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stages import MONDAY, POLICY, WEEK, logit, walk

from lqmodel.declarations import DAY
from lqmodel.stages import NEVER, STAGES, Act, Decisions, State, acts_table, advance, decisions, holds

HOUR = 3_600_000_000
SLEEPY = replace(
    POLICY,
    wake_after=5 * DAY,
    reasons=(("competitor", None), ("timing", 2 * DAY)),
    rejected=("not_a_fit",),
    checklist=("budget", "authority", "need"),
)


def act(kind: str, night: float, **more) -> Act:
    """Something that happened so many nights after the first run, and was known at once."""
    at = MONDAY + int(night * DAY)
    return Act("L", 1, kind, **({"at": at, "known_at": at} | more))


def live(probabilities, acts=(), facts=None, policy=SLEEPY, won=(), scored=None, state=None):
    """Run one lead through nights; return the names of its stages and the steps."""
    steps, table = [], acts_table(acts)
    for night, p in enumerate(probabilities):
        now = MONDAY + night * DAY
        held = {name: [night in (facts or {}).get(name, ())] for name in policy.facts()}
        said = decisions(table, pa.chunked_array([["L"]]), pa.chunked_array([[1]]), now, policy)
        seen = None if scored is None else [night in scored]
        step = advance(state, [float(logit(p))], held, now, policy, [night in won], said=said, scored=seen)
        state = step.state
        steps.append(step)
    return [STAGES[s.state.stage[0]] for s in steps], steps


def causes(steps) -> list[str | None]:
    return [step.cause_names()[0] for step in steps]


# ── acceptance, and what must be answered ────────────────────────────────────────────────────────────────────


def test_an_acceptance_counts_from_the_first_run_after_it() -> None:
    seen, steps = live([0.4] * 4, [act("accepted", 2)])
    assert seen == ["sales-ready", "sales-ready", "sales-ready", "SAL"]  # known at as_of: not yet
    assert causes(steps) == ["probability", None, None, "accepted"]
    assert not steps[3].handoff[0]


def test_answers_to_the_checklist_make_sql_and_the_last_answer_counts() -> None:
    asked = [
        act("accepted", 0.5, checklist={"budget": True, "need": True}),
        act("worked", 2.5, checklist={"authority": True, "budget": False}),
        act("worked", 4.5, checklist={"budget": True}),
    ]
    seen, steps = live([0.4] * 7, asked)
    assert seen == ["sales-ready", *["SAL"] * 4, "SQL", "SQL"]
    assert causes(steps)[5] == "gates"
    late = replace(asked[2], known_at=MONDAY + 5 * DAY + HOUR)
    assert live([0.4] * 7, [*asked[:2], late])[0] == ["sales-ready", *["SAL"] * 5, "SQL"]


def test_a_fact_or_an_answer_is_enough_for_a_gate() -> None:
    seen, _ = live([0.4] * 3, [act("accepted", 0.5, checklist={"budget": True})], {"authority": [2]})
    assert seen == ["sales-ready", "SAL", "SQL"]


def test_without_gates_a_person_must_say_qualified() -> None:
    free = replace(SLEEPY, require=())
    seen, steps = live([0.4] * 5, [act("accepted", 0.5), act("qualified", 2.5)], policy=free)
    assert seen == ["sales-ready", "SAL", "SAL", "SQL", "SQL"]
    assert causes(steps)[3] == "qualified"
    assert live([0.4] * 2, [act("qualified", 0.5)], policy=free)[0] == ["sales-ready", "SQL"]
    assert live([0.4] * 2, [act("qualified", 0.5)])[0] == ["sales-ready", "SAL"], "the gates do not hold"


def test_a_lead_that_nobody_handed_over_may_be_accepted() -> None:
    assert live([0.001, 0.001], [act("accepted", 0.5)])[0] == ["Lead", "SAL"]
    assert live([0.001] * 3, [act("worked", 0.5)])[0] == ["Lead"] * 3


def test_one_transition_a_day_loses_no_act() -> None:
    noon = MONDAY + DAY // 2
    steps, state = [], None
    told = acts_table([act("accepted", 0.25), act("snoozed", 0.3), act("accepted", 0.35)])
    for now in (MONDAY, noon, MONDAY + DAY):
        said = decisions(told, pa.chunked_array([["L"]]), pa.chunked_array([[1]]), now, SLEEPY)
        steps.append(
            advance(state, [float(logit(0.4))], {n: [0] for n in SLEEPY.facts()}, now, SLEEPY, said=said)
        )
        state = steps[-1].state
    assert [STAGES[s.state.stage[0]] for s in steps] == ["sales-ready", "sales-ready", "SAL"]


# ── back to marketing ────────────────────────────────────────────────────────────────────────────────────────


def test_a_rejected_handoff_sleeps_and_wakes_on_its_date() -> None:
    seen, steps = live([0.4, *[0.06] * 6, 0.4, 0.4], [act("rejected", 0.5)])
    assert seen == ["sales-ready", *["Recycled"] * 5, "MQL", "sales-ready", "sales-ready"]
    assert causes(steps)[1] == "rejected"
    assert causes(steps)[6] == "woken"
    assert steps[1].state.wake_at[0] == MONDAY + DAY // 2 + 5 * DAY
    assert steps[6].state.wake_at[0] == NEVER
    assert steps[7].handoff[0]


def test_a_lead_may_wake_right_into_a_new_handoff() -> None:
    seen, steps = live([0.4] * 8, [act("rejected", 0.5)])
    assert seen == ["sales-ready", *["Recycled"] * 5, "sales-ready", "sales-ready"]
    assert [bool(s.handoff[0]) for s in steps] == [True, *[False] * 5, True, False]
    assert causes(steps)[6] == "probability"
    assert live([0.001] * 8, [act("rejected", 0.5)])[0][-2:] == ["Lead", "Lead"]


def test_the_reason_and_the_person_say_how_long_it_sleeps() -> None:
    def slept(**more) -> int:
        return live([0.4] * 12, [act("rejected", 0.5, **more)])[0].count("Recycled")

    assert slept(reason="timing") == 2
    assert slept(reason="competitor") == 11  # without a date
    assert slept(reason="unheard of") == 5
    assert slept(reason="timing", until=MONDAY + 8 * DAY) == 7
    assert live([0.4] * 6, [act("snoozed", 0.5, until=MONDAY + 3 * DAY)])[0].count("Recycled") == 2


def test_a_second_rejection_lengthens_the_sleep_and_does_not_make_it_endless() -> None:
    seen, steps = live([0.4] * 12, [act("rejected", 0.5), act("rejected", 3.5)])
    assert seen == ["sales-ready", *["Recycled"] * 8, *["sales-ready"] * 3]
    assert steps[4].state.wake_at[0] == MONDAY + DAY * 17 // 2
    assert steps[4].state.entered_at[0] == MONDAY + DAY


def test_a_hand_raised_before_the_rejection_does_not_undo_it_and_a_later_one_does() -> None:
    raised = {"proposal": [*range(1, 4), 5, 6]}
    seen, steps = live([0.001] * 8, [act("rejected", 1.5, reason="competitor")], raised)
    assert seen == ["Lead", "sales-ready", *["Recycled"] * 3, *["sales-ready"] * 3]
    assert causes(steps)[5] == "proposal"
    assert steps[5].handoff[0]
    blocked = live([0.001] * 8, [act("rejected", 1.5)], raised | {"unsubscribed": range(4, 9)})[0]
    assert blocked == ["Lead", "sales-ready", *["Recycled"] * 5, "Lead"], "woken on its date"


def test_an_acceptance_wakes_a_lead_at_any_time() -> None:
    seen, steps = live([0.001] * 4, [act("rejected", 0.5), act("accepted", 2.5)])
    assert seen == ["Lead", "Recycled", "Recycled", "SAL"]
    assert steps[3].state.wake_at[0] == NEVER


def test_what_sales_accepted_may_still_be_sent_back() -> None:
    asked = [act("accepted", 0.5, checklist={"budget": True, "authority": True}), act("rejected", 1.5)]
    assert live([0.4] * 3, asked)[0] == ["sales-ready", "SQL", "Recycled"]


def test_what_is_imported_late_does_not_undo_what_was_decided_since() -> None:
    late = act("rejected", 0.25, known_at=MONDAY + 3 * DAY + HOUR)
    assert live([0.4] * 6, [act("accepted", 0.5), late])[0] == ["sales-ready", *["SAL"] * 5]
    alone = live([0.4] * 6, [late])[0]
    assert alone == [*["sales-ready"] * 4, "Recycled", "Recycled"]


def test_facts_that_say_what_sales_said_count_from_when_they_began() -> None:
    seen, steps = live([0.4] * 9, facts={"not_a_fit": range(1, 9), "accepted": range(2, 9)})
    assert seen == ["sales-ready", "Recycled", *["SAL"] * 7], "accepted after it was rejected"
    assert causes(steps)[1] == "not_a_fit"
    seen, steps = live([0.4] * 9, facts={"accepted": range(1, 9), "not_a_fit": range(2, 9)})
    assert seen == ["sales-ready", "SAL", *["Recycled"] * 5, "sales-ready", "sales-ready"]
    assert steps[2].state.wake_at[0] == MONDAY + 7 * DAY


def test_a_suppressed_lead_never_reaches_sales() -> None:
    seen, steps = live([0.4] * 3, [act("suppressed", 0.5)], {"demo": range(3)})
    assert seen == ["sales-ready", "MQL", "MQL"]
    assert causes(steps)[1] == "suppressed"
    of_another_episode = replace(act("suppressed", 0.5), episode=7)
    assert live([0.4] * 3, [of_another_episode])[0] == ["sales-ready", "MQL", "MQL"]


def test_acts_of_another_episode_decide_nothing() -> None:
    assert live([0.4] * 3, [replace(act("accepted", 0.5), episode=2)])[0] == ["sales-ready"] * 3


# ── outside the population ───────────────────────────────────────────────────────────────────────────────────


def test_a_lead_that_is_not_scored_stays_where_it_is_but_for_people_and_a_win() -> None:
    seen, steps = live([0.4, *[0.001] * 19], scored={0})
    assert seen == ["sales-ready"] * 20
    assert steps[-1].state.below_since[0] == NEVER
    seen, steps = live([0.4] * 6, [act("accepted", 1.5)], scored={0}, won={4})
    assert seen == ["sales-ready", "sales-ready", "SAL", "SAL", "Customer", "Customer"]
    assert causes(steps)[4] == "won"
    seen, _ = live([0.4] * 9, [act("rejected", 0.5)], scored={0, 8})
    assert seen == ["sales-ready", *["Recycled"] * 7, "sales-ready"], "nobody wakes unseen"


def test_stretches_neither_grow_nor_break_while_a_lead_is_not_scored() -> None:
    seen, steps = live([0.4, 0.2, 0.9, 0.9, *[0.2] * 6], scored={0, 1, *range(4, 10)})
    assert steps[3].state.below_since[0] == MONDAY + DAY
    assert seen == [*["sales-ready"] * 8, "MQL", "MQL"]


def test_a_margin_may_be_missing_only_where_it_is_not_looked_at() -> None:
    facts = {name: [False, False] for name in SLEEPY.facts()}
    step = advance(None, [np.nan, 3.0], facts, MONDAY, SLEEPY, scored=[False, True])
    assert [STAGES[s] for s in step.state.stage] == ["Lead", "sales-ready"]


# ── which leads may be handed over, and which are nurtured ───────────────────────────────────────────────────


def test_a_threshold_hands_over_only_where_one_of_the_declared_facts_holds() -> None:
    policy = replace(POLICY, require_any=("visits", "clicks"))
    seen, steps = walk([0.9] * 5, {"visits": [3], "clicks": []}, policy)
    assert seen == ["MQL", "MQL", "MQL", "sales-ready", "sales-ready"]
    assert causes(steps)[3] == "probability"
    assert walk([0.001], {"demo": [0], "visits": [], "clicks": []}, policy)[0] == ["sales-ready"], (
        "a hand-raiser needs nothing else"
    )


def test_a_contact_form_makes_an_mql_and_no_more() -> None:
    policy = replace(POLICY, nurture_any=("form",))
    seen, steps = walk([0.001] * 14, {"form": range(1, 4)}, policy)
    assert seen == ["Lead", *["MQL"] * 10, "Lead", "Lead", "Lead"]
    assert causes(steps)[1] == "form"
    assert steps[4].state.below_since[0] == MONDAY + 4 * DAY
    assert not any(step.handoff[0] for step in steps)


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────

some_acts = st.lists(
    st.builds(
        lambda lead, episode, kind, at, delay, until, reason, answers: Act(
            lead, episode, kind, at * HOUR, (at + delay) * HOUR, reason, None if until is None else (at + until) * HOUR, answers
        ),
        st.sampled_from(["a", "b", "c"]),
        st.integers(1, 2),
        st.sampled_from(["accepted", "rejected", "qualified", "worked", "snoozed", "suppressed"]),
        st.integers(1, 12),
        st.integers(0, 6),
        st.none() | st.integers(1, 9),
        st.sampled_from([None, "timing", "competitor", "other"]),
        st.dictionaries(st.sampled_from(["budget", "authority", "hobby"]), st.booleans(), max_size=2),
    ),
    max_size=14,
)  # fmt: skip


def told_naively(acts, lead, episode, as_of) -> dict:
    """Read the acts as a person would, one by one."""
    known = [a for a in acts if a.lead_id == lead and a.known_at < as_of]
    own = [a for a in known if a.episode == episode]
    order = ["accepted", "qualified", "snoozed", "rejected"]
    deciding = sorted(
        (a for a in own if a.act in order),
        key=lambda a: (a.at, order.index(a.act), a.known_at, a.until is None, a.until or 0, a.reason is None, a.reason or ""),
    )  # fmt: skip
    found = {"decision": -1, "known_at": NEVER, "wake_at": NEVER}
    if deciding:
        last = deciding[-1]
        sleep = {"timing": 2 * DAY, "competitor": None}.get(last.reason, 5 * DAY)
        wake = last.until if last.until is not None else NEVER if sleep is None else last.at + sleep
        found = {"decision": order.index(last.act), "known_at": last.known_at, "wake_at": wake}
    found["suppressed"] = any(a.act == "suppressed" for a in known)
    found["answered_at"] = max((a.known_at for a in own), default=NEVER)
    for item in ("budget", "authority", "need"):
        said = sorted((a.at, a.known_at, not a.checklist[item]) for a in own if item in a.checklist)
        found[item] = bool(said) and not said[-1][2]
    return found


@settings(max_examples=300, deadline=None)
@given(some_acts, st.integers(0, 20), st.randoms())
def test_decisions_are_what_a_person_reads_in_any_order(acts, hour, random) -> None:
    leads = [("a", 1), ("b", 2), ("d", 1), ("c", 1)]
    ids, episodes = (pa.chunked_array([list(column)]) for column in zip(*leads, strict=True))
    shuffled = random.sample(acts, len(acts))
    found = decisions(acts_table(shuffled), ids, episodes, hour * HOUR, SLEEPY)
    for i, (lead, episode) in enumerate(leads):
        naive = told_naively(acts, lead, episode, hour * HOUR)
        got = {
            n: getattr(found, n)[i] for n in ("decision", "known_at", "wake_at", "suppressed", "answered_at")
        }
        got |= {item: found.answers[item][i] for item in SLEEPY.checklist}
        assert got == naive


def test_without_acts_nothing_was_said() -> None:
    ids, episodes = pa.chunked_array([["a"]]), pa.chunked_array([[1]])
    for none in (decisions(None, ids, episodes, MONDAY, SLEEPY), Decisions.none(1)):
        assert none.decision.tolist() == [-1]
        assert none.known_at.tolist() == [NEVER]
        assert not none.answers
    empty = decisions(acts_table([]), ids, episodes, MONDAY, SLEEPY)
    assert empty.answers["budget"].tolist() == [False]


def test_a_state_without_a_date_sleeps_on() -> None:
    state = State.fresh(1)
    state = replace(state, stage=np.array([6], np.int8), entered_at=np.array([MONDAY - WEEK]))
    facts = {name: holds([0]) for name in SLEEPY.facts()}
    step = advance(state, [5.0], facts, MONDAY, SLEEPY)
    assert STAGES[step.state.stage[0]] == "Recycled"
