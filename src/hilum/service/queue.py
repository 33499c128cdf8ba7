"""What waits to be read: taken by one reader at a time, kept once.

A radiograph may end its reader (memory, a fault in a decoder). Those that were being read then are
suspects: they are read again one by one, with nothing beside them, and what ends its reader so
again is counted against that one alone. So a bad file is laid aside without taking good ones along.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, or_, select, update
from sqlalchemy.orm import Session

from hilum.service.store import Store
from hilum.service.store.tables import Instance

LEASE_S = 120.0
"""A reader that has not finished a radiograph by then is taken for dead."""

SUSPECT = "suspect"
"""Stands as lease of what waits after its reader died."""

_ALONE = " alone"
"""Ends the lease of a suspect that is being read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A radiograph that this reader has to read.

    Attributes:
        attempts: how often it was taken, this time too, without the time in company in which its
            reader died.
    """

    instance: str
    digest: str
    format: str
    attempts: int


def take(store: Store, reader: str, most: int = 1) -> list[Taken]:
    """Take what waits longest, for :data:`LEASE_S`; one process does so at a time.

    Args:
        store: the database.
        reader: who takes it, a name for this process.
        most: how many.
    """
    now = time.time()
    lapsed = (Instance.state == "reading") & (Instance.lease_until < now)
    due = (Instance.state == "waiting") & (Instance.not_before <= now)
    with store.reading() as session:
        if session.scalar(select(Instance.id).where(or_(due, lapsed)).limit(1)) is None:
            return []
    with store.writing() as session:
        _put_back(session, lapsed)
        being_read = session.scalars(select(Instance.lease).where(Instance.state == "reading"))
        leases = being_read.all()
        if any(lease.endswith(_ALONE) for lease in leases):
            return []
        first = select(Instance).where(due).order_by(Instance.arrived_at).with_for_update()
        rows = session.scalars(first.where(Instance.lease == SUSPECT).limit(1)).all()
        mark = reader
        if rows and leases:
            return []  # until those are done
        if rows:
            mark += _ALONE
        else:
            rows = session.scalars(first.limit(most)).all()
        for row in rows:
            row.state, row.lease, row.lease_until = "reading", mark, now + LEASE_S
            row.attempts += 1
        return [Taken(row.id, row.digest, row.format, row.attempts) for row in rows]


def give_back(store: Store, reader: str | None = None) -> None:
    """Let others take at once what readers had that are known to be dead.

    Args:
        store: the database.
        reader: one of them; all when None.
    """
    with store.writing() as session:
        lost = Instance.state == "reading"
        if reader is not None:
            lost &= Instance.lease.in_([reader, reader + _ALONE])
        _put_back(session, lost)


def _put_back(session: Session, which: ColumnElement[bool]) -> None:
    fewer = case((Instance.attempts > 0, Instance.attempts - 1), else_=0)
    session.execute(
        update(Instance)
        .where(which)
        .values(
            state="waiting",
            attempts=case((Instance.lease.endswith(_ALONE), Instance.attempts), else_=fewer),
            lease=SUSPECT,
            lease_until=0.0,
        )
        .execution_options(synchronize_session=False)
    )
