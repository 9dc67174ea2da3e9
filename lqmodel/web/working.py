"""Routes of daily work: the worklist, a lead, what would help it, and what is said about it."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query
from fastapi.responses import Response

from lqmodel.errors import LqmodelError, Refused
from lqmodel.web.acts import NOTHING, Said, say, undo, why_not
from lqmodel.web.doors import Answers, Seen, Short, Signed, Text, to
from lqmodel.web.leadpage import lead_page
from lqmodel.web.people import Session
from lqmodel.web.view import View
from lqmodel.web.words import plainly
from lqmodel.web.worklist import SORTS, Wanted, worklist

NOTICES: Final = ("done", "undone")
router = APIRouter()
LeadId = Annotated[str, Query(max_length=200)]
Chosen = Annotated[str, Query(max_length=200)]


def _wanted(
    status: Chosen = "",
    owner: Chosen = "",
    stage: Chosen = "",
    segment: Chosen = "",
    changed: Chosen = "",
    q: Chosen = "",
    sort: Chosen = SORTS[0],
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Wanted:
    return Wanted(status, owner, stage, segment, changed, q, sort, page)


@router.get("/handoffs")
def handoffs(view: Seen, signed: Signed, wanted: Annotated[Wanted, Depends(_wanted)]) -> Response:
    """One page of the handoffs that a person may see."""
    now, frame = view.clock(), view.frame(signed, "handoffs")
    board = view.desk.handed(now)
    found = worklist(frame, signed.person, board, view.shown(), wanted, now, view.asks, view.cuts)
    return view.page("worklist.html", found, signed.person.language)


@router.get("/lead")
def lead(view: Seen, signed: Signed, id: LeadId, done: Annotated[str, Query(max_length=20)] = "") -> Response:
    """All that a person may know of a lead."""
    return _lead(view, signed, id, notice=f"web.{done}" if done in NOTICES else "")


@router.get("/lead/help")
def help_lead(view: Seen, signed: Signed, id: LeadId) -> Response:
    """The same, with what would help it: that is worked out from the sources, which takes a moment."""
    shown, language = view.shown(), signed.person.language
    mine = view.desk.handed(view.clock()).owned(signed.person, id)
    if not mine or not shown.holds(id) or view.asks.bundle(shown.run) is None:
        raise HTTPException(404)
    if not view.helps.allows(signed.person.name):
        raise HTTPException(429)
    try:
        view.asks.help(shown.run, id, language)
    except LqmodelError as error:
        return _lead(view, signed, id, 409, help_refused=plainly(error))
    return _lead(view, signed, id)


@router.post("/lead/act")
def act(
    view: Seen,
    signed: Answers,
    lead_id: Short,
    act: Short,
    token: Short,
    seen: Annotated[int, Form(ge=0, le=2**53)],
    reason: Short = "",
    note: Text = "",
    days: Annotated[int, Form(ge=0, le=365)] = 0,
    item: Annotated[list[str], Form(max_length=50)] = [],  # noqa: B006
) -> Response:
    """Answer a lead."""
    said = Said(lead_id, act, token, seen, reason, note, days, tuple(item))
    try:
        say(view.ledger, signed.person, said, view.config.spoken, view.clock())
    except Refused as refused:
        return _lead(view, signed, lead_id, 409, refused=refused, draft=said)
    return to(f"/lead?{urlencode({'id': lead_id, 'done': 'done'})}")


@router.post("/lead/undo")
def take_back(view: Seen, signed: Answers, lead_id: Short, token: Short) -> Response:
    """Take an act of one's own back."""
    try:
        undo(view.ledger, signed.person, lead_id, token, view.config.spoken, view.clock())
    except Refused as refused:
        return _lead(view, signed, lead_id, 409, refused=refused)
    return to(f"/lead?{urlencode({'id': lead_id, 'done': 'undone'})}")


def _lead(
    view: View,
    signed: Session,
    lead_id: str,
    status: int = 200,
    *,
    notice: str = "",
    refused: Refused | None = None,
    draft: Said | None = None,
    help_refused: str = "",
) -> Response:
    now, person, shown = view.clock(), signed.person, view.shown()
    # in this order: what the page says of the handoff is no older than the history beside it
    history = view.ledger.of_lead(lead_id) if view.ledger.exists() else []
    board = view.desk.handed(now)
    if not board.owned(person, lead_id):
        raise HTTPException(404)
    if not history and not shown.holds(lead_id):
        raise HTTPException(404)
    view.trail.saw(person.name, lead_id, shown.run.bundle_version, now)
    said = person.language.say(notice) if notice else ""
    if refused is not None:
        said = why_not(refused, draft, history, person.language)
    frame = view.frame(signed, "handoffs", said)
    page = lead_page(
        frame,
        person,
        lead_id,
        shown,
        board.get(lead_id),
        board.colleagues(person, lead_id),
        history,
        view.config.spoken,
        view.asks,
        help_refused=help_refused,
        draft=draft or NOTHING,
    )
    return view.page("lead.html", page, person.language, status)
