"""Answers that are kept in memory, the latest ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
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
