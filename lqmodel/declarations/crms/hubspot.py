"""HubSpot: own contact properties, lifecycle stage and lead status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from lqmodel.declarations.base import Misfit
from lqmodel.declarations.crm import (
    CrmFile,
    OwnFields,
    Said,
    Stagewise,
    check_known,
    check_options,
    check_picklist,
)
from lqmodel.declarations.values import Names

LIFECYCLE, LEAD_STATUS = "lifecyclestage", "hs_lead_status"
SQL_STAGE: Final = "salesqualifiedlead"
UNACCEPTED: Final = ("lead", "mql", "sales_ready", "recycled")
"""Keys of the stages at which no person in sales has accepted the lead."""
HUBSPOTS_OWN: Final = (
    "email", "firstname", "lastname", "phone", "mobilephone", "company", "jobtitle", "website", "lifecyclestage", "hubspot_owner_id",
    "hubspotscore", "createdate", "closedate", "lastmodifieddate", "country", "state", "city", "zip", "address", "industry",
    "annualrevenue", "numemployees",
)  # fmt: skip
"""Properties of HubSpot itself; so is every one that begins with ``hs_``, such as its own read-only scores."""


class HubSpotFields(OwnFields):
    """Own contact properties, by their internal names; false leaves one out."""

    probability: Said = Field(
        "lq_probability", description="the calibrated probability; none in a run by points"
    )
    score: Said = Field(
        "lq_score", description="0 to 100 as a whole number: MQL from 40, sales-ready from 70 on"
    )
    stage: Said = Field("lq_stage", description="the stage, in the words of `stage_names`")
    owner: Said = Field(
        "lq_owner",
        description="who has the lead in sales, from sales-ready to SQL; where owners are declared and runs are recorded",
    )
    reasons: Said = Field("lq_reasons", description="what speaks for the lead")
    model_version: Said = Field("lq_model_version", description="the version of what scored")
    scored_at: Said = Field("lq_scored_at", description="the day of the run, such as 2026-01-31")
    link: Said = Field("lq_link", description="the lead's page; where `lead_page` is declared")

    @model_validator(mode="after")
    def _own(self) -> HubSpotFields:
        for value, name in self.given().items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise Misfit(
                    f"{name!r} is no internal name of a property",
                    at=(value,),
                    do="write lower-case letters, digits and _, such as 'lq_score'",
                )
            if name in HUBSPOTS_OWN or name.startswith("hs_"):
                raise Misfit(
                    f"{name!r} is HubSpot's own property",
                    at=(value,),
                    do="make a property of your own, such as 'lq_score'",
                )
        return self


class HubSpotLifecycle(Stagewise):
    """What `lifecyclestage` is set to at each stage, by internal values; false: it stays as it is."""

    lead: Said = Field("lead", description="at the stage Lead")
    mql: Said = Field("marketingqualifiedlead", description="at the stage MQL")
    sales_ready: Said = Field("marketingqualifiedlead", description="at the stage sales-ready")
    sal: Said = Field("marketingqualifiedlead", description="at the stage SAL, which HubSpot does not have")
    sql: Said = Field("salesqualifiedlead", description="at the stage SQL")
    customer: Said = Field("customer", description="at the stage Customer")
    recycled: Said = Field("lead", description="at the stage Recycled")


class HubSpotLeadStatus(Stagewise):
    """What `hs_lead_status` is set to at each stage, by internal values; false: it stays as it is."""

    mql: Said = Field("NEW", description="at the stage MQL")
    sales_ready: Said = Field("OPEN", description="at the stage sales-ready")
    sal: Said = Field("IN_PROGRESS", description="at the stage SAL")
    recycled: Said = Field("BAD_TIMING", description="at the stage Recycled")


class HubSpot(CrmFile):
    """Files that HubSpot's import of contacts takes."""

    options: ClassVar[Mapping[str, tuple[str, ...]]] = {
        LIFECYCLE: (
            "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
        ),
        LEAD_STATUS: (
            "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING",
        ),
    }  # fmt: skip

    match: Literal["Record ID", "Email"] = Field(
        "Record ID", description="what the importer finds the contact by, as `key` holds it"
    )
    fields: HubSpotFields = Field(HubSpotFields(), description="own properties")
    lifecycle: HubSpotLifecycle = Field(HubSpotLifecycle(), description="with `--set-stage`")
    lead_status: HubSpotLeadStatus = Field(HubSpotLeadStatus(), description="with `--set-stage`")

    closed_stages: Names = Field(
        ("customer", "evangelist"),
        description="contacts whose `lifecyclestage` is one of these are never touched; needs `present`",
    )

    @model_validator(mode="after")
    def _fits(self) -> HubSpot:
        check_picklist(self, LIFECYCLE, self.lifecycle, "lifecycle")
        check_options(self, LIFECYCLE, self.closed_stages, "closed_stages")
        check_picklist(self, LEAD_STATUS, self.lead_status, "lead_status")
        check_picklist(self, self.fields.stage, self.stage_names, "stage_names")
        check_known(dict(self.present), (LIFECYCLE, LEAD_STATUS), "present")
        check_known(
            dict(self.picklists), (*self.fields.given().values(), LIFECYCLE, LEAD_STATUS), "picklists"
        )
        return self

    def check_acceptance(self, at: tuple[str, ...]) -> None:
        """Refuse a stage that nobody in sales accepted and that HubSpot would call qualified by sales; ``at``: where this stands."""
        stages = self.picklist(LIFECYCLE) or ()
        qualified = self._qualified(stages)
        late = stages[stages.index(qualified) :] if qualified in stages else ()
        for key in UNACCEPTED:
            value = getattr(self.lifecycle, key)
            if value in late:
                raise Misfit(
                    f"{value!r} before a person in sales accepted: stages.sql.after is 'acceptance'",
                    at=(*at, "lifecycle", key),
                    exists=[stage for stage in stages if stage not in late],
                    do=f"write a stage before {qualified!r}, or declare [stages.sql] after = 'handoff'",
                )

    def _qualified(self, stages: tuple[str, ...]) -> str | None:
        """Return from which option on a lead is qualified by sales: HubSpot's own, however it is written, else what the stage SQL is set to."""
        theirs = (s for s in stages if "".join(filter(str.isalnum, s)).casefold() == SQL_STAGE)
        return next(theirs, self.lifecycle.sql or self.lifecycle.customer)
