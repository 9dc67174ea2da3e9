"""A comparison of policies: a table that prints, shows itself in a notebook, and can be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from lqmodel.asof import iso
from lqmodel.declarations import Value
from lqmodel.evaluation import rounded
from lqmodel.intervals import Estimate
from lqmodel.plots import percent
from lqmodel.reportparts import length

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NONE: Final = "–"
INTERVAL: Final = "95% interval"


@dataclass(frozen=True)
class Compared:
    """One setting, replayed over the held-out weeks; each lead counts once, at its first handoff.

    Attributes
    ----------
    name : str
        What was asked for, such as "40 a week".
    in_force : bool
        Whether it is the setting of the model.
    threshold : float
        Probability from which a lead is handed over.
    levels : tuple of (str, float)
        The same for each level with a threshold of its own.
    per_week : float
        Mean first handoffs a week, those at the start apart.
    at_start : int
        Leads handed over at the first as_of: the stock that gathered before; in no other figure but ``recall``.
    leads, wins : int
        Handed over after the start, and how many of them were won within the horizon of their handoff.
    predicted : float or None
        Mean probability at the handoff of ``leads``; None without any.
    precision : Estimate or None
        Share of ``leads`` that was won, with its clustered 95 % interval; None without any.
    found : int
        Leads won in the held-out weeks that had been handed over before, at the start or after it.
    recall : Estimate
        Share of all leads won in the held-out weeks that was found, with its clustered 95 % interval.
    value_per_week : float or None
        What the handoffs of a week are expected to bring beyond their cost, in the currency of the deal value:
        uplift × margin × deal value × probability − contact cost, over ``leads``; None without a value.
    notes : tuple of str
        What could not be had as asked for.
    """

    name: str
    in_force: bool
    threshold: float
    levels: tuple[tuple[str, float], ...]
    per_week: float
    at_start: int
    leads: int
    wins: int
    predicted: float | None
    precision: Estimate | None
    found: int
    recall: Estimate
    value_per_week: float | None
    notes: tuple[str, ...] = ()

    @property
    def bars(self) -> tuple[float, tuple[tuple[str, float], ...]]:
        """From where on leads are handed over: settings that share it hand over the same."""
        return self.threshold, self.levels


@dataclass(frozen=True)
class Comparison:
    """Settings of the handoff's threshold side by side; prints, shows itself in a notebook, and draws itself.

    Attributes
    ----------
    model, bundle : str
        Name of the model, and version of its bundle.
    first, last : int
        The first and the last held-out as_of, microseconds UTC.
    weeks : float
        From the first to the last.
    leads, won_leads : int
        Leads in the held-out weeks, and how many of them were won within the horizon of any.
    mql : float
        Probability from which marketing nurtures; no threshold lies under it.
    horizon : str
        Within which a lead is won, such as "60d".
    value : Value or None
        What a handoff costs and brings.
    settings : tuple of Compared
        The one in force, then the others by volume.
    """

    model: str
    bundle: str
    first: int
    last: int
    weeks: float
    leads: int
    won_leads: int
    mql: float
    horizon: str
    value: Value | None
    settings: tuple[Compared, ...]

    def __str__(self) -> str:
        lines = [self._held(), "", *_aligned([*self._rows()]), "", *self.explained()]
        lines += [f"note: {one.name}: {text}" for one in self.settings for text in one.notes]
        return "\n".join(lines)

    def explained(self) -> tuple[str, ...]:
        """Say what the columns mean, a sentence each."""
        said = [
            "a week     first handoffs, each lead once; the stock that goes over when a policy begins stands apart, at start",
            f"precision  of those handed over after the start, hand-raisers too, the share won within {length(self.horizon)}, with its 95% interval",
            f"recall     of the {self.won_leads:,} leads won in these weeks, the share handed over before, at the start or later",
        ]
        if self.value is not None:
            value = self.value
            deal = (
                ", ".join(f"{level} {amount:,g}" for level, amount in value.deal_value)
                if isinstance(value.deal_value, tuple)
                else f"{value.deal_value:,g}"
            )
            said.append(
                f"value      expected a week: {value.uplift:g} (uplift) × {value.margin:g} (margin) × {deal} (deal) × probability "
                f"− {value.contact_cost:,g} (contact), over the handoffs"
            )
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`, floats rounded to 6 digits."""
        found: dict[str, Any] = {name: rounded(value) for name, value in vars(self).items()}
        found |= {"first": iso(self.first), "last": iso(self.last)}
        found["value"] = None if self.value is None else self.value.model_dump(mode="json")
        for one in found["settings"]:
            one["levels"] = dict(one["levels"])
        return found

    def to_pandas(self) -> pd.DataFrame:
        """Return a row for each setting, its name the index; intervals as low and high."""
        import pandas as pd

        rows, nobody = [], Estimate(math.nan, math.nan, math.nan)
        for one in self.settings:
            seen = one.precision or nobody
            brought = math.nan if one.value_per_week is None else one.value_per_week
            rows.append(
                {
                    "in_force": one.in_force,
                    "threshold": one.threshold,
                    "per_week": one.per_week,
                    "at_start": one.at_start,
                    "leads": one.leads,
                    "wins": one.wins,
                    "precision": seen.value,
                    "precision_low": seen.low,
                    "precision_high": seen.high,
                    "found": one.found,
                    "recall": one.recall.value,
                    "recall_low": one.recall.low,
                    "recall_high": one.recall.high,
                    "value_per_week": brought,
                }
            )
        return pd.DataFrame(rows, index=pd.Index([one.name for one in self.settings], name="setting"))

    def plot(self) -> Figure:
        """Draw precision against first handoffs a week and, where there is one, the value of a week."""
        from lqmodel.policyplot import draw

        return draw(self.to_json())

    def svg(self) -> bytes:
        """Return the same as an SVG document; equal figures give equal bytes."""
        from lqmodel.policyplot import document

        return document(self.to_json())

    def _held(self) -> str:
        return (
            f"{self.model}, bundle {self.bundle}: {self.weeks:.0f} held-out weeks, {iso(self.first)[:10]} to {iso(self.last)[:10]}, "
            f"{self.leads:,} leads, {self.won_leads:,} of them won"
        )

    def _rows(self) -> list[list[str]]:
        head = [
            "setting",
            "from",
            "a week",
            "at start",
            "leads",
            "won",
            "precision",
            INTERVAL,
            "recall",
            INTERVAL,
        ]
        rows = [head if self.value is None else [*head, "value"]]
        for one in self.settings:
            name = f"{one.name} (in force)" if one.in_force else one.name
            row = [
                name,
                percent(one.threshold) + ("*" if one.levels else ""),
                f"{one.per_week:,.1f}",
                f"{one.at_start:,}",
                f"{one.leads:,}",
                f"{one.wins:,}",
                *_shown(one.precision),
                *_shown(one.recall),
            ]
            if self.value is not None:
                row.append(NONE if one.value_per_week is None else f"{one.value_per_week:,.0f}")
            rows.append(row)
        if any(one.levels for one in self.settings):
            rows.append(["* where no level has a threshold of its own"])
        return rows

    def _repr_html_(self) -> str:
        head, *rows = [[escape(cell) for cell in row] for row in self._rows()]
        body = "".join(
            f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows if len(row) == len(head)
        )
        titles = "".join(f"<th>{cell}</th>" for cell in head)
        said = "".join(f"<li>{escape(' '.join(text.split()))}</li>" for text in self.explained())
        notes = "".join(
            f"<li>{escape(one.name)}: {escape(text)}</li>" for one in self.settings for text in one.notes
        )
        return (
            f"<p>{escape(self._held())}</p><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
            f"<ul>{said}{notes}</ul>"
        )


def _shown(share: Estimate | None) -> tuple[str, str]:
    if share is None:
        return NONE, ""
    return f"{share.value:.1%}", f"{share.low:.1%} to {share.high:.1%}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out in columns: words to the left, numbers to the right."""
    cells = [row for row in rows if len(row) > 1]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = []
    for row in rows:
        first, *others = row
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=False)]
        lines.append("  ".join([first.ljust(widths[0]) if others else first, *padded]).rstrip())
    return lines
