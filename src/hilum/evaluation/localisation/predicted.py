"""Boxes that a model drew, and which of them found what readers drew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes
from hilum.domain.text import Text, text
from hilum.errors import EvaluationError
from hilum.evaluation.localisation.overlap import Overlap, iobb, iou

Convention = Literal["coco", "voc2010"]

MOST = 100
"""Predicted boxes an image and finding that COCO counts, those of the highest scores."""

Images = Literal["annotated", "boxed"]
"""Which images count for a finding: all on which boxes were looked for, or, where readers drew only
some findings on only some images, those alone that have a box of this one."""


@dataclass(frozen=True, slots=True, eq=False)
class PredictedBoxes:
    """Boxes with scores, on the images of a table.

    Attributes:
        row: int64 [boxes], the image's row in the table, rising.
        finding: text [boxes], keys of findings.
        xywh: float64 [boxes, 4]: left, top, width, height, as in :class:`hilum.domain.boxes.Boxes`.
        score: float64 [boxes], finite, higher for surer.
    """

    row: NDArray[np.int64]
    finding: Text
    xywh: NDArray[np.float64]
    score: NDArray[np.float64]

    def __post_init__(self) -> None:
        row = np.asarray(self.row, np.int64)
        finding, score = text(self.finding), np.asarray(self.score, np.float64)
        xywh = np.asarray(self.xywh, np.float64).reshape(-1, 4)
        if not len(row) == len(finding) == len(xywh) == len(score):
            raise EvaluationError(
                f"{len(row)} rows, {len(finding)} findings, {len(xywh)} boxes and {len(score)} "
                "scores"
            )
        for what, bad in (
            ("no finite score", ~np.isfinite(score)),
            ("no area or no finite corner", ~(np.isfinite(xywh).all(1) & (xywh[:, 2:] > 0).all(1))),
            ("a negative row", row < 0),
        ):
            if bad.any():
                raise EvaluationError(
                    f"{int(bad.sum())} of {len(row)} predicted boxes have {what}, first box "
                    f"{int(bad.argmax())}"
                )
        order = np.argsort(row, kind="stable")
        for name, values in (("row", row), ("finding", finding), ("xywh", xywh), ("score", score)):
            object.__setattr__(self, name, values[order])

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of the predicted boxes of one finding, by falling score.

    Attributes:
        score: [predicted], falling.
        hit: whether the box found one that no surer box had found, [predicted].
        row: its image, [predicted].
        boxes: reference boxes of the finding on every image, int64 [images]; 0 where it does not
            count.
        counted: images that count, bool [images].
        elsewhere: predicted boxes that were left out, on images that do not count.
    """

    score: NDArray[np.float64]
    hit: NDArray[np.bool_]
    row: NDArray[np.int64]
    boxes: NDArray[np.int64]
    counted: NDArray[np.bool_]
    elsewhere: int


def counted_images(reference: Boxes, finding: str, images: Images) -> NDArray[np.bool_]:
    """Images that count for a finding, bool [images]."""
    if images == "annotated":
        return reference.annotated
    if images != "boxed":
        raise EvaluationError(f'images must be "annotated" or "boxed", got {images!r}')
    boxed = np.zeros(len(reference.annotated), np.bool_)
    boxed[reference.row[reference.finding == finding]] = True
    return boxed


def matches(
    reference: Boxes,
    predicted: PredictedBoxes,
    finding: str,
    *,
    threshold: float = 0.5,
    convention: Convention = "coco",
    overlap: Overlap = "iou",
    images: Images = "annotated",
) -> Matches:
    """Give each predicted box of a finding the reference box that it found, the surest first.

    Args:
        reference: boxes that readers drew.
        predicted: on the same rows.
        finding: key.
        threshold: overlap from which a box is found, in (0, 1].
        convention: "coco": of the boxes not found yet, that of the greatest overlap, which must
            reach the threshold; at most :data:`MOST` predicted boxes an image. "voc2010": the box
            of the greatest overlap, which must exceed the threshold; if it was found already, the
            second one is false.
        overlap: :func:`iou` or :func:`iobb`.
        images: which images count.

    Returns:
        The predicted boxes by falling score, with what became of them. Those on images that do not
        count are left out and counted.

    Raises:
        EvaluationError: a threshold out of range, or boxes on rows that the reference lacks.

    Source:
        Lin et al. 2014, Microsoft COCO, with ``COCOeval.evaluateImg``; Everingham et al. 2010, The
        PASCAL Visual Object Classes (VOC) Challenge, § 4.2.
    """
    if not 0 < threshold <= 1:
        raise EvaluationError(f"threshold must lie in (0, 1], got {threshold}")
    if convention not in ("coco", "voc2010"):
        raise EvaluationError(f'convention must be "coco" or "voc2010", got {convention!r}')
    n = len(reference.annotated)
    if len(predicted) and predicted.row.max() >= n:
        raise EvaluationError(f"a predicted box stands on row {predicted.row.max()} of {n}")
    counted = counted_images(reference, finding, images)
    mine = np.flatnonzero(predicted.finding == finding)
    kept = mine[counted[predicted.row[mine]]]
    theirs = np.flatnonzero(reference.finding == finding)
    of = np.searchsorted(reference.row[theirs], np.arange(n + 1))
    at = np.searchsorted(predicted.row[kept], np.arange(n + 1))
    overlapping = iou if overlap == "iou" else iobb
    parts: list[NDArray[np.int64]] = []
    hits: list[NDArray[np.bool_]] = []
    for image in np.unique(predicted.row[kept]).tolist():
        some = kept[at[image] : at[image + 1]]
        some = some[np.argsort(-predicted.score[some], kind="stable")]
        some = some[:MOST] if convention == "coco" else some
        drawn = reference.xywh[theirs[of[image] : of[image + 1]]]
        parts.append(some)
        take = _coco if convention == "coco" else _voc
        hits.append(take(overlapping(predicted.xywh[some], drawn), threshold))
    every = np.concatenate([np.zeros(0, np.int64), *parts])
    hit = np.concatenate([np.zeros(0, np.bool_), *hits])
    order = np.argsort(-predicted.score[every], kind="stable")
    every, hit = every[order], hit[order]
    return Matches(
        score=predicted.score[every],
        hit=hit,
        row=predicted.row[every],
        boxes=np.where(counted, np.diff(of), 0),
        counted=counted,
        elsewhere=len(mine) - len(kept),
    )


def _coco(pairs: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Whether each predicted box, by falling score, finds a box; overlaps [predicted, boxes]."""
    hit = np.zeros(len(pairs), np.bool_)
    if not pairs.shape[1]:
        return hit
    left = pairs.copy()
    for at in range(len(pairs)):
        best = int(left[at].argmax())
        if left[at, best] >= min(threshold, 1 - 1e-10):
            hit[at] = True
            left[:, best] = -1
    return hit


def _voc(pairs: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    hit = np.zeros(len(pairs), np.bool_)
    if not pairs.shape[1]:
        return hit
    best = pairs.argmax(1)
    enough = pairs[np.arange(len(pairs)), best] > threshold
    found: set[int] = set()
    for at in np.flatnonzero(enough).tolist():
        hit[at] = int(best[at]) not in found
        found.add(int(best[at]))
    return hit
