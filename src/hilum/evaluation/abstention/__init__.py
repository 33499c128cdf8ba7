"""Saying nothing where it would be unsure: abstaining, and sets instead of decisions."""

from hilum.evaluation.abstention.conformal import (
    Conformal,
    ConformalSets,
    conformal,
    judge_sets,
)
from hilum.evaluation.abstention.risk_coverage import RiskCoverage, risk_coverage

__all__ = [
    "Conformal",
    "ConformalSets",
    "RiskCoverage",
    "conformal",
    "judge_sets",
    "risk_coverage",
]
