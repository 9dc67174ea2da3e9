"""Routes of coming and going: sign in, sign out, in which language one reads."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from lqmodel.languages import Language
from lqmodel.languages.language import NAMES
from lqmodel.web import guard
from lqmodel.web.doors import Seen, Short, Writes, to
from lqmodel.web.frame import Frame
from lqmodel.web.people import MOST
from lqmodel.web.view import View, spoken_by

router = APIRouter()


@router.get("/")
def start() -> Response:
    """Everybody's first page is their worklist."""
    return to("/handoffs")


@router.get("/login")
def login(request: Request, view: Seen) -> Response:
    """Show the form."""
    return _login(view, request, "", 200)


@router.post("/login")
def sign_in(
    request: Request, view: Seen, name: Short = "", password: Short = "", csrf: Short = ""
) -> Response:
    """Open a session; a name that is not there is told from a wrong password by nothing."""
    sent = request.cookies.get(view.login_cookie, "")
    same = secrets.compare_digest(csrf.encode(), sent.encode())
    if not guard.from_here(request) or not sent or not same:
        raise HTTPException(403)
    host = request.client.host if request.client else ""
    # the host first: whoever tries too much from one place locks nobody out of the others
    tries = view.logins_by_host.allows(host) and view.logins.allows(name, host)
    if not tries or not view.logins_by_name.allows(name):
        raise HTTPException(429)
    key = view.people.sign_in(name, password[:MOST], view.clock())
    if key is None:
        return _login(view, request, "web.no_entry", 401)
    view.people.sign_out(request.cookies.get(view.cookie, ""))  # whoever was signed in here is not any more
    response = to("/handoffs")
    view.set_cookie(response, view.cookie, key)
    view.drop_cookie(response, view.login_cookie)
    return response


@router.post("/logout")
def sign_out(request: Request, view: Seen, signed: Writes) -> Response:
    """End the session."""
    view.people.sign_out(request.cookies.get(view.cookie, ""))
    response = to("/login")
    view.drop_cookie(response, view.cookie)
    return response


@router.post("/language")
def speak(view: Seen, signed: Writes, language: Short) -> Response:
    """Keep in which language somebody reads."""
    if language not in NAMES:
        raise HTTPException(400)
    view.people.speak(signed.person.name, Language.of(language))
    return to("/handoffs")


def _login(view: View, request: Request, notice: str, status: int) -> Response:
    language = spoken_by(request)
    token = request.cookies.get(view.login_cookie) or secrets.token_urlsafe(24)
    said = language.say(notice) if notice else ""
    response = view.page("login.html", Frame(language, csrf=token, notice=said), language, status)
    view.set_cookie(response, view.login_cookie, token)
    return response
