"""Nutshell: custom fields of a lead, tags and the assignee."""

from __future__ import annotations

from pydantic import Field, model_validator

from lqmodel.declarations.base import Misfit
from lqmodel.declarations.crm import (
    CrmFile,
    OwnFields,
    ProbabilityAs,
    Said,
    Stagewise,
    check_known,
    check_picklist,
)

ASSIGNEE, TAG, NOTE, NOTE_DATE, LEGACY_ID = "Assignee", "Tag", "Note", "Note Date", "Legacy ID"


class NutshellFields(OwnFields):
    """Custom fields of the lead, which must exist; false leaves one out."""

    probability: Said = Field(
        "LQ Probability", description="the calibrated probability; none in a run by points"
    )
    score: Said = Field(
        "LQ Score", description="0 to 100 as a whole number: MQL from 40, sales-ready from 70 on"
    )
    stage: Said = Field("LQ Stage", description="the stage, in the words of `stage_names`")
    owner: Said = Field(
        "LQ Owner",
        description="who has the lead in sales, from sales-ready to SQL; where owners are declared and runs are recorded",
    )
    reasons: Said = Field("LQ Reasons", description="what speaks for the lead")
    model_version: Said = Field("LQ Model Version", description="the version of what scored")
    scored_at: Said = Field("LQ Scored At", description="the day of the run, such as 2026-01-31")
    link: Said = Field("LQ Link", description="the lead's page; where `lead_page` is declared")

    @model_validator(mode="after")
    def _own(self) -> NutshellFields:
        theirs = {name.casefold() for name in (ASSIGNEE, TAG, NOTE, NOTE_DATE, LEGACY_ID)}
        for value, name in self.given().items():
            if name.casefold() in theirs:
                raise Misfit(
                    f"{name!r} is Nutshell's own field",
                    at=(value,),
                    do="make a custom field, such as 'LQ Score'",
                )
        return self


class NutshellTags(Stagewise):
    """The tag that a lead is given at each stage; false: none."""

    lead: Said = Field("lq Lead", description="at the stage Lead")
    mql: Said = Field("lq MQL", description="at the stage MQL")
    sales_ready: Said = Field("lq sales-ready", description="at the stage sales-ready")
    sal: Said = Field("lq SAL", description="at the stage SAL")
    sql: Said = Field("lq SQL", description="at the stage SQL")
    customer: Said = Field("lq Customer", description="at the stage Customer")
    recycled: Said = Field("lq Recycled", description="at the stage Recycled")


class Nutshell(CrmFile):
    """Files that Nutshell's import of leads takes; its leads are deals, whose company and person exist first."""

    probability_as: ProbabilityAs = Field("percent", description="34, or 0.34")
    fields: NutshellFields = Field(NutshellFields(), description="custom fields")
    tags: NutshellTags = Field(NutshellTags(), description="with `--set-stage`")
    assignee: str | None = Field(
        None,
        min_length=1,
        description="the column of the leads' source that holds who works the lead; needs picklists = { Assignee = […] }, "
        "the names of the users",
    )

    @model_validator(mode="after")
    def _fits(self) -> Nutshell:
        if self.assignee is not None and self.picklist(ASSIGNEE) is None:
            raise Misfit(
                "needs the names of Nutshell's users, which an assignee must equal",
                at=("assignee",),
                do="add picklists = { Assignee = ['First Last', …] }",
            )
        check_picklist(self, TAG, self.tags, "tags")
        check_picklist(self, self.fields.stage, self.stage_names, "stage_names")
        check_known(dict(self.present), (), "present")
        check_known(dict(self.picklists), (*self.fields.given().values(), TAG, ASSIGNEE), "picklists")
        return self

    def columns(self) -> tuple[str, ...]:
        return tuple(sorted({*super().columns(), *([self.assignee] if self.assignee else [])}))
