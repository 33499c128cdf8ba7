"""The share of a heatmap's evidence in boxes, against what chance would put there."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.localisation import evidence_in_boxes

Y, X = (np.mgrid[:10, :10] + 0.5) / 10
to_the_right = np.greater(X.ravel(), 0.5)
POINTS = np.stack([X.ravel(), Y.ravel()], axis=1)


@pytest.mark.parametrize(
    ("lit", "boxes", "share"),
    [
        (np.ones(100), [(0, 0, 0.5, 1)], 0.5),
        (to_the_right, [(0, 0, 0.5, 1)], 0.0),
        (to_the_right, [(0.5, 0, 1, 1)], 1.0),
        (np.ones(100), [(0, 0, 0.5, 1), (0.2, 0, 0.5, 1)], 0.5),  # nothing counts twice
        (np.ones(100), [(0, 0, 0.2, 1), (0.8, 0, 1, 1)], 0.4),
        (np.zeros(100), [(0, 0, 0.5, 1)], None),
    ],
)
def test_shares(lit, boxes, share):
    found, chance = evidence_in_boxes(POINTS, lit, boxes)
    assert found == (None if share is None else pytest.approx(share))
    inside = np.zeros(100, bool)
    for left, top, right, bottom in boxes:
        inside |= (((left, top) <= POINTS) & ((right, bottom) > POINTS)).all(1)
    assert chance == pytest.approx(inside.mean())


@pytest.mark.parametrize(
    ("points", "lit", "boxes", "told"),
    [
        (POINTS, np.ones(99), [(0, 0, 1, 1)], "one at least"),
        (np.zeros((0, 2)), np.zeros(0), [(0, 0, 1, 1)], "one at least"),
        (POINTS, np.ones(100), np.zeros((0, 4)), "boxes must have shape"),
        (POINTS, -np.ones(100), [(0, 0, 1, 1)], "below 0"),
        (POINTS, np.full(100, np.nan), [(0, 0, 1, 1)], "below 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(points, lit, boxes, told):
    with pytest.raises(EvaluationError, match=told):
        evidence_in_boxes(points, lit, boxes)
