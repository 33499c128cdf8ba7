"""Objects of a reading: made once, the same each time; said where there is nothing to make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import cv2
import pydicom
import pytest
from sqlalchemy import select

pytest.importorskip("highdicom", reason="needs the server: pip install 'hilum[serve]'")

from hilum.bundles import Bundle
from hilum.errors import ServiceError
from hilum.phantoms import draw_chest
from hilum.service.objects import KINDS, NothingToMake, dicom_object, sent
from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.settings import Result
from hilum.service.store.tables import Reading

Drawn = Callable[..., bytes]
MODALITIES = {"sr": "SR", "gsps": "PR", "seg-lungs": "SEG", "seg-heatmaps": "SEG", "sc": "OT"}


def read(here: Here, data: bytes) -> str:
    """Id of the reading of a radiograph."""
    taken = here.door.accept(data, origin="test")
    read_waiting(here)
    with here.store.reading() as session:
        reading = session.scalar(select(Reading.id).where(Reading.instance_id == taken.instance))
    assert reading is not None
    return reading


@pytest.fixture
def here(here: Here, fixed_bundle: Callable[..., Bundle]) -> Here:
    """One finding present, two absent."""
    import dataclasses

    bundle = fixed_bundle("objects", effusion=0.9, pneumonia=0.1, pneumothorax=0.2)
    reading = here.settings.reading.model_copy(update={"bundle": str(bundle.location)})
    return dataclasses.replace(here, settings=here.settings.model_copy(update={"reading": reading}))


def test_every_kind_is_made_once(here: Here, drawn: Drawn):
    source = pydicom.dcmread(_file(drawn(1)))
    reading = read(here, drawn(1))
    for kind in KINDS:
        path = dicom_object(here, reading, kind)
        before = path.stat().st_mtime_ns, path.read_bytes()
        assert dicom_object(here, reading, kind) == path
        assert (path.stat().st_mtime_ns, path.read_bytes()) == before
        path.unlink()
        assert dicom_object(here, reading, kind).read_bytes() == before[1]
        assert path.is_relative_to(here.files.reading(reading))
        if kind == "pdf":
            assert before[1].startswith(b"%PDF")
        else:
            made = pydicom.dcmread(path)
            assert made.Modality == MODALITIES.get(kind, "SEG")
            assert made.StudyInstanceUID == source.StudyInstanceUID
    assert dicom_object(here, reading, "seg").name == "seg-lungs.dcm"
    assert dicom_object(here, reading, "pdf", language="zh").name == "report-zh.pdf"


def _file(data: bytes):
    import io

    return io.BytesIO(data)


def test_what_is_read_anew_after_deletion_is_another_object(here: Here, drawn: Drawn):
    from sqlalchemy import delete

    from hilum.service.store.tables import Study

    first = pydicom.dcmread(dicom_object(here, read(here, drawn(1)), "sr"))
    with here.store.writing() as session:
        session.execute(delete(Study))
    second = pydicom.dcmread(dicom_object(here, read(here, drawn(1)), "sr"))
    assert first.ContentTime != second.ContentTime
    assert first.SOPInstanceUID != second.SOPInstanceUID  # one UID is one object (PS3.5 9)


def test_a_picture_without_a_header(here: Here):
    import numpy as np

    grey = np.rint(draw_chest(np.random.default_rng(2), size=(256, 240)).pixels * 255)
    reading = read(here, cv2.imencode(".png", grey.astype(np.uint8))[1].tobytes())
    for kind in ("sr", "sc", "seg-lungs", "pdf"):
        assert dicom_object(here, reading, kind).is_file()
    with pytest.raises(NothingToMake, match="without a DICOM header"):
        dicom_object(here, reading, "gsps")
    assert sent(here, reading, "gsps") == []


def test_a_refusal_has_a_report_and_no_masks(
    here: Here, drawn: Drawn, fixed_bundle: Callable[..., Bundle]
):
    import dataclasses

    bundle = fixed_bundle("refuses", refuses=True, effusion=0.9, mass=0.1, nodule=0.2)
    settings = here.settings.reading.model_copy(update={"bundle": str(bundle.location)})
    here = dataclasses.replace(
        here, settings=here.settings.model_copy(update={"reading": settings})
    )
    reading = read(here, drawn(1))
    assert len(sent(here, reading, "sr")) == 1
    assert sent(here, reading, "seg") == []
    assert dicom_object(here, reading, "sc").is_file()  # the picture, and that it was refused
    with pytest.raises(NothingToMake, match="refused"):
        dicom_object(here, reading, "seg")


def test_what_is_sent_for_each_kind(here: Here, drawn: Drawn):
    reading = read(here, drawn(1))
    names = {kind: [path.name for path in sent(here, reading, kind)] for kind in get_args(Result)}
    assert names == {
        "sr": ["sr.dcm"], "gsps": ["gsps.dcm"], "sc": ["sc.dcm"],
        "seg": ["seg-lungs.dcm", "seg-heatmaps.dcm"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "kind", "words"),
    [("0" * 32, "sr", "no such reading"), ("0" * 32, "../../etc/passwd", "No such object")],
)
def test_what_is_not_there(reading: str, kind: str, words: str, here: Here):
    with pytest.raises(ServiceError, match=words):
        dicom_object(here, reading, kind)
    assert not Path(here.files.reading(reading)).exists()


def test_a_pdf_names_what_the_audits_of_its_own_bundle_fail_on(
    here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
):
    from hilum.bundles import load
    from hilum.reading.cascade.chain import Chain
    from hilum.service import objects

    shown: list[list[str]] = []
    real = objects.PdfPage

    def page(*facts: Any) -> Any:
        shown.append(list(facts[4]))
        return real(*facts)

    monkeypatch.setattr(objects, "PdfPage", page)
    reading = read(here, drawn(1))
    shipped, chain = load("chest14"), Chain.of("covid-then-findings")
    failed = [one.title for one in shipped.card.failed]
    assert failed, "the shipped bundle fails on some"
    cases = [
        (load(here.settings.reading.bundle).digest, "", []),
        (shipped.digest, "", failed),  # not that of the settings any more
        (chain.digest, "covid-then-findings",
         [f"{stage.bundle.card.name}: {one.title}"
          for stage in chain.stages for one in stage.bundle.card.failed]),
        ("e" * 64, "", ["whether it does is not known: the bundle that read is not here any more"]),
    ]  # fmt: skip
    for digest, cascade, wanted in cases:
        with here.store.writing() as session:
            session.get_one(Reading, reading).bundle_digest = digest
        changed = here.settings.reading.model_copy(update={"cascade": cascade})
        there = replace(here, settings=here.settings.model_copy(update={"reading": changed}))
        dicom_object(there, reading, "pdf").unlink()
        assert shown.pop() == wanted
