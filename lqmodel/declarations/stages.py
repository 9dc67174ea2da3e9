"""What follows from a probability: the rule that marketing and sales share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lqmodel.declarations.base import Declared, Misfit, short
from lqmodel.declarations.values import Duration, DurationField, Names

Probability = Annotated[float, Field(gt=0, lt=1)]
THRESHOLDS: Final = ("at_least", "capacity", "precision", "value")
CHECKLIST: Final = ("budget", "authority", "need", "timeframe", "location")
SUPPRESSED: Final = "suppressed"
"""Who objects. It blocks whether or not `block` names it, so naming it declares nothing more."""
NEVER_WAKES: Final = Duration(2**62, "never")
Gate = tuple[str, str]
"""A stage and a key in it."""
AGAINST: Final[tuple[tuple[Gate, Gate, str], ...]] = (
    (("sales_ready", "promote_any"), ("sales_ready", "block"), "hands a lead over and keeps it from sales"),
    (("sales_ready", "require_any"), ("sales_ready", "block"), "is needed by sales and keeps from sales"),
    (("sales_ready", "promote_any"), ("mql", "promote_any"), "makes a lead sales-ready and but an MQL"),
    (("sal", "accepted"), ("recycled", "rejected"), "says that sales accepted and that sales rejected"),
    (("sal", "accepted"), ("sales_ready", "block"), "says that sales accepted and keeps from sales"),
    (("sql", "require"), ("sales_ready", "block"), "is needed to qualify and keeps from sales"),
    (("sql", "require"), ("recycled", "rejected"), "is needed to qualify and says that sales rejected"),
)
"""Gates that may not share a fact, and what a shared one would say."""


def parse_wake(value: Any) -> Duration:
    """Read a duration, or ``"never"``.

    >>> parse_wake("90d").days, parse_wake("never").text
    (90.0, 'never')
    """
    if value in (NEVER_WAKES, NEVER_WAKES.text):
        return NEVER_WAKES
    try:
        return Duration.parse(value)
    except Misfit as misfit:
        raise Misfit(f"{misfit}", exists=(*(misfit.exists or ()), NEVER_WAKES.text), do=misfit.do) from misfit


Wake = Annotated[Duration, BeforeValidator(parse_wake)]


def parse_codes(value: Any) -> tuple[tuple[str, Duration], ...]:
    """Read ``{ no_budget = "180d", competitor = "never" }``, sorted by code.

    >>> [(code, wake.text) for code, wake in parse_codes({"timing": "30d", "competitor": "never"})]
    [('competitor', 'never'), ('timing', '30d')]
    """
    if isinstance(value, tuple) and all(isinstance(item, tuple) for item in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a table, got {short(value)}", do="write lines such as no_budget = '180d'")
    found = []
    for code, wake in sorted(value.items()):
        try:
            found.append((code, parse_wake(wake)))
        except Misfit as misfit:
            raise Misfit(str(misfit), at=(code,), exists=misfit.exists, do=misfit.do) from misfit
    return tuple(found)


Codes = Annotated[tuple[tuple[str, Duration], ...], BeforeValidator(parse_codes)]


def _amount(value: Any, at: tuple[str, ...], whole: bool) -> float:
    kinds, wanted = (int, "a whole number") if whole else (int | float, "a number")
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise Misfit(f"must be {wanted}, got {short(value)}", at=at, do=f"write {wanted}")
    if not math.isfinite(value) or value < whole or value <= 0:
        least = "greater than or equal to 1" if whole else "greater than 0"
        raise Misfit(f"must be {least}, got {short(value)}", at=at, do="write such a value")
    return value


def _amounts(value: Any, whole: bool) -> Any:
    """Read a number, or a table of level = number; sorted by level."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, Mapping):
        return tuple((level, _amount(number, (level,), whole)) for level, number in sorted(value.items()))
    return _amount(value, (), whole)


Whole = Annotated[int | tuple[tuple[str, int], ...], BeforeValidator(partial(_amounts, whole=True))]
Amounts = Annotated[float | tuple[tuple[str, float], ...], BeforeValidator(partial(_amounts, whole=False))]
Share = Annotated[float, Field(gt=0, le=1)]


class Capacity(Declared):
    """How many first handoffs a week sales can take."""

    per_week: Whole = Field(
        description="first handoffs a week, from which the threshold is solved; by team with `per`"
    )


class Value(Declared):
    """What a handoff costs, and what it brings: uplift × margin × deal value for each one that is won."""

    contact_cost: float = Field(gt=0, description="what one handoff costs sales")
    deal_value: Amounts = Field(description="what a won deal brings in; by level with `per`")
    margin: Share = Field(1.0, description="the share of it that is margin")
    uplift: Share = Field(
        1.0, description="the share of the wins that would not have come without the handoff"
    )


class Mql(Declared):
    """From where on marketing nurtures."""

    at_least: Probability = Field(description="the probability from which marketing nurtures")
    promote_any: Names = Field(
        (),
        description="facts that make an MQL at any probability, such as a contact form, and no more than that",
    )


