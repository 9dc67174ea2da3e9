"""The view: what sellers, marketers and managers see of a run, and what they say about its leads.

run (read-only) ──> shown ──┐
model, sources ──> asking ──┼──> pages ──> templates          person ──> doors ──> acts ──> ledger
ledger ─────────> desk ─────┘
"""

from lqmodel.web.app import create_app
from lqmodel.web.config import Config
from lqmodel.web.people import ROLES, People, Person
from lqmodel.web.serving import Server

__all__ = ["ROLES", "Config", "People", "Person", "Server", "create_app"]
