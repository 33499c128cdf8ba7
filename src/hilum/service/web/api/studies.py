"""Studies: listed, searched, shown, deleted; what readers said of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hilum.service.corrections import corrections_csv
from hilum.service.deleting import delete_study
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Reading, Study
from hilum.service.web.api.schemas import (
    Deleted,
    Studies,
    StudyShape,
    WholeStudy,
    instance_shape,
    study_facts,
)
from hilum.service.web.audit import record
from hilum.service.web.people import Person, needs

router = APIRouter(prefix="/v1", tags=["studies"])

Viewer = Annotated[Person, Depends(needs("view"))]
Admin = Annotated[Person, Depends(needs("admin"))]
ItsId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Most = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str, Query(pattern=r"^([0-9]{1,12}\.[0-9]{1,12}_[0-9a-f]{32})?$")]

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


class Search(BaseModel):
    """What to look for; exact, and in a body so that it stands in no address or log."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"minLength": 1}}}
                for name in ("uid", "accession", "patient_id")
            ]
        },
    )
    uid: str = Field(
        default="", max_length=64, pattern="^[0-9.]*$", description="Study Instance UID"
    )
    accession: str = Field(default="", max_length=64, pattern=_PRINTABLE)
    patient_id: str = Field(default="", max_length=80, pattern=_PRINTABLE)


@router.get("/studies", response_model=Studies)
def studies(
    request: Request,
    person: Viewer,
    since: Annotated[float, Query(ge=0, le=1e11)] = 0,
    most: Most = 50,
    after: After = "",
) -> Any:
    """Studies to which something came since a time, in the order in which it came."""
    here: Here = request.app.state.here
    rows, more = _page(here, person, Study.last_at >= since, most, after)
    last = f"{rows[-1].last_at!r}_{rows[-1].id}" if more else None
    return Studies(studies=[StudyShape(**study_facts(row)) for row in rows], after=last)


@router.post("/studies/search", response_model=Studies)
def search(request: Request, person: Viewer, wanted: Search) -> Any:
    """Studies of a UID, an accession number, a patient: the 200 that came first."""
    here: Here = request.app.state.here
    given = {name: value for name, value in wanted.model_dump().items() if value}
    if not given:
        raise HTTPException(422, "Say what to look for: uid, accession or patient_id.")
    clause: ColumnElement[bool] = Study.uid.is_not(None)
    for name, value in given.items():
        clause &= getattr(Study, name) == value
    rows, _ = _page(here, person, clause, 200, "")
    return Studies(studies=[StudyShape(**study_facts(row)) for row in rows], after=None)


@router.get("/studies/{study_id}", response_model=WholeStudy)
def study(request: Request, person: Viewer, study_id: ItsId) -> Any:
    """A study and its radiographs."""
    here: Here = request.app.state.here
    with here.store.writing() as session:
        row = session.get(Study, study_id)
        if row is None:
            raise HTTPException(404, "There is no such study; it may have been deleted.")
        record(session, person, "view study", study_id)
        return WholeStudy(**study_facts(row), instances=_instances(session, study_id))


@router.get(
    "/corrections.csv", response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "a label table"}},
)  # fmt: skip
def corrections(request: Request, person: Viewer) -> Response:
    """What readers said, as a label table that `hilum train` and `hilum evaluate` read."""
    here: Here = request.app.state.here
    with here.store.writing() as session:
        record(session, person, "download corrections")
    return Response(
        corrections_csv(here.store), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="hilum-corrections.csv"'},
    )  # fmt: skip


@router.delete("/studies/{study_id}", response_model=Deleted)
def delete(request: Request, person: Admin, study_id: ItsId) -> Any:
    """Delete a study: radiographs, readings, what readers said, what had to be sent."""
    here: Here = request.app.state.here
    if not delete_study(here.store, here.files, study_id):
        raise HTTPException(404, "There is no such study; it may have been deleted.")
    with here.store.writing() as session:
        record(session, person, "delete study", study_id)
    return Deleted(deleted=study_id)


def _page(
    here: Here, person: Person, clause: ColumnElement[bool], most: int, after: str
) -> tuple[list[Study], bool]:
    """Studies in the order of their last radiograph, and whether there are more."""
    wanted = select(Study).where(clause).order_by(Study.last_at, Study.id).limit(most + 1)
    if after:
        at, _, last = after.partition("_")
        same = (Study.last_at == float(at)) & (Study.id > last)
        wanted = wanted.where((Study.last_at > float(at)) | same)
    with here.store.writing() as session:
        rows = list(session.scalars(wanted).all())
        record(session, person, "list studies")
    return rows[:most], len(rows) > most


def _instances(session: Session, study_id: str) -> list[Any]:
    rows = session.scalars(
        select(Instance).where(Instance.study_id == study_id).order_by(Instance.arrived_at)
    ).all()
    ids: dict[str, list[str]] = {row.id: [] for row in rows}
    found = session.execute(
        select(Reading.instance_id, Reading.id)
        .where(Reading.instance_id.in_(ids))
        .order_by(Reading.made_at)
    )
    for instance, reading in found:
        ids[instance].append(reading)
    return [instance_shape(row, ids[row.id]) for row in rows]
