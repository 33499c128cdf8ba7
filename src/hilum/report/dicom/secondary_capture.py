"""A picture with boxes and words burned in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from hilum.imaging.dicomfile import quiet
from hilum.imaging.elements import code
from hilum.report.burned_in import burned_in
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import CAUTION, finished, identity, need_highdicom, typed
from hilum.report.dicom.kinds import describe
from hilum.report.dicom.source import cleaned


def secondary_capture(
    reading: Mapping[str, Any],
    source: Dataset,
    facts: ResultFacts,
    *,
    picture: NDArray[Any],
) -> Dataset:
    """The radiograph with boxes, findings and "AI, INVESTIGATIONAL" on its pixels, RGB.

    Args:
        reading: an entry of ``readings.json``, of a reading or a refusal.
        source: the radiograph's header; pixels are not needed.
        facts: of the reading.
        picture: the whole radiograph as shown: uint8 grey [rows, columns], float in [0, 1] of the
            same shape, or uint8 blue, green, red [rows, columns, 3], such as one with a heatmap.

    Returns:
        A Secondary Capture image, not compressed.

    Raises:
        MissingExtra: highdicom is not installed.
        ResultError: the header does not identify the radiograph, or the picture is none.

    Source:
        PS3.3 A.8.1, C.8.6.
    """
    need_highdicom()
    from highdicom.sc import SCImage

    header, kind = cleaned(source), describe("sc")
    drawn = burned_in(picture, reading, bundle=facts.bundle)
    with typed(header, kind):
        made = SCImage(
            pixel_array=np.ascontiguousarray(drawn[:, :, ::-1]),
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            study_instance_uid=header.StudyInstanceUID,
            patient_orientation=("L", "F"),  # that of the header is set below
            **identity(header, facts, kind),
        )
    made.PatientOrientation = header.PatientOrientation
    made.ConversionType = "WSD"
    made.BurnedInAnnotation = "YES"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = f"{CAUTION}; boxes and words drawn on the pixels"
    with quiet():
        made.LossyImageCompression = "01" if code(source, "LossyImageCompression") == "01" else "00"
    image = Dataset()
    image.ReferencedSOPClassUID = header.SOPClassUID
    image.ReferencedSOPInstanceUID = header.SOPInstanceUID
    made.SourceImageSequence = [image]
    return finished(made, header, facts)
