"""Columns whose latest stretch does not look like what a model would learn from."""

from __future__ import annotations

from collections.abc import Iterator

from lqmodel.audit.case import Case
from lqmodel.audit.finding import Finding
from lqmodel.errors import Refused
from lqmodel.skew import compare_parts, in_words
from lqmodel.trainingset import Snapshots


def skewed(case: Case, snapshots: Snapshots) -> Iterator[Finding]:
    """Hold the held-out stretch against the training part; without a clock the parts differ by chance only."""
    if not case.declarations.model.has_clock:
        return
    try:
        train, test = snapshots.split()
    except Refused:
        return  # too short a history to hold anything out, which is said elsewhere
    for family, words in in_words(compare_parts(train, test)).items():
        message = f"in the latest stretch {words}"
        do = "ask what changed: a form, a feed, a unit, a market; take it out where it will not come back"
        yield case.warn("skew", family, case.by_name[family], message, do)
