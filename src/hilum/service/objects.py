"""What a reading becomes for other systems: DICOM objects and a PDF, made when first asked for.

    sr.dcm  gsps.dcm  seg-lungs.dcm  seg-heatmaps.dcm  sc.dcm  report-en.pdf  report-zh.pdf

They lie in the reading's folder. The same reading gives the same object, with the same UIDs, so a
second sending is no second result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

import hilum
from hilum.bundles import available
from hilum.bundles import load as load_bundle
from hilum.errors import HilumError, ServiceError
from hilum.imaging.dicomfile import open_dicom, quiet
from hilum.reading.cascade.chain import Chain
from hilum.report import dicom
from hilum.report.dicom import ResultFacts
from hilum.report.pdf import Language, PdfPage, pdf
from hilum.service.evidence import DISPLAY, EVIDENCE, Evidence
from hilum.service.evidence import load as load_evidence
from hilum.service.process import Here
from hilum.service.settings import Result
from hilum.service.store.tables import Instance, Reading, Study

Kind = Literal["sr", "gsps", "seg", "seg-lungs", "seg-heatmaps", "sc", "pdf"]
"""What can be asked for; "seg" is the lungs, or the heatmaps where no lungs were found."""

KINDS: tuple[Kind, ...] = get_args(Kind)

SENT: Mapping[Result, tuple[Kind, ...]] = {
    "sr": ("sr",), "gsps": ("gsps",), "seg": ("seg-lungs", "seg-heatmaps"), "sc": ("sc",),
}  # fmt: skip
"""Kind of a delivery → objects that are sent for it."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class NothingToMake(ServiceError):
    """The reading holds nothing of which that object could be made; it never will."""

    code = "nothing-to-make"


@dataclass(frozen=True, slots=True)
class _Source:
    """A reading, and what it is of.

    Attributes:
        reading, instance, study: their rows.
        folder: of the reading.
    """

    reading: Reading
    instance: Instance
    study: Study
    folder: Path


def dicom_object(here: Here, reading_id: str, kind: Kind, *, language: Language = "en") -> Path:
    """The file of one object of a reading; made where it is not there yet.

    Args:
        here: of the process.
        reading_id: of the reading's row.
        kind: one of :data:`KINDS`.
        language: of the PDF.

    Raises:
        NothingToMake: the reading has no lungs or heatmaps, or no picture, or came without a header
            where one is needed.
        ServiceError: no such reading or kind, or its files were deleted.
        ResultError: the header of the radiograph does not identify it.
        NotNow: the disk is full, or the database away.
    """
    if kind not in KINDS:
        raise ServiceError(f"No such object: {kind[:20]!r}. There are {', '.join(KINDS)}.")
    folder = here.files.reading(reading_id)
    if kind == "seg":
        return _first(here, reading_id, SENT["seg"])
    path = folder / (f"report-{language}.pdf" if kind == "pdf" else f"{kind}.dcm")
    if path.is_file():
        return path
    source = _source(here, reading_id, folder)
    data = _pdf(here, source, language) if kind == "pdf" else _made(here, source, kind)
    here.files.write(path, data)
    return path


def sent(here: Here, reading_id: str, kind: Result) -> list[Path]:
    """Files that are sent for a delivery; none where there is nothing of that kind.

    Raises:
        ServiceError, ResultError, NotNow: as :func:`dicom_object`.
    """
    paths: list[Path] = []
    for one in SENT[kind]:
        try:
            paths.append(dicom_object(here, reading_id, one))
        except NothingToMake:
            continue
    return paths


def _first(here: Here, reading_id: str, kinds: tuple[Kind, ...]) -> Path:
    for kind in kinds[:-1]:
        try:
            return dicom_object(here, reading_id, kind)
        except NothingToMake:
            continue
    return dicom_object(here, reading_id, kinds[-1])


def _source(here: Here, reading_id: str, folder: Path) -> _Source:
    with here.store.reading() as session:
        reading = session.get(Reading, reading_id)
        if reading is None:
            raise ServiceError("There is no such reading; it may have been deleted.")
        source = _Source(reading, reading.instance, reading.instance.study, folder)
        session.expunge_all()
    return source


def _made(here: Here, source: _Source, kind: Kind) -> bytes:
    record, facts = source.reading.record, _facts(here, source)
    return dicom.to_bytes(_MAKERS[kind](here, source, record, facts))


def _report(here: Here, source: _Source, record: Any, facts: ResultFacts) -> Dataset:
    return dicom.structured_report(record, _header(here, source), facts)


def _presentation(here: Here, source: _Source, record: Any, facts: ResultFacts) -> Dataset:
    if source.instance.format != "dicom":
        raise NothingToMake(
            "The picture came without a DICOM header, so there is no image that a presentation "
            "state could be laid over."
        )
    return dicom.presentation_state(record, _header(here, source), facts)


def _lungs(here: Here, source: _Source, record: Any, facts: ResultFacts) -> Dataset:
    found = _evidence(source)
    if found.lungs is None or not found.lungs.any():
        raise NothingToMake("No lungs were found, or they were not believed.")
    header = _header(here, source)
    return dicom.lung_segmentation(found.lungs, header, facts, to_stored=found.to_source)


