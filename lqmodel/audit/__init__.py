"""Leakage and other traps in a training set, found before anything is trained.

    declarations ──> structure: whose facts, known when, named how ───┐
    sources ───────> rows: ids, repeats, moments shared by too many ──┼──> findings: stop, warn, note
    snapshots ─────> figures of every column alone, and over time ────┘

A stop needs a reason to suspect *when* a fact was known: its source, its name without a clock, values that
stand on won leads only; or that it says who someone is, and nobody said what for. Strength alone never stops
short of near certainty, because good features are strong as well.
"""

from __future__ import annotations

from lqmodel.audit.case import FEWEST_LEADS, Case, Judged
from lqmodel.audit.columns import (
    CERTAIN_AUC,
    CONSTANT,
    ID_LIKE,
    MANY_LEVELS,
    STRONG_ACTIVITY,
    STRONG_AUC,
    figures_of_columns,
    teaches,
    telling,
)
from lqmodel.audit.finding import LEVELS, RULES, Audit, Finding, Level
from lqmodel.audit.moments import shared_moments
from lqmodel.audit.names import label_as_feature, suspicious_names
from lqmodel.audit.personal import personal_attributes
from lqmodel.audit.rows import ids_that_collide, missing_ids, repeated_rows
from lqmodel.audit.skew import skewed
from lqmodel.audit.timing import ABOVE_BASE, MOSTLY_LATE, MOSTLY_WINNERS, WINNERS_ONLY, known_too_late
from lqmodel.inputs import Inputs
from lqmodel.trainingset import Snapshots

__all__ = [
    "ABOVE_BASE",
    "CERTAIN_AUC",
    "CONSTANT",
    "FEWEST_LEADS",
    "ID_LIKE",
    "LEVELS",
    "MANY_LEVELS",
    "MOSTLY_LATE",
    "MOSTLY_WINNERS",
    "RULES",
    "STRONG_ACTIVITY",
    "STRONG_AUC",
    "WINNERS_ONLY",
    "Audit",
    "Finding",
    "Level",
    "audit",
]


def audit(snapshots: Snapshots, inputs: Inputs) -> Audit:
    """Look for facts from after the outcome, for columns that teach nothing, and for damage in the sources.

    Parameters
    ----------
    snapshots : Snapshots
        All labelled snapshots; the order of rows changes nothing.
    inputs : Inputs
        The facts they were made from.
    """
    case = Case(snapshots.declarations, inputs)
    figures = figures_of_columns(snapshots, case)
    judged: list[Judged] = []
    settled: set[str] = set()  # features that one rule has stopped or accepted: the next rules are silent
    for rule in (label_as_feature(case), known_too_late(case), suspicious_names(case, figures)):
        for finding, features in list(rule):
            if not set(features) <= settled:
                judged.append((finding, features))
            if finding.level != "warn":
                settled.update(features)
    findings = [finding for finding, _ in judged]
    findings += [f for c in figures if c.feature not in settled for f in telling(case, c)]
    stopped = {name for f, names in judged if f.level == "stop" for name in names}
    left = sorted({c.feature for c in figures} - stopped)  # of the others there is more to say
    findings += [f for name in left for f in teaches(case, name, figures)]
    findings += personal_attributes(case, snapshots)
    findings += [f for f in skewed(case, snapshots) if f.name in left]
    for rows in (missing_ids, ids_that_collide, repeated_rows, shared_moments):
        findings += rows(case)
    findings.sort(key=lambda f: (LEVELS.index(f.level), f.rule, f.name, f.where, f.message))
    return Audit(tuple(findings), figures)
