"""The database: sessions that read, and sessions that write."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from hilum.errors import MissingExtra, NotNow, ServiceError
from hilum.service.settings import Settings

BUSY_MS = 20_000
"""How long a writer waits for another (SQLite)."""

_ALIVE = {
    "connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}  # fmt: skip
"""Of libpq: a server that went away without a word is noticed within 15 s."""

_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class Store:
    """The server's database, for one process; threads may share it.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings)

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A session that only looks; it sees one moment.

        Raises:
            NotNow: the database is away.
            ServiceError: a value cannot stand in a database.
        """
        with _available(), Session(self.engine, expire_on_commit=False) as session:
            if self.engine.dialect.name == "postgresql":
                session.connection(execution_options=_SNAPSHOT)
            yield session  # closing lets go of the transaction; rows stay as they were read

    @contextmanager
    def writing(self) -> Generator[Session]:
        """A session in a transaction: all of it is kept at the end, on the disk, or nothing.

        Raises:
            NotNow: the database is away, or others write for too long.
            ServiceError: a value cannot stand in a database.
        """
        with _available(), Session(self.engine, expire_on_commit=False) as session:
            if self.engine.dialect.name == "sqlite":
                session.connection(execution_options={"hilum_writes": True})
            yield session
            session.commit()

    def close(self) -> None:
        """Let go of connections."""
        self.engine.dispose()


@contextmanager
def _available() -> Generator[None]:
    try:
        yield
    except NoConnection:
        raise NotNow("All connections to the database are in use; come again.") from None
    except OperationalError as error:
        # its message holds the statement and its values, hence a patient
        raise NotNow("The database does not answer; come again later.") from _kind(error)
    except DataError as error:  # of PostgreSQL: U+0000 that was asked for, say
        raise ServiceError("The database takes no such value.") from _kind(error)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise NotNow("The database does not answer; come again later.") from _kind(error)
        raise


def _kind(error: DBAPIError) -> Exception:
    return RuntimeError(type(error.orig).__name__)


def _engine(settings: Settings) -> Engine:
    if settings.sqlite is None:
        return _postgres(settings.database)
    engine = create_engine(
        URL.create("sqlite", database=str(settings.sqlite)),
        pool_size=8, max_overflow=24, hide_parameters=True,
        connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False},
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below
        for pragma in (
            f"busy_timeout={BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",  # what was accepted outlives a power cut
            "foreign_keys=ON",
            "secure_delete=ON",  # what was deleted is no longer in the file
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("hilum_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(database: str) -> Engine:
    try:
        url = make_url(database).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise ServiceError("The database's address is none; see docs/operating.md.") from None
    try:
        return create_engine(
            url, pool_pre_ping=True, pool_size=8, max_overflow=8, pool_timeout=10,
            connect_args=_ALIVE, hide_parameters=True,
        )  # fmt: skip
    except ModuleNotFoundError as error:
        raise MissingExtra("PostgreSQL needs psycopg: pip install 'hilum[postgres]'.") from error
