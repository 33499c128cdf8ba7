"""Deletion: rows first, then files, so that nothing is spoken of that is not there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select

from hilum.errors import NotNow
from hilum.service.files import Files
from hilum.service.store import Store
from hilum.service.store.tables import Instance, Reading, Seen, Study

_AT_ONCE = 200


def delete_studies(store: Store, files: Files, studies: Sequence[str], *, by: str = "") -> int:
    """Delete studies with their radiographs, readings, verdicts and what had to be sent.

    What says who saw them stays in the audit log, under a random name.

    Args:
        store: the database.
        files: of the server.
        studies: ids of their rows.
        by: who, for the audit log; empty where the caller writes it.

    Returns:
        How many were there.

    Raises:
        NotNow: the database is away; what was not deleted is there whole.
    """
    done = 0
    for i in range(0, len(studies), _AT_ONCE):
        some = studies[i : i + _AT_ONCE]
        with store.writing() as session:
            of_these = select(Instance.id).where(Instance.study_id.in_(some))
            digests = session.scalars(
                select(Instance.digest).where(Instance.study_id.in_(some))
            ).all()
            readings = session.scalars(
                select(Reading.id).where(Reading.instance_id.in_(of_these))
            ).all()
            found = session.scalars(
                delete(Study).where(Study.id.in_(some)).returning(Study.id)
            ).all()
            if by:
                now = time.time()
                session.add_all(
                    Seen(at=now, by=by, action="delete study", study_id=study) for study in found
                )
        done += len(found)
        for reading in readings:
            files.remove_reading(reading)
        remove_unused(store, files, digests)
    if done:
        forget(store)
    return done


def delete_study(store: Store, files: Files, study: str) -> bool:
    """:func:`delete_studies` of one.

    Returns:
        Whether it was there.
    """
    return delete_studies(store, files, [study]) == 1


def studies_of(store: Store, patient_id: str) -> list[str]:
    """Studies of a Patient ID, by whichever hospital gave it."""
    with store.reading() as session:
        return list(session.scalars(select(Study.id).where(Study.patient_id == patient_id)))


def any_of(store: Store, studies: Sequence[str]) -> bool:
    """Whether at least one of these ids is a study's."""
    with store.reading() as session:
        return session.scalar(select(Study.id).where(Study.id.in_(studies)).limit(1)) is not None


def remove_unused(store: Store, files: Files, digests: Iterable[str]) -> int:
    """Remove files of radiographs that no row speaks of; those in use are left for the next time.

    Returns:
        How many were removed.
    """
    removed = 0
    for shard, inside in _by_shard(digests).items():
        try:
            with files.alone(shard):
                with store.reading() as session:
                    used = set(
                        session.scalars(select(Instance.digest).where(Instance.digest.in_(inside)))
                    )
                for digest in sorted(inside - used):
                    files.radiograph(digest).unlink(missing_ok=True)
                    removed += 1
        except NotNow:
            continue
    return removed


def forget(store: Store) -> None:
    """Let nothing of what was deleted stay in the database's own files (SQLite's journal)."""
    if store.engine.dialect.name != "sqlite":
        return
    with store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _by_shard(digests: Iterable[str]) -> dict[str, set[str]]:
    shards: dict[str, set[str]] = {}
    for digest in digests:
        shards.setdefault(digest[:2], set()).add(digest)
    return shards
