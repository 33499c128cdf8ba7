"""The words that every other room speaks."""

from hilum.domain.findings import CHEST14, Finding, all_findings, finding, from_label
from hilum.domain.found import FoundBox
from hilum.domain.geometry import Affine
from hilum.domain.labels import LabelTable, Policy, Split, State
from hilum.domain.radiograph import Acquisition, Note, Radiograph, Source, View
from hilum.domain.reading import (
    GateVerdict,
    Heatmap,
    Prediction,
    Reading,
    Refusal,
    Rounds,
)

__all__ = [
    "CHEST14",
    "Acquisition",
    "Affine",
    "Finding",
    "FoundBox",
    "GateVerdict",
    "Heatmap",
    "LabelTable",
    "Note",
    "Policy",
    "Prediction",
    "Radiograph",
    "Reading",
    "Refusal",
    "Rounds",
    "Source",
    "Split",
    "State",
    "View",
    "all_findings",
    "finding",
    "from_label",
]
