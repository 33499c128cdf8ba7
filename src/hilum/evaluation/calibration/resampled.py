"""Numbers of calibration with intervals by patient, and how two calibrations differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.calibration.line_draws import Line
from hilum.evaluation.calibration.reliability import Bins, bin_edges, bins_of, reliability
from hilum.evaluation.calibration.scores import brier, calibration_slope_intercept, log_loss
from hilum.evaluation.measure import Measure, with_interval
from hilum.evaluation.resampling import check, draws

_Draws = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class CalibrationNumbers:
    """How well probabilities are calibrated.

    Attributes:
        brier: mean squared difference from the reference.
        log_loss: mean of −ln of the probability given to what was so.
        ece: expected calibration error.
        slope: of the reference on the log-odds; 1 is right.
        intercept: with the slope held at 1; 0 is right.
    """

    brier: Measure
    log_loss: Measure
    ece: Measure
    slope: Measure
    intercept: Measure


@dataclass(frozen=True, slots=True)
class CalibrationChange:
    """Two calibrations on the same images.

    Attributes:
        before: of the one.
        after: of the other.
        difference: after − before, paired; a change of slope and intercept is told as that of
            their distance from 1 and 0, so that less is better everywhere.
    """

    before: CalibrationNumbers
    after: CalibrationNumbers
    difference: CalibrationNumbers


def calibration_intervals(
    reference: ArrayLike,
    probabilities: ArrayLike,
    patients: ArrayLike,
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
    by: Bins = "mass",
) -> CalibrationNumbers:
    """Brier, log loss, ECE, slope and intercept with intervals clustered by patient.

    Args:
        reference: 0 or 1, [n].
        probabilities: in (0, 1), [n].
        patients: who each image is of, [n].
        rng: the source of chance.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).
        by: bins of the ECE, ten.

    Returns:
        The numbers. A draw adds noise to bins that are noisy already, so draws of the ECE lie
        above it: its interval begins at 0 where noise alone gives as much, else at the mirrored
        lower end (2 · value − upper end), and ends, a little too high, at the percentile.

    Raises:
        EvaluationError: a probability of exactly 0 or 1, or lengths that differ.

    Source:
        Davison and Hinkley 1997, Bootstrap Methods and their Application, § 2.4 (the mirrored,
        "basic" interval); Bröcker and Smith 2007, Increasing the Reliability of Reliability
        Diagrams (what noise alone gives).
    """
    check(samples, level)
    side = _Side.of(reference, probabilities, by)
    who, groups = _groups(patients, len(side.truth))
    drawn = side.drawn(who, draws(groups, groups, samples, rng))
    return _stated(side.points, drawn, groups, level)


def calibration_change(
    reference: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    patients: ArrayLike,
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
) -> CalibrationChange:
    """Two sets of probabilities of the same images, measured on the same draws of patients.

    Args:
        reference: 0 or 1, [n].
        before: probabilities in (0, 1), [n].
        after: the same.
        patients: who each image is of, [n].
        rng: the source of chance.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).

    Returns:
        Both with their intervals, and the paired differences.

    Raises:
        EvaluationError: as :func:`calibration_intervals`.
    """
    check(samples, level)
    sides = [_Side.of(reference, values, "mass") for values in (before, after)]
    who, groups = _groups(patients, len(sides[0].truth))
    chunks = list(draws(groups, groups, samples, rng))
    drawn = [side.drawn(who, chunks) for side in sides]
    right = {"slope": 1.0, "intercept": 0.0}
    apart: dict[str, Measure] = {}
    for name in _NAMES:
        first, second = (side.points[name] for side in sides)
        if first.value is None or second.value is None:
            apart[name] = first if first.value is None else second
            continue
        values = [first.value, second.value]
        each = [drawn[0][name], drawn[1][name]]
        if name in right:
            values = [abs(v - right[name]) for v in values]
            each = [np.abs(d - right[name]) for d in each]
        point = replace(first, value=values[1] - values[0], low=None, high=None)
        apart[name] = with_interval(point, each[1] - each[0], groups=groups, level=level)
    return CalibrationChange(
        before=_stated(sides[0].points, drawn[0], groups, level),
        after=_stated(sides[1].points, drawn[1], groups, level),
        difference=CalibrationNumbers(**apart),
    )


_NAMES = ("brier", "log_loss", "ece", "slope", "intercept")


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One set of probabilities: numbers on the sample, and what a draw needs."""

    truth: NDArray[np.bool_]
    values: NDArray[np.float64]
    bins: NDArray[np.int64]
    points: dict[str, Measure]

    @classmethod
    def of(cls, reference: ArrayLike, probabilities: ArrayLike, by: Bins) -> _Side:
        truth = inputs.references(reference)
        values = inputs.probabilities(probabilities, "probabilities", len(truth))
        line = calibration_slope_intercept(truth, values)
        points = {
            "brier": brier(truth, values),
            "log_loss": log_loss(truth, values),
            "ece": reliability(truth, values, by=by).ece,
            "slope": line.slope,
            "intercept": line.intercept,
        }
        return cls(truth, values, bins_of(values, bin_edges(values, 10, by)), points)

    def drawn(self, who: NDArray[np.int64], chunks: Iterable[NDArray[np.int32]]) -> _Draws:
        """Every number in every draw, [samples]; NaN where undefined.

        "chance" is the ECE of the draw's noise alone: what would be seen of bins without error.
        """
        groups, truth, values = int(who.max()) + 1, self.truth, self.values
        odds = np.log(values) - np.log1p(-values)
        each = [np.ones(len(truth)), (values - truth) ** 2, np.logaddexp(0, odds) - truth * odds]
        sums = np.stack([np.bincount(who, v, groups) for v in each], axis=1)
        gaps = _spread(who, self.bins, values - truth)
        line = Line.of(odds, truth, who)
        found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*_NAMES, "chance")}
        for weights in chunks:
            drawn = weights.astype(np.float64)
            total, error = drawn @ sums, drawn @ gaps
            n = total[:, 0]
            found["brier"].append(total[:, 1] / n)
            found["log_loss"].append(total[:, 2] / n)
            found["ece"].append(np.abs(error).sum(1) / n)
            found["chance"].append(np.abs(error - gaps.sum(0)).sum(1) / n)
            for name, part in zip(("slope", "intercept"), line.fitted(drawn), strict=True):
                found[name].append(part)
        return {name: np.concatenate(parts) for name, parts in found.items()}


