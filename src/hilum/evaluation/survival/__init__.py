"""Who dies, and when: survival by group, and what a score adds to age and sex."""

from hilum.evaluation.survival.covariates import CovariateAuroc, auroc_with_covariates
from hilum.evaluation.survival.kaplan_meier import KaplanMeier, kaplan_meier
from hilum.evaluation.survival.logrank import LogRank, logrank

__all__ = [
    "CovariateAuroc",
    "KaplanMeier",
    "LogRank",
    "auroc_with_covariates",
    "kaplan_meier",
    "logrank",
]
