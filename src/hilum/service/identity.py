"""One folder, one database: each knows the other, so that a wrong address spoils nothing."""

from __future__ import annotations

import secrets

from hilum.errors import ServiceError
from hilum.service.files import Files
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.migrating import migrate
from hilum.service.store.tables import Fact

KEY = "server"
"""Of the row that names the server; ``server.id`` in the folder says the same."""


def made_ready(settings: Settings, files: Files) -> Store:
    """The database of a folder that nobody else uses: made, or brought forward.

    Raises:
        ServiceError: as :func:`hilum.service.store.migrating.migrate` and :func:`same_server`.
    """
    migrate(settings)
    store = Store(settings)
    try:
        same_server(store, files)
    except BaseException:
        store.close()
        raise
    return store


def same_server(store: Store, files: Files) -> None:
    """Make sure that a database and a folder belong together; new ones are joined.

    Raises:
        ServiceError: they belong to different servers, or one of them was lost.
    """
    if not fits(store, files):
        join(store, files, _named(files) or secrets.token_hex(16))


def fits(store: Store, files: Files) -> bool:
    """Whether a database and a folder belong together; False where they may be joined.

    Raises:
        ServiceError: as :func:`same_server`.
    """
    with store.reading() as session:
        row = session.get(Fact, KEY)
    if row is None and any(files.radiographs(shard) for shard in files.shards()):
        raise ServiceError(
            f"The database is new, and {files.folder} holds radiographs already: their "
            f"database is another one. Give that, or restore a backup into an empty folder."
        )
    if row is not None and row.value != _named(files):
        raise ServiceError(
            f"The database belongs to another server than {files.folder}: the radiographs that it "
            f"speaks of do not lie there. Give the folder and the database of one server."
        )
    return row is not None


def _named(files: Files) -> str:
    path = files.folder / "server.id"
    return path.read_text("ascii").strip() if path.is_file() else ""


def join(store: Store, files: Files, server: str) -> None:
    """Write the name of a server into its folder, then into its database."""
    files.write(files.folder / "server.id", server.encode("ascii"))
    with store.writing() as session:
        session.merge(Fact(key=KEY, value=server))
