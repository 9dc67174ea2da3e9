"""The public surface of the package as a page, and the pieces that every page is made of."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import lqmodel
from lqmodel.audit import Audit, Finding
from lqmodel.comparison import Compared, Comparison
from lqmodel.counterfactual import Helpful, Nearest, NurtureList
from lqmodel.evaluation import Band, Estimate, Quality
from lqmodel.reasons import Change, Help, LeadExplanation, Move, NurtureStep, Reason, Way
from lqmodel.reasons.attributions import Attributions
from lqmodel.reasons.drawing import Drawing
from lqmodel.scores import Scores

RETURNED = (
    *(
        Quality,
        Estimate,
        Band,
        Audit,
        Finding,
        Scores,
        LeadExplanation,
        Reason,
        Change,
        Move,
        Attributions,
        Drawing,
    ),
    *(Help, Way, NurtureStep, NurtureList, Nearest, Helpful, Comparison, Compared),
)
"""What the methods of the public classes give back."""


def python_page() -> str:
    """Write down the public surface: each public name, and what it offers."""
    named = {name: getattr(lqmodel, name) for name in lqmodel.__all__}
    functions = [
        [f"`{name}{signature(item)}`", first_line(item)]
        for name, item in named.items()
        if inspect.isfunction(item)
    ]
    parts = [
        "Everything that `import lqmodel as lq` offers; what is not on this page may change without notice. "
        "`help()` of each name says more: shapes, units, what is raised.",
        "## Functions",
        table(["name", "what it does"], [*functions, ["`__version__`", "The version of the package."]]),
        "## Classes",
    ]
    for cls in (item for item in named.values() if inspect.isclass(item)):
        parts += _class(cls)
    parts.append("## What their methods return")
    for cls in RETURNED:
        parts += _class(cls)
    return page("Python", *parts)


def _class(cls: type[Any]) -> list[str]:
    told = groupby(public(cls).items(), key=lambda item: item[1][1] or item[0])  # one text, one row
    rows = []
    for _, group in told:
        members = list(group)
        rows.append([", ".join(f"`{name}{kind}`" for name, (kind, _) in members), members[0][1][1]])
    listed = [table(["name", "what it is"], rows)] if rows else []
    return [f"### {cls.__name__}", first_line(cls), *listed]


def public(cls: type[Any]) -> dict[str, tuple[str, str]]:
    """Return the public names of a class's objects: their types or parameters, and what they are.

    Values come first, functions after them by name. What a class takes over from other packages
    (scikit-learn, Exception) is theirs to document.
    """
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] == lqmodel.__name__]
    defined = {name: item for base in reversed(ours) for name, item in vars(base).items()}
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    said = {name: entry for base in reversed(ours) for name, entry in attributes(base).items()}
    values = {field.name: (f": {field.type}", said.get(field.name, ("", ""))[1]) for field in fields}
    values |= {
        name: (f": {kind}" if kind else "", words)
        for name, (kind, words) in said.items()
        if name not in values
    }
    functions: dict[str, tuple[str, str]] = {}
    for name, item in sorted(defined.items()):
        if name.startswith("_") or name in values or not inspect.isfunction(_bare(item)):
            continue
        target = values if _bare(item) is not getattr(item, "__func__", item) else functions
        target[name] = (signature(item), first_line(item))
    return {**values, **functions}


def attributes(cls: type[Any]) -> dict[str, tuple[str, str]]:
    """Read the section "Attributes" of a numpydoc docstring: name → (type, meaning)."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes\n----------\n")
    section = re.split(r"\n\n\w+\n-+\n", section)[0]
    found: dict[str, tuple[str, str]] = {}
    for entry in re.split(r"\n(?=\S)", section):
        head, _, words = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        meaning = " ".join(words.split()).replace("``", "`")
        found |= {name: (kind, meaning) for name in names.split(", ") if name}
    return found


def _bare(item: Any) -> Any:
    """Return the function behind a property, class method or static method."""
    return getattr(item, "fget", None) or getattr(item, "func", None) or getattr(item, "__func__", item)


def signature(item: Any) -> str:
    """Write a function's parameters and what it returns, as in its source, or a property's type."""
    function = _bare(item)
    if function is not getattr(item, "__func__", item):
        return f": {function.__annotations__['return']}"
    written: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        several = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        if parameter.kind is parameter.KEYWORD_ONLY and not any(part.startswith("*") for part in written):
            written.append("*")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        written.append(f"{several}{parameter.name}: {parameter.annotation}{default}")
    return f"({', '.join(written)}) -> {function.__annotations__['return']}"


def first_line(item: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return prose(_bare(item)).partition("\n\n")[0].replace("\n", " ")


def prose(item: Any) -> str:
    """Return a docstring as Markdown."""
    return (inspect.getdoc(item) or "").replace("``", "`")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [list(head), ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """Write a block of code in Markdown."""
    return f"```\n{text}\n```"


def page(title: str, *parts: str) -> str:
    """Put a page together, a blank line between its parts."""
    return "\n\n".join([f"# {title}", *parts]) + "\n"
