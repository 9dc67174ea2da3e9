"""Features: what all of them declare, and the columns that they make; the verbs stand in verbs.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from lqmodel.declarations.base import Declared
from lqmodel.declarations.texts import Texts, Titles
from lqmodel.declarations.values import Duration, Where, Windows

Kind = Literal["fit", "engagement"]
Dtype = Literal["number", "category"]
DIRECTIONS = {None: 0, "up": 1, "down": -1}


@dataclass(frozen=True)
class Column:
    """One column of a training set, and where it comes from."""

    name: str
    family: str
    kind: Kind
    dtype: Dtype
    verb: str
    window: Duration | None
    constraint: int  # 1: more never lowers the probability; -1: never raises it; 0: free
    actionable: bool


class Feature(Declared):
    """What every feature declares."""

    verb: str = Field(description="what is made of the rows")
    source: str = Field(description="the source whose rows it looks at")
    where: Where = Field((), description="the only rows that count")
    direction: Literal["up", "down"] | None = Field(
        None,
        description="up: more never lowers the probability; down: more never raises it; a missing value "
        "stands outside of either",
    )
    actionable: bool = Field(
        False,
        description="whether marketing or sales can change it: events that it counts may be offered as what would help",
    )
    title: Titles = Field(
        (),
        description="its name in tables and plots, a text or one for each language; default: the name in words",
    )
    reason: Texts = Field(
        (), description="its words for people; {value}, {window} and, of a trend, {change} are filled in"
    )

    dtype_of_columns: ClassVar[Dtype] = "number"

    def reads(self) -> tuple[str, ...]:
        """Return the columns of the source that the feature reads, sorted."""
        return tuple(sorted({condition.column for condition in self.where}))

    def columns(self, name: str, kind: Kind) -> tuple[Column, ...]:
        """Return the columns that this feature makes under the name ``name``."""
        return (self._column(name, name, kind, None, DIRECTIONS[self.direction]),)

    def _column(self, name: str, family: str, kind: Kind, window: Duration | None, constraint: int) -> Column:
        return Column(name, family, kind, self._dtype(), self.verb, window, constraint, self.actionable)

    def _dtype(self) -> Dtype:
        return self.dtype_of_columns


class Windowed(Feature):
    """A feature that makes one column for each window; the shortest carries the constraint."""

    windows: Windows = Field(min_length=1, description="how far back from as_of; one column for each")

    def columns(self, name: str, kind: Kind) -> tuple[Column, ...]:
        shortest = min(self.windows)
        return tuple(
            self._column(
                f"{name}_{w.text}", name, kind, w, DIRECTIONS[self.direction] if w == shortest else 0
            )
            for w in self.windows
        )


@dataclass(frozen=True)
class DeclaredFeature:
    """A feature with its name and the kind of its file."""

    name: str
    kind: Kind
    file: str
    feature: Feature

    @property
    def title(self) -> str:
        """Its name for people, in English."""
        return self.titled("en") or self.name.replace("_", " ")

    def titled(self, language: str) -> str | None:
        """Return its declared name for people in a language; None where none is declared."""
        return dict(self.feature.title).get(language)

    def worded(self, language: str) -> dict[str, str] | None:
        """Return its declared words in a language: plural form → text; None where none are declared."""
        forms = dict(self.feature.reason).get(language)
        return None if forms is None else dict(forms)

    def columns(self) -> tuple[Column, ...]:
        """Return the columns that the feature makes, in the order of its windows."""
        return self.feature.columns(self.name, self.kind)

    def fact_column(self) -> str:
        """Return the column that says whether the fact holds: the widest window."""
        return max(self.columns(), key=lambda c: c.window.us if c.window else 0).name
