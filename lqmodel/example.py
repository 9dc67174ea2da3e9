"""The example project: the declarations of the simulated company, as they come with the package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from lqmodel.errors import NoInput, UsageError, listing
from lqmodel.files import write_file

FOLDERS = ("features", "models")
SOURCES = "features/sources.toml"


def example_files() -> dict[str, bytes]:
    """Return relative path → content of the example's TOML files.

    An installed wheel carries them inside the package; a checkout has them at its root.
    """
    for root in (files("lqmodel") / "example", files("lqmodel") / ".."):
        found = {name: data for folder in FOLDERS for name, data in _files(root / folder, folder)}
        if found:
            return dict(sorted(found.items()))
    raise NoInput("the example's declarations are missing from this installation", do="install lqmodel again")


def check_free(folder: Path) -> None:
    """Refuse a folder in which the example would stand among another project's files.

    Raises
    ------
    UsageError
    """
    ours = example_files()
    theirs = [
        name
        for part in FOLDERS
        for path in sorted((folder / part).glob("*.toml"))
        if (name := f"{part}/{path.name}") not in ours
    ]
    if not theirs and not (folder / SOURCES).exists() and (folder / "data").is_dir():
        theirs = [f"data/{path.name}" for path in sorted((folder / "data").iterdir())]
    if theirs:
        raise UsageError(
            f"{folder} holds files of another project: {listing(theirs)}",
            do="name a folder of its own, such as `lqmodel demo lqmodel-demo`",
        )


def _files(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield relative path and content of every TOML file below a folder."""
    for item in folder.iterdir() if folder.is_dir() else ():
        if item.is_dir():
            yield from _files(item, f"{name}/{item.name}")
        elif item.name.endswith(".toml"):
            yield f"{name}/{item.name}", item.read_bytes()


def write_example(folder: Path) -> None:
    """Write the example project into ``folder``; files that stand there already are left alone.

    Where the model is another one by now, so is what was signed of it.
    """
    found = example_files()
    changed = any(
        (folder / name).exists() and (folder / name).read_bytes() != data
        for name, data in found.items()
        if name.count("/") == 1 and name.startswith("models/")
    )
    for name, data in found.items():
        signed = name.startswith("models/agreements/")
        if not (folder / name).exists() and not (signed and changed):
            write_file(folder / name, data)
