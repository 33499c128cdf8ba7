"""Boxes: how many, how large, where, and on which images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.verdicts import verdicts
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes

GRID = 16
"""Places a side of the grid that centres are counted on."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class BoxCross:
    """Images of one kind, by what readers with boxes did on them.

    Attributes:
        kind: key of a finding that is PRESENT on them; "negative", "unlabelled" and "others" as
            :class:`hilum.datasets.exploration.verdicts.Verdicts` says.
        without: images without a box.
        with_boxes: images with boxes.
        not_annotated: of those without, the ones on which nobody looked for boxes.
    """

    kind: str
    without: int
    with_boxes: int
    not_annotated: int


@dataclass(frozen=True, slots=True, eq=False)
class BoxesOfFinding:
    """Boxes of one finding.

    Attributes:
        finding: key.
        boxes: how many.
        images: on how many images.
        not_present: images with a box of the finding on which it is not PRESENT; None where the
            finding has no labels in the table.
        width_px: widths at :data:`QUANTILES`, in pixels of the image file.
        height_px: heights likewise.
        area_share: area over that of the image, likewise; empty where no size is known.
        centres: int64 [GRID, GRID]: boxes by the place of their centre, rows from the top, columns
            from the left; None where no size is known.
    """

    finding: str
    boxes: int
    images: int
    not_present: int | None
    width_px: tuple[float, ...]
    height_px: tuple[float, ...]
    area_share: tuple[float, ...] = ()
    centres: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class BoxNumbers:
    """All that is counted of boxes.

    Attributes:
        an_image: boxes on an image on which they were looked for → images.
        cross: boxes × findings; "negative", "unlabelled" (where there are such
            images) and "others" first.
        findings: one a finding that has boxes, the most common first.
        sizes_known: boxes on images of known size.
    """

    an_image: Mapping[int, int]
    cross: tuple[BoxCross, ...]
    findings: tuple[BoxesOfFinding, ...]
    sizes_known: int


def count_boxes(
    table: LabelTable, width_px: NDArray[np.int32], height_px: NDArray[np.int32]
) -> BoxNumbers | None:
    """Count boxes; None where the table has none.

    Args:
        table: of labels.
        width_px: int32 [images]; 0 where unknown.
        height_px: the same.
    """
    boxes = table.boxes
    if boxes is None:
        return None
    number = np.bincount(boxes.row, minlength=len(table))
    counted = np.bincount(number[boxes.annotated])
    names, order = np.unique(boxes.finding, return_counts=True)
    wide, high = width_px[boxes.row], height_px[boxes.row]
    return BoxNumbers(
        an_image={n: images for n, images in enumerate(counted.tolist()) if images},
        cross=_cross(table, boxes.annotated, number > 0),
        findings=tuple(
            _of_finding(table, boxes, str(names[at]), wide, high)
            for at in np.argsort(-order, kind="stable").tolist()
        ),
        sizes_known=int(((wide > 0) & (high > 0)).sum()),
    )


def _cross(
    table: LabelTable, annotated: NDArray[np.bool_], boxed: NDArray[np.bool_]
) -> tuple[BoxCross, ...]:
    def row(kind: str, of: NDArray[np.bool_]) -> BoxCross:
        with_boxes = int((of & boxed).sum())
        return BoxCross(kind, int(of.sum()) - with_boxes, with_boxes, int((of & ~annotated).sum()))

    told = verdicts(table.states, table.findings)
    rows = [row("negative", told.negative)]
    if told.unlabelled.any():
        rows.append(row("unlabelled", told.unlabelled))
    rows.append(row("others", told.others))
    for at, key in enumerate(table.findings):
        rows.append(row(key, table.states[:, at] == State.PRESENT))
    return tuple(rows)


def _of_finding(
    table: LabelTable,
    boxes: Boxes,
    key: str,
    wide: NDArray[np.int32],
    high: NDArray[np.int32],
) -> BoxesOfFinding:
    its = boxes.finding == key
    rows, xywh = np.unique(boxes.row[its]), boxes.xywh[its]
    not_present = None
    if key in table.findings:
        said = table.states[rows, table.findings.index(key)]
        not_present = int((said != State.PRESENT).sum())
    sized = (wide[its] > 0) & (high[its] > 0)
    area, centres = (), None
    if sized.any():
        size = np.stack([wide[its], high[its]], axis=1)[sized].astype(np.float64)
        known = xywh[sized]
        area = _quantiles(known[:, 2] * known[:, 3] / size.prod(axis=1))
        middle = (known[:, :2] + known[:, 2:] / 2) / size
        place = np.clip((middle * GRID).astype(np.int64), 0, GRID - 1)
        centres = np.bincount(place[:, 1] * GRID + place[:, 0], minlength=GRID**2)
        centres = centres.reshape(GRID, GRID)
    return BoxesOfFinding(
        finding=key,
        boxes=int(its.sum()),
        images=len(rows),
        not_present=not_present,
        width_px=_quantiles(xywh[:, 2]),
        height_px=_quantiles(xywh[:, 3]),
        area_share=area,
        centres=centres,
    )


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.quantile(values, QUANTILES).tolist())
