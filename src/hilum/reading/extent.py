"""How much of the lungs an opacity takes up, from a mask, from boxes, or from a heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Card
from hilum.domain import Affine, FoundBox, Heatmap, Prediction
from hilum.domain.zones import ZONES
from hilum.reading.boxes.placing import zone_masks
from hilum.reading.lung_shape import Mask
from hilum.reading.lungs import LungFields
from hilum.reading.scale import calibrator

SURE = 60.0
"""Log-odds within which the logit of an operating point is looked for."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Shares of the lung field, each in [0, 1]; sides are the patient's.

    Attributes:
        share: of both lungs together.
        right: of the right lung.
        left: of the left lung.
        zones: of each zone of :data:`hilum.domain.zones.ZONES`, by name.
    """

    share: float
    right: float
    left: float
    zones: dict[str, float]

    @property
    def score(self) -> int:
        """The geographic extent as radiologists score it, 0 to 8.

        Each lung has 0 for none, 1 below a quarter, 2 below a half, 3 below three quarters, 4 from
        there on.

        Source:
            Wong et al. 2020, Frequency and distribution of chest radiographic findings in patients
            positive for COVID-19; as scored in Cohen et al. 2020, Predicting COVID-19 pneumonia
            severity on chest X-ray with deep learning.
        """
        return sum(
            0 if lung <= 0 else min(4, 1 + int(4 * lung)) for lung in (self.right, self.left)
        )


def of_mask(mask: Mask, lungs: LungFields) -> Extent:
    """What a mask covers of the lungs.

    Args:
        mask: bool [rows, columns] on the radiograph's pixels.
        lungs: of the radiograph.

    Raises:
        ValueError: the lungs are not plausible, or the mask is of another shape.
    """
    if not lungs.plausible:
        raise ValueError("no share of lungs that are not plausible")
    if mask.shape != lungs.masks.shape[1:]:
        raise ValueError(f"a mask of {mask.shape} on lungs of {lungs.masks.shape[1:]}")
    zones = zone_masks(lungs.masks)
    right, left = (_share(mask, lung) for lung in lungs.masks)
    return Extent(
        share=_share(mask, lungs.masks[0] | lungs.masks[1]),
        right=right,
        left=left,
        zones={name: _share(mask, zone) for name, zone in zip(ZONES, zones, strict=True)},
    )


def of_boxes(boxes: Sequence[FoundBox], lungs: LungFields) -> Extent:
    """What boxes cover of the lungs, each place once; an upper bound, for boxes have corners.

    Args:
        boxes: on the pixels of the stored picture, of whatever findings count as opacity.
        lungs: of the radiograph.

    Raises:
        ValueError: the lungs are not plausible.
    """
    rows, columns = lungs.masks.shape[1:]
    covered = np.zeros((rows, columns), np.bool_)
    to_radiograph = lungs.radiograph.source.to_source.inverse()
    for box in boxes:
        x, y, wide, high = box.xywh
        ends = to_radiograph([(x, y), (x + wide, y + high)])
        (left, top), (right, bottom) = np.round([ends.min(0), ends.max(0)]).astype(int).tolist()
        covered[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return of_mask(covered, lungs)


def of_heatmap(heatmap: Heatmap, prediction: Prediction, card: Card, lungs: LungFields) -> Extent:
    """The share of the lungs that the finding would be called present of by itself.

    A heatmap's mean plus a constant is the logit; each place plus that constant is the logit of a
    picture that looks like this place everywhere. Where it reaches the operating point, the place
    counts. The map is as coarse as the network's grid, and what it lights up is evidence, which
    need not be opacity.

    Args:
        heatmap: class activation map of the finding.
        prediction: of the same finding and radiograph.
        card: of the bundle that gave both.
        lungs: of the radiograph.

    Raises:
        ValueError: the lungs are not plausible, or the card has no such finding.
    """
    places = present_places(heatmap, prediction, card, lungs.masks.shape[1:])
    return of_mask(places, lungs)


def present_places(
    heatmap: Heatmap, prediction: Prediction, card: Card, shape: tuple[int, ...]
) -> Mask:
    """Where a finding would be called present by itself, as :func:`of_heatmap` has it.

    Args:
        heatmap: class activation map of the finding.
        prediction: of the same finding and radiograph.
        card: of the bundle that gave both.
        shape: (rows, columns) of the radiograph.

    Returns:
        bool [rows, columns].

    Raises:
        ValueError: heatmap and prediction are of two findings, or the card has no such finding.
    """
    if heatmap.finding != prediction.finding or heatmap.finding not in card.keys:
        raise ValueError(f"a heatmap of {heatmap.finding}, a prediction of {prediction.finding}")
    constant = prediction.logit - float(heatmap.values.mean())
    return _laid(heatmap, shape) >= operating_logit(card, heatmap.finding) - constant


def operating_logit(card: Card, key: str) -> float:
    """The network's output from which a finding is called present, before calibration.

    Args:
        card: of the bundle.
        key: of one of its findings.
    """
    row = card.findings[card.keys.index(key)]
    point = row.operating_point.threshold
    wanted = float(np.log(point) - np.log1p(-point))
    scale = calibrator(row.calibration)
    low, high = -SURE, SURE
    for _ in range(80):  # calibrations rise
        middle = (low + high) / 2
        low, high = (low, middle) if float(scale.log_odds(middle)) >= wanted else (middle, high)
    return high


def _laid(heatmap: Heatmap, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A heatmap on the radiograph's pixels, straight lines between the centres of its cells."""
    half = Affine.shift(0.5, 0.5)  # OpenCV counts from the centre of the first pixel
    back = half.then(heatmap.to_radiograph.inverse()).then(half.inverse())
    laid = cv2.warpAffine(
        heatmap.values.astype(np.float32),
        np.asarray(back.matrix),
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(laid, np.float32)


def _share(mask: Mask, within: Mask) -> float:
    whole = int(within.sum())
    return float((mask & within).sum()) / whole if whole else 0.0
