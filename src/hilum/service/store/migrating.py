"""The database brought to what this Hilum needs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.exc import DBAPIError

from hilum.errors import ServiceError
from hilum.service.settings import Settings
from hilum.service.store.store import Store
from hilum.service.store.tables import Base

_LOCK = 0x48696C756D
"""Of PostgreSQL's advisory locks: one at a time brings a database forward."""


def migrate(settings: Settings, to: str = "head") -> None:
    """Make the tables, or bring those of an earlier Hilum forward: wholly or not at all.

    Args:
        settings: of the server.
        to: revision to stop at.

    Raises:
        ServiceError: the database is of a later Hilum or of another program, or does not answer.
    """
    with _connected(settings) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _refuse_strange(connection)
        _upgrade(connection, to)
    if settings.sqlite is not None:
        settings.sqlite.chmod(0o600)


def state(settings: Settings) -> str:
    """Where a database stands, in words; nothing is made.

    Raises:
        ServiceError: as :func:`migrate`.
    """
    if settings.sqlite is not None and not settings.sqlite.is_file():
        return "not made yet"
    with _connected(settings) as connection:
        _refuse_strange(connection)
        found = _revision(connection)
    if found is None:
        return "empty"
    return f"revision {found}" + ("" if found == head() else f", will be brought to {head()}")


def must_fit(settings: Settings) -> None:
    """Make sure that a server was started on this database with this Hilum.

    Raises:
        ServiceError: there is none, or it is of another Hilum.
    """
    found = state(settings)
    if found != f"revision {head()}":
        raise ServiceError(
            f"There is no database of this Hilum ({found}): start `hilum serve`, or run `hilum "
            f"serve migrate`, with the same folder and database."
        )


def head() -> str:
    """The revision that this Hilum needs."""
    found = _scripts().get_current_head()
    assert found is not None
    return found


def known() -> frozenset[str]:
    """The revisions that this Hilum knows."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _upgrade(connection: Connection, to: str) -> None:
    scripts = _scripts()
    steps = EnvironmentContext(
        Config(),
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs(to, revision),  # as alembic.command does
        destination_rev=to,
    )
    with steps:
        steps.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,  # SQLite changes a column by writing its table anew
        )
        with steps.begin_transaction():
            steps.run_migrations()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_strange(connection: Connection) -> None:
    found = _revision(connection)
    if found is not None and found not in known():
        raise ServiceError(
            f"The database was made by a later Hilum (revision {found}; this one knows "
            f"{head()} at most): start that one, or restore a backup of the time before."
        )
    tables: Inspector = inspect(connection)
    if found is None and (names := set(tables.get_table_names()) - {"alembic_version"}):
        shown = ", ".join(sorted(names)[:3])
        raise ServiceError(
            f"The database holds {len(names)} tables of something else ({shown}): give the "
            f"server one of its own."
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).with_name("migrations")))


@contextmanager
def _connected(settings: Settings) -> Generator[Connection]:
    store = Store(settings)
    try:
        with store.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection = connection.execution_options(hilum_writes=True)  # noqa: PLW2901
            with connection.begin():
                yield connection
    except DBAPIError as error:
        reason = type(error.orig).__name__
        raise ServiceError(
            f"The database cannot be used ({reason}): is it there, and may this user write into it?"
        ) from None
    finally:
        store.close()
