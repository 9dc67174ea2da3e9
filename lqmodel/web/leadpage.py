"""A lead, readable in ten seconds: how likely, why, what changed, what was done, and what may be wrong."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lqmodel.declarations import from_microseconds, to_microseconds
from lqmodel.languages import Language
from lqmodel.ledger import Spoken
from lqmodel.ledger.answers import UNDOES, standing
from lqmodel.reasons.explanation import LeadExplanation, Reason
from lqmodel.scores import SCORED
from lqmodel.stages import LEAD, MQL, STAGES
from lqmodel.web.acts import NOTHING, Said
from lqmodel.web.asking import Asks
from lqmodel.web.board import Handed
from lqmodel.web.desk import who
from lqmodel.web.frame import Frame
from lqmodel.web.people import Person
from lqmodel.web.shown import Shown, named
from lqmodel.web.words import chance, chance_then, day, waits_for

NURTURED = (STAGES[LEAD], STAGES[MQL])
"""Stages from which the model moves a lead up: there something can help."""
ENTRIES = 30
"""Entries of a lead's history that its page shows: the newest."""


@dataclass(frozen=True)
class Why:
    """One reason: its words, its effect on the odds, and whether somebody can change it."""

    text: str
    usual: str
    effect: str
    actionable: bool


@dataclass(frozen=True)
class Entry:
    """One line of a lead's history; ``undo`` is the token of an act that its reader may take back."""

    when: str
    what: str
    detail: str
    person: str
    undone: bool
    undo: str


@dataclass(frozen=True)
class Did:
    """One thing that the lead did: when, what, and the source that says so, where there are several."""

    when: str
    what: str
    text: str


@dataclass(frozen=True)
class LeadPage:
    """Context of lead.html.

    Attributes
    ----------
    frame : Frame
    lead_id, who, stage, status, owner, due : str
    overdue : bool
    colleagues : tuple of (str, str, str)
        Other handed leads of the account: id, who, and what became of the handoff.
    chance, interval, trend : str
        Of the run that is shown.
    chance_then : str
        As it was frozen at the handoff, where that reads otherwise.
    up, down : tuple of Why
        As they were frozen at the handoff, the strongest first.
    said_in : str
        The language of reasons and what changed: the reader's, else the one in which they were frozen.
    told_on, told_by : str
        The day of that handoff, and the model that told them where it is another one than made the run.
    told_up, told_down, changed : str
        What the run says for, against, and of what changed; where no handoff was frozen.
    changed_in : str
        Its language.
    picture : str
        The waterfall, as SVG; empty without a handoff.
    moves : tuple of str
        What changed before the handoff, in words.
    headline : str
    entries : tuple of Entry
        The newest first.
    did : tuple of Did
        What it did, as far as the project shows it; the newest first.
    fresh : tuple of (str, str)
        Source and when its newest fact was known.
    help : tuple of str
        What would help it to its next stage, a line for each way; empty until it is asked for.
    may_help : bool
        Whether that can be asked for.
    help_refused : str
        Why it could not be worked out.
    unknown : tuple of str
        Reasons that rest on something missing.
    doubts : tuple of str
        What the run itself says may be off.
    as_of, model, agreement : str
    unsigned : str
        Teams that have yet to sign the agreement.
    reasons, checklist : tuple of str
        What a rejection and a qualification may name.
    acts : bool
        Whether the reader may answer.
    draft : Said
        What was sent and not taken: it stands in the form again.
    token, seen
        Of the form: what makes it count once, and the last entry that it shows.
    """

    frame: Frame
    lead_id: str
    who: str
    stage: str
    status: str
    owner: str
    due: str
    overdue: bool
    colleagues: tuple[tuple[str, str, str], ...]
    chance: str
    interval: str
    trend: str
    chance_then: str
    up: tuple[Why, ...]
    down: tuple[Why, ...]
    said_in: str
    told_on: str
    told_by: str
    told_up: str
    told_down: str
    changed: str
    changed_in: str
    picture: str
    headline: str
    moves: tuple[str, ...]
    entries: tuple[Entry, ...]
    did: tuple[Did, ...]
    fresh: tuple[tuple[str, str], ...]
    help: tuple[str, ...]
    may_help: bool
    help_refused: str
    unknown: tuple[str, ...]
    doubts: tuple[str, ...]
    as_of: str
    model: str
    agreement: str
    unsigned: str
    reasons: tuple[str, ...]
    checklist: tuple[str, ...]
    acts: bool
    draft: Said
    token: str
    seen: int


