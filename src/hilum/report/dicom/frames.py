"""Radiographs of several frames, of which the first was read."""

from __future__ import annotations

from copy import deepcopy

from pydicom import Dataset

from hilum.report.dicom.finishing import every_item

_SINGLE_FRAME = "1.2.840.10008.5.1.4.1.1.7"


def as_single_frame(header: Dataset) -> Dataset:
    """A cleaned header for highdicom, which wants frames of reference of classes with frames."""
    if "NumberOfFrames" not in header:
        return header
    given = deepcopy(header)
    del given.NumberOfFrames
    given.SOPClassUID = _SINGLE_FRAME
    return given


def name_first_frame(made: Dataset, header: Dataset) -> None:
    """Refer to the first frame of a radiograph that has several, by the class that it has.

    Args:
        made: the object; is changed.
        header: cleaned header of the radiograph.
    """
    if "NumberOfFrames" not in header:
        return
    for item in every_item(made):
        if item.get("ReferencedSOPInstanceUID") == header.SOPInstanceUID:
            item.ReferencedSOPClassUID = header.SOPClassUID
        for keyword in ("SourceImageSequence", "ReferencedImageSequence"):
            for image in item.get(keyword, ()):
                image.ReferencedFrameNumber = 1
