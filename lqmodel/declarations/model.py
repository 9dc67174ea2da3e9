"""Models: whom they speak of, what they predict, how they are judged, and what follows from it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from lqmodel.declarations.base import Declared, Misfit
from lqmodel.declarations.crms import Crm
from lqmodel.declarations.handoffs import Handoffs
from lqmodel.declarations.points import Points
from lqmodel.declarations.stages import Stages
from lqmodel.declarations.values import Duration, DurationField, Length, Names, Spoken, Where, Zone

NIGHTLY, WEEK = Duration.parse("1d"), Duration.parse("7d")
NEED_A_CLOCK = (
    ("population", "max_age"),
    ("population", "episodes"),
    ("population", "business"),
    ("label", "reopened"),
)


class Label(Declared):
    """Won: the first row of ``source`` that matches ``where`` in [as_of, as_of + horizon).

    Without a horizon the data has no clock: the label is whether the lead's row matches.
    """

    source: str = Field(description="the source of the outcomes")
    where: Where = Field((), description="rows that are a win; dated data: default every row of the source")
    lost: Where = Field((), description="rows that close a lead without a win")
    reopened: Where = Field((), description="rows that open a closed lead again: its next episode")
    horizon: Length | None = Field(None, description="how far ahead the label looks")


class Population(Declared):
    """Which leads the model speaks of, and when it looks at them; the same for training and scoring.

    Either ``every`` so often, on a weekly grid, or once ``at_age``, counted from the lead's creation; where
    that is a date, from the midnight that ends it.

    A lead that comes back starts another episode: a further row of ``source`` (``episodes``), or a row of
    the outcomes (``label.reopened``). It is looked at as the episode that was the latest known.

    An existing customer is a lead that was won before, any lead of an account that was, or one that the
    source ``customers`` names.
    """

    source: str = Field("leads", description="the source with one row per lead")
    episodes: bool = Field(False, description="the source may hold a lead again: each row starts an episode")
    account: str | None = Field(
        None, description="the column of the company; folds and intervals keep it whole"
    )
    every: Length | None = Field(None, description="a snapshot each so often, on Mondays 00:00 in zone")
    at_age: DurationField | None = Field(None, description="one snapshot of each lead, at this age")
    max_age: Length | None = Field(None, description="leads older than this are outside the population")
    business: Literal["new", "expansion"] | None = Field(
        None, description="new: existing customers are outside; expansion: only they are inside"
    )
    customers: str | None = Field(
        None,
        description="a source of existing customers; its key names accounts where account is declared, else leads",
    )

    objections: str | None = Field(
        None, description="a source whose key names leads that object: they are never scored"
    )

    @model_validator(mode="after")
    def _customers_matter(self) -> Population:
        if self.customers is not None and self.business is None:
            raise Misfit(
                "needs population.business: it says whether customers are in or out",
                at=("customers",),
                do="add business = 'new' or 'expansion', or take customers out",
            )
        return self

    @model_validator(mode="after")
    def _one_moment(self) -> Population:
        if self.every is not None and self.at_age is not None:
            raise Misfit(
                "looks at each lead once, and every looks again and again",
                at=("at_age",),
                do="keep one of them",
            )
        if self.at_age is not None and self.max_age is not None and self.max_age.us < self.at_age.us:
            raise Misfit(
                f"{self.max_age.text} is below at_age = {self.at_age.text}: no lead is left",
                at=("max_age",),
                do="make it longer, or take it out",
            )
        return self

    @model_validator(mode="after")
    def _whole_weeks(self) -> Population:
        if self.every is not None and self.every.us % WEEK.us:
            raise Misfit(
                f"{self.every.text!r} does not fit the weekly grid",
                at=("every",),
                do="write '7d' or a multiple",
            )
        return self


class Evaluation(Declared):
    """What is held out: the latest stretch, or without a clock a share of the leads."""

    test: Length = Field(Duration.parse("90d"), description="length of the test stretch")
    runs_every: Length | None = Field(
        None,
        description="how often runs come, 1d to 7d: the held-out weeks are replayed so often; "
        "default: 1d where a capacity is declared, else as often as snapshots are taken",
    )
    test_share: float = Field(0.3, gt=0, lt=1, description="without a clock: share of the leads")
    segments: Names = Field(
        (), description="categories whose levels are judged apart; default: the three that weigh most"
    )
    existing_score: str | None = Field(
        None, description="a number in no file of `features` that holds the score in use: shown as a baseline"
    )

    @field_validator("runs_every")
    @classmethod
    def _whole_days(cls, every: Duration | None) -> Duration | None:
        if every is not None and (every.us % NIGHTLY.us or every.us > WEEK.us):
            raise Misfit(
                f"{every.text!r} is not from one day to seven",
                do="write '1d' for a run each night, '7d' for one a week; a lead moves at most once a day",
            )
        return every


class ClassifierOptions(Declared):
    """Overrides of the booster's parameters; what is left out keeps its documented default."""

    learning_rate: float | None = Field(
        None, gt=0, le=1, description="shrinkage of each tree; default: by the number of rows"
    )
    num_leaves: int | None = Field(None, ge=2, le=1024, description="most leaves of a tree")
    min_child_samples: int | None = Field(None, ge=1, description="fewest rows of a leaf")
    feature_fraction: float | None = Field(
        None, gt=0, le=1, description="share of the columns that each tree may use"
    )
    lambda_l2: float | None = Field(None, ge=0, description="penalty on squared leaf values")
    max_rounds: int | None = Field(None, ge=1, le=20_000, description="most trees of a booster")
    folds: int | None = Field(None, ge=2, le=20, description="parts of each partition of the training rows")
    repeats: int | None = Field(
        None, ge=1, le=20, description="partitions, hence boosters kept; default: by the number of rows"
    )
    seed: int = Field(0, ge=0, description="same seed and data, same model")

    def given(self) -> dict[str, Any]:
        """Return the parameters that were written down, without the seed."""
        return {k: v for k, v in self.model_dump(exclude={"seed"}).items() if v is not None}