def _heatmaps(here: Here, source: _Source, record: Any, facts: ResultFacts) -> Dataset:
    found = _evidence(source)
    present = {p["finding"] for p in record.get("predictions", ()) if p["decision"] == "present"}
    placed = [
        replace(one, to_radiograph=one.to_radiograph.then(found.to_source))
        for one in found.heatmaps
        if one.finding in present
    ]
    if not placed:
        raise NothingToMake("No finding with a heatmap is present.")
    return dicom.heatmap_segmentation(record, placed, _header(here, source), facts)


def _capture(here: Here, source: _Source, record: Any, facts: ResultFacts) -> Dataset:
    picture = _picture(source)
    if picture is None:
        raise NothingToMake("The radiograph was refused before there was a picture of it.")
    return dicom.secondary_capture(record, _header(here, source), facts, picture=picture)


_Maker = Callable[[Here, _Source, Any, ResultFacts], Dataset]
_MAKERS: Mapping[Kind, _Maker] = {
    "sr": _report, "gsps": _presentation, "seg-lungs": _lungs, "seg-heatmaps": _heatmaps,
    "sc": _capture,
}  # fmt: skip


def _facts(here: Here, source: _Source) -> ResultFacts:
    """The key is the row: an object made again is the same, and one with another time never is."""
    made_at = source.reading.made_at
    return ResultFacts(
        bundle=source.reading.bundle,
        bundle_digest=source.reading.bundle_digest,
        hilum=hilum.__version__,
        made_at=made_at,
        reading_key=source.reading.id,
        title=here.settings.web.title,
        device=here.settings.dicom.ae_title,
        utc_offset_min=time.localtime(made_at).tm_gmtoff // 60,
    )


def _header(here: Here, source: _Source) -> Dataset:
    """The radiograph's header without its pixels; for a picture without one, what is known."""
    if source.instance.format != "dicom":
        return _known(source)
    try:
        data = here.files.radiograph(source.instance.digest).read_bytes()
    except OSError:
        raise ServiceError("The file of the radiograph is not there any more.") from None
    with quiet():
        return open_dicom(data).dataset


def _known(source: _Source) -> Dataset:
    """A header for a picture that came without one."""
    study, instance, made = source.study, source.instance, Dataset()
    made.SOPClassUID = _SECONDARY_CAPTURE
    made.SOPInstanceUID = instance.uid
    made.StudyInstanceUID = study.uid
    made.SeriesInstanceUID = instance.series_uid or dicom.derived_uid(
        instance.uid, "series", instance.digest, ""
    )
    made.PatientID = study.patient_id
    made.PatientName = study.patient_name
    made.PatientBirthDate = study.birth_date
    made.PatientSex = study.sex
    made.StudyDate, made.StudyTime = study.taken[:8], study.taken[8:14]
    made.Modality = "OT"
    shape = source.reading.record.get("shape")
    if shape:
        made.Rows, made.Columns = shape
    return made


def _evidence(source: _Source) -> Evidence:
    if not (source.folder / EVIDENCE).is_file():
        raise NothingToMake("The radiograph was refused: there are no lungs and no heatmaps.")
    return load_evidence(source.folder)


def _picture(source: _Source) -> NDArray[np.float32] | None:
    """The radiograph as it was looked at, at most 1,024 px; None where there is none."""
    path = source.folder / DISPLAY
    if not path.is_file():
        return None
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise ServiceError("The picture of a reading is damaged; have it read again.")
    levels = found[:, :, 2].astype(np.float32) * 256 + found[:, :, 1]
    return levels / np.float32(65535)


def _pdf(here: Here, source: _Source, language: Language) -> bytes:
    study = source.study
    header = {
        "patient_name": study.patient_name,
        "patient_id": study.patient_id,
        "birth_date": study.birth_date,
        "sex": study.sex,
        "accession": study.accession,
        "description": study.description,
        "study_date": study.taken[:8],
    }
    page = PdfPage(
        source.reading.record,
        _facts(here, source),
        _picture(source),
        {key: value for key, value in header.items() if value},
        _failed_audits(here, source.reading),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(source.reading.made_at)),
    )
    return pdf([page], language=language)


def _failed_audits(here: Here, reading: Reading) -> list[str]:
    """Of the bundle that read, or of each of a chain; that they are not known where it is gone."""
    reads = here.settings.reading
    if reads.cascade:
        with suppress(HilumError):
            chain = Chain.of(reads.cascade)
            if chain.digest == reading.bundle_digest:
                return [
                    f"{stage.bundle.card.name}: {verdict.title}"
                    for stage in chain.stages
                    for verdict in stage.bundle.card.failed
                ]
    for name in dict.fromkeys((reads.bundle, *available())):
        with suppress(HilumError):
            bundle = load_bundle(name)
            if bundle.digest == reading.bundle_digest:
                return [verdict.title for verdict in bundle.card.failed]
    return ["whether it does is not known: the bundle that read is not here any more"]
