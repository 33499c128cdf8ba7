"""Rounds of labelling: a network proposes masks, the teacher corrects and judges them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles.card import Preprocessing
from hilum.models.segmentation import Segmenter, probabilities
from hilum.reading.lung_shape import LEARNING, faults, largest_parts, measure_shape
from hilum.training.lungs.teacher import teach
from hilum.training.segmentation.examples import Examples, pack
from hilum.transforms.preprocess import normalise

VIEWS = (1.0, 0.85)
"""Each picture is also shown smaller, on black; the network's answers are averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What a round leaves.

    Attributes:
        examples: with masks where they were kept.
        kept: number of radiographs by source that have a mask now.
        of: number of radiographs by source.
        why_not: how often each fault kept one from it.
    """

    examples: Examples
    kept: dict[str, int]
    of: dict[str, int]
    why_not: dict[str, int]


def propose(
    network: Segmenter, pictures: NDArray[np.uint8], spec: Preprocessing, *, batch: int = 16
) -> NDArray[np.float32]:
    """Probabilities [pictures, structures, rows, columns] of a network, averaged over views.

    Args:
        network: in evaluation mode.
        pictures: uint8 [pictures, rows, columns].
        spec: value range of the input.
        batch: pictures at a time.
    """
    network.eval()
    rows, columns = pictures.shape[1:]
    found: list[NDArray[np.float32]] = []
    for at in range(0, len(pictures), batch):
        grey = np.asarray(pictures[at : at + batch], np.float32) / np.float32(255)
        views: list[NDArray[np.float32]] = []
        for zoom in VIEWS:
            shown = np.stack([_zoomed(one, zoom) for one in grey])
            with torch.inference_mode():
                image = torch.from_numpy(normalise(shown, spec))
                image = image.contiguous(memory_format=torch.channels_last)
                given = probabilities(network(image), (rows, columns)).numpy()
            views.append(np.stack([[_zoomed(m, 1 / zoom) for m in one] for one in given]))
        found.append(np.mean(views, 0))
    return np.concatenate(found)


def label(
    network: Segmenter, examples: Examples, spec: Preprocessing, *, teaching: bool
) -> Labelled:
    """Give the radiographs new masks; drawn chests keep theirs.

    Args:
        network: proposes.
        examples: all of them.
        spec: value range of the input.
        teaching: the teacher corrects outlines and asks for edges along them; otherwise the
            network's own masks count where they are sure and formed like lungs.
    """
    rows = [at for at, by in enumerate(examples.mask_from) if by != "drawn"]
    masks, makers = np.array(examples.masks), list(examples.mask_from)
    kept: Counter[str] = Counter()
    why_not: Counter[str] = Counter()
    for at in range(0, len(rows), 64):
        some = rows[at : at + 64]
        pictures = np.asarray(examples.pictures[some])
        for row, picture, given in zip(some, pictures, propose(network, pictures, spec),
                                       strict=True):  # fmt: skip
            if teaching:
                taught = teach(picture.astype(np.float32) / np.float32(255), given)
                lungs, against = taught.lungs, taught.why_not
            else:
                lungs = largest_parts(given >= 0.5)
                said = faults(measure_shape(given, lungs), LEARNING)
                against = tuple(note.code for note in said)
            makers[row] = ("teacher" if teaching else "network") if not against else ""
            masks[row] = pack(lungs) if not against else 0
            kept[examples.source[row]] += not against
            why_not.update(against)
    of = Counter(examples.source[row] for row in rows)
    new = replace(examples, masks=masks, mask_from=tuple(makers))
    return Labelled(new, dict(kept), dict(of), dict(why_not))


def _zoomed(plane: NDArray[np.float32], zoom: float) -> NDArray[np.float32]:
    if zoom == 1.0:
        return plane
    rows, columns = plane.shape
    shift = ((columns - 1) * (1 - zoom) / 2, (rows - 1) * (1 - zoom) / 2)
    matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
    return np.asarray(cv2.warpAffine(plane, matrix, (columns, rows)), np.float32)
