"""What all routes share: the run, the ledger, who is there, and how a context becomes a page."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lqmodel.languages import ENGLISH, Language
from lqmodel.languages.language import meant_by
from lqmodel.ledger import Ledger
from lqmodel.web import guard
from lqmodel.web.asking import Asks
from lqmodel.web.config import Config
from lqmodel.web.cuts import Cuts
from lqmodel.web.desk import Desk
from lqmodel.web.frame import Failure, Frame
from lqmodel.web.people import ABSOLUTE, ADMIN, People, Session
from lqmodel.web.shown import Follows
from lqmodel.web.trail import Trail

HERE: Final = Path(__file__).parent
Clock = Callable[[], int]
KNOWN_FAILURES: Final = (400, 401, 403, 404, 409, 429, 500)


def right_now() -> int:
    """Return this moment, in microseconds UTC."""
    return time.time_ns() // 1000


def from_then(moment: int) -> Clock:
    """Return a clock that starts at a moment, microseconds UTC, and goes on from there."""
    began = time.monotonic_ns()
    return lambda: moment + (time.monotonic_ns() - began) // 1000


class View:
    """What the routes share.

    Parameters
    ----------
    config : Config
    ledger : Ledger
    clock : callable
        Gives microseconds UTC.
    """

    def __init__(self, config: Config, ledger: Ledger, clock: Clock) -> None:
        self.config, self.ledger, self.clock = config, ledger, clock
        self.people, self.desk = People(ledger.store), Desk(ledger)
        self.trail = Trail(ledger)
        self.shown = Follows(config.run)
        self.asks = Asks(config.project, ledger)
        self.cuts = Cuts(self.asks.bundle)
        self.logins, self.acts = guard.Rate(config.logins), guard.Rate(config.acts)
        self.logins_by_host, self.logins_by_name = guard.Rate("60/minute"), guard.Rate("60/minute")
        self.helps = guard.Rate(config.helps)
        self.cookie = "__Host-lqmodel" if config.secure else "lqmodel"
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def warm(self) -> None:
        """Read the model and the handoffs beforehand, so that the first reader does not wait for them."""
        self.asks.warm(self.shown().run, lambda: self.desk.handed(self.clock()))

    @property
    def login_cookie(self) -> str:
        """Name of the cookie that the form of signing in is held against."""
        return f"{self.cookie}-login"

    def set_cookie(self, response: Response, name: str, value: str) -> None:
        """Give a browser a cookie that no script reads, and that goes to this host alone."""
        age, secure = ABSOLUTE // 1_000_000, self.config.secure
        response.set_cookie(name, value, max_age=age, httponly=True, secure=secure, samesite="lax", path="/")

    def drop_cookie(self, response: Response, name: str) -> None:
        """Take a cookie away."""
        response.delete_cookie(name, path="/", secure=self.config.secure, httponly=True, samesite="lax")

    def frame(self, signed: Session, here: str = "", notice: str = "") -> Frame:
        """Return what every page of a person has."""
        person = signed.person
        return Frame(
            language=person.language,
            name=person.name,
            role=person.role,
            csrf=signed.csrf,
            notice=notice,
            here=here,
            oversees=person.sees_all,
            admin=person.role == ADMIN,
        )

    def page(self, name: str, page: object, language: Language, status: int = 200) -> HTMLResponse:
        """Render one context."""

        def word(key: str, count: float = 0, **places: str) -> str:
            return language.say(f"web.{key.replace(' ', '_').replace('-', '_').lower()}", count, **places)

        def query(wanted: object, **other: object) -> str:
            told = {**vars(wanted), **other}
            return urlencode({k: v for k, v in told.items() if v not in ("", None)})

        given = {"page": page, "word": word, "query": query, "urlquote": quote, "number": language.number}
        return HTMLResponse(self._pages.get_template(name).render(**given), status)

    def failure(self, status: int, request: Request) -> HTMLResponse:
        """Render why there is no page: as any other page of who asked, unless what knows them may be what failed."""
        alike = {405: 404, 422: 400}.get(status, status)
        known = alike if alike in KNOWN_FAILURES else 503
        key = request.cookies.get(self.cookie, "")
        signed = self.people.session(key, self.clock()) if key and status < 500 else None
        frame = Frame(spoken_by(request)) if signed is None else self.frame(signed)
        page = self.page("failure.html", Failure(frame, f"failed_{known}"), frame.language, status)
        if "hx-request" in request.headers and "hx-boosted" not in request.headers:
            # a part of a page was asked for: what is said instead stands in the page's middle
            page.headers.update({"hx-retarget": "#main", "hx-reselect": "#main", "hx-reswap": "outerHTML"})
        return page


def spoken_by(request: Request) -> Language:
    """Return what the browser asks for, as far as lqmodel speaks it."""
    first = request.headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    found = meant_by(first) if first else None
    return Language.of(found) if found else ENGLISH
