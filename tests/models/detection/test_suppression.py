"""Of boxes that overlap the surest stays, a kind by itself."""

import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import numpy as np
import torch

from hilum.models.detection.suppression import FLOOR, MOST, kept, suppressed, surest

pytestmark = pytest.mark.train


def plain(boxes, scores, overlap, floor):
    """Suppression as it is defined, box by box."""
    stays = np.zeros(len(scores), np.float32)
    taken = []
    for at in np.argsort(-scores, kind="stable"):
        if scores[at] <= floor:
            continue
        for other in taken:
            low, high = np.maximum(boxes[at, :2], other[:2]), np.minimum(boxes[at, 2:], other[2:])
            common = np.prod(np.maximum(high - low, 0))
            areas = [np.prod(one[2:] - one[:2]) for one in (boxes[at], other)]
            if common / (sum(areas) - common) > overlap:
                break
        else:
            stays[at] = 1
            taken.append(boxes[at])
    return stays


def drawn(rng, sets, n):
    low = rng.uniform(0, 60, (sets, n, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, (sets, n, 2))], 2)
    return boxes.astype(np.float32), rng.random((sets, n)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("overlap", "floor"), [(0.5, 0.005), (0.7, 0.3)])
def test_what_stays_is_what_the_definition_says(seed, overlap, floor):
    boxes, scores = drawn(np.random.default_rng(seed), 3, 60)
    found = kept(torch.from_numpy(boxes), torch.from_numpy(scores), overlap, floor).numpy()
    expected = [plain(*pair, overlap, floor) for pair in zip(boxes, scores, strict=True)]
    np.testing.assert_array_equal(found, expected)


def test_rows_are_filled_up_and_kinds_do_not_suppress_each_other():
    box = [10.0, 10, 30, 30]
    boxes = torch.tensor([[[box, [11.0, 10, 31, 30]], [box, [50.0, 50, 60, 60]]]])
    scores = torch.tensor([[[0.9, 0.8], [0.7, FLOOR]]])
    found = suppressed(boxes, scores)
    assert found.shape == (1, MOST, 6)
    torch.testing.assert_close(found[0, :2], torch.tensor([[*box, 0.9, 0.0], [*box, 0.7, 1.0]]))
    assert not found[0, 2:].any()


def test_most_boxes_come_out_the_surest_first():
    rng = np.random.default_rng(0)
    low = np.arange(150, dtype=np.float32)[:, None].repeat(2, 1) * 20
    boxes = torch.from_numpy(np.concatenate([low, low + 10], 1))[None, None]
    scores = torch.from_numpy(rng.uniform(0.1, 1, (1, 1, 150)).astype(np.float32))
    found = suppressed(boxes, scores)[0]
    torch.testing.assert_close(found[:, 4], scores[0, 0].sort(descending=True).values[:MOST])


def test_surest_shares_boxes_among_kinds():
    boxes, _ = drawn(np.random.default_rng(0), 2, 8)
    scores = torch.rand(2, 3, 8)
    found, sure = surest(torch.from_numpy(boxes)[:, None], scores, 4)
    assert found.shape == (2, 3, 4, 4)
    assert (sure.diff(dim=2) <= 0).all()
    at = int(scores[1, 2].argmax())
    torch.testing.assert_close(found[1, 2, 0], torch.from_numpy(boxes)[1, at])
