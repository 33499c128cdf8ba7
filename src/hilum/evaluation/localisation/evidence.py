"""How much of a heatmap lies where readers drew boxes."""

from __future__ import annotations

from numpy.typing import ArrayLike

from hilum.errors import EvaluationError
from hilum.evaluation import inputs


def evidence_in_boxes(
    points: ArrayLike, evidence: ArrayLike, boxes: ArrayLike
) -> tuple[float | None, float]:
    """The share of a heatmap's evidence that lies in boxes, and what chance would put there.

    Args:
        points: x and y of places that are spread evenly over the picture, [places, 2].
        evidence: at those places, [places], none below 0.
        boxes: left, top, right, bottom of one or more, in the units of the points, [boxes, 4].
            Where they overlap nothing counts twice.

    Returns:
        The share of the evidence, in [0, 1], None where there is no evidence at all; and the share
        of the places that lie in boxes, which evidence spread evenly would reach.

    Raises:
        EvaluationError: shapes that do not go together, no place, no box, or evidence below 0.

    Source:
        Wang et al. 2020, Score-CAM, § 4.3 (energy-based pointing game).
    """
    where, lit = inputs.numbers(points, "points"), inputs.numbers(evidence, "evidence")
    drawn = inputs.numbers(boxes, "boxes")
    if where.shape != (len(lit), 2) or lit.ndim != 1 or not len(lit):
        raise EvaluationError(
            f"points must have shape [places, 2] and evidence [places], one at least; got "
            f"{list(where.shape)} and {list(lit.shape)}"
        )
    if drawn.ndim != 2 or drawn.shape[1] != 4 or not len(drawn):
        raise EvaluationError(f"boxes must have shape [boxes, 4], got {list(drawn.shape)}")
    if not bool((lit >= 0).all()):
        raise EvaluationError("evidence lies below 0, or is no number")
    x, y = where.T[:, :, None]
    left, top, right, bottom = drawn.T[:, None, :]
    inside = ((x >= left) & (x < right) & (y >= top) & (y < bottom)).any(-1)
    total = float(lit.sum())
    share = float(lit[inside].sum()) / total if total > 0 else None
    return share, float(inside.mean())
