"""What each state of intent lets us see: events, and how likely they are.

Counts per day are independent Poisson, rate[state, channel] × weekday factor. A channel is an event
type, or a page for page views. Seconds on a page are geometric. After an unsubscribe no e-mail is opened
or clicked; that rule looks at observed history only, so the filter stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lqmodel.simulate.chain import LOST, NOT_YET, WON, Floats, Ints

PAGES: Final = ("home", "service", "pricing", "case_study", "blog", "careers")  # careers stays last

# Events per 1,000 average days; one column per state, in the order of STATES.
_PER_1000_DAYS: Final[dict[str, tuple[float, ...]]] = {
    #                       dormant curious interested evaluating buying fading
    "home": (2, 180, 260, 310, 300, 45),
    "service": (1, 120, 270, 400, 370, 22),
    "pricing": (0.3, 8, 55, 225, 430, 6),
    "case_study": (0.5, 33, 125, 225, 160, 7),
    "blog": (2, 220, 210, 120, 60, 45),
    "careers": (3, 3, 3, 3, 3, 3),
    "email_open": (22, 210, 260, 280, 260, 60),
    "email_click": (2.5, 40, 75, 100, 100, 6),
    "whitepaper_download": (0.4, 16, 42, 40, 14, 1.2),
    "ebook_download": (0.4, 20, 26, 13, 6, 1.2),
    "webinar_registered": (0.3, 6, 22, 26, 11, 0.8),
    "webinar_attended": (0.15, 3, 14, 18, 8, 0.4),
    "newsletter_signup": (1, 12, 8, 4, 3, 0.6),
    "social_engagement": (20, 20, 20, 20, 20, 20),
    "contact_form": (0.15, 1.5, 7, 30, 70, 0.6),
    "demo_requested": (0.03, 0.4, 3, 28, 70, 0.3),
    "consultation_requested": (0.03, 0.3, 3, 20, 55, 0.3),
    "proposal_requested": (0.01, 0.06, 0.6, 8, 70, 0.15),
    "referral": (0.06, 0.4, 1.3, 4, 8, 0.15),
    "unsubscribe": (1.2, 0.5, 0.3, 0.15, 0.05, 14),
}
CHANNELS: Final = tuple(_PER_1000_DAYS)
TYPES: Final = ("page_view",) * len(PAGES) + CHANNELS[len(PAGES) :]  # event type of each channel
RATES: Final[Floats] = np.array(list(_PER_1000_DAYS.values())).T / 1000  # (states, channels), per day
WEEKDAY: Final[Floats] = np.array([1.25, 1.30, 1.30, 1.25, 1.10, 0.40, 0.40])  # Monday first; mean 1

SECONDS: Final[Floats] = np.array([25.0, 45.0, 70.0, 95.0, 100.0, 30.0])  # mean seconds on a page, by state
_CAREERS: Final = PAGES.index("careers")
CAREERS_SECONDS: Final = 40.0  # the same in every state: careers pages say nothing of intent
_MAIL: Final = np.array([CHANNELS.index("email_open"), CHANNELS.index("email_click")])
UNSUBSCRIBE: Final = CHANNELS.index("unsubscribe")

_ENDED_BY_UNSUBSCRIBE: Final[Floats] = RATES[:, [*_MAIL, UNSUBSCRIBE]].sum(axis=1)
_LASTING: Final[Floats] = RATES.sum(axis=1) - _ENDED_BY_UNSUBSCRIBE

_MICROSECOND_DAY: Final = 86_400_000_000
LAST_MICROSECOND: Final = (22 * 3600 + 59 * 60 + 59) * 1_000_000  # a lag of 1 h stays within the day


@dataclass(frozen=True)
class Events:
    """Events of a set of leads, ordered by lead and time.

    Parameters
    ----------
    lead : ndarray, shape (events,), int64
        Place of the lead in its set.
    day : ndarray, shape (events,), int64
        Whole days since the period's first day.
    channel : ndarray, shape (events,), int64
        Place in ``CHANNELS``.
    seconds : ndarray, shape (events,), int64
        Time on the page in seconds, 1 or more; 0 for what is not a page view.
    microsecond : ndarray, shape (events,), int64
        Microseconds since the period's first midnight.
    """

    lead: Ints
    day: Ints
    channel: Ints
    seconds: Ints
    microsecond: Ints

    def take(self, places: Ints) -> Events:
        """Return the events at ``places``, in that order."""
        return Events(
            self.lead[places],
            self.day[places],
            self.channel[places],
            self.seconds[places],
            self.microsecond[places],
        )


def weekday_factors(weekday: int, days: int) -> Floats:
    """Return the factor of each day, shape (days,), for a period that starts on ``weekday`` (Monday 0)."""
    return np.asarray(WEEKDAY[(weekday + np.arange(days)) % 7])


def unsubscribed_on(lead: Ints, day: Ints, channel: Ints, leads: int) -> Ints:
    """Return each lead's first day with an unsubscribe, shape (leads,); a huge number when none."""
    first = np.full(leads, np.iinfo(np.int64).max)
    leaving = channel == UNSUBSCRIBE
    np.minimum.at(first, lead[leaving], day[leaving])
    return first