def _spread(
    who: NDArray[np.int64], at: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of a value a patient and bin, [patients, bins]."""
    groups, bins = int(who.max()) + 1, int(at.max()) + 1
    sums = np.bincount(who * bins + at, values, groups * bins)
    return np.asarray(sums, np.float64).reshape(groups, bins)


def _stated(
    points: dict[str, Measure], drawn: _Draws, groups: int, level: float
) -> CalibrationNumbers:
    found = {
        name: with_interval(points[name], drawn[name], groups=groups, level=level)
        for name in _NAMES
    }
    found["ece"] = _conservative(found["ece"], drawn["chance"], level)
    return CalibrationNumbers(**found)


def _conservative(found: Measure, chance: NDArray[np.float64], level: float) -> Measure:
    """From 0, where chance alone gives as much; else from the mirrored lower end."""
    if found.value is None or found.low is None or found.high is None:
        return found
    by_chance = found.value <= np.quantile(chance, (1 + level) / 2)
    low = 0.0 if by_chance else max(0.0, 2 * found.value - found.high)
    return replace(found, low=min(low, found.value), high=max(found.high, found.value))


def _groups(patients: ArrayLike, n: int) -> tuple[NDArray[np.int64], int]:
    who = inputs.codes(patients, "patients", n)
    if not n:
        raise EvaluationError("nothing can be measured: there is no image")
    return who, int(who.max()) + 1
