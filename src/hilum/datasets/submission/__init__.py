"""An organiser's sample submission, filled with predictions."""

from hilum.datasets.submission.fill import Submission, Wanted, fill
from hilum.datasets.submission.strings import (
    parsed,
    read_prediction_strings,
    siim_reference,
    written,
)
from hilum.datasets.submission.template import Template, read_template

__all__ = [
    "Submission",
    "Template",
    "Wanted",
    "fill",
    "parsed",
    "read_prediction_strings",
    "read_template",
    "siim_reference",
    "written",
]
