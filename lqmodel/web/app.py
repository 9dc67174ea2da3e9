"""The app: routes, what stands before them, and what is shown where there is no page. Nothing is computed here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from lqmodel.errors import LqmodelError
from lqmodel.ledger import Ledger
from lqmodel.web import entering, guard, overseeing, working
from lqmodel.web.config import Config
from lqmodel.web.doors import to
from lqmodel.web.view import HERE, Clock, View, right_now


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
    view = View(config, ledger, clock)

    @asynccontextmanager
    async def alive(app: FastAPI) -> AsyncIterator[None]:
        ledger.store.keep_open()
        view.warm()
        yield
        view.asks.close()
        ledger.store.close()

    app = FastAPI(title="lqmodel", docs_url=None, redoc_url=None, openapi_url=None, lifespan=alive)
    app.state.view = view
    # an error of the run is told at the start, not to the first reader
    view.shown()
    for part in (entering, working, overseeing):
        app.include_router(part.router)

    @app.exception_handler(HTTPException)
    def failed(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401 and request.method == "GET":
            # no part of a page can be the form of signing in: the whole page goes there
            asked = "hx-request" in request.headers
            return Response(status_code=401, headers={"hx-redirect": "/login"}) if asked else to("/login")
        return view.failure(error.status_code, request)

    @app.exception_handler(RequestValidationError)
    def unread(request: Request, error: RequestValidationError) -> Response:
        return view.failure(422, request)

    @app.exception_handler(LqmodelError)
    def told(request: Request, error: LqmodelError) -> Response:
        return view.failure(400 if isinstance(error, ValueError) else 503, request)

    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(config.hosts), www_redirect=False)
    app.add_middleware(guard.Headers, secure=config.secure, failed=lambda request: view.failure(500, request))
    return app
