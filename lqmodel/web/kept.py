"""Answers that are kept in memory, the latest ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
KEPT: Final = 5_000
"""Answers of a kind that are kept, where nothing else is said."""


class Kept(Generic[T]):
    """Answers by what was asked, the latest asked for."""

    def __init__(self, most: int = KEPT) -> None:
        self._most, self._lock = most, threading.Lock()
        self._held: OrderedDict[tuple[Any, ...], T] = OrderedDict()

    def known(self, key: tuple[Any, ...]) -> T | None:
        """Return what is known, and work out nothing."""
        with self._lock:
            return self._held.get(key)

    def get(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """Return what is known, or work it out and keep it."""
        found = self.known(key)
        return self.put(key, make()) if found is None else found

    def put(self, key: tuple[Any, ...], answer: T) -> T:
        """Keep an answer in the place of an older one."""
        with self._lock:
            self._held[key] = answer
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return answer

    def drop(self, key: tuple[Any, ...], answer: T) -> None:
        """Forget an answer, unless another one has taken its place."""
        with self._lock:
            if self._held.get(key) is answer:
                del self._held[key]


class Jobs(Generic[T]):
    """Work that is done in the background, once for what was asked; only the latest asked for is kept."""

    def __init__(self, pool: Executor, most: int = 1) -> None:
        self._pool, self._lock = pool, threading.Lock()
        self._held: Kept[Future[T]] = Kept(most)

    def get(self, key: tuple[Any, ...], work: Callable[[], T], wait: float) -> T:
        """Return what came of it, or raise what it raised; work that failed begins again when it is asked for again.

        Raises
        ------
        TimeoutError
            It is not done within so many seconds.
        """
        with self._lock:
            job = self._held.get(key, lambda: self._pool.submit(work))
        try:
            return job.result(wait)
        finally:
            if job.done() and job.exception() is not None:
                self._held.drop(key, job)
