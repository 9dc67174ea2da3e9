"""How a CRM names the columns of its exports: which is the record, which the outcome, and which are filled in too late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BY_SALES: Final = "filled in by sales or with the outcome, as {title} does it"
COUNTED: Final = "{title} counts it up to the day of the export, also after the outcome"


@dataclass(frozen=True)
class ExportNames:
    """The names that an export of leads holds; of each tuple the first that is there counts.

    Attributes
    ----------
    title : str
        What the CRM is called.
    name : str
        As the declarations call it.
    marks : tuple of str
        Names that tell it from other tables; `FEWEST` of them must be there.
    key, created, won_at : tuple of str
        The record's id, when it was made, when it was won.
    taken : tuple of str
        Those of the keys by which an import finds a record.
    outcome : tuple of str
        The column that says whether it was won.
    won, lost : tuple of str
        Its values, in any letter case.
    account : tuple of str
        The company's id.
    by_sales, counted : tuple of str
        Columns that teach nothing that is known before the outcome.
    fields : mapping of str to tuple of str
        Field that is set by `--set-stage` → how exports name it.
    closed : mapping of str to tuple of str
        Column → its values for a record that is closed or converted.
    """

    title: str
    name: str
    marks: tuple[str, ...]
    key: tuple[str, ...]
    created: tuple[str, ...]
    won_at: tuple[str, ...]
    outcome: tuple[str, ...]
    won: tuple[str, ...]
    lost: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    by_sales: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def late(self) -> dict[str, str]:
        """Return name → why it is left out."""
        told = dict.fromkeys(self.by_sales, BY_SALES) | dict.fromkeys(self.counted, COUNTED)
        return {name: why.format(title=self.title) for name, why in told.items()}
