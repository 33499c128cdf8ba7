"""One map, a Gaussian a box, four distances a place: cheap enough for a bedside device."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import generalized_box_iou_loss

from hilum.models.detection.head import PRIOR, BoxHead
from hilum.models.detection.suppression import surest
from hilum.models.detection.targets import Targets
from hilum.models.segmentation import Merging, separable

FINE, COARSE = 4, 8
"""Pixels between places, for inputs below and from :data:`LARGE` on."""

LARGE = 384
"""Rows or columns, the fewer, from which places lie further apart."""

SPREAD = 0.54
"""Width of a Gaussian as a share of its box (Liu et al. 2020, α)."""

FAR = 6.0
"""Distances lie within e^±6 of where they begin."""


class Small(BoxHead):
    """Pyramid → one fine map → for each kind a score and four distances to the edges.

    A place's score is how near it lies to the middle of a box, on a Gaussian as wide as the box;
    places under the Gaussian learn the distances, weighted by it. No anchors, and no matching that
    could go wrong.

    Args:
        channels: of the maps of :attr:`strides`.
        kinds: how many kinds of boxes.
        width: channels within, a multiple of 8.
        size: rows and columns of the images.

    Source:
        Zhou et al. 2019, Objects as points; the Gaussians' form and weights of Liu et al. 2020,
        Training-time-friendly network for real-time object detection (TTFNet).
    """

    parts = ("heat", "box")

    def __init__(
        self, channels: Sequence[int], kinds: int, *, width: int, size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.strides = self.strides_for(size)
        self.stride = self.strides[0]
        self.kinds, self.width = kinds, width
        self.pyramid = Merging(channels, width)
        self.heat = nn.Sequential(separable(width), nn.Conv2d(width, kinds, 1))
        self.edges = nn.Sequential(separable(width), nn.Conv2d(width, 4 * kinds, 1))
        for tower in (self.heat, self.edges):
            nn.init.zeros_(cast("Tensor", tower[-1].weight))
        nn.init.constant_(cast("Tensor", self.heat[-1].bias), log(PRIOR / (1 - PRIOR)))
        nn.init.constant_(cast("Tensor", self.edges[-1].bias), log(0.1 * min(size)))

    @staticmethod
    def strides_for(size: tuple[int, int]) -> tuple[int, ...]:
        """Strides of the maps that it wants for images of a size."""
        return (FINE, 8, 16, 32) if min(size) < LARGE else (COARSE, 16, 32)

    def merged(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One map of the finest stride."""
        return (self.pyramid(maps),)

    def losses(self, maps: Sequence[Tensor], targets: Targets, size: tuple[int, int]) -> Tensor:
        """Focal loss of the scores, and generalised IoU loss of the boxes, a box."""
        heat, boxes = self._raw(maps)
        wanted, nearest, weight = self._wanted(targets, heat)
        known = targets.annotated
        count = (targets.kinds >= 0).sum(1).clamp(min=1)
        punished = _focal(heat, wanted).flatten(1).sum(1) / count
        apart = generalized_box_iou_loss(boxes, nearest)
        wrong = (apart * weight).flatten(1).sum(1) / count
        return torch.stack([punished, wrong], 1) * known.unsqueeze(1)

    def candidates(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The surest places of each kind, boxes cut at the edge of the picture."""
        heat, boxes = self._raw(maps)
        found, scores = surest(boxes.flatten(2, 3), heat.flatten(2))
        high, wide = size
        limit = found.new_tensor([wide, high, wide, high])
        return torch.minimum(found.clamp(min=0.0), limit), scores.sigmoid()

    @torch.no_grad()
    def start(self, boxes: Targets) -> None:
        """Begin with boxes of the usual size of each kind."""
        bias = cast("Tensor", self.edges[-1].bias).view(self.kinds, 4)
        for kind in range(self.kinds):
            of = boxes.boxes[boxes.kinds == kind]
            if len(of):
                half = (of[:, 2:] - of[:, :2]).clamp(min=1).log().mean(0).exp() / 2
                bias[kind] = half.log().repeat(2)

    def _raw(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits [B, kinds, h, w] and boxes [B, kinds, h, w, 4]."""
        (found,) = maps
        heat = self.heat(found).float()
        h, w = heat.shape[2:]
        bias = cast("Tensor", self.edges[-1].bias).view(1, self.kinds, 4, 1, 1)
        far = self.edges(found).float().view(-1, self.kinds, 4, h, w)
        far = (bias + (far - bias).clamp(-FAR, FAR)).exp().permute(0, 1, 3, 4, 2)
        x, y = _places(h, w, self.stride, heat.device)
        middle = torch.stack([x.expand(h, w), y.expand(h, w)], 2)
        return heat, torch.cat([middle - far[..., :2], middle + far[..., 2:]], 4)

    def _wanted(self, targets: Targets, heat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For each kind and place: the score, the box, and what that box weighs here."""
        batch, kinds, h, w = heat.shape
        x, y = _places(h, w, self.stride, heat.device)
        boxes = targets.boxes.float()
        if not boxes.shape[1]:
            nothing = heat.new_zeros(batch, kinds, h, w)
            return nothing, heat.new_zeros(batch, kinds, h, w, 4), nothing
        left, top, right, bottom = (boxes[:, :, at, None, None] for at in range(4))
        # The place that holds the middle counts as the middle.
        mx, my = (((a + b) / 2 / self.stride).floor().add(0.5) * self.stride
                  for a, b in ((left, right), (top, bottom)))  # fmt: skip
        sx, sy = (
            (SPREAD * (b - a) / 6).clamp(min=self.stride / 3)
            for a, b in ((left, right), (top, bottom))
        )
        bell = torch.exp(-(((x - mx) / sx) ** 2 + ((y - my) / sy) ** 2) / 2)
        bell = bell * (bell > torch.finfo(torch.float32).eps)
        every = torch.arange(boxes.shape[1], device=heat.device).view(1, -1, 1, 1)
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for kind in range(kinds):  # all at once would fill the memory
            bells = bell * (targets.kinds == kind)[:, :, None, None]
            highest, owner = bells.max(1)
            mine = bells * (owner.unsqueeze(1) == every)
            share = (mine / mine.sum((2, 3), keepdim=True).clamp(min=1e-6)).sum(1)
            at = owner.flatten(1).unsqueeze(2).expand(-1, -1, 4)
            parts.append((highest, boxes.gather(1, at).view(batch, h, w, 4), share))
        wanted, nearest, weight = (torch.stack(part, 1) for part in zip(*parts, strict=True))
        return wanted, nearest, weight


def _places(h: int, w: int, stride: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where the middles of places lie: x [1, w] and y [h, 1]."""
    x = (torch.arange(w, device=device) + 0.5) * stride
    y = (torch.arange(h, device=device) + 0.5) * stride
    return x[None, :], y[:, None]


def _focal(heat: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss that punishes places near a middle less (Law & Deng 2018, eq. 1)."""
    score = heat.sigmoid()
    middle = wanted >= 1.0 - 1e-4
    plain = binary_cross_entropy_with_logits(heat, middle.float(), reduction="none")
    miss = torch.where(middle, 1 - score, score)
    near = torch.where(middle, torch.ones_like(wanted), (1 - wanted) ** 4)
    return plain * miss**2 * near
