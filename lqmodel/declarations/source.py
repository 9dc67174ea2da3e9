"""Sources: what each table holds, and when its facts were known."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from lqmodel.declarations.base import Declared, Misfit, short
from lqmodel.declarations.values import Duration, DurationField, Length, Moment, Names, Zone, to_microseconds

NEED_A_CLOCK = (
    "known_at",
    "freshness",
    "observed_from",
    "observed_until",
    "backfilled_before",
    "valid_until",
)
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16")


def _reasons(value: Any, info: ValidationInfo) -> Any:
    """Freeze {column: reason}; a reason is a few words, not a nod."""
    if isinstance(value, tuple) and all(isinstance(pair, tuple) for pair in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(
            f"must be a table, got {short(value)}",
            do=f"write {info.field_name} = {{ a_column = 'the reason in words' }}",
        )
    for column, reason in value.items():
        if not isinstance(reason, str) or len(reason.split()) < 3:
            raise Misfit(
                f"needs a reason in words, got {short(reason)}",
                at=(column,),
                do=f"write {column} = '{WHY[str(info.field_name)]}'",
            )
    return tuple(sorted(value.items()))


WHY = {
    "accept": "why it is known before the outcome",
    "purpose": "what it is needed for, and why that is lawful",
}
Reasons = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_reasons)]


def _addresses(value: Any) -> Any:
    """Freeze one address, or several; an empty one names nothing."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list | tuple) or not several:
        raise Misfit(
            f"must be an address or a list of them, got {short(value)}", do="write uri = 'leads.csv'"
        )
    for address in several:
        if not isinstance(address, str) or not address:
            raise Misfit(f"must be an address, got {short(address)}", do="write uri = ['old.csv', 'new.csv']")
    return tuple(several)


Addresses = Annotated[tuple[str, ...], BeforeValidator(_addresses)]


def _check_encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except (LookupError, ValueError) as error:
        raise Misfit(
            f"unknown encoding {value!r}",
            exists=ENCODINGS,
            do="write one of these or another that Python knows",
        ) from error
    return value


class Source(Declared):
    """One table of facts about leads. Grain: one row per fact; key: ``key`` (the lead).

    A fact is known at ``known_at`` if that column is declared, else at ``occurred_at``, plus ``lag``.
    A history table is a source whose ``occurred_at`` says from when each row held.
    Without ``occurred_at`` the table has no clock: one row per lead, its facts taken as always known.
    """

    uri: Addresses = Field(
        description="file, folder of Parquet files, ${ENV} variable holding one, or a list of them"
    )
    key: str = Field(description="the column that names the lead")
    occurred_at: str | None = Field(None, description="the column that says when the fact happened")
    known_at: str | None = Field(None, description="the column that says when the fact arrived (ingestion)")
    lag: DurationField = Field(Duration(0, "0d"), description="how much later than that it can be used")
    backfilled_before: Moment | None = Field(
        None,
        description="older facts were loaded in bulk: known at occurred_at + lag, whatever known_at says",
    )
    valid_until: str | None = Field(
        None,
        description="history tables: the column that says until when a row held (exclusive); checked only",
    )
    zone: Zone | None = Field(None, description="the zone of dates and of timestamps without an offset")
    time_format: str | None = Field(None, description="strptime format of times in a text column")
    freshness: Length | None = Field(None, description="predict refuses when the newest fact is older")
    observed_from: Moment | None = Field(None, description="first moment that the source covers")
    observed_until: Moment | None = Field(None, description="end of what the source covers (exclusive)")
    columns: Names | None = Field(None, description="the only columns that may be used")
    display: Names = Field((), description="columns shown to people, never used as features")
    timeline: Names = Field(
        (), description="columns of each event that the view shows of a lead: a run holds the newest 20"
    )
    missing: Names = Field((), description="texts that mean missing, besides the empty text")
    delimiter: str = Field(",", min_length=1, max_length=1, description="CSV only")
    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field("utf-8", description="CSV only")
    decimal: Literal[".", ","] = Field(".", description="CSV only: the decimal separator")
    origin: Literal["handoff"] | None = Field(None, description="facts caused by a handoff: gates only")
    accept: Reasons = Field((), description="columns that look like leakage and are not, and why")
    purpose: Reasons = Field((), description="personal columns that are used all the same, and what for")

    @model_validator(mode="after")
    def _clock_is_whole(self) -> Source:
        if self.occurred_at is None:
            for name in NEED_A_CLOCK:
                if getattr(self, name) is not None:
                    raise Misfit(
                        "needs occurred_at: without it the table has no clock",
                        at=(name,),
                        do=f"add occurred_at = …, or take {name} out",
                    )
        elif self.backfilled_before is not None and self.known_at is None:
            raise Misfit(
                "needs known_at: without it every fact is known at occurred_at + lag already",
                at=("backfilled_before",),
                do="add known_at = …, or take backfilled_before out",
            )
        if self.observed_from is not None and self.observed_until is not None:
            zone = self.zone or "UTC"
            if to_microseconds(self.observed_from, zone) >= to_microseconds(self.observed_until, zone):
                raise Misfit(
                    f"ends at {self.observed_until}, not after observed_from = {self.observed_from}",
                    at=("observed_until",),
                    do="write the end (exclusive) of what the source covers",
                )
        return self

    def allows(self, column: str) -> bool:
        """Whether a declaration may read ``column``."""
        times = {self.key, self.occurred_at, self.known_at, self.valid_until}
        return self.columns is None or column in {*self.columns, *times}
