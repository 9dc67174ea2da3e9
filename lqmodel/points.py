"""Points of leads by a declared table: a rule that people wrote, which serves until there are wins enough.

[points.for]
pricing_visits = 10              ──>  2 visits to the pricing page in the last 30 days (+10)
industry = { software = 15 }          industry: software (+15)
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import Column, Declarations, DeclaredFeature, Worth
from lqmodel.errors import UsageError, nearest
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons import ColumnWords, join
from lqmodel.reasons.raw import Raw, levels, numbers
from lqmodel.stages import Policy, Threshold

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
VERSION_PREFIX: Final = "points-"
NOTICE: Final = ENGLISH.say("points.notice")
COMPARE: Final[dict[str, Callable[[Floats, float], Bools]]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}
FURTHEST: Final = 30.0
"""How far beyond a threshold, in distances between the two, the score goes on rising: the logit's own bound."""


@dataclass(frozen=True)
class PointReason:
    """One line of the table that holds for a lead, in words.

    Attributes
    ----------
    family, kind, title : str
        The feature or fact; "fit" or "engagement"; its name for people.
    text : str
        The words, without the points.
    points : int
        What the line gives; never 0.
    actionable : bool
        Whether marketing or sales can change it, as declared.
    column : str
        The column that gave the words.
    value : float, str or None
        Its value.
    """

    family: str
    kind: str
    title: str
    text: str
    points: int
    actionable: bool
    column: str
    value: Raw

    def __str__(self) -> str:
        return f"{self.text} ({self.points:+d})"


@dataclass(frozen=True)
class Line:
    """One line of the table, with the column that it looks at and its words."""

    worth: Worth
    declared: DeclaredFeature
    column: Column
    words: ColumnWords

    def read(self, values: pa.Table, ages: Floats | None) -> tuple[Bools, Callable[[int], Raw]]:
        """Return for each row whether the line holds, and what gives a row's value."""
        if self.worth.level is not None:
            codes, names = levels(values, self.column)
            code = names.index(self.worth.level) if self.worth.level in names else len(names)
            return codes == code, lambda row: names[codes[row]]
        found = numbers(values, self.column, ages)
        bounds = self.worth.bounds or (("gt", 0.0),)
        # a missing value compares as false, whatever the bound
        holds = np.logical_and.reduce([COMPARE[name](found, bound) for name, bound in bounds])
        return holds, lambda row: float(found[row])


