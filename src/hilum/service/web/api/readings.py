"""``POST /v1/readings``: radiographs in; and what was said of them."""

from __future__ import annotations

import asyncio
import tempfile
import time
from typing import Annotated, Any, BinaryIO

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import select
from starlette.datastructures import UploadFile

from hilum.errors import NotAccepted
from hilum.service.accepting import Given
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Job, Reading
from hilum.service.web.api.following import is_open, job_shape, visible
from hilum.service.web.api.schemas import (
    InstanceShape,
    JobShape,
    ReadingShape,
    instance_shape,
    reading_shape,
)
from hilum.service.web.audit import record
from hilum.service.web.guards.problems import problem
from hilum.service.web.people import Person, needs
from hilum.service.web.uploads import no_room, take_uploads

router = APIRouter(prefix="/v1", tags=["readings"])

LONGEST_WAIT_S = 60.0
_LOOK_S = (0.05, 0.25)
"""Between looks while a sender waits: the first, and the longest."""

_FIELD_BYTES = 10_000
_FORM = "multipart/form-data"
_BYTES = {"type": "string", "format": "binary"}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Radiographs (DICOM, PNG, JPEG, TIFF), or ZIP or TAR archives of them: "
        "files of a form, or one file as the body.",
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": _BYTES, "minItems": 1},
                        "patient_id": {
                            "type": "string", "maxLength": 80,
                            "description": "of pictures that have no header",
                        },
                        "taken": {"type": "string", "pattern": "^([0-9]{8}([0-9]{6})?)?$"},
                    },
                }
            },
            "application/octet-stream": {"schema": _BYTES},
            "application/dicom": {"schema": _BYTES},
        },
    }
}  # fmt: skip

Sender = Annotated[Person, Depends(needs("send"))]
ItsId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.post(
    "/readings", status_code=202, response_model=JobShape, openapi_extra=_BODY,
    responses={200: {"model": JobShape, "description": "all are read, within the time waited"}},
)  # fmt: skip
async def send(
    request: Request,
    person: Sender,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = 0,
) -> Response:
    """Bring radiographs.

    When this answers, every file was accepted, and is on the disk, or was turned away with its
    reason. One file alone that is turned away is an error, as are several of which none was
    accepted. Bringing a radiograph again is no error and changes nothing. With ``wait`` the answer
    holds the readings, if they are there within so many seconds.
    """
    here: Here = request.app.state.here
    until = time.monotonic() + wait
    try:
        files, given = await _received(request, here)
    except OSError as error:
        raise no_room(error) from None
    try:
        async with request.app.state.uploads:
            job, outcomes = await run_sync(take_uploads, here, person, files, given)
    finally:
        for file in files:
            file.close()
    refused = [one.error for one in outcomes if one.error is not None]
    if outcomes and len(refused) == len(outcomes):
        more = {"job": job, "parts": [{"name": one.name, "code": one.error.reason_code,
                "detail": str(one.error)} for one in outcomes[:20] if one.error]}  # fmt: skip
        return problem(
            request, 422, f"None of {len(outcomes)} files was accepted; the first: {refused[0]}",
            code=refused[0].reason_code, more=more,
        )  # fmt: skip
    done = await _waited(here, job, until)
    shape = await run_sync(_job, here, job, wait > 0)
    return JSONResponse(
        shape.model_dump(), 200 if wait and done else 202, headers={"Location": f"/v1/jobs/{job}"}
    )


@router.get("/readings/{reading_id}", response_model=ReadingShape)
def reading(request: Request, person: Sender, reading_id: ItsId) -> Any:
    """What was said of a radiograph."""
    here: Here = request.app.state.here
    with here.store.writing() as session:
        row = session.get(Reading, reading_id)
        found = row and session.execute(
            visible(person).where(Instance.id == row.instance_id)
        ).first()  # fmt: skip
        if row is None or not found:
            raise HTTPException(404, "There is no such reading; it may have been deleted.")
        record(session, person, "view reading", found[1].id)
        return reading_shape(row, found[1].id)


@router.get("/instances/{instance_id}", response_model=InstanceShape)
def instance(request: Request, person: Sender, instance_id: ItsId) -> Any:
    """A radiograph, and which readings there are of it."""
    here: Here = request.app.state.here
    with here.store.reading() as session:
        found = session.execute(visible(person).where(Instance.id == instance_id)).first()
        if found is None:
            raise HTTPException(404, "There is no such radiograph; it may have been deleted.")
        ids = session.scalars(
            select(Reading.id).where(Reading.instance_id == instance_id).order_by(Reading.made_at)
        ).all()
        return instance_shape(found[0], list(ids))


async def _received(request: Request, here: Here) -> tuple[list[BinaryIO], Given]:
    """The files of a body, on the disk where they are large; and what the form tells."""
    limits = here.settings.limits
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        form = await request.form(max_files=limits.files, max_fields=10, max_part_size=_FIELD_BYTES)
        texts = {key: one for key, one in form.multi_items() if isinstance(one, str)}
        try:
            given = _given(texts)
        except NotAccepted:
            await form.close()
            raise
        files = [one.file for _, one in form.multi_items() if isinstance(one, UploadFile)]
        if not files:
            raise NotAccepted("no-file", "The form holds no file; put radiographs into `file`.")
        return files, given
    file = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115  closed by the caller
    try:
        size = 0
        async for part in request.stream():
            size += len(part)
            await run_sync(file.write, part)
        if not size:
            raise NotAccepted(
                "no-file", "The body is empty; send a radiograph, or a form with files."
            )
    except BaseException:
        file.close()
        raise
    return [file], Given()  # type: ignore[list-item]  it reads, seeks and closes


def _given(texts: dict[str, str]) -> Given:
    taken = texts.get("taken", "")
    if taken and not (taken.isascii() and taken.isdigit() and len(taken) in (8, 14)):
        raise NotAccepted("wrong-field", "`taken` is YYYYMMDD or YYYYMMDDHHMMSS.")
    patient = texts.get("patient_id", "")
    if len(patient) > 80 or not patient.isprintable():
        raise NotAccepted("wrong-field", "`patient_id` has at most 80 printable characters.")
    return Given(patient, taken)


async def _waited(here: Here, job: str, until: float) -> bool:
    """Whether all is read; asked now and then until a time."""
    pause, longest = _LOOK_S
    while True:
        if not await run_sync(_open, here, job):
            return True
        left = until - time.monotonic()
        if left <= 0 or here.stop.is_set():
            return False
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.2, longest)


def _open(here: Here, job: str) -> bool:
    with here.store.reading() as session:
        return is_open(session, job)


def _job(here: Here, job: str, records: bool) -> JobShape:
    with here.store.reading() as session:
        return job_shape(session, session.get_one(Job, job), records=records)
