"""Probabilities that mean what they say: how far they do, and how to make them."""

from hilum.evaluation.calibration.calibrator import BetaCurve, Calibrator, Method, Steps
from hilum.evaluation.calibration.choosing import NEEDED, Choice, Tried, choose_calibrator
from hilum.evaluation.calibration.curves import fit_beta, fit_isotonic
from hilum.evaluation.calibration.line import fit_platt, fit_pooled, fit_shift, fit_temperature
from hilum.evaluation.calibration.net_benefit import DecisionCurve, decision_curve
from hilum.evaluation.calibration.prevalence import restate
from hilum.evaluation.calibration.reliability import Bins, Reliability, ece, reliability
from hilum.evaluation.calibration.resampled import (
    CalibrationChange,
    CalibrationNumbers,
    calibration_change,
    calibration_intervals,
)
from hilum.evaluation.calibration.scores import (
    CalibrationLine,
    brier,
    calibration_slope_intercept,
    log_loss,
)

__all__ = [
    "NEEDED",
    "BetaCurve",
    "Bins",
    "CalibrationChange",
    "CalibrationLine",
    "CalibrationNumbers",
    "Calibrator",
    "Choice",
    "DecisionCurve",
    "Method",
    "Reliability",
    "Steps",
    "Tried",
    "brier",
    "calibration_change",
    "calibration_intervals",
    "calibration_slope_intercept",
    "choose_calibrator",
    "decision_curve",
    "ece",
    "fit_beta",
    "fit_isotonic",
    "fit_platt",
    "fit_pooled",
    "fit_shift",
    "fit_temperature",
    "log_loss",
    "reliability",
    "restate",
]
