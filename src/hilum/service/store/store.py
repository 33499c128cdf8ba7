"""The database: sessions that read, and sessions that write."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from hilum.errors import NotNow
from hilum.service.settings import Settings

BUSY_MS = 20_000
"""How long a writer waits for another (SQLite)."""


class Store:
    """The server's database, for one process; threads may share it.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings.url)

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A session that only looks; it sees one moment.

        Raises:
            NotNow: the database is away.
        """
        with _available(), Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.rollback()

    @contextmanager
    def writing(self) -> Generator[Session]:
        """A session in a transaction: all of it is kept at the end, on the disk, or nothing.

        Raises:
            NotNow: the database is away, or others write for too long.
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
    except OperationalError as error:
        # its message holds the statement and its values, hence a patient
        raise NotNow("The database does not answer; come again later.") from _kind(error)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise NotNow("The database does not answer; come again later.") from _kind(error)
        raise


def _kind(error: DBAPIError) -> Exception:
    return RuntimeError(type(error.orig).__name__)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(
            url, pool_pre_ping=True, pool_size=8, max_overflow=8, pool_timeout=10,
            connect_args={"connect_timeout": 5}, hide_parameters=True,
        )  # fmt: skip
    engine = create_engine(
        url, pool_size=8, max_overflow=24, hide_parameters=True,
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
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("hilum_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
