"""Whether a heatmap shows what a network goes by: its places taken away, or put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.faithfulness import Curve, mixed, shares

Grey = NDArray[np.float32]
Score = Callable[[Grey], NDArray[np.float64]]
"""From grey levels [pictures, rows, columns] to a score of one finding, [pictures]."""

BLUR = 0.05
"""Standard deviation of the blur that stands in for places taken away, as a share of the longer
side: enough that a blurred radiograph shows a chest and no finding."""
STEPS = 10


@dataclass(frozen=True, slots=True)
class Removal:
    """What a score does along an order of places.

    Attributes:
        deletion: as the places are blurred, the first first.
        insertion: as they are put back into a blurred picture.
    """

    deletion: Curve
    insertion: Curve


def removal(
    score: Score,
    pixels: Grey,
    order: NDArray[np.int64],
    shape: tuple[int, int],
    *,
    steps: int = STEPS,
) -> Removal:
    """Blur the places of a picture one after the other, and the other way round.

    Args:
        score: of one finding.
        pixels: grey levels, [rows, columns].
        order: cells of a grid over the picture, as
            :func:`hilum.evaluation.faithfulness.by_evidence` gives them.
        shape: the grid's h and w.
        steps: scores are asked for at 0, 1 / steps, … 1 of the places.

    Raises:
        EvaluationError: an order that does not name each cell once, or scores not finite.

    Source:
        Petsiuk, Das and Saenko 2018, RISE, § 4.3.
    """
    dull = blurred(pixels)
    at = shares(steps)
    without = [mixed(dull, pixels, order, shape, share) for share in at.tolist()]
    only = [mixed(pixels, dull, order, shape, share) for share in at.tolist()]
    # both begin where the other ends: neither end is asked for twice
    scores = score(np.stack([*without, *only[1:-1]]))
    whole, none = scores[0], scores[len(at) - 1]
    inner = scores[len(at) :]
    return Removal(
        deletion=Curve(at, scores[: len(at)]),
        insertion=Curve(at, np.concatenate([[none], inner, [whole]])),
    )


def blurred(pixels: Grey) -> Grey:
    """A picture so blurred that no finding is left in it."""
    sigma = BLUR * max(pixels.shape)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.float32)