class Agreement(Declared):
    """What marketing and sales both signed."""

    version: str = Field(description="names the agreement; every handoff carries it")
    sales_ready_means: str = Field(description="what a handoff promises, in words")


class Model(Declared):
    """One predicted outcome, from population to stages."""

    features: Names = Field(min_length=1, description="names of files in features/")
    zone: Zone = Field("UTC", description="the zone of the weekly grid and of 'today'")
    language: Spoken = Field("en", description="what reasons are worded in")
    label: Label = Field(description="what is predicted")
    population: Population = Field(Population(), description="of whom, and when")
    evaluation: Evaluation = Field(Evaluation(), description="what is held out")
    classifier: ClassifierOptions = Field(ClassifierOptions(), description="the booster's parameters")
    stages: Stages = Field(description="what follows from a probability")
    points: Points | None = Field(None, description="what a lead is worth until there are wins enough")
    agreement: Agreement | None = Field(None, description="what marketing and sales signed")
    handoffs: Handoffs = Field(
        Handoffs(), description="what happens to a handoff; scoring and training do not look at it"
    )
    crm: Crm = Field(Crm(), description="what CRM files hold; scoring and training do not look at it")

    @model_validator(mode="after")
    def _clock_is_whole(self) -> Model:
        if not self.label.where and (self.label.horizon is None or self.label.lost or self.label.reopened):
            raise Misfit(
                "which rows are a win?",
                at=("label", "where"),
                do="write where = { outcome = 'won' } with a column of the source",
            )
        both = "declare both for dated data, neither without a clock"
        if self.has_clock and self.population.every is None and self.population.at_age is None:
            raise Misfit("needs population.every or population.at_age", at=("label", "horizon"), do=both)
        for name in ("every", "at_age"):
            if not self.has_clock and getattr(self.population, name) is not None:
                raise Misfit("needs label.horizon", at=("population", name), do=both)
        for part, name in NEED_A_CLOCK:
            if not self.has_clock and getattr(getattr(self, part), name):
                raise Misfit(
                    "needs a clock",
                    at=(part, name),
                    do="declare label.horizon and population.every, or take it out",
                )
        return self

    @model_validator(mode="after")
    def _runs_look_again(self) -> Model:
        if self.evaluation.runs_every is not None and self.population.every is None:
            raise Misfit(
                "needs leads that are looked at again and again",
                at=("evaluation", "runs_every"),
                do="declare label.horizon and population.every, or take it out",
            )
        return self

    @model_validator(mode="after")
    def _accepted_before_qualified(self) -> Model:
        if self.crm.hubspot is not None and self.stages.sql.after == "acceptance":
            self.crm.hubspot.check_acceptance(("crm", "hubspot"))
        return self

    def routes(self) -> dict[str, str]:
        """Return account, owner and territory → the declared columns of the leads' source that hold them."""
        owners = self.handoffs.owners
        named = {
            "account": self.population.account,
            "owner": owners.column,
            "territory": owners.territory,
        }
        return {name: column for name, column in named.items() if column is not None}

    def facts(self) -> tuple[str, ...]:
        """Return the names of all that gates, points, baselines and segments look at, sorted."""
        per = self.stages.sales_ready.per
        names = {
            *self.stages.facts(),
            *((per,) if per else ()),
            *(self.points.names() if self.points else ()),
            *self.evaluation.segments,
        }
        score = self.evaluation.existing_score
        return tuple(sorted(names if score is None else names | {score}))

    @property
    def replayed_every(self) -> Duration | None:
        """How often held-out weeks are replayed to count handoffs; None where leads are not looked at again and again."""
        if self.population.every is None:
            return None
        usual = NIGHTLY if self.stages.sales_ready.capacity else self.population.every
        return self.evaluation.runs_every or usual

    @property
    def has_clock(self) -> bool:
        return self.label.horizon is not None
