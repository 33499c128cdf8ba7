"""How far two regions agree: intersection over union of boxes, Dice of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError


def hull(boxes: ArrayLike) -> NDArray[np.float64]:
    """The smallest box around several.

    Args:
        boxes: [boxes, 4], left, top, width, height; those without area are left out.

    Returns:
        [4]; zeros where no box has area.
    """
    kept = _with_area(boxes)
    if not len(kept):
        return np.zeros(4)
    low, high = kept[:, :2].min(0), (kept[:, :2] + kept[:, 2:]).max(0)
    return np.concatenate([low, high - low])


def region_iou(mine: ArrayLike, theirs: ArrayLike) -> float:
    """Intersection over union of two regions, each covered by boxes that may overlap.

    Args:
        mine: [boxes, 4], left, top, width, height.
        theirs: the same.

    Returns:
        In [0, 1].

    Raises:
        EvaluationError: neither region has area.
    """
    one, other = _with_area(mine), _with_area(theirs)
    every = np.concatenate([one, other])
    if not len(every):
        raise EvaluationError("neither region has area: their overlap is undefined")
    # Between neighbouring edges of any box every cell lies wholly inside or outside of each.
    edges = [
        np.unique(np.concatenate([every[:, k], every[:, k] + every[:, k + 2]])) for k in (0, 1)
    ]
    cells = np.diff(edges[1])[:, None] * np.diff(edges[0])[None, :]
    first, second = (_covered(boxes, edges) for boxes in (one, other))
    return float(cells[first & second].sum() / cells[first | second].sum())


def dice(mine: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float | None:
    """Dice of two masks of one shape; None where both are empty."""
    size = int(mine.sum()) + int(theirs.sum())
    return 2 * int((mine & theirs).sum()) / size if size else None


def _with_area(boxes: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(boxes, np.float64).reshape(-1, 4)
    return found[(found[:, 2] > 0) & (found[:, 3] > 0)]


def _covered(boxes: NDArray[np.float64], edges: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
    middle = [(e[:-1] + e[1:]) / 2 for e in edges]
    covered = np.zeros((len(middle[1]), len(middle[0])), np.bool_)
    for x, y, w, h in boxes:
        across = (middle[0] > x) & (middle[0] < x + w)
        down = (middle[1] > y) & (middle[1] < y + h)
        covered |= down[:, None] & across[None, :]
    return covered
