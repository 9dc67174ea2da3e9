"""Answers that are kept in memory, the latest ones."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
TIMES: Final = 20
QUICK: Final = 0.25
"""How many times as long as it took a `Lasting` answer stands, and from how many seconds on."""
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


class Lasting(Generic[T]):
    """An answer that takes long to work out stands for a while, so that who asks often slows nobody else down.

    It stands `TIMES` as long as it took, and not at all where that was quick; one at a time is worked out.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._key: tuple[Any, ...] | None = None
        self._held: tuple[T, int, int] | None = None

    def get(self, key: tuple[Any, ...], now: int, make: Callable[[], T]) -> T:
        """Return what was worked out lately for this key, else work it out; ``now`` in microseconds."""
        with self._turn:
            if self._held is not None and self._key == key:
                answer, made, stands = self._held
                if 0 <= now - made < stands:
                    return answer
            began = time.perf_counter()
            answer = make()
            took = time.perf_counter() - began
            stands = 0 if took < QUICK else round(took * TIMES * 1_000_000)
            self._key, self._held = key, (answer, now, stands)
            return answer


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
