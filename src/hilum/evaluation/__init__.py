"""Pure functions of reference and scores: discrimination, intervals, calibration, decisions.

A number that cannot be had, such as the AUROC of one class, comes back as a :class:`Measure`
without a value and with the reason; nothing is averaged away.
"""

from hilum.evaluation.abstention import (
    Conformal,
    ConformalSets,
    RiskCoverage,
    conformal,
    judge_sets,
    risk_coverage,
)
from hilum.evaluation.averages import (
    Averages,
    f1_averages,
    micro_auroc,
    micro_average_precision,
    pooled,
    weighted_mean_of,
)
from hilum.evaluation.calibration import (
    CalibrationChange,
    CalibrationLine,
    CalibrationNumbers,
    Calibrator,
    Choice,
    DecisionCurve,
    Reliability,
    brier,
    calibration_change,
    calibration_intervals,
    calibration_slope_intercept,
    choose_calibrator,
    decision_curve,
    ece,
    fit_beta,
    fit_isotonic,
    fit_platt,
    fit_pooled,
    fit_shift,
    fit_temperature,
    log_loss,
    reliability,
    restate,
)
from hilum.evaluation.comparison import Comparison, Comparisons, compare
from hilum.evaluation.confusion_table import ConfusionTable
from hilum.evaluation.decision_intervals import (
    decision_intervals,
    decision_means,
    mean_intervals,
)
from hilum.evaluation.decisions import Confusion, confusion, npv_at, ppv_at, shares
from hilum.evaluation.delong import DeLongComparison, delong, delong_compare
from hilum.evaluation.discrimination import (
    auroc,
    auroc_each,
    auroc_within,
    average_precision,
    average_precision_each,
)
from hilum.evaluation.long_tail import grouped_means, head_middle_tail
from hilum.evaluation.measure import Measure, mean_of
from hilum.evaluation.metrics import Measures, Metric, intervals, intervals_of
from hilum.evaluation.multiplicity import benjamini_hochberg, holm
from hilum.evaluation.operating import (
    OperatingPoint,
    at_cost,
    at_sensitivity,
    at_specificity,
    youden,
)
from hilum.evaluation.proportions import clopper_pearson, wilson
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import bootstrap
from hilum.evaluation.sample_size import Cases, cases_for_auroc, cases_for_share
from hilum.evaluation.survival import (
    CovariateAuroc,
    KaplanMeier,
    LogRank,
    auroc_with_covariates,
    kaplan_meier,
    logrank,
)
from hilum.evaluation.table_intervals import TableIntervals, table_intervals

__all__ = [
    "Averages",
    "CalibrationChange",
    "CalibrationLine",
    "CalibrationNumbers",
    "Calibrator",
    "Cases",
    "Choice",
    "Comparison",
    "Comparisons",
    "Conformal",
    "ConformalSets",
    "Confusion",
    "ConfusionTable",
    "CovariateAuroc",
    "DeLongComparison",
    "DecisionCurve",
    "KaplanMeier",
    "LogRank",
    "Measure",
    "Measures",
    "Metric",
    "OperatingPoint",
    "Reference",
    "Reliability",
    "RiskCoverage",
    "TableIntervals",
    "at_cost",
    "at_sensitivity",
    "at_specificity",
    "auroc",
    "auroc_each",
    "auroc_with_covariates",
    "auroc_within",
    "average_precision",
    "average_precision_each",
    "benjamini_hochberg",
    "bootstrap",
    "brier",
    "calibration_change",
    "calibration_intervals",
    "calibration_slope_intercept",
    "cases_for_auroc",
    "cases_for_share",
    "choose_calibrator",
    "clopper_pearson",
    "compare",
    "conformal",
    "confusion",
    "decision_curve",
    "decision_intervals",
    "decision_means",
    "delong",
    "delong_compare",
    "ece",
    "f1_averages",
    "fit_beta",
    "fit_isotonic",
    "fit_platt",
    "fit_pooled",
    "fit_shift",
    "fit_temperature",
    "grouped_means",
    "head_middle_tail",
    "holm",
    "intervals",
    "intervals_of",
    "judge_sets",
    "kaplan_meier",
    "log_loss",
    "logrank",
    "mean_intervals",
    "mean_of",
    "micro_auroc",
    "micro_average_precision",
    "npv_at",
    "pooled",
    "ppv_at",
    "reliability",
    "restate",
    "risk_coverage",
    "shares",
    "table_intervals",
    "weighted_mean_of",
    "wilson",
    "youden",
]
