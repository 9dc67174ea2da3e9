"""What `lqmodel check` finds: the inputs, the parts in time, their positives, and the audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lqmodel.audit import Audit, audit
from lqmodel.declarations import Declarations, translation_notices
from lqmodel.errors import LqmodelError, Refused
from lqmodel.inputs import Inputs
from lqmodel.judging import check_held_out, check_to_learn_from, describe_part
from lqmodel.smalldata import few_wins, shortened
from lqmodel.trainingset import Snapshots


@dataclass(frozen=True)
class Checked:
    """Everything that a training would start from, without training.

    ``audit`` is None where there is no training set to audit; ``refused`` says what a training would stop at,
    the audit's findings apart.
    """

    name: str
    fingerprint: str
    columns: int
    sources: dict[str, str]
    parts: dict[str, dict[str, Any]]
    notices: tuple[str, ...]
    audit: Audit | None
    refused: LqmodelError | None

    @property
    def stops(self) -> bool:
        """Whether a training would stop."""
        return self.refused is not None or bool(self.audit and self.audit.stops)

    def raise_if_stopped(self) -> None:
        """Raise what a training would stop at."""
        if self.audit is not None:
            self.audit.raise_if_stopped()
        if self.refused is not None:
            raise self.refused

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: what `lqmodel check --format json` prints.

        Returns
        -------
        dict
            ``model``, ``fingerprint`` (texts) and ``columns`` (a number); ``sources``: name → rows and address;
            ``parts``: "all mature", "train" and "test" → `snapshots`, `leads`, `wins`, and `first` and `last` as_of;
            ``notices``: texts; ``audit``: as in `Audit.to_json`, or null where there is nothing to audit; ``refused``:
            what a training would stop at, the audit apart, or null.
        """
        return {
            "model": self.name,
            "fingerprint": self.fingerprint,
            "columns": self.columns,
            "sources": self.sources,
            "parts": self.parts,
            "notices": list(self.notices),
            "audit": None if self.audit is None else self.audit.to_json(),
            "refused": None if self.refused is None else str(self.refused),
        }

    def __str__(self) -> str:
        lines = [
            f"model {self.name}: {self.columns} columns, declarations {self.fingerprint[:12]}",
            "",
            "sources",
        ]
        width = max(map(len, self.sources))
        lines += [f"  {name:{width}}  {text}" for name, text in self.sources.items()]
        if self.parts:
            lines += ["", "parts"]
        width = max(map(len, self.parts), default=0)
        for name, part in self.parts.items():
            span = f", {part['first'][:10]} to {part['last'][:10]}" if part["first"] else ""
            lines.append(
                f"  {name:{width}}  {part['snapshots']:>9,} snapshots, {part['leads']:>8,} leads, {part['wins']:>7,} wins{span}"
            )
        if self.notices:
            lines += ["", "notices", *(f"  {n}" for n in self.notices)]
        if self.audit is not None:
            lines += ["", str(self.audit)]
        if self.refused is not None:
            lines += ["", f"training would stop: {self.refused}"]
        return "\n".join(lines)


def check(declarations: Declarations, inputs: Inputs, training_set: Callable[[], Snapshots]) -> Checked:
    """Check what a training would start from: its parts in time, and the audit.

    Parameters
    ----------
    declarations : Declarations
    inputs : Inputs
        The opened sources.
    training_set : callable
        Builds the mature, labelled snapshots from them; what it refuses is part of the answer.
    """
    parts: dict[str, dict[str, Any]] = {}
    everything = (*declarations.features, *declarations.facts)
    notices = [
        *declarations.draft_notices(),
        *inputs.notices,
        *translation_notices(everything, declarations.model.language),
    ]
    found, refused = None, None
    try:
        declarations.check_signed()
    except Refused as error:
        refused = error
    try:
        snapshots = training_set()
        notices += [f"{n} snapshots {why}" for why, n in sorted(snapshots.counts.items())]
        parts["all mature"] = describe_part(snapshots)
        found = audit(snapshots, inputs)
        train, test = snapshots.split()
        parts |= {"train": describe_part(train), "test": describe_part(test)}
        notices += [*few_wins(train, test), *shortened(train, test)]
        check_held_out(test)
        check_to_learn_from(train, test)
    except Refused as error:
        refused = refused or error
    sources = {
        source: f"{facts.rows:>11,} rows  {inputs.uris[source]}"
        for source, facts in sorted(inputs.facts.items())
    }
    return Checked(
        name=declarations.name,
        fingerprint=declarations.fingerprint(),
        columns=len(declarations.columns()),
        sources=sources,
        parts=parts,
        notices=tuple(notices),
        audit=found,
        refused=refused,
    )
