"""What `lqmodel check` finds: the inputs, the parts in time, their positives, and the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lqmodel.audit import Audit, audit
from lqmodel.errors import Refused
from lqmodel.inputs import Inputs
from lqmodel.judging import describe_part
from lqmodel.trainingset import Snapshots


@dataclass(frozen=True)
class Checked:
    """Everything that a training would start from, without training."""

    name: str
    fingerprint: str
    columns: int
    sources: dict[str, str]
    parts: dict[str, dict[str, Any]]
    notices: tuple[str, ...]
    audit: Audit

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "model": self.name,
            "fingerprint": self.fingerprint,
            "columns": self.columns,
            "sources": self.sources,
            "parts": self.parts,
            "notices": list(self.notices),
            "audit": self.audit.to_json(),
        }

    def __str__(self) -> str:
        lines = [
            f"model {self.name}: {self.columns} columns, declarations {self.fingerprint[:12]}",
            "",
            "sources",
        ]
        width = max(map(len, self.sources))
        lines += [f"  {name:{width}}  {text}" for name, text in self.sources.items()]
        lines += ["", "parts"]
        width = max(map(len, self.parts))
        for name, part in self.parts.items():
            span = f", {part['first'][:10]} to {part['last'][:10]}" if part["first"] else ""
            lines.append(
                f"  {name:{width}}  {part['snapshots']:>9,} snapshots, {part['leads']:>8,} leads, {part['wins']:>7,} wins{span}"
            )
        if self.notices:
            lines += ["", "notices", *(f"  {n}" for n in self.notices)]
        return "\n".join([*lines, "", str(self.audit)])


def check(snapshots: Snapshots, inputs: Inputs) -> Checked:
    """Check what a training would start from: its parts in time, and the audit.

    Parameters
    ----------
    snapshots : Snapshots
        Mature and labelled.
    inputs : Inputs
        The opened sources that they come from.
    """
    declarations = snapshots.declarations
    parts = {"all mature": describe_part(snapshots)}
    notices = [*inputs.notices, *(f"{n} snapshots {why}" for why, n in sorted(snapshots.counts.items()))]
    try:
        train, test = snapshots.split()
        parts |= {"train": describe_part(train), "test": describe_part(test)}
    except Refused as error:
        notices.append(str(error))
    sources = {
        source: f"{facts.rows:>11,} rows  {inputs.uris[source]}"
        for source, facts in sorted(inputs.facts.items())
    }
    return Checked(
        declarations.name,
        declarations.fingerprint(),
        len(declarations.columns()),
        sources,
        parts,
        tuple(notices),
        audit(snapshots, inputs),
    )
