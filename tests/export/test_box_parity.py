"""What counts as the same boxes: rounding may change an order, and nothing else may change."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.export.box_parity import candidates_apart, suppression_apart  # noqa: E402
from hilum.models.detection.suppression import suppressed  # noqa: E402

pytestmark = pytest.mark.train
SIDE = 100.0


def candidates(kinds=2, n=30, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (2, kinds, n, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, low.shape)], 3).astype(np.float32)
    return boxes, -np.sort(-rng.random((2, kinds, n)).astype(np.float32), axis=2)


def drawn(boxes, scores):
    with torch.inference_mode():
        return suppressed(torch.from_numpy(boxes), torch.from_numpy(scores)).numpy().copy()


def test_a_mere_change_of_order_is_none():
    boxes, scores = candidates()
    assert candidates_apart((boxes, scores), (boxes, scores), SIDE) == 0
    scores[:, :, 4] = scores[:, :, 3]
    order = [*range(3), 4, 3, *range(5, 30)]
    assert candidates_apart((boxes, scores), (boxes[:, :, order], scores), SIDE) == 0


@pytest.mark.parametrize(("at", "by"), [((1, 0, 2), 0.5), ((0, 1, 0), 0.05)])
def test_a_candidate_that_moved_is_seen(at, by):
    boxes, scores = candidates()
    moved = boxes.copy()
    moved[at] += by
    found = candidates_apart((boxes, scores), (moved, scores), SIDE)
    assert found == pytest.approx(by / SIDE, rel=1e-2)


def test_a_score_that_differs_is_seen():
    boxes, scores = candidates()
    surer = scores.copy()
    surer[0, 0, 0] += 0.01
    assert candidates_apart((boxes, scores), (boxes, surer), SIDE) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [30, 150])
def test_suppression_keeps_the_rules(seed, n):
    boxes, scores = candidates(n=n, seed=seed)
    assert suppression_apart(drawn(boxes, scores), boxes, scores, SIDE) < 1e-6


def test_either_of_two_that_are_as_sure_may_stay():
    one, other = [10, 10, 50, 50], [12, 10, 52, 50]
    boxes = np.array([[[one, other]]], np.float32)
    scores = np.array([[[0.8, 0.8 - 1e-7]]], np.float32)
    rows = np.zeros((1, 100, 6), np.float32)
    for stays in (0, 1):
        rows[0, 0] = [*boxes[0, 0, stays], scores[0, 0, stays], 0]
        assert suppression_apart(rows, boxes, scores, SIDE) < 1e-6
    scores[0, 0, 1] = 0.7  # now the first has to
    rows[0, 0] = [*other, 0.7, 0]
    assert suppression_apart(rows, boxes, scores, SIDE) > 0.01


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[0].__setitem__(0, 0.0),  # the surest is gone
        lambda rows: rows[1].__setitem__(
            slice(0, 2), rows[1, [1, 0]]
        ),  # no longer the surest first
        lambda rows: rows[0, 2].__setitem__(0, rows[0, 2, 0] + 3),  # no candidate
        lambda rows: rows[0, 0].__setitem__(5, 1 - rows[0, 0, 5]),  # of another kind
        lambda rows: rows[1].__setitem__(slice(50, 99), 0.0),  # an end that came too early
    ],
)
def test_whatever_breaks_a_rule_is_seen(spoil):
    boxes, scores = candidates(n=60, seed=1)
    low = np.arange(60, dtype=np.float32) * 40  # none overlaps another of its kind
    boxes[1, :, :, 0], boxes[1, :, :, 2] = low, low + 30
    rows = drawn(boxes, scores)
    assert suppression_apart(rows, boxes, scores, SIDE) < 1e-6
    spoil(rows)
    assert suppression_apart(rows, boxes, scores, SIDE) > 1e-3  # 1e-4 is allowed


def test_a_box_that_should_have_been_suppressed_is_seen():
    boxes, scores = candidates(kinds=1)
    every = np.zeros((2, 100, 6), np.float32)
    every[:, :30, :4], every[:, :30, 4] = boxes[:, 0], scores[:, 0]
    assert suppression_apart(every, boxes, scores, SIDE) > 0.05
