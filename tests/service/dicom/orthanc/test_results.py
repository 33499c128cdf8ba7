"""From the archive to Hilum and back: results are taken, listed, returned, and valid."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import update

from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Delivery
from tests.service.dicom.conftest import Run
from tests.service.dicom.orthanc.conftest import Hilum
from tests.service.orthanc import Orthanc

Drawn = Callable[..., bytes]
Start = Callable[..., Hilum]
MODALITIES = {"SR": 1, "PR": 1, "SEG": 2, "OT": 1}
"""Lungs and heatmaps are an object each."""


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_there_and_back(
    way: str, archive: Orthanc, hilum: Start, drawn: Drawn, program: Run, tmp_path: Path
):
    server = hilum(way)
    data = drawn(1, patient_name="Wang^XiaoDong", transfer_syntax="jpeg-ls")
    archive.post("/instances", data)
    (image,) = archive.instances()
    archive.post("/modalities/HILUM/store", image)  # the archive is the sender
    assert read_waiting(server.here) == 1
    found = server.wait({"sent"})
    assert [kind for kind, *_ in found] == ["gsps", "sc", "seg", "sr"]
    assert {modality: len(archive.instances(modality)) for modality in MODALITIES} == MODALITIES

    source = pydicom.dcmread(BytesIO(data))
    made_of = [(modality, one) for modality in MODALITIES for one in archive.instances(modality)]
    for modality, made in made_of:
        tags = archive.tags(made)
        assert tags["StudyInstanceUID"] == source.StudyInstanceUID
        assert tags["SeriesInstanceUID"] != source.SeriesInstanceUID
        assert (tags["PatientID"], tags["PatientName"]) == ("P1", "Wang^XiaoDong")
        path = tmp_path / f"{modality}.dcm"
        path.write_bytes(archive.file(made))
        told = program("dciodvfy", path)
        assert not re.findall("^Error.*", told.stderr + told.stdout, re.MULTILINE), modality
    report = program("dsrdump", tmp_path / "SR.dcm")
    assert report.returncode == 0, report.stderr
    assert re.search("effusion", report.stdout, re.IGNORECASE)

    before = set(archive.instances())
    with server.here.store.writing() as session:  # sent a second time: the same objects
        session.execute(update(Delivery).values(state="due", not_before=0.0))
    server.wait({"sent"})
    assert set(archive.instances()) == before


def test_a_reading_is_in_the_archive_at_once(archive: Orthanc, hilum: Start, drawn: Drawn):
    server = hilum("dimse", kinds=("sr",))
    took: list[float] = []
    for seed in range(5):
        archive.post("/instances", drawn(seed))
        server.here.door.accept(drawn(seed), origin="test")
        read_waiting(server.here)
        begun = time.monotonic()
        while len(archive.instances("SR")) < seed + 1:
            assert time.monotonic() - begun < 10
            time.sleep(0.01)
        took.append(time.monotonic() - begun)
    assert sorted(took)[2] < 1, took


def test_an_archive_that_is_away_gets_them_later(
    hilum: Start, drawn: Drawn, tmp_path: Path, ports: dict[str, int]
):
    from tests.service.orthanc import running

    server = hilum("dimse", kinds=("sr",))
    server.here.door.accept(drawn(1), origin="test")
    read_waiting(server.here)
    until = time.monotonic() + 20
    while not server.deliveries()[0][3]:
        assert time.monotonic() < until
        time.sleep(0.02)
    (_, _, attempts, why) = server.deliveries()[0]
    assert attempts >= 1
    assert why == f"archive cannot be reached at 127.0.0.1:{ports['dicom']}."
    with running(tmp_path / "later", ports=(ports["dicom"], ports["http"])) as archive:
        ((_, _, tries, note),) = server.wait({"sent"})
        assert (tries > attempts or tries == attempts, note) == (True, "")
        assert len(archive.instances("SR")) == 1


def test_what_the_archive_passes_back_is_not_read(archive: Orthanc, hilum: Start, drawn: Drawn):
    server = hilum("dimse", kinds=("sc",))
    server.here.door.accept(drawn(1), origin="test")
    read_waiting(server.here)
    server.wait({"sent"})
    (capture,) = archive.instances("OT")
    job = archive.post(
        "/modalities/HILUM/store", {"Resources": [capture], "Asynchronous": False,
                                    "Permissive": True},
    )  # fmt: skip
    assert server.here.facts["turned_away"] == 1, job
    assert read_waiting(server.here) == 0