@dataclass(frozen=True)
class PointsTable:
    """The points table of a model, ready to be applied.

    Attributes
    ----------
    declarations : Declarations
        Where it stands.
    lines : tuple of Line
        By falling size of their points, then by name.
    language : Language
        In which it speaks.
    """

    declarations: Declarations
    lines: tuple[Line, ...]
    language: Language

    @classmethod
    def of(cls, declarations: Declarations, language: Language = ENGLISH) -> PointsTable:
        """Return the table that the declarations hold, with words in a language.

        Raises
        ------
        UsageError
            They hold none.
        """
        if declarations.model.points is None:
            raise UsageError(
                f"model {declarations.name!r} declares no points",
                where=f"models/{declarations.name}.toml",
                do="add [points] with mql, sales_ready, and under [points.for] what each feature or fact is worth",
            )
        lines = [
            Line(w, item, column, ColumnWords(item, column, language))
            for w, item, column in declarations.worths()
        ]
        return cls(declarations, tuple(sorted(lines, key=lambda line: -abs(line.worth.points))), language)

    @property
    def version(self) -> str:
        """Return ``points-`` and the first 12 digits of the declarations' fingerprint."""
        return f"{VERSION_PREFIX}{self.declarations.fingerprint()[:12]}"

    def holds(self, values: pa.Table, ages: Floats | None = None) -> Bools:
        """Return which line holds for which lead.

        Parameters
        ----------
        values : pyarrow.Table
            Columns by name, one row per lead or snapshot.
        ages : ndarray of float64, shape (n,), or None
            Age of each lead in days; with it, "never" is told from an old last act.

        Returns
        -------
        ndarray of bool, shape (n, n_lines)
        """
        return np.column_stack([line.read(values, ages)[0] for line in self.lines])

    def unmet(self, values: pa.Table) -> list[str]:
        """Say which levels of the table no lead has, each with the nearest that one has.

        Parameters
        ----------
        values : pyarrow.Table
            Columns by name, one row per lead.
        """
        said = []
        for line in self.lines:
            if line.worth.level is not None:
                _, there = levels(values, line.column)
                if there and line.worth.level not in there:
                    near = nearest(line.worth.level, there)
                    meant = f"; the nearest is {near!r}" if near else ""
                    said.append(f"[points.for] {line.worth.name}: no lead has {line.worth.level!r}{meant}")
        return said

    def points(self, held: Bools, kind: str | None = None) -> Ints:
        """Return the points of each lead, shape (n,), int64; of one kind of features, or of all.

        Parameters
        ----------
        held : ndarray of bool, shape (n, n_lines)
            As `holds` gives.
        kind : {"fit", "engagement"}, optional
        """
        worth = [line.worth.points if kind in (None, line.declared.kind) else 0 for line in self.lines]
        given: Ints = held.astype(np.int64) @ np.array(worth, dtype=np.int64)
        return given

    def policy(self) -> Policy:
        """Return the declared stages with points in the place of margins.

        Thresholds, gates and the way back are those of [stages]; a lead falls back below `below_ratio` of a
        threshold's points. The probabilities of its thresholds only place the score: see `placed`.
        """
        points, stages = self.declarations.model.points, self.declarations.model.stages
        assert points is not None
        ratio = stages.demotion.below_ratio
        mql, ready = (
            Threshold(float(self.placed([bar])[0]), float(bar), ratio * bar)
            for bar in (points.mql, points.sales_ready)
        )
        return Policy.of(stages, mql, ready, self.declarations.model.zone)

    def placed(self, points: ArrayLike) -> Floats:
        """Place points in (0, 1), so that `stages.score` is linear in them between the thresholds.

        expit((points - mql) / (sales_ready - mql)): a place on the scale of scores, no probability.
        """
        bars = self.declarations.model.points
        assert bars is not None
        share = (np.asarray(points, dtype=np.float64) - bars.mql) / (bars.sales_ready - bars.mql)
        place: Floats = 1 / (1 + np.exp(-np.clip(share, -FURTHEST, FURTHEST)))
        return place

    def texts(
        self, values: pa.Table, ages: Floats | None = None, most: int = 3, limit: int = 1024
    ) -> tuple[list[str], list[str]]:
        """Return for every lead what gave and what took points, the most first, each as one text."""
        up, down = self.reasons(values, ages, most)
        return [join(found, limit) for found in up], [join(found, limit) for found in down]

    def reasons(
        self, values: pa.Table, ages: Floats | None = None, most: int | None = None
    ) -> tuple[list[list[PointReason]], list[list[PointReason]]]:
        """Return for every lead the lines that hold, for and against, the most points first.

        Parameters
        ----------
        values : pyarrow.Table
        ages : ndarray of float64, shape (n,), or None
        most : int, optional
            Lines for, and lines against; default: all.
        """
        sides: dict[bool, list[list[PointReason]]] = {
            up: [[] for _ in range(values.num_rows)] for up in (True, False)
        }
        for line in (line for line in self.lines if line.worth.points):
            said = sides[line.worth.points > 0]
            holds, value_of = line.read(values, ages)
            worded: dict[Raw, PointReason] = {}
            for row in np.flatnonzero(holds).tolist():
                if most is None or len(said[row]) < most:
                    value = value_of(row)
                    if value not in worded:
                        worded[value] = _reason(line, value)
                    said[row].append(worded[value])
        return sides[True], sides[False]


def _reason(line: Line, value: Raw) -> PointReason:
    return PointReason(
        family=line.declared.name,
        kind=line.declared.kind,
        title=line.words.title,
        text=line.words.text(value),
        points=line.worth.points,
        actionable=line.column.actionable,
        column=line.column.name,
        value=value,
    )


@dataclass(frozen=True)
class PointsExplanation:
    """Why one lead has its points; prints.

    Attributes
    ----------
    lead_id : str
    as_of : str or None
        ISO 8601, UTC; None for data without a clock.
    points : int
    stage : str
    score : float
        0 to 100.
    up, down : tuple of PointReason
        All lines that hold, for and against, the most points first.
    language : Language
        In which it speaks.
    """

    lead_id: str
    as_of: str | None
    points: int
    stage: str
    score: float
    up: tuple[PointReason, ...]
    down: tuple[PointReason, ...]
    language: Language = ENGLISH

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary for `json.dumps`."""
        sides = {side: [vars(reason) for reason in getattr(self, side)] for side in ("up", "down")}
        note = self.language.say("points.notice")
        return {**vars(self), **sides, "note": note, "language": self.language.name}

    def __str__(self) -> str:
        say, when = self.language.say, f", {self.as_of[:10]}" if self.as_of else ""
        lines = [
            f"{self.lead_id}{when}: {say('points', self.points)} ({say('points.notice')})",
            say("points.standing", stage=self.stage, score=str(int(self.score))),
            "",
        ]
        lines += [f"  {r.points:>+6}  {r.text}" for r in (*self.up, *self.down)]
        return "\n".join(lines if self.up or self.down else [*lines, f"  {say('points.nothing')}"])
