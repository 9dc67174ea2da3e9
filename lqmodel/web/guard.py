"""What stands between the network and a page: where a request comes from, how often, and what a page may load."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
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
LARGEST: Final = 64_000
"""Bytes of a request's body, at most."""


class Headers:
    """Adds the headers of safety to every answer, and turns away bodies that are too large.

    Parameters
    ----------
    app : ASGIApp
    secure : bool
        Whether browsers are told to come by HTTPS alone.
    """

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        self._more = {"strict-transport-security": "max-age=31536000"} if secure else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | self._more).items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        chunked = any(k == b"transfer-encoding" for k, _ in scope["headers"])
        if chunked or not length.isdigit() or int(length) > LARGEST:
            await sent({"type": "http.response.start", "status": 413, "headers": []})
            await sent({"type": "http.response.body", "body": b"too large"})
            return
        await self._app(scope, receive, sent)


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
