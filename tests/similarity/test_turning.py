from __future__ import annotations

import numpy as np
import pytest

from hilum.similarity import thumbnail
from hilum.similarity.features import describe
from hilum.similarity.turning import EVERY, Turning


def turned(picture: np.ndarray, turning: Turning) -> np.ndarray:
    if turning.swap:
        picture = picture.T
    if turning.left_right:
        picture = picture[:, ::-1]
    if turning.up_down:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


@pytest.mark.parametrize("turning", EVERY, ids=lambda turning: turning.name or "upright")
def test_turned_codes_are_the_codes_of_the_turned_picture(chests, turning):
    pictures = [thumbnail(chest) for chest in chests[:6]]
    before = describe(lambda i: pictures[i], 6, threads=1)
    after = describe(lambda i: turned(pictures[i], turning), 6, threads=1)
    same = 0
    for number in range(6):
        places = turning.places(before.points[before.of(number)])
        codes = turning.codes(before.codes[before.of(number)]).astype(float)
        there = after.points[after.of(number)]
        apart = np.abs(places[:, None] - there[None]).max(2)
        near = apart.argmin(1)
        met = apart.min(1) < 0.003
        distance = np.linalg.norm(codes[met] - after.codes[after.of(number)][near[met]], axis=1)
        same += int((distance < 30).sum())  # others are 100 apart
    assert same > 0.8 * len(before.points)


def test_codes_of_an_inverted_picture_are_the_same(chests):
    pictures = [thumbnail(chest) for chest in chests[:6]]
    one = describe(lambda i: pictures[i], 6, threads=1)
    two = describe(lambda i: 255 - pictures[i], 6, threads=1)
    distances = list[float]()
    for number in range(6):
        here, there = one.points[one.of(number)], two.points[two.of(number)]
        apart = np.abs(here[:, None] - there[None]).max(2)
        near, met = apart.argmin(1), apart.min(1) < 0.003
        codes = two.codes[two.of(number)][near[met]].astype(float)
        distances += np.linalg.norm(one.codes[one.of(number)][met] - codes, axis=1).tolist()
    assert len(distances) > 0.8 * len(one.points)
    assert np.percentile(distances, 90) < 10


def test_the_eight_turnings_differ_and_undo_each_other():
    matrices = [turning.matrix for turning in EVERY]
    assert len({tuple(m.ravel()) for m in matrices}) == 8
    for matrix in matrices:
        assert any(np.array_equal(other @ matrix, np.eye(2)) for other in matrices)
