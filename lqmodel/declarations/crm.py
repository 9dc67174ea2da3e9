"""CRM files: which fields of a CRM are filled, and with what. Common to all of them; each CRM is in `crms`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from lqmodel.declarations.base import Declared, Misfit, short, suggestion

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run."""
LEAD_ID: Final = "{lead_id}"
STAGES: Final = {
    "lead": "Lead",
    "mql": "MQL",
    "sales_ready": "sales-ready",
    "sal": "SAL",
    "sql": "SQL",
    "customer": "Customer",
    "recycled": "Recycled",
}
"""Key of a stage in a table → its name."""
_KEYS: Final = {name: key for key, name in STAGES.items()}
LONGEST_NAME: Final = 255


def check_printable(value: str) -> str:
    """Refuse a text that is empty, holds control characters, or that a spreadsheet would run."""
    if not value.strip() or len(value) > LONGEST_NAME or not value.isprintable():
        raise Misfit(
            f"got {short(value)}", do=f"write a text of at most {LONGEST_NAME} characters on one line"
        )
    if value.startswith(FORMULA):
        raise Misfit(
            f"{short(value)} begins with {value[0]!r}, and a spreadsheet would run it",
            do="begin it with a letter",
        )
    return value


def _said(value: Any) -> str | None:
    if value is None or value is False:
        return None
    if not isinstance(value, str):
        raise Misfit(
            f"must be a text or false, got {short(value)}", do="write a text, or false to leave it out"
        )
    return check_printable(value)


Said = Annotated[str | None, BeforeValidator(_said)]
ProbabilityAs = Literal["share", "percent"]


def _texts(column: str, value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(t, str) and t for t in texts):
        raise Misfit(f"must be a text or a list of them, got {short(value)}", at=(column,), do="write ['…']")
    return tuple(texts)


