"""Whom to nurture and how: the leads nearest to their next stage, with what would help them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.bundle import Bundle
from lqmodel.counterfactual.helping import NEXT, Helped, Standing, helped, words
from lqmodel.errors import Refused, UsageError
from lqmodel.languages import ENGLISH, Language
from lqmodel.points import VERSION_PREFIX
from lqmodel.reasons import Help
from lqmodel.reasons.nurturing import Row, nurture_text
from lqmodel.roster import ID
from lqmodel.scores import SCORED, Scored, facts_of
from lqmodel.stages import MQL, STAGES, decisions, holds
from lqmodel.states import EPISODE

NEAREST: Final = 100
"""Leads of each stage, where no other number is asked for."""
NEARNESS: Final = ("score", "probability")
"""A score says how far a lead is from the threshold that holds for it; one that is rounded, the probability tells apart."""


@dataclass(frozen=True)
class Helpful:
    """How many of a group's leads one step helps.

    Attributes
    ----------
    name, text : str
        Of the step; in words, once.
    alone : int
        Leads that it moves up by itself.
    with_others : int
        Leads that it moves up as part of a smallest set, with further steps or done again.
    leads : tuple of str
        All of them, the nearest first.
    """

    name: str
    text: str
    alone: int
    with_others: int
    leads: tuple[str, ...]


@dataclass(frozen=True)
class Nearest:
    """The leads of one stage that are nearest to the next.

    Attributes
    ----------
    stage, aim : str
        Where they stand, and what is next.
    leads : int
        How many leads stand there.
    blocked : int
        How many of them a fact, or their objection, keeps from the next stage; they are not looked at.
    helps : tuple of Help
        Of the nearest of the others, the nearest first.
    probability : tuple of float
        As `helps`: what the model gives each now.
    steps : tuple of Helpful
        What would help them, the steps that help the most leads first.
    """

    stage: str
    aim: str
    leads: int
    blocked: int
    helps: tuple[Help, ...]
    probability: tuple[float, ...]
    steps: tuple[Helpful, ...]


@dataclass(frozen=True)
class NurtureList:
    """Whom to nurture, and how; prints.

    Attributes
    ----------
    groups : tuple of Nearest
        The MQLs first.
    language : Language
        In which it speaks.
    """

    groups: tuple[Nearest, ...]
    language: Language = ENGLISH

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain lists and dictionaries for `json.dumps`."""
        return [
            {
                **{k: getattr(group, k) for k in ("stage", "aim", "leads", "blocked")},
                "steps": [asdict(step) | {"leads": list(step.leads)} for step in group.steps],
                "nearest": [
                    {**help.to_json(), "probability": p}
                    for help, p in zip(group.helps, group.probability, strict=True)
                ],
            }
            for group in self.groups
        ]

    def __str__(self) -> str:
        return "\n\n".join(
            nurture_text(
                group.stage,
                group.aim,
                group.leads,
                group.blocked,
                group.helps,
                group.probability,
                [Row(step.text, step.alone, step.with_others) for step in group.steps],
                self.language,
            )
            for group in self.groups
        )


def nurture(
    bundle: Bundle,
    root: Path,
    sources: Mapping[str, str] | None,
    scores: Standing,
    most: int = NEAREST,
    threads: int | None = None,
    language: Language = ENGLISH,
    acts: pa.Table | None = None,
    objecting: Collection[str] = (),
) -> NurtureList:
    """List the MQLs nearest to sales-ready and the leads nearest to MQL, with what would help them.

    Nearest are those of the highest score, then probability; of equals the first by lead id. MQLs that a fact keeps from sales,
    and whoever objects, are counted and left out.

    Parameters
    ----------
    bundle, root, sources, scores, threads, language, acts
        As in `helping.what_would_help`.
    most : int, default 100
        Leads of each stage that are looked at.
    objecting : collection of str
        Leads that may not be contacted now, whatever the scores say.

    Raises
    ------
    UsageError
        ``most`` is not at least 1.
    Refused
        A points table, or another model, made the scores; the model looks at each lead once, at an age.
    NoInput, BadData, ColumnMissing, WrongType
        A source cannot be read as declared.
    """
    if most < 1:
        raise UsageError(f"{most} leads of each stage", do="ask for at least 1")
    refuse_points(scores)
    age = bundle.declarations.model.population.at_age
    if age is not None:
        raise Refused(
            f"the model looks at each lead once, at the age of {age.text}: what happens afterwards moves none",
            where=f"models/{bundle.declarations.name}.toml",
            do="declare population.every in place of at_age, and train, to look at leads again and again",
        )
    groups = []
    for stage in sorted(NEXT, reverse=True):
        standing = _standing(scores, stage)
        free = _free(bundle, scores, standing, stage, acts)
        free &= ~np.isin(standing[ID].to_numpy(), [*objecting])
        chosen = standing.filter(free)
        chosen = chosen.sort_by([*((name, "descending") for name in NEARNESS), (ID, "ascending")]).slice(
            0, most
        )
        ids = chosen[ID].to_pylist()
        found = list(helped(bundle, root, sources, scores, ids, threads, language, acts))
        groups.append(
            Nearest(
                stage=STAGES[stage],
                aim=STAGES[NEXT[stage]],
                leads=len(standing),
                blocked=int((~free).sum()),
                helps=tuple(one.help for one in found),
                probability=tuple(chosen["probability"].to_pylist()),
                steps=_steps(bundle, found, language),
            )
        )
    return NurtureList(tuple(groups), language)


def refuse_points(scores: Scored) -> None:
    """Refuse scores that a points table made: there is no model to ask."""
    if scores.bundle_version.startswith(VERSION_PREFIX):
        raise Refused(
            "a points table made the scores: there is no model to ask what would help",
            do="score with a model: `lqmodel predict --model models:/NAME@champion`",
        )


def _standing(scores: Standing, stage: int) -> pa.Table:
    """Return the scored leads that stand at a stage, with their probabilities."""
    table = scores.table.filter(pc.equal(scores.table["status"], SCORED))
    return table.filter(pc.equal(table["stage"], STAGES[stage])).select([ID, *NEARNESS])


def _free(
    bundle: Bundle, scores: Standing, standing: pa.Table, stage: int, acts: pa.Table | None
) -> NDArray[np.bool_]:
    """Say which leads nothing keeps from the next stage: no fact, and no person."""
    free = np.ones(len(standing), bool)
    if stage == MQL and len(standing):
        values = scores.features.take(pc.index_in(standing[ID], scores.features[ID]))
        facts = facts_of(bundle.declarations, values)
        for name in bundle.policy.block:
            free &= ~holds(facts[name])
        free &= ~decisions(acts, values[ID], values[EPISODE], scores.as_of or 0, bundle.policy).suppressed
    return free


def _steps(bundle: Bundle, found: Sequence[Helped], language: Language) -> tuple[Helpful, ...]:
    alone: Counter[int] = Counter()
    with_others: Counter[int] = Counter()
    leads: dict[int, list[str]] = {}
    for one in found:
        if one.reached is not None:
            counter = alone if one.reached.size == 1 else with_others
            for i in np.unique(one.reached.sets).tolist():
                counter[i] += 1
                leads.setdefault(i, []).append(one.help.lead_id)
    order = sorted(leads, key=lambda i: (-alone[i], -with_others[i], bundle.steps[i].name))
    return tuple(
        Helpful(
            bundle.steps[i].name,
            words(bundle, bundle.steps[i], 1, language),
            alone[i],
            with_others[i],
            tuple(leads[i]),
        )
        for i in order
    )
