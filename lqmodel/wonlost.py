"""Won against lost: what winners had done, and who they were, just before they were won.

A winner is looked at once: at its last snapshot whose horizon holds the win. It is compared with the others
of the same week: all leads that were then in the population and were not won within the horizon. So both sides
are seen at the same time, with nothing known from later (risk-set sampling, Prentice and Breslow 1978), and
seasons or a growing company make no difference between them. Without a clock each lead is looked at once,
and all stand together.

Describes, and explains nothing: what winners did more of need not be what made them buy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from lqmodel.declarations import DAY, EVER, Column
from lqmodel.evaluation import rounded
from lqmodel.intervals import DRAWS, Draws, Estimate, estimate
from lqmodel.matching import SCALE, Bools, Floats, Ints, Matched, placements, quantiles
from lqmodel.reasons.raw import lead_ages, levels, numbers
from lqmodel.trainingset import WON_KNOWN, Snapshots

Bar = Literal["any", "ever", "rising", "at least", "within", "is", "unknown"]

USUAL_WINDOW = 30 * DAY
"""Of a family's windows the one nearest to a month speaks: choosing the one that tells most would flatter it."""
LEAST = 10
"""Fewer winners than this, seen and expected, say nothing: rare."""
QUARTILES = (0.25, 0.5, 0.75)
COUNTING = ("count", "distinct", "sum", "active_days", "decayed")
SINCE = ("recency", "tenure")
_AT_ONCE = 25  # draws that are multiplied together


@dataclass(frozen=True)
class Side:
    """Winners, or the others, in one respect.

    Attributes
    ----------
    leads : int
        Distinct leads for which it is known.
    low, middle, high : float or None
        Quartiles; None for "never", and for categories.
    share : Estimate
        How many reach the bar, 0 to 1.
    """

    leads: int
    low: float | None
    middle: float | None
    high: float | None
    share: Estimate


@dataclass(frozen=True)
class Contrast:
    """Winners against others in one column, or in one level of a category.

    Attributes
    ----------
    family, column, kind : str
        The declared feature, the column that speaks for it, and "fit" or "engagement".
    level : str or None
        Of a category.
    bar : {"any", "ever", "rising", "at least", "within", "is", "unknown"}
        What ``share`` counts: more than none; has happened; a positive trend; the others' median ``at`` or
        more; no longer ago than it; this level; a category that is not known.
    at : float or None
    won, others : Side
    apart : Estimate
        Cliff's delta, -1 to 1: the chance that a winner has more (or more recently) than another lead of the
        same week, less the chance that it has less; of a level, the difference of the shares.
    lift : Estimate or None
        Winners' share of a level over the others'; None of numbers.
    """

    family: str
    column: str
    kind: str
    level: str | None
    bar: Bar
    at: float | None
    won: Side
    others: Side
    apart: Estimate
    lift: Estimate | None

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.apart.low > 0 or self.apart.high < 0


@dataclass(frozen=True)
class Unmeasured:
    """Share of winners and of others for which a column is not known."""

    column: str
    won: float
    others: float


