"""TOML text → checked declarations, with file and line in every refusal."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from lqmodel.declarations.base import Declared, Misfit, short, suggestion
from lqmodel.declarations.feature import Feature, Kind
from lqmodel.declarations.lines import KeyPath, find_line
from lqmodel.declarations.model import Model
from lqmodel.declarations.source import Source
from lqmodel.declarations.verbs import VERBS
from lqmodel.errors import BadDeclaration, NoInput

__all__ = ["TomlFile", "find_line", "load_features", "load_model", "load_sources", "validate"]

D = TypeVar("D", bound=Declared)
TOO_LARGE = "an integer of more than 64 bits"
WANTED = {  # pydantic's error type → what should stand there
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
}


class TomlFile:
    """A TOML file: its values, and the line of each key for messages.

    Parameters
    ----------
    name : str
        How messages call the file, such as ``features/engagement.toml``.
    values : dict
        As read by tomllib.
    text : str
        The text, or "" for declarations that come from a bundle (no line is then named).
    """

    def __init__(self, name: str, values: dict[str, Any], text: str = "") -> None:
        self.name = name
        self.values = values
        self.text = text

    @classmethod
    def read(cls, path: Path, root: Path) -> TomlFile:
        """Read a file of the project folder ``root``.

        Raises
        ------
        NoInput
            It is not there or cannot be opened.
        BadDeclaration
            It is not UTF-8, not TOML, or holds an integer of more than 64 bits.
        """
        name = path.relative_to(root).as_posix()
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            there = sorted(p.name for p in path.parent.glob("*.toml"))
            raise NoInput(
                f"no file {name}",
                where=str(root),
                exists=there,
                do="run `lqmodel init`, or change to the project's folder",
            ) from error
        except OSError as error:
            raise NoInput(
                f"cannot open {name}: {error.strerror}", where=str(root), do="make it a readable file"
            ) from error
        file = cls(name, {}, _decode(data, name))
        file.values = _parse(file.text, name)
        _check_integers(file.values, file, ())
        return file

    def where(self, path: KeyPath) -> str:
        """Return ``file:line`` of the deepest part of ``path`` that is written in the file, else of its top."""
        return f"{self.name}:{find_line(self.text, path) or 1}" if self.text else self.name

    def refuse(
        self, message: str, path: KeyPath, *, exists: Iterable[str] | None = None, do: str | None = None
    ) -> BadDeclaration:
        """Return (not raise) the refusal of what stands at ``path``."""
        return BadDeclaration(message, where=self.where(path), exists=exists, do=do)


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")  # Windows editors write a mark and CRLF
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadDeclaration(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            where=f"{name}:{line}",
            do="save the file as UTF-8",
        ) from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise BadDeclaration(
            "tables or lists lie too deep in each other", where=name, do="write them flat"
        ) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(found[1]) if found else text.rstrip().count("\n") + 1
        message = str(error)[: found.start()] if found else str(error).removesuffix(" (at end of document)")
        raise BadDeclaration(
            f"not TOML: {message}", where=f"{name}:{line}", do="mend this line or the one before"
        ) from error
    except ValueError as error:  # Python's own limit on digits
        digits = re.search(r"[0-9_]{4300,}", text)
        line = text.count("\n", 0, digits.start()) + 1 if digits else 1
        raise BadDeclaration(TOO_LARGE, where=f"{name}:{line}", do="write a smaller number") from error


def _check_integers(value: Any, file: TomlFile, path: KeyPath) -> None:
    """Refuse what TOML refuses and tomllib reads: integers of more than 64 bits."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_integers(inner, file, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            _check_integers(inner, file, path)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise file.refuse(f"{'.'.join(path)}: {TOO_LARGE}", path, do="write a smaller number")


def validate(kind: type[D], values: Any, file: TomlFile, path: KeyPath) -> D:
    """Make ``kind`` from ``values``, or raise BadDeclaration for the first thing that is off."""
    if not isinstance(values, Mapping):
        raise file.refuse(
            f"{'.'.join(path)} must be a table, got {short(values)}",
            path,
            do=f"write [{'.'.join(path)}] and its keys below",
        )
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise _refusal(kind, error, file, path) from error