def lead_page(
    frame: Frame,
    person: Person,
    lead_id: str,
    shown: Shown,
    handed: Handed | None,
    colleagues: Sequence[Handed],
    history: Sequence[Mapping[str, Any]],
    spoken: Spoken,
    asks: Asks,
    *,
    help_refused: str = "",
    draft: Said = NOTHING,
) -> LeadPage:
    """Put together all that a person may know of a lead; ``history`` as of `Ledger.of_lead`."""
    language, run = frame.language, shown.run
    now = shown.brief(lead_id)
    frozen = next((h for h in reversed(history) if h["entry"] == "handoffs"), None)
    why = {} if frozen is None else frozen["frozen"]["why"]
    worded = None if frozen is None else asks.worded(run, frozen, language)
    told = None if worded is None else LeadExplanation.from_json(worded)
    told_of = shown.told(lead_id)
    help = asks.help_known(run, lead_id, language)
    odds, interval = chance(frozen or {} if now.probability is None else vars(now), language)
    change = (worded or {}).get("change") or {}
    is_shown = bool(change) and frozen is not None and frozen["run_id"] == run.run_id
    unfrozen = () if told else ("reasons_up", "reasons_down")
    texts = shown.texts(lead_id, *unfrozen, *(() if is_shown else ("reasons_changed",)))
    said_in = run.language.name if told is None else told.language.name
    sides = [tuple(_why(r) for r in side) for side in ((told.up, told.down) if told else ((), ()))]
    return LeadPage(
        frame=frame,
        lead_id=lead_id,
        who=named(told_of, lead_id) if any(r["at"] is None for r in told_of) else who(why, lead_id),
        stage=now.stage,
        status="" if handed is None else handed.status,
        owner="" if handed is None else handed.owner or "",
        due="" if handed is None or handed.due_at is None else day(handed.due_at, language),
        overdue=handed is not None and handed.overdue,
        colleagues=tuple((h.lead_id, h.who, h.status) for h in colleagues),
        chance=odds,
        interval=interval,
        trend=now.trend,
        chance_then=chance_then(vars(now), frozen, language),
        up=sides[0],
        down=sides[1],
        said_in=said_in,
        told_on="" if told is None or told.as_of is None else day(told.as_of, language),
        told_by="" if frozen is None or frozen["bundle"] == run.bundle_version else str(frozen["bundle"]),
        told_up="" if told else texts["reasons_up"] or str(why.get("reasons_up") or ""),
        told_down="" if told else texts["reasons_down"] or str(why.get("reasons_down") or ""),
        changed=str(change["text"]) if is_shown else texts["reasons_changed"],
        changed_in=said_in if is_shown else run.language.name,
        picture="" if told is None or frozen is None else asks.picture(frozen["seq"], told),
        headline=str(change.get("headline", "")),
        moves=tuple(f"{m['text']} ({m['before']})" for m in (*change.get("up", ()), *change.get("down", ()))),
        entries=_entries(history, person, run.as_of or 0, language),
        did=_did([r for r in told_of if r["at"] is not None]),
        fresh=tuple(
            (source, day(to_microseconds(at, None), language) if at else "–")
            for source, at in sorted(run.manifest["cutoffs"].items())
        ),
        help=() if help is None else tuple(help.lines()),
        help_refused=help_refused,
        may_help=now.status == SCORED and now.stage in NURTURED and asks.bundle(run) is not None,
        unknown=tuple(r.text for r in (*told.up, *told.down) if r.value is None) if told else (),
        doubts=tuple(run.manifest["notices"]),
        as_of="" if run.as_of is None else day(run.as_of, language),
        model=run.bundle_version,
        agreement=str(run.manifest["agreement"] or ""),
        unsigned=waits_for(run, language),
        reasons=spoken.reasons or (),
        checklist=spoken.checklist or (),
        acts=person.acts and frozen is not None,
        draft=draft,
        token=secrets.token_urlsafe(18),
        seen=max((int(h["seq"]) for h in history), default=0),
    )


def _why(reason: Reason) -> Why:
    return Why(reason.text, reason.usual, reason.effect, reason.actionable)


def _did(rows: Sequence[Mapping[str, Any]]) -> tuple[Did, ...]:
    several = len({r["what"] for r in rows}) > 1
    return tuple(Did(_when(r["at"]), r["what"] if several else "", r["text"].replace("_", " ")) for r in rows)


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _entries(
    history: Sequence[Mapping[str, Any]], person: Person, followed: int, language: Language
) -> tuple[Entry, ...]:
    """Return the newest lines; what a run has followed, which looked at ``followed``, is not taken back."""
    stand = {row["token"] for row in standing([h for h in history if h["entry"] == "feedback"])}
    told = []
    for row in reversed(history[-ENTRIES:]):
        if row["entry"] == "transitions":
            what, said = f"{row['from_stage']} → {row['to_stage']}", ""
            detail = str(row["cause"] or "").replace("_", " ")
        elif row["entry"] == "handoffs":
            what, detail, said = language.say("web.handed_over"), row["owner"] or "", ""
        else:
            what, said = language.say(f"web.did_{row['act']}"), row["person"] or ""
            detail = " · ".join(str(v) for v in (row["reason"], row["note"]) if v)
        acted = row["entry"] == "feedback" and not str(row["token"]).startswith(UNDOES)
        undone = acted and row["token"] not in stand
        may = acted and not undone and row["person"] == person.name and row["known_at"] >= followed
        at = row["at"] if row["entry"] == "feedback" else row["as_of"]
        when = _when(from_microseconds(at))
        told.append(Entry(when, what, detail, said, undone, row["token"] if may else ""))
    return tuple(told)
