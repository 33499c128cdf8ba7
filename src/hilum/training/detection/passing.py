"""A network that draws boxes, as the loop calls it: images and targets in, rows of numbers out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from hilum.models.detection import Detector, Targets
from hilum.models.views import AnyNetwork
from hilum.training.detection.rows import BoxRows
from hilum.training.losses.masks import dice_bce
from hilum.training.rows import Served

NUMBERS = 6
"""Of a box that a network drew: left, top, right, bottom, score, kind."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each number of a row stands; see :func:`passed`.

    Attributes:
        parts: losses of boxes.
        outputs: of the class task.
        structures: masks.
    """

    parts: int
    outputs: int
    structures: int

    @classmethod
    def of(cls, network: Detector) -> Layout:
        """Of a network's rows."""
        outputs = network.task.outputs if network.task else 0
        return cls(len(network.parts), outputs, len(network.structures))

    @property
    def losses(self) -> slice:
        """Losses of boxes."""
        return slice(0, self.parts)

    @property
    def raw(self) -> slice:
        """Raw outputs of the class task."""
        return slice(self.parts, self.parts + self.outputs)

    @property
    def masks(self) -> slice:
        """Losses of masks."""
        return slice(self.raw.stop, self.raw.stop + self.structures)

    @property
    def boxes(self) -> slice:
        """Boxes that were drawn, flat; in evaluation mode alone."""
        return slice(self.masks.stop, None)


def passed(
    network: Detector,
    image: Tensor,
    boxes: Tensor,
    kinds: Tensor,
    known: Tensor,
    masks: Tensor | None = None,
) -> Tensor:
    """Losses and outputs, float32 [batch, numbers], as :class:`Layout` says.

    Args:
        network: in training or evaluation mode; in the latter it draws its boxes as well.
        image: float32 [batch, 1, rows, columns].
        boxes: corners, [batch, most, 4].
        kinds: [batch, most], -1 where a row only fills up.
        known: an item's mask: of findings, of boxes, of structures.
        masks: shares at half the input's size, [batch, structures, h, w]; their loss is the plain
            one of a segmentation.
    """
    structures = len(network.structures)
    annotated = known[:, known.shape[1] - structures - 1] > 0
    learnt = network.learning(image, Targets(boxes, kinds, annotated))
    found = [learnt.losses.float()]
    if learnt.raw is not None:
        found.append(learnt.raw.float())
    if learnt.masks is not None and masks is not None:
        high, wide = learnt.masks.shape[2:]
        wanted = adaptive_avg_pool2d(masks, (high, wide))
        there = known[:, known.shape[1] - structures :]
        found.append(dice_bce(learnt.masks.float(), wanted, there))
    if not network.training:
        found.append(network(image)[-1].float().flatten(1))
    return torch.cat(found, 1)


def start(network: AnyNetwork, served: Served) -> None:
    """Let an untrained head of any network say what is usual on the rows to learn from."""
    rows = served.rows
    if not isinstance(network, Detector):
        network.start(served.targets[rows], served.mask[rows])
        return
    assert isinstance(served, BoxRows)
    count = served.findings
    classes = served.targets[rows][:, :count], served.mask[rows][:, :count]
    network.start(
        classes=classes if count else None,
        areas=served.areas() if served.structures else None,
        boxes=served.boxes_of_all(),
    )
