"""Average pooling and one linear layer: what class activation maps were made for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.bundles.card import Graph
from hilum.models.heads.head import Head


class Linear(Head):
    """Average → dropout → linear.

    Args:
        width: channels of a map.
        outputs: raw outputs.
        views: maps whose vectors are joined end to end.
        dropout: share of features dropped in training, in [0, 1); None: 0.

    Source:
        Zhou et al. 2016, Learning deep features for discriminative localization, eq. 2.
    """

    maps = Graph().heatmaps

    def __init__(
        self, width: int, outputs: int, *, views: int = 1, dropout: float | None = None
    ) -> None:
        super().__init__()
        self.pooled = (width,)
        self.drop = nn.Dropout(dropout or 0.0)
        self.last = nn.Linear(views * width, outputs)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def pool(self, features: Tensor) -> Tensor:
        """[batch, width] of a map [batch, width, h, w]."""
        return features.mean((2, 3))

    def forward(self, pooled: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of pooled vectors [batch, views · width]."""
        return self.last(self.drop(pooled))

    def evidence(self, features: Tensor, view: int = 0) -> Tensor:
        """Contributions [batch, outputs, h, w]; their means over all views, and the bias, sum."""
        width = features.shape[1]
        weight = self.last.weight[:, view * width : (view + 1) * width]
        return torch.einsum("bchw,fc->bfhw", features, weight)

    @torch.no_grad()
    def start(self, outputs: Tensor) -> None:
        """Give these outputs [outputs] to a vector of zeros."""
        self.last.bias.copy_(outputs)
