"""One finding's calibration fitted on a local sample, and what it gains on other patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import CardFinding, OperatingPoint
from hilum.domain.text import Text
from hilum.errors import EvaluationError
from hilum.evaluation import Reference, auroc
from hilum.evaluation.calibration import (
    Calibrator,
    Choice,
    Method,
    Steps,
    calibration_change,
    choose_calibrator,
)
from hilum.evaluation.calibration.choosing import (
    AUTO,
    choose_among,
    deal,
    fit,
    patients_each,
    too_few,
)
from hilum.evaluation.decision_intervals import decision_intervals
from hilum.evaluation.logistic import sigmoid
from hilum.export.recalibration.result import METHODS, Asked, Moved, Recalibrated
from hilum.reading.scale import calibrator

FOLDS = 5


def refitted(
    row: CardFinding,
    logits: NDArray[np.float64],
    truth: NDArray[np.bool_],
    patients: Text,
    asked: Asked,
) -> Recalibrated:
    """Fit one finding.

    Args:
        row: of the card.
        logits: of the network, [images].
        truth: [images].
        patients: who each image is of.
        asked: how.
    """
    who = np.unique(patients.astype(str), return_inverse=True)[1].astype(np.int64)
    with_, without = patients_each(truth, who)
    told = (row.key, len(truth), len(np.unique(who)), with_, without)
    current = calibrator(row.calibration)
    line = row.calibration.slope * logits + row.calibration.intercept
    now = current.log_odds(logits)
    rng = np.random.default_rng([asked.seed, *row.key.encode()])
    auto = asked.method == "auto"
    lacking = too_few("platt" if auto else _method(asked.method), truth, who)
    if lacking:
        return _kept(told, lacking.replace("platt", "a line") if auto else lacking)
    try:
        if auto:
            choice = choose_calibrator(line, truth, who, rng=rng, current=now, folds=FOLDS)
            fitted = choice.calibrator
        else:
            choice, fitted = None, fit(_method(asked.method), line, truth)
        if fitted is None:
            said = "as it is, it is as good as any other here"
            order = auroc(truth, logits)
            if order.value is not None and order.value < 0.5:
                said += (
                    f"; but the higher the probability, the FEWER have it here (AUROC {order}): do "
                    f"the labels speak of the same finding, and of these images?"
                )
            return _kept(told, said, choice)
        held = _cross_fitted(line, now, truth, who, asked, rng)
    except EvaluationError as error:
        return _kept(told, str(error))
    change = calibration_change(
        truth, _probabilities(now), _probabilities(held), who, rng=rng, samples=asked.samples
    )
    new = fitted.after(row.calibration.slope, row.calibration.intercept)
    return Recalibrated(
        *_in_order(told, fitted.method),
        choice=choice,
        change=change,
        moved=_moved(row.operating_point, (current, new), logits, truth, who, rng),
        ties=new.ties(logits) if isinstance(new.curve, Steps) else 0,
        calibrator=new,
    )


_Told = tuple[str, int, int, int, int]


def _in_order(told: _Told, method: Method) -> tuple[str, Method, int, int, int, int]:
    return (told[0], method, *told[1:])


def _kept(told: _Told, reason: str, choice: Choice | None = None) -> Recalibrated:
    return Recalibrated(*_in_order(told, "none"), reason=reason, choice=choice)


def _method(name: str) -> Method:
    return next(method for method in METHODS if method == name)


def _probabilities(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Short of 0 and 1, where log-odds have no end."""
    return sigmoid(np.clip(odds, -30, 30))


def _cross_fitted(
    line: NDArray[np.float64],
    now: NDArray[np.float64],
    truth: NDArray[np.bool_],
    who: NDArray[np.int64],
    asked: Asked,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Log-odds of every image by what is fitted, and chosen, on other patients."""
    fold = deal(truth, who, FOLDS, rng)
    out = np.empty(len(line))
    for part in range(FOLDS):
        held, rest = fold == part, fold != part
        if asked.method == "auto":
            people = np.unique(who[rest], return_inverse=True)[1]
            chosen = choose_among(
                line[rest], truth[rest], people, rng=rng, current=now[rest],
                methods=_methods(truth, who), folds=FOLDS,
            ).calibrator  # fmt: skip
        else:
            chosen = fit(_method(asked.method), line[rest], truth[rest])
        out[held] = now[held] if chosen is None else chosen.log_odds(line[held])
    return out


def _methods(truth: NDArray[np.bool_], who: NDArray[np.int64]) -> list[Method]:
    """Those that the whole sample is large enough for; folds hold a fifth less."""
    found: list[Method] = [method for method in AUTO if not too_few(method, truth, who)]
    return found


def _moved(
    point: OperatingPoint,
    scales: tuple[Calibrator, Calibrator],
    logits: NDArray[np.float64],
    truth: NDArray[np.bool_],
    who: NDArray[np.int64],
    rng: np.random.Generator,
) -> Moved:
    """The threshold that decides as before: where the old scale reaches its threshold."""
    old, new = scales
    at = _reached(old, point.threshold)
    was = old(logits) >= point.threshold
    level = float(new(np.array([at]))[0])
    above = np.unique(new(logits))
    above = above[above > level]
    # On a step the images below the threshold share its level: half-way to the next may be nearer.
    options = [level, *([(level + float(above[0])) / 2] if len(above) else [])]
    after = min(options, key=lambda t: int(((new(logits) >= t) != was).sum()))
    after = float(np.clip(after, 1e-12, 1 - 1e-12))
    now = new(logits) >= after
    numbers = decision_intervals(Reference.of(truth, who), now[:, None], rng=rng)
    return Moved(
        before=point.threshold,
        after=after,
        changed=int((now != was).sum()),
        sensitivity=numbers["sensitivity"][0],
        specificity=numbers["specificity"][0],
    )


def _reached(scale: Calibrator, threshold: float) -> float:
    """The lowest logit whose probability reaches the threshold, by halving."""
    odds = float(np.log(threshold) - np.log1p(-threshold))
    if scale.curve is None:
        return (odds - scale.intercept) / scale.slope
    low, high = (float((end - scale.intercept) / scale.slope) for end in (-60.0, 60.0))
    for _ in range(200):
        middle = (low + high) / 2
        if float(scale.log_odds(middle)) >= odds:
            high = middle
        else:
            low = middle
    return high
