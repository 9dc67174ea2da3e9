"""What a request passes before its route: a session, a form of ours, a lead or a page that is theirs."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse

from lqmodel.web import guard
from lqmodel.web.acts import LONGEST
from lqmodel.web.people import ADMIN, Session
from lqmodel.web.view import View

Text = Annotated[str, Form(max_length=LONGEST)]
Short = Annotated[str, Form(max_length=200)]


def view_of(request: Request) -> View:
    """Return what the routes of this app share."""
    found: View = request.app.state.view
    return found


Seen = Annotated[View, Depends(view_of)]


def signed(request: Request, view: Seen) -> Session:
    """Let through who has signed in."""
    found = view.people.session(request.cookies.get(view.cookie, ""), view.clock())
    if found is None:
        raise HTTPException(401)
    return found


Signed = Annotated[Session, Depends(signed)]


def overseeing(signed: Signed) -> Session:
    """Let through who may see all leads."""
    if not signed.person.sees_all:
        raise HTTPException(403)
    return signed


Oversees = Annotated[Session, Depends(overseeing)]


def administering(signed: Signed) -> Session:
    """Let through who may see who has access."""
    if signed.person.role != ADMIN:
        raise HTTPException(403)
    return signed


Administers = Annotated[Session, Depends(administering)]


def written(request: Request, signed: Signed, view: Seen, csrf: Short = "") -> Session:
    """Let through a form that a page of this session sent, not too often."""
    if not guard.from_here(request) or not secrets.compare_digest(csrf.encode(), signed.csrf.encode()):
        raise HTTPException(403)
    if not view.acts.allows(signed.person.name):
        raise HTTPException(429)
    return signed


Writes = Annotated[Session, Depends(written)]


def changing_people(signed: Writes) -> Session:
    """Let through an administrator's form."""
    return administering(signed)


ChangesPeople = Annotated[Session, Depends(changing_people)]


def answered(signed: Writes, view: Seen, lead_id: Short) -> Session:
    """Let through who may see and answer this lead; to others it is not there."""
    if not view.desk.handed(view.clock()).owned(signed.person, lead_id):
        raise HTTPException(404)
    if not signed.person.acts:
        raise HTTPException(403)
    return signed


Answers = Annotated[Session, Depends(answered)]


def to(address: str) -> RedirectResponse:
    """Send a browser to another page, to be read there."""
    return RedirectResponse(address, 303)
