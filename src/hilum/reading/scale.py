"""From logits to probabilities and decisions: the one place where this happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Card
from hilum.bundles.card import Calibration
from hilum.domain import Prediction, from_label
from hilum.errors import RunError, UnknownName
from hilum.evaluation.calibration import BetaCurve, Calibrator, Steps, restate
from hilum.registry import unknown


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Calibration and operating points of a card, at the prevalence that was asked for.

    Attributes:
        card: of the bundle.
        calibrators: from logits to probabilities, one a finding.
        restated: by finding's key: (prevalence behind the calibration, prevalence asked for).
        operating_points: one a finding, at the prevalence asked for.
        prevalence: in words: "training", or "effusion=0.05, mass=0.01".
    """

    card: Card
    calibrators: tuple[Calibrator, ...]
    restated: Mapping[str, tuple[float, float]]
    operating_points: tuple[float, ...]
    prevalence: str

    @classmethod
    def of(cls, card: Card, prevalence: Mapping[str, float]) -> Scale:
        """Take the card's scale, restated for a prevalence.

        Args:
            card: of the bundle.
            prevalence: by key or label of a finding, in (0, 1).

        Raises:
            UnknownName: the bundle has no such finding.
            RunError: a prevalence out of range, a finding named twice, or a finding whose training
                prevalence the card does not state.
        """
        restated: dict[str, tuple[float, float]] = {}
        by_key = {row.key: row for row in card.findings}
        for text, to in prevalence.items():
            key = _key(text, by_key)
            if key in restated:
                raise RunError(f"The prevalence of {key} is given twice; give it once.")
            if not 0.0 < to < 1.0:
                raise RunError(
                    f"The prevalence of {key} must lie between 0 and 1, such as 0.05, got {to:g}."
                )
            trained = by_key[key].prevalence
            if trained is None:
                raise RunError(
                    f"Bundle {card.name} {card.version} does not state the prevalence of {key} "
                    f"behind its calibration, so it cannot be restated; leave {key} out."
                )
            restated[key] = (trained, to)
        points = tuple(
            _restated(row.operating_point.threshold, restated.get(row.key)) for row in card.findings
        )
        for row, point in zip(card.findings, points, strict=True):
            if not 0.0 < point < 1.0:
                raise RunError(
                    f"The prevalence {restated[row.key][1]:g} of {row.key} leaves no operating "
                    f"point between 0 and 1; give one further from 0 and 1."
                )
        said = ", ".join(f"{k}={restated[k][1]:g}" for k in by_key if k in restated)
        scales = tuple(calibrator(row.calibration) for row in card.findings)
        return cls(card, scales, restated, points, said or "training")

    def predictions(self, logits: NDArray[np.float32]) -> tuple[Prediction, ...]:
        """One prediction a finding.

        Args:
            logits: [findings], finite, as the network gave them.

        Source:
            Platt 1999, Probabilistic outputs for support vector machines, eq. 1 (with the sign of
            the slope turned); curves as :class:`hilum.evaluation.calibration.Calibrator` has them.
        """
        found: list[Prediction] = []
        for row, scale, logit, point in zip(
            self.card.findings,
            self.calibrators,
            logits.tolist(),
            self.operating_points,
            strict=True,
        ):
            probability = _sigmoid(float(scale.log_odds(logit)))
            found.append(
                Prediction(
                    finding=row.key,
                    logit=logit,
                    probability=_restated(probability, self.restated.get(row.key)),
                    operating_point=point,
                    calibrated=row.calibration.trusted,
                )
            )
        return tuple(found)


def _key(text: str, known: Mapping[str, object]) -> str:
    if text in known:
        return text
    try:
        key = from_label(text).key
    except UnknownName:
        key = text
    if key not in known:
        raise UnknownName(unknown("finding of this bundle", text, known))
    return key


def calibrator(calibration: Calibration, positives: int = 0, negatives: int = 0) -> Calibrator:
    """A card's calibration as a function of logits.

    Args:
        calibration: of the card.
        positives: images with the finding behind it, where known.
        negatives: images without.
    """
    curve = None
    if calibration.beta is not None:
        curve = BetaCurve(calibration.beta.a, calibration.beta.b, calibration.beta.c)
    elif calibration.steps is not None:
        curve = Steps(calibration.steps.at, calibration.steps.probability)
    return Calibrator(
        calibration.slope, calibration.intercept, calibration.method, positives, negatives, curve
    )


def _sigmoid(value: float) -> float:
    return float(np.exp(-np.logaddexp(0.0, -value)))


def _restated(probability: float, prevalence: tuple[float, float] | None) -> float:
    return probability if prevalence is None else restate(probability, *prevalence)
