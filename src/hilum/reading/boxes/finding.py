"""Every box of a radiograph: those that the graph drew in its looks, and those of heatmaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Card
from hilum.domain import Affine, FoundBox, Heatmap, Prediction, Radiograph
from hilum.reading.boxes.drawn import drawn
from hilum.reading.boxes.from_heatmap import from_heatmaps
from hilum.reading.boxes.fusion import fuse

Look = tuple[NDArray[np.float32], Affine]
"""Boxes [most, 6] as a graph gives them, and the map from its input to the radiograph."""


def boxed(card: Card) -> tuple[str, ...]:
    """Keys of the findings that boxes can be had of: by the graph, then by heatmaps."""
    by_graph = [kind.key for kind in card.boxes]
    by_heatmap = card.heatmap_boxes.keys if card.heatmap_boxes else ()
    return tuple(dict.fromkeys([*by_graph, *by_heatmap]))


def found(
    card: Card,
    looks: Sequence[Look],
    heatmaps: Sequence[Heatmap],
    predictions: Sequence[Prediction],
    radiograph: Radiograph,
) -> tuple[FoundBox, ...]:
    """Boxes of a radiograph, the surest first.

    Args:
        card: of the bundle.
        looks: what the graph drew, a look each; none where it draws no boxes. Those of several
            looks are fused before the card's thresholds are applied, so that a box counts the less
            the fewer of them show it.
        heatmaps: one a finding.
        predictions: one a finding.
        radiograph: that was looked at.

    Returns:
        Boxes on the pixels of the stored picture. A finding that the graph draws boxes of has none
        of its heatmap.
    """
    by_graph = drawn(card, *_together(looks), radiograph) if looks else ()
    keys = {kind.key for kind in card.boxes}
    by_heatmap = from_heatmaps(card, heatmaps, predictions, radiograph)
    rest = (box for box in by_heatmap if box.finding not in keys)
    return tuple(sorted((*by_graph, *rest), key=lambda box: -box.score))


def _together(looks: Sequence[Look]) -> Look:
    """One look as it is; several fused on the radiograph's pixels."""
    if len(looks) == 1:
        return looks[0]
    corners, told, sources = [], [], []
    for at, (boxes, place) in enumerate(looks):
        ends = place(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
        low, high = ends.min(1), ends.max(1)
        kept = (boxes[:, 4] > 0) & (high > low).all(1)
        corners.append(np.concatenate([low, high], axis=1)[kept])
        told.append(boxes[kept, 4:])
        sources.append(np.full(int(kept.sum()), at))
    scores, kinds = np.concatenate(told).T
    fused = fuse(
        np.concatenate(corners),
        scores,
        kinds,
        np.concatenate(sources),
        weights=[1.0] * len(looks),  # a look without a box counts as well
    )
    rows = [fused.boxes, fused.scores[:, None], fused.kinds[:, None]]
    return np.concatenate(rows, axis=1).astype(np.float32), Affine()
