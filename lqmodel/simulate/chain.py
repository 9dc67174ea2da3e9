"""The hidden chain of buying intent, and what can be known of it exactly.

Each day an open lead is in one of six states, or it is won or lost for good. How fast it moves depends
on its fit alone, so that the chance to be won is a finite sum of matrix powers and the belief about the
state follows by forward filtering (Rabiner 1989, "A Tutorial on Hidden Markov Models", eq. 19-20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATES: Final = ("dormant", "curious", "interested", "evaluating", "buying", "fading")
WON: Final = len(STATES)
LOST: Final = len(STATES) + 1
NOT_YET: Final = -1  # before the lead's creation

# Moves per day at fit 0, and how steeply each grows with fit: rate · exp(slope · fit).
_MOVES: Final = (
    # from, to, rate, slope
    ("dormant", "curious", 0.009, 0.12),
    ("dormant", "lost", 0.006, -0.04),
    ("curious", "interested", 0.045, 0.12),
    ("curious", "dormant", 0.045, -0.04),
    ("curious", "fading", 0.012, -0.04),
    ("curious", "lost", 0.004, -0.04),
    ("interested", "evaluating", 0.050, 0.12),
    ("interested", "curious", 0.030, -0.04),
    ("interested", "fading", 0.025, -0.04),
    ("interested", "lost", 0.004, -0.04),
    ("evaluating", "buying", 0.048, 0.12),
    ("evaluating", "interested", 0.030, -0.04),
    ("evaluating", "fading", 0.025, -0.04),
    ("evaluating", "won", 0.001, 0.12),
    ("evaluating", "lost", 0.006, -0.08),
    ("buying", "won", 0.040, 0.12),
    ("buying", "evaluating", 0.025, -0.04),
    ("buying", "fading", 0.025, -0.04),
    ("buying", "lost", 0.013, -0.10),
    ("fading", "dormant", 0.040, 0.00),
    ("fading", "interested", 0.006, 0.10),
    ("fading", "lost", 0.025, -0.04),
)

# Where leads begin: log-odds against dormant, and their slope in fit.
_START: Final = np.array([0.0, 0.9, -0.1, -1.7, -3.2, -2.2])
_START_SLOPE: Final = np.array([0.0, 0.10, 0.15, 0.15, 0.15, 0.0])


@dataclass(frozen=True)
class Transitions:
    """One day's moves, per lead.

    Parameters
    ----------
    stay_open : ndarray, shape (leads, 6, 6), float64
        Q: chance to be in state t tomorrow and still open, given state s today, in [0, 1].
    won, lost : ndarray, shape (leads, 6), float64
        Chance to be won or lost tomorrow given state s today; with Q each row sums to 1.
    """

    stay_open: Floats
    won: Floats
    lost: Floats


def transitions(fit: Floats) -> Transitions:
    """Return one day's chances for every lead.

    Competing exponential clocks, of which at most the first rings each day: with total rate H a lead
    stays with exp(-H), and moves to t with h_t / H · (1 - exp(-H)).

    Parameters
    ----------
    fit : ndarray, shape (leads,), float64
        Standardised fit, about -3 to 3.

    Returns
    -------
    Transitions

    Examples
    --------
    >>> one = transitions(np.zeros(1))
    >>> bool(np.allclose(one.stay_open.sum(axis=2) + one.won + one.lost, 1))
    True
    """
    names = (*STATES, "won", "lost")
    rates = np.zeros((len(fit), len(STATES), len(names)))
    for source, target, rate, slope in _MOVES:
        rates[:, names.index(source), names.index(target)] = rate * np.exp(slope * fit)
    total = rates.sum(axis=2, keepdims=True)
    chances = rates / total * -np.expm1(-total)
    each = np.arange(len(STATES))
    chances[:, each, each] = np.exp(-total[:, :, 0])
    return Transitions(chances[:, :, :WON], chances[:, :, WON], chances[:, :, LOST])


def initial(fit: Floats, readiness: Floats) -> Floats:
    """Return the chance of each state on the day of creation.

    Parameters
    ----------
    fit : ndarray, shape (leads,), float64
        Standardised fit.
    readiness : ndarray, shape (leads,), float64
        What the lead's source adds to the log-odds of every state but dormant.

    Returns
    -------
    ndarray, shape (leads, 6), float64
        Rows sum to 1.
    """
    logits = _START + _START_SLOPE * fit[:, None]
    logits[:, 1:] += readiness[:, None]
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def win_within(stay_open: Floats, won: Floats, days: int) -> Floats:
    """Return the chance to be won within the next ``days`` days, given today's state.

    The sum over k < days of Q^k r, by Horner's rule.

    Parameters
    ----------
    stay_open : ndarray, shape (leads, states, states), float64
        Q of each lead.
    won : ndarray, shape (leads, states), float64
        r: chance to be won tomorrow.
    days : int
        How many days ahead, 0 or more.

    Returns
    -------
    ndarray, shape (leads, states), float64

    Examples
    --------
    >>> win_within(np.array([[[0.5]]]), np.array([[0.25]]), 2)
    array([[0.375]])
    """
    within = np.zeros_like(won)
    for _ in range(days):
        within = won + np.einsum("nst,nt->ns", stay_open, within)
    return within


def predict_step(belief: Floats, stay_open: Floats) -> Floats:
    """Return the weights of today's states for leads still open, given yesterday's belief.

    Parameters
    ----------
    belief : ndarray, shape (leads, states), float64
        Yesterday's chance of each state.
    stay_open : ndarray, shape (leads, states, states), float64
        Q of each lead.

    Returns
    -------
    ndarray, shape (leads, states), float64
        Not normalised: a row's sum is the chance to be still open, which is evidence too.
    """
    return np.asarray(np.einsum("ns,nst->nt", belief, stay_open))


def update_step(weights: Floats, log_likelihood: Floats) -> Floats:
    """Return the belief after a day's events, by Bayes' rule.

    Parameters
    ----------
    weights : ndarray, shape (leads, states), float64
        Weights before the day's events; any positive scale.
    log_likelihood : ndarray, shape (leads, states), float64
        Log-likelihood of the day's events in each state, up to a constant per lead.

    Returns
    -------
    ndarray, shape (leads, states), float64
        Rows sum to 1.
    """
    joint = weights * np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def draw_paths(
    rng: np.random.Generator, first: Floats, moves: Transitions, created: Ints, days: int
) -> NDArray[np.int8]:
    """Draw the hidden path of every lead.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    first : ndarray, shape (leads, 6), float64
        Chance of each state on the day of creation.
    moves : Transitions
        One day's chances.
    created : ndarray, shape (leads,), int64
        Day of creation, 0 ≤ created < days.
    days : int
        Length of the paths.

    Returns
    -------
    ndarray, shape (days, leads), int8
        State by its place in ``STATES``; ``NOT_YET`` before creation; ``WON`` or ``LOST`` from the day
        of the outcome on.
    """
    leads = len(created)
    chances = np.concatenate([moves.stay_open, moves.won[:, :, None], moves.lost[:, :, None]], axis=2)
    ladder = np.cumsum(chances, axis=2)[:, :, :-1]  # the last rung is 1 and never passed
    start = np.cumsum(first, axis=1)[:, :-1]
    paths = np.full((days, leads), NOT_YET, dtype=np.int8)
    state = np.full(leads, NOT_YET, dtype=np.int8)
    for day in range(days):
        chance = rng.random(leads)
        moving = np.flatnonzero((created < day) & (state < WON))
        rungs = ladder[moving, state[moving]]
        state[moving] = (chance[moving, None] >= rungs).sum(axis=1)
        new = np.flatnonzero(created == day)
        state[new] = (chance[new, None] >= start[new]).sum(axis=1)
        paths[day] = state
    return paths