@dataclass(frozen=True)
class WonLost:
    """Everything in which winners and others were compared.

    Attributes
    ----------
    won, others : int
        Distinct leads.
    snapshots : int
        Snapshots of the others; each week's weigh as much as that week's winners.
    unmatched : int
        Winners left out because nobody else was there in their week.
    days : float or None
        Median days from a winner's snapshot until its win was known; None without a clock.
    contrasts : tuple of Contrast
        From the farthest apart on.
    rare : tuple of (str, int)
        Column, and for a category how many of its levels, that hold too few leads to compare.
    unmeasured : tuple of Unmeasured
        Columns of numbers that are not known for some, from the worst on.
    """

    won: int
    others: int
    snapshots: int
    unmatched: int
    days: float | None
    contrasts: tuple[Contrast, ...]
    rare: tuple[tuple[str, int], ...]
    unmeasured: tuple[Unmeasured, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`, floats rounded to 6 digits."""
        return dict(rounded(vars(self)))


def won_against_lost(snapshots: Snapshots, random_state: int = 0, draws: int = DRAWS) -> WonLost:
    """Compare winners with the others of the same week, family by family.

    Parameters
    ----------
    snapshots : Snapshots
        Mature ones, in any order.
    random_state, draws : int
        Of the intervals: cluster bootstrap by account, else lead. Of Cliff's delta the placement values are
        drawn (DeLong et al. 1988; in clusters, Obuchowski 1997).
    """
    matched = Matched.of(snapshots)
    if not len(matched.rows):
        return WonLost(0, 0, 0, matched.unmatched, None, (), (), ())
    table = snapshots.features().take(pa.array(matched.rows))
    ages = lead_ages(snapshots.created, snapshots.as_of) if snapshots.declarations.model.has_clock else None
    ages = None if ages is None else ages[matched.rows]
    positions = np.unique(matched.units, return_inverse=True)[1]
    compared: list[_Compared] = []
    rare: list[tuple[str, int]] = []
    unmeasured = []
    for column in speakers(snapshots.columns):
        if column.dtype == "category":
            found, n_rare = _levels(column, table, matched, positions)
        else:
            values = _comparable(column, numbers(table, column, ages))
            unmeasured.append(Unmeasured(column.name, *matched.shares(np.isnan(values))))
            found, n_rare = _numbers(column, values, matched, positions)
        compared += found
        rare += [(column.name, n_rare)] if n_rare else []
    contrasts = _contrasts(compared, Draws(matched.units, random_state, draws))
    return WonLost(
        won=matched.leads(True),
        others=matched.leads(False),
        snapshots=int((~matched.won).sum()),
        unmatched=matched.unmatched,
        days=_days(snapshots, matched),
        contrasts=tuple(sorted(contrasts, key=lambda c: (-abs(c.apart.value), c.column, c.level or ""))),
        rare=tuple(rare),
        unmeasured=tuple(
            sorted((u for u in unmeasured if u.won or u.others), key=lambda u: (-u.won - u.others, u.column))
        ),
    )


def speakers(columns: Sequence[Column]) -> list[Column]:
    """Return one column of each family, by name: of several windows the one nearest to a month, by ratio."""
    families: dict[str, list[Column]] = {}
    for column in columns:
        families.setdefault(column.family, []).append(column)
    return [min(found, key=_from_usual) for _, found in sorted(families.items())]


def _from_usual(column: Column) -> tuple[float, str]:
    if column.window is None or column.window == EVER:
        return np.inf, column.name
    return abs(float(np.log(column.window.us / USUAL_WINDOW))), column.name


@dataclass(frozen=True, eq=False)
class _Compared:
    """A comparison before its intervals.

    ``sums`` has a row for each group: weight of winners, of those of them who reach the bar, of their
    placements; then the same of the others. Whole numbers, so exact however they are added up.
    """

    column: Column
    level: str | None
    bar: Bar
    at: float | None
    leads: tuple[int, int]
    quartiles: tuple[list[float | None], list[float | None]]
    sums: Floats

    @property
    def ranked(self) -> bool:
        return self.column.dtype == "number"


def _numbers(
    column: Column, values: Floats, everybody: Matched, positions: Ints
) -> tuple[list[_Compared], int]:
    """Compare a column of numbers; none, and a 1, where it happened to too few."""
    matched = everybody.take(~np.isnan(values))
    values, at_group = values[matched.rows], positions[matched.rows]
    if not len(values):
        return [], 0
    found = [quantiles(values[s], matched.weight[s], QUARTILES) for s in (matched.won, ~matched.won)]
    bar, at, reached = _bar(column, values, found[1][1])
    if bar in ("any", "ever") and max(matched.shares(reached)) * matched.won.sum() < LEAST:
        return [], 1
    placed = placements(values, matched.won, matched.stratum)
    sums = _sums(matched, reached, placed, at_group, int(positions.max()) + 1)
    quartiles = _days_ago(found[0], column), _days_ago(found[1], column)
    leads = matched.leads(True), matched.leads(False)
    return [_Compared(column, None, bar, at, leads, quartiles, sums)], 0


def _comparable(column: Column, values: Floats) -> Floats:
    """Turn days around where the more recent is the more; never is the least, and not unknown."""
    if column.verb not in SINCE:
        return values
    return np.where(np.isnan(values), -np.inf, -values if column.verb == "recency" else values)


def _bar(column: Column, values: Floats, median: float) -> tuple[Bar, float | None, Bools]:
    """Choose what to count: anything at all where most of the others have nothing, else the others' median."""
    if column.verb == "trend":
        return "rising", 0.0, values > 0
    if column.verb in SINCE and median == -np.inf:
        return "ever", None, values > -np.inf
    if column.verb == "recency":
        return "within", -median, values >= median
    if column.verb in COUNTING and median == 0:
        return "any", 0.0, values > 0
    return "at least", median, values >= median


def _days_ago(quartiles: list[float], column: Column) -> list[float | None]:
    """Return quartiles; of days that count backwards the least first, and None for never."""
    if column.verb == "recency":
        quartiles = [-q for q in reversed(quartiles)]
    return [q if np.isfinite(q) else None for q in quartiles]


def _levels(
    column: Column, table: pa.Table, matched: Matched, positions: Ints
) -> tuple[list[_Compared], int]:
    """Compare each level of a category; return how many are rare as well."""
    at, names = levels(table, column)
    nothing: list[float | None] = [None, None, None]
    leads = matched.leads(True), matched.leads(False)
    found, rare = [], 0
    cells: list[tuple[str | None, int]] = [*sorted((name, i) for i, name in enumerate(names))]
    cells += [(None, -1)] if (at < 0).any() else []
    if len(cells) == 2:  # each is the other's mirror: the rarer one among the others speaks
        cells = [min(cells, key=lambda cell: matched.shares(at == cell[1])[1])]
    for name, code in cells:
        holds = at == code
        if max(matched.shares(holds)) * matched.won.sum() < LEAST:
            rare += name is not None
            continue
        sums = _sums(matched, holds, holds * SCALE, positions, int(positions.max()) + 1)
        bar: Bar = "unknown" if name is None else "is"
        found.append(_Compared(column, name, bar, None, leads, (nothing, nothing), sums))
    return found, rare


def _sums(matched: Matched, reached: Bools, placed: Ints, positions: Ints, n_groups: int) -> Floats:
    """Return the sums that `_Compared` holds, shape (n_groups, 6)."""
    sides = []
    for side in (matched.won, ~matched.won):
        weight = matched.weight[side].astype(np.float64)
        parts = weight, weight * reached[side], np.round(weight * placed[side] / SCALE)
        sides += [np.bincount(positions[side], part, n_groups) for part in parts]
    return np.column_stack(sides)


def _contrasts(compared: Sequence[_Compared], draws: Draws) -> Iterator[Contrast]:
    """Draw groups, the same for all comparisons, and give each figure its interval."""
    if not compared:
        return
    sums = np.hstack([one.sums for one in compared])
    drawn = np.concatenate(list(_drawn(sums, draws))).reshape(draws.draws, len(compared), 6)
    whole = sums.sum(axis=0).reshape(1, len(compared), 6)
    for i, one in enumerate(compared):
        value, each = (_figures(part[:, i], whole[0, i], one.ranked) for part in (whole, drawn))
        won, others, apart, lift = (estimate(float(v[0]), e) for v, e in zip(value, each, strict=True))
        yield Contrast(
            family=one.column.family,
            column=one.column.name,
            kind=one.column.kind,
            level=one.level,
            bar=one.bar,
            at=one.at,
            won=_side(one.leads[0], one.quartiles[0], won),
            others=_side(one.leads[1], one.quartiles[1], others),
            apart=apart,
            lift=None if one.ranked else lift,
        )


def _side(leads: int, quartiles: Sequence[float | None], share: Estimate) -> Side:
    low, middle, high = quartiles
    return Side(leads, low, middle, high, share)


def _drawn(sums: Floats, draws: Draws) -> Iterator[Floats]:
    """Yield the sums of some draws at a time."""
    held = []
    for counts in draws.counts():
        held.append(counts)
        if len(held) == _AT_ONCE:
            yield np.stack(held) @ sums
            held = []
    if held:
        yield np.stack(held) @ sums


def _figures(sums: Floats, whole: Floats, ranked: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Return share of winners, share of others, how far apart, and lift, each of shape (n_draws,).

    Of numbers: delta = 2·AUC - 1, where a draw's AUC is the sum of both sides' mean placements less the AUC.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may hold nobody of a side
        won, won_reached, won_placed, others, others_reached, others_placed = sums.T
        shares = won_reached / won, others_reached / others
        if not ranked:
            return *shares, shares[0] - shares[1], shares[0] / shares[1]
        centre = (whole[2] / whole[0] + whole[5] / whole[3]) / 2
        auc = won_placed / won + others_placed / others - centre
        return *shares, np.clip(2.0 * auc - 1.0, -1.0, 1.0), np.full(len(sums), np.nan)


def _days(snapshots: Snapshots, matched: Matched) -> float | None:
    """Return the median days from a winner's snapshot until its win was known."""
    if not snapshots.declarations.model.has_clock or not matched.won.any():
        return None
    rows = matched.rows[matched.won]
    known = np.asarray(snapshots.table[WON_KNOWN].to_numpy(), dtype=np.float64)[rows]
    ahead = np.sort((known - snapshots.as_of[rows]) / DAY)
    return float(ahead[(len(ahead) - 1) // 2])
