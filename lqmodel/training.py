"""Wiring: snapshots → audited → evaluated on later time → refitted on everything → bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lqmodel.audit import Audit, audit
from lqmodel.bundle import Bundle, Fitted
from lqmodel.card import card
from lqmodel.fitting import Fit, fit
from lqmodel.inputs import Inputs
from lqmodel.judging import Evaluated, describe_part, evaluate_recipe
from lqmodel.reasons import Families, Usual
from lqmodel.skew import reference_of
from lqmodel.stages import carried
from lqmodel.steps import Step, learn_steps
from lqmodel.trainingset import Snapshots, lead_hashes
from lqmodel.version import VERSION
from lqmodel.wonlost import won_against_lost


@dataclass(frozen=True)
class Trained:
    """A bundle, and how it came to be."""

    bundle: Bundle
    evaluated: Evaluated
    audit: Audit
    notices: tuple[str, ...]
    params: Mapping[str, Any]


def train(
    snapshots: Snapshots, inputs: Inputs, threads: int | None = None, tune_seconds: float | None = None
) -> Trained:
    """Audit, evaluate in time order, then refit the same recipe on all mature snapshots and ship that.

    Parameters
    ----------
    snapshots : Snapshots
        Mature and labelled; all of them are used.
    inputs : Inputs
        The opened sources that they come from.
    threads : int, optional
        Results do not depend on it.
    tune_seconds : float, optional
        Search the classifier's parameters for so long first; the choice and the number of trials are written down.

    Raises
    ------
    LeakageFound, NoSignal, TooFewWins, Refused
        What was found, or rules that are not those that were signed; each says what to do.
    """
    declarations = snapshots.declarations
    declarations.check_signed()
    found = audit(snapshots, inputs)
    found.raise_if_stopped()
    tuning, evaluated = evaluate_recipe(snapshots, threads, tune_seconds, inputs)
    shipped = fit(snapshots, threads, tuning.parameters if tuning else None)
    policy = carried(evaluated.solved.policy, declarations.model.stages, shipped.calibration.calibrator)
    notices = (
        *declarations.draft_notices(),
        *inputs.notices,
        *(f"{n} snapshots {why}" for why, n in sorted(snapshots.counts.items())),
    )
    metrics = {
        **evaluated.to_json(),
        "audit": found.to_json(),
        "notices": list(notices),
        "shipped": describe_part(snapshots),
        "won_lost": won_against_lost(snapshots, declarations.model.classifier.seed).to_json(),
        "tuning": tuning.to_json() if tuning else None,
    }
    bundle = Bundle(
        declarations=declarations,
        texts=shipped.texts,
        encoding=shipped.encoding,
        calibrator=shipped.calibration.calibrator,
        policy=policy,
        usual=_usual(shipped, snapshots),
        fitted=_fitted(snapshots, inputs),
        reference=reference_of(snapshots),
        steps=_steps(snapshots, inputs),
        metrics=metrics,
        card=card(declarations, metrics, shipped.params),
        data=inputs.digest(),
        lqmodel=VERSION,
        ensemble=shipped.ensemble,
    )
    return Trained(bundle, evaluated, found, notices, shipped.params)


def _usual(shipped: Fit, snapshots: Snapshots) -> Usual:
    families = Families.of(snapshots.declarations.features, shipped.encoding.names)
    if not snapshots.declarations.model.has_clock:
        return Usual.fit(snapshots.features(), families)
    return Usual.fit(snapshots.features(), families, snapshots.created, snapshots.as_of)


def _steps(snapshots: Snapshots, inputs: Inputs) -> tuple[Step, ...]:
    if not snapshots.declarations.model.has_clock:
        return ()
    return learn_steps(snapshots.declarations, inputs.facts, int(snapshots.as_of.max()))


def _fitted(snapshots: Snapshots, inputs: Inputs) -> Fitted:
    dated = snapshots.declarations.model.has_clock
    as_of = snapshots.as_of
    return Fitted(
        rows=len(snapshots),
        wins=int(snapshots.won.sum()),
        first=int(as_of.min()) if dated else None,
        last=int(as_of.max()) if dated else None,
        leads=() if dated else tuple(sorted(lead_hashes(snapshots.lead_ids))),
        observed_from=inputs.observed_from(),
    )
