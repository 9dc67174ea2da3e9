"""What stands between the network and a page: where a request comes from, how often, and what a page may load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
STATIC: Final = "/static/"
LARGEST: Final = 64_000
"""Bytes of a request's body, at most."""


class Headers:
    """Adds the headers of safety to every answer, and turns away bodies that are too large.

    HEAD is answered as GET is, without the body. An error that nobody foresaw becomes a page that says
    nothing of it, and goes on to the server's log.

    Parameters
    ----------
    app : ASGIApp
    secure : bool
        Whether browsers are told to come by HTTPS alone.
    failed : callable
        Request → the page of an error that nobody foresaw.
    """

    def __init__(self, app: ASGIApp, secure: bool, failed: Callable[[Request], Response]) -> None:
        self._app, self._failed = app, failed
        self._more = {"strict-transport-security": "max-age=31536000"} if secure else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head, started = scope["method"] == "HEAD", False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | self._more).items():
                    headers[name] = value
                # files of ours hold nothing of anybody: they may be kept, and are asked after
                headers.setdefault(
                    "cache-control", "no-cache" if scope["path"].startswith(STATIC) else "no-store"
                )
                if scope["method"] == "POST" and message["status"] >= 400:
                    # the page stays where it was: the form's address is none that can be read again
                    headers["hx-push-url"] = "false"
            await send({**message, "body": b""} if head and "body" in message else message)

        length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        chunked = any(k == b"transfer-encoding" for k, _ in scope["headers"])
        if chunked or not length.isdigit() or int(length) > LARGEST:
            await Response("too large", 413)(scope, receive, sent)
            return
        asked = {**scope, "method": "GET"} if head else scope
        try:
            await self._app(asked, receive, sent)
        except Exception:
            if not started:
                await self._failed(Request(asked))(asked, receive, sent)
            raise


def from_here(request: Request) -> bool:
    """Whether a request that changes something was sent by a page of this server."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


class Rate:
    """Counts what was tried lately, in memory."""

    def __init__(self, allowed: str) -> None:
        self._item = parse(allowed)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allows(self, *who: str) -> bool:
        """Count a try, and say whether it is allowed."""
        return self._limiter.hit(self._item, *who)
