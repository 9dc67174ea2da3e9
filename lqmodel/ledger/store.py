"""Where the ledger is kept: SQLite in the state folder, or PostgreSQL for teams.

A reader sees one moment of the store; a writer waits for the one before it, and what it wrote is there as a
whole or not at all.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    QueuePool,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError

from lqmodel.errors import BadData, CannotWrite, NoInput, UsageError
from lqmodel.ledger.tables import CHAIN, METADATA, PARTS

FORMS = ("sqlite:///FILE", "postgresql://USER@HOST/DATABASE")
WAIT = 60.0
"""Seconds that a writer of SQLite waits for another one."""
LOCK = 0x6C716D6F64656C  # of PostgreSQL's advisory locks: "lqmodel"
WRITES = "lqmodel_writes"
KEPT = 10
"""Connections that a server keeps."""


class Store:
    """The database of a ledger; opened anew for each transaction, so that nothing is held between them, or kept open.

    Parameters
    ----------
    address : str
        ``sqlite:///FILE`` or ``postgresql://USER@HOST/DATABASE``; a password belongs into the environment.

    Raises
    ------
    UsageError
        It is no such address.
    """

    def __init__(self, address: str) -> None:
        self.url = _url(address)
        self._engine = _engine(self.url)
        self._found = self._complete = False

    def __str__(self) -> str:
        """Name the store without its password."""
        return self._file.as_posix() if self._file else self.url.render_as_string(hide_password=True)

    @property
    def _file(self) -> Path | None:
        return Path(str(self.url.database)) if self.url.get_backend_name() == "sqlite" else None

    @property
    def is_sqlite(self) -> bool:
        return self._file is not None

    def keep_open(self) -> None:
        """Keep connections for the next transactions, for a server: SQLite else tidies up after each one of them."""
        self._engine.dispose()
        self._engine = _engine(self.url, kept=True)

    def close(self) -> None:
        """Close the connections that are kept, and keep none any more."""
        self._engine.dispose()
        self._engine = _engine(self.url)

    def exists(self) -> bool:
        """Whether there is a ledger."""
        if self._file is not None and not self._file.is_file():
            return False
        if not self._found:  # tables are never dropped: once seen is enough
            with self._told(), self._engine.connect() as con:
                self._found = bool(inspect(con).has_table(CHAIN.name))
        return self._found

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one moment of the store.

        Raises
        ------
        NoInput
            There is no ledger.
        BadData, CannotWrite
            It cannot be read.
        """
        if not self.exists():
            raise NoInput(
                f"no ledger in {self}",
                do="record a run first: `lqmodel predict --record`, or `lqmodel record`",
            )
        with self._told(), self._engine.connect() as con:
            if not self.is_sqlite:
                con = con.execution_options(isolation_level="REPEATABLE READ")
            with con.begin():
                yield con

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write alone, whole or not at all; the tables are made if they are not there.

        Raises
        ------
        CannotWrite, BadData
            The store cannot be written.
        """
        if self._file is not None:
            self._make_folder(self._file.parent)
            self._complete = self._complete and self._file.is_file()
        with self._told(), self._engine.connect() as con:
            con = con.execution_options(**{WRITES: True})
            with con.begin():
                if not self.is_sqlite:
                    con.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                if not self._complete:
                    METADATA.create_all(con)
                yield con
        self._complete = True

    def scrub(self) -> None:
        """Have what was taken away leave the disk too: out of the log of writes, and out of what databases keep for readers.

        Backups, and the log of a PostgreSQL server, are beyond this.
        """
        with self._told(), self._engine.connect() as con:
            con = con.execution_options(isolation_level="AUTOCOMMIT")
            if self.is_sqlite:
                con.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                for name in PARTS:
                    con.exec_driver_sql(f"VACUUM {name}")

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(
                f"cannot make the folder {folder}: {error.strerror}",
                do="set LQMODEL_STATE to a place of yours",
            ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the database says into an error of ours; it names neither values nor the password."""
        try:
            yield
        except OperationalError as error:
            raise CannotWrite(
                f"the store {self} does not answer: {_first_line(error)}",
                do="check that it is reachable and that you may write to it; nothing of this step was kept",
            ) from error
        except DatabaseError as error:
            raise BadData(
                f"the store {self} is not as it was made: {_first_line(error)}",
                do="name another store with LQMODEL_STORE, or restore this one from a backup",
            ) from error


def _first_line(error: SQLAlchemyError) -> str:
    said = str(getattr(error, "orig", error)).strip().splitlines()
    return said[0] if said else type(error).__name__


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise _no_address() from None  # the cause would show the password
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite", query={})
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise _no_address()


def _no_address() -> UsageError:
    return UsageError("LQMODEL_STORE is no address of a store", exists=FORMS, do="write one of these forms")


def _engine(url: URL, *, kept: bool = False) -> Engine:
    pool: dict[str, Any] = {"poolclass": NullPool}
    if kept:
        pool = {"poolclass": QueuePool, "pool_size": KEPT, "max_overflow": -1}
        pool["pool_pre_ping"] = url.get_backend_name() != "sqlite"  # a file does not hang up
    if url.get_backend_name() != "sqlite":
        try:
            return create_engine(url, **pool, hide_parameters=True)
        except ModuleNotFoundError as error:
            raise UsageError(
                "LQMODEL_STORE names PostgreSQL, and psycopg is not installed",
                do="pip install 'lqmodel[postgres]', or unset LQMODEL_STORE",
            ) from error
    engine = create_engine(
        url, **pool, hide_parameters=True, connect_args={"timeout": WAIT, "check_same_thread": not kept}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late and is never immediate
    _log_ahead(connection)
    for setting in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {setting}").close()


def _log_ahead(connection: Any) -> None:
    """Have SQLite write to a log first, so that readers and a writer do not wait for each other.

    Of those who turn a new file to that at once it refuses all but one, and lets nobody wait: they ask again.
    """
    until = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
