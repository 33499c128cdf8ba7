"""A server with drawn radiographs that are read: what pages are tried on."""

from __future__ import annotations

from typing import Any

from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Instance, Reading, Study

NASTY = "<img src=x onerror=alert(1)>\"'&"
"""What a header may hold, and a page must show as text."""


def bring(here: Here, data: bytes) -> str:
    """Bring a radiograph; returns its study."""
    return here.door.accept(data, origin="test:pages").study


def seed(here: Here, drawn: Any) -> dict[str, str]:
    """Three studies: one with a nasty name, one with two radiographs, one that is no chest.

    Returns:
        "nasty", "two" and "hand": ids of studies.
    """
    texts = {"StudyDescription": NASTY, "AccessionNumber": "A<1>", "StudyDate": "20261120",
             "PatientBirthDate": "19540312", "SpecificCharacterSet": "ISO_IR 192"}  # fmt: skip
    utf8 = {"SpecificCharacterSet": "ISO_IR 192"}
    found = {
        "nasty": bring(here, drawn(1, patient_name=f"{NASTY}^JANE", study_uid="1.2.1",
                                   patient_id="<script>7", sex="F", overrides=texts)),
        "two": bring(here, drawn(2, patient_name="WANG^XIAOMEI=王^小美", study_uid="1.2.2",
                                 patient_id="P2", overrides=utf8)),
        "hand": bring(here, drawn(3, patient_name="CHEN^TA", body_part="HAND", study_uid="1.2.3")),
    }  # fmt: skip
    bring(here, drawn(4, study_uid="1.2.2", patient_id="P2", view="AP"))
    assert read_waiting(here) == 4
    return found


def readings(here: Here, study: str) -> list[Reading]:
    """Readings of a study's radiographs."""
    with here.store.reading() as session:
        return session.query(Reading).join(Instance).where(Instance.study_id == study).all()


def put(here: Here, study: str, **facts: Any) -> None:
    """Change facts of a study."""
    with here.store.writing() as session:
        row = session.get_one(Study, study)
        for key, value in facts.items():
            setattr(row, key, value)
