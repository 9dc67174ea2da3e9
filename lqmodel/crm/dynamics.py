"""Dynamics 365: its table of predictive scores, own columns of the lead, and the lead's rating."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from lqmodel.crm.cells import Limits
from lqmodel.crm.leads import Lead, Sent, cut, moved
from lqmodel.crm.names import ExportNames
from lqmodel.crm.target import Placed, Shown, no_cells, option, own_cells, present
from lqmodel.declarations.crms.dynamics import QUALITY, Dynamics

SCORES, LEADS, STAGE, SUPPRESSED = "msdyn_predictivescore", "lead", "lead-stage", "suppressed"
LEAD_ID, ENTITY_ID = "leadid", "msdyn_entityid"
GRADES: Final = ("a", "b", "c")
IMPROVING, STEADY, DECLINING, NOT_ENOUGH = range(4)
QUALITIES: Final = {"Hot": 1, "Warm": 2, "Cold": 3}
EXPORT: Final = ExportNames(
    title="Dynamics 365",
    name="dynamics",
    marks=(
        "(Do Not Modify) Lead", "(Do Not Modify) Row Checksum", "(Do Not Modify) Modified On", "Topic", "Status Reason", "Created On",
        "leadid", "statecode", "statuscode", "createdon", "leadqualitycode", "leadsourcecode",
    ),
    key=("(Do Not Modify) Lead", "leadid", "Lead"),
    taken=("(Do Not Modify) Lead", "leadid", "Lead"),
    created=("Created On", "createdon"),
    won_at=(),
    outcome=("Status", "statecode"),
    won=("Qualified", "1"),
    lost=("Disqualified", "2"),
    account=("Parent Account for lead", "Parent Account", "parentaccountid"),
    by_sales=(
        "Status Reason", "statuscode", "Rating", "leadqualitycode", "Owner", "ownerid", "Modified On", "modifiedon", "Modified By",
        "(Do Not Modify) Row Checksum", "(Do Not Modify) Modified On", "Last Activity Date", "Lead Score", "msdyn_leadscore", "Lead Grade",
        "msdyn_leadgrade", "Lead Score Trend", "msdyn_leadscoretrend", "Budget", "Budget Amount", "budgetamount", "budgetstatus",
        "Purchase Timeframe", "purchasetimeframe", "Purchase Process", "purchaseprocess", "Need", "need", "Decision Maker?",
        "decisionmaker", "Qualification Comments", "qualificationcomments", "Qualifying Opportunity", "qualifyingopportunityid",
        "Originating Opportunity", "Estimated Close Date", "estimatedclosedate", "Est. Value", "estimatedvalue", "Follow Indicator",
        "Sales Stage", "salesstage", "Schedule Follow Up (Qualify)", "Confirm Interest", "confirminterest",
    ),
    fields={QUALITY: ("Rating", "leadqualitycode")},
    closed={"Status": ("Qualified", "Disqualified"), "statecode": ("1", "2", "Qualified", "Disqualified")},
)  # fmt: skip


@dataclass(frozen=True)
class DynamicsTarget:
    """Rows for the import of Dynamics 365."""

    declared: Dynamics
    shown: Shown

    title: ClassVar[str] = "Dynamics 365"
    stage_fields: ClassVar[tuple[str, ...]] = (QUALITY,)
    replaces: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(rows=50_000, columns=999, bytes=8_000_000)
    sheets: ClassVar[Mapping[str, str]] = {
        SCORES: "Import into the table msdyn_predictivescore. Without an alternate key on msdyn_entityid the import adds rows: "
        "delete those of the run before.",
        LEADS: "Import into the table lead, updating existing rows.",
        STAGE: "Import into the table lead, updating existing rows: it sets the rating.",
        SUPPRESSED: "These people objected, or are blocked: delete their rows of msdyn_predictivescore, and empty our columns of "
        "the lead.",
    }

    def bad_key(self, key: str) -> str | None:
        hexadecimal = re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", key)
        return None if hexadecimal else f"{key!r} is no id of Dynamics 365 (a GUID)"

    def same_key(self, key: str) -> str:
        return key.casefold()

    def refusal(self, lead: Lead) -> str | None:
        return None

    def own(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        yield (
            SCORES,
            {
                ENTITY_ID: lead.key,
                "msdyn_entitytype": "lead",
                "msdyn_score": lead.score,
                "msdyn_grade": self._grade(lead.score),
                "msdyn_scoretrend": self._trend(lead, sent),
                "msdyn_scorereasons": cut(lead.reasons, self.declared.reasons_length),
                **({"msdyn_scoredon": lead.scored_at} if self.shown.dated else {}),
            },
        )
        cells = own_cells(lead, self.declared, self.shown)
        if cells:
            yield LEADS, {LEAD_ID: lead.key, **cells}

    def moves(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        aim, told = self.declared.quality.at(lead.stage), present(lead, self.declared, QUALITY)
        if told is None:
            stands = sent is not None and sent.stage_set == lead.stage
        else:
            stands = aim == (_labelled(told) or option(self.declared, QUALITY, told))
        if aim is not None and not stands:
            yield STAGE, {LEAD_ID: lead.key, QUALITY: QUALITIES[aim]}

    def emptied(self, key: str) -> Iterator[Placed]:
        yield SUPPRESSED, {ENTITY_ID: key, **no_cells(self.declared, self.shown)}

    def _grade(self, score: int) -> int:
        bars = [getattr(self.declared.grades, grade) for grade in GRADES]
        return next((place for place, bar in enumerate(bars) if score >= bar), len(bars))

    def _trend(self, lead: Lead, sent: Sent | None) -> int:
        if sent is None:
            return NOT_ENOUGH
        if not moved(lead.score, sent.score, self.declared.negligible):
            return STEADY
        return IMPROVING if lead.score > sent.score else DECLINING


def _labelled(told: str) -> str | None:
    """Return the label of a code, as exports of codes hold it."""
    return next((label for label, code in QUALITIES.items() if told == str(code)), None)
