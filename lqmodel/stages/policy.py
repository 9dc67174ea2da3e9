"""The rule that marketing and sales signed, ready to be applied to margins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal
from zoneinfo import ZoneInfo

from lqmodel.errors import BadData


@dataclass(frozen=True)
class Threshold:
    """A bar in probability, and the same on the margin, where it is compared.

    A lead reaches the bar at margin ≥ `margin`; once above, it is *below* only at margin < `kept_margin`,
    which belongs to `below_ratio` × `probability`.
    """

    probability: float
    margin: float
    kept_margin: float


@dataclass(frozen=True)
class Policy:
    """The rule that marketing and sales signed, ready to be applied.

    Attributes
    ----------
    mql, sales_ready : Threshold
        mql ≤ sales_ready; where they are equal, no lead stays an MQL by its probability.
    below_ratio : float
        In (0, 1].
    demote_after : int
        How long a lead must stay below before it falls back, in microseconds.
    promote_any, block, accepted, require : tuple of str
        Names of facts.
    sql_after : {"acceptance", "handoff"}
    zone : str
        Zone of the calendar day in which a lead moves at most once.
    """

    mql: Threshold
    sales_ready: Threshold
    below_ratio: float
    demote_after: int
    promote_any: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    sql_after: Literal["acceptance", "handoff"] = "acceptance"
    zone: str = "UTC"

    def __post_init__(self) -> None:
        bars = [self.mql, self.sales_ready]
        numbers = [x for bar in bars for x in (bar.probability, bar.margin, bar.kept_margin)]
        checks = {
            "thresholds must be finite": all(map(math.isfinite, numbers)),
            "probabilities must lie in (0, 1)": all(0 < bar.probability < 1 for bar in bars),
            "sales_ready must not lie under mql": self.mql.probability <= self.sales_ready.probability
            and self.mql.margin <= self.sales_ready.margin,
            "kept_margin must not lie above margin": all(bar.kept_margin <= bar.margin for bar in bars),
            "below_ratio must lie in (0, 1]": 0 < self.below_ratio <= 1,
            "demote_after must not be negative": self.demote_after >= 0,
            "sql_after is acceptance or handoff": self.sql_after in ("acceptance", "handoff"),
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise BadData(f"not a policy: {broken[0]}", where="policy")

    def facts(self) -> tuple[str, ...]:
        """Return the names of all facts that `advance` looks at, sorted."""
        return tuple(sorted({*self.promote_any, *self.block, *self.accepted, *self.require}))

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`; floats keep every digit."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Policy:
        """Rebuild what `to_json` returned.

        Raises
        ------
        BadData
            The dictionary is not a policy.
        """
        try:
            values = {f.name: stored[f.name] for f in fields(cls)}
            for name in ("mql", "sales_ready"):
                values[name] = Threshold(**{f.name: float(values[name][f.name]) for f in fields(Threshold)})
            for name in ("promote_any", "block", "accepted", "require"):
                values[name] = tuple(map(str, values[name]))
            ZoneInfo(values["zone"])
            return cls(**values)
        except BadData:
            raise
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise BadData(f"this is not a stored policy: {error!r}", where="policy") from error
