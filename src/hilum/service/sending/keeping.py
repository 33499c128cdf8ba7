"""What has been kept for long enough is deleted, and so are files that nothing speaks of."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Delete, delete, exists, or_, select

from hilum.service.deleting import delete_studies, remove_unused
from hilum.service.files import Files
from hilum.service.log import log
from hilum.service.process import Here
from hilum.service.settings import Keeping
from hilum.service.store import Store
from hilum.service.store.tables import (
    Delivery,
    Instance,
    Job,
    Reading,
    Seen,
    Session,
    Study,
    Token,
    TurnedAway,
)

EVERY_S = 600.0
"""How often this is done."""

ORPHAN_S = 3600.0
"""Files younger than this may belong to what is being entered now."""

_DAY_S = 86_400.0
_AT_ONCE = 200
_LISTED = 10_000
"""Rows of the list of what was turned away, at most: a flood must not fill the disk."""


def step(here: Here) -> float:
    """Do what is due now; see :data:`hilum.service.sending.process.WORK`."""
    deleted = delete_old_studies(here.store, here.files, here.settings.keeping)
    delete_old_rows(here.store, here.settings.keeping)
    swept = sweep(here.store, here.files)
    if deleted or swept:
        log.info("%d studies were kept for long enough; %d files swept", deleted, swept)
    return EVERY_S


def delete_old_studies(store: Store, files: Files, keeping: Keeping) -> int:
    """Delete studies that were kept for long enough, and of which nothing is still to be done.

    Returns:
        How many.
    """
    if not keeping.studies_days:
        return 0
    before, done = time.time() - keeping.studies_days * _DAY_S, 0
    to_read = exists().where(
        Instance.study_id == Study.id, Instance.state.in_(["waiting", "reading"])
    )
    to_send = exists().where(Delivery.study_id == Study.id, Delivery.state.in_(["due", "sending"]))
    old = select(Study.id).where(Study.last_at < before, ~to_read, ~to_send).limit(_AT_ONCE)
    while True:
        with store.reading() as session:
            studies = session.scalars(old).all()
        if not studies:
            return done
        done += delete_studies(store, files, studies, by="retention")


def delete_old_rows(store: Store, keeping: Keeping) -> None:
    """Delete jobs, lists and sign-ins that were kept for long enough."""
    now = time.time()
    gone: list[Delete] = [delete(Session).where(Session.until < now)]
    if keeping.jobs_days:
        before = now - keeping.jobs_days * _DAY_S
        gone.append(delete(Job).where(Job.done_at < before))
        gone.append(delete(TurnedAway).where(TurnedAway.at < before))
        ended = or_(Token.ended_at < before, Token.until < before)
        gone.append(delete(Token).where(ended))
    if keeping.audit_days:
        gone.append(delete(Seen).where(Seen.at < now - keeping.audit_days * _DAY_S))
    latest = select(TurnedAway.id).order_by(TurnedAway.id.desc()).offset(_LISTED).limit(1)
    with store.writing() as session:
        if (last := session.scalar(latest)) is not None:
            gone.append(delete(TurnedAway).where(TurnedAway.id <= last))
        for statement in gone:
            session.execute(statement)


def sweep(store: Store, files: Files, older_s: float = ORPHAN_S) -> int:
    """Remove files that no row speaks of: of what was turned away, or a process that died.

    Args:
        store: the database.
        files: of the server.
        older_s: younger ones are left.

    Returns:
        How many radiographs and readings.
    """
    before, removed = time.time() - older_s, 0
    for shard in files.shards():
        inside = files.radiographs(shard)
        old = [digest for digest in inside if _older(files.radiograph(digest), before)]
        for i in range(0, len(old), _AT_ONCE):
            some_of = old[i : i + _AT_ONCE]
            with store.reading() as session:
                used = session.scalars(
                    select(Instance.digest).where(Instance.digest.in_(some_of))
                ).all()
            removed += remove_unused(store, files, set(some_of).difference(used))
    some: list[str] = []
    for reading in files.readings():
        if _older(files.reading(reading), before):
            some.append(reading)
        if len(some) == _AT_ONCE:
            removed += _sweep_readings(store, files, some)
            some = []
    return removed + _sweep_readings(store, files, some)


def _sweep_readings(store: Store, files: Files, some: list[str]) -> int:
    with store.reading() as session:
        used = set(session.scalars(select(Reading.id).where(Reading.id.in_(some))))
    unused = [reading for reading in some if reading not in used]
    for reading in unused:
        files.remove_reading(reading)
    return len(unused)


def _older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except OSError:
        return False
