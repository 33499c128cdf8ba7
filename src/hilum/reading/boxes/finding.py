"""Every box of a radiograph: those that the graph drew in its looks, and those of heatmaps."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.bundles import Card
from hilum.domain import FoundBox, Heatmap, Prediction, Radiograph
from hilum.reading.boxes.drawn import drawn
from hilum.reading.boxes.from_heatmap import from_heatmaps
from hilum.reading.boxes.looks import Look, together
from hilum.transforms.preprocess import Part


def boxed(card: Card, predictions: Sequence[Prediction] = ()) -> tuple[str, ...]:
    """Keys of the findings that boxes can be had of: by the graph, then by heatmaps.

    Args:
        card: of the bundle.
        predictions: of one radiograph. A heatmap becomes a box only where its finding is called
            present, so one that is left undecided was not looked for.
    """
    by_graph = [kind.key for kind in card.boxes]
    by_heatmap = card.heatmap_boxes.keys if card.heatmap_boxes else ()
    open_ = {one.finding for one in predictions if one.abstained}
    return tuple(dict.fromkeys([*by_graph, *(key for key in by_heatmap if key not in open_)]))


def found(
    card: Card,
    looks: Sequence[Look],
    heatmaps: Sequence[Heatmap],
    predictions: Sequence[Prediction],
    radiograph: Radiograph,
    part: Part | None = None,
) -> tuple[FoundBox, ...]:
    """Boxes of a radiograph, the surest first.

    Args:
        card: of the bundle.
        looks: what the graph drew, a look each; none where it draws no boxes. Those of several
            looks are fused before the card's thresholds are applied, so that a box counts the less
            the fewer of those that show its place have it.
        heatmaps: one a finding.
        predictions: one a finding.
        radiograph: that was looked at.
        part: what was shown of it; None for the whole.

    Returns:
        Boxes on the pixels of the stored picture. A finding that the graph draws boxes of has none
        of its heatmap.
    """
    by_graph: tuple[FoundBox, ...] = ()
    if looks:
        rows, columns = radiograph.shape
        shown = part or (0, 0, columns, rows)
        fused = together(looks, card.preprocessing.size, shown)
        by_graph = drawn(card, *fused, radiograph)
    keys = {kind.key for kind in card.boxes}
    by_heatmap = from_heatmaps(card, heatmaps, predictions, radiograph)
    rest = (box for box in by_heatmap if box.finding not in keys)
    return tuple(sorted((*by_graph, *rest), key=lambda box: -box.score))
