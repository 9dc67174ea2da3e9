"""The line of every key of a TOML text is found, however it is written."""

from __future__ import annotations

import json
import re
import string
import tomllib
from functools import reduce
from operator import getitem

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lqmodel.declarations.lines import find_line

TEXT = st.text(st.characters(exclude_categories=["C"]), max_size=6) | st.sampled_from(
    ["a.b", "[x]", "=", "#", '"', "'", ""]
)
BARE = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=6)
DECOYS = [
    *(
        "1",
        "-2.5e3",
        "1979-05-27 07:32:00",
        "true",
        '"[x] # a = 1"',
        "'a = \\'",
        '"\\\\\\" = "',
        "[]",
        "{}",
        '""',
        "''",
    ),
    '"""\n[decoy]\nkey = 1 # \\""" "\nb = 2"""',
    "'''\n[decoy]\nkey = ''1'''''",
    '""""a = 1"""""',
    '"""[x] = """"',
    "'''[x] = ''''",
    '[ # ]\n  1,\n  "]",\n  [ [2], # c = 3\n  ],\n]',
]


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """Return a TOML text and the line of each key and header that is written in it."""
    keys = draw(st.lists(BARE | TEXT, unique=True, min_size=1, max_size=14))
    text = ""
    lines: dict[tuple[str, ...], int] = {}
    headers: list[tuple[str, ...]] = [()]

    def written(key: str) -> str:
        ways = [json.dumps(key, ensure_ascii=False), '"' + "".join(f"\\U{ord(c):08x}" for c in key) + '"']
        if re.fullmatch(r"[A-Za-z0-9_-]+", key):
            ways.append(key)
        if "'" not in key:
            ways.append(f"'{key}'")
        return draw(st.sampled_from(ways))

    def dotted(parts: tuple[str, ...]) -> str:
        between: str = draw(st.sampled_from([".", " . "]))
        return between.join(map(written, parts))

    def take(most: int) -> tuple[str, ...]:
        return tuple(keys.pop() for _ in range(min(len(keys), draw(st.integers(1, most)))))

    def pair(table: tuple[str, ...], line: int) -> str:
        parts = take(3)
        lines[table + parts] = line
        start = f"{dotted(parts)} = "
        inline: bool = draw(st.booleans())
        if keys and inline:
            inner = pair(table + parts, line)
            while keys and "\n" not in inner and draw(st.booleans()):
                inner += f", {pair(table + parts, line)}"
            return f"{start}{{ {inner} }}"
        return start + draw(st.sampled_from(DECOYS))

    while keys:
        text += draw(st.sampled_from(["", "\n", "# [x]\n# a = 1\n", "  \t"]))
        line = text.count("\n") + 1
        if draw(st.booleans()):
            header = draw(st.sampled_from(headers)) + take(2)
            headers.append(header)
            lines[header] = line
            opening, closing = draw(st.sampled_from([("[", "]"), ("[ ", " ]")]))
            text += opening + dotted(header) + closing
        else:
            text += pair(headers[-1], line)
        text += draw(st.sampled_from(["\n", " # b = 2 ]\n", "\t\n"]))
    return text, lines


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=documents())
def test_the_line_of_each_key_is_found(document: tuple[str, dict[tuple[str, ...], int]]) -> None:
    text, lines = document
    values = tomllib.loads(text)
    for path, line in lines.items():
        reduce(getitem, path, values)  # the document holds what it is meant to hold
        assert find_line(text, path) == line
        assert find_line(text, (*path, "a key that is not there")) == line


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("", ("a",), None),
        ("a = 1", ("b",), None),
        ("[a.b]\nc = 1\n[a]\nd = 1", ("a",), 3),
        ("[a.b]\nc = 1\n[a]\nd = 1", ("a", "d"), 4),
        ("\n[a.b]\nc = 1", ("a",), 2),
        ("\n[a.b]\nc = 1", ("a", "x"), 2),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", "b"), 2),
        ("a = [\n  { b = 1 },\n  { c = 1 },\n]", ("a", "c"), 3),
        ('"\\u0061" = 1', ("a",), 1),
        ("b = 1\n'a.b'.c = 1", ("a.b", "c"), 2),
        ("a = '\u2028'\nb = 1", ("b",), 2),
    ],
)
def test_the_line_of(text: str, path: tuple[str, ...], line: int | None) -> None:
    tomllib.loads(text)
    assert find_line(text, path) == line
