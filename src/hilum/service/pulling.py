"""What may be asked to be pulled from another system, and the job that follows it."""

from __future__ import annotations

import time
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hilum.errors import ServiceError
from hilum.service.process import Here
from hilum.service.settings import Place
from hilum.service.store.tables import Job

_Words = Field(default="", max_length=64, pattern=r"^[^\\*?\x00-\x1f\x7f]*$")
_Day = Field(default="", pattern=r"^([0-9]{8})?$")


class Query(BaseModel):
    """Which studies: by one or more of study, accession number and patient, exactly.

    Attributes:
        study_uid: Study Instance UID.
        accession: Accession Number.
        patient_id: Patient ID; alone it brings earlier visits too.
        since, until: days of the study, YYYYMMDD.
        modalities: of series.
        every_view: laterals too; otherwise what says that it is one is left there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="PullQuery")
    study_uid: str = Field(default="", pattern=r"^[0-9.]{0,64}$")
    accession: Annotated[str, _Words] = ""
    patient_id: Annotated[str, _Words] = ""
    since: Annotated[str, _Day] = ""
    until: Annotated[str, _Day] = ""
    modalities: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")], ...] = ("DX", "CR")
    every_view: bool = False

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not (self.study_uid or self.accession or self.patient_id):
            raise ValueError("give study_uid, accession or patient_id")
        if not self.modalities:
            raise ValueError("give a modality")
        return self

    @property
    def days(self) -> str:
        """A range of DICOM; empty for all."""
        return f"{self.since}-{self.until}" if self.since or self.until else ""


def place_of(here: Here, name: str) -> Place:
    """A place of the settings.

    Raises:
        ServiceError: there is none of that name.
    """
    for place in here.settings.places:
        if place.name == name:
            return place
    known = ", ".join(place.name for place in here.settings.places) or "none"
    raise ServiceError(f"The settings name no place {name[:31]!r}; there are: {known}.")


def ask(here: Here, place: str, query: Query, *, by: str) -> str:
    """Have studies pulled; the process ``send`` does it.

    Args:
        here: of the process.
        place: name of a place of the settings.
        query: which studies.
        by: who asks.

    Returns:
        Id of the job.

    Raises:
        ServiceError: no such place.
        NotNow: the database is away.
    """
    place_of(here, place)
    with here.store.writing() as session:
        job = Job(
            kind="pull", by=by[:100], made_at=time.time(),
            ask={"place": place, "query": query.model_dump(mode="json")},
        )  # fmt: skip
        session.add(job)
        session.flush()
        return job.id
