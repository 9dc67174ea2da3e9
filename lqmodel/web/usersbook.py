"""The pages of administration: who may sign in, and who saw or did what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lqmodel.declarations import from_microseconds
from lqmodel.ledger.audit import Noted
from lqmodel.ledger.chain import compact
from lqmodel.web.frame import Frame
from lqmodel.web.people import ROLES, Person


@dataclass(frozen=True)
class UsersPage:
    """Context of users.html: everybody, what each role may do, and whether it is the reader's own line."""

    frame: Frame
    people: tuple[Person, ...]
    roles: dict[str, str]


@dataclass(frozen=True)
class Line:
    """One entry of the audit log, in words; the lead stands by its digest."""

    when: str
    person: str
    action: str
    subject: str
    version: str
    detail: str


@dataclass(frozen=True)
class AuditPage:
    """Context of audit.html: the latest entries, and whose are shown; empty: everybody's."""

    frame: Frame
    lines: tuple[Line, ...]
    person: str


def users_page(frame: Frame, people: Sequence[Person]) -> UsersPage:
    """Put the page of people together."""
    return UsersPage(frame, tuple(people), dict(ROLES))


def audit_page(frame: Frame, noted: Sequence[Noted], person: str) -> AuditPage:
    """Put the page of the log together."""
    return AuditPage(frame, tuple(map(_line, noted)), person)


def _line(noted: Noted) -> Line:
    return Line(
        when=f"{from_microseconds(noted.at):%Y-%m-%d %H:%M}",
        person=noted.person,
        action=noted.action,
        subject=(noted.subject or "")[:12],
        version=noted.version or "",
        detail=compact(noted.detail) if noted.detail else "",
    )
