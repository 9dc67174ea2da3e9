"""The routes: each checks who asks, calls the library, and renders one context. Nothing is computed here."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.middleware.trustedhost import TrustedHostMiddleware

from lqmodel.errors import LqmodelError, Refused
from lqmodel.languages import ENGLISH, Language
from lqmodel.languages.language import NAMES, meant_by
from lqmodel.ledger import Ledger
from lqmodel.web import guard
from lqmodel.web.acts import LONGEST, Said, say, undo
from lqmodel.web.config import Config
from lqmodel.web.desk import Desk
from lqmodel.web.frame import Failure, Frame
from lqmodel.web.leadpage import lead_page
from lqmodel.web.people import ABSOLUTE, ADMIN, MOST, People, Session
from lqmodel.web.shown import Follows
from lqmodel.web.trail import Trail
from lqmodel.web.usersbook import users_page
from lqmodel.web.worklist import Wanted, worklist

HERE: Final = Path(__file__).parent
NOTICES: Final = ("done", "undone")
Text = Annotated[str, Form(max_length=LONGEST)]
Short = Annotated[str, Form(max_length=200)]
Clock = Callable[[], int]


def right_now() -> int:
    """Return this moment, in microseconds UTC."""
    return time.time_ns() // 1000


def create_app(config: Config, ledger: Ledger, clock: Clock = right_now) -> FastAPI:
    """Make the view of one folder of runs.

    Parameters
    ----------
    config : Config
    ledger : Ledger
        Where handoffs stand, and where acts, people and sessions go.
    clock : callable
        Gives microseconds UTC.

    Raises
    ------
    NoInput, BadData
        There is no run, or it was changed.
    """
    app = FastAPI(title="lqmodel", docs_url=None, redoc_url=None, openapi_url=None)
    view = _View(config, ledger, clock)
    view.shown()  # an error of the run is told at the start, not to the first reader
    cookie = "__Host-lqmodel" if config.secure else "lqmodel"
    login_cookie = f"{cookie}-login"

    def session(request: Request) -> Session:
        found = view.people.session(request.cookies.get(cookie, ""), clock())
        if found is None:
            raise HTTPException(401)
        return found

    Signed = Annotated[Session, Depends(session)]

    def written(request: Request, signed: Signed, csrf: Short = "") -> Session:
        if not guard.from_here(request) or not secrets.compare_digest(csrf.encode(), signed.csrf.encode()):
            raise HTTPException(403)
        if not view.acts.allows(signed.person.name):
            raise HTTPException(429)
        return signed

    Writes = Annotated[Session, Depends(written)]

    def answered(signed: Writes, lead_id: Short) -> Session:
        """Let through who may see and answer this lead; to others it is not there."""
        if not view.desk.owns(signed.person, lead_id, clock()):
            raise HTTPException(404)
        if not signed.person.acts:
            raise HTTPException(403)
        return signed

    Answers = Annotated[Session, Depends(answered)]

    def set_cookie(response: Response, name: str, value: str) -> None:
        age = ABSOLUTE // 1_000_000
        response.set_cookie(
            name, value, max_age=age, httponly=True, secure=config.secure, samesite="lax", path="/"
        )

    @app.get("/")
    def start() -> Response:
        return _to("/handoffs")

    @app.get("/login")
    def login(request: Request) -> Response:
        return _login(view, request, login_cookie, set_cookie, "", 200)

    @app.post("/login")
    def sign_in(request: Request, name: Short = "", password: Short = "", csrf: Short = "") -> Response:
        sent = request.cookies.get(login_cookie, "")
        if (
            not guard.from_here(request)
            or not sent
            or not secrets.compare_digest(csrf.encode(), sent.encode())
        ):
            raise HTTPException(403)
        host = request.client.host if request.client else ""
        if not view.logins.allows("name", name) or not view.logins_by_host.allows("host", host):
            raise HTTPException(429)
        key = view.people.sign_in(name, password[:MOST], clock())
        if key is None:
            return _login(view, request, login_cookie, set_cookie, "web.no_entry", 401)
        response = _to("/handoffs")
        set_cookie(response, cookie, key)
        response.delete_cookie(login_cookie, path="/", secure=config.secure, httponly=True, samesite="lax")
        return response

    @app.post("/logout")
    def sign_out(request: Request, signed: Writes) -> Response:
        view.people.sign_out(request.cookies.get(cookie, ""))
        response = _to("/login")
        response.delete_cookie(cookie, path="/", secure=config.secure, httponly=True, samesite="lax")
        return response

    @app.post("/language")
    def speak(signed: Writes, language: Short) -> Response:
        if language not in NAMES:
            raise HTTPException(400)
        view.people.speak(signed.person.name, Language.of(language))
        return _to("/handoffs")

    @app.get("/handoffs")
    def handoffs(
        signed: Signed,
        status: Annotated[str, Query(max_length=40)] = "",
        owner: Annotated[str, Query(max_length=200)] = "",
        q: Annotated[str, Query(max_length=200)] = "",
        sort: Annotated[str, Query(max_length=20)] = "chance",
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    ) -> Response:
        now, wanted = clock(), Wanted(status, owner, q, sort, page)
        found = worklist(_frame(signed), signed.person, view.desk.handed(now), view.shown(), wanted, now)
        return view.page("worklist.html", found, signed.person.language)

    @app.get("/lead")
    def lead(
        signed: Signed,
        id: Annotated[str, Query(max_length=200)],
        done: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        return _lead(view, signed, id, f"web.{done}" if done in NOTICES else "", "", 200)

    @app.post("/lead/act")
    def act(
        signed: Answers,
        lead_id: Short,
        act: Short,
        token: Short,
        seen: Annotated[int, Form(ge=0)],
        reason: Short = "",
        note: Text = "",
        days: Annotated[int, Form(ge=0, le=365)] = 0,
        item: Annotated[list[str], Form(max_length=50)] = [],  # noqa: B006
    ) -> Response:
        said = Said(lead_id, act, token, seen, reason, note, days, tuple(item))
        try:
            say(view.ledger, signed.person, said, config.spoken, clock())
        except Refused as refused:
            return _lead(view, signed, lead_id, "", str(refused), 409)
        return _to(f"/lead?{urlencode({'id': lead_id, 'done': 'done'})}")

    @app.post("/lead/undo")
    def take_back(signed: Answers, lead_id: Short, token: Short) -> Response:
        try:
            undo(view.ledger, signed.person, lead_id, token, config.spoken, clock())
        except Refused as refused:
            return _lead(view, signed, lead_id, "", str(refused), 409)
        return _to(f"/lead?{urlencode({'id': lead_id, 'done': 'undone'})}")

    @app.get("/users")
    def users(signed: Signed) -> Response:
        if signed.person.role != ADMIN:
            raise HTTPException(403)
        found = users_page(_frame(signed), view.people.all(), view.trail.latest())
        return view.page("users.html", found, signed.person.language)

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401 and request.method == "GET":
            return _to("/login")
        return view.failure(error.status_code, _language(request))

    @app.exception_handler(RequestValidationError)
    async def unread(request: Request, error: RequestValidationError) -> Response:
        return view.failure(422, _language(request))

    @app.exception_handler(LqmodelError)
    async def told(request: Request, error: LqmodelError) -> Response:
        return view.failure(400 if isinstance(error, ValueError) else 503, _language(request))

    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_middleware(guard.Headers, secure=config.secure)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(config.hosts), www_redirect=False)
    return app


class _View:
    """What the routes share."""

    def __init__(self, config: Config, ledger: Ledger, clock: Clock) -> None:
        self.config, self.ledger, self.clock = config, ledger, clock
        self.people, self.desk = People(ledger.store), Desk(ledger)
        self.trail = Trail(ledger.store)
        self.shown = Follows(config.run)
        self.logins, self.acts = guard.Rate(config.logins), guard.Rate(config.acts)
        self.logins_by_host = guard.Rate("60/minute")
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, name: str, page: object, language: Language, status: int = 200) -> HTMLResponse:
        """Render one context."""

        def word(key: str) -> str:
            return language.say(f"web.{key.replace(' ', '_').replace('-', '_').lower()}")

        text = self._pages.get_template(name).render(page=page, word=word, urlquote=quote)
        return HTMLResponse(text, status)

    def failure(self, status: int, language: Language) -> HTMLResponse:
        """Render why there is no page."""
        known = 400 if status == 422 else status if status in (400, 401, 403, 404, 409, 429) else 503
        return self.page("failure.html", Failure(Frame(language), f"failed_{known}"), language, status)


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)


def _frame(signed: Session, notice: str = "") -> Frame:
    person = signed.person
    return Frame(person.language, person.name, person.role, signed.csrf, notice, person.role == ADMIN)


def _language(request: Request) -> Language:
    """Return what the browser asks for, as far as lqmodel speaks it."""
    first = request.headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    found = meant_by(first) if first else None
    return Language.of(found) if found else ENGLISH


def _login(
    view: _View,
    request: Request,
    name: str,
    set_cookie: Callable[[Response, str, str], None],
    notice: str,
    status: int,
) -> Response:
    language = _language(request)
    token = request.cookies.get(name) or secrets.token_urlsafe(24)
    said = language.say(notice) if notice else ""
    response = view.page("login.html", Frame(language, csrf=token, notice=said), language, status)
    set_cookie(response, name, token)
    return response


def _lead(view: _View, signed: Session, lead_id: str, notice: str, refused: str, status: int) -> Response:
    now, person, shown = view.clock(), signed.person, view.shown()
    if not view.desk.owns(person, lead_id, now):
        raise HTTPException(404)
    history = view.ledger.of_lead(lead_id) if view.ledger.exists() else []
    if not history and shown.row(lead_id) is None:
        raise HTTPException(404)
    view.trail.saw(person.name, lead_id, shown.run.bundle_version, now)
    said = refused or (person.language.say(notice) if notice else "")
    handed = view.desk.handed(now).get(lead_id)
    page = lead_page(_frame(signed, said), person, lead_id, shown, handed, history, view.config.spoken)
    return view.page("lead.html", page, person.language, status)
