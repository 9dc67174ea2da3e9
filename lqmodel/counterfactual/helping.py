"""Wiring: bundle + scores + the leads' rows in the sources → what would help each lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.bundle import Bundle
from lqmodel.counterfactual.search import Judge, Reached, largest, search
from lqmodel.counterfactual.worlds import Crossing, Ints
from lqmodel.declarations import DeclaredFeature, from_microseconds
from lqmodel.engine import AS_OF, CREATED, KEY
from lqmodel.errors import Refused
from lqmodel.handoff import cause_words
from lqmodel.inputs import open_facts_of
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons import CUT_OFF, ColumnWords, Families, Help, Helps, NurtureStep, Way
from lqmodel.reasons.help import Answer, step_text, weighs_most
from lqmodel.roster import ID
from lqmodel.scores import CREATED_AT, LOOKED_AT, SCORED, Scored, facts_of, scored_row
from lqmodel.stages import (
    LEAD,
    MQL,
    NEVER,
    RECYCLED,
    SALES_READY,
    SQL,
    STAGES,
    Decisions,
    State,
    decisions,
    holds,
)
from lqmodel.states import EPISODE, Before
from lqmodel.steps import Step, countable

LEADS_AT_ONCE: Final = 1_000
KEPT: Final = 10
"""Ways that a `Help` holds; the others are counted."""
NEXT: Final = {LEAD: MQL, MQL: SALES_READY}
"""The stages that the model moves a lead up from, and to."""


class Standing(Scored, Before, Protocol):
    """Scores of a moment, and where the leads stand."""


@dataclass(frozen=True)
class Helped:
    """What would help one lead, and all sets that do."""

    help: Help
    reached: Reached | None


def what_would_help(
    bundle: Bundle,
    root: Path,
    sources: Mapping[str, str] | None,
    scores: Standing,
    lead_ids: Sequence[str],
    threads: int | None = None,
    language: Language = ENGLISH,
    acts: pa.Table | None = None,
) -> Helps:
    """Find the smallest sets of steps after which the model would move each lead to its next stage.

    A step is an event that a feature declared actionable counts; see `steps.learn_steps`. It is added to the lead's
    facts at the last moment that is still known before as_of, and every feature of engagement is computed anew, so
    that a visit to the pricing page is a visit as well. Who they are stays as it is. Then margin, calibration and
    stages follow as in scoring.

    Parameters
    ----------
    bundle : Bundle
        That made the scores.
    root, sources
        As in `scoring.score`; the leads' rows are read again.
    scores : Scores or Run
    lead_ids : sequence of str
    threads : int, optional
        Results do not depend on it.
    language : Language, default English
        What it is worded in.
    acts : pyarrow.Table, optional
        What people in sales did, as in `scoring.score`.

    Returns
    -------
    Helps
        A tuple of Help, as ``lead_ids``; prints.

    Raises
    ------
    NoInput
        The scores do not hold a lead; a source is not there.
    Refused
        A lead was not scored, or another model made the scores.
    BadData, ColumnMissing, WrongType, UsageError
        A source cannot be read as declared.
    """
    found = helped(bundle, root, sources, scores, lead_ids, threads, language, acts)
    return Helps(one.help for one in found)


def helped(
    bundle: Bundle,
    root: Path,
    sources: Mapping[str, str] | None,
    scores: Standing,
    lead_ids: Sequence[str],
    threads: int | None = None,
    language: Language = ENGLISH,
    acts: pa.Table | None = None,
) -> Iterator[Helped]:
    """Yield for each lead what `what_would_help` gives, with all sets that reach the next stage."""
    if scores.bundle_version != bundle.version:
        raise Refused(
            f"the scores were made by bundle {scores.bundle_version}, and this is bundle {bundle.version}",
            do="name the bundle that made them with --model, or score again",
        )
    for start in range(0, len(lead_ids), LEADS_AT_ONCE):
        asked = _Asked.of(bundle, scores, lead_ids[start : start + LEADS_AT_ONCE], language, acts)
        yield from asked.answers(root, sources, threads)


@dataclass(frozen=True, eq=False)
class _Asked:
    """Leads that are asked about, by position: what their scores rest on, and where they stand."""

    bundle: Bundle
    as_of: int | None
    ids: tuple[str, ...]
    values: pa.Table
    state: State
    said: Decisions
    language: Language

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        scores: Standing,
        lead_ids: Sequence[str],
        language: Language,
        acts: pa.Table | None,
    ) -> _Asked:
        ids = pa.array(lead_ids, pa.string())
        rows = scores.table.take(pc.index_in(ids, scores.table[ID]))
        for lead_id, status in zip(lead_ids, rows["status"].to_pylist(), strict=True):
            if status != SCORED:
                scored_row(scores, lead_id)  # says why not
        values = scores.features.take(pc.index_in(ids, scores.features[ID]))
        state = State.from_table(scores.states.take(pc.index_in(ids, scores.states[ID])))
        once = values.take(np.unique(np.asarray(ids), return_index=True)[1])
        said = decisions(acts, once[ID], once[EPISODE], scores.as_of or 0, bundle.policy)
        each = pc.index_in(ids, once[ID].combine_chunks()).to_numpy()
        answers = {item: yes[each] for item, yes in said.answers.items()}
        holding = replace(Decisions.none(len(ids)), suppressed=said.suppressed[each], answers=answers)
        return cls(bundle, scores.as_of, tuple(lead_ids), values, state, holding, language)

    def answers(self, root: Path, sources: Mapping[str, str] | None, threads: int | None) -> list[Helped]:
        without = {i: self._without_search(i) for i in range(len(self.ids))}
        said = {i: help for i, help in without.items() if help is not None}
        left = np.array([i for i in range(len(self.ids)) if i not in said], np.int64)
        reached: dict[int, Reached] = {}
        if len(left):
            crossing = self._crossing(root, sources, threads)
            judge = self._judge(threads)
            changed = self._changed(crossing, left)
            said |= {i: self._help(i, "changed") for i in changed}
            left = np.setdiff1d(left, np.array(changed, np.int64))
            for stage in NEXT:
                reached |= search(crossing, judge, left[self.state.stage[left] == stage], self._steps(stage))
            said |= {i: self._ways(i, found) for i, found in reached.items()}
            said |= self._hopeless([i for i in left.tolist() if i not in reached], judge)
        return [Helped(said[i], reached.get(i)) for i in range(len(self.ids))]

    def _steps(self, stage: int) -> list[int]:
        """Return the steps to try at a stage: that one makes an MQL as was agreed, the model has no say in."""
        return [i for i, step in enumerate(self.bundle.steps) if not (stage == LEAD and step.makes_mql)]

    def _without_search(self, i: int) -> Help | None:
        """Answer where no step has to be tried."""
        stage = int(self.state.stage[i])
        if stage not in NEXT:
            by_model = stage == SALES_READY or (stage == SQL and self.bundle.policy.sql_after == "handoff")
            if stage == RECYCLED:
                return self._help(i, "asleep", because=self._waking(i))
            if not by_model:
                return self._help(i, "people")
            return self._help(i, "highest", because=self._holding(i, self.bundle.policy.promote_any))
        if self.bundle.declarations.model.population.at_age is not None:
            return self._help(i, "once")
        if stage == MQL and (blocks := self._blocks(i)):
            return self._help(i, "blocked", because=blocks)
        if self.bundle.steps:
            return None
        actionable = [f for f in self.bundle.declarations.features if f.feature.actionable]
        if not actionable:
            return self._help(i, "not_actionable")
        dated = countable(self.bundle.declarations)
        titles = ", ".join(self._title(item) for item in dated or actionable)
        return self._help(i, "unseen" if dated else "undated", because=titles)

    def _blocks(self, i: int) -> str:
        """Return what keeps a lead from sales, in words."""
        facts = self._holding(i, self.bundle.policy.block)
        by_people = self.language.say("help.suppressed") if self.said.suppressed[i] else ""
        return ", ".join(filter(None, (facts, by_people)))

    def _waking(self, i: int) -> str:
        """Return the day on which a lead wakes, in words; empty without a date."""
        wake_at = int(self.state.wake_at[i])
        return "" if wake_at == NEVER else self.language.date(from_microseconds(wake_at))

    def _holding(self, i: int, names: Sequence[str]) -> str:
        """Return which of the facts hold, in words."""
        row = facts_of(self.bundle.declarations, self.values.slice(i, 1))
        declarations, language = self.bundle.declarations, self.language
        return ", ".join(cause_words(declarations, name, language) for name in names if holds(row[name])[0])

    def _title(self, item: DeclaredFeature) -> str:
        return ColumnWords(item, item.columns()[0], self.language).title

    def _crossing(self, root: Path, sources: Mapping[str, str] | None, threads: int | None) -> Crossing:
        declarations, steps = self.bundle.declarations, self.bundle.steps
        names = {step.source for step in steps}
        facts = open_facts_of(declarations, root, sources, names, sorted(set(self.ids)), threads)
        moments = {name: self.values[name].cast(pa.int64()) for name in (LOOKED_AT, CREATED_AT)}
        leads = pa.table({KEY: self.values[ID], AS_OF: moments[LOOKED_AT], CREATED: moments[CREATED_AT]})
        declared = (*declarations.features, *declarations.facts)
        observed = self.bundle.fitted.observed_from
        return Crossing.of(facts, steps, leads, declared, observed, declarations.model.zone)

    def _judge(self, threads: int | None) -> Judge:
        bundle = self.bundle
        x = bundle.encoding.transform(self.values)
        parts = (bundle.declarations, bundle.encoding, bundle.ensemble, bundle.policy)
        return Judge(*parts, self.values, x, self.state, self.said, self.as_of or 0, threads)

    def _changed(self, crossing: Crossing, leads: Ints) -> list[int]:
        """Return the leads whose facts give other features than their scores rest on."""
        changed: list[int] = []
        for part in crossing.batches(leads, 1):
            now = crossing.features(part, [()])
            then = self.values.select(now.column_names).take(part)
            differs = np.zeros(len(part), bool)
            for name in now.column_names:
                same = pc.equal(now[name], then[name]).fill_null(False)
                both_missing = pc.and_(now[name].is_null(), then[name].is_null())
                differs |= ~np.asarray(pc.or_(same, both_missing))
            changed += part[differs].tolist()
        return changed

    def _ways(self, i: int, reached: Reached) -> Help:
        probability = self.bundle.calibrator.probability(reached.margin[:KEPT])
        ways = tuple(
            Way(self._taken(world), STAGES[stage], float(p))
            for world, stage, p in zip(
                reached.sets[:KEPT].tolist(), reached.stage[:KEPT].tolist(), probability, strict=True
            )
        )
        answer: Answer = "reaches" if reached.size else "reached"
        return self._help(i, answer, ways=ways, n_ways=len(reached.sets))

    def _hopeless(self, leads: list[int], judge: Judge) -> dict[int, Help]:
        """Say what weighs most against each lead: of what marketing cannot change, else of all."""
        if not leads:
            return {}
        families = Families.of(self.bundle.declarations.features, self.bundle.encoding.names)
        explained = self.bundle.ensemble.explain(judge.x[leads], judge.threads)
        effects = families.measure(explained, self.bundle.calibrator).effects
        fixed = np.array([not item.feature.actionable for item in families.declared])
        said = {}
        for i, row in zip(leads, effects, strict=True):
            those = np.flatnonzero(fixed & (row <= -CUT_OFF))
            those = those if len(those) else np.flatnonzero(row <= -CUT_OFF)
            worst = min(those.tolist(), key=lambda f: (row[f], f), default=None)
            weighs = ""
            if worst is not None:
                weighs = weighs_most(families.declared[worst], float(np.exp(row[worst])), self.language)
            said[i] = self._help(i, "none", because=weighs)
        return said

    def _taken(self, world: Sequence[int]) -> tuple[NurtureStep, ...]:
        return tuple(
            NurtureStep(step.name, step.features, world.count(at), self._words(step, world.count(at)))
            for at in sorted(set(world))
            for step in [self.bundle.steps[at]]
        )

    def _words(self, step: Step, times: int) -> str:
        return words(self.bundle, step, times, self.language)

    def _help(
        self,
        i: int,
        answer: Answer,
        *,
        ways: tuple[Way, ...] = (),
        n_ways: int = 0,
        because: str = "",
    ) -> Help:
        stage = int(self.state.stage[i])
        aim = STAGES[NEXT[stage]] if stage in NEXT else None
        most = largest(len(self._steps(stage)))
        return Help(self.ids[i], STAGES[stage], aim, answer, ways, n_ways, most, because, self.language)


def words(bundle: Bundle, step: Step, times: int, language: Language) -> str:
    """Return a step, so many times, in words."""
    declared = {f.name: f for f in bundle.declarations.features}
    return step_text([declared[name] for name in step.features], times, language)
