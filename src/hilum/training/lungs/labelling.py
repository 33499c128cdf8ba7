"""Between rounds: a bundle proposes masks, and what may be learnt from is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.errors import BundleError
from hilum.reading.lung_shape import LEARNING, faults, largest_parts, measure_shape
from hilum.runtime import Graph
from hilum.training.lungs.data import Example, write_png
from hilum.training.lungs.drawn import labelled
from hilum.training.lungs.teacher import teach
from hilum.transforms.preprocess import fit, normalise

VIEWS = (1.0, 0.85)
"""Each picture is also shown smaller, on black; the network's answers are averaged."""

BATCH = 16


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a round leaves.

    Attributes:
        examples: with masks where they were kept.
        kept: number of radiographs by source that have a mask now.
        of: number of radiographs by source.
        why_not: how often each fault kept one from it.
    """

    examples: tuple[Example, ...]
    kept: dict[str, int]
    of: dict[str, int]
    why_not: dict[str, int]


def propose(bundle: Bundle, graph: Graph, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities [pictures, structures, rows, columns] of a bundle, averaged over views.

    Args:
        bundle: draws lungs.
        graph: of the bundle.
        pictures: uint8 [pictures, rows, columns].
    """
    spec = bundle.card.preprocessing
    rows, columns = pictures.shape[1:]
    grey = pictures.astype(np.float32) / np.float32(255)
    views: list[NDArray[np.float32]] = []
    for zoom in VIEWS:
        shown = np.stack([fit(_zoomed(one, zoom), spec)[0] for one in grey])
        maps = graph(normalise(shown, spec)).masks
        if maps is None:
            raise BundleError(f"bundle {bundle} draws no masks")
        large = [[cv2.resize(plane, (columns, rows)) for plane in one] for one in maps]
        given = (1 / (1 + np.exp(-np.array(large)))).astype(np.float32)
        views.append(np.stack([[_zoomed(m, 1 / zoom) for m in one] for one in given]))
    return np.mean(views, 0).astype(np.float32)


def label(bundle: Bundle, folder: Path, examples: Sequence[Example], *, teaching: bool) -> Labelled:
    """Give the radiographs of a folder new masks; drawn chests keep theirs.

    Args:
        bundle: proposes.
        folder: of the data; masks are written into it.
        examples: all of them.
        teaching: the teacher corrects outlines and asks for edges along them; otherwise the
            bundle's own masks count where they are sure and formed like lungs.
    """
    graph = Graph.open(bundle)
    maker = "teacher" if teaching else "network"
    new = list(examples)
    rows = [at for at, one in enumerate(examples) if one.source != "phantoms"]
    kept: Counter[str] = Counter()
    why_not: Counter[str] = Counter()
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        pictures = np.stack([_picture(folder / examples[at].file) for at in some])
        proposed = propose(bundle, graph, pictures)
        for at, picture, given in zip(some, pictures, proposed, strict=True):
            lungs, against = _judged(picture, given, teaching=teaching)
            mask = f"masks-{maker}/{Path(examples[at].file).name}" if not against else ""
            if mask:
                write_png(folder / mask, labelled(lungs))
            new[at] = replace(examples[at], mask=mask, mask_from=maker if mask else "")
            kept[examples[at].source] += bool(mask)
            why_not.update(against)
    of = Counter(examples[at].source for at in rows)
    return Labelled(tuple(new), dict(kept), dict(of), dict(why_not))


def with_drawn(examples: Sequence[Example], share: float) -> tuple[Example, ...]:
    """The same rows, of which only the first of the drawn chests to learn from have masks."""
    rows = [
        at for at, one in enumerate(examples) if one.source == "phantoms" and one.part == "train"
    ]
    new, kept = list(examples), round(share * len(rows))
    for place, at in enumerate(rows):
        mask = f"masks/{Path(examples[at].file).name}" if place < kept else ""
        new[at] = replace(examples[at], mask=mask, mask_from="drawn" if mask else "")
    return tuple(new)


def _judged(
    picture: NDArray[np.uint8], given: NDArray[np.float32], *, teaching: bool
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Lungs, and codes of what speaks against learning from them."""
    if teaching:
        taught = teach(picture.astype(np.float32) / np.float32(255), given)
        return taught.lungs, taught.why_not
    lungs = largest_parts(given >= 0.5)
    said = faults(measure_shape(given, lungs), LEARNING)
    return lungs, tuple(note.code for note in said)


def _picture(path: Path) -> NDArray[np.uint8]:
    found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(found, np.uint8)


def _zoomed(plane: NDArray[np.float32], zoom: float) -> NDArray[np.float32]:
    if zoom == 1.0:
        return plane
    rows, columns = plane.shape
    shift = ((columns - 1) * (1 - zoom) / 2, (rows - 1) * (1 - zoom) / 2)
    matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
    return np.asarray(cv2.warpAffine(plane, matrix, (columns, rows)), np.float32)