class SalesReady(Declared):
    """The handoff: by a threshold, or by an act that needs no model."""

    at_least: Probability | None = Field(None, description="the probability from which sales takes over")
    capacity: Capacity | None = Field(None, description="or: how many sales can take")
    precision: Probability | None = Field(
        None, description="or: the share won that the lower bound of what the threshold hands over must reach"
    )
    value: Value | None = Field(None, description="or: the most value, of what handoffs cost and bring")
    per: str | None = Field(
        None,
        description="a category, such as the team: each level has a threshold of its own, solved in the same way",
    )
    promote_any: Names = Field((), description="facts that hand over at any probability")
    require_any: Names = Field(
        (),
        description="the threshold hands over only where one of these facts holds: social engagement alone does not",
    )
    block: Names = Field(
        (),
        description="facts that keep a lead from sales; `suppressed`, who objects, always does and may stand here too",
    )

    @field_validator("block")
    @classmethod
    def _without_suppressed(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name != SUPPRESSED)

    @model_validator(mode="after")
    def _one_threshold(self) -> SalesReady:
        given = [name for name in THRESHOLDS if getattr(self, name) is not None]
        if not given:
            raise Misfit("no threshold", exists=THRESHOLDS, do="declare one of these")
        if len(given) > 1:
            raise Misfit(
                f"several thresholds: {' and '.join(given)}",
                at=(given[1],),
                exists=THRESHOLDS,
                do="keep one of them",
            )
        return self

    @model_validator(mode="after")
    def _by_level(self) -> SalesReady:
        """A number for each level needs a category; a capacity for all levels together cannot be shared out."""
        if self.per is not None and self.at_least is not None:
            raise Misfit(
                "at_least is one number for all", at=("per",), do="take it out, or solve a threshold"
            )
        by_level = {
            ("capacity", "per_week"): self.capacity and self.capacity.per_week,
            ("value", "deal_value"): self.value and self.value.deal_value,
        }
        for at, amount in by_level.items():
            if isinstance(amount, tuple) and self.per is None:
                raise Misfit(
                    "by level, but of which category?", at=at, do="add per = 'territory' with your own"
                )
        if self.per is not None and self.capacity and isinstance(self.capacity.per_week, int):
            raise Misfit(
                f"one number, and per = {self.per!r} wants one for each level",
                at=("capacity", "per_week"),
                do="write per_week = { north = 25, south = 15 }, or take per out",
            )
        return self


class Sal(Declared):
    """Accepted: a person in sales has looked at the lead, by a checklist."""

    accepted: Names = Field((), description="facts that say that a person in sales accepted")
    checklist: Names = Field(
        CHECKLIST, description="what sales looks at; `require` of sql may name what must be answered with yes"
    )


class Sql(Declared):
    """Qualified: accepted, or handed over, and the gates hold."""

    after: Literal["acceptance", "handoff"] = Field(
        "acceptance", description="whether a person must accept first, or the handoff is enough"
    )
    require: Names = Field(
        (),
        description="facts, or items of the checklist, that must all hold; without any a person must say `qualified`",
    )


class Recycled(Declared):
    """Back to marketing: sales sent the lead back, and it sleeps until it wakes.

    It wakes on its date, by an act that hands over (`promote_any`) and began after it was sent back, or by
    a person who accepts it.
    """

    wake_after: Wake = Field(Duration.parse("90d"), description="how long it sleeps; `'never'` has no date")
    rejected: Names = Field((), description="facts that say that a person in sales rejected")
    reasons: Codes = Field(
        (),
        description="the codes of a rejection, each with how long the lead then sleeps; others than these are refused",
    )


class Demotion(Declared):
    """A lead falls back once its probability stays below ``below_ratio`` × threshold ``for`` so long."""

    below_ratio: float = Field(0.8, gt=0, le=1, description="below means below this share of the threshold")
    duration: DurationField = Field(
        Duration.parse("7d"), alias="for", description="how long it must stay below"
    )


class Stages(Declared):
    """What follows from a probability: the rule that marketing and sales share."""

    mql: Mql = Field(description="from where on marketing nurtures")
    sales_ready: SalesReady = Field(description="the handoff to sales")
    sal: Sal = Field(Sal(), description="accepted by sales")
    sql: Sql = Field(Sql(), description="qualified by sales")
    recycled: Recycled = Field(Recycled(), description="sent back by sales")
    demotion: Demotion = Field(Demotion(), description="the way back")

    @model_validator(mode="after")
    def _in_order(self) -> Stages:
        ready = self.sales_ready.at_least
        if ready is not None and ready <= self.mql.at_least:
            raise Misfit(
                f"{ready} is not above mql.at_least = {self.mql.at_least}",
                at=("sales_ready", "at_least"),
                do="put the handoff above the threshold of marketing",
            )
        return self

    @model_validator(mode="after")
    def _no_contradiction(self) -> Stages:
        gates = self.gates()
        for one, other, says in AGAINST:
            for fact in gates[one]:
                if fact in gates[other]:
                    raise Misfit(
                        f"{fact!r} {says}: it also stands in {'.'.join(other)}",
                        at=one,
                        do="keep it in one of the two",
                    )
        return self

    def gates(self) -> dict[Gate, tuple[str, ...]]:
        """Return (stage, key) → the facts that it looks at."""
        return {
            ("mql", "promote_any"): self.mql.promote_any,
            ("sales_ready", "promote_any"): self.sales_ready.promote_any,
            ("sales_ready", "require_any"): self.sales_ready.require_any,
            ("sales_ready", "block"): self.sales_ready.block,
            ("sal", "accepted"): self.sal.accepted,
            ("sql", "require"): self.sql.require,
            ("recycled", "rejected"): self.recycled.rejected,
        }

    def facts(self) -> tuple[str, ...]:
        """Return the names of all that gates look at, sorted: facts, and items of the checklist."""
        return tuple(sorted({fact for facts in self.gates().values() for fact in facts}))
