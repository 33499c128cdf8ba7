"""Boxes that several models drew on the same images, fused: tables in, rows out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hilum.datasets.predicted_boxes import BoxFile
from hilum.domain.text import Text, first_few
from hilum.errors import BoxError
from hilum.reading.boxes.fusion import fuse

Row = tuple[str, str, float, float, float, float, float]
"""Image, finding, score, left, top, width, height."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What one model drew.

    Attributes:
        boxes: as its table holds them, scores in [0, 1].
        looked: finding → images on which boxes were looked for; None where nobody knows, and it
            counts as having looked everywhere for the findings that it has a box of.
        weight: its say beside the others, above 0.
    """

    boxes: BoxFile
    looked: dict[str, Text] | None = None
    weight: float = 1.0


def fuse_models(models: Sequence[Model], *, iou: float = 0.55) -> list[Row]:
    """Weighted boxes fusion over models: on each image, of those that looked for a finding there.

    A model that looked and drew nothing lowers a box's score; one that refused the image, or knows
    nothing of the finding, does not.

    Args:
        models: two or more.
        iou: overlap beyond which boxes are one, in (0, 1).

    Returns:
        Images in the order of the tables, the surest box of each first.

    Raises:
        BoxError: fewer than two models; no image or no finding in common; scores out of range.
    """
    if len(models) < 2:
        raise BoxError("To fuse takes the boxes of two models or more.")
    looked = [_looked(model) for model in models]
    images = list(dict.fromkeys(name for one in models for name in _images(one)))
    _check_common(models, looked)
    rows: list[Row] = []
    cells = [_cells(model) for model in models]
    for image in images:
        found: list[Row] = []
        for key in dict.fromkeys(key for one in cells for at, key in one if at == image):
            asked = [n for n, known in enumerate(looked) if _asks(known, key, image)]
            own = [(n, row) for n in asked for row in cells[n].get((image, key), ())]
            files = [models[n].boxes for n, _ in own]
            xywh = np.array([f.xywh[row] for f, (_, row) in zip(files, own, strict=True)])
            fused = fuse(
                np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1),
                [f.scores[row] for f, (_, row) in zip(files, own, strict=True)],
                np.zeros(len(own), np.int64),
                [asked.index(n) for n, _ in own],
                iou=iou,
                weights=[models[n].weight for n in asked],
            )
            for (x, y, right, bottom), score in zip(fused.boxes, fused.scores, strict=True):
                place = (float(x), float(y), float(right - x), float(bottom - y))
                found.append((image, key, float(score), *place))
        rows += sorted(found, key=lambda row: -row[2])
    return rows


def _images(model: Model) -> list[str]:
    """The image of every box; a run puts an apostrophe before what looks like a formula."""
    names: list[str] = model.boxes.images.tolist()
    return names if model.looked is None else [name.removeprefix("'") for name in names]


def _looked(model: Model) -> dict[str, set[str] | None]:
    if model.looked is not None:
        return {key: set(names.tolist()) for key, names in model.looked.items()}
    return dict.fromkeys(model.boxes.findings.tolist())


def _asks(known: dict[str, set[str] | None], key: str, image: str) -> bool:
    if key not in known:
        return False
    names = known[key]
    return names is None or image in names


def _cells(model: Model) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    names = zip(_images(model), model.boxes.findings.tolist(), strict=True)
    for row, cell in enumerate(names):
        found.setdefault(cell, []).append(row)
    return found


def _check_common(models: Sequence[Model], looked: Sequence[dict[str, set[str] | None]]) -> None:
    shared = set.intersection(*(set(known) for known in looked))
    if not shared:
        each = "; ".join(
            f"{one.boxes.name}: {first_few(sorted(known))}"
            for one, known in zip(models, looked, strict=True)
        )
        raise BoxError(f"No finding has boxes of all models: {each}.")
    seen = [
        set(_images(one)) | {name for names in known.values() if names for name in names}
        for one, known in zip(models, looked, strict=True)
    ]
    if not set.intersection(*seen):
        raise BoxError(
            "No image was looked at by all models: such as "
            + ", ".join(f"{sorted(one)[0]!r}" for one in seen if one)
            + ". Images are matched by the names in the tables."
        )
