"""What happens to a handoff: who gets it, until when it is answered, and how long what is known of it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from lqmodel.declarations.base import Declared, Misfit, short, suggestion
from lqmodel.declarations.values import Length

TEAM_KEYS: Final = ("people", "territory")


@dataclass(frozen=True)
class Team:
    """People who take handoffs in turn.

    Attributes
    ----------
    name : str
    people : tuple of str
        In the order in which they begin.
    territory : tuple of str
        The values of the territory's column that are theirs; empty: all that no other team has.
    """

    name: str
    people: tuple[str, ...]
    territory: tuple[str, ...] = ()


@dataclass(frozen=True)
class Absence:
    """Somebody takes no handoffs from the first day to the last, both included."""

    person: str
    first: date
    last: date


def parse_teams(value: Any) -> tuple[Team, ...]:
    """Read ``{ north = { people = ["a", "b"], territory = ["DE"] }, rest = { people = ["c"] } }``.

    >>> parse_teams({"rest": {"people": ["c"]}})
    (Team(name='rest', people=('c',), territory=()),)
    """
    if isinstance(value, tuple) and all(isinstance(team, Team) for team in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(
            f"must be a table, got {short(value)}", do="write lines such as north = { people = ['a'] }"
        )
    teams = tuple(_team(name, table) for name, table in value.items())
    owned: dict[str, str] = {}
    for team in teams:
        for place in team.territory or ("",):
            if place in owned:
                told = f"{place!r} is also of team" if place else "has no territory, as has team"
                raise Misfit(
                    f"{told} {owned[place]!r}", at=(team.name,), do="let each handoff belong to one team"
                )
            owned[place] = team.name
    return teams


def _team(name: str, table: Any) -> Team:
    if not isinstance(table, Mapping):
        raise Misfit(f"must be a table, got {short(table)}", at=(name,), do="write { people = ['a', 'b'] }")
    for key in table:
        if key not in TEAM_KEYS:
            raise Misfit(
                f"unknown key {key!r}",
                at=(name, key),
                exists=TEAM_KEYS,
                do=suggestion(key, TEAM_KEYS) or "write one of these",
            )
    people = _texts(table.get("people", ()), (name, "people"))
    if not people:
        raise Misfit("names nobody", at=(name,), do="add people = ['…']")
    return Team(name, people, _texts(table.get("territory", ()), (name, "territory")))


def _texts(value: Any, at: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) and text for text in value):
        raise Misfit(f"must be a list of texts, got {short(value)}", at=at, do="write ['…', '…']")
    for text in value:
        if value.count(text) > 1:
            raise Misfit(f"{text!r} is listed twice", at=at, do="take one of them out")
    return tuple(value)


def parse_absences(value: Any) -> tuple[Absence, ...]:
    """Read ``{ "a" = ["2026-01-05", "2026-01-16"] }``, or a list of such pairs for somebody.

    >>> parse_absences({"a": ["2026-01-05", "2026-01-16"]})[0].last
    datetime.date(2026, 1, 16)
    """
    if isinstance(value, tuple) and all(isinstance(absence, Absence) for absence in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(
            f"must be a table, got {short(value)}", do="write lines such as a = ['2026-01-05', '2026-01-16']"
        )
    found = []
    for person, given in value.items():
        several = (
            isinstance(given, list | tuple) and given and all(isinstance(p, list | tuple) for p in given)
        )
        found += [_absence(person, pair) for pair in (given if several else [given])]
    return tuple(found)


def _absence(person: str, pair: Any) -> Absence:
    try:
        first, last = (day if isinstance(day, date) else date.fromisoformat(day) for day in pair)
    except (TypeError, ValueError) as error:
        raise Misfit(
            f"must be a first and a last day, got {short(pair)}",
            at=(person,),
            do="write ['2026-01-05', '2026-01-16']",
        ) from error
    if last < first:
        raise Misfit(f"ends on {last}, before it begins", at=(person,), do="write the first day first")
    return Absence(person, first, last)


Teams = Annotated[tuple[Team, ...], BeforeValidator(parse_teams)]
Absences = Annotated[tuple[Absence, ...], BeforeValidator(parse_absences)]


class Owners(Declared):
    """Who gets a handoff: whom the leads' table names, else who already has the account, else a team's next in turn."""

    column: str | None = Field(None, description="the column of the leads' source that names the owner")
    territory: str | None = Field(
        None, description="the column of the leads' source by whose values teams are told apart"
    )
    teams: Teams = Field((), description="who takes the handoffs that nobody has yet, in turn")
    absences: Absences = Field((), description="who takes none, and from when until when")

    @model_validator(mode="after")
    def _fits(self) -> Owners:
        for team in self.teams:
            if team.territory and self.territory is None:
                raise Misfit(
                    f"team {team.name!r} has a territory, and no column says where a lead belongs",
                    at=("teams", team.name),
                    do="add territory = … with a column of the leads' source",
                )
        people = sorted({person for team in self.teams for person in team.people})
        for absence in self.absences:
            if absence.person not in people and self.column is None:
                raise Misfit(
                    f"{absence.person!r} is in no team",
                    at=("absences", absence.person),
                    exists=people,
                    do=suggestion(absence.person, people) or "name one of these, or take the line out",
                )
        return self

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the leads' source that say who gets a handoff."""
        return tuple(name for name in (self.column, self.territory) if name is not None)


class Sample(Declared):
    """Leads below the threshold that sales may work all the same, to see what is missed; drawn by a hash of the lead."""

    share: float = Field(gt=0, le=0.2, description="share of the leads below the threshold, each once")
    per_run: int = Field(10, ge=1, description="at most so many a run")


class Retention(Declared):
    """How long what is known of leads is kept, counted from when it was recorded; default: for ever."""

    runs: Length | None = Field(None, description="folders of runs, and the CRM files of each")
    transitions: Length | None = Field(None, description="moves from stage to stage")
    handoffs: Length | None = Field(None, description="handoffs, with their reasons and facts")
    feedback: Length | None = Field(None, description="what people in sales did and said")
    audit: Length | None = Field(None, description="who saw or changed what")


class Promised(Declared):
    """What both teams promise of a handoff, and sign."""

    respond_within: Length | None = Field(
        None, description="until when sales answers, counted from when the handoff was recorded"
    )
    return_for: Length | None = Field(
        None,
        description="an unanswered one goes back to marketing, and rests so long; default: it is only listed",
    )
    sample: Sample | None = Field(None, description="leads below the threshold that may be worked")
    at_most_moving: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="a run in which more than this share of the leads change stage is refused; default: none is",
    )

    @model_validator(mode="after")
    def _deadline(self) -> Promised:
        if self.return_for is not None and self.respond_within is None:
            raise Misfit(
                "needs respond_within: without it no handoff is overdue",
                at=("return_for",),
                do="add respond_within = '2d', or take return_for out",
            )
        return self


class Handoffs(Promised):
    """What happens to a handoff. `predict` and `record` read it from the project, so that it may change without training."""

    owners: Owners = Field(Owners(), description="who gets it")
    retention: Retention = Field(Retention(), description="how long what is known of it is kept")
