"""`lqmodel init`: a project's declarations guessed from one's own files.

    files ──> tables ──> columns ──> roles ──> label ──> features, horizon, thresholds ──> TOML
              reading    profile     roles     label     columns, activity, clock          writing

Nothing is asked that can be seen, nothing is guessed without being said, and every guess names the flag
that changes it.
"""

from lqmodel.init.answers import ROLES, Answers, Ask, pairs
from lqmodel.init.draft import Guess
from lqmodel.init.guessing import guess
from lqmodel.init.writing import write_project

__all__ = ["ROLES", "Answers", "Ask", "Guess", "guess", "pairs", "write_project"]
