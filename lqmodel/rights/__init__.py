"""People's rights over the ledger and the folders that scoring wrote: access, objection, erasure, retention.

lead ──> ledger (rows and salts go, a tombstone stays) ──> runs ──> CRM files ──> acknowledged keys
"""

from lqmodel.rights.access import Access, access
from lqmodel.rights.checks import audit_log, changed_runs, checked
from lqmodel.rights.erasure import Erasure, erase
from lqmodel.rights.objection import object_to, strangers
from lqmodel.rights.retention import purge

__all__ = [
    "Access",
    "Erasure",
    "access",
    "audit_log",
    "changed_runs",
    "checked",
    "erase",
    "object_to",
    "purge",
    "strangers",
]
