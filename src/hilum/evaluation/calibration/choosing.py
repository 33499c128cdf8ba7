"""Which calibrator a sample can carry: cross-validated log loss, patients kept together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.calibration.calibrator import Calibrator, Method
from hilum.evaluation.calibration.curves import fit_beta, fit_isotonic
from hilum.evaluation.calibration.line import fit_platt, fit_shift, fit_temperature

FITS: Mapping[Method, Callable[[ArrayLike, ArrayLike], Calibrator]] = {
    "shift": fit_shift,
    "temperature": fit_temperature,
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}
"""From the fewest free numbers to the most."""

NEEDED: Mapping[Method, int] = {
    "shift": 30,
    "temperature": 30,
    "platt": 30,
    "beta": 60,
    "isotonic": 200,
}
"""Patients with the finding, and as many without, that a fit needs: 30, and 20 for each free number
(Riley et al. 2020, Calculating the sample size required for developing a clinical prediction model,
speak of 10 to 20); 200 for a free curve (Van Calster et al. 2016, A calibration hierarchy, § 5)."""

AUTO: tuple[Method, ...] = ("none", *FITS)


@dataclass(frozen=True, slots=True)
class Tried:
    """One method on patients that it was not fitted on.

    Attributes:
        method: "none" leaves probabilities as they are.
        log_loss: mean over images, in nats; None where it could not be fitted.
        above: how far it lies above the best method's, and
        error: the standard error of that, by patient.
        reason: why it could not be fitted.
    """

    method: Method
    log_loss: float | None
    above: float = 0.0
    error: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The method that a sample can carry.

    Attributes:
        calibrator: fitted on all of the sample; None where probabilities are best left alone.
        method: that was chosen.
        tried: every method with its cross-validated log loss.
    """

    calibrator: Calibrator | None
    method: Method
    tried: tuple[Tried, ...]


def choose_calibrator(
    log_odds: ArrayLike,
    targets: ArrayLike,
    patients: ArrayLike,
    *,
    rng: np.random.Generator,
    methods: Sequence[Method] = AUTO,
    current: ArrayLike | None = None,
    folds: int = 5,
) -> Choice:
    """Choose among calibrators by log loss on patients that each was not fitted on.

    Of methods whose log loss lies within one standard error of the best, that with the fewest free
    numbers is taken, so that a sample's noise does not choose a curve.

    Args:
        log_odds: of one finding, [n].
        targets: 0 or 1, [n].
        patients: who each image is of, [n].
        rng: deals patients to folds.
        methods: to try; those that need more patients than there are (:data:`NEEDED`) are left out
            with the reason.
        current: log-odds that "none" stands for, where they differ from ``log_odds``, [n].
        folds: at least 2.

    Returns:
        The choice.

    Raises:
        EvaluationError: no method can be fitted: the message says how many patients are needed.

    Source:
        Stone 1974 (cross-validation); Breiman et al. 1984, Classification and Regression Trees,
        § 3.4.3 (one standard error).
    """
    truth = inputs.references(targets, "targets")
    x = inputs.vector(log_odds, "log_odds", len(truth))
    who = inputs.codes(patients, "patients", len(truth))
    now = x if current is None else inputs.vector(current, "current", len(truth))
    reasons: dict[Method, str] = {m: too_few(m, truth, who) for m in methods}
    enough: list[Method] = [method for method in methods if not reasons[method]]
    if not enough:
        raise EvaluationError("; ".join(reasons.values()) or "name the methods to choose among")
    chosen = choose_among(x, truth, who, rng=rng, methods=enough, current=now, folds=folds)
    lacking = [Tried(m, None, reason=why) for m, why in reasons.items() if why]
    return Choice(chosen.calibrator, chosen.method, (*chosen.tried, *lacking))


