"""What every CRM has in common: a target turns leads into rows of its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from lqmodel.crm.cells import Cell, Limits, Row
from lqmodel.crm.leads import Lead, Sent, cut
from lqmodel.declarations.crm import LONGEST_NAME, CrmFile

Placed = tuple[str, Row]
"""The name of a sheet, and a row of it."""


@dataclass(frozen=True)
class Shown:
    """What a run can tell: probabilities or points, a day, a link, and whose leads are."""

    by_points: bool
    dated: bool
    owned: bool = False

    def fields(self, declared: CrmFile) -> dict[str, str]:
        """Return value → own field, for the values that there are."""
        absent = {"probability", "low", "high"} if self.by_points else {"points"}
        absent |= set() if self.dated else {"scored_at"}
        absent |= set() if declared.lead_page else {"link"}
        absent |= set() if self.owned else {"owner"}
        return {value: name for value, name in declared.fields.given().items() if value not in absent}


class Kept(Exception):
    """A lead's stage in the CRM is left as it is; the message says why."""


class Target(Protocol):
    """One CRM: pure mappings from a lead to rows of files."""

    @property
    def title(self) -> str:
        """What the CRM is called."""

    @property
    def declared(self) -> CrmFile:
        """The mapping that is declared."""

    @property
    def limits(self) -> Limits:
        """What its importer takes as one file."""

    @property
    def sheets(self) -> Mapping[str, str]:
        """Sheet → how it is loaded, in the order in which they are loaded."""

    @property
    def stage_fields(self) -> tuple[str, ...]:
        """The CRM's own fields that say where a lead stands."""

    @property
    def replaces(self) -> bool:
        """Whether setting a stage takes the place of what stands there."""

    def bad_key(self, key: str) -> str | None:
        """Return why the CRM has no such record id; None if it may have."""

    def same_key(self, key: str) -> str:
        """Return the record id so that two of one record are equal."""

    def refusal(self, lead: Lead) -> str | None:
        """Return why a lead's row would not be taken, or may not be written; None if it may."""

    def own(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        """Yield the rows of own fields. ``sent``: what the CRM holds of the lead."""

    def moves(self, lead: Lead, sent: Sent | None) -> Iterator[Placed]:
        """Yield the rows that set the CRM's own stage; raise `Kept` where it must stay."""

    def emptied(self, key: str) -> Iterator[Placed]:
        """Yield the rows that take a lead's score away."""


def own_cells(lead: Lead, declared: CrmFile, shown: Shown) -> dict[str, Cell]:
    """Return own field → cell."""
    values: dict[str, Cell] = {
        "score": lead.score,
        "points": lead.points,
        "stage": declared.stage_names.at(lead.stage),
        "owner": None if lead.owner is None else cut(lead.owner, LONGEST_NAME),
        "reasons": cut(lead.reasons, declared.reasons_length),
        "against": cut(lead.against, declared.reasons_length),
        "model_version": lead.model_version,
        "scored_at": lead.scored_at,
        "link": lead.link,
    }
    chances = {"probability": lead.probability, "low": lead.low, "high": lead.high}
    values |= {name: chance(declared, p) for name, p in chances.items()}
    return {name: values[value] for value, name in shown.fields(declared).items()}


def chance(declared: CrmFile, probability: float | None) -> float | None:
    """Return a probability as the field holds it: a share, or percent."""
    return (
        probability * 100 if probability is not None and declared.probability_as == "percent" else probability
    )


def no_cells(declared: CrmFile, shown: Shown) -> dict[str, Cell]:
    """Return own field → nothing."""
    return dict.fromkeys(shown.fields(declared).values())


def present(lead: Lead, declared: CrmFile, field: str) -> str | None:
    """Return what stands in a field of the CRM; None where no column says so."""
    column = dict(declared.present).get(field)
    return None if column is None else lead.held.get(column, "")


def option(declared: CrmFile, field: str, text: str) -> str:
    """Return the option that a text means, whatever its letter case and spaces; "" for none.

    Raises
    ------
    Kept
        It means no option.
    """
    if not text:
        return ""
    for known in declared.picklist(field) or ():
        if plain(known) == plain(text):
            return known
    raise Kept(f"unknown picklist value: {field} holds {text!r}")


def plain(text: str) -> str:
    """Return a text without letter case, spaces and signs.

    >>> plain("Marketing Qualified Lead")
    'marketingqualifiedlead'
    """
    return "".join(c for c in text if c.isalnum()).casefold()
