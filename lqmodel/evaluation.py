"""How good probabilities are: each figure with an interval that knows that snapshots of a lead belong together.

Every interval is a 95 % percentile interval of a cluster bootstrap: groups (account, else lead) are drawn with
replacement and each row weighs as often as its group was drawn; a rate seen in few groups is `widened`. Units: log loss in nats per row, probabilities
and rates in 0 … 1, lift as a multiple of the base rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.errors import BadData
from lqmodel.folds import group_keys, scramble
from lqmodel.intervals import DRAWS, Draws, Estimate, Metric, widened
from lqmodel.metrics import METRICS, Floats, auc, gains, mean, row_losses

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DIGITS = 6
"""Digits after the point that are stored: far finer than any interval, coarser than a platform's last bit."""


@dataclass(frozen=True)
class Band:
    """What was said and what happened between two thresholds.

    Attributes
    ----------
    name : str
        The threshold at which it starts; "below" lies under all of them.
    at_least, below : float
        Probabilities p with at_least ≤ p < below; the last band includes 1.
    predicted : float or None
        Mean probability; None in an empty band.
    observed : Estimate or None
        Share that won.
    snapshots, leads, wins : int
        Rows, distinct leads, and rows won.
    """

    name: str
    at_least: float
    below: float
    predicted: float | None
    observed: Estimate | None
    snapshots: int
    leads: int
    wins: int


@dataclass(frozen=True)
class GainsPoint:
    """Share of all wins found among the likeliest share of rows."""

    share: float
    wins: float


