"""The handoffs of one moment, as the worklist needs them: by lead, by owner, by account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


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

    def __getitem__(self, lead_id: str) -> Handed:
        return self._held[lead_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    @cached_property
    def lines(self) -> Sequence[Handed]:
        """Those that a worklist shows: one of each account."""
        return [h for h in self._held.values() if not h.joined]

    def of(self, owner: str) -> Sequence[Handed]:
        """Return the lines of one owner."""
        return self._owners.get(owner, ())

    def of_account(self, account: str) -> Sequence[Handed]:
        """Return all of an account: the one that stands for it first."""
        return self._accounts.get(account, ())

    def changed(self, leads: Sequence[str] | set[str], fresh: Mapping[str, Handed]) -> Board:
        """Return the board after some leads were looked at anew."""
        stand = all(_same_handoff(self._held.get(lead), fresh.get(lead)) for lead in leads)
        kept = {lead: h for lead, h in self._held.items() if lead not in leads}
        return Board({**kept, **fresh}, self.grain if stand else self.grain + 1)

    @cached_property
    def _owners(self) -> Mapping[str, Sequence[Handed]]:
        found: dict[str, list[Handed]] = defaultdict(list)
        for h in self.lines:
            if h.owner is not None:
                found[h.owner].append(h)
        return found

    @cached_property
    def _accounts(self) -> Mapping[str, Sequence[Handed]]:
        found: dict[str, list[Handed]] = defaultdict(list)
        for h in sorted(self._held.values(), key=lambda h: (h.joined, h.seq)):
            if h.account is not None:
                found[h.account].append(h)
        return found


def _same_handoff(before: Handed | None, now: Handed | None) -> bool:
    if before is None or now is None:
        return before is now
    return (before.seq, before.joined) == (now.seq, now.joined)
