"""An agreement is signed: its file is written, a team that was missing joins, and the model names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import tomlkit

from lqmodel.declarations import ProjectFiles
from lqmodel.declarations.agreement import (
    PARTIES,
    SENTENCE,
    Signed,
    declared_rules,
    signed_path,
    signed_rules,
    unsigned,
)
from lqmodel.declarations.loading import TomlFile
from lqmodel.errors import CannotWrite, Refused, UsageError
from lqmodel.files import write_file

HEAD = (
    "What was signed, whole: also what `models/NAME.toml` leaves to its default. `lqmodel policy sign` wrote it.",
    "It is never changed once both teams have signed; other rules are signed under another version.",
)


def sign(
    root: Path, name: str | None, version: str, teams: Sequence[str], day: date, means: str | None = None
) -> list[str]:
    """Write the rules that a model declares as signed, and have the model name that version.

    Each team may sign by itself: the second one joins the file of the first, under the same rules. The
    agreement is in force once both, marketing and sales, have signed.

    Parameters
    ----------
    root : Path
        The project's folder.
    name : str or None
        Which model, where there are several.
    version : str
        Names the agreement, and its file.
    teams : sequence of str
        Who signs; those that signed before stay.
    day : date
        When.
    means : str, optional
        What a handoff promises, in words; default: what the model's [agreement] says.

    Returns
    -------
    list of str
        What was done, in words.

    Raises
    ------
    UsageError
        No such model, a version that names no file, nobody or somebody twice signs, or no sentence.
    Refused
        That version was signed already: by both teams, by these, or other rules.
    BadDeclaration, NoInput, CannotWrite
    """
    files = ProjectFiles.read(root)
    declared = files.declarations(name)
    path = signed_path(files.root, declared.name, version)
    if path is None:
        raise UsageError(
            f"the version {version!r} names no file",
            do="use letters, digits, '.', '_' and '-', such as 2026-02",
        )
    by = _teams(teams)
    model, told = declared.model, path.relative_to(files.root).as_posix()
    sentence = means or (model.agreement.sales_ready_means if model.agreement else None)
    if not sentence:
        raise UsageError(
            f"models/{declared.name}.toml has no [agreement]: what does sales-ready mean?",
            do="add --means 'what a handoff promises, in words'",
        )
    rules = {path: rule for path, rule in declared_rules(model).items() if path[0] != "agreement"}
    source = files.root / "models" / f"{declared.name}.toml"
    named = _named(source.read_bytes(), version, sentence)
    if path.exists():
        held = Signed.read(TomlFile.read(path, files.root))
        same = signed_rules(held.rules) == {SENTENCE: sentence, **rules}
        by, day, done = _joined(held, by, day, told, same, named is not None)
        if by != held.rules.signed_by:
            write_file(path, signed_text(version, by, day, sentence, rules).encode())
    else:
        done = f"signed by {', '.join(by)}: {told}"
        _write(path, signed_text(version, by, day, sentence, rules).encode())
    stands = unsigned(version, {"by": by}) or f"agreement {version!r} is in force"
    lines = [done, stands]
    if named is not None:  # last: a model that names a version without a file has a draft, and says so
        write_file(source, named)
        lines.append(f"models/{declared.name}.toml names {version!r} now")
    return [
        *lines,
        "train again where the stages changed: what a bundle applies are the rules that it was trained with",
    ]


def _joined(
    held: Signed, teams: tuple[str, ...], day: date, told: str, same: bool, unnamed: bool
) -> tuple[tuple[str, ...], date, str]:
    """Return who has signed once these teams join, when, and what was done; or refuse.

    Parameters
    ----------
    held : Signed
        What stands there.
    teams, day
        Who signs now, and when.
    told : str
        Where it stands.
    same : bool
        Whether it holds the rules of today.
    unnamed : bool
        Whether the model does not name it: a call was killed half-way, and this one ends it.
    """
    before, signature = held.rules, held.signature
    if same and unnamed and set(teams) <= set(before.signed_by):
        return before.signed_by, before.signed_on, f"signed already on {before.signed_on.isoformat()}: {told}"
    if same and signature.missing and not set(teams) & set(before.signed_by):
        return (*before.signed_by, *teams), day, f"signed by {', '.join(teams)} too: {told}"
    raise Refused(
        f"agreement {signature} is never written again"
        if same or not signature.missing
        else f"the rules of today are not those of agreement {signature}",
        where=told,
        do=f"let {signature.missing[0]} sign it too, or sign the rules of today under another version"
        if same and signature.missing
        else "sign the rules of today under another version",
    )


def _teams(teams: Sequence[str]) -> tuple[str, ...]:
    """Return who signs; marketing and sales however they are capitalized."""
    if not teams or not all(team.strip() for team in teams):
        raise UsageError("nobody signs", do="add --by marketing --by sales")
    found = tuple(low if (low := team.strip().lower()) in PARTIES else team for team in teams)
    if twice := [team for team in found if found.count(team) > 1]:
        raise UsageError(f"{twice[0]!r} signs twice", do="name each team once")
    return found


def _write(path: Path, data: bytes) -> None:
    """Write a file that must not be there, not even since a moment ago."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise CannotWrite(
            f"cannot write {path}: {error.strerror or error}", do="name a place that you may write to"
        ) from error


def signed_text(
    version: str, teams: Sequence[str], day: date, sentence: str, rules: Mapping[tuple[str, ...], Any]
) -> str:
    """Return the file of an agreement; ``rules`` are those of `declared_rules`, without the sentence."""
    document = tomlkit.document()
    for line in HEAD:
        document.add(tomlkit.comment(line))
    document.add("version", tomlkit.item(version))
    document.add("signed_by", tomlkit.item(list(teams)))
    document.add("signed_on", tomlkit.item(day))
    document.add("sales_ready_means", tomlkit.item(sentence))
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    for path, rule in rules.items():
        head = path[:2] if path[0] == "stages" else path[:1]
        table = tables.setdefault(head, {})
        for key in path[len(head) : -1]:
            table = table.setdefault(key, {})
        table[path[-1]] = rule
    lines = [tomlkit.dumps(document).rstrip("\n")]
    for head, table in tables.items():
        lines += ["", f"[{'.'.join(head)}]"]
        lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return tomlkit.key(key).as_string()


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(inner)}' for key, inner in value.items())} }}"
    return str(tomlkit.item(value).as_string())


def _named(data: bytes, version: str, sentence: str) -> bytes | None:
    """Return a model's TOML with this agreement, all else as it stands; None where it names it already."""
    document = tomlkit.parse(data.decode("utf-8-sig"))
    held = document.get("agreement")
    if held is None:
        held = tomlkit.table()
        document["agreement"] = held
    wanted = {"version": version, "sales_ready_means": sentence}
    if all(held.get(key) == value for key, value in wanted.items()):
        return None
    for key, value in wanted.items():
        if held.get(key) != value:
            held[key] = value
    return tomlkit.dumps(document).encode()
