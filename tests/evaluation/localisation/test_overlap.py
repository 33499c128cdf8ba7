import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.localisation.overlap import dice, hull, region_iou


@pytest.mark.parametrize(
    ("mine", "theirs", "value"),
    [
        ([[0, 0, 2, 2]], [[0, 0, 2, 2]], 1.0),
        ([[0, 0, 2, 2]], [[1, 0, 2, 2]], 2 / 6),
        ([[0, 0, 1, 1]], [[2, 2, 1, 1]], 0.0),
        ([[0, 0, 2, 2], [1, 1, 2, 2]], [[0, 0, 3, 3]], 7 / 9),  # the overlap counts once
        ([[0, 0, 1, 4], [3, 0, 1, 4]], [[0, 0, 4, 4]], 0.5),
        ([[0, 0, 0, 0]], [[0, 0, 4, 4]], 0.0),
    ],
)
def test_iou_of_regions(mine, theirs, value):
    assert region_iou(mine, theirs) == pytest.approx(value)
    assert region_iou(theirs, mine) == pytest.approx(value)


def test_iou_is_that_of_painted_pixels():
    rng = np.random.default_rng(0)
    for _ in range(50):
        sides = [np.concatenate([rng.integers(0, 20, (3, 2)), rng.integers(1, 15, (3, 2))], 1)
                 for _ in range(2)]  # fmt: skip
        painted = np.zeros((2, 40, 40), bool)
        for plane, boxes in zip(painted, sides, strict=True):
            for x, y, w, h in boxes:
                plane[y : y + h, x : x + w] = True
        expected = (painted[0] & painted[1]).sum() / (painted[0] | painted[1]).sum()
        assert region_iou(*sides) == pytest.approx(expected)


def test_nothing_against_nothing_is_undefined():
    with pytest.raises(EvaluationError, match="neither region has area"):
        region_iou(np.zeros((1, 4)), np.zeros((0, 4)))
    assert dice(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) is None


def test_hull():
    assert hull([[2, 3, 4, 5], [0, 10, 1, 1], [0, 0, 0, 9]]).tolist() == [0, 3, 6, 8]
    assert hull(np.zeros((2, 4))).tolist() == [0, 0, 0, 0]


def test_dice():
    one = np.array([[True, True], [False, False]])
    assert dice(one, one) == 1.0
    assert dice(one, np.array([[True, False], [True, True]])) == pytest.approx(2 / 5)
