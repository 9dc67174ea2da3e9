"""The tables of the ledger.

`chain` has one row per entry, forever. What an entry says stands in the table that it names, under the same
`seq`, with a salt of its own: erasure takes that row away, and the chain still holds.

Moments are int64 microseconds UTC; `frozen` is JSON, as it was.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()
HEX = String(64)

CHAIN = Table(
    "chain",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("part", String(32), nullable=False),  # the table that holds what the entry says
    Column("commitment", HEX, nullable=False),  # SHA-256 of salt, part and row
    Column("link", HEX, nullable=False),  # SHA-256 of the link before, seq, part and commitment
    comment="Grain: one row per entry. Key: seq. Never changed, never taken away.",
)


def _part(name: str, comment: str, *columns: Column[str] | Column[int] | Column[float] | Index) -> Table:
    """Declare a table whose rows are entries of the chain."""
    return Table(
        name,
        METADATA,
        Column("seq", BigInteger, ForeignKey("chain.seq"), primary_key=True, autoincrement=False),
        Column("salt", String(32), nullable=False),
        *columns,
        comment=comment,
    )


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _moment(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _number(name: str) -> Column[float]:
    return Column(name, Double, nullable=True)


def _lead() -> tuple[Column[str] | Column[int], ...]:
    """Whom a row speaks of: model, lead, and which time it is worked."""
    return _text("model"), _text("lead_id"), Column("episode", Integer, nullable=False)


def _chance() -> tuple[Column[str] | Column[float], ...]:
    """The probability (0 to 1), its interval, the score (0 to 100) and the band; null where points scored."""
    return _number("probability"), _number("low"), _number("high"), _number("score"), _text("band", null=True)


GENESIS = _part(
    "genesis",
    "Grain: one row, the first entry. What this ledger is.",
    _text("ledger_id"),
    _text("pepper"),  # keys the digests of leads
    Column("layout", Integer, nullable=False),
    _moment("recorded_at"),
)

RUNS = _part(
    "runs",
    "Grain: one row per recorded run. Key: run_id.",
    Column("run_id", Text, nullable=False, unique=True),
    _text("model"),
    _moment("as_of"),
    _text("bundle"),
    _text("policy"),
    _text("agreement", null=True),
    _text("manifest"),  # SHA-256 of the run's manifest, hence of every file of the run
    _text("inputs"),
    _text("cutoffs"),  # JSON: source, and when its newest fact became known
    _text("previous_run", null=True),
    Column("scored", Integer, nullable=False),
    Column("moved", Integer, nullable=False),
    Column("handed_over", Integer, nullable=False),
    _moment("recorded_at"),
)

TRANSITIONS = _part(
    "transitions",
    "Grain: one row per lead and run that moved it to another stage. Key: run_id, model, lead_id.",
    _text("run_id"),
    *_lead(),
    _moment("as_of"),
    _text("from_stage"),
    _text("to_stage"),
    _text("cause", null=True),
    *_chance(),
    _text("frozen"),
    Index("transitions_lead", "model", "lead_id", "seq"),
    Index("transitions_run", "run_id"),
)

HANDOFFS = _part(
    "handoffs",
    "Grain: one row per lead that a run hands over, or puts into the sample. Key: handoff_id, a hash of run and lead under the pepper.",
    Column("handoff_id", Text, nullable=False, unique=True),
    _text("kind"),  # handoff; joined: the account is in sales' hands already; sample: below the threshold
    _text("joins", null=True),  # the handoff of the account that a joined one belongs to
    _text("run_id"),
    *_lead(),
    _text("account", null=True),
    _moment("as_of"),
    _moment("recorded_at"),
    _text("owner", null=True),
    _text("team", null=True),
    _moment("due_at", null=True),  # until when sales answers
    _moment("wakes_at", null=True),  # until when it rests with marketing, if sales does not
    _text("cause"),
    *_chance(),
    _text("bundle"),
    _text("policy"),
    _text("agreement", null=True),
    _text("frozen"),
    Index("handoffs_lead", "lead_id", "seq"),
    Index("handoffs_account", "account"),
    Index("handoffs_owner", "owner", "seq"),
)

FEEDBACK = _part(
    "feedback",
    "Grain: one row per act of a person about a lead. Key: token.",
    Column("token", Text, nullable=False, unique=True),  # what makes twice the same once
    *_lead(),
    _text("handoff_id", null=True),  # what it answers
    _text("act"),
    _moment("at"),  # when it was done
    _moment("known_at"),  # when the ledger learned of it
    _text("reason", null=True),
    _moment("until", null=True),
    _text("checklist"),  # JSON: item → whether the answer is yes
    _text("note", null=True),
    _text("person", null=True),
    Index("feedback_lead", "lead_id", "seq"),
)

REWRITES = _part(
    "rewrites",
    "Grain: one row per run that was rewritten without an erased lead. Key: run_id, after.",
    _text("run_id"),
    _text("before"),  # SHA-256 of its manifest
    _text("after"),
    _moment("recorded_at"),
    Index("rewrites_run", "run_id", "seq"),
)

TOMBSTONES = _part(
    "tombstones",
    "Grain: one row per lead that was erased and may not come back. Key: digest.",
    Column("digest", String(32), nullable=False, unique=True),  # of the lead, keyed by the pepper
    _moment("recorded_at"),
)

ERASURES = _part(
    "erasures",
    "Grain: one row per erasure. What is missing in the other tables must stand here.",
    _text("why"),  # right, or retention
    _text("rows"),  # JSON: table → how many
    _text("seqs"),  # which entries, as ranges: 4-6,9
    _moment("recorded_at"),
)

AUDIT = _part(
    "audit",
    "Grain: one row per time that somebody saw or changed something.",
    _moment("at"),
    _text("person"),
    _text("action"),
    Column("subject", String(32), nullable=True),  # digest of the lead, keyed by the pepper
    _text("version", null=True),  # of the bundle whose answer was seen
    _text("detail"),  # JSON
    Index("audit_subject", "subject", "seq"),
)

PARTS: dict[str, Table] = {
    t.name: t for t in (ERASURES, GENESIS, RUNS, REWRITES, TOMBSTONES, TRANSITIONS, HANDOFFS, FEEDBACK, AUDIT)
}
"""Table name → table, of all that the chain may name."""
