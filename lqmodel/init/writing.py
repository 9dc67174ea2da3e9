"""The draft of a project as TOML files that people read and mend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit import items

from lqmodel.errors import CannotWrite
from lqmodel.init.draft import Draft, Guess

INLINE: Final = ("where", "lost", "accept", "purpose")
LONG: Final = 80  # characters from which a list stands on several lines


def write_project(guess: Guess, folder: Path, *, force: bool = False) -> list[Path]:
    """Write ``features/*.toml`` and ``models/NAME.toml``.

    Parameters
    ----------
    guess : Guess
        What to write.
    folder : Path
        The project's folder; made if missing. Files inside it are named relative to it.
    force : bool
        Replace files that are there.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    CannotWrite
        A file is there already, or the folder cannot be written.
    """
    folder = folder.resolve()
    texts = {folder / "features" / "sources.toml": _sources(guess, folder)}
    texts |= {folder / "features" / f"{name}.toml": _features(*file) for name, file in guess.features.items()}
    texts[folder / "models" / f"{guess.name}.toml"] = _model(guess)
    there = [path for path in texts if path.exists()]
    if there and not force:
        raise CannotWrite(
            f"{there[0].relative_to(folder)} is there already", where=str(folder),
            exists=[str(p.relative_to(folder)) for p in there], do="name another folder, or replace these files with --force",
        )  # fmt: skip
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CannotWrite(
            f"cannot write: {error.strerror}", where=str(folder), do="make it a folder that can be written"
        ) from error
    return list(texts)


def _sources(guess: Guess, folder: Path) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment(
            "Where the facts come from, and when each was known. Made by `lqmodel init`; mend what it guessed wrong."
        )
    )
    for name, draft in guess.sources.items():
        document.add(tomlkit.nl())
        document.add(name, _source(draft, folder))
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def _source(draft: Draft, folder: Path) -> items.Table:
    table = tomlkit.table()
    table.comment(draft.grain)
    for key, value in draft.values.items():
        table.add(key, _uri(draft.path, folder) if key == "uri" else _value(key, value))
    if draft.left_out:
        table.add(tomlkit.comment("left out:"))
        for why in dict.fromkeys(why for _, why in draft.left_out):
            columns = ", ".join(column for column, reason in draft.left_out if reason == why)
            table.add(tomlkit.comment(_line(f"  {columns}: {why}")))
    return table


def _uri(path: Path, folder: Path) -> str:
    path = path.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _features(kind: str, comment: str, features: Mapping[str, Mapping[str, Any]]) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment(comment))
    document.add("kind", tomlkit.item(kind))
    for name, values in features.items():
        document.add(tomlkit.nl())
        table = tomlkit.table()
        reason = values["reason"]["en"]
        for key, value in values.items():
            if key != "reason":
                table.add(key, _value(key, value))
        if list(reason) == ["other"]:
            table.add(tomlkit.key(["reason", "en", "other"]), tomlkit.item(reason["other"]))
        else:
            table.add("reason", _nested({"en": reason}))
        document.add(name, table)
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def _nested(
    values: Mapping[str, Mapping[str, Any]], note: str | None = None, notes: Mapping[str, str] | None = None
) -> items.Table:
    """Return a table that has no header of its own, only those of its parts; the note stands in the first.

    ``notes``: ``PART.KEY`` → what stands above that key.
    """
    outer = tomlkit.table(is_super_table=True)
    for name, inner in values.items():
        table = tomlkit.table()
        if note:
            table.add(tomlkit.comment(_line(note)))
            note = None
        for key, value in inner.items():
            if said := (notes or {}).get(f"{name}.{key}"):
                table.add(tomlkit.comment(_line(said)))
            table.add(key, _value(key, value))
        outer.add(name, table)
    return outer


def _model(guess: Guess) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment(
            "What is predicted, for whom, and what follows from it. Made by `lqmodel init`; mend what it guessed wrong."
        )
    )
    for name, value in guess.model.items():
        if not isinstance(value, dict):
            document.add(name, _value(name, value))
            continue
        document.add(tomlkit.nl())
        note = guess.model_notes.get(name)
        if name in ("stages", "crm"):
            below = {k.removeprefix(f"{name}."): v for k, v in guess.model_notes.items()}
            document.add(name, _nested(value, note, below))
            continue
        table = tomlkit.table()
        if note:
            table.add(tomlkit.comment(_line(note)))
        for key, inner in value.items():
            table.add(key, _value(key, inner))
        document.add(name, table)
    return tomlkit.dumps(document).rstrip("\n") + "\n"


def _value(key: str, value: Any) -> Any:
    if isinstance(value, dict) and (key in INLINE or not any(isinstance(v, dict) for v in value.values())):
        return tomlkit.value(_inline(value))
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend(value)
        return array.multiline(sum(len(str(v)) + 4 for v in value) > LONG)
    return value


def _inline(values: Mapping[str, Any]) -> str:
    """Return an inline table as text, with space inside its braces."""
    pairs = (
        f"{tomlkit.key(k).as_string()} = {_inline(v) if isinstance(v, dict) else tomlkit.item(v).as_string()}"
        for k, v in values.items()
    )
    return f"{{ {', '.join(pairs)} }}"


def _line(text: str) -> str:
    """A comment stays on its line, whatever a column is called."""
    return " ".join(text.split("\n")).replace("\r", " ")
