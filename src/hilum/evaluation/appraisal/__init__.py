"""A whole appraisal of predictions: pure functions from matched rows to results."""

from hilum.evaluation.appraisal.appraise import STEPS, appraise
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options, PointRule
from hilum.evaluation.appraisal.results import Appraisal

__all__ = ["STEPS", "Appraisal", "Matched", "Options", "PointRule", "appraise"]
