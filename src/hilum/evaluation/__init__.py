"""Pure functions of reference and scores: discrimination, intervals, calibration, decisions.

A number that cannot be had, such as the AUROC of one class, comes back as a :class:`Measure`
without a value and with the reason; nothing is averaged away.
"""

from hilum.evaluation.comparison import (
    Comparison,
    Comparisons,
    Measures,
    Metric,
    compare,
    intervals,
)
from hilum.evaluation.discrimination import (
    auroc,
    auroc_each,
    auroc_within,
    average_precision,
    average_precision_each,
)
from hilum.evaluation.measure import Measure, mean_of
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import bootstrap

__all__ = [
    "Comparison",
    "Comparisons",
    "Measure",
    "Measures",
    "Metric",
    "Reference",
    "auroc",
    "auroc_each",
    "auroc_within",
    "average_precision",
    "average_precision_each",
    "bootstrap",
    "compare",
    "intervals",
    "mean_of",
]
