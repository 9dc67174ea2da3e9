"""The handoffs of one moment, as the worklist needs them: by lead, by owner, by account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from lqmodel.web.people import Person


@dataclass(frozen=True)
class Handed:
    """A handoff, as a line of the worklist: the last one of its lead.

    Attributes
    ----------
    lead_id, who : str
        The lead, and its display columns in one text; the id where there are none.
    owner : str or None
    status : str
        One of `ledger.STATUSES`.
    overdue : bool
    handed_at : int
        Microseconds UTC.
    due_at : int or None
    probability, low, high : float or None
        As they were handed over; None by points.
    reasons : tuple of str
        The strongest, for the lead.
    seq : int
        Of the ledger's entry.
    language : str
        In which it was frozen; empty by points.
    levels : tuple of (str, str)
        Its categories: column and level.
    account : str or None
    joined : bool
        Whether another lead of the account stands for it: then the worklist leaves it out.
    """

    lead_id: str
    who: str
    owner: str | None
    status: str
    overdue: bool
    handed_at: int
    due_at: int | None
    probability: float | None
    low: float | None
    high: float | None
    reasons: tuple[str, ...]
    seq: int = 0
    language: str = ""
    levels: tuple[tuple[str, str], ...] = ()
    account: str | None = None
    joined: bool = False


class _Index:
    """Who has which leads: ids alone, so that it holds as long as the same leads are handed to the same people."""

    def __init__(self, held: Collection[Handed]) -> None:
        self.lines: list[str] = []
        self.owners: dict[str, list[str]] = defaultdict(list)
        self.accounts: dict[str, list[str]] = defaultdict(list)
        for h in held:
            if not h.joined:
                self.lines.append(h.lead_id)
                if h.owner is not None:
                    self.owners[h.owner].append(h.lead_id)
        for h in sorted(held, key=lambda h: (h.joined, h.seq)):
            if h.account is not None:
                self.accounts[h.account].append(h.lead_id)


class Board(Mapping[str, Handed]):
    """Lead → its last handoff; never changed, so that what is cut from it once can be read by many.

    Parameters
    ----------
    held : mapping
    grain : int
        The same as long as the same leads are handed to the same people: what became of them may differ.
    """

    def __init__(self, held: Mapping[str, Handed], grain: int = 0) -> None:
        self._held, self.grain = held, grain
        self._index = _Index(held.values())

    def __getitem__(self, lead_id: str) -> Handed:
        return self._held[lead_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def lines(self, person: Person) -> Sequence[str]:
        """Return the leads that a person's worklist shows: one of each account."""
        return self._index.lines if person.sees_all else self._index.owners.get(person.owner, ())

    def owned(self, person: Person, lead_id: str) -> bool:
        """Whether a person may see a lead: everybody's, or one whose last handoff is theirs."""
        if person.sees_all:
            return True
        found = self._held.get(lead_id)
        return found is not None and found.owner == person.owner

    def colleagues(self, person: Person, lead_id: str) -> list[Handed]:
        """Return the other handed leads of its account that a person may see: the one that stands for it first."""
        found = self._held.get(lead_id)
        if found is None or found.account is None:
            return []
        others = [self._held[lead] for lead in self._index.accounts[found.account] if lead != lead_id]
        return [h for h in others if self.owned(person, h.lead_id)]

    def changed(self, leads: Collection[str], fresh: Mapping[str, Handed]) -> Board:
        """Return the board after some leads were looked at anew."""
        held = {**{lead: h for lead, h in self._held.items() if lead not in leads}, **fresh}
        if not all(_same_handoff(self._held.get(lead), fresh.get(lead)) for lead in leads):
            return Board(held, self.grain + 1)
        found = copy(self)
        found._held = held
        return found


def _same_handoff(before: Handed | None, now: Handed | None) -> bool:
    if before is None or now is None:
        return before is now
    return (before.seq, before.joined) == (now.seq, now.joined)
