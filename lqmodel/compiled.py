"""Numba's decorators, typed, with what this package needs of them.

Compiled code is kept on disk: in the package's `__pycache__`, else in the user's cache folder, or where
NUMBA_CACHE_DIR says. Where none of these can be written, every process compiles anew. No function here starts
threads: the caller does, and the code runs without Python's lock.

What an entry calls is kept with it, and only a change of the entry's own file makes the kept code stale: so
compiled code calls nothing outside its file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Division by zero gives inf instead of a branch. Never fastmath: sums keep their order, so bytes stay the same.
_OPTIONS = {"nogil": True, "error_model": "numpy"}


def inner(function: F) -> F:
    """Compile a function that only compiled code calls."""
    made: F = numba.njit(**_OPTIONS)(function)
    return made


def inlined(function: F) -> F:
    """Compile a function into each of its callers, so that no call counts references to the arrays it is given."""
    made: F = numba.njit(inline="always", **_OPTIONS)(function)
    return made


def entry(function: F) -> F:
    """Compile a function that Python calls, and keep it on disk if there is a folder for it."""
    made: F
    try:
        made = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it may write to
        made = inner(function)
    return made