def event_log_likelihood(channel: Ints, seconds: Ints, factor: Floats) -> Floats:
    """Return what each event adds to its day's log-likelihood in each state.

    Poisson: log rate. Page views also log p + (seconds - 1) log(1 - p), p = 1 / mean seconds. An
    unsubscribe happens at most once: log(1 - exp(-rate · factor)). Constants common to all states are
    left out.

    Parameters
    ----------
    channel : ndarray, shape (events,), int64
        Place in ``CHANNELS``.
    seconds : ndarray, shape (events,), int64
        Seconds on the page; ignored for what is not a page view.
    factor : ndarray, shape (events,), float64
        Weekday factor of the event's day.

    Returns
    -------
    ndarray, shape (events, 6), float64
    """
    added = np.log(RATES)[:, channel].T
    timed = np.flatnonzero(channel < _CAREERS)
    stop = 1 / SECONDS
    added[timed] += np.log(stop) + (seconds[timed, None] - 1) * np.log1p(-stop)
    leaving = np.flatnonzero(channel == UNSUBSCRIBE)
    added[leaving] = np.log(-np.expm1(-factor[leaving, None] * RATES[:, UNSUBSCRIBE]))
    return np.asarray(added)


def silence_log_likelihood(factor: float, subscribed: NDArray[np.bool_]) -> Floats:
    """Return the log-likelihood, in each state, that nothing else happened on a day.

    Parameters
    ----------
    factor : float
        Weekday factor of the day.
    subscribed : ndarray, shape (leads,), bool
        Whether the lead had not unsubscribed by the end of the day.

    Returns
    -------
    ndarray, shape (leads, 6), float64
        Minus the summed rates of all channels that were still possible.
    """
    return np.asarray(-factor * (_LASTING + subscribed[:, None] * _ENDED_BY_UNSUBSCRIBE))


def draw_events(
    rng: np.random.Generator, paths: NDArray[np.int8], factors: Floats, created: Ints, first_day: int
) -> Events:
    """Draw the events of leads whose hidden paths are given.

    One Poisson count per lead and day, then a channel for each event: the same law as a count per
    channel, at a twentieth of the draws. What an unsubscribe rules out is then left out.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    paths : ndarray, shape (days, leads), int8
        Hidden states, see ``draw_paths``.
    factors : ndarray, shape (days,), float64
        Weekday factors of the paths' days.
    created : ndarray, shape (leads,), int64
        Creation in microseconds since the period's first midnight; no event is earlier.
    first_day : int
        The paths' first day, counted from the period's first day.

    Returns
    -------
    Events
    """
    leads = paths.shape[1]
    open_day, open_lead = np.nonzero((paths != NOT_YET) & (paths != WON) & (paths != LOST))
    open_state = paths[open_day, open_lead]
    count = rng.poisson(RATES.sum(axis=1)[open_state] * factors[open_day])
    day, lead = np.repeat(open_day, count).astype(np.int64), np.repeat(open_lead, count).astype(np.int64)
    state = np.repeat(open_state, count)

    ladder = np.cumsum(RATES, axis=1) / RATES.sum(axis=1, keepdims=True)
    channel = (rng.random(len(state))[:, None] >= ladder[state, :-1]).sum(axis=1)
    mean = np.where(channel == _CAREERS, CAREERS_SECONDS, SECONDS[state])
    seconds = np.where(channel < len(PAGES), rng.geometric(1 / mean), 0)

    day = day + first_day
    midnight = day * _MICROSECOND_DAY
    earliest = np.maximum(midnight, created[lead] + 1)
    midday_weighted = rng.random((2, len(day))).mean(axis=0)
    span = midnight + LAST_MICROSECOND - earliest
    microsecond = earliest + np.floor(midday_weighted * span).astype(np.int64)

    drawn = Events(lead, day, channel, seconds, microsecond).take(np.lexsort((channel, microsecond, lead)))
    return drawn.take(np.flatnonzero(_possible(drawn, leads)))


def _possible(events: Events, leads: int) -> NDArray[np.bool_]:
    """Tell which drawn events stand: one unsubscribe a lead, no e-mail read on that day or later."""
    left = unsubscribed_on(events.lead, events.day, events.channel, leads)[events.lead]
    possible = ~(np.isin(events.channel, _MAIL) & (events.day >= left))
    leaving = np.flatnonzero(events.channel == UNSUBSCRIBE)
    _, firsts = np.unique(events.lead[leaving], return_index=True)
    possible[np.delete(leaving, firsts)] = False
    return np.asarray(possible)
