"""What to know before a scoring is believed: each caution is a sentence for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lqmodel.asof import iso
from lqmodel.bundle import Bundle
from lqmodel.declarations import DAY
from lqmodel.engine import KNOWN, fetch_row
from lqmodel.errors import listing
from lqmodel.inputs import Inputs
from lqmodel.skew import Skew, in_words
from lqmodel.trainingset import ID, lead_hashes
from lqmodel.verbs import reach

SKEWS_SHOWN: Final = 8  # features that a notice is written for each


def flattered(bundle: Bundle, values: pa.Table, as_of: int | None) -> list[str]:
    """Say where the model has seen the outcomes of what it scores."""
    fitted = bundle.fitted
    if as_of is not None:
        if fitted.last is None or as_of > fitted.last:
            return []
        return [
            f"as_of {iso(as_of)} lies in the stretch that the model was fitted on (until {iso(fitted.last)}): "
            "these scores flatter; take a later --as-of"
        ]
    known = int(np.isin(lead_hashes(values[ID].to_numpy()), fitted.leads).sum())
    if not known:
        return []
    return [
        f"{known} of {len(values)} leads were used to fit the model, with their outcomes: their scores flatter; "
        "give the open leads with --source NAME=FILE"
    ]


def short_history(bundle: Bundle, inputs: Inputs, as_of: int | None) -> list[str]:
    """Say which sources begin after the longest window does: what came before counts as nothing."""
    if as_of is None:
        return []
    notices = []
    for name, start in sorted(inputs.observed_from().items()):
        columns = [
            (f.feature, c.window)
            for f in bundle.declarations.features
            if f.feature.source == name
            for c in f.columns()
        ]
        furthest = max(
            (bound for feature, window in columns if (bound := reach(feature, window)) is not None), default=0
        )
        if as_of - furthest < start and start > bundle.fitted.observed_from.get(name, start):
            notices.append(
                f"source {name!r} begins on {iso(start)}, later than in training, and windows reach back to {iso(as_of - furthest)}: "
                "what happened before counts as nothing; give an extract that is as long as the longest window"
            )
    return notices


def nobody_scored(reasons: pa.ChunkedArray) -> list[str]:
    """Say why no lead was scored, if none was; ``reasons``: why each lead of the input is left out, null if it is not."""
    if not len(reasons) or reasons.null_count:
        return []
    counts = sorted(pc.value_counts(reasons).to_pylist(), key=lambda v: (-v["counts"], v["values"]))
    told = ", ".join(f"{v['counts']:,} {v['values']}" for v in counts[:3])
    return [f"no lead was scored: {told}; is --as-of the moment that the data speaks of?"]


def later_facts(inputs: Inputs, as_of: int | None) -> list[str]:
    """Say how many facts lie after the moment that is looked from, where that is more than a feed's last hours."""
    if as_of is None:
        return []
    told = []
    for name, facts in sorted(inputs.facts.items()):
        if facts.has_clock and facts.newest_known is not None and facts.newest_known >= as_of + DAY:
            later = fetch_row(facts.table.aggregate(n=facts.table.count(where=facts.table[KNOWN] >= as_of)))[
                "n"
            ]
            told.append(f"{later:,} of source {name!r} (until {iso(facts.newest_known)})")
    return (
        [f"facts that are known only after as_of {iso(as_of)} are not used: {', '.join(told)}"]
        if told
        else []
    )


def unseen_levels(unseen: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Say which columns hold levels that the model knows nothing of."""
    return [
        f"column {column!r}: {(n := sum(levels.values())):,} {'lead' if n == 1 else 'leads'} with levels that training did not see, or too rarely to learn from "
        f"({listing(map(repr, sorted(levels)), most=5)})"
        for column, levels in sorted(unseen.items())
        if levels
    ]


def skewed(skews: Iterable[Skew]) -> list[str]:
    """Say which features of the scored leads do not look as in training, a few of them in full."""
    told = list(in_words(skews).items())
    notices = [f"feature {family!r} differs from training: {words}" for family, words in told[:SKEWS_SHOWN]]
    if rest := [family for family, _ in told[SKEWS_SHOWN:]]:
        notices.append(
            f"{len(rest)} more features differ from training ({listing(rest)}): `skew` of the run's manifest has the figures"
        )
    return notices
