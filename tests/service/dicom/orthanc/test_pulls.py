"""Studies pulled from a real archive, by each way that it knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from hilum.service.dicom import retrieving
from hilum.service.process import Here
from hilum.service.pulling import Query, ask
from hilum.service.sending.pulls import step
from hilum.service.store.tables import Instance, Job, Study
from tests.service.dicom.orthanc.conftest import Hilum
from tests.service.orthanc import Orthanc

Drawn = Callable[..., bytes]
Start = Callable[..., Hilum]


def test_an_archive_with_many_series(archive: Orthanc, hilum: Start, drawn: Drawn):
    here = hilum("dimse").here
    for seed in range(40):  # their answers come faster than they are looked at
        archive.post(
            "/instances",
            drawn(seed, patient_id="A", overrides={"SeriesInstanceUID": f"1.2.{seed + 1}"}),
        )
    assert pulled(here, patient_id="A") == ("done", "", ["here"] * 40)


def pulled(here: Here, **query: object) -> tuple[str, str, list[str]]:
    """State and reason of the job, and what became of its parts."""
    job = ask(here, "archive", Query.model_validate(query), by="tester")
    step(here)
    with here.store.reading() as session:
        row = session.get_one(Job, job)
        return row.state, row.why, [part.why or "here" for part in row.parts]


def patients(here: Here) -> list[str]:
    with here.store.reading() as session:
        return sorted(session.scalars(select(Study.patient_id).join(Instance)))


def fill(archive: Orthanc, drawn: Drawn) -> None:
    for seed, facts in enumerate(
        [
            {"patient_id": "A", "transfer_syntax": "jpeg-ls"},
            {"patient_id": "A", "transfer_syntax": "explicit"},
            {"patient_id": "A", "overrides": {"ViewPosition": "LL"}},
            {"patient_id": "A", "overrides": {"Modality": "MG", "SeriesInstanceUID": "1.2.3"}},
            {"patient_id": "B"},
        ]
    ):
        archive.post("/instances", drawn(seed, **facts))


@pytest.mark.parametrize("way", ["get", "move", "web"])
def test_all_frontals_of_a_patient(
    way: str, archive: Orthanc, hilum: Start, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
):
    here = hilum("web" if way == "web" else "dimse").here
    if way == "move":
        monkeypatch.setattr(retrieving, "GET", "1.2.840.10008.5.1.4.1.2.2.9")
    fill(archive, drawn)
    assert pulled(here, patient_id="A") == ("done", "", ["here", "here"])
    assert patients(here) == ["A", "A"]
    with here.store.reading() as session:
        origins = set(session.scalars(select(Instance.origin)))
        syntaxes = set(session.scalars(select(Instance.syntax)))
    assert origins == ({"dimse:ORTHANC"} if way == "move" else {"pull:archive"})
    assert syntaxes == {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.1"}
    assert pulled(here, patient_id="A", every_view=True)[2] == ["here"] * 3
    assert patients(here) == ["A", "A", "A"]


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_what_cannot_be_pulled(way: str, archive: Orthanc, hilum: Start, drawn: Drawn):
    here = hilum(way).here
    fill(archive, drawn)
    state, why, parts = pulled(here, patient_id="NOBODY")
    assert (state, parts) == ("failed", [])
    assert why.startswith("archive has no such radiographs")
    assert pulled(here, patient_id="A", since="20990101")[0] == "failed"
    archive.post("/instances", drawn(9, patient_id="C", photometric="MONOCHROME2",
                                     overrides={"PhotometricInterpretation": "CMYK"}))  # fmt: skip
    state, why, parts = pulled(here, patient_id="C")
    assert (state, len(parts)) == ("done", 1)
    assert "CMYK" in parts[0]
    assert patients(here) == []


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_an_archive_that_is_away(way: str, hilum: Start):
    state, why, _ = pulled(hilum(way).here, patient_id="A")
    assert state == "failed"
    assert why.startswith("archive cannot be reached")
