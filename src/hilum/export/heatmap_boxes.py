"""What makes boxes of a bundle's heatmaps, learnt from boxes that readers drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import HeatmapBox, HeatmapBoxes
from hilum.bundles.store import recarded
from hilum.errors import LabelError
from hilum.evaluation.localisation.overlap import iou
from hilum.reading.boxes.from_heatmap import likeliest

TRUSTS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""That are tried."""
DIGITS = 3
"""Of shares on a card: a pixel of a thousand."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A box that a reader drew, and the heatmap of its finding.

    Attributes:
        finding: key.
        values: the heatmap, [h, w].
        xywh: left, top, width, height as shares of what the network was shown, float64 [4].
    """

    finding: str
    values: NDArray[np.float32]
    xywh: NDArray[np.float64]


def likely_boxes(finding: str, xywh: NDArray[np.float64]) -> HeatmapBox:
    """Where boxes of a finding lie, as a card holds it.

    Args:
        finding: key.
        xywh: float64 [boxes, 4], left, top, width, height as shares of what the network is shown;
            what reaches over its edge is cut off, and what lies beyond is left out.

    Raises:
        LabelError: no box lies on the picture.
    """
    corners = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    ltrb = np.clip(corners, 0, 1).round(DIGITS)
    inside = ltrb[(ltrb[:, :2] < ltrb[:, 2:]).all(1)]
    if not len(inside):
        raise LabelError(f"None of the {len(xywh)} boxes of {finding} lies on its picture.")
    return HeatmapBox.model_validate({"key": finding, "likely": inside.tolist()})


def learn_trust(
    drawn: Sequence[Drawn], likely: Mapping[str, HeatmapBox], trusts: Sequence[float] = TRUSTS
) -> float:
    """How far heatmaps are to be believed: the trust with the greatest mean overlap (IoU).

    Args:
        drawn: boxes with their heatmaps, of findings in ``likely``.
        likely: by finding; from boxes of other patients.
        trusts: that are tried; of equal ones the first is taken.

    Raises:
        LabelError: nothing to learn from.
    """
    if not drawn:
        raise LabelError("No box with a heatmap: how far heatmaps are to be believed is not known.")
    return float(trusts[int(np.argmax([_mean_overlap(drawn, likely, one) for one in trusts]))])


def with_heatmap_boxes(bundle: Bundle, rule: HeatmapBoxes) -> Bundle:
    """Write onto a bundle's card how its heatmaps become boxes; its other files stay.

    Raises:
        BundleError: it cannot be written there, or a file has changed since it was loaded.
        InvalidCard: the rule names a finding that the bundle lacks, or its graph has no maps.
    """
    return recarded(bundle, bundle.card.model_copy(update={"heatmap_boxes": rule}))


def _mean_overlap(drawn: Sequence[Drawn], likely: Mapping[str, HeatmapBox], trust: float) -> float:
    overlaps: list[float] = []
    for one in drawn:
        ltrb, _ = likeliest(one.values, likely[one.finding], trust)
        found = np.concatenate([ltrb[:2], ltrb[2:] - ltrb[:2]])
        overlaps.append(float(iou(found, one.xywh)[0, 0]))
    return float(np.mean(overlaps))
