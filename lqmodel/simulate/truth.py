"""The true probabilities: forward filtering of everything that is known before each Monday."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lqmodel.simulate.chain import (
    STATES,
    Floats,
    Ints,
    initial,
    predict_step,
    transitions,
    update_step,
    win_within,
)
from lqmodel.simulate.emission import (
    Events,
    event_log_likelihood,
    silence_log_likelihood,
    unsubscribed_on,
)


@dataclass(frozen=True)
class Truth:
    """True probabilities, one per lead and day on which it is open, ordered by lead and day.

    Parameters
    ----------
    lead : ndarray, shape (snapshots,), int64
        Place of the lead in its set.
    day : ndarray, shape (snapshots,), int64
        as_of, in whole days since the period's first midnight.
    probability : ndarray, shape (snapshots,), float64
        P(won in [as_of, as_of + horizon) | facts before as_of), in (0, 1).
    """

    lead: Ints
    day: Ints
    probability: Floats


def true_probabilities(
    fit: Floats,
    readiness: Floats,
    created_day: Ints,
    closed_day: Ints,
    events: Events,
    factors: Floats,
    as_of_days: Ints,
    horizon_days: int,
) -> Truth:
    """Filter all leads forward and state the chance to be won at every ``as_of`` at which they are open.

    Evidence is fit and source, every event before as_of, every day without events, and that the lead is
    neither won nor lost before as_of. Exact up to rounding.

    Parameters
    ----------
    fit, readiness : ndarray, shape (leads,), float64
        See ``lqmodel.simulate.firmographics``.
    created_day, closed_day : ndarray, shape (leads,), int64
        Days of creation and of outcome, since the period's first day; ``closed_day`` beyond the last day
        means open.
    events : Events
        What these leads did, from the day of creation to the day before the outcome.
    factors : ndarray, shape (days,), float64
        Weekday factor of each day of the period.
    as_of_days : ndarray, shape (dates,), int64
        Midnights to look from, in days since the period's first midnight, up to ``days``.
    horizon_days : int
        Days ahead in which a win counts, 1 or more.

    Returns
    -------
    Truth
    """
    moves = transitions(fit)
    within = win_within(moves.stay_open, moves.won, horizon_days)
    start = initial(fit, readiness)
    left = unsubscribed_on(events.lead, events.day, events.channel, len(fit))
    first_day = int(created_day.min())
    evidence = _daily_evidence(events, factors, first_day, len(fit))
    wanted = {int(day) for day in as_of_days}

    belief = start.copy()
    leads, days, chances = [], [], []
    for day in range(first_day, len(factors)):
        open_ = np.flatnonzero((created_day <= day) & (day < closed_day))
        weights = predict_step(belief[open_], moves.stay_open[open_])
        new = created_day[open_] == day
        weights[new] = start[open_[new]]
        silence = silence_log_likelihood(float(factors[day]), day < left[open_])
        belief[open_] = update_step(weights, evidence[day - first_day, open_] + silence)
        if day + 1 in wanted:
            leads.append(open_)
            days.append(np.full(len(open_), day + 1))
            chances.append(np.einsum("ns,ns->n", belief[open_], within[open_]))
    if not leads:
        nothing = np.empty(0, dtype=np.int64)
        return Truth(nothing, nothing, np.empty(0))
    lead, as_of, probability = np.concatenate(leads), np.concatenate(days), np.concatenate(chances)
    order = np.lexsort((as_of, lead))
    return Truth(lead[order], as_of[order], probability[order])


def _daily_evidence(events: Events, factors: Floats, first_day: int, leads: int) -> Floats:
    """Add up the events' log-likelihoods, shape (days from first_day, leads, states)."""
    days = len(factors) - first_day
    added = event_log_likelihood(events.channel, events.seconds, factors[events.day])
    cell = (events.day - first_day) * leads + events.lead
    daily = np.empty((days * leads, len(STATES)))
    for state in range(len(STATES)):
        daily[:, state] = np.bincount(cell, weights=added[:, state], minlength=days * leads)
    return daily.reshape(days, leads, len(STATES))
