"""The sentence at the top of a report, for everybody, and what makes it exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lqmodel.plots import band_word, in_order, percent
from lqmodel.reportparts import Cell, Row, cell, day

Json = Mapping[str, Any]

BETTER, WORSE, OPEN = "the model is better", "the model is worse", "cannot be told apart"
SIZES: Final = (100, 1_000, 10_000)
"""Of so many leads wins are counted in the headline: the first that gives one at random."""


def headline(metrics: Json, horizon: str) -> str:
    """Say what sales would get and how much of it is won; without handoffs, what the highest band is worth.

    Parameters
    ----------
    metrics : mapping
        As in a bundle's metrics.json.
    horizon : str
        In words; empty without a clock.
    """
    quality, handed = metrics["quality"], _handed(metrics)
    top, base = _top(quality), quality["base_rate"]["value"]
    band, within = band_word(top["name"]), f" within {horizon}" if horizon else ""
    of = next((n for n in SIZES if base * n >= 1), 100_000)
    if handed:
        won, random = (_count(rate, of) for rate in (handed["observed"]["value"], base))
        return (
            f"Sales would get {_count(handed['per_week'], 1)} lead{'' if handed['per_week'] < 1.5 else 's'} a week. "
            f"Of {of:,} of them, {won} would be won{within}; picked at random it would be {random}."
        )
    if top == quality["bands"][0]:
        return f"All held-out leads lie {band}: {percent(base)} of them were won{within}."
    won, random = (_count(rate, of) for rate in (top["observed"]["value"], base))
    return (
        f"Of {of:,} leads in the {band} band, {won} were won{within}; picked at random it would be {random}."
    )


def _handed(metrics: Json) -> Json | None:
    """Return the first handoffs, if there were any."""
    handed: Json | None = metrics.get("first_handoffs")
    return handed if handed and handed["leads"] else None


def _top(quality: Json) -> Json:
    """Return the highest band that held-out snapshots reached."""
    reached: list[Json] = [b for b in quality["bands"] if b["observed"] is not None]
    return reached[-1]


def _count(rate: float, of: int) -> str:
    return "none" if rate == 0 else f"about {round(rate * of):,}" if rate * of >= 0.5 else "fewer than one"


def asides(metrics: Json, horizon: str) -> Iterator[str]:
    """Yield what makes the headline exact; parameters as in `headline`."""
    quality, handed = metrics["quality"], _handed(metrics)
    top = _top(quality)
    share = handed["observed"] if handed else top["observed"]
    if handed:
        yield (
            f"Each lead counts once, at its first handoff: {handed['leads']:,} leads in {handed['weeks']:.0f} held-out "
            f"weeks, {handed['wins']:,} of them won, {percent(handed['predicted'])} predicted."
        )
    yield f"The 95% interval of that share is {percent(share['low'])} to {percent(share['high'])}."
    highest = quality["bands"][-1]
    if highest != top:
        yield f"No held-out lead reached the {band_word(highest['name'])} band."
    if (handed or top != quality["bands"][0]) and share["low"] <= quality["base_rate"]["value"]:
        what = "these leads are" if handed else "the band is"
        yield f"It reaches down to the base rate: on this data {what} not shown to be better than chance."
    tested = metrics["test"]
    repeated = tested["snapshots"] > tested["leads"]
    when = f", {day(tested['first'])} to {day(tested['last'])}," if tested["first"] else ""
    yield (
        f"Judged on {tested['snapshots']:,} snapshots of {tested['leads']:,} leads{when} that the model had not seen"
        + ("; elsewhere a lead counts once in each of its snapshots." if repeated else ".")
    )
    beaten = [name for name, d in in_order(metrics["differences"]) if verdict(d) == BETTER]
    if beaten:
        yield f"Its probabilities beat these baselines: {', '.join(beaten)}."


def verdict(difference: Json) -> str:
    """Say whether the model is better than a baseline, by the interval of the difference in log loss."""
    low, high = difference["log_loss"]["low"], difference["log_loss"]["high"]
    return BETTER if high < 0 else WORSE if low > 0 else OPEN


def tiles(metrics: Json) -> Iterator[Row]:
    """Yield a few key figures, one cell each."""
    quality, handed = metrics["quality"], _handed(metrics)
    top = _top(quality)
    if handed:
        yield Row("first handoffs a week", (Cell(f"{handed['per_week']:.1f}", f"{handed['leads']:,} leads"),))
        yield Row("of them won", (cell(handed["observed"], "percent"),))
    elif top != quality["bands"][0]:
        yield Row(f"won in the {band_word(top['name'])} band", (cell(top["observed"], "percent"),))
    yield Row("base rate: won among all", (cell(quality["base_rate"], "percent"),))
    yield Row("lift in the top 10%", (cell(quality["lift_at_10"], "{:.1f}×"),))
    yield Row("AUC: how well it ranks", (cell(quality["auc"], "{:.3f}"),))
