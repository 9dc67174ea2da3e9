"""Every error that lqmodel raises on purpose.

    LqmodelError
    ├── Refused            exit 1    a check or an alarm says no
    │   ├── LeakageFound             the audit found a fact from after the outcome
    │   ├── NoSignal                 nothing beats the base rate
    │   └── TooFewWins               not enough outcomes to learn from
    ├── UsageError         exit 2    the call itself is off             (ValueError)
    ├── BadData            exit 65   the content of an input is wrong   (ValueError)
    │   ├── ColumnMissing            a declared column is not there     (KeyError)
    │   ├── WrongType                a column does not hold its type    (TypeError)
    │   └── BundleDamaged            a bundle is not what was saved
    ├── NoInput            exit 66   a file, folder or run is not there (FileNotFoundError)
    ├── CannotWrite        exit 73   an output cannot be written        (OSError)
    └── BadDeclaration     exit 78   a TOML file is refused             (ValueError)

A message has up to four parts: what is wrong, where, what exists instead, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_DONE = 0


class LqmodelError(Exception):
    """Base of all errors; prints as one readable message.

    Parameters
    ----------
    message : str
        What is wrong, naming the culprit.
    where : str, optional
        File and line, or source and column.
    exists : iterable of str, optional
        What stands there instead; printed in the order given, at most 20 names.
    do : str, optional
        What the user can do about it.
    """

    exit_code = 1
    meaning = "refused by a check or an alarm"

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        exists: Iterable[str] | None = None,
        do: str | None = None,
    ) -> None:
        self.message = message
        self.where = where
        self.exists = None if exists is None else tuple(exists)
        self.do = do
        super().__init__(message)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.exists is not None:
            lines.append(f"  there is: {listing(self.exists)}")
        if self.do:
            lines.append(f"  do: {self.do}")
        return "\n".join(lines)


class Refused(LqmodelError):
    """A check or an alarm says no; the inputs are readable."""


class LeakageFound(Refused):
    """The audit found facts that can only be known after the outcome."""


class NoSignal(Refused):
    """No model beats the base rate on held-out rows."""


class TooFewWins(Refused):
    """Too few outcomes of one kind to learn from."""


class UsageError(LqmodelError, ValueError):
    """The call itself is off: an argument, an option, a name."""

    exit_code = 2
    meaning = "wrong usage"


class BadData(LqmodelError, ValueError):
    """The content of an input is wrong."""

    exit_code = 65
    meaning = "bad data"


class ColumnMissing(BadData, KeyError):
    """A declared column is not in the table."""


class WrongType(BadData, TypeError):
    """A column does not hold the type that its declaration needs."""


class BundleDamaged(BadData):
    """A bundle is not, byte for byte, what was saved."""


class NoInput(LqmodelError, FileNotFoundError):
    """A file, folder, run or model is not there."""

    exit_code = 66
    meaning = "no input"


class CannotWrite(LqmodelError, OSError):
    """An output cannot be written."""

    exit_code = 73
    meaning = "cannot write"


class BadDeclaration(LqmodelError, ValueError):
    """A declaration (TOML) is refused."""

    exit_code = 78
    meaning = "bad declaration"


def listing(names: Iterable[str], most: int = 25) -> str:
    """Join names for a message; say how many were left out.

    >>> listing(["a", "b"])
    'a, b'
    >>> listing([])
    'nothing'
    >>> listing("abc", most=2)
    'a, b … and 1 more'
    """
    names = list(names)
    if not names:
        return "nothing"
    more = f" … and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name closest to ``name``, or None if none is near.

    >>> nearest("windos", ["where", "windows"])
    'windows'
    """
    found = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return found[0] if found else None


def exit_codes() -> dict[int, str]:
    """Return exit code → meaning for every error class (the table in the docs)."""
    table = {EXIT_DONE: "done"}
    stack: list[type[LqmodelError]] = [LqmodelError]
    while stack:
        cls = stack.pop()
        table[cls.exit_code] = cls.meaning
        stack.extend(cls.__subclasses__())
    return dict(sorted(table.items()))
