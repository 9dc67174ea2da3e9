"""The rule that marketing and sales signed, ready to be applied to margins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import NEVER_WAKES, Duration, Stages
from lqmodel.errors import BadData
from lqmodel.files import canonical, sha256

Floats = NDArray[np.float64]
GATES: Final = (
    "nurture_any",
    "promote_any",
    "require_any",
    "block",
    "accepted",
    "rejected",
    "require",
)
"""The fields of a policy that name facts."""


@dataclass(frozen=True)
class Threshold:
    """A bar in probability, and the same on the margin, where it is compared.

    A lead reaches the bar at margin ≥ `margin`; once above, it is *below* only at margin < `kept_margin`,
    which belongs to `below_ratio` × `probability`.
    """

    probability: float
    margin: float
    kept_margin: float


@dataclass(frozen=True, eq=False)
class Bars:
    """A threshold for each lead, as arrays that broadcast against the leads'; see `Threshold`."""

    probability: Floats
    margin: Floats
    kept_margin: Floats


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
    nurture_any, promote_any : tuple of str
        Facts that make a lead an MQL, and sales-ready, at any probability.
    require_any : tuple of str
        Facts of which one must hold, or else the probability hands nothing over; empty: no such gate.
    block, accepted, rejected : tuple of str
        Facts that keep from sales, and that say what sales said.
    require : tuple of str
        Facts or items of the checklist that must all hold for SQL; empty: a person must say so.
    checklist : tuple of str
        What a person in sales may answer.
    sql_after : {"acceptance", "handoff"}
    wake_after : int or None
        How long a lead that was sent back sleeps, in microseconds; None: it has no date.
    reasons : tuple of (str, int or None)
        The same for rejections of a declared code.
    zone : str
        Zone of the calendar day in which a lead moves at most once.
    per : str or None
        The category whose levels have thresholds of their own.
    levels : tuple of (str, Threshold)
        Where sales-ready begins for a level; `sales_ready` counts for all others.
    """

    mql: Threshold
    sales_ready: Threshold
    below_ratio: float
    demote_after: int
    nurture_any: tuple[str, ...] = ()
    promote_any: tuple[str, ...] = ()
    require_any: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    checklist: tuple[str, ...] = ()
    sql_after: Literal["acceptance", "handoff"] = "acceptance"
    wake_after: int | None = 90 * 86_400_000_000
    reasons: tuple[tuple[str, int | None], ...] = ()
    zone: str = "UTC"
    per: str | None = None
    levels: tuple[tuple[str, Threshold], ...] = ()

    def __post_init__(self) -> None:
        ready = [self.sales_ready, *(bar for _, bar in self.levels)]
        bars = [self.mql, *ready]
        numbers = [x for bar in bars for x in (bar.probability, bar.margin, bar.kept_margin)]
        checks = {
            "thresholds must be finite": all(map(math.isfinite, numbers)),
            "probabilities must lie in (0, 1)": all(0 < bar.probability < 1 for bar in bars),
            "sales_ready must not lie under mql": all(
                self.mql.probability <= bar.probability
                and self.mql.margin <= bar.margin
                and self.mql.kept_margin <= bar.kept_margin
                for bar in ready
            ),
            "kept_margin must not lie above margin": all(bar.kept_margin <= bar.margin for bar in bars),
            "below_ratio must lie in (0, 1]": 0 < self.below_ratio <= 1,
            "demote_after must not be negative": self.demote_after >= 0,
            "sql_after is acceptance or handoff": self.sql_after in ("acceptance", "handoff"),
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise BadData(f"not a policy: {broken[0]}", where="policy")

    @classmethod
    def of(cls, stages: Stages, mql: Threshold, sales_ready: Threshold, zone: str) -> Policy:
        """Join what is declared with the thresholds that were found for it."""
        return cls(
            mql=mql,
            sales_ready=sales_ready,
            below_ratio=stages.demotion.below_ratio,
            demote_after=stages.demotion.duration.us,
            nurture_any=stages.mql.promote_any,
            promote_any=stages.sales_ready.promote_any,
            require_any=stages.sales_ready.require_any,
            block=stages.sales_ready.block,
            accepted=stages.sal.accepted,
            rejected=stages.recycled.rejected,
            require=stages.sql.require,
            checklist=stages.sal.checklist,
            sql_after=stages.sql.after,
            wake_after=_sleep(stages.recycled.wake_after),
            reasons=tuple((code, _sleep(wake)) for code, wake in stages.recycled.reasons),
            zone=zone,
            per=stages.sales_ready.per,
        )

    def ready(self, levels: ArrayLike | None = None) -> Bars:
        """Return where sales-ready begins for leads of these levels; None: for all the same.

        Parameters
        ----------
        levels : array-like of str or None, shape (n,)
            The level of `per` that each lead has.
        """
        bar, own = self.sales_ready, dict(self.levels)
        if levels is None or not own:
            return Bars(np.asarray(bar.probability), np.asarray(bar.margin), np.asarray(bar.kept_margin))
        names, code = np.unique(np.asarray(levels, dtype=object).astype(str), return_inverse=True)
        bars = [own.get(name, bar) for name in names.tolist()]
        found = np.array([[b.probability, b.margin, b.kept_margin] for b in bars]).reshape(-1, 3)[code]
        return Bars(found[:, 0], found[:, 1], found[:, 2])

    def facts(self) -> tuple[str, ...]:
        """Return the names of all that `advance` looks at, sorted: facts, and items of the checklist."""
        return tuple(sorted({name for gate in GATES for name in getattr(self, gate)}))

    def sleep(self, reason: str | None) -> int | None:
        """Return how long a lead sleeps that was sent back for a reason, in microseconds; None: without a date."""
        return dict(self.reasons).get(reason or "", self.wake_after)

    @property
    def version(self) -> str:
        """A hash of the policy, of 12 hexadecimal digits."""
        return sha256(canonical(self.to_json()))[:12]

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`; floats keep every digit."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()} | {
            "reasons": dict(self.reasons),
            "levels": {level: asdict(bar) for level, bar in self.levels},
        }

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
                values[name] = _bar(values[name])
            values["levels"] = tuple((str(level), _bar(bar)) for level, bar in values["levels"].items())
            for name in (*GATES, "checklist"):
                values[name] = tuple(map(str, values[name]))
            values["reasons"] = tuple((str(code), sleep) for code, sleep in values["reasons"].items())
            ZoneInfo(values["zone"])
            return cls(**values)
        except BadData:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            raise BadData(f"this is not a stored policy: {error!r}", where="policy") from error


def _bar(stored: Mapping[str, Any]) -> Threshold:
    return Threshold(**{f.name: float(stored[f.name]) for f in fields(Threshold)})


def _sleep(wake: Duration) -> int | None:
    return None if wake == NEVER_WAKES else wake.us
