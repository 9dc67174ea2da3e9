"""Whatever stands in a file: it loads, or it is refused with its file, line and what to do."""

from __future__ import annotations

import json
import re
import tempfile
import tomllib
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lqmodel.declarations import Declarations, ProjectFiles
from lqmodel.errors import BadDeclaration

FULL: dict[str, str] = tomllib.loads((Path(__file__).parent / "refusals.toml").read_text(encoding="utf-8"))[
    "project"
]["full"]

TOML_VALUES = [
    *(
        "0",
        "1",
        "-1",
        "40.5",
        "nan",
        "inf",
        "true",
        '""',
        '"ever"',
        '"7d"',
        '"0d"',
        '"UTC"',
        '"events"',
        '"leads"',
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        '["a"]',
        '["7d", 1]',
        "[{}]",
        "{ a = 1 }",
        '{ a = ["b"] }',
        "{ ge = nan }",
        "{ a = {} }",
    ),
    *(
        "2025-01-01",
        "07:30:00",
        "2025-01-01T00:00:00+14:00",
        "0x" + "f" * 40,
        "'''\n[x]\n'''",
        '"count"',
        '"recency"',
    ),
]
PIECES = [
    *TOML_VALUES,
    *("[visits]", "[[visits]]", "[visits.where]", "[a.b]", "verb", "where", "kind", "key", "a.b", '"a b"'),
    *("=", ".", "]", "[", "{", "}", "#", '"', "'", "\n", "\\", "é", "\x00"),
]
WORDS = re.compile(r'"[^"\n]*"|[\w.]+|\s|.')


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """Return a file of the project and a text near its own."""
    name = draw(st.sampled_from(sorted(FULL)))
    words = WORDS.findall(FULL[name])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(words) - 1))
        piece = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.sampled_from(words))
        match draw(st.sampled_from(["value", "value", "replace", "insert", "delete", "swap", "line"])):
            case "value":
                written = [i for i, word in enumerate(words) if word == "="]
                if written:
                    start = draw(st.sampled_from(written))
                    end = next((i for i in range(start, len(words)) if words[i] == "\n"), len(words))
                    words[start + 1 : end] = [draw(st.sampled_from(TOML_VALUES))]
            case "replace":
                words[place] = piece
            case "insert":
                words.insert(place, piece)
            case "delete":
                del words[place]
            case "swap":
                there = draw(st.integers(0, len(words) - 1))
                words[place], words[there] = words[there], words[place]
            case "line":
                lines = "".join(words).split("\n")
                del lines[draw(st.integers(0, len(lines) - 1))]
                words = WORDS.findall("\n".join(lines)) or ["\n"]
        words = words or ["\n"]
    return name, "".join(words)


def outcome(name: str, content: bytes) -> Declarations | BadDeclaration:
    """Return what comes of the project with one file replaced; any other exception is a bug."""
    with tempfile.TemporaryDirectory() as folder:
        for file, text in FULL.items():
            path = Path(folder, file)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if file == name else text.encode())
        try:
            return ProjectFiles.read(Path(folder)).declarations()
        except BadDeclaration as refused:
            return refused


def check(result: Declarations | BadDeclaration, name: str, content: bytes) -> None:
    """Declarations come back from JSON as they were; a refusal names a file, a line in it and what to do."""
    if isinstance(result, Declarations):
        assert Declarations.from_json(json.loads(json.dumps(result.to_json()))) == result
        return
    named = re.fullmatch(r"((?:features|models)/\w+\.toml)(?::(\d+))?", result.where or "")
    assert named is not None
    text = content if named[1] == name else FULL[named[1]].encode()
    assert 1 <= int(named[2] or 1) <= text.count(b"\n") + 1
    assert result.message
    assert result.do


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutation=mutations())
def test_a_mutated_text_loads_or_is_refused(mutation: tuple[str, str]) -> None:
    name, text = mutation
    check(outcome(name, text.encode()), name, text.encode())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(FULL)), content=st.binary(max_size=40) | st.text(max_size=40).map(str.encode)
)
def test_any_bytes_are_refused(name: str, content: bytes) -> None:
    check(outcome(name, content), name, content)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.dates()
    | st.sampled_from(["7d", "ever"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def full() -> Declarations:
    result = outcome("", b"")
    assert isinstance(result, Declarations)
    return result


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Return the path of every value below the top."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from places(below, (*path, key))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_in_any_place_loads_or_is_refused(data: st.DataObject, full: Declarations) -> None:
    values: Any = full.to_json()
    path = data.draw(st.sampled_from([path for path in places(values) if len(path) > 2]))
    reduce(getitem, path[:-1], values)[path[-1]] = data.draw(VALUES)
    try:
        result = Declarations.from_json(values)
    except BadDeclaration as refused:
        assert refused.where in FULL  # noqa: PT017
    else:
        assert result.fingerprint() == Declarations.from_json(result.to_json()).fingerprint()
