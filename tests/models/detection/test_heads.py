"""Every head that draws boxes: what it learns from, what it gives, and that it learns."""

import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import numpy as np
import torch
from torchvision.ops import box_iou

from hilum.models.backbones import build_backbone
from hilum.models.detection import HEADS, Targets, build_detector
from hilum.models.tasks import Task

pytestmark = pytest.mark.train
KINDS = ("nodule", "opacity")
SIDE = 96
BOXES = torch.tensor(
    [[[8.0, 8, 40, 48], [50, 40, 90, 80]], [[30, 20, 62, 60], [0, 0, 0, 0]], [[0.0] * 4] * 2]
)
SAID = torch.tensor([[0, 1], [1, -1], [-1, -1]])
every_head = pytest.mark.parametrize("head", list(HEADS))


def detector(head, *, backbone="test_efficientnet", task=None, structures=()):
    torch.manual_seed(0)
    size = (SIDE, SIDE)
    found = build_backbone(backbone, size=size)
    return build_detector(found, head, KINDS, size=size, task=task, structures=structures)


def targets(annotated=(True, True, True)):
    return Targets(BOXES, SAID, torch.tensor(annotated))


def pictures():
    """Noise, brighter in boxes of the first kind and darker in those of the second."""
    image = torch.from_numpy(np.random.default_rng(0).normal(0, 0.2, (3, 1, SIDE, SIDE)))
    for one, boxes, kinds in zip(image, BOXES, SAID, strict=True):
        for (left, top, right, bottom), kind in zip(boxes.int().tolist(), kinds, strict=True):
            one[0, top:bottom, left:right] += 1.5 if kind == 0 else -1.5
    return image.float()


@every_head
def test_losses_are_of_each_image_and_of_annotated_ones_alone(head):
    network = detector(head).eval()
    losses = network.losses(pictures(), targets((True, False, True)))
    assert losses.shape == (3, len(network.parts))
    assert losses.dtype == torch.float32
    assert torch.isfinite(losses).all()
    assert (losses[0] > 0).all()
    assert torch.equal(losses[1], torch.zeros(len(network.parts)))  # nobody looked
    assert losses[2].sum() > 0  # somebody did, and there are none: that is learnt too
    if head != "faster-rcnn":  # which draws at random what it looks at
        alone = network.losses(pictures()[:1], Targets(*(one[:1] for one in targets())))
        torch.testing.assert_close(alone[0], losses[0], atol=1e-5, rtol=1e-4)


@every_head
def test_images_that_nobody_annotated_move_nothing(head):
    network = detector(head)
    network.losses(pictures(), Targets.nothing(3)).sum().backward()
    moved = [n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()]
    assert moved == []


@every_head
def test_every_parameter_learns(head):
    task = Task("one-of", ("a", "b", "c"))
    network = detector(head, task=task, structures=("lung_right", "lung_left"))
    found = network.learning(pictures(), targets())
    assert found.raw is not None
    assert found.masks is not None
    assert found.raw.shape == (3, 3)
    stride = network.mask_stride
    assert found.masks.shape == (3, 2, SIDE // stride, SIDE // stride)
    total = found.losses.sum() + found.raw.square().sum() + found.masks.square().sum()
    total.backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


@every_head
def test_what_goes_into_a_graph(head):
    network = detector(head, task=Task("multi-label", ("a", "b")), structures=("lung",)).eval()
    bare = detector(head).eval()
    with torch.inference_mode():
        logits, masks, boxes = network(pictures())
        (alone,) = bare(pictures())
    assert logits.shape == (3, 2)
    assert masks.shape[:2] == (3, 1)
    for found in (boxes, alone):
        assert found.shape == (3, 100, 6)
        assert (found[..., :4] >= 0).all()
        assert (found[..., :4] <= SIDE).all()
        assert (found[..., 4].diff(dim=1) <= 0).all()  # the surest first
        drawn = found[found[..., 4] > 0]
        assert set(drawn[:, 5].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("head", "steps"),
    [
        ("small", 60),
        pytest.param("fcos", 60, marks=pytest.mark.slow),
        pytest.param("retinanet", 80, marks=pytest.mark.slow),
        pytest.param("faster-rcnn", 80, marks=pytest.mark.slow),
    ],
)
def test_boxes_are_learnt(head, steps):
    """Three pictures by heart: every box is found, of its kind, and nothing else is as sure."""
    network = detector(head)
    wanted, images = targets(), pictures()
    network.start(boxes=wanted)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        network.losses(images, wanted).mean(0).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimiser.step()
    for layer in network.modules():  # statistics of three pictures are all that there is
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.track_running_stats, layer.running_mean, layer.running_var = False, None, None
    with torch.inference_mode():
        (found,) = network.eval()(images)
    for at in range(3):
        boxes, kinds = wanted.of(at)
        surest = found[at][: len(boxes)]
        overlap = box_iou(boxes, surest[:, :4])
        same = kinds[:, None] == surest[:, 5]
        assert ((overlap * same).amax(1) > 0.5).all() if len(boxes) else found[at, 0, 4] < 0.3


def test_start_gives_what_is_usual():
    network = detector("small", task=Task("multi-label", ("a", "b")), structures=("lung",)).eval()
    network.start(
        classes=(np.array([[1, 0], [0, 0]], np.float32), np.ones((2, 2), np.bool_)),
        areas=(np.array([[0.2], [0.4]], np.float32), np.array([[True], [False]])),
        boxes=targets(),
    )
    with torch.inference_mode():
        found = network.everything(pictures())
    torch.testing.assert_close(
        found.logits.sigmoid(), torch.tensor([[0.5, 0.25]]).expand(3, -1), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        found.masks.sigmoid(), torch.full_like(found.masks, 0.2), atol=1e-5, rtol=0
    )
    inner = found.boxes[0, 1][(found.boxes[0, 1] > 1).all(1) & (found.boxes[0, 1] < 95).all(1)]
    wide = (inner[:, 2] - inner[:, 0]).median()
    assert wide == pytest.approx((40 * 32) ** 0.5, rel=1e-4)  # the usual width of the second kind


def test_images_without_any_box_in_the_batch():
    none = Targets(torch.zeros(3, 0, 4), torch.zeros(3, 0, dtype=torch.int64), torch.ones(3) > 0)
    for head in HEADS:
        losses = detector(head).losses(pictures(), none)
        assert torch.isfinite(losses).all()
        assert (losses[:, 0] > 0).all()


def test_a_box_that_a_crop_left_without_area_spoils_nothing():
    boxes = BOXES.clone()
    boxes[1, 0] = torch.tensor([96.0, 20, 96, 60])
    for head in HEADS:
        losses = detector(head).losses(pictures(), Targets(boxes, SAID, torch.ones(3) > 0))
        assert torch.isfinite(losses).all()
