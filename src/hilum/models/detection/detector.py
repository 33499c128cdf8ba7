"""A network that draws boxes, and may say findings and draw structures as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.models import outputs
from hilum.models.backbones import Backbone
from hilum.models.detection.head import BoxHead
from hilum.models.detection.stages import Stages
from hilum.models.detection.suppression import suppressed
from hilum.models.detection.targets import Targets
from hilum.models.heads import build_head
from hilum.models.segmentation import RARE
from hilum.models.tasks import Task


class Learning(NamedTuple):
    """What one pass gives to learn from.

    Attributes:
        raw: outputs of the class task [B, outputs]; None without one.
        masks: log-odds [B, structures, h, w], at the input's size divided by the detector's
            ``mask_stride``; None without structures.
        losses: of the boxes, float32 [B, parts].
    """

    raw: Tensor | None
    masks: Tensor | None
    losses: Tensor


class Found(NamedTuple):
    """Everything that one pass finds.

    Attributes:
        logits: log-odds [B, findings]; None without a class task.
        features: the averaged feature map [B, width].
        cams: [B, findings, h, w], evidence of the log-odds; None without a class task.
        masks: log-odds [B, structures, h, w]; None without structures.
        boxes: candidates [B, kinds, n, 4] in pixels of the input.
        scores: of the candidates, [B, kinds, n].
    """

    logits: Tensor | None
    features: Tensor
    cams: Tensor | None
    masks: Tensor | None
    boxes: Tensor
    scores: Tensor


class Detector(nn.Module):
    """Backbone → stages → boxes; beside them findings from its end and masks from its finest map.

    Args:
        backbone: any that gives a map, with the weights of a classifier or none.
        boxes: the head that draws boxes.
        kinds: what it draws boxes around.
        task: findings that are said of the whole image; None for none.
        structures: masks that are learnt beside the boxes.

    Attributes:
        parts: names of the boxes' losses.
        findings: keys of the class task, in the order of the log-odds.
        heatmaps: what the maps of evidence are, in words; "" without a class task.
        mask_stride: pixels of the input between places of the masks.
    """

    def __init__(
        self,
        backbone: Backbone,
        boxes: BoxHead,
        kinds: Sequence[str],
        *,
        task: Task | None = None,
        structures: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.kinds, self.task, self.structures = tuple(kinds), task, tuple(structures)
        self.parts = boxes.parts
        self.findings = task.findings if task else ()
        self.backbone = backbone
        self.stages = Stages(backbone, boxes.strides)
        self.boxes = boxes
        self.mask_stride = boxes.strides[0]
        self.classes = build_head("linear", backbone.width, task.outputs) if task else None
        self.heatmaps = outputs.heatmaps([task], self.classes) if task and self.classes else ""
        self.masks = nn.Conv2d(boxes.width, len(self.structures), 1) if structures else None
        if self.masks is not None:
            nn.init.zeros_(self.masks.weight)
            nn.init.constant_(cast("Tensor", self.masks.bias), -1.0)  # mostly background

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Log-odds (with a task), masks (with structures) and boxes [B, 100, 6] of images.

        Args:
            image: float32 [B, 1, rows, columns].

        Returns:
            Boxes come last: left, top, right, bottom in pixels of the input, score, kind; the
            surest first, those that overlap suppressed, filled up with zeros.
        """
        found = self.everything(image)
        drawn = suppressed(found.boxes, found.scores)
        return tuple(one for one in (found.logits, found.masks, drawn) if one is not None)

    def everything(self, image: Tensor) -> Found:
        """All that one pass gives; boxes are not suppressed yet."""
        end, maps = self._maps(image)
        free = None if self.classes is None else self.classes(self.classes.pool(end))
        logits = cams = None
        if free is not None and self.task is not None and self.classes is not None:
            logits = outputs.log_odds_of_free([self.task], free)
            evidence = self.classes.evidence(end)
            assert evidence is not None  # a linear head has its maps
            cams = outputs.cams([self.task], free, evidence)
        boxes, scores = self.boxes.candidates(maps, (image.shape[2], image.shape[3]))
        return Found(logits, end.mean((2, 3)), cams, self._drawn(maps), boxes, scores)

    def learning(self, image: Tensor, targets: Targets) -> Learning:
        """Raw outputs, masks and losses of boxes in one pass.

        Args:
            image: float32 [B, 1, rows, columns].
            targets: boxes of these images, on their device.
        """
        end, maps = self._maps(image)
        raw = None
        if self.classes is not None and self.task is not None:
            raw = outputs.arranged([self.task], self.classes(self.classes.pool(end)))
        losses = self.boxes.losses(maps, targets, (image.shape[2], image.shape[3]))
        return Learning(raw, self._drawn(maps), losses)

    def losses(self, image: Tensor, targets: Targets) -> Tensor:
        """Losses of the boxes, float32 [B, parts]; 0 for images that nobody annotated."""
        return self.learning(image, targets).losses

    def log_odds(self, raw: Tensor) -> Tensor:
        """Log-odds [B, findings] of raw outputs of the class task."""
        return outputs.log_odds([self.task] if self.task else [], raw)

    @torch.no_grad()
    def start(
        self,
        *,
        classes: tuple[NDArray[np.float32], NDArray[np.bool_]] | None = None,
        areas: tuple[NDArray[np.float32], NDArray[np.bool_]] | None = None,
        boxes: Targets | None = None,
    ) -> None:
        """Let the untrained heads say what is usual on the training rows.

        Args:
            classes: targets and which count, both [rows, findings].
            areas: shares of pictures that structures cover, and where they were drawn, both
                [rows, structures].
            boxes: of training rows, in pixels of the input.
        """
        if classes is not None and self.classes is not None and self.task is not None:
            self.classes.start(outputs.start([self.task], *classes))
        if areas is not None and self.masks is not None:
            share = (areas[0] * areas[1]).sum(0) / np.maximum(areas[1].sum(0), 1)
            share = torch.from_numpy(np.clip(share, RARE, 1 - RARE).astype(np.float32))
            cast("Tensor", self.masks.bias).copy_(share.logit())
        if boxes is not None:
            self.boxes.start(boxes)

    def _maps(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        end, maps = self.stages(self.backbone, image)
        return end, self.boxes.merged(maps)

    def _drawn(self, maps: Sequence[Tensor]) -> Tensor | None:
        return None if self.masks is None else self.masks(maps[0])
