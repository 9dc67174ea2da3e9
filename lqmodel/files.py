"""Files and folders that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lqmodel.errors import CannotWrite

MANIFEST = "manifest.json"


def canonical(value: Any) -> bytes:
    """Write JSON in the one form that is hashed: sorted keys, two spaces, a newline at the end."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """Hash a file without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_folder(target: Path, fill: Callable[[Path], None], *, replace: bool) -> None:
    """Build a folder under a hidden name beside ``target`` and rename it when it is whole.

    A kill at any moment leaves the old folder, the new one, or (between two renames of a replacement)
    the old one under the hidden name ``.<name>.old``; the hidden leftovers of dead builds are removed
    by the next write.

    Raises
    ------
    CannotWrite
        The folder cannot be made, or stands and ``replace`` is false.
    """
    if target.exists() and not replace:
        raise CannotWrite(f"{target} stands already", do="name another folder, or remove it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent))
    except OSError as error:
        raise CannotWrite(
            f"cannot write {target}: {error.strerror}", do="name a folder that you may write to"
        ) from error
    try:
        building.chmod(0o755)
        fill(building)
        _sync(building)
        if target.exists():
            old = target.parent / f".{target.name}.old"
            shutil.rmtree(old, ignore_errors=True)
            target.replace(old)
            building.replace(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            building.replace(target)
    except OSError as error:
        raise CannotWrite(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have every byte on the disk before the rename makes the folder visible."""
    for path in (*sorted(folder.rglob("*")), folder):
        if os.name == "nt" and path.is_dir():
            continue  # Windows cannot open folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole: under a hidden name first, then renamed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.parent / f".{path.name}.{os.getpid()}.new"
        hidden.write_bytes(data)
        hidden.replace(path)
    except OSError as error:
        raise CannotWrite(
            f"cannot write {path}: {error.strerror}", do="name a place that you may write to"
        ) from error


def point_symlink(link: Path, target_name: str) -> None:
    """Make ``link`` point to a sibling, in one step for every reader."""
    hidden = link.parent / f".{link.name}.{os.getpid()}.new"
    hidden.unlink(missing_ok=True)
    hidden.symlink_to(target_name)
    hidden.replace(link)


def hashes(folder: Path) -> dict[str, str]:
    """Return relative path → SHA-256 of every file below ``folder`` but the manifest."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): file_sha256(p) for p in files if p.name != MANIFEST}


def write_manifest(folder: Path, values: Mapping[str, Any]) -> str:
    """Write ``manifest.json`` last, with the hash of every other file and of itself; return that hash."""
    manifest = {**values, "files": hashes(folder)}
    identity = sha256(canonical(manifest))
    (folder / MANIFEST).write_bytes(canonical({**manifest, "sha256": identity}))
    return identity
