"""The small head: what its places are asked for, and that its answers are read the same way."""

import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import torch

from hilum.models.detection import Targets
from hilum.models.detection.small import Small

pytestmark = pytest.mark.train
SIZE = (64, 96)
BOXES = torch.tensor([[[10.0, 12, 50, 40], [60, 20, 68, 28], [12, 14, 44, 36]]])
WANTED = Targets(BOXES, torch.tensor([[0, 0, 1]]), torch.tensor([True]))


def head():
    torch.manual_seed(0)
    return Small((8, 8, 8, 8), 2, width=16, size=SIZE)


def test_scores_are_highest_at_the_place_that_holds_the_middle():
    heat = torch.zeros(1, 2, 16, 24)
    wanted, nearest, weight = head()._wanted(WANTED, heat)
    places = {0: [(26, 30), (24, 64)], 1: [(25, 28)]}  # y and x of the boxes' middles
    for kind, middles in places.items():
        peaks = (wanted[0, kind] > 0.999).nonzero().tolist()
        assert sorted(peaks) == sorted([int(y // 4), int(x // 4)] for y, x in middles)
    torch.testing.assert_close(weight.sum((2, 3)), torch.tensor([[2.0, 1.0]]))  # one a box
    assert torch.equal(nearest[0, 1, 6, 7], BOXES[0, 2])
    assert torch.equal(nearest[0, 0, 6, 16], BOXES[0, 1])


def test_perfect_answers_are_decoded_to_the_boxes_and_cost_nothing():
    small = head()
    heat = torch.zeros(1, 2, 16, 24)
    wanted, nearest, _ = small._wanted(WANTED, heat)
    sure = torch.where(wanted > 0.999, 12.0, -12.0)
    small._raw = lambda _: (sure, nearest)
    losses = small.losses((heat,), WANTED, SIZE)
    torch.testing.assert_close(losses, torch.zeros(1, 2), atol=1e-4, rtol=0)
    boxes, scores = small.candidates((heat,), SIZE)
    found = boxes[scores > 0.5]
    assert sorted(found.tolist()) == sorted(BOXES[0].tolist())


def test_a_box_in_the_wrong_place_costs_more_than_one_that_is_a_little_off():
    small = head()
    heat = torch.zeros(1, 2, 16, 24)
    _, nearest, _ = small._wanted(WANTED, heat)
    costs = []
    for by in (0.0, 2.0, 8.0, 30.0):
        small._raw = lambda _, by=by: (heat, nearest + by)
        costs.append(float(small.losses((heat,), WANTED, SIZE)[0, 1]))
    assert costs == sorted(costs)
    assert costs[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("size", "finest"), [((320, 320), 4), ((384, 512), 8), ((512, 320), 4)])
def test_places_lie_further_apart_on_large_images(size, finest):
    assert Small.strides_for(size)[0] == finest
