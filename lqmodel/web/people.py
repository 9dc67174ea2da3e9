"""Who may sign in, and their sessions: tables of their own in the ledger's store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
    update,
)

from lqmodel.errors import NoInput, UsageError
from lqmodel.files import sha256
from lqmodel.languages import ENGLISH, Language
from lqmodel.ledger.store import Store

SELLER, MARKETER, MANAGER, ADMIN = "seller", "marketer", "manager", "admin"
ROLES: Final = {
    SELLER: "sees and answers the handoffs that are theirs",
    MARKETER: "sees all leads, and answers none",
    MANAGER: "sees and answers all leads",
    ADMIN: "as a manager, and sees who has access",
}
"""What a person may do."""
LEAST: Final = 12
"""Characters of a password, at least."""
MOST: Final = 200
MINUTE: Final = 60_000_000
IDLE, ABSOLUTE, TOUCH = 60 * MINUTE, 12 * 60 * MINUTE, MINUTE
"""When a session ends, idle or not, and how often it is written that it is used; microseconds."""

TABLES = MetaData()
USERS = Table(
    "users",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("owner", Text, nullable=False),  # under which name handoffs are theirs
    Column("language", Text, nullable=False),
    Column("password", Text, nullable=False),  # argon2
    Column("disabled", Integer, nullable=False),
    comment="Grain: one row per person. Key: name.",
)
SESSIONS = Table(
    "sessions",
    TABLES,
    Column("digest", Text, primary_key=True),  # SHA-256 of what the cookie holds
    Column("name", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    comment="Grain: one row per open session. Key: digest.",
)


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in.

    Attributes
    ----------
    name, role : str
        The role is one of `ROLES`.
    owner : str
        Under which name the ledger gives handoffs to them.
    language : Language
        In which they read.
    disabled : bool
    """

    name: str
    role: str
    owner: str
    language: Language = ENGLISH
    disabled: bool = False

    @property
    def sees_all(self) -> bool:
        """Whether every lead may be seen, not only their own."""
        return self.role != SELLER

    @property
    def acts(self) -> bool:
        """Whether leads that they see may be answered by them."""
        return self.role != MARKETER


@dataclass(frozen=True)
class Session:
    """An open session: whose, and the token that each of its forms must hold."""

    person: Person
    csrf: str


