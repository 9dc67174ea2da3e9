"""Salesforce: own fields of the lead, status and rating."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from lqmodel.declarations.base import Misfit
from lqmodel.declarations.crm import (
    CrmFile,
    OwnFields,
    ProbabilityAs,
    Said,
    Stagewise,
    check_known,
    check_options,
    check_picklist,
)
from lqmodel.declarations.values import Names

STATUS, RATING = "Status", "Rating"


class SalesforceFields(OwnFields):
    """Own fields of the lead, by their API names; false leaves one out."""

    probability: Said = Field(
        "LQ_Probability__c", description="the calibrated probability; none in a run by points"
    )
    score: Said = Field(
        "LQ_Score__c", description="0 to 100 as a whole number: MQL from 40, sales-ready from 70 on"
    )
    stage: Said = Field("LQ_Stage__c", description="the stage, in the words of `stage_names`")
    owner: Said = Field(
        "LQ_Owner__c",
        description="who has the lead in sales, from sales-ready to SQL; where owners are declared and runs are recorded",
    )
    reasons: Said = Field("LQ_Reasons__c", description="what speaks for the lead")
    model_version: Said = Field("LQ_Model_Version__c", description="the version of what scored")
    scored_at: Said = Field("LQ_Scored_At__c", description="the day of the run, such as 2026-01-31")
    link: Said = Field("LQ_Link__c", description="the lead's page; where `lead_page` is declared")

    @model_validator(mode="after")
    def _own(self) -> SalesforceFields:
        for value, name in self.given().items():
            if not re.fullmatch(r"[A-Za-z]\w*__c", name, re.ASCII):
                raise Misfit(
                    f"{name!r} is no field of your own",
                    at=(value,),
                    do="write its API name, such as 'LQ_Score__c'",
                )
        return self


class SalesforceStatus(Stagewise):
    """What `Status` is set to at each stage; false: it stays as it is."""

    sal: Said = Field("Working - Contacted", description="at the stage SAL")
    sql: Said = Field("Working - Contacted", description="at the stage SQL")


class SalesforceRating(Stagewise):
    """What `Rating` is set to at each stage; false: it stays as it is."""

    lead: Said = Field("Cold", description="at the stage Lead")
    mql: Said = Field("Warm", description="at the stage MQL")
    sales_ready: Said = Field("Hot", description="at the stage sales-ready")
    sal: Said = Field("Hot", description="at the stage SAL")
    sql: Said = Field("Hot", description="at the stage SQL")
    recycled: Said = Field("Cold", description="at the stage Recycled")


class Salesforce(CrmFile):
    """Files that Salesforce's Data Import Wizard and Data Loader take, to update leads."""

    options: ClassVar[Mapping[str, tuple[str, ...]]] = {
        STATUS: (
            "Open - Not Contacted",
            "Working - Contacted",
            "Closed - Converted",
            "Closed - Not Converted",
        ),
        RATING: ("Hot", "Warm", "Cold"),
    }

    match: str = Field("Id", description="`Id`, or an external id of your own, as `key` holds it")
    probability_as: ProbabilityAs = Field("percent", description="34, or 0.34")
    fields: SalesforceFields = Field(SalesforceFields(), description="own fields")
    status: SalesforceStatus = Field(SalesforceStatus(), description="with `--set-stage`")
    rating: SalesforceRating = Field(SalesforceRating(), description="with `--set-stage`")
    converted: Names = Field(
        ("Closed - Converted",), min_length=1, description="the statuses that convert a lead: never written"
    )
    closed_statuses: Names = Field(
        ("Closed - Converted", "Closed - Not Converted"),
        description="leads whose `Status` is one of these are never touched; needs `present`",
    )

    @model_validator(mode="after")
    def _fits(self) -> Salesforce:
        if self.match != "Id" and not re.fullmatch(r"[A-Za-z]\w*__c", self.match, re.ASCII):
            raise Misfit(
                f"{self.match!r} is no field that leads are found by",
                at=("match",),
                do="write 'Id', or an external id such as 'Lead_Key__c'",
            )
        for key in type(self.status).model_fields:
            if getattr(self.status, key) in self.converted:
                raise Misfit(
                    f"{getattr(self.status, key)!r} converts the lead, and only Salesforce itself may",
                    at=("status", key),
                    do="write another status, or false",
                )
        check_picklist(self, STATUS, self.status, "status")
        check_options(self, STATUS, self.converted, "converted")
        check_options(self, STATUS, self.closed_statuses, "closed_statuses")
        check_picklist(self, RATING, self.rating, "rating")
        check_picklist(self, self.fields.stage, self.stage_names, "stage_names")
        check_known(dict(self.present), (STATUS, RATING), "present")
        check_known(dict(self.picklists), (*self.fields.given().values(), STATUS, RATING), "picklists")
        return self
