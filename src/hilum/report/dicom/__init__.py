"""What a reading becomes in DICOM: report, presentation state, segmentations, capture.

The objects are made with highdicom, which the extra ``serve`` installs; this package can be
imported without it. All of them belong to the study of the radiograph and stand in series of
their own. The same input gives the same bytes. See docs/dicom-results.md.
"""

from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import to_bytes
from hilum.report.dicom.kinds import KINDS, Kind, describe
from hilum.report.dicom.presentation_state import presentation_state
from hilum.report.dicom.secondary_capture import secondary_capture
from hilum.report.dicom.segmentation import heatmap_segmentation, lung_segmentation
from hilum.report.dicom.structured_report import structured_report
from hilum.report.dicom.uids import derived_uid

__all__ = [
    "KINDS",
    "Kind",
    "ResultFacts",
    "derived_uid",
    "describe",
    "heatmap_segmentation",
    "lung_segmentation",
    "presentation_state",
    "secondary_capture",
    "structured_report",
    "to_bytes",
]
