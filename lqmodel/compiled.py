"""Numba's decorators, typed, with what this package needs of them.

Compiled code is kept on disk: where NUMBA_CACHE_DIR says, in the package's `__pycache__`, or in the user's cache
folder. A folder that holds it already may be read-only: so an image that was built by one user serves another.
Where nothing can be kept, every process compiles anew, 20 seconds in all; `python -m lqmodel.warm` does it ahead.
No function here starts threads: the caller does, and the code runs without Python's lock.

What an entry calls is kept with it, and only a change of the entry's own file makes the kept code stale: so
compiled code calls nothing outside its file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import numba
from numba.core import caching

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
    made: Any = inner(function)
    with suppress(RuntimeError):  # numba found no folder that it may write to
        made._cache = _Kept(function)  # what `njit(cache=True)` does, with our sort
    compiled: F = made
    return compiled


class _MayBeReadOnly:
    """A folder that cannot be written will do if it holds code of the function's file already."""

    def ensure_cache_path(self) -> None:
        try:
            super().ensure_cache_path()  # type: ignore[misc]
        except OSError:
            name = f"{Path(self._py_file).stem}.*.nbi"  # type: ignore[attr-defined]
            if not any(Path(self.get_cache_path()).glob(name)):  # type: ignore[attr-defined]
                raise


class _Named(_MayBeReadOnly, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    pass


class _Beside(_MayBeReadOnly, caching.InTreeCacheLocator):  # type: ignore[misc]
    pass


class _AtHome(_MayBeReadOnly, caching.UserWideCacheLocator):  # type: ignore[misc]
    pass


class _Placed(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Named, _Beside, _AtHome)


class _Kept(caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache, which never stands in the way: what cannot be read or written is compiled."""

    _impl_class = _Placed

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, UnpicklingError):  # cut short, as by a full disk
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


@entry
def _nothing() -> None:
    pass


def load_numba() -> None:
    """Have numba import what it imports with the first compiled code of a process."""
    _nothing()


def kept_in() -> str | None:
    """Return the folder in which the compiled code of this file is kept; None where none can be written."""
    folder: str | None = _nothing.stats.cache_path  # type: ignore[attr-defined]
    return folder
