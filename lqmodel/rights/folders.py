"""Where what scoring wrote lies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from lqmodel.exporting.folder import CRM
from lqmodel.files import clear_dead
from lqmodel.rewriting import is_ours


def cleared(out: Path) -> None:
    """Remove what killed processes left half-built beside runs and files for CRMs."""
    for place in (out, *(out / CRM).glob("*")):
        if place.is_dir():
            clear_dead(place)


def runs(out: Path) -> Iterator[Path]:
    """Yield the runs of a folder, by name."""
    return _ours(out)


def folders(out: Path) -> Iterator[Path]:
    """Yield the runs of a folder, by name, then the files that were written of them for CRMs."""
    return chain(_ours(out), *map(_ours, sorted((out / CRM).glob("*"))))


def _ours(place: Path) -> Iterator[Path]:
    found = sorted(place.iterdir()) if place.is_dir() else []
    yield from (p for p in found if not p.name.startswith(".") and is_ours(p))
