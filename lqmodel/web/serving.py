"""A server that runs: on a port of the loopback for tests and benchmarks, or where it is told to listen."""

from __future__ import annotations

import socket
import sys
import threading
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from lqmodel.errors import CannotWrite

WAITING = 128
"""Calls that may wait before the server answers."""
TURN = 0.0005
"""Seconds after which a thread gives the interpreter to another: a page hands it over many times, to the database and
back, and beside a long computation it waits for its turn as often."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Whoever calls before there is a server waits for it, so that an address can be told at once.

    Raises
    ------
    CannotWrite
        The port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(WAITING)
    except OSError as error:
        bound.close()
        raise CannotWrite(
            f"cannot listen on {host}:{port}: {error.strerror}", do="name another port with --port"
        ) from error
    return bound


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", server_header=False, proxy_headers=False, access_log=False)
    )


def serve(app: FastAPI, bound: socket.socket) -> None:
    """Answer until the process is told to end."""
    sys.setswitchinterval(TURN)
    _server(app).run([bound])


class Server:
    """A server on a free port of the loopback, in a thread of its own, for as long as the block lasts.

    Attributes
    ----------
    url : str
        Such as ``http://127.0.0.1:40123``.
    """

    def __init__(self, app: FastAPI) -> None:
        self._server = _server(app)
        self._bound = listening("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._bound.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, args=([self._bound],), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._bound.close()
