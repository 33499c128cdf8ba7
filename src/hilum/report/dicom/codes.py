"""Coded concepts (PS3.16) of findings, decisions and places; own ones under ``99HILUM``.

SNOMED CT codes are those that DICOM uses under its licence (PS3.16, Annex on SNOMED). A finding
for which the vocabulary knows no code gets one of Hilum's own: its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hilum.domain import finding

if TYPE_CHECKING:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from highdicom.sr import CodedConcept

OWN_SCHEME = "99HILUM"

Code = tuple[str, str, str]
"""Scheme, value, meaning."""

PRESENT: Code = ("SCT", "52101004", "Present")
ABSENT: Code = ("SCT", "272519000", "Absent")
UNDETERMINED: Code = ("SCT", "373068000", "Undetermined")
DECISIONS: Mapping[str, Code] = {
    "present": PRESENT,
    "absent": ABSENT,
    "abstained": UNDETERMINED,
}
"""Decision in a record → CID 240."""

SUMMARY: Code = ("DCM", "111017", "CAD Processing and Findings Summary")
WITH_FINDINGS: Code = ("DCM", "111242", "All algorithms succeeded; with findings")
WITHOUT_FINDINGS: Code = ("DCM", "111241", "All algorithms succeeded; without findings")
IN_PART_WITH_FINDINGS: Code = ("DCM", "111244", "Not all algorithms succeeded; with findings")
IN_PART_WITHOUT: Code = ("DCM", "111243", "Not all algorithms succeeded; without findings")
NOT_READ: Code = ("DCM", "111245", "No algorithms succeeded; without findings")
"""CID 6047."""

PROBABILITY: Code = ("DCM", "122157", "Probability")
COMMENT: Code = ("DCM", "121106", "Comment")
NO_UNITS: Code = ("UCUM", "1", "no units")
MILLIMETRE: Code = ("UCUM", "mm", "millimeter")
WIDTH: Code = ("SCT", "103355008", "Width")
HEIGHT: Code = ("DCM", "121207", "Height")
CHEST_XRAY: Code = ("SCT", "399208008", "Plain chest X-ray")
RIGHT: Code = ("SCT", "24028007", "Right")
LEFT: Code = ("SCT", "7771000", "Left")
LUNG: Code = ("SCT", "39607008", "Lung")
BODY_STRUCTURE: Code = ("SCT", "123037004", "Anatomical Structure")
SPATIAL_CONCEPT: Code = ("SCT", "309825002", "Spatial and Relational Concept")
ARTIFICIAL_INTELLIGENCE: Code = ("DCM", "123110", "Artificial Intelligence")
ZONES: Mapping[str, Code] = {
    "upper": ("SCT", "281392002", "Upper zone of lung"),
    "middle": ("SCT", "281393007", "Middle zone of lung"),
    "lower": ("SCT", "281394001", "Lower zone of lung"),
}
SIDES: Mapping[str, Code] = {"right": RIGHT, "left": LEFT}

OPERATING_POINT: Code = (OWN_SCHEME, "OPERATING-POINT", "Operating point of the decision")
SPREAD: Code = (OWN_SCHEME, "SPREAD", "Standard deviation over reading rounds")
CALIBRATION: Code = (OWN_SCHEME, "CALIBRATION", "Calibration of the probability")
CALIBRATED: Code = (OWN_SCHEME, "CALIBRATED", "Calibrated")
UNCALIBRATED: Code = (OWN_SCHEME, "UNCALIBRATED", "Not calibrated: it ranks, and says no more")
BOX_SCORE: Code = (OWN_SCHEME, "BOX-SCORE", "Score of the box, no probability")
BOX_ORIGIN: Code = (OWN_SCHEME, "BOX-ORIGIN", "What drew the box")
ORIGINS: Mapping[str, Code] = {
    "detector": (OWN_SCHEME, "DETECTOR", "A network that learnt from boxes"),
    "heatmap": (OWN_SCHEME, "HEATMAP", "The heatmap of a network that learnt from labels"),
}
ZONES_IN_WORDS: Code = (OWN_SCHEME, "ZONES", "Zones of the lungs")
EVIDENCE: Code = (OWN_SCHEME, "EVIDENCE", "Evidence of a network for a finding")
CAUTION: Code = (OWN_SCHEME, "CAUTION", "Caution")
RESULT: Code = (OWN_SCHEME, "RESULT", "Result in words")
WARNING: Code = (OWN_SCHEME, "WARNING", "Warning")
REASON: Code = (OWN_SCHEME, "NOT-READ", "Not read, because")


def of_finding(key: str) -> Code:
    """The code of a finding.

    Raises:
        UnknownName: no such key.

    Example:
        >>> of_finding("effusion"), of_finding("pleural_thickening")
        (('SCT', '60046008', 'Pleural effusion'), \
('99HILUM', 'pleural_thickening', 'Pleural thickening'))
    """
    known = finding(key)
    scheme, value = known.code or (OWN_SCHEME, key)
    return scheme, value, known.name


def concept(code: Code) -> CodedConcept:
    """A code as highdicom takes it."""
    from highdicom.sr import CodedConcept

    scheme, value, meaning = code
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


def own_scheme() -> CodingSchemeIdentificationItem:
    """What ``99HILUM`` stands for (PS3.3 C.12.1.1.7)."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(
        designator=OWN_SCHEME,
        name="Hilum: findings without a published code, and what is said of results",
        responsible_organization="The Hilum authors",
    )
