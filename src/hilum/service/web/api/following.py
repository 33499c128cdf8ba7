"""Jobs as they stand, and who may follow which."""

from __future__ import annotations

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hilum.service.store.tables import Instance, Job, JobPart, Reading, Study
from hilum.service.web.api.schemas import JobShape, part_shape
from hilum.service.web.people import Person

OPEN = ("waiting", "reading")
"""States of radiographs that something will still become of."""


def job_shape(session: Session, job: Job, *, records: bool) -> JobShape:
    """A job as it stands.

    Args:
        session: that reads.
        job: its row.
        records: with the newest reading of each radiograph.
    """
    rows = session.execute(
        select(JobPart, Instance)
        .outerjoin(Instance, JobPart.instance_id == Instance.id)
        .where(JobPart.job_id == job.id)
        .order_by(JobPart.id)
    ).all()
    readings = _newest(session, [row.id for _, row in rows if row]) if records else {}
    finished = sum(row is None or row.state not in OPEN for _, row in rows)
    state = job.state
    if state == "done" and finished < len(rows):
        state = "running"
    parts = [part_shape(part, row, readings.get(row.id if row else "")) for part, row in rows]
    return JobShape.model_validate(
        {
            "id": job.id, "kind": job.kind, "state": state, "why": job.why, "made_at": job.made_at,
            "files": len(rows), "finished": finished, "parts": parts,
        }
    )  # fmt: skip


def is_open(session: Session, job: str) -> bool:
    """Whether something will still become of a job's radiographs."""
    row = session.get(Job, job)
    if row is not None and row.state == "running":
        return True
    found = session.scalar(
        select(Instance.id)
        .join(JobPart, JobPart.instance_id == Instance.id)
        .where(JobPart.job_id == job, Instance.state.in_(OPEN))
        .limit(1)
    )
    return found is not None


def may_follow(person: Person, job: Job) -> bool:
    """Whether a person may see a job: their own, or any with the role ``view``."""
    return person.may("view") or job.by == person.name


def visible(person: Person) -> Select[Instance, Study]:
    """(instance, study) that a person may see: all with ``view``, else what their jobs brought."""
    wanted = select(Instance, Study).join(Study, Instance.study_id == Study.id)
    if person.may("view"):
        return wanted
    theirs = select(JobPart.instance_id).join(Job, JobPart.job_id == Job.id)
    return wanted.where(Instance.id.in_(theirs.where(Job.by == person.name)))


def _newest(session: Session, instances: list[str]) -> dict[str, Reading]:
    latest = (
        select(Reading.instance_id, func.max(Reading.made_at).label("at"))
        .where(Reading.instance_id.in_(instances))
        .group_by(Reading.instance_id)
        .subquery()
    )
    rows = session.scalars(
        select(Reading).join(
            latest, (Reading.instance_id == latest.c.instance_id) & (Reading.made_at == latest.c.at)
        )
    )
    return {row.instance_id: row for row in rows}
