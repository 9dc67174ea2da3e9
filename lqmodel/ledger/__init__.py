"""Runs compared, handoffs frozen, and what people did about them: a store that is only ever appended to.

scores ──> night ──> run ──> recording (comparing) ──> chain ──> store: SQLite, or PostgreSQL for teams
"""

from lqmodel.ledger.ledger import Ledger
from lqmodel.ledger.night import Night
from lqmodel.ledger.recording import Recorded
from lqmodel.ledger.verifying import Verified

__all__ = ["Ledger", "Night", "Recorded", "Verified"]