def choose_among(
    log_odds: NDArray[np.float64],
    targets: NDArray[np.bool_],
    patients: NDArray[np.int64],
    *,
    rng: np.random.Generator,
    methods: Sequence[Method],
    current: NDArray[np.float64],
    folds: int = 5,
) -> Choice:
    """As :func:`choose_calibrator`, however few patients there are: for parts of a sample."""
    fold = deal(targets, patients, folds, rng)
    losses: dict[Method, NDArray[np.float64]] = {}
    reasons: dict[Method, str] = {}
    for method in methods:
        try:
            odds = current if method == "none" else _out_of_fold(log_odds, targets, fold, method)
        except EvaluationError as error:
            reasons[method] = str(error)
        else:
            losses[method] = np.logaddexp(0, odds) - targets * odds
    if not losses:
        raise EvaluationError("; ".join(f"{m}: {why}" for m, why in reasons.items()))
    best: Method = min(losses, key=lambda m: float(losses[m].mean()))
    tried = [Tried(method, None, reason=why) for method, why in reasons.items()]
    for method, loss in losses.items():
        above, error = _apart(loss - losses[best], patients)
        tried.append(Tried(method, float(loss.mean()), above, error))
    close: list[Method] = [t.method for t in tried if t.log_loss is not None and t.above <= t.error]
    chosen: Method = min(close, key=AUTO.index)
    fitted = None if chosen == "none" else fit(chosen, log_odds, targets)
    return Choice(fitted, chosen, tuple(sorted(tried, key=lambda t: AUTO.index(t.method))))


def fit(method: Method, log_odds: NDArray[np.float64], targets: NDArray[np.bool_]) -> Calibrator:
    """Fit one method, however few patients there are.

    Raises:
        EvaluationError: an unknown method, or the method's own refusal.
    """
    if method not in FITS:
        raise EvaluationError(f"Unknown method {method!r}; known: {', '.join(FITS)}.")
    return FITS[method](log_odds, targets)


def too_few(method: Method, targets: NDArray[np.bool_], patients: NDArray[np.int64]) -> str:
    """Why a sample is too small for a method, with how many it needs; empty where it is not."""
    with_, without = patients_each(targets, patients)
    need = NEEDED.get(method, 0)
    if min(with_, without) >= need:
        return ""
    return (
        f"{method} needs {need} patients with the finding and {need} without, there are {with_} "
        f"and {without}"
    )


def patients_each(
    targets: NDArray[np.bool_], patients: NDArray[np.int64] | NDArray[np.object_]
) -> tuple[int, int]:
    """Patients with an image that shows the finding, and patients with one that does not."""
    return len(set(patients[targets].tolist())), len(set(patients[~targets].tolist()))


def deal(
    targets: NDArray[np.bool_],
    patients: NDArray[np.int64],
    folds: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Folds by patient, those with the finding spread evenly.

    Returns:
        The fold of every image, [n].
    """
    if folds < 2:
        raise EvaluationError(f"folds must be at least 2, got {folds}; 5 is usual")
    groups = int(patients.max(initial=-1)) + 1
    shows = np.zeros(groups, np.bool_)
    np.logical_or.at(shows, patients, targets)
    order = rng.permutation(groups)
    order = np.concatenate([order[shows[order]], order[~shows[order]]])
    fold = np.empty(groups, np.int64)
    fold[order] = np.arange(groups) % folds
    return fold[patients]


def _out_of_fold(
    log_odds: NDArray[np.float64],
    targets: NDArray[np.bool_],
    fold: NDArray[np.int64],
    method: Method,
) -> NDArray[np.float64]:
    """Calibrated log-odds of every image by a fit on the patients of the other folds, [n]."""
    out = np.empty(len(log_odds))
    for part in range(int(fold.max(initial=-1)) + 1):
        held = fold == part
        out[held] = fit(method, log_odds[~held], targets[~held]).log_odds(log_odds[held])
    return out


def _apart(each: NDArray[np.float64], patients: NDArray[np.int64]) -> tuple[float, float]:
    """Mean of a difference an image, and its standard error by patient."""
    mean = float(each.mean())
    spread = np.bincount(patients, each - mean)
    return mean, float(np.sqrt((spread**2).sum())) / len(each)