def parse_levels(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read ``{ Status = ["Open", "Closed"] }``, sorted by name.

    >>> parse_levels({"Status": ["Open", "Closed"], "IsConverted": "true"})
    (('IsConverted', ('true',)), ('Status', ('Open', 'Closed')))
    """
    if isinstance(value, tuple) and all(isinstance(item, tuple) for item in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a table, got {short(value)}", do="write { Status = ['Open', 'Closed'] }")
    return tuple((name, _texts(name, texts)) for name, texts in sorted(value.items()))


def parse_pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Read ``{ hs_lead_status = "Lead Status" }``, sorted by field.

    >>> parse_pairs({"lifecyclestage": "Lifecycle Stage"})
    (('lifecyclestage', 'Lifecycle Stage'),)
    """
    if isinstance(value, tuple) and all(isinstance(item, tuple) for item in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a table, got {short(value)}", do="write { a_field = 'a column' }")
    for field, column in value.items():
        if not isinstance(column, str) or not column:
            raise Misfit(f"must be the name of a column, got {short(column)}", at=(field,), do="write '…'")
    return tuple(sorted(value.items()))


def _check_page(value: Any) -> Any:
    if isinstance(value, str):
        check_printable(value)
        if not re.match(r"https?://[^/\s]+", value) or value.count(LEAD_ID) != 1:
            raise Misfit(
                f"{short(value)} is no address with {LEAD_ID} in it",
                do=f"write 'https://leads.example.com/leads/{LEAD_ID}'",
            )
    return value


Levels = Annotated[tuple[tuple[str, tuple[str, ...]], ...], BeforeValidator(parse_levels)]
Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(parse_pairs)]
Page = Annotated[str, BeforeValidator(_check_page)]


class Stagewise(Declared):
    """One value for each stage; false: at that stage nothing is set."""

    lead: Said = Field(None, description="at the stage Lead")
    mql: Said = Field(None, description="at the stage MQL")
    sales_ready: Said = Field(None, description="at the stage sales-ready")
    sal: Said = Field(None, description="at the stage SAL")
    sql: Said = Field(None, description="at the stage SQL")
    customer: Said = Field(None, description="at the stage Customer")
    recycled: Said = Field(None, description="at the stage Recycled")

    def at(self, stage: str | None) -> str | None:
        """Return the value at a stage, by the stage's name; None: nothing is set, or no stage is known."""
        value: str | None = None if stage is None else getattr(self, _KEYS[stage])
        return value

    def values(self) -> dict[str, str]:
        """Return stage → value, for the stages that set one."""
        named = {stage: getattr(self, key) for key, stage in STAGES.items()}
        return {stage: value for stage, value in named.items() if value is not None}


class StageNames(Stagewise):
    """What the own field of the stage says at each stage."""

    lead: Said = Field("Lead", description="at the stage Lead")
    mql: Said = Field("MQL", description="at the stage MQL")
    sales_ready: Said = Field("sales-ready", description="at the stage sales-ready")
    sal: Said = Field("SAL", description="at the stage SAL")
    sql: Said = Field("SQL", description="at the stage SQL")
    customer: Said = Field("Customer", description="at the stage Customer")
    recycled: Said = Field("Recycled", description="at the stage Recycled")


class OwnFields(Declared):
    """The own fields that are filled, by the CRM's names; false leaves one out."""

    probability: Said = Field(None, description="the calibrated probability; none in a run by points")
    low: Said = Field(None, description="lower end of its 90 % interval")
    high: Said = Field(None, description="upper end of it")
    score: Said = Field(None, description="0 to 100 as a whole number: MQL from 40, sales-ready from 70 on")
    points: Said = Field(None, description="points; in a run by points only")
    stage: Said = Field(None, description="the stage, in the words of `stage_names`")
    owner: Said = Field(
        None,
        description="who has the lead in sales, from sales-ready to SQL; where owners are declared and runs are recorded",
    )
    reasons: Said = Field(None, description="what speaks for the lead")
    against: Said = Field(None, description="what speaks against it")
    model_version: Said = Field(None, description="the version of what scored")
    scored_at: Said = Field(None, description="the day of the run, such as 2026-01-31")
    link: Said = Field(None, description="the lead's page; where `lead_page` is declared")

    @model_validator(mode="after")
    def _each_once(self) -> OwnFields:
        seen: dict[str, str] = {}
        for value, name in self.given().items():
            if name.casefold() in seen:
                raise Misfit(
                    f"{name!r} is filled twice: it is also the field of {seen[name.casefold()]}",
                    at=(value,),
                    do="give each a field of its own, or leave one out with false",
                )
            seen[name.casefold()] = value
        return self

    def given(self) -> dict[str, str]:
        """Return value → the field that holds it, in the order of the columns."""
        return {key: name for key in type(self).model_fields if (name := getattr(self, key)) is not None}


class CrmFile(Declared):
    """What all CRMs share."""

    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The CRM's own picklists, which `picklists` may replace."""

    key: str | None = Field(
        None,
        min_length=1,
        description="the column of the leads' source that holds the record's id in the CRM; default: the lead's id",
    )
    lead_page: Page | None = Field(
        None, description=f"address of a lead's page, with `{LEAD_ID}` in it: a link back"
    )
    negligible: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="with `--changes-from`: a lead whose numbers moved by no more than this share of what they "
        "were, at the same stage, is left out",
    )
    closed: Levels = Field(
        (),
        description="column of the leads' source = its values for a record that is closed or converted in the CRM: "
        "never touched",
    )
    present: Pairs = Field(
        (),
        description="with `--set-stage`: field of the CRM = the column of the leads' source that holds what stands there",
    )
    picklists: Levels = Field(
        (), description="field = its options: other values are refused; one named here replaces the CRM's own"
    )
    reasons_length: int = Field(
        1024, ge=40, le=10_000, description="most characters of reasons; cut at a reason's end"
    )
    rows_per_file: int | None = Field(
        None, ge=1, description="more leads make several files; default: what the importer takes"
    )
    probability_as: ProbabilityAs = Field("share", description="0.34, or 34")
    fields: OwnFields = Field(OwnFields(), description="own fields")
    stage_names: StageNames = Field(StageNames(), description="the words of the stages")

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the leads' source that are read for this CRM, sorted."""
        named = {column for column, _ in self.closed} | {column for _, column in self.present}
        return tuple(sorted(named | ({self.key} if self.key else set())))

    def picklist(self, field: str) -> tuple[str, ...] | None:
        """Return the options of a field, None where any text may stand."""
        return dict(self.picklists).get(field, self.options.get(field))


def check_options(declared: CrmFile, field: str, values: Iterable[str], *at: str) -> None:
    """Refuse a value that is no option of the field."""
    options = declared.picklist(field)
    for value in values:
        if options is not None and value not in options:
            raise Misfit(
                f"{value!r} is no option of {field}",
                at=at,
                exists=options,
                do=suggestion(value, options)
                or f"write one of these, or list the field's options: picklists = {{ {field} = […] }}",
            )


def check_picklist(declared: CrmFile, field: str | None, values: Stagewise, at: str) -> None:
    """Refuse a value of a stage that is no option of the field."""
    for key, stage in STAGES.items():
        value = values.at(stage)
        if field is not None and value is not None:
            check_options(declared, field, (value,), at, key)


def check_known(fields: Iterable[str], known: Iterable[str], at: str) -> None:
    """Refuse the name of a field that is never written."""
    known = tuple(known)
    for field in fields:
        if field not in known:
            raise Misfit(
                f"no field {field!r} is written",
                at=(at, field),
                exists=known,
                do=suggestion(field, known) or "name one of these, or take it out",
            )
