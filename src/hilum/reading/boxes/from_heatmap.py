"""Boxes from heatmaps of a network that learnt from labels of images alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card, HeatmapBox
from hilum.domain import Affine, FoundBox, Heatmap, Prediction, Radiograph
from hilum.evaluation.localisation.overlap import iou


def from_heatmaps(
    card: Card,
    heatmaps: Sequence[Heatmap],
    predictions: Sequence[Prediction],
    radiograph: Radiograph,
) -> tuple[FoundBox, ...]:
    """A box for each finding that is present and that the card tells likely boxes of.

    Args:
        card: of the bundle; one without ``heatmap_boxes`` gives no boxes.
        heatmaps: of the radiograph.
        predictions: of the radiograph.
        radiograph: that they are of.

    Returns:
        At most one box a finding, cut at the picture's edge, the surest first. Its score is the
        finding's probability times the overlap (IoU) that is expected with a reader's box where
        the finding is present: it ranks boxes and is no probability.
    """
    rule = card.heatmap_boxes
    if rule is None:
        return ()
    maps = {one.finding: one for one in heatmaps}
    present = {one.finding: one.probability for one in predictions if one.present}
    found: list[FoundBox] = []
    for likely in rule.findings:
        if likely.key not in maps or likely.key not in present:
            continue
        heatmap = maps[likely.key]
        ltrb, overlap = likeliest(heatmap.values, likely, rule.trust)
        rows, columns = heatmap.values.shape
        to_source = (
            Affine.scale(columns, rows)
            .then(heatmap.to_radiograph)
            .then(radiograph.source.to_source)
        )
        xywh = _cut(to_source(ltrb.reshape(2, 2)), radiograph.source.shape)
        if xywh is not None:
            score = present[likely.key] * overlap
            found.append(FoundBox(likely.key, min(1.0, score), xywh, "heatmap"))
    return tuple(sorted(found, key=lambda box: -box.score))


def likeliest(
    values: NDArray[np.float32], likely: HeatmapBox, trust: float
) -> tuple[NDArray[np.float64], float]:
    """The box that overlaps most with where the finding may lie.

    Args:
        values: a heatmap, [h, w].
        likely: where boxes of the finding lie.
        trust: how far the heatmap is believed, from 0.

    Returns:
        Left, top, right, bottom as shares of the heatmap, float64 [4], and its expected overlap
        (IoU), in (0, 1].
    """
    ltrb = np.array(likely.likely)
    log = trust * contrast(values, ltrb)
    share = np.exp(log - log.max())
    share /= share.sum()
    xywh = np.concatenate([ltrb[:, :2], ltrb[:, 2:] - ltrb[:, :2]], axis=1)
    overlap = iou(xywh, xywh) @ share
    best = int(overlap.argmax())
    return ltrb[best], float(overlap[best])


def contrast(values: NDArray[np.float32], ltrb: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a heatmap's mean in boxes lies above its mean, in its standard deviations.

    Args:
        values: [h, w]; a level one has no contrast anywhere.
        ltrb: [boxes, 4], as shares of the heatmap, with area.

    Returns:
        float64 [boxes].
    """
    rows, columns = values.shape
    spread = float(values.std())
    if not spread > 0:
        return np.zeros(len(ltrb))
    high = (values.astype(np.float64) - values.mean()) / spread
    down = _cover(ltrb[:, 1], ltrb[:, 3], rows)
    across = _cover(ltrb[:, 0], ltrb[:, 2], columns)
    return np.einsum("br,rc,bc->b", down, high, across)


def _cover(low: NDArray[np.float64], high: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Which share of each span [low, high] every cell of a line holds, [boxes, cells]."""
    edges = np.arange(cells + 1) / cells
    inside = np.clip(edges, low[:, None], high[:, None])
    return np.diff(inside, axis=1) / (high - low)[:, None]


def _cut(
    corners: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """A box by two corners as left, top, width, height inside a picture; None where none is."""
    rows, columns = shape
    low = np.clip(corners.min(0), 0, (columns, rows))
    size = np.clip(corners.max(0), 0, (columns, rows)) - low
    if not (size > 0).all():
        return None
    (x, y), (w, h) = low.tolist(), size.tolist()
    return x, y, w, h
