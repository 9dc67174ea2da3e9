"""Each CRM: the names of its own fields, its picklists, and what is set at which stage."""

from __future__ import annotations

from pydantic import Field

from lqmodel.declarations.base import Declared
from lqmodel.declarations.crm import CrmFile
from lqmodel.declarations.crms.dynamics import Dynamics
from lqmodel.declarations.crms.hubspot import HubSpot
from lqmodel.declarations.crms.nutshell import Nutshell
from lqmodel.declarations.crms.salesforce import Salesforce

__all__ = ["Crm", "Dynamics", "HubSpot", "Nutshell", "Salesforce"]


class Crm(Declared):
    """The CRMs that files are written for: `lqmodel export --crm NAME`."""

    hubspot: HubSpot | None = Field(None, description="HubSpot")
    salesforce: Salesforce | None = Field(None, description="Salesforce")
    dynamics: Dynamics | None = Field(None, description="Dynamics 365")
    nutshell: Nutshell | None = Field(None, description="Nutshell")

    def declared(self) -> dict[str, CrmFile]:
        """Return name → declaration of the CRMs that are declared."""
        return {name: given for name in type(self).model_fields if (given := getattr(self, name)) is not None}
