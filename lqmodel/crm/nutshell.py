"""Nutshell: its leads are deals, matched by their Legacy ID; tags are only ever added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from lqmodel.crm.cells import Limits
from lqmodel.crm.leads import Lead, Sent, cut
from lqmodel.crm.names import ExportNames
from lqmodel.crm.target import Placed, Shown, no_cells, own_cells
from lqmodel.declarations.crm import STAGES
from lqmodel.declarations.crms.nutshell import ASSIGNEE, LEGACY_ID, NOTE, NOTE_DATE, TAG, Nutshell

LEADS, FORWARD, BACK, SUPPRESSED = "leads", "stage-forward", "stage-back", "suppressed"
EXPORT: Final = ExportNames(
    title="Nutshell",
    name="nutshell",
    marks=(
        "Lead name", "Lead number", "Legacy ID", "Primary company", "Primary person", "Confidence", "Pipeline", "Assignee", "Closed",
        "Market",
    ),
    key=("Legacy ID", "Lead ID", "Lead number", "ID"),
    taken=("Legacy ID",),
    created=("Created", "Created date", "Created time", "Date created"),
    won_at=("Closed", "Closed date", "Closed time", "Date closed"),
    outcome=("Status",),
    won=("Won",),
    lost=("Lost", "Cancelled"),
    account=("Primary company ID", "Company ID"),
    by_sales=(
        "Stage", "Milestone", "Confidence", "Value", "Normalized value", "Assignee", "Tags", "Tag", "Note", "Notes", "Outcome",
        "Lost reason", "Competitor lost to", "Competitors", "Due date", "Closed", "Closed date", "Last contacted", "Last contacted date",
        "Last activity", "Overdue", "Days open", "Modified", "Modified date", "Priority", "Stage entered", "Pipeline",
    ),
    closed={"Status": ("Won", "Lost", "Cancelled")},
)  # fmt: skip


@dataclass(frozen=True)
class NutshellTarget:
    """Rows for Nutshell's import of leads."""

    declared: Nutshell
    shown: Shown

    title: ClassVar[str] = "Nutshell"
    stage_fields: ClassVar[tuple[str, ...]] = (TAG,)
    replaces: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(rows=50_000, columns=999, bytes=20_000_000)
    sheets: ClassVar[Mapping[str, str]] = {
        LEADS: "Import leads, matched by Legacy ID. Companies, people and the custom fields must be there already.",
        FORWARD: "Import leads as well: it adds the tag of the stage, and a note.",
        BACK: "Stages that go back: first take the tags of later stages off these leads, an import only adds. Then import it.",
        SUPPRESSED: "These people objected, or are blocked: empty our custom fields of these leads.",
    }

    def bad_key(self, key: str) -> str | None:
        return None

    def same_key(self, key: str) -> str:
        return key

    def refusal(self, lead: Lead) -> str | None:
        name = self._assignee(lead)
        users = self.declared.picklist(ASSIGNEE) or ()
        return (
            f"unknown picklist value: {name!r} is no user of Nutshell" if name and name not in users else None
        )

    def own(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        cells = own_cells(lead, self.declared, self.shown)
        assigned = {ASSIGNEE: self._assignee(lead)} if self.declared.assignee else {}
        yield LEADS, {LEGACY_ID: lead.key, **cells, **assigned}

    def moves(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        tag = self.declared.tags.at(lead.stage)
        was_set = None if sent is None else sent.stage_set
        if tag is None or was_set == lead.stage:
            return
        before = was_set or lead.previous_stage or STAGES["lead"]
        note = {NOTE: cut(lead.reasons, self.declared.reasons_length)}
        dated = {NOTE_DATE: lead.scored_at} if self.shown.dated else {}
        yield (
            (FORWARD if _place(lead.stage) >= _place(before) else BACK),
            {LEGACY_ID: lead.key, TAG: tag, **note, **dated},
        )

    def emptied(self, key: str) -> Iterator[Placed]:
        yield SUPPRESSED, {LEGACY_ID: key, **no_cells(self.declared, self.shown)}

    def _assignee(self, lead: Lead) -> str | None:
        return lead.held.get(self.declared.assignee, "") or None if self.declared.assignee else None


def _place(stage: str) -> int:
    """Return how far a stage is; Recycled is back at the beginning."""
    names = list(STAGES.values())
    return names.index(stage) if stage != STAGES["recycled"] else 0
