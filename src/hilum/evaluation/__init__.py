"""Pure functions of reference and scores: discrimination, intervals, calibration, decisions.

A number that cannot be had, such as the AUROC of one class, comes back as a :class:`Measure`
without a value and with the reason; nothing is averaged away.
"""

from hilum.evaluation.calibration import (
    CalibrationLine,
    Calibrator,
    brier,
    calibration_slope_intercept,
    fit_platt,
    fit_pooled,
    fit_temperature,
    restate,
)
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
from hilum.evaluation.operating import (
    Confusion,
    OperatingPoint,
    at_sensitivity,
    at_specificity,
    confusion,
    youden,
)
from hilum.evaluation.proportions import wilson
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import bootstrap

__all__ = [
    "CalibrationLine",
    "Calibrator",
    "Comparison",
    "Comparisons",
    "Confusion",
    "Measure",
    "Measures",
    "Metric",
    "OperatingPoint",
    "Reference",
    "at_sensitivity",
    "at_specificity",
    "auroc",
    "auroc_each",
    "auroc_within",
    "average_precision",
    "average_precision_each",
    "bootstrap",
    "brier",
    "calibration_slope_intercept",
    "compare",
    "confusion",
    "fit_platt",
    "fit_pooled",
    "fit_temperature",
    "intervals",
    "mean_of",
    "restate",
    "wilson",
    "youden",
]
