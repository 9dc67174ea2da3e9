"""What the ledger holds, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lqmodel.asof import iso
from lqmodel.languages import Language
from lqmodel.ledger.accounts import Given
from lqmodel.ledger.chain import compact
from lqmodel.reasons.words import clean, percent

NOTHING = "the ledger holds nothing of this lead"
WIDTH = 60


def runs_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """List the recorded runs."""
    head = f"{'as of':18} {'run':14} {'model':24} {'scored':>10} {'moved':>8} {'handed over':>12}"
    lines = [
        f"{iso(r['as_of']):18} {r['run_id']:14} {clean(r['model'], 24):24} {r['scored']:>10,} {r['moved']:>8,} {r['handed_over']:>12,}"
        for r in runs
    ]
    return "\n".join([head, *lines])


def lead_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tell a lead's way through the stages, a line for each step."""
    return "\n".join(map(_step, rows)) or NOTHING


def _step(row: Mapping[str, Any]) -> str:
    said = _SAID[row["entry"]](row)
    return f"{iso(row['at' if row['entry'] == 'feedback' else 'as_of']):18} {said}"


def _transition(row: Mapping[str, Any]) -> str:
    cause = f", by {clean(row['cause'], WIDTH)}" if row["cause"] else ""
    return f"{row['from_stage']} → {row['to_stage']}{_chance(row)}{cause}"


def _handoff(row: Mapping[str, Any]) -> str:
    reasons = row["frozen"]["why"].get("up") or []
    texts = "; ".join(clean(reason["text"], WIDTH) for reason in reasons[:3])
    whose = f" to {clean(row['owner'], WIDTH)}" if row["owner"] else ""
    return f"{_HOW[row['kind']]} {row['handoff_id']}{whose}" + (f": {texts}" if texts else "")


def _chance(row: Mapping[str, Any]) -> str:
    if row["probability"] is None:
        return ""
    return f" at {percent(row['probability'])} ({percent(row['low'])} to {percent(row['high'])})"


def _feedback(row: Mapping[str, Any]) -> str:
    told = [clean(row["act"], WIDTH)]
    told += [f"for {clean(row['reason'], WIDTH)}"] if row["reason"] else []
    told += [f"until {iso(row['until'])}"] if row["until"] else []
    told += [f"{item} {'yes' if yes else 'no'}" for item, yes in sorted(row["checklist"].items())]
    told += [f"“{clean(row['note'], WIDTH)}”"] if row["note"] else []
    who = f"{clean(row['person'], WIDTH)}: " if row["person"] else ""
    return who + ", ".join(told)


_HOW = {
    "handoff": "handed over as",
    "joined": "joins its account's handoff, as",
    "sample": "put into the sample as",
}
_SAID = {"transitions": _transition, "handoffs": _handoff, "feedback": _feedback}


def handoffs_text(rows: Sequence[Mapping[str, Any]], now: int) -> str:
    """List recorded handoffs, a line each: what became of it, whose it is, who, how likely."""
    return "\n".join(_handoff_line(row, now) for row in rows) or "no such handoffs"


def given_text(told: Given, language: Language) -> str:
    """Say whose a handed lead is, and until when it is answered; empty where nobody was named."""
    said = [" ".join(clean(name, 24) for name in (told.owner, told.team) if name)]
    if told.joins is not None:
        said.append(language.say("given.joins", lead=clean(told.joins, WIDTH)))
    if told.due_at is not None:
        said.append(language.say("given.due", moment=iso(told.due_at)))
    return ", ".join(part for part in said if part)


def _handoff_line(row: Mapping[str, Any], now: int) -> str:
    whose = " ".join(clean(row[name], 24) for name in ("owner", "team") if row[name]) or "nobody"
    shown = row["frozen"]["why"].get("display") or {}
    who = ", ".join([*(str(v) for v in shown.values() if v), f"({row['lead_id']})"])
    chance = "" if row["probability"] is None else percent(row["probability"])
    day = iso(row["as_of"])[:10]
    return f"{_state(row, now):28} {whose:26} {clean(who, WIDTH):{WIDTH}} {chance:>6}  {row['kind']} of {day}"


def _state(row: Mapping[str, Any], now: int) -> str:
    if row["overdue"]:
        return f"overdue for {_length(now - row['due_at'])}"
    if row["status"] == "open" and row["due_at"] is not None:
        return f"open, {_length(row['due_at'] - now)} left"
    return str(row["status"])


def _length(us: int) -> str:
    hours = us // 3_600_000_000
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def audit_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """List who saw or changed what, a line each; leads stand by their digest."""
    return "\n".join(map(_audit_line, rows)) or "nothing is logged yet"


def _audit_line(row: Mapping[str, Any]) -> str:
    if row["entry"] == "erasures":
        return f"{row['recorded_at']:21} entries {clean(row['seqs'], WIDTH)} were erased, by {row['why']}"
    subject = f" of {row['subject'][:8]}…" if row["subject"] else ""
    detail = " ".join(f"{name}={compact(value)}" for name, value in row["detail"].items())
    return f"{row['at']:21} {clean(row['person'], 24)}: {clean(row['action'], 24)}{subject} {clean(detail, WIDTH)}".rstrip()
