"""Salesforce: leads that are there already, matched by their Id, in which letter case counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from lqmodel.crm.cells import Limits, Row, utf16
from lqmodel.crm.leads import Lead, Sent
from lqmodel.crm.names import ExportNames
from lqmodel.crm.target import Placed, Shown, no_cells, option, own_cells, present
from lqmodel.declarations.crms.salesforce import RATING, STATUS, Salesforce

LEADS, STAGE, SUPPRESSED = "Lead", "Lead-stage", "suppressed"
LONGEST_LINK: Final = 255
"""Of a field of the type URL."""
_SIGNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
EXPORT: Final = ExportNames(
    title="Salesforce",
    name="salesforce",
    marks=(
        "IsConverted", "ConvertedDate", "ConvertedOpportunityId", "LeadSource", "CreatedDate", "NumberOfEmployees", "LastActivityDate",
        "OwnerId", "Lead ID", "Lead Status", "Lead Owner", "Create Date", "Converted Date", "Company / Account",
    ),
    key=("Id", "Lead ID", "Lead Id"),
    taken=("Id", "Lead ID", "Lead Id"),
    created=("CreatedDate", "Create Date", "Created Date"),
    won_at=("ConvertedDate", "Converted Date"),
    outcome=("IsConverted", "Converted"),
    won=("true", "1", "yes"),
    by_sales=(
        "Status", "Lead Status", "Rating", "OwnerId", "Lead Owner", "Owner Role", "ConvertedAccountId", "Converted Account ID",
        "ConvertedContactId", "Converted Contact ID", "ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity Name",
        "Opportunity Amount", "LastModifiedDate", "Last Modified", "Last Modified Date", "LastModifiedById", "SystemModstamp",
        "LastActivityDate", "Last Activity", "LastViewedDate", "LastReferencedDate", "LastTransferDate", "IsUnreadByOwner", "Unread",
        "ScoreIntelligenceId", "Lead Score", "Score", "FirstCallDateTime", "FirstEmailDateTime", "ActionCadenceState", "IsDeleted",
        "MasterRecordId", "Description",
    ),
    fields={STATUS: ("Status", "Lead Status"), RATING: ("Rating",)},
    closed={"IsConverted": ("true", "1", "yes"), "Converted": ("true", "1", "yes")},
)  # fmt: skip


def full_id(short: str) -> str:
    """Return the 18 characters of an Id of 15, whose last three keep the letter case of the others.

    Each group of five characters gives a sign: bit i is set where its character i is a capital letter.

    >>> full_id("001A0000006Vm9r")
    '001A0000006Vm9rIAC'
    """
    groups = (short[i : i + 5] for i in (0, 5, 10))
    return short + "".join(_SIGNS[sum(c.isupper() << i for i, c in enumerate(group))] for group in groups)


@dataclass(frozen=True)
class SalesforceTarget:
    """Rows for the Data Import Wizard and Data Loader, both set to update leads."""

    declared: Salesforce
    shown: Shown

    title: ClassVar[str] = "Salesforce"
    stage_fields: ClassVar[tuple[str, ...]] = (STATUS, RATING)
    replaces: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(rows=50_000, columns=999, bytes=100_000_000)
    sheets: ClassVar[Mapping[str, str]] = {
        LEADS: "Update leads, in the Data Import Wizard or with Data Loader.",
        STAGE: "Update leads as well: it sets Status and Rating. Empty cells leave what is there.",
        SUPPRESSED: "These people objected, or are blocked: empty our fields. Update with Data Loader and “Insert null "
        "values”.",
    }

    def bad_key(self, key: str) -> str | None:
        if self.declared.match != "Id":
            return None
        if not re.fullmatch(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", key):
            return f"{key!r} is no Id of Salesforce: 15 or 18 letters and digits"
        if len(key) == 18 and full_id(key[:15]) != key:
            return f"{key!r} is an Id whose letters have changed case"
        return None

    def same_key(self, key: str) -> str:
        return self._key(key)

    def refusal(self, lead: Lead) -> str | None:
        if self.declared.fields.link and lead.link and utf16(lead.link) > LONGEST_LINK:
            return f"its link has {utf16(lead.link)} characters, and {LONGEST_LINK} fit"
        status = present(lead, self.declared, STATUS)
        never = (*self.declared.closed_statuses, *self.declared.converted)
        return f"closed in Salesforce: {STATUS} is {status!r}" if status in never else None

    def own(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        cells = own_cells(lead, self.declared, self.shown)
        yield LEADS, {self.declared.match: self._key(lead.key or ""), **cells}

    def moves(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        aims = {STATUS: self.declared.status.at(lead.stage), RATING: self.declared.rating.at(lead.stage)}
        told = {field: present(lead, self.declared, field) for field in aims}
        held = {
            field: None if text is None else option(self.declared, field, text)
            for field, text in told.items()
        }
        unknown = all(text is None for text in told.values())
        if unknown and sent is not None and sent.stage_set == lead.stage:
            return
        cells: Row = {field: None if aim == held[field] else aim for field, aim in aims.items()}
        if any(cells.values()):
            yield STAGE, {self.declared.match: self._key(lead.key or ""), **cells}

    def emptied(self, key: str) -> Iterator[Placed]:
        yield SUPPRESSED, {self.declared.match: self._key(key), **no_cells(self.declared, self.shown)}

    def _key(self, key: str) -> str:
        """Return an Id in the form that survives programs to which letter case is nothing."""
        return full_id(key) if self.declared.match == "Id" and len(key) == 15 else key
