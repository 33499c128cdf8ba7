"""Drawn radiographs with text burned in, and DICOM files with a patient in every corner."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pydicom
from pydicom import DataElement, Dataset
from pydicom.sequence import Sequence

from hilum.deidentify import Rules
from hilum.imaging import write_dicom
from hilum.phantoms import draw_chest

SECRET = b"a secret of the tests"
PLAIN = Rules(SECRET)
EVERYTHING = Rules(
    SECRET,
    dates="shift",
    keep_patient=True,
    keep_device=True,
    keep_institution=True,
    keep_descriptions=True,
)
TELLING = ("roesler", "jadwiga", "47110815", "acc-99817", "kwiatkowska", "19560312", "dr.house")
"""Of the patient and the people around; nothing that is written may hold one of them."""


@cache
def chest(seed: int = 0, size: tuple[int, int] = (500, 460)) -> np.ndarray:
    pixels = draw_chest(np.random.default_rng(seed), size=size).pixels
    pixels.setflags(write=False)
    return pixels


def burned(
    grey: np.ndarray,
    text: str,
    at: tuple[int, int],
    *,
    height: int = 24,
    font: str = "sans",
    level: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a text, and where its ink is; ``at`` is the left end of the base line."""
    ink = np.zeros(grey.shape, np.uint8)
    cv2.putText(ink, text, at, 255, cv2.FontFace(font), height)
    share = ink.astype(np.float32) / 255
    return grey * (1 - share) + np.float32(level) * share, ink > 128


def stored(grey: np.ndarray, bits: int = 12) -> np.ndarray:
    kind = np.uint8 if bits <= 8 else np.uint16
    return np.rint(grey * ((1 << bits) - 1)).astype(kind)


def covered(ink: np.ndarray, regions) -> float:
    """The share of the ink within regions."""
    inside = np.zeros(ink.shape, bool)
    for one in regions:
        inside[one.top : one.bottom, one.left : one.right] = True
    return float((ink & inside).sum() / ink.sum())


def outside(shape: tuple[int, int], regions) -> np.ndarray:
    """The pixels that no region holds."""
    free = np.ones(shape, bool)
    for one in regions:
        free[one.top : one.bottom, one.left : one.right] = False
    return free


PLACES = {
    "PatientName": "Roesler^Jadwiga",
    "PatientID": "47110815",
    "PatientBirthDate": "19560312",
    "PatientSex": "F",
    "PatientAge": "091Y",
    "PatientComments": "Mrs. Roesler is deaf",
    "OtherPatientIDs": ["47110815", "X47110815"],
    "AccessionNumber": "ACC-99817",
    "StudyID": "ACC-99817",
    "StudyDate": "20240229",
    "StudyTime": "101112",
    "AcquisitionDateTime": "20240229101113.5+0100",
    "ReferringPhysicianName": "Kwiatkowska^Anna",
    "OperatorsName": "Dr.House",
    "InstitutionName": "St. Jadwiga Hospital",
    "StationName": "ROESLER1",
    "StudyDescription": "Chest PA of Jadwiga Roesler",
    "SeriesDescription": "Roesler chest portable",
    "ProtocolName": "Chest Roesler",
    "ImageComments": "Roesler, bed 7",
    "DerivationDescription": "made for Kwiatkowska",
    "AcquisitionDeviceProcessingDescription": "Jadwiga",
    "Manufacturer": "Acme for Roesler",
    "SoftwareVersions": ["1.0", "47110815"],
    "BodyPartExamined": "ROESLER",
    "RequestedProcedureDescription": "Thorax Roesler",
    "WindowCenterWidthExplanation": "Roesler window",
    "SeriesNumber": "47110815",
    "TimezoneOffsetFromUTC": "+0100",
    "DeidentificationMethod": "by Kwiatkowska",
}


def planted(
    folder: Path, *, syntax: str = "explicit", number: str = "47110815", study: str = "1.2.3.4"
) -> Path:
    """A file with the patient in headers, items, private elements, overlays, tables, at its end."""
    bits = 8 if syntax == "jpeg" else 12
    path = write_dicom(
        folder / "Roesler_Jadwiga_47110815.dcm",
        stored(chest(), bits),
        bits_stored=bits,
        transfer_syntax=syntax,
        window=(1 << (bits - 1), 1 << bits),
        instance_uid=f"{study}.5.47110815",
        study_uid=study,
        overrides=PLACES | {"PatientID": number},
    )
    dataset = pydicom.dcmread(path)
    _plant(dataset)
    dataset.file_meta.SourceApplicationEntityTitle = "ROESLER"
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.47110815"
    dataset.file_meta.PrivateInformation = b"Jadwiga "
    dataset.preamble = b"Roesler".ljust(128, b"\0")
    dataset.save_as(path, enforce_file_format=True)
    if syntax != "deflated":
        with path.open("ab") as file:
            file.write(b"\xfc\xff\xfc\xffOB\0\0\x08\0\0\0Jadwiga ")
    return path


def _plant(dataset: Dataset) -> None:
    block = dataset.private_block(0x0019, "ROESLER PRIVATE", create=True)
    block.add_new(0x01, "LO", "Jadwiga")
    block.add_new(0x02, "OB", b"47110815")
    inner = Dataset()
    inner.PatientName = "Roesler^Jadwiga"
    inner.private_block(0x0021, "KWIATKOWSKA", create=True).add_new(0x01, "UN", b"Roesler ")
    inner.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    inner.ReferencedSOPInstanceUID = f"{dataset.StudyInstanceUID}.5.47110815"
    dataset.SourceImageSequence = Sequence([inner])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "1", "99X"
    code.CodeMeaning = "chest of Roesler"
    asked = Dataset()
    asked.RequestedProcedureID = "47110815"
    asked.ScheduledProcedureStepDescription = "Roesler"
    asked.RequestedProcedureCodeSequence = Sequence([code])
    dataset.RequestAttributesSequence = Sequence([asked])
    dataset.AnatomicRegionSequence = Sequence([code])
    dataset[0x60000010] = DataElement(0x60000010, "US", 8)
    dataset[0x60000011] = DataElement(0x60000011, "US", 8)
    dataset[0x60000022] = DataElement(0x60000022, "LO", "Roesler")
    dataset[0x60003000] = DataElement(0x60003000, "OW", b"Jadwiga ")
    dataset[0x00411001] = DataElement(0x00411001, "LO", "Roesler without a creator")
    dataset[0x00189999] = DataElement(0x00189999, "LO", "Roesler, no such element")
    dataset[0x00181050] = DataElement(0x00181050, "LO", "Roesler as a number")
    lut = Dataset()
    entries = 1 << dataset.BitsStored
    lut.LUTDescriptor = [entries, 0, 16]
    lut.LUTExplanation = "Roesler"
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    ramp = np.linspace(0, 65535, entries).astype(f"{order}u2").tobytes()
    lut[0x00283006] = DataElement(0x00283006, "OW", ramp + b"Jadwiga ")
    dataset.VOILUTSequence = Sequence([lut])
    icon = Dataset()
    icon.PixelData = b"Jadwiga "
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = Sequence([icon])
