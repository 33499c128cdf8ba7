"""What a network that draws boxes is shown: boxes and masks move with the picture."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.domain.boxes import Boxes  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.training.detection.boxes import Marked  # noqa: E402
from hilum.training.detection.rows import BoxRows  # noqa: E402
from hilum.training.rows import PLAIN, Item, Labelled, batch_of  # noqa: E402
from hilum.transforms.augmentation import CentreCrop, Policy, Sequential, Warp  # noqa: E402

pytestmark = pytest.mark.train

SIDE = 64
SPEC = Preprocessing(size=(SIDE, SIDE))


def rows(policy: Policy | None = None) -> BoxRows:
    """Three pictures: one white rectangle, two, and none where nobody looked."""
    drawn = [(0, (10, 20, 16, 12)), (1, (4, 6, 12, 20)), (1, (40, 30, 14, 14))]
    images = np.zeros((3, SIDE, SIDE), np.uint8)
    for row, (x, y, w, h) in drawn:
        images[row, y : y + h, x : x + w] = 255
    boxes = Boxes(
        np.array([row for row, _ in drawn]), text(["nodule", "mass", "nodule"]),
        np.array([box for _, box in drawn], np.float64), np.array([True, True, False]),
    )  # fmt: skip
    masks = (images[:2] > 0).astype(np.uint8)
    marked = Marked(("mass", "nodule"), boxes, ("blob",), masks, np.array([0, 1, -1]))
    known = Labelled(
        np.array([[1, 0], [0, 1], [1, 1]], np.float32), np.ones((3, 2), np.bool_),
        text(["a", "b", "c"]),
    )  # fmt: skip
    return BoxRows(
        images, known, np.arange(3), marked=marked, findings=2, spec=SPEC, policy=policy, seed=1
    )


def of(served: BoxRows, epoch: int, at: int) -> Item:
    item = served[epoch, at]
    assert isinstance(item, Item)
    assert item.boxes is not None
    assert item.kinds is not None
    assert item.masks is not None
    return item


def test_an_item_holds_boxes_kinds_masks_and_what_counts() -> None:
    served = rows()
    one, none = of(served, PLAIN, 1), of(served, PLAIN, 2)
    assert one.boxes is not None
    assert one.boxes.tolist() == [[4, 6, 16, 26], [40, 30, 54, 44]]
    assert one.kinds is not None
    assert one.kinds.tolist() == [0, 1]
    assert (one.target.tolist(), one.mask.tolist()) == ([0, 1, 0, 0], [1, 1, 1, 1])
    assert none.kinds is not None
    assert (none.kinds.tolist(), none.mask.tolist()) == ([-1, -1], [1, 1, 0, 0])
    assert one.masks is not None
    assert one.masks.shape == (1, 32, 32)
    assert float(one.masks.sum()) == (12 * 20 + 14 * 14) / 4
    batch = batch_of([one, 7, none])
    assert batch.failed.tolist() == [7]
    assert batch.items is not None
    assert [part.shape[0] for part in batch.items.inputs] == [2] * 5
    whole = served.boxes_of_all()
    assert whole.annotated.tolist() == [True, True, False]
    shares, there = served.areas()
    assert (shares[:, 0] > 0).tolist() == there[:, 0].tolist() == [True, True, False]


@pytest.mark.parametrize(
    "policy",
    [
        Sequential(steps=(Warp(rotate_deg=0.0, zoom=0.2, stretch=0.1, shift=0.2),)),
        Sequential(steps=(CentreCrop(share=0.9),)),
        Sequential(steps=(CentreCrop(size_px=(48, 56)),)),
    ],
    ids=["warp", "crop", "crop to a size"],
)
def test_boxes_stay_on_what_they_are_around(policy: Policy) -> None:
    served, seen = rows(policy), 0
    for epoch in range(20):
        for at in (0, 1):
            item = of(served, epoch, at)
            assert item.boxes is not None
            assert item.kinds is not None
            grey = item.image[0].numpy() > 0.5
            left = np.zeros_like(grey)
            for box, kind in zip(item.boxes.tolist(), item.kinds.tolist(), strict=True):
                if kind < 0:
                    continue
                x1, y1, x2, y2 = (round(v) for v in box)
                inside = grey[max(y1, 0) : y2, max(x1, 0) : x2]
                assert inside.mean() > 0.85  # half a pixel at each edge
                left[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = True
                seen += 1
            if (item.kinds >= 0).sum() == 1 + at:
                assert not (grey & ~left).any()
    assert seen > 30
    assert of(rows(policy), 3, 1).image.equal(of(rows(policy), 3, 1).image)
