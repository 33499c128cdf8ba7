"""``POST /v1/pulls``: studies that another DICOM system has."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from hilum.service.process import Here
from hilum.service.pulling import Query, ask
from hilum.service.store.tables import Job
from hilum.service.web.api.following import job_shape
from hilum.service.web.api.schemas import JobShape
from hilum.service.web.audit import record
from hilum.service.web.people import Person, needs

router = APIRouter(prefix="/v1", tags=["jobs"])


class Pull(BaseModel):
    """What to pull, and from where."""

    model_config = ConfigDict(extra="forbid")
    place: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", description="name of a place of the settings"
    )
    query: Query


@router.post("/pulls", status_code=202, response_model=JobShape)
def pull(request: Request, person: Annotated[Person, Depends(needs("read"))], wanted: Pull) -> Any:
    """Have studies pulled by C-FIND and C-GET or C-MOVE, or QIDO-RS and WADO-RS.

    Only series of DX and CR, and no laterals, unless the query asks for them. What is here already
    is not taken twice.
    """
    here: Here = request.app.state.here
    job = ask(here, wanted.place, wanted.query, by=person.name)
    with here.store.writing() as session:
        record(session, person, f"pull from {wanted.place}")
        row = session.get(Job, job)
        assert row is not None, "it was made above"
        shape = job_shape(session, row, records=False)
    return JSONResponse(shape.model_dump(), 202, headers={"Location": f"/v1/jobs/{job}"})
