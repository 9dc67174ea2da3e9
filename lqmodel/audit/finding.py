"""What an audit found, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Final, Literal

from lqmodel.errors import LeakageFound, Refused, listing
from lqmodel.figures import Figures

Level = Literal["stop", "warn", "note"]
LEVELS: Final[tuple[Level, ...]] = ("stop", "warn", "note")
SHOWN: Final = 5  # findings of one rule and level that are printed in full; the others by name
PERSONAL: Final = "personal"
RULES: Final = {
    "label_as_feature": "reads the label's columns or source",
    "winners_only": "facts that exist for won leads only",
    "after_the_win": "facts of won leads that come after the win",
    "at_the_win": "facts of won leads that come within a minute of the win",
    "suspicious_name": "named like what is filled in with the outcome",
    "says_the_outcome": "ranks leads almost perfectly, alone",
    "strong_alone": "ranks leads very well, alone",
    "telling_gaps": "whether it is filled in goes with the outcome",
    PERSONAL: "says who someone is, or how to reach them",
    "empty": "no row has a value",
    "near_constant": "nearly always the same",
    "names_leads": "different for nearly every lead",
    "many_levels": "too many levels",
    "skew": "the latest stretch differs from what was before",
    "missing_ids": "facts without a lead",
    "ids_collide": "ids that differ in space, case or zeros only",
    "repeated_rows": "facts that stand there more than once",
    "shared_moment": "far more facts at one moment than chance allows",
}
"""Every rule of the audit, and what it is about."""


@dataclass(frozen=True)
class Finding:
    """One thing that the audit saw.

    Attributes
    ----------
    level : {"stop", "warn", "note"}
        "stop": training refuses; "warn": look at it.
    rule : str
        Its short name, one of `RULES`.
    name : str
        The feature, column or source.
    where : str
        Its file and table, or source and column.
    message, do : str
        What was seen, and what to do about it.
    """

    level: Level
    rule: str
    name: str
    where: str
    message: str
    do: str


@dataclass(frozen=True)
class Audit:
    """All findings, and the figures that they rest on.

    Attributes
    ----------
    findings : tuple of Finding
        Stops first, then by rule and name.
    figures : tuple of Figures
        Of every column alone, by name.
    """

    findings: tuple[Finding, ...]
    figures: tuple[Figures, ...]

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings at which training refuses."""
        return tuple(f for f in self.findings if f.level == "stop")

    def raise_if_stopped(self) -> None:
        """Refuse to go on.

        Raises
        ------
        LeakageFound
            There is a stop; the message lists what to do.
        Refused
            Every stop is a personal attribute that no declared purpose asks for.
        """
        if not self.stops:
            return
        personal = sum(f.rule == PERSONAL for f in self.stops)
        late = len(self.stops) - personal
        told = [f"{late} {'fact' if late == 1 else 'facts'} may come from after the outcome"] if late else []
        if personal:
            columns = "column is" if personal == 1 else "columns are"
            told.append(f"{personal} {columns} about a person, and no purpose is declared")
        listed = "".join(f"\n  {line}" for line in _lines(self.stops, level=False))
        raise (LeakageFound if late else Refused)(", and ".join(told) + listed)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; a NaN becomes null. Nothing is left out, and the order does not change.

        Returns
        -------
        dict
            ``findings``: a list of objects, stops first, then by rule, name and place: ``level`` ("stop",
            "warn" or "note"), ``rule`` (one of `RULES`), ``name``, ``where``, ``message``, ``do``: texts.
            ``figures``: a list of objects, one for each column of the training set, by name: ``column``,
            ``feature``, ``rows``, ``levels``, ``missing``, ``top_value``, ``top_share``, ``auc``, ``empty_auc``,
            ``won_empty``, ``won_filled``, as in `Figures`.
        """
        figures = [{k: None if v != v else v for k, v in asdict(f).items()} for f in self.figures]
        return {"findings": [asdict(f) for f in self.findings], "figures": figures}

    def __str__(self) -> str:
        if not self.findings:
            return "audit: nothing found"
        counts = [(sum(f.level == level for f in self.findings), level) for level in LEVELS]
        head = "audit: " + ", ".join(f"{n} {level}{'s' * (n != 1)}" for n, level in counts if n)
        return "\n".join([head, *_lines(self.findings, level=True)])


def _lines(findings: tuple[Finding, ...], *, level: bool) -> list[str]:
    """Print a few findings of each rule in full, and the names of the others."""
    lines: list[str] = []
    indent = " " * (6 if level else 2)
    for _, group in groupby(findings, key=lambda f: (f.level, f.rule)):
        same = list(group)
        # one more is no longer than the sentence that there is one more
        shown = same if len(same) <= SHOWN + 1 else same[:SHOWN]
        for f in shown:
            lead = f"{f.level:<5} " if level else ""
            lines += [f"{lead}{f.name} ({f.where}): {f.message}", f"{indent}do: {f.do}"]
        if rest := same[len(shown) :]:
            names = listing(f.name for f in rest)
            lines.append(f"{indent}and {len(rest)} more of {rest[0].rule}, see --format json: {names}")
    return lines
