"""The database brought to what this Hilum needs."""

from __future__ import annotations

from hilum.service.settings import Settings
from hilum.service.store.store import Store
from hilum.service.store.tables import Base


def migrate(settings: Settings) -> None:
    """Make the tables, or bring those of an earlier Hilum forward.

    Raises:
        ServiceError: the database is of a later Hilum.
    """
    store = Store(settings)
    Base.metadata.create_all(store.engine)
    store.close()
