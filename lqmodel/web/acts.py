"""What a person does on a page → one entry of the ledger, however often it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lqmodel.errors import Refused, UsageError
from lqmodel.languages import Language
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.ledger.answers import UNDOES, UNDONE
from lqmodel.web.people import Person
from lqmodel.web.words import plainly

OFFERED: Final = ("accepted", "rejected", "qualified", "worked", "snoozed", "suppressed")
"""Acts of the lead page; undo is its own."""
LONGEST: Final = 2_000
DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Said:
    """One form of the lead page, as it was sent.

    Attributes
    ----------
    lead_id, act, token : str
        The token is the form's own: sent twice, it counts once.
    seen : int
        The last entry of the ledger that the page showed.
    reason, note : str
        Empty: none.
    days : int
        For how long it is snoozed; 0: not said.
    checklist : tuple of str
        The items that were answered with yes.
    """

    lead_id: str
    act: str
    token: str
    seen: int
    reason: str = ""
    note: str = ""
    days: int = 0
    checklist: tuple[str, ...] = ()


NOTHING: Final = Said("", "", "", 0)
"""A form that was not sent yet."""


def say(ledger: Ledger, person: Person, said: Said, spoken: Spoken, now: int) -> None:
    """Append what a person did about a lead that they may answer.

    Raises
    ------
    UsageError
        It is nothing that can be said.
    Refused
        Somebody else said something meanwhile, or the ledger does not take it.
    """
    if said.act not in OFFERED:
        raise UsageError(f"no act {said.act!r}", exists=OFFERED, do="use the buttons of the page")
    items = spoken.checklist or ()
    checklist = {item: item in said.checklist for item in items} if said.act == "qualified" else {}
    feedback = Feedback(
        said.lead_id,
        said.act,
        now,
        reason=said.reason or None if said.act == "rejected" else None,
        until=now + said.days * DAY if said.act == "snoozed" and said.days > 0 else None,
        checklist=checklist,
        note=said.note[:LONGEST].strip() or None,
        person=person.name,
        token=_token(said.token),
    )
    _append(ledger, feedback, spoken, now, said.seen)


def undo(ledger: Ledger, person: Person, lead_id: str, token: str, spoken: Spoken, now: int) -> None:
    """Take back an act of one's own that no run has followed yet.

    Raises
    ------
    Refused
        It is not theirs, or a run has looked at it since.
    """
    history = ledger.of_lead(lead_id)
    acts = {row["token"]: row for row in history if row["entry"] == "feedback"}
    act = acts.get(token)
    if act is None or act["person"] != person.name or act["act"] == UNDONE:
        raise Refused("this act is not yours to take back", do="say what is right now by a new one")
    if any(run["as_of"] > act["known_at"] for run in ledger.runs()):
        raise Refused("a run has followed this act since", do="say what is right now by a new one")
    taken = Feedback(lead_id, UNDONE, now, model=act["model"], episode=act["episode"], person=person.name)
    _append(ledger, replace(taken, token=UNDOES + token), spoken, now, None)


def why_not(
    refused: Refused, said: Said | None, history: Sequence[Mapping[str, Any]], language: Language
) -> str:
    """Say why an act was not taken: who was faster, in the reader's language, or what is amiss.

    Parameters
    ----------
    refused : Refused
    said : Said or None
        What was sent; None where an act was to be taken back.
    history : sequence of dict
        As of `Ledger.of_lead`.
    language : Language
    """
    seen = None if said is None else said.seen
    newer = [row for row in history if row["entry"] == "feedback" and seen is not None and row["seq"] > seen]
    if not newer:
        return plainly(refused)
    last = newer[-1]
    who, act = last["person"] or language.say("web.somebody"), language.say(f"web.did_{last['act']}")
    return language.say("web.meanwhile", person=who, act=act)


def _token(token: str) -> str:
    if not 16 <= len(token) <= 64 or token.startswith(UNDOES):
        raise UsageError("the form has no token", do="open the page again")
    return token


def _append(ledger: Ledger, feedback: Feedback, spoken: Spoken, now: int, seen: int | None) -> None:
    """Append an act; one that stands there under its token already was sent twice, and is done."""
    taken = ledger.say([feedback], spoken, now, seen)
    if not taken.aside:
        return
    same = (feedback.token, feedback.act, feedback.person)
    held = (r for r in ledger.of_lead(feedback.lead_id) if r["entry"] == "feedback")
    if not any((r["token"], r["act"], r["person"]) == same for r in held):
        raise Refused(taken.aside[0].why, do="mend it, and send it again")
