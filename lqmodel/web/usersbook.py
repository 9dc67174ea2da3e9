"""The page of people: who may sign in, and who looked at which lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lqmodel.declarations import from_microseconds
from lqmodel.web.frame import Frame
from lqmodel.web.people import Person
from lqmodel.web.trail import Seen


@dataclass(frozen=True)
class UsersPage:
    """Context of users.html: everybody, and the latest looks at leads as (when, who, lead's digest, model)."""

    frame: Frame
    people: tuple[Person, ...]
    views: tuple[tuple[str, str, str, str], ...]


def users_page(frame: Frame, people: Sequence[Person], seen: Sequence[Seen]) -> UsersPage:
    """Put the page together."""
    views = tuple(
        (f"{from_microseconds(s.at):%Y-%m-%d %H:%M}", s.person, s.subject[:12], s.version) for s in seen
    )
    return UsersPage(frame, tuple(people), views)
