"""Files and folders that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lqmodel.errors import CannotWrite, LqmodelError

if sys.platform != "win32":
    import fcntl

MANIFEST = "manifest.json"
WORKSHOP = ".lqmodel-writing-"
"""How the hidden folders begin in which things are built."""
_NEW, _OLD, _LOCK = "new", "old", "lock"
_AT_CWD, _EXCHANGE = -100, 2  # of renameat2(2)


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
    """Build a folder in a hidden place beside ``target`` and rename it when it is whole.

    A kill at any moment leaves the old folder or the new one (where the system cannot exchange two folders in
    one step, for a moment neither; the next write then brings the old one back). The next write beside it
    removes what dead builds left.

    Parameters
    ----------
    target : Path
    fill : callable
        Given the folder being built, writes everything that belongs into it.
    replace : bool
        Whether a folder that stands there may be replaced; only one that `write_manifest` completed is.

    Raises
    ------
    CannotWrite
        The folder cannot be made, or another one stands there.
    """
    with _workshop(target) as shop:
        _check_free(target, replace)
        built = shop / _NEW
        built.mkdir()
        fill(built)
        _sync(built)
        try:
            built.replace(target)
        except OSError:  # something stands there, perhaps since a moment ago only
            _check_free(target, replace)
            _exchange(built, target, shop)
        _sync_one(target.parent)


def _check_free(target: Path, replace: bool) -> None:
    if os.path.lexists(target) and not (replace and _is_ours(target)):
        raise CannotWrite(
            f"{target} stands already" + (" and holds other things" if replace else ""),
            do="name another folder, or move that one away",
        )


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole: in a hidden place first, then renamed.

    Raises
    ------
    CannotWrite
    """
    with _workshop(path) as shop:
        built = shop / _NEW
        built.write_bytes(data)
        _sync_one(built)
        built.replace(path)


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append lines to a file, on the disk when this returns; several processes may do it at once.

    A kill leaves some of them, of the last one perhaps a part; the next call ends that line first. So who
    reads the file must tell a whole line from a part of one.

    Raises
    ------
    CannotWrite
    """
    text = "".join(f"{line}\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            if sys.platform != "win32":
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            if size and _last_byte(handle, size) != b"\n":
                text = f"\n{text}"
            data = text.encode()
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise CannotWrite(
            f"cannot write {path}: {error.strerror or error}", do="name a place that you may write to"
        ) from error


def _last_byte(handle: int, size: int) -> bytes:
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1)


def point_symlink(link: Path, target_name: str) -> None:
    """Make ``link`` point to a sibling, in one step for every reader.

    Raises
    ------
    CannotWrite
    """
    with _workshop(link) as shop:
        built = shop / _NEW
        built.symlink_to(target_name)
        built.replace(link)


def hashes(folder: Path) -> dict[str, str]:
    """Return relative path → SHA-256 of every file below ``folder`` but the manifest."""
    return {name: file_sha256(folder / name) for name in sorted(_names(folder) - {MANIFEST})}


def write_manifest(folder: Path, values: Mapping[str, Any]) -> str:
    """Write ``manifest.json`` last, with the hash of every other file and of itself; return that hash."""
    manifest = {**values, "files": hashes(folder)}
    identity = sha256(canonical(manifest))
    (folder / MANIFEST).write_bytes(canonical({**manifest, "sha256": identity}))
    return identity


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read ``manifest.json`` as `write_manifest` wrote it, to the byte.

    Raises
    ------
    ValueError
        It was changed.
    FileNotFoundError
        There is none.
    """
    data = (folder / MANIFEST).read_bytes()
    manifest = json.loads(data)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ValueError("no manifest")
    unsigned = {key: value for key, value in manifest.items() if key != "sha256"}
    if canonical(manifest) != data or sha256(canonical(unsigned)) != manifest.get("sha256"):
        raise ValueError("changed")
    return manifest


def _names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def _is_ours(folder: Path) -> bool:
    """Whether nothing but what a manifest lists would be lost: empty, or written by `write_folder`."""
    if not folder.is_dir():
        return False
    names = _names(folder)
    try:
        return not names or names <= {MANIFEST, *read_manifest(folder)["files"]}
    except (OSError, ValueError):
        return False


# ── the hidden place ────────────────────────────────────────────────────────────────────────────────────────


def clear_dead(parent: Path) -> None:
    """Remove what killed processes left half-built in a folder, which the next write there would do too."""
    for shop in parent.glob(f"{WORKSHOP}*"):
        _remove_if_dead(shop)


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """Make a hidden folder beside ``target``, held by a lock as long as this process lives.

    So those of dead processes can be told and removed. What the system refuses becomes `CannotWrite`.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_dead(target.parent)
        shop, lock = _new_workshop(target.parent)
        try:
            yield shop
        finally:
            os.close(lock)
            shutil.rmtree(shop, ignore_errors=True)
    except OSError as error:
        if isinstance(error, LqmodelError):
            raise
        raise CannotWrite(
            f"cannot write {target}: {error.strerror or error}", do="name a place that you may write to"
        ) from error


def _new_workshop(parent: Path) -> tuple[Path, int]:
    while True:
        shop = Path(tempfile.mkdtemp(prefix=WORKSHOP, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(shop / _LOCK, os.O_RDWR | os.O_CREAT)
            if sys.platform != "win32":
                with contextlib.suppress(OSError):  # a file system without locks: its leftovers stay
                    fcntl.flock(lock, fcntl.LOCK_EX)
            if shop.exists():
                return shop, lock
            os.close(lock)  # another process took it for dead before it was locked


def _remove_if_dead(shop: Path) -> None:
    """Remove a workshop that no process holds; a folder that was being replaced goes back to its place."""
    if sys.platform == "win32":
        return  # without such locks the dead cannot be told from the living
    with contextlib.suppress(OSError):
        lock = os.open(shop / _LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for old in (shop / _OLD).glob("*"):
                if not os.path.lexists(shop.parent / old.name):
                    old.replace(shop.parent / old.name)
            shutil.rmtree(shop, ignore_errors=True)
        finally:
            os.close(lock)


def _exchange(built: Path, target: Path, shop: Path) -> None:
    """Put a folder in the place of another, which then lies in the workshop."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if rename and not rename(_AT_CWD, os.fsencode(built), _AT_CWD, os.fsencode(target), _EXCHANGE):
        return
    aside = shop / _OLD / target.name
    aside.parent.mkdir()
    target.replace(aside)
    built.replace(target)


def _sync(folder: Path) -> None:
    """Have every byte on the disk before the rename makes the folder visible."""
    for path in (*sorted(folder.rglob("*")), folder):
        _sync_one(path)


def _sync_one(path: Path) -> None:
    if sys.platform == "win32" and path.is_dir():
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
