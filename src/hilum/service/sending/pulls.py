"""Studies that someone asked to be pulled from another system."""

from __future__ import annotations

import time
from typing import Protocol

from sqlalchemy import select

from hilum.errors import NotNow, ServiceError
from hilum.service.accepting import Accepted
from hilum.service.dicom.calling import Unreachable
from hilum.service.dicom.found import Found
from hilum.service.log import failed, log
from hilum.service.process import Here
from hilum.service.pulling import Query, place_of
from hilum.service.settings import Place
from hilum.service.store.tables import Instance, Job, JobPart

LOOK_S = 0.5
ARRIVAL_S = 5.0
"""What C-MOVE sent must be in the database by then."""


class _Way(Protocol):
    outcomes: dict[str, Accepted | str]

    @property
    def gets(self) -> bool: ...

    def find(self, query: Query, most: int) -> list[Found]: ...

    def bring(self, one: Found) -> None: ...

    def close(self) -> None: ...


def step(here: Here) -> float:
    """Do the oldest pull that is not done; see :data:`hilum.service.sending.process.WORK`."""
    with here.store.reading() as session:
        found = session.execute(
            select(Job.id, Job.ask).where(Job.kind == "pull", Job.state == "running")
            .order_by(Job.made_at).limit(1)
        ).first()  # fmt: skip
    if found is None:
        return LOOK_S
    job, asked = found
    try:
        pull(here, job, asked["place"], Query.model_validate(asked["query"]))
    except NotNow:  # of our database: once more, from the start; what came is not taken twice
        raise
    except ServiceError as error:
        log.warning("a pull failed: %s", error.code)
        _end(here, job, "failed", str(error))
    except Exception as error:
        failed("pull", error)
        _end(here, job, "failed", f"Hilum failed on it ({type(error).__name__}); see its log.")
    return 0.0


def pull(here: Here, job: str, place: str, query: Query) -> None:
    """Bring what a query finds; every instance becomes a part of the job.

    Args:
        here: of the process.
        job: id of its row; parts of an earlier try are dropped.
        place: name of a place.
        query: which studies.

    Raises:
        ServiceError: no such place, it is away or does not let us, or there is too much or nothing.
        NotNow: the database is away.
    """
    way = _way(here, place_of(here, place))
    try:
        try:
            found = way.find(query, here.settings.limits.files)
        except Unreachable:  # an association may break: once more, over a new one
            way.close()
            way = _way(here, place_of(here, place))
            found = way.find(query, here.settings.limits.files)
        if not found:
            raise ServiceError(
                f"{place} has no such radiographs: check the query, and whether "
                f"{' or '.join(query.modalities)} is their modality."
            )
        _begin(here, job, len(found))
        for number, one in enumerate(found, 1):
            if here.stop.is_set():
                return  # goes on when the server does
            try:
                way.bring(one)
            except Unreachable:
                way.close()
                way = _way(here, place_of(here, place))
                way.bring(one)
            _part(here, job, number, _outcome(here, way, one, place))
    finally:
        way.close()
    _end(here, job, "done", "")


def _way(here: Here, place: Place) -> _Way:
    if place.url:
        from hilum.service.dicom.web_retrieving import web_retrieval

        return web_retrieval(here, place)
    from hilum.service.dicom.retrieving import retrieval

    return retrieval(here, place)


def _outcome(here: Here, way: _Way, one: Found, place: str) -> Accepted | str:
    """What became of an instance; of one that was moved, once it is in the database."""
    told = way.outcomes.pop(one.uid, None)
    if told is not None or way.gets:
        return told or f"{place} did not send it."
    until = time.monotonic() + ARRIVAL_S
    while True:
        with here.store.reading() as session:
            row = session.execute(
                select(Instance.id, Instance.study_id).where(Instance.uid == one.uid)
            ).first()
        if row is not None:
            return Accepted(row[0], row[1])
        if time.monotonic() > until or here.stop.wait(0.1):
            return "It did not arrive: see what was turned away at the DICOM listener."


def _begin(here: Here, job: str, count: int) -> None:
    with here.store.writing() as session:
        row = session.get(Job, job)
        if row is not None:
            row.parts.clear()
            row.ask = {**row.ask, "found": count}


def _part(here: Here, job: str, number: int, outcome: Accepted | str) -> None:
    with here.store.writing() as session:
        if session.get(Job, job) is None:
            return
        part = JobPart(job_id=job, name=str(number))
        if isinstance(outcome, Accepted):
            part.instance_id = outcome.instance
        else:
            part.code, part.why = "not-pulled", outcome
        session.add(part)


def _end(here: Here, job: str, state: str, why: str) -> None:
    with here.store.writing() as session:
        row = session.get(Job, job)
        if row is not None:
            row.state, row.why, row.done_at = state, why, time.time()
