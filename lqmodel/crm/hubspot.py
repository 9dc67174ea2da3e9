"""HubSpot: contacts, matched by Record ID or e-mail. Its lifecycle stage only goes forward."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from lqmodel.crm.cells import Limits, Row
from lqmodel.crm.leads import Lead, Sent
from lqmodel.crm.names import ExportNames
from lqmodel.crm.target import Kept, Placed, Shown, no_cells, option, own_cells, plain, present
from lqmodel.declarations.crms.hubspot import LEAD_STATUS, LIFECYCLE, HubSpot

CONTACTS, FORWARD, CLEAR, SET = "contacts", "stage-forward", "stage-back-1-clear", "stage-back-2-set"
SUPPRESSED: Final = "suppressed"
BEFORE_ALL: Final = ("", "subscriber")
"""Lifecycle stages that lie before any of ours, and that we may move on from."""
EXPORT: Final = ExportNames(
    title="HubSpot",
    name="hubspot",
    marks=(
        "Record ID", "hs_object_id", "Lifecycle Stage", "lifecyclestage", "Lead Status", "hs_lead_status", "Contact owner", "hubspot_owner_id",
        "Original Source", "hs_analytics_source", "Create Date", "createdate", "Became a Customer Date",
        "hs_lifecyclestage_customer_date", "Number of Pageviews", "hs_analytics_num_page_views",
    ),
    key=("Record ID", "Record ID - Contact", "hs_object_id"),
    taken=("Record ID", "Record ID - Contact", "hs_object_id"),
    created=("Create Date", "createdate"),
    won_at=("Became a Customer Date", "hs_lifecyclestage_customer_date", "Close Date", "closedate"),
    outcome=("Lifecycle Stage", "lifecyclestage"),
    won=("Customer", "Evangelist"),
    account=("Primary Associated Company ID", "Associated Company IDs", "Associated Company ID", "associatedcompanyid"),
    by_sales=(
        "Lead Status", "hs_lead_status", "Contact owner", "hubspot_owner_id", "Owner Assigned Date", "Number of Associated Deals",
        "num_associated_deals", "Recent Deal Amount", "recent_deal_amount", "Recent Deal Close Date", "First Deal Created Date",
        "Total Revenue", "total_revenue", "Days To Close", "days_to_close", "Associated Deal", "Associated Deal IDs", "Close Date",
        "closedate", "HubSpot Score", "hubspotscore", "Likelihood to close", "hs_predictivecontactscore_v2", "Contact priority",
        "hs_predictivescoringtier", "Last Activity Date", "notes_last_updated", "Last Contacted", "notes_last_contacted",
        "Next Activity Date", "Last Modified Date", "lastmodifieddate", "Became a Customer Date", "Became an Opportunity Date",
        "Became a Sales Qualified Lead Date", "Became a Marketing Qualified Lead Date", "Became a Lead Date", "Buying Role",
        "Marketing contact status", "Contact unworked", "Time to first engagement",
    ),
    counted=(
        "Number of Pageviews", "hs_analytics_num_page_views", "Number of Sessions", "hs_analytics_num_visits",
        "Average Pageviews", "Number of event completions", "Number of Form Submissions", "num_conversion_events",
        "Number of Unique Forms Submitted", "Recent Conversion", "recent_conversion_event_name", "Recent Conversion Date",
        "Time Last Seen", "Last Page Seen", "Latest Traffic Source", "Number of times contacted", "num_contacted_notes",
        "Number of Sales Activities", "num_notes", "Marketing emails delivered", "Marketing emails opened",
        "Marketing emails clicked", "Last marketing email open date", "Last marketing email click date",
    ),
    fields={LIFECYCLE: ("Lifecycle Stage", "lifecyclestage"), LEAD_STATUS: ("Lead Status", "hs_lead_status")},
)  # fmt: skip


@dataclass(frozen=True)
class HubSpotTarget:
    """Rows for HubSpot's import of contacts."""

    declared: HubSpot
    shown: Shown

    title: ClassVar[str] = "HubSpot"
    stage_fields: ClassVar[tuple[str, ...]] = (LIFECYCLE, LEAD_STATUS)
    replaces: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(rows=1_048_575, columns=999, bytes=512_000_000)
    sheets: ClassVar[Mapping[str, str]] = {
        CONTACTS: "Import as contacts, updating existing ones.",
        FORWARD: "Import as contacts, updating existing ones. Empty cells leave what is there.",
        CLEAR: "Lifecycle stages that go back: clear the lifecycle stage of these contacts first. Import this file so "
        "that empty cells overwrite, or select the contacts and clear the property by hand. HubSpot moves no stage "
        "back by itself.",
        SET: "Then import this one: it sets the stages that were cleared.",
        SUPPRESSED: "These people objected, or are blocked: clear our properties. Import this file so that empty cells "
        "overwrite.",
    }

    def bad_key(self, key: str) -> str | None:
        if self.declared.match == "Record ID":
            return None if re.fullmatch(r"[1-9][0-9]{0,18}", key) else f"{key!r} is no Record ID of HubSpot"
        return None if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", key) else f"{key!r} is no e-mail address"

    def same_key(self, key: str) -> str:
        return key.casefold()

    def refusal(self, lead: Lead) -> str | None:
        told = present(lead, self.declared, LIFECYCLE)
        closed = told is not None and plain(told) in map(plain, self.declared.closed_stages)
        return f"closed in HubSpot: {LIFECYCLE} is {told!r}" if closed else None

    def own(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        yield CONTACTS, {self.declared.match: lead.key, **own_cells(lead, self.declared, self.shown)}

    def moves(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        aim, status = self.declared.lifecycle.at(lead.stage), self.declared.lead_status.at(lead.stage)
        now, was_set = self._now(lead, sent)
        row: Row = {self.declared.match: lead.key, LIFECYCLE: aim, LEAD_STATUS: status}
        estimated = self.declared.lifecycle.at(lead.previous_stage) if now is None else now
        ours = (*BEFORE_ALL, *self.declared.lifecycle.values().values())
        if (now is not None and now not in ours) or (
            estimated in self.declared.closed_stages and aim != estimated
        ):
            raise Kept(f"{LIFECYCLE} is {estimated!r}: people set it")
        if aim is not None and self._place(estimated) > self._place(aim):
            yield CLEAR, {self.declared.match: lead.key, LIFECYCLE: None}
            yield SET, row
        elif not (was_set or self._stands(lead, now, aim, status)) and (aim or status):
            yield FORWARD, row

    def emptied(self, key: str) -> Iterator[Placed]:
        yield SUPPRESSED, {self.declared.match: key, **no_cells(self.declared, self.shown)}

    def _now(self, lead: Lead, sent: Sent | None) -> tuple[str | None, bool]:
        """Return the lifecycle stage that HubSpot holds, None if unknown, and whether we set this very stage."""
        told = present(lead, self.declared, LIFECYCLE)
        if told is not None:
            return option(self.declared, LIFECYCLE, told), False
        if sent is None or sent.stage_set is None:
            return None, False
        return self.declared.lifecycle.at(sent.stage_set) or "", sent.stage_set == lead.stage

    def _stands(self, lead: Lead, now: str | None, aim: str | None, status: str | None) -> bool:
        """Whether HubSpot holds both values already, as its own columns say."""
        told = present(lead, self.declared, LEAD_STATUS)
        if now is None or told is None:
            return False
        held = option(self.declared, LEAD_STATUS, told)
        return aim in (None, now) and status in (None, held)

    def _place(self, stage: str | None) -> int:
        stages = self.declared.picklist(LIFECYCLE) or ()
        return stages.index(stage) if stage in stages else -1
