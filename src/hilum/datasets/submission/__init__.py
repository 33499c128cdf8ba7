"""An organiser's sample submission, filled with predictions."""

from hilum.datasets.submission.fill import Submission, Wanted, fill
from hilum.datasets.submission.scored import Scored, is_submission, score_submission
from hilum.datasets.submission.strings import (
    parsed,
    read_prediction_strings,
    siim_reference,
    written,
)
from hilum.datasets.submission.template import Template, read_template

__all__ = [
    "Scored",
    "Submission",
    "Template",
    "Wanted",
    "fill",
    "is_submission",
    "parsed",
    "read_prediction_strings",
    "read_template",
    "score_submission",
    "siim_reference",
    "written",
]
