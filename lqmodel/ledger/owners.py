"""Who gets a handoff: pure, and the same answer every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from lqmodel.declarations import Owners, Team


@dataclass
class Turns:
    """Who was given a handoff when, as far as the ledger knows.

    Attributes
    ----------
    last : dict of str to int
        Person → number of the last handoff that they were given; greater is later.
    accounts : dict of str to str
        Account, or lead where there is none, → who was given its last handoff.
    """

    last: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """Whose a handoff is; None: nobody's yet."""

    owner: str | None
    team: str | None


def give(
    rules: Owners, turns: Turns, route: Mapping[str, str | None], account: str, number: int, today: date
) -> Given:
    """Give one handoff to somebody, and note it.

    First to whom the leads' table names, then to whoever has the account, then to the next in turn of the
    team that the lead's territory belongs to: of those present the one who has waited longest. Who is absent
    is passed over; a named or known owner who is absent is stood in for by their team's next.

    Parameters
    ----------
    rules : Owners
    turns : Turns
        Changed in place.
    route : mapping
        ``owner`` and ``territory`` of the lead, as its columns hold them.
    account : str
        Its account, else the lead.
    number : int
        Of this handoff, greater than all before it.
    today : date
        In the project's zone.
    """
    teams = {person: team for team in reversed(rules.teams) for person in team.people}
    away = {a.person for a in rules.absences if a.first <= today <= a.last}
    wanted = route.get("owner") or turns.accounts.get(account)
    if wanted is not None and not route.get("owner") and rules.teams and wanted not in teams:
        wanted = None  # left since
    team = teams.get(wanted) if wanted is not None else _team(rules, route.get("territory"))
    if wanted is None or wanted in away:
        wanted = _next(team, turns, away) or (route.get("owner") if team is None else None)
    if wanted is not None:
        turns.last[wanted] = number
        turns.accounts[account] = wanted
    return Given(wanted, None if team is None else team.name)


def _team(rules: Owners, territory: str | None) -> Team | None:
    rest = next((team for team in rules.teams if not team.territory), None)
    return next((team for team in rules.teams if territory in team.territory), rest)


def _next(team: Team | None, turns: Turns, away: set[str]) -> str | None:
    present = [person for person in (team.people if team else ()) if person not in away]
    return min(present, key=lambda person: turns.last.get(person, 0), default=None)
