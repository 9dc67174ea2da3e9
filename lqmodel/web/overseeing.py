"""Routes of the pages about all leads, about the model, and about who has access."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response

from lqmodel.errors import LqmodelError
from lqmodel.web.doors import Administers, ChangesPeople, Oversees, Seen, Short, Signed, to
from lqmodel.web.funnelpage import funnel_page, looked_back
from lqmodel.web.modelpage import model_page
from lqmodel.web.nurturepage import NurturePage, audience, nurture_page
from lqmodel.web.people import Session, check_role
from lqmodel.web.usersbook import audit_page, users_page
from lqmodel.web.view import View
from lqmodel.web.words import plainly

router = APIRouter()
Chosen = Annotated[str, Query(max_length=200)]


@router.get("/nurture")
def nurture(view: Seen, signed: Oversees, stage: Chosen = "", step: Chosen = "") -> Response:
    """Whom to nurture, and with what."""
    return view.page("nurture.html", _nurture(view, signed, stage, step), signed.person.language)


@router.get("/nurture/audience.csv")
def audience_file(view: Seen, signed: Oversees, stage: Chosen = "", step: Chosen = "") -> Response:
    """The same leads, as a file for a mailing; that it was taken is written down first."""
    page = _nurture(view, signed, stage, step)
    if not page.groups:
        raise HTTPException(503)
    leads = sum(len(group.near) for group in page.groups if stage in ("", group.stage))
    told = {"leads": leads, "stage": stage, "step": step}
    view.trail.did(signed.person.name, "export", told, view.clock())
    named = {"content-disposition": 'attachment; filename="audience.csv"'}
    return Response(audience(page), media_type="text/csv; charset=utf-8", headers=named)


def _nurture(view: View, signed: Session, stage: str, step: str) -> NurturePage:
    shown, frame = view.shown(), view.frame(signed, "nurture")
    try:
        found = view.asks.nurture(shown.run, frame.language)
    except LqmodelError as error:
        return nurture_page(frame, shown, None, (), refused=plainly(error))
    # asked last: who objected or was erased while it was worked out is on no list
    barred = view.ledger.barred()
    leads = [] if found is None else [help.lead_id for group in found.groups for help in group.helps]
    erased = () if barred.erased is None else barred.erased(leads)
    return nurture_page(frame, shown, found, {*barred.objecting, *erased}, stage, step)


@router.get("/funnel")
def funnel(view: Seen, signed: Oversees) -> Response:
    """Leads by stage and week, what moved, and what became of handoffs."""
    run, now, frame = view.shown().run, view.clock(), view.frame(signed, "funnel")
    runs = looked_back(run)
    since = min((r.as_of for r in runs if r.as_of is not None), default=0)
    moves = view.ledger.moves(run.model_name, since) if view.ledger.exists() else []
    loop, working = view.asks.loop(run, now)
    compared, refused = None, ""
    try:
        compared = view.asks.policies(run)
    except LqmodelError as error:
        refused = plainly(error)
    working = working or (compared is None and not refused)
    page = funnel_page(frame, runs, moves, loop, compared, refused, working=working)
    return view.page("funnel.html", page, frame.language)


@router.get("/model")
def model(view: Seen, signed: Signed) -> Response:
    """The model that made the run."""
    run, frame = view.shown().run, view.frame(signed, "model")
    page = model_page(frame, run, view.asks.bundle(run), view.asks.rivals(run, view.clock()))
    return view.page("model.html", page, frame.language)


@router.get("/users")
def users(view: Seen, signed: Administers) -> Response:
    """Who may sign in."""
    return view.page(
        "users.html", users_page(view.frame(signed, "users"), view.people.all()), signed.person.language
    )


@router.post("/users/role")
def give_role(view: Seen, signed: ChangesPeople, name: Short, role: Short) -> Response:
    """Give somebody another role; one's own stays, so that somebody can always undo it."""
    _check_other(view, signed, name)
    check_role(role)
    view.trail.did(signed.person.name, "role", {"name": name, "role": role}, view.clock())
    view.people.give_role(name, role)
    return to("/users")


@router.post("/users/disable")
def disable(view: Seen, signed: ChangesPeople, name: Short) -> Response:
    """Shut somebody out, at once."""
    _check_other(view, signed, name)
    view.trail.did(signed.person.name, "disable", {"name": name}, view.clock())
    view.people.disable(name)
    return to("/users")


def _check_other(view: View, signed: Session, name: str) -> None:
    if name == signed.person.name:
        raise HTTPException(403)
    if all(person.name != name for person in view.people.all()):
        raise HTTPException(404)


@router.get("/audit")
def audit(view: Seen, signed: Administers, person: Chosen = "") -> Response:
    """Who saw or did what."""
    found = audit_page(view.frame(signed, "audit"), view.trail.latest(person), person)
    return view.page("audit.html", found, signed.person.language)