class People:
    """The people of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made = False  # once there, tables stay

    def add(self, person: Person, password: str) -> None:
        """Add a person.

        Raises
        ------
        UsageError
            The name is taken or empty, the role is none, or the password is too short or too long.
        """
        self.check_new(person)
        hashed = _hashed(password)
        with self._writing() as con:
            if _row(con, person.name) is not None:
                raise _taken(person.name)
            told = {"name": person.name, "role": person.role, "owner": person.owner}
            con.execute(
                insert(USERS).values(**told, language=person.language.name, password=hashed, disabled=0)
            )

    def check_new(self, person: Person) -> None:
        """Refuse somebody who could not be added, before a password is asked for.

        Raises
        ------
        UsageError
            The name is taken or empty, or the role is none.
        """
        if not person.name.strip() or person.name != person.name.strip():
            raise UsageError(f"{person.name!r} is no name to sign in with", do="leave out spaces around it")
        check_role(person.role)
        with self._reading() as con:
            if con is not None and _row(con, person.name) is not None:
                raise _taken(person.name)

    def all(self) -> list[Person]:
        """Return everybody, by name."""
        with self._reading() as con:
            return (
                [] if con is None else [_person(r) for r in con.execute(select(USERS).order_by(USERS.c.name))]
            )

    def disable(self, name: str) -> None:
        """Let somebody sign in no more, and end their sessions at once.

        Raises
        ------
        NoInput
            There is nobody of that name.
        """
        with self._writing() as con:
            _check_there(con, name)
            con.execute(update(USERS).where(USERS.c.name == name).values(disabled=1))
            con.execute(delete(SESSIONS).where(SESSIONS.c.name == name))

    def give_password(self, name: str, password: str) -> None:
        """Give somebody another password, and let them in again if they were shut out; their sessions end at once.

        Raises
        ------
        UsageError
            The password is too short or too long.
        NoInput
            There is nobody of that name.
        """
        hashed = _hashed(password)
        with self._writing() as con:
            _check_there(con, name)
            con.execute(update(USERS).where(USERS.c.name == name).values(password=hashed, disabled=0))
            con.execute(delete(SESSIONS).where(SESSIONS.c.name == name))

    def check_known(self, name: str) -> None:
        """Refuse a name that nobody has, before a password is asked for; raises as `give_password`."""
        with self._reading() as con:
            if con is None:
                raise NoInput(f"no user {name!r}", do="`lqmodel user add` adds the first")
            _check_there(con, name)

    def give_role(self, name: str, role: str) -> None:
        """Let somebody do what a role may do; it counts from their next click on.

        Raises
        ------
        UsageError
            There is no such role.
        NoInput
            There is nobody of that name.
        """
        check_role(role)
        with self._writing() as con:
            _check_there(con, name)
            con.execute(update(USERS).where(USERS.c.name == name).values(role=role))

    def speak(self, name: str, language: Language) -> None:
        """Keep in which language somebody reads."""
        with self._writing() as con:
            con.execute(update(USERS).where(USERS.c.name == name).values(language=language.name))

    def sign_in(self, name: str, password: str, now: int) -> str | None:
        """Open a session and return what its cookie holds; None where name and password do not fit.

        A name that is not there takes as long as one that is.
        """
        with self._reading() as con:
            row = None if con is None else _row(con, name)
        fits = _hasher().verify(password[: MOST + 1], row.password if row is not None else _nobody())
        if row is None or not fits or row.disabled:
            return None
        key = secrets.token_urlsafe(32)
        opened = {"digest": _digest(key), "name": name, "csrf": secrets.token_urlsafe(24)}
        with self._writing() as con:
            again = _row(con, name)  # hashing takes a while: they may have been shut out meanwhile
            if again is None or again.disabled or again.password != row.password:
                return None
            con.execute(delete(SESSIONS).where(_ended(now)))
            con.execute(insert(SESSIONS).values(**opened, begun_at=now, seen_at=now))
        return key

    def session(self, key: str, now: int) -> Session | None:
        """Return an open session; None where it ended, or never was."""
        both = select(SESSIONS.c.csrf, SESSIONS.c.seen_at, USERS).join(USERS, USERS.c.name == SESSIONS.c.name)
        digest = _digest(key)
        with self._reading() as con:
            if con is None:
                return None
            row = con.execute(both.where(SESSIONS.c.digest == digest, ~_ended(now))).first()
        if row is None or row.disabled:
            return None
        if now - row.seen_at > TOUCH:
            with self._writing() as con:
                con.execute(update(SESSIONS).where(SESSIONS.c.digest == digest).values(seen_at=now))
        return Session(_person(row), row.csrf)

    def sign_out(self, key: str) -> None:
        """End a session."""
        with self._writing() as con:
            con.execute(delete(SESSIONS).where(SESSIONS.c.digest == _digest(key)))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._store.writing() as con:
            if not self._made or not self._store.exists():
                TABLES.create_all(con)
            yield con
        self._made = True

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """Read one moment of the store; None before anybody was added."""
        if not self._store.exists():
            yield None
            return
        with self._store.reading() as con:
            self._made = self._made or inspect(con).has_table(USERS.name)
            yield con if self._made else None


def _taken(name: str) -> UsageError:
    return UsageError(f"there is a user {name!r} already", do="choose another name")


def _ended(now: int) -> Any:
    s = SESSIONS.c
    ahead = s.begun_at > now + MINUTE  # by a clock that was set back since
    return (s.seen_at < now - IDLE) | (s.begun_at < now - ABSOLUTE) | ahead


def _row(con: Connection, name: str) -> Any:
    return con.execute(select(USERS).where(USERS.c.name == name)).first()


def check_role(role: str) -> None:
    """Refuse what is no role.

    Raises
    ------
    UsageError
    """
    if role not in ROLES:
        raise UsageError(f"no role {role!r}", exists=ROLES, do="name one of these")


def _check_there(con: Connection, name: str) -> None:
    if _row(con, name) is None:
        names = [r.name for r in con.execute(select(USERS.c.name).order_by(USERS.c.name))]
        raise NoInput(f"no user {name!r}", exists=names, do="`lqmodel user list` shows them")


def _person(row: Any) -> Person:
    return Person(row.name, row.role, row.owner, Language.of(row.language), bool(row.disabled))


def _hashed(password: str) -> str:
    if not LEAST <= len(password) <= MOST:
        raise UsageError(f"a password has {LEAST} to {MOST} characters", do="choose another one")
    return _hasher().hash(password)


def _digest(key: str) -> str:
    return sha256(key.encode())


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _nobody() -> str:
    """Return a hash that no password has."""
    return _hasher().hash(secrets.token_urlsafe(32))
