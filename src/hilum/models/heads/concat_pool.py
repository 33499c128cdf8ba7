"""Average and maximum pooling side by side, and two layers: fastai's head for transfer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.models.heads.head import Head

HIDDEN = 512


class ConcatPool(Head):
    """Maximum and average → batch norm → dropout → 512 → ReLU → batch norm → dropout → outputs.

    Neither linear layer has a bias, as the layers in front of them shift already: 528,384
    parameters for 512 channels and two outputs. Where the outputs begin is kept beside them, and
    is not learnt. Its evidence has no exact map: the second layer sees no places any more.
    Batch norm needs at least two radiographs in a training batch.

    Args:
        width: channels of a map.
        outputs: raw outputs.
        views: maps whose vectors are joined end to end.
        dropout: share of the hidden layer dropped in training, in [0, 1), half of it in front of
            the first layer; None: 0.5.

    Source:
        Howard & Gugger 2020, fastai: a layered API for deep learning (``create_head``).
    """

    maps = ""

    def __init__(
        self, width: int, outputs: int, *, views: int = 1, dropout: float | None = None
    ) -> None:
        super().__init__()
        self.pooled = (2 * width,)
        dropped = 0.5 if dropout is None else dropout
        joined = 2 * width * views
        self.layers = nn.Sequential(
            nn.BatchNorm1d(joined),
            nn.Dropout(dropped / 2),
            nn.Linear(joined, HIDDEN, bias=False),
            nn.ReLU(),
            nn.BatchNorm1d(HIDDEN),
            nn.Dropout(dropped),
        )
        self.last = nn.Linear(HIDDEN, outputs, bias=False)
        self.begin: Tensor
        self.register_buffer("begin", torch.zeros(outputs))
        nn.init.kaiming_normal_(self.layers[2].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)

    def pool(self, features: Tensor) -> Tensor:
        """[batch, 2 · width] of a map [batch, width, h, w]."""
        return torch.cat([features.amax((2, 3)), features.mean((2, 3))], 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of pooled vectors [batch, views · 2 · width]."""
        return self.last(self.layers(pooled)) + self.begin

    def evidence(self, features: Tensor, view: int = 0) -> None:
        """There is no exact map of this head's evidence."""

    @torch.no_grad()
    def start(self, outputs: Tensor) -> None:
        """Give these outputs [outputs] to every radiograph before the first step."""
        self.begin.copy_(outputs)
