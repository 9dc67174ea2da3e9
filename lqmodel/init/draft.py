"""The draft of a project: sources, features and the model as plain values, and the sentences on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lqmodel.init.activity import Activity, Called
from lqmodel.init.columns import Choice
from lqmodel.lexicon import BEHAVIOUR, found, humanise, words

LONGEST_NAME: Final = 48


@dataclass
class Draft:
    """One source: its keys as TOML has them, and what is said of it in comments."""

    path: Path
    grain: str
    values: dict[str, Any]
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Guess:
    """The draft of a project; ``explanations`` say what was guessed and why, and which flag changes it.

    ``features``: file → its kind, its first comment, and the features by name.
    """

    name: str
    sources: Mapping[str, Draft]
    features: Mapping[str, tuple[str, str, Mapping[str, Mapping[str, Any]]]]
    model: Mapping[str, Any]
    model_notes: Mapping[str, str]
    explanations: list[str]

    @property
    def left_out(self) -> dict[tuple[str, str], str]:
        """Return (source, column) → why it is not used."""
        return {(name, column): why for name, draft in self.sources.items() for column, why in draft.left_out}


def attribute(source: str, choice: Choice) -> dict[str, Any]:
    """Declare an attribute of the lead."""
    called = humanise(choice.column)
    text = called.replace("{", "(").replace("}", ")")
    return {
        "source": source, "verb": "attribute", "column": choice.column, "dtype": choice.use, "title": called,
        "reason": {"en": {"other": f"{text}: {{value}}"}},
    }  # fmt: skip


def feature_files(
    fit: list[Called], activities: list[Activity], leads: str | None
) -> dict[str, tuple[str, str, dict[str, dict[str, Any]]]]:
    """Return the feature files, each feature under a name that stands nowhere else; ``leads``: the dated source."""
    forms = {"one": "a lead for {value} day", "other": "a lead for {value} days"}
    age = {"source": leads, "verb": "recency", "title": "age of the lead", "reason": {"en": forms}}
    engagement = [feature for a in activities for feature in a.engagement]
    momentum = [
        *([("lead age", age)] if leads else []),
        *(feature for a in activities for feature in a.momentum),
    ]
    did = [called for called in fit if found(called[1]["column"], BEHAVIOUR)]
    taken: set[str] = {"kind"}
    files = {}
    for name, kind, comment, declared in (
        (
            "fit",
            "fit",
            "Who they are: attributes, as filled in when the lead was made.",
            [called for called in fit if called not in did],
        ),
        ("behaviour", "engagement", "What they did: totals that the leads' own table holds.", did),
        (
            "engagement",
            "engagement",
            "What they do: one column for each window, counted back from as_of.",
            engagement,
        ),
        ("momentum", "engagement", "Whether interest grows or fades.", momentum),
    ):
        if declared:
            named = {slug(called, taken, values.get("windows", ())): values for called, values in declared}
            files[name] = (kind, comment, named)
    return files


def slug(called: str, taken: set[str], windows: Iterable[str] = ()) -> str:
    """Return a feature name made of the words, and note it and the columns of its windows as taken.

    >>> names = {"kind"}
    >>> slug("Page Views", names), slug("page_views", names), slug("2nd visit", names), slug("Kind", names)
    ('page_views', 'page_views_2', 'f_2nd_visit', 'kind_2')
    >>> slug("calls 7d", names), slug("calls", names, ["7d"])
    ('calls_7d', 'calls_2')
    """
    plain = "_".join(words(called))[:LONGEST_NAME].strip("_") or "column"
    plain = plain if plain[0].isalpha() else f"f_{plain}"
    windows = tuple(windows)
    name, number = plain, 1
    while taken & (columns := {name, *(f"{name}_{w}" for w in windows)}):
        number += 1
        name = f"{plain}_{number}"
    taken |= columns
    return name


def columns_of(declared: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the names of features, and of the columns of their windows."""
    return {
        column
        for name, values in declared.items()
        for column in (name, *(f"{name}_{w}" for w in values.get("windows", ())))
    }


def counted(names: Sequence[object], one: str, more: str) -> str:
    """Say how many: ``1 column``, ``2 columns``."""
    return f"{len(names)} {one if len(names) == 1 else more}"
