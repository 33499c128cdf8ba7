"""What the network saw of one radiograph, looked at once or in rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine, FoundBox, Heatmap, Note, Prediction, Radiograph, Rounds
from hilum.reading.boxes.finding import found
from hilum.transforms.preprocess import Part, prepare

if TYPE_CHECKING:
    from hilum.bundles import Card
    from hilum.reading.reader import Reader
    from hilum.runtime import Outputs


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one radiograph gave.

    Attributes:
        features: float32 [width], for the gate; None where the graph has none.
        predictions: one a finding.
        heatmaps: one a finding, where they are wanted and the graph has maps.
        boxes: where they are wanted; not yet placed.
        notes: what the reading should tell of how it was looked at.
        rounds: what each round said; None where it was looked at once.
    """

    features: NDArray[np.float32] | None
    predictions: tuple[Prediction, ...]
    heatmaps: tuple[Heatmap, ...]
    notes: tuple[Note, ...] = ()
    rounds: Rounds | None = None
    boxes: tuple[FoundBox, ...] = ()


def once(reader: Reader, radiograph: Radiograph, part: Part | None = None) -> Seen | None:
    """Look at a radiograph once; None where the network gave no finite number.

    Args:
        reader: what looks.
        radiograph: at what.
        part: what is shown of it, where the bundle crops.
    """
    card = reader.bundle.card
    pixels, to_radiograph = prepare(radiograph.pixels, card.preprocessing, part)
    out = reader.graph(pixels[None])
    if not finite(out):
        return None
    predictions = reader.scale.predictions(out.logits[0])
    maps = () if out.cams is None else heatmaps(card, out.cams[0], to_radiograph)
    boxes: tuple[FoundBox, ...] = ()
    if reader.boxes:
        looks = [] if out.boxes is None else [(out.boxes[0], to_radiograph)]
        boxes = found(card, looks, maps, predictions, radiograph)
    return Seen(
        features=None if out.features is None else out.features[0],
        predictions=predictions,
        heatmaps=maps if reader.heatmaps else (),
        boxes=boxes,
    )


def finite(out: Outputs) -> bool:
    """Whether logits, features, maps and boxes are numbers."""
    ends = (out.logits, out.features, out.cams, out.boxes)
    return all(np.isfinite(end).all() for end in ends if end is not None)


def heatmaps(card: Card, maps: NDArray[np.float32], to_radiograph: Affine) -> tuple[Heatmap, ...]:
    """Maps [findings, h, w] on the input as heatmaps on the radiograph."""
    high, wide = card.preprocessing.size
    rows, columns = maps.shape[1:]
    place = Affine.scale(wide / columns, high / rows).then(to_radiograph)
    return tuple(Heatmap(key, maps[i], place) for i, key in enumerate(card.keys))
