"""What keeps a command's start and end short. Only for a process that is the command's alone."""

from __future__ import annotations

import atexit
import gc
import sys

_NOT_NEEDED = frozenset({"pandas", "scipy", "cffi"})


def rarely_collect() -> None:
    """Have Python look for unreachable cycles more rarely, and not once more at the exit.

    Modules and queries make a million objects that stay. Looking through them again and again is a third of what a
    cold `predict` of one lead costs.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)


class _NotFound:
    """A finder of modules that does not find some that are there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in _NOT_NEEDED:
            raise ModuleNotFoundError("not needed here", name=name)


def keep_out() -> None:
    """Have pyarrow do without pandas, and numba without SciPy and cffi, which they take along if they are there.

    Half a second of imports. For commands that use none of these themselves; where one is loaded already, others
    share the process, and nothing changes.
    """
    if _NOT_NEEDED & sys.modules.keys():
        return
    import pyarrow as pa

    finder = _NotFound()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)  # pyarrow looks once
        from lqmodel.compiled import load_numba

        load_numba()
    finally:
        sys.meta_path.remove(finder)
