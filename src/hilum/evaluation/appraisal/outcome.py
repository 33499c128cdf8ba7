"""Survival by risk, where days are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.appraisal.baselines import columns, varies
from hilum.evaluation.appraisal.findings import CERTAIN
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.results import SurvivalResult
from hilum.evaluation.survival import auroc_with_covariates, kaplan_meier, logrank

GROUPS = ("low risk", "middle risk", "high risk")
FEW = 30
"""Patients below which risk is halved, not divided into three."""
NO_SURVIVAL = (
    "Survival was asked for, but fewer than two tested patients have known days, event and score."
)
_SEED = 41


def survival(matched: Matched, options: Options, days: str) -> SurvivalResult | None:
    """Survival of the tested patients by the risk that the model gives them.

    Args:
        matched: with the event.
        options: draws, level and seed.
        days: column of days to the event, or to the end of observation.

    Returns:
        None without an event.

    Raises:
        MissingExtra: scipy or scikit-learn is not installed.
    """
    if matched.event is None:
        return None
    f = matched.findings.index(matched.risk)
    length = matched.attributes[days].astype(np.float64)
    known = matched.tested & (matched.event >= 0) & np.isfinite(length) & (length >= 0)
    known &= np.isfinite(matched.scores[:, f])
    left_out = int(matched.tested.sum() - known.sum())
    rows = _earliest(matched, np.flatnonzero(known), length)
    if len(rows) < 2:
        return None
    event, risk, length = matched.event[rows] == 1, matched.scores[rows, f], length[rows]
    names = GROUPS if len(rows) >= FEW else (GROUPS[0], GROUPS[2])
    shares = np.arange(1, len(names)) / len(names)
    cuts: NDArray[np.float64] = np.asarray(np.quantile(risk, shares), np.float64)
    group = np.asarray(np.searchsorted(cuts, risk, "right"), np.int64)
    there: list[int] = np.unique(group).tolist()
    curves = kaplan_meier(length, event, group, level=options.level)
    known_by = [n for n in ("age_years", "sex") if varies(matched, n)]
    whole = replace(matched, tested=np.isin(np.arange(len(matched.images)), rows))
    design = columns(whole, known_by) if known_by else np.zeros((len(rows), 1))
    order = np.argsort(rows)  # the design's rows rise
    gained = auroc_with_covariates(
        event,
        _odds(risk) if matched.probabilities else risk,
        design[np.argsort(order)],
        patients=np.arange(len(rows)),
        rng=np.random.default_rng([options.seed, _SEED]),
        samples=options.samples,
    )
    words = (
        f"patients divided at {'thirds' if len(names) == len(GROUPS) else 'the median'} of the "
        f"score of {matched.risk}; one image a patient, the one with the most days to go"
    )
    if len(there) < len(names):
        words += f"; equal scores leave {len(there)} of {len(names)} groups"
    if left_out:
        words += f"; {left_out:,} images without days, event or score are left out"
    words += f"; covariates: {', '.join(known_by) or 'none known'}"
    words += "; the AUROCs take who left observation without the event for one without it."
    return SurvivalResult(
        finding=matched.risk,
        patients=len(rows),
        events=int(event.sum()),
        groups=tuple(names[k] for k in there),
        curves=tuple(
            replace(curve, group=names[k]) for curve, k in zip(curves, there, strict=True)
        ),
        logrank=logrank(length, event, group).p_value if len(there) > 1 else None,
        covariates=gained.covariates,
        with_score=gained.together,
        gain=gained.gain.difference,
        words=words,
    )


def _earliest(
    matched: Matched, rows: NDArray[np.int64], days: NDArray[np.float64]
) -> NDArray[np.int64]:
    """One row a patient: that with the most days to go; of equals, the first."""
    order = rows[np.lexsort((rows, -days[rows]))]
    _, first = np.unique(matched.patients[order].astype(str), return_index=True)
    return np.sort(order[first])


def _odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    inward = np.clip(values, CERTAIN, 1 - CERTAIN)
    return np.log(inward) - np.log1p(-inward)
