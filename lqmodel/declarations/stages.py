"""What follows from a probability: the rule that marketing and sales share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from lqmodel.declarations.base import Declared, Misfit, short
from lqmodel.declarations.values import Duration, DurationField, Names

Probability = Annotated[float, Field(gt=0, lt=1)]
THRESHOLDS: Final = ("at_least", "capacity")
CHECKLIST: Final = ("budget", "authority", "need", "timeframe", "location")
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


class Capacity(Declared):
    """How many first handoffs a week sales can take."""

    per_week: int = Field(ge=1, description="first handoffs a week; the threshold is solved from it")


class Mql(Declared):
    """From where on marketing nurtures."""

    at_least: Probability = Field(description="the probability from which marketing nurtures")
    promote_any: Names = Field(
        (),
        description="facts that make an MQL at any probability, such as a contact form, and no more than that",
    )


class SalesReady(Declared):
    """The handoff: by a threshold, or by an act that needs no model."""

    at_least: Probability | None = Field(
        None, description="the probability from which sales takes over; or declare capacity"
    )
    capacity: Capacity | None = Field(None, description="how many sales can take; or declare at_least")
    promote_any: Names = Field((), description="facts that hand over at any probability")
    require_any: Names = Field(
        (),
        description="the threshold hands over only where one of these facts holds: social engagement alone does not",
    )
    block: Names = Field((), description="facts that keep a lead from sales")

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
