"""CRMs: one small module each, pure mappings. No network: files go out, exports come in."""

from lqmodel.crm.cells import write_sheet
from lqmodel.crm.dynamics import DynamicsTarget
from lqmodel.crm.hubspot import HubSpotTarget
from lqmodel.crm.leads import SENT, Lead, Sent, link, read_sent, sent_table
from lqmodel.crm.nutshell import NutshellTarget
from lqmodel.crm.plan import Change, Plan, Reject, plan
from lqmodel.crm.recognising import Recognised, recognise
from lqmodel.crm.salesforce import SalesforceTarget
from lqmodel.crm.target import Shown, Target
from lqmodel.crm.telling import load_steps, summary, to_json, to_text
from lqmodel.declarations.crms import Dynamics, HubSpot, Nutshell, Salesforce

__all__ = [
    "SENT",
    "Change",
    "Lead",
    "Plan",
    "Recognised",
    "Reject",
    "Sent",
    "Shown",
    "Target",
    "link",
    "load_steps",
    "plan",
    "read_sent",
    "recognise",
    "sent_table",
    "summary",
    "target_of",
    "to_json",
    "to_text",
    "write_sheet",
]


def target_of(declared: HubSpot | Salesforce | Dynamics | Nutshell, shown: Shown) -> Target:
    """Return what turns leads into rows of a CRM's files, as declared."""
    match declared:
        case HubSpot():
            return HubSpotTarget(declared, shown)
        case Salesforce():
            return SalesforceTarget(declared, shown)
        case Dynamics():
            return DynamicsTarget(declared, shown)
        case Nutshell():
            return NutshellTarget(declared, shown)
