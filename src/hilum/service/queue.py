"""What waits to be read: taken by one reader at a time, kept once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import or_, select, update

from hilum.service.store import Store
from hilum.service.store.tables import Instance

LEASE_S = 120.0
"""A reader that has not finished a radiograph by then is taken for dead."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A radiograph that this reader has to read.

    Attributes:
        attempts: how often it was taken, this time too.
    """

    instance: str
    digest: str
    format: str
    attempts: int


def take(store: Store, reader: str, most: int = 1) -> list[Taken]:
    """Take what waits longest, for :data:`LEASE_S`.

    Args:
        store: the database.
        reader: who takes it, a name for this process.
        most: how many.
    """
    now = time.time()
    may = or_(
        (Instance.state == "waiting") & (Instance.not_before <= now),
        (Instance.state == "reading") & (Instance.lease_until < now),
    )
    wanted = select(Instance).where(may).order_by(Instance.arrived_at).limit(most)
    with store.reading() as session:
        if session.scalar(select(Instance.id).where(may).limit(1)) is None:
            return []
    with store.writing() as session:
        rows = session.scalars(wanted.with_for_update(skip_locked=True)).all()
        for row in rows:
            row.state, row.lease, row.lease_until = "reading", reader, now + LEASE_S
            row.attempts += 1
        return [Taken(row.id, row.digest, row.format, row.attempts) for row in rows]


def give_back(store: Store, readers: str | None = None) -> None:
    """Let others take at once what readers had that are known to be dead.

    Args:
        store: the database.
        readers: one of them; all when None.
    """
    lost = update(Instance).where(Instance.state == "reading").values(state="waiting", lease="")
    with store.writing() as session:
        session.execute(lost if readers is None else lost.where(Instance.lease == readers))
