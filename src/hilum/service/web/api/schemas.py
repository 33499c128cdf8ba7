"""What the API answers: shapes for OpenAPI, filled from rows.

Times are seconds since 1970, UTC. Ids are random and say nothing of a patient.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from hilum.service.store.tables import Instance, JobPart, Reading, Study

State = Literal["waiting", "reading", "read", "refused", "failed"]
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]

Record = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "oneOf": [
                {"$ref": "#/components/schemas/readings.reading"},
                {"$ref": "#/components/schemas/readings.refusal"},
            ],
            "description": "an entry of readings or refusals of hilum.readings/1",
        }
    ),
]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(_Shape):
    """Why something did not succeed (RFC 9457); ``code`` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class ReadingShape(_Shape):
    """What was said of one radiograph: a reading, or a refusal, which is no reading."""

    id: Id
    instance: Id
    study: Id
    kind: Literal["reading", "refusal"]
    bundle: str
    bundle_digest: str
    made_at: float
    seconds: float = Field(description="that reading took")
    urgency: float = Field(description="higher first; see docs/serve-page.md")
    record: Record


class InstanceShape(_Shape):
    """One radiograph."""

    id: Id
    study: Id
    uid: str = Field(description="SOP Instance UID; made by Hilum where the file had none")
    series_uid: str
    format: Literal["dicom", "png", "jpeg", "tiff"]
    state: State
    code: str = Field(description="why it was refused or failed; empty otherwise")
    why: str
    arrived_at: float
    readings: list[Id]


class StudyShape(_Shape):
    """A study without its radiographs."""

    id: Id
    uid: str = Field(description="Study Instance UID; made by Hilum where the file had none")
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    accession: str
    description: str
    taken: str = Field(description="YYYYMMDDHHMMSS, as far as the header tells")
    urgency: float
    arrived_at: float
    last_at: float = Field(description="when something last came of it")
    complete_at: float | None = Field(description="null while it may still grow")
    reviewed_at: float | None
    reviewed_by: str


class WholeStudy(StudyShape):
    """A study and its radiographs."""

    instances: list[InstanceShape]


class Studies(_Shape):
    """A page of studies."""

    studies: list[StudyShape]
    after: str | None = Field(description="give this to get the next page; null at the end")


class PartShape(_Shape):
    """What became of one file of a job."""

    name: str = Field(description="number in the upload, from 1; below an archive the path within")
    instance: Id | None = Field(description="null where it was not accepted, or was deleted")
    study: Id | None
    state: State | Literal["not-accepted", "deleted"]
    code: str
    why: str
    reading: ReadingShape | None = Field(
        description="the newest; null until it is there, or where it was not asked for"
    )


class JobShape(_Shape):
    """Work that was asked for."""

    id: Id
    kind: Literal["upload", "pull"]
    state: Literal["running", "done", "failed"] = Field(
        description="done: every radiograph was read, refused or laid aside"
    )
    why: str = Field(description="it failed")
    made_at: float
    files: int
    finished: int = Field(description="files that nothing more will become of")
    parts: list[PartShape]


class Deleted(_Shape):
    """A study that is no longer here."""

    deleted: Id


def reading_shape(row: Reading, study: str) -> ReadingShape:
    """A reading."""
    return ReadingShape.model_validate(
        {
            "id": row.id, "instance": row.instance_id, "study": study, "kind": row.kind,
            "bundle": row.bundle, "bundle_digest": row.bundle_digest, "made_at": row.made_at,
            "seconds": row.seconds, "urgency": row.urgency, "record": row.record,
        }
    )  # fmt: skip


def instance_shape(row: Instance, readings: list[str]) -> InstanceShape:
    """A radiograph; ``readings`` are ids, the oldest first."""
    return InstanceShape.model_validate(
        {
            "id": row.id, "study": row.study_id, "uid": row.uid, "series_uid": row.series_uid,
            "format": row.format, "state": row.state, "code": row.why_code, "why": row.why,
            "arrived_at": row.arrived_at, "readings": readings,
        }
    )  # fmt: skip


def study_facts(row: Study) -> dict[str, Any]:
    """Members of :class:`StudyShape`."""
    return {name: getattr(row, name) for name in StudyShape.model_fields}


def part_shape(
    part: JobPart, instance: Instance | None, reading: Reading | None = None
) -> PartShape:
    """A part of a job."""
    if instance is None:
        return PartShape(
            name=part.name, instance=None, study=None,
            state="not-accepted" if part.code else "deleted", code=part.code, why=part.why,
            reading=None,
        )  # fmt: skip
    return PartShape.model_validate(
        {
            "name": part.name, "instance": instance.id, "study": instance.study_id,
            "state": instance.state, "code": instance.why_code, "why": instance.why,
            "reading": reading and reading_shape(reading, instance.study_id),
        }
    )  # fmt: skip