def _refusal(kind: type[Declared], error: ValidationError, file: TomlFile, path: KeyPath) -> BadDeclaration:
    problems = error.errors()
    # a misspelt key explains a missing one
    problem = min(problems, key=lambda e: e["type"] != "extra_forbidden")
    loc, got = problem["loc"], short(problem["input"])
    inner = tuple(part for part in loc if isinstance(part, str))
    full = path + inner
    key, dotted = full[-1] if full else "", f"{'.'.join(full)}: " if full else ""
    named = f"{key!r} in [{'.'.join(full[:-1])}]" if full[:-1] else repr(key)
    if problem["type"] == "extra_forbidden":
        allowed = sorted(_fields(kind, inner[:-1]))
        do = suggestion(key, allowed) or "take it out, or write one of these"
        return file.refuse(f"unknown key {named}", full, exists=allowed, do=do)
    if problem["type"] == "missing":
        is_table = _table(_fields(kind, inner[:-1])[key]) is not None
        return file.refuse(
            f"{named} is missing",
            full[:-1],
            do=f"add a table [{'.'.join(full)}]" if is_table else f"add {key} = …",
        )
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, Misfit):
        full += cause.at
        return file.refuse(f"{'.'.join(full)}: {cause}", full, exists=cause.exists, do=cause.do)
    if problem["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        do = suggestion(str(problem["input"]), allowed) or "write one of these"
        return file.refuse(f"{dotted}unknown value {got}", full, exists=allowed, do=do)
    if problem["type"] == "too_short":
        return file.refuse(f"{dotted}is empty", full, do="write at least one")
    if problem["type"] in WANTED:
        wanted = WANTED[problem["type"]]
        item = f"item {loc[-1] + 1} " if isinstance(loc[-1], int) else ""
        return file.refuse(f"{dotted}{item}must be {wanted}, got {got}", full, do=f"write {wanted}")
    bound = re.sub(r"^.* should", "must", problem["msg"])
    return file.refuse(f"{dotted}{bound}, got {got}", full, do="write such a value")


def _fields(kind: type[Declared], inner: KeyPath) -> dict[str, Any]:
    """Return key → annotation for the table that ``inner`` leads to."""
    for part in inner:
        table = _table(_fields(kind, ())[part])
        assert table is not None
        kind = table
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def _table(annotation: Any) -> type[Declared] | None:
    """Return the table that a field holds, or None if it holds a value."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Declared)), None)


def load_sources(file: TomlFile) -> dict[str, Source]:
    """Read the file of the sources: name → source, in the order of the names."""
    return {name: validate(Source, values, file, (name,)) for name, values in sorted(file.values.items())}


def load_features(file: TomlFile) -> tuple[Kind, dict[str, Feature]]:
    """Read one feature file: its kind, and its features by name, in the order of the names."""
    values = dict(file.values)
    kind = values.pop("kind", None)
    if kind not in ("fit", "engagement"):
        raise file.refuse(
            f"kind is {short(kind)}" if "kind" in file.values else "kind is missing",
            ("kind",),
            exists=("fit", "engagement"),
            do="write kind = 'fit' (who they are) or kind = 'engagement' (what they do) at the top",
        )
    return cast(Kind, kind), {name: _feature(name, table, file) for name, table in sorted(values.items())}


def _feature(name: str, table: Any, file: TomlFile) -> Feature:
    if not isinstance(table, Mapping):
        raise file.refuse(
            f"unknown key {name!r} at the top of a feature file",
            (name,),
            exists=("kind", "[a_feature] tables"),
            do=suggestion(name, ("kind",)) or "move it into the table of a feature, or take it out",
        )
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise file.refuse(f"{name!r} is no feature name", (name,), do="use lower-case letters, digits and _")
    if "verb" not in table:
        raise file.refuse(f"'verb' in [{name}] is missing", (name,), exists=sorted(VERBS), do="add verb = …")
    verb = table["verb"]
    if not isinstance(verb, str) or verb not in VERBS:
        near = suggestion(str(verb), VERBS)
        do = near.replace("write ", "write verb = ") if near else "write one of these"
        raise file.refuse(
            f"unknown verb {short(verb)} in [{name}]", (name, "verb"), exists=sorted(VERBS), do=do
        )
    return validate(VERBS[verb], table, file, (name,))


def load_model(file: TomlFile) -> Model:
    """Read the file of one model."""
    return validate(Model, file.values, file, ())
