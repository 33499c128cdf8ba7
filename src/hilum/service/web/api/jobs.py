"""Jobs with progress: uploads, pulls."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request

from hilum.service.process import Here
from hilum.service.store.tables import Job
from hilum.service.web.api.following import job_shape, may_follow
from hilum.service.web.api.schemas import JobShape
from hilum.service.web.audit import record
from hilum.service.web.people import Person, needs

router = APIRouter(prefix="/v1", tags=["jobs"])


@router.get("/jobs/{job_id}", response_model=JobShape)
def job(
    request: Request,
    person: Annotated[Person, Depends(needs("send"))],
    job_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    records: bool = False,
) -> Any:
    """How far a job has come; with ``records`` what was said of each radiograph too."""
    here: Here = request.app.state.here
    with here.store.reading() as session:
        row = session.get(Job, job_id)
        if row is None or not may_follow(person, row):
            raise HTTPException(404, "There is no such job.")
        shape = job_shape(session, row, records=records)
    studies = {one.study for one in shape.parts if one.study and one.reading}
    if studies:
        with here.store.writing() as session:
            for study in sorted(studies):
                record(session, person, "view reading", study)
    return shape