@dataclass(frozen=True)
class Quality:
    """Everything that a report says about one set of probabilities; shows itself in a notebook.

    Attributes
    ----------
    snapshots, leads, groups, wins : int
        Rows, distinct leads, accounts (else leads), and rows won.
    base_rate : Estimate
        Share that won.
    log_loss, brier : Estimate
        Mean loss per row, in nats and in squared probability; less is better.
    auc, average_precision : Estimate
        How well it ranks, 0 to 1; a constant has 0.5 and the base rate.
    ece : Estimate
        Calibration error over 15 bins of equal count; its interval is shifted upwards, as the bootstrap adds
        noise to an absolute value.
    lift_at_10 : Estimate
        Share won among the likeliest tenth, as a multiple of the base rate.
    gains : tuple of GainsPoint
        Share of wins found, at each 5 % of rows.
    reliability : tuple of Band
        Ten bands of about equal count.
    bands : tuple of Band
        Between the thresholds given.
    """

    snapshots: int
    leads: int
    groups: int
    wins: int
    base_rate: Estimate
    log_loss: Estimate
    brier: Estimate
    auc: Estimate
    average_precision: Estimate
    ece: Estimate
    lift_at_10: Estimate
    gains: tuple[GainsPoint, ...]
    reliability: tuple[Band, ...]
    bands: tuple[Band, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`, floats rounded to 6 digits."""
        return {field.name: rounded(getattr(self, field.name)) for field in fields(self)}

    def table(self) -> pd.DataFrame:
        """Return the figures, one row each: value, low, high."""
        return _table(self)

    def bands_table(self) -> pd.DataFrame:
        """Return the bands, one row each; low and high are the ends of the interval of what was observed."""
        import pandas as pd

        return pd.DataFrame([_row(band) for band in self.bands], index=[band.name for band in self.bands])

    def plot(self) -> Figure:
        """Draw what was said against what happened."""
        from lqmodel.plots import reliability

        return reliability(self.to_json())

    def _repr_html_(self) -> str:
        counts = f"{self.snapshots:,} snapshots of {self.leads:,} leads, {self.wins:,} won; intervals of 95 %"
        tables = [
            t.to_html(border=0, float_format="{:.4f}".format) for t in (self.table(), self.bands_table())
        ]
        return f"<p>{counts}</p>{''.join(tables)}"


def _table(figures: Any) -> pd.DataFrame:
    import pandas as pd

    found = {name: figure for name, figure in vars(figures).items() if isinstance(figure, Estimate)}
    return pd.DataFrame([vars(figure) for figure in found.values()], index=list(found))


def _row(band: Band) -> dict[str, Any]:
    seen = band.observed
    return {
        "at_least": band.at_least,
        "below": band.below,
        "predicted": band.predicted,
        "observed": seen and seen.value,
        "low": seen and seen.low,
        "high": seen and seen.high,
        "snapshots": band.snapshots,
        "leads": band.leads,
        "wins": band.wins,
    }


@dataclass(frozen=True)
class Difference:
    """Two sets of probabilities on the same rows: a minus b.

    Attributes
    ----------
    log_loss : Estimate
        Below 0: a is better.
    auc : Estimate
        Above 0: a ranks better.
    """

    log_loss: Estimate
    auc: Estimate

    def table(self) -> pd.DataFrame:
        """Return the differences, one row each: value, low, high."""
        return _table(self)


def evaluate(
    y: ArrayLike,
    p: ArrayLike,
    groups: ArrayLike,
    leads: ArrayLike,
    thresholds: Mapping[str, float] | None = None,
    random_state: int = 0,
    draws: int = DRAWS,
) -> Quality:
    """Measure probabilities against outcomes.

    Parameters
    ----------
    y : array-like of {0, 1}, shape (n_rows,)
        1 where won.
    p : array-like of float in [0, 1], shape (n_rows,)
        Probabilities.
    groups : array-like, shape (n_rows,)
        Account, else lead: the unit of every interval.
    leads : array-like, shape (n_rows,)
        Lead of each row, to count distinct ones.
    thresholds : mapping of str to float in (0, 1), optional
        Name of a band → probability at which it starts; what lies below all is the band "below".
    random_state : int, default 0
    draws : int, default DRAWS

    Raises
    ------
    BadData
        Lengths differ, an outcome is not 0 or 1, or a probability is not in [0, 1].
    """
    y, units, (p,) = checked(y, groups, p)
    leads = group_keys(leads)
    if len(leads) != len(y):
        raise BadData(f"{len(y)} outcomes and {len(leads)} leads do not go together")
    order = np.lexsort((leads, y, scramble(units), p))  # ties in p by hash, so that they hide no outcome
    y, p, units, leads = y[order], p[order], units[order], leads[order]
    draw = Draws(units, random_state, draws)
    metrics: dict[str, Metric] = {name: partial(metric, y, p) for name, metric in METRICS.items()}
    metrics["log_loss"] = partial(mean, row_losses(y, p))  # the same, with nothing to repeat in a draw
    metrics["brier"] = partial(mean, (p - y) ** 2)
    shares = np.arange(1, 21) / 20
    found = gains(y, p, None, shares)
    deciles = np.unique(np.quantile(p, np.arange(1, 10) / 10, method="inverted_cdf"))
    figures = draw.estimates({"base_rate": partial(mean, y)} | metrics)
    return Quality(
        snapshots=len(y),
        leads=len(np.unique(leads)),
        groups=draw.n_groups,
        wins=int(y.sum()),
        gains=tuple(GainsPoint(*point) for point in zip(shares.tolist(), found.tolist(), strict=True)),
        reliability=_bands(y, p, leads, {f"{start:.4g}": float(start) for start in deciles}, draw),
        bands=_bands(y, p, leads, thresholds or {}, draw),
        base_rate=widened(figures.pop("base_rate"), y, draw.group),
        **figures,
    )


def paired_difference(
    y: ArrayLike, p_a: ArrayLike, p_b: ArrayLike, groups: ArrayLike, random_state: int = 0, draws: int = DRAWS
) -> Difference:
    """Compare two sets of probabilities on the same rows, drawing the same groups for both.

    Parameters
    ----------
    y, groups, random_state, draws
        As in `evaluate`.
    p_a, p_b : array-like of float in [0, 1], shape (n_rows,)
        Probabilities; the differences are a minus b.
    """
    y, units, (a, b) = checked(y, groups, p_a, p_b)
    order = np.lexsort((b, y, scramble(units), a))
    y, a, b, units = y[order], a[order], b[order], units[order]
    draw = Draws(units, random_state, draws)
    excess = row_losses(y, a) - row_losses(y, b)
    return Difference(
        **draw.estimates(
            {"log_loss": partial(mean, excess), "auc": lambda weight: auc(y, a, weight) - auc(y, b, weight)}
        )
    )


def _bands(
    y: Floats, p: Floats, leads: NDArray[np.uint64], thresholds: Mapping[str, float], draw: Draws
) -> tuple[Band, ...]:
    starts = sorted(thresholds.items(), key=lambda item: item[1])
    wrong = [f"{name} {start}" for name, start in starts if not 0.0 <= start <= 1.0]
    if wrong:
        raise BadData("thresholds must lie in 0 … 1", exists=wrong)
    if not starts or starts[0][1] > 0:
        starts = [("below", 0.0), *starts]
    ends = [start for _, start in starts[1:]] + [1.0]
    last = len(starts) - 1
    inside = [(p >= starts[i][1]) & ((p < ends[i]) | (i == last)) for i in range(len(starts))]
    rates = draw.estimates(
        {str(i): partial(_rate, y, rows.astype(np.float64)) for i, rows in enumerate(inside) if rows.any()}
    )
    return tuple(
        Band(
            name=name,
            at_least=start,
            below=end,
            predicted=float(p[rows].mean()) if rows.any() else None,
            observed=widened(rates[str(i)], y[rows], draw.group[rows]) if rows.any() else None,
            snapshots=int(rows.sum()),
            leads=len(np.unique(leads[rows])),
            wins=int(y[rows].sum()),
        )
        for i, ((name, start), end, rows) in enumerate(zip(starts, ends, inside, strict=True))
    )


def _rate(y: Floats, inside: Floats, weight: Floats | None) -> float:
    return mean(y, inside if weight is None else inside * weight)


def checked(
    y: ArrayLike, groups: ArrayLike, *probabilities: ArrayLike
) -> tuple[Floats, NDArray[np.uint64], list[Floats]]:
    """Return outcomes as float64, a key for each row's group, and the probabilities; all of one length.

    Raises
    ------
    BadData
        Lengths differ, an outcome is not 0 or 1, or a probability is not in [0, 1].
    """
    won = np.asarray(y, dtype=np.float64)
    units = group_keys(groups)
    ps = [np.asarray(p, dtype=np.float64) for p in probabilities]
    lengths = [len(won), len(units), *map(len, ps)]
    if len(set(lengths)) > 1 or not len(won):
        raise BadData(
            f"outcomes, groups and probabilities must be equally many and at least one, got {lengths}"
        )
    if not bool(np.isin(won, [0.0, 1.0]).all()):
        raise BadData("outcomes must be 0 or 1", exists=map(str, np.unique(won)[:5]))
    for p in ps:
        outside = ~((p >= 0) & (p <= 1))
        if bool(outside.any()):
            raise BadData(
                f"{int(outside.sum())} probabilities are not in 0 … 1", exists=map(str, p[outside][:3])
            )
    return won, units, ps


def rounded(value: Any) -> Any:
    """Turn a figure into plain JSON: floats rounded, what is not a number null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: rounded(item) for key, item in asdict(value).items()}
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0 if np.isfinite(value) else None
    return value
