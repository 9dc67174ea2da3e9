"""Runs compared, handoffs frozen, and what people did about them: a store that is only ever appended to.

run ──> recording (comparing, handing) ──┐
people ──> feedback ──────────────────────┴──> chain ──> store: SQLite, or PostgreSQL for teams
"""

from lqmodel.ledger.answers import STATUSES
from lqmodel.ledger.feedback import Feedback, Spoken, Taken
from lqmodel.ledger.feedbackfile import FeedbackFile, read_feedback, write_rejects
from lqmodel.ledger.ledger import Ledger
from lqmodel.ledger.outcomes import won_within
from lqmodel.ledger.recording import Recorded
from lqmodel.ledger.report import LoopReport
from lqmodel.ledger.verifying import Verified

__all__ = [
    "STATUSES",
    "Feedback",
    "FeedbackFile",
    "Ledger",
    "LoopReport",
    "Recorded",
    "Spoken",
    "Taken",
    "Verified",
    "read_feedback",
    "won_within",
    "write_rejects",
]
