"""Where each key of a TOML text stands; tomllib keeps no positions."""

from __future__ import annotations

import re
import tomllib

KeyPath = tuple[str, ...]

_TOKEN = re.compile(
    r'''
      """(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?'{3,5}    # texts over several lines
    | "(?:\\.|[^"\\])*" | '[^']*'
    | \#[^\n]*
    | [][{}=,\n]
    | [^][{}=,\n\#"'\s]+                            # bare keys with their dots, numbers, dates
    ''',
    re.VERBOSE | re.DOTALL,
)


def find_line(text: str, path: KeyPath) -> int | None:
    r"""Return the line (from 1) of a key, or of the deepest part of its path that is written.

    Parameters
    ----------
    text : str
        Valid TOML.
    path : tuple of str
        The tables that lead to the key, then the key. Elements of arrays do not count.

    >>> find_line("a = 1\n[b]\nc = 2", ("b", "c"))
    3
    >>> find_line("a = 1\n[b]\nc = 2", ("b", "d"))
    2
    >>> find_line("a = 1", ("d",)) is None
    True
    """
    best, line = (0, False), None
    for here, number in key_lines(text):
        shared = _shared(here, path)
        reached = (shared, len(here) == shared)  # [a] itself says more of ("a", …) than [a.b]
        if shared and reached > best:
            best, line = reached, number
    return line


def key_lines(text: str) -> list[tuple[KeyPath, int]]:
    r"""Return the path and line of every key and table header of a valid TOML text, from the top.

    >>> key_lines("[a]\nb.c = { d = 1 }")
    [(('a',), 1), (('a', 'b', 'c'), 2), (('a', 'b', 'c', 'd'), 2)]
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


def _shared(a: KeyPath, b: KeyPath) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _parts(dotted: str) -> KeyPath:
    """Split a dotted key; tomllib knows the quotes and escapes."""
    parts: list[str] = []
    inner = tomllib.loads(f"{dotted} = 0")
    while isinstance(inner, dict):
        key, inner = next(iter(inner.items()))
        parts.append(key)
    return tuple(parts)


class _Scanner:
    """Walk over the tokens of a TOML text and note each key."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, int]] = []
        self.found: list[tuple[KeyPath, int]] = []
        self.at = 0
        line = 1
        for token in _TOKEN.findall(text):
            if not token.startswith("#"):
                self.tokens.append((token, line))
            line += token.count("\n")
        self.tokens.append(("\n", line))

    def document(self) -> None:
        table: KeyPath = ()
        while self.at < len(self.tokens):
            token, line = self.tokens[self.at]
            if token == "\n":
                self.at += 1
            elif token == "[":
                table = _parts(self._until("\n").strip("[]"))
                self.found.append((table, line))
            else:
                self._pair(table)

    def _until(self, *ends: str) -> str:
        start = self.at
        while self.tokens[self.at][0] not in ends:
            self.at += 1
        return "".join(token for token, _ in self.tokens[start : self.at])

    def _pair(self, table: KeyPath) -> None:
        line = self.tokens[self.at][1]
        path = table + _parts(self._until("="))
        self.found.append((path, line))
        self.at += 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self.tokens[self.at][0]
        if opening not in ("{", "["):
            self._until("\n", ",", "}", "]")
            return
        self.at += 1
        while (token := self.tokens[self.at][0]) not in ("}", "]"):
            if token in (",", "\n"):
                self.at += 1
            elif opening == "{":
                self._pair(path)
            else:
                self._value(path)
        self.at += 1
