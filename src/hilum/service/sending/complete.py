"""Studies that nothing came for since the quiet time, and whose radiographs are read, are complete.

A radiograph that comes later opens its study again; when that is complete once more, programs are
told once more.
"""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, exists, select

from hilum.service.process import Here
from hilum.service.results import tell
from hilum.service.store.tables import Instance, Study

AGAIN_S = 1.0
_AT_ONCE = 100


def step(here: Here) -> float:
    """Complete what is due now; see :data:`hilum.service.sending.process.WORK`."""
    due = _due(here)
    with here.store.reading() as session:
        ids = session.scalars(
            select(Study.id).where(due).order_by(Study.last_at).limit(_AT_ONCE)
        ).all()
    for study in ids:
        _complete(here, study)
    return 0.0 if len(ids) == _AT_ONCE else AGAIN_S


def _complete(here: Here, study: str) -> None:
    with here.store.writing() as session:
        row = session.scalar(select(Study).where(Study.id == study, _due(here)).with_for_update())
        if row is None:  # something came meanwhile
            return
        row.complete_at = time.time()
        tell(session, here.settings, "study", study, study)


def _due(here: Here) -> ColumnElement[bool]:
    open_ = exists().where(
        Instance.study_id == Study.id, Instance.state.in_(("waiting", "reading"))
    )
    quiet = Study.last_at <= time.time() - here.settings.reading.quiet_s
    return Study.complete_at.is_(None) & quiet & ~open_
