"""What a recipe or a bundle is worth on snapshots that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lqmodel.asof import iso
from lqmodel.bundle import Bundle
from lqmodel.calibration import CalibrationResult
from lqmodel.errors import Refused, TooFewWins
from lqmodel.evaluation import DIGITS, Difference, Quality, evaluate, paired_difference
from lqmodel.explained import Explained, explained
from lqmodel.firsthandoffs import FirstHandoffs, handoffs_of
from lqmodel.fitting import Fit, fit, search
from lqmodel.folds import check_enough_wins
from lqmodel.heldout import HeldOut, held_out, held_out_parts
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.replaying import as_runs_come
from lqmodel.rivals import YOURS, rivals
from lqmodel.segments import Segments, segments_of
from lqmodel.smalldata import few_wins, shortened
from lqmodel.stages import Policy, SolvedPolicy, check_capacity, solve_policy
from lqmodel.trainingset import Snapshots, lead_hashes, training_set
from lqmodel.tuning import Tuning

Floats = NDArray[np.float64]
SLACK = 1.25
"""How far beyond its interval a band's prediction may lie, as a factor, before a warning stands on top."""


@dataclass(frozen=True)
class Evaluated:
    """What the recipe is worth on held-out snapshots: later time, or without a clock other leads.

    ``probability`` belongs to ``test``, row by row, ``held_out`` is what thresholds were solved on; ``baselines`` and ``differences`` (model minus
    baseline) are named alike; ``warnings`` belong on top of any report.
    """

    train: Snapshots
    test: Snapshots
    probability: Floats
    quality: Quality
    baselines: Mapping[str, Quality]
    differences: Mapping[str, Difference]
    explained: Explained
    calibration: CalibrationResult
    solved: SolvedPolicy
    held_out: HeldOut | None
    first_handoffs: FirstHandoffs | None
    segments: Segments
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what metrics.json of a bundle holds."""
        return {
            "quality": self.quality.to_json(),
            "baselines": {name: q.to_json() for name, q in self.baselines.items()},
            "differences": {name: _difference_json(d) for name, d in self.differences.items()},
            **self.explained.to_json(),
            "calibration": _calibration_json(self.calibration),
            "policy": _policy_json(self.solved),
            "first_handoffs": self.first_handoffs and self.first_handoffs.to_json(),
            "segments": self.segments.to_json(),
            "train": describe_part(self.train),
            "test": describe_part(self.test),
            "warnings": list(self.warnings),
        }


def describe_part(snapshots: Snapshots) -> dict[str, Any]:
    """Return snapshots, leads, those of them won, and the first and last as_of (ISO text; None without a clock)."""
    as_of = snapshots.as_of
    dated = snapshots.declarations.model.has_clock
    return {
        "snapshots": len(snapshots),
        "leads": len(np.unique(snapshots.lead_ids.astype(str))),
        "wins": int(snapshots.won.sum()),
        "won_leads": len(np.unique(snapshots.lead_ids[snapshots.won == 1].astype(str))),
        "first": iso(int(as_of.min())) if dated else None,
        "last": iso(int(as_of.max())) if dated else None,
    }


def evaluate_recipe(
    snapshots: Snapshots,
    threads: int | None = None,
    tune_seconds: float | None = None,
    inputs: Inputs | None = None,
) -> tuple[Tuning | None, Evaluated]:
    """Fit on the training part, judge on the held-out part, with baselines beside it.

    With ``tune_seconds`` the classifier's parameters are searched first, on the training part alone. With
    ``inputs``, the sources that the snapshots come from, handoffs are counted as often as runs come.
    """
    train, test = snapshots.split()
    check_held_out(test)
    check_to_learn_from(train, test)
    tuning = None if tune_seconds is None else search(train, tune_seconds, threads)
    fitted = fit(train, threads, tuning.parameters if tuning else None)
    return tuning, judge(fitted, train, test, None if inputs is None else as_runs_come(test, inputs))


def check_to_learn_from(train: Snapshots, test: Snapshots) -> None:
    """Refuse a training part with too few outcomes of either kind, and say that it is a part.

    Raises
    ------
    TooFewWins
    """
    try:
        check_enough_wins(train.won, train.groups)
    except TooFewWins as error:
        dated = train.declarations.model.has_clock
        how = "the latest stretch is held out" if dated else "a share of the leads is held out"
        raise TooFewWins(
            f"{error.message}; counted in the {len(train):,} snapshots to learn from, because {how} to judge "
            f"({len(test):,} snapshots, {int(test.won.sum()):,} won)",
            do=error.do,
        ) from error


def check_held_out(test: Snapshots) -> None:
    """Refuse a held-out part that cannot judge anything.

    Raises
    ------
    Refused
        It holds no win, or nothing but wins; or the declared capacity takes more leads a week than it has in all.
    """
    if test.declarations.model.has_clock:
        check_capacity(test.declarations.model.stages, len(np.unique(test.lead_ids.astype(str))))
    if test.won.sum() in (0, len(test)):
        dated = test.declarations.model.has_clock
        raise Refused(
            f"the held-out part ({len(test)} snapshots) holds {'only' if test.won.any() else 'no'} wins",
            where=f"models/{test.declarations.name}.toml [evaluation]",
            do="make evaluation.test longer" if dated else "make evaluation.test_share greater",
        )


def judge(
    fitted: Fit, train: Snapshots, test: Snapshots, runs: Iterable[Snapshots] | None = None
) -> Evaluated:
    """Hold a fit against held-out snapshots and the baselines.

    Parameters
    ----------
    fitted : Fit
    train, test : Snapshots
        What it learnt from, and what it is judged on.
    runs : iterable of Snapshots, optional
        The same stretch as often as runs come, in parts, on which handoffs are counted; default: ``test``.
    """
    model = test.declarations.model
    seed = model.classifier.seed
    probability = fitted.probability(test)
    held = held_out(test, probability) if runs is None else held_out_parts(runs, fitted.probability)
    replay = None if held is None else held.replay()
    solved = solve_policy(model.stages, fitted.calibration.calibrator, model.zone, replay)
    thresholds = _thresholds(solved.policy)

    def quality_of(p: Floats) -> Quality:
        return evaluate(test.won, p, test.groups, test.lead_ids, thresholds, random_state=seed)

    held_against = rivals(fitted.encoding, train, test)
    quality = quality_of(probability)
    differences = {
        name: paired_difference(test.won, probability, p, test.groups, random_state=seed)
        for name, p in held_against.items()
    }
    told = explained(fitted, test, thresholds)
    by_segment = segments_of(test, probability, [f.name for f in told.importance.families])
    return Evaluated(
        train=train,
        test=test,
        probability=probability,
        quality=quality,
        baselines={name: quality_of(p) for name, p in held_against.items()},
        differences=differences,
        explained=told,
        calibration=fitted.calibration,
        solved=solved,
        held_out=held,
        first_handoffs=handoffs_of(held, solved.policy, seed),
        segments=by_segment,
        warnings=(
            *few_wins(train, test),
            *shortened(train, test),
            *_beaten_by(differences),
            *_bands_out_of_order(quality),
            *_off_the_mark(quality),
            *by_segment.warnings(),
            *solved.notes,
        ),
    )


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {k: {e: round(v, DIGITS) for e, v in figure.items()} for k, figure in asdict(difference).items()}


def _calibration_json(result: CalibrationResult) -> dict[str, Any]:
    candidates = [
        {k: v if isinstance(v, str) else round(v, DIGITS) for k, v in asdict(c).items()}
        for c in result.candidates
    ]
    return {"chosen": result.chosen, "candidates": candidates}


def _policy_json(solved: SolvedPolicy) -> dict[str, Any]:
    volume = (
        None if solved.volume is None else {k: round(v, DIGITS) for k, v in asdict(solved.volume).items()}
    )
    return {"policy": solved.policy.to_json(), "volume": volume, "notes": list(solved.notes)}


def _thresholds(policy: Policy) -> dict[str, float]:
    return {"mql": policy.mql.probability, "sales_ready": policy.sales_ready.probability}


def _beaten_by(differences: Mapping[str, Difference]) -> list[str]:
    return [
        f"the model does not beat {name if name == YOURS else f'the {name}'}: difference in log loss {d.log_loss.value:+.4f} ({d.log_loss.low:+.4f} to {d.log_loss.high:+.4f})"
        for name, d in differences.items()
        if d.log_loss.high >= 0
    ]


def _bands_out_of_order(quality: Quality) -> list[str]:
    filled = [b for b in quality.bands if b.observed is not None]
    return [
        f"band {upper.name} converted no more than band {lower.name} on held-out snapshots: {upper.observed.value:.1%} against {lower.observed.value:.1%}"
        for lower, upper in pairwise(filled)
        if lower.observed is not None
        and upper.observed is not None
        and upper.observed.value <= lower.observed.value
    ]


def _off_the_mark(quality: Quality) -> list[str]:
    """Say which bands promised what their interval does not hold."""
    return [
        f"band {b.name}: {b.predicted:.1%} predicted, {b.observed.value:.1%} observed ({b.observed.low:.1%} to {b.observed.high:.1%}), "
        f"outside the interval by a factor of more than {SLACK}"
        for b in quality.bands
        if b.predicted is not None
        and b.observed is not None
        and b.wins
        and not (b.observed.low / SLACK <= b.predicted <= b.observed.high * SLACK)
    ]


def evaluate_bundle(bundle: Bundle, snapshots: Snapshots) -> Quality:
    """Judge a bundle on snapshots that it was not fitted on.

    Raises
    ------
    Refused
        The model was fitted on some of them.
    """
    known = seen(bundle, snapshots)
    if known.any():
        raise Refused(
            f"{int(known.sum())} of {len(snapshots)} snapshots were used to fit this model, so its figures on them would flatter",
            do="the held-out figures are in its card; give later snapshots, or other leads",
        )
    seed = bundle.declarations.model.classifier.seed
    return evaluate(
        snapshots.won,
        probability(bundle, snapshots),
        snapshots.groups,
        snapshots.lead_ids,
        _thresholds(bundle.policy),
        random_state=seed,
    )


def probability(bundle: Bundle, snapshots: Snapshots) -> Floats:
    """Return the calibrated probabilities of snapshots, shape (n,), float64 in (0, 1)."""
    return bundle.calibrator.probability(
        bundle.ensemble.margin(bundle.encoding.transform(snapshots.features()))
    )


def seen(bundle: Bundle, snapshots: Snapshots) -> NDArray[np.bool_]:
    """Say for each snapshot whether the model was, or may have been, fitted on it; shape (n,)."""
    if bundle.fitted.last is not None:
        horizon = bundle.declarations.model.label.horizon
        reach = horizon.us if horizon else 0
        # labels of the last fitted snapshots reach one horizon ahead; snapshots within it share their outcomes
        return snapshots.as_of < bundle.fitted.last + reach
    return np.isin(lead_hashes(snapshots.lead_ids), bundle.fitted.leads)


def evaluate_on(bundle: Bundle, root: Path, sources: Mapping[str, str]) -> dict[str, Any]:
    """Judge a bundle on other data, in the same shape as the held-out figures of metrics.json.

    Dated snapshots that the model was fitted on are left out and counted; without a clock they are
    refused, since leads cannot grow younger.

    Raises
    ------
    Refused
        Nothing is left that the model has not seen.
    """
    inputs = open_inputs(bundle.declarations, root, sources)
    snapshots = training_set(bundle.declarations, inputs, bundle.fitted.observed_from)
    known = seen(bundle, snapshots)
    notices = [*inputs.notices]
    if bundle.declarations.model.has_clock and known.any() and not known.all():
        notices.append(
            f"{int(known.sum())} snapshots that the model was fitted on, or whose outcomes it shares, left out"
        )
        snapshots = snapshots.take(~known)
    quality = evaluate_bundle(bundle, snapshots)
    base = np.full(len(snapshots), bundle.fitted.wins / bundle.fitted.rows)
    seed = bundle.declarations.model.classifier.seed
    difference = paired_difference(
        snapshots.won, probability(bundle, snapshots), base, snapshots.groups, random_state=seed
    )
    rival = evaluate(
        snapshots.won,
        base,
        snapshots.groups,
        snapshots.lead_ids,
        _thresholds(bundle.policy),
        random_state=seed,
    )
    p = probability(bundle, snapshots)
    heaviest = [family["name"] for family in bundle.metrics.get("families", ())]
    runs = as_runs_come(snapshots, inputs, bundle.fitted.observed_from)
    held = held_out(snapshots, p) if runs is None else held_out_parts(runs, partial(probability, bundle))
    handoffs = handoffs_of(held, bundle.policy, seed)
    by_segment = segments_of(snapshots, p, heaviest)
    return {
        "quality": quality.to_json(),
        "first_handoffs": handoffs and handoffs.to_json(),
        "segments": by_segment.to_json(),
        "baselines": {"base rate": rival.to_json()},
        "differences": {"base rate": _difference_json(difference)},
        "test": describe_part(snapshots),
        "warnings": [
            *_beaten_by({"base rate": difference}),
            *_bands_out_of_order(quality),
            *_off_the_mark(quality),
            *by_segment.warnings(),
        ],
        "notices": notices,
    }
