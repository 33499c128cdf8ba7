"""Attention over places, one map an output: small findings are not averaged away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.models.heads.head import Head


class Attention(Head):
    """Weighted average, its weights learnt for each output → dropout → linear.

    output_f = Σ_p a_f(p) · w_f·x(p) + b_f, with a_f = softmax over places p of u_f·x(p). It begins
    as the linear head: u = 0 weighs all places alike. The evidence is exact.

    Args:
        width: channels of a map.
        outputs: raw outputs.
        views: maps whose vectors are joined end to end.
        dropout: share of features dropped in training, in [0, 1); None: 0.

    Source:
        Ilse et al. 2018, Attention-based deep multiple instance learning, eq. 7 and 8, with a
        linear score instead of its tanh, and one a finding.
    """

    maps = "class activation maps weighted by attention; their mean plus a bias is the logit"

    def __init__(
        self, width: int, outputs: int, *, views: int = 1, dropout: float | None = None
    ) -> None:
        super().__init__()
        self.pooled = (outputs, width)
        self.drop = nn.Dropout(dropout or 0.0)
        self.score = nn.Conv2d(width, outputs, 1, bias=False)
        self.weight = nn.Parameter(torch.zeros(outputs, views * width))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.zeros_(self.score.weight)

    def pool(self, features: Tensor) -> Tensor:
        """[batch, outputs, width] of a map [batch, width, h, w]."""
        return torch.einsum("bfhw,bchw->bfc", self.attention(features), features)

    def forward(self, pooled: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of pooled vectors [batch, outputs, views · width]."""
        return (self.drop(pooled) * self.weight).sum(2) + self.bias

    def attention(self, features: Tensor) -> Tensor:
        """Weights [batch, outputs, h, w] that sum to 1 over places."""
        score = self.score(features)
        return torch.softmax(score.flatten(2), 2).reshape(score.shape)

    def evidence(self, features: Tensor, view: int = 0) -> Tensor:
        """Contributions [batch, outputs, h, w]; their means over all views, and the bias, sum."""
        width, places = features.shape[1], features.shape[2] * features.shape[3]
        weight = self.weight[:, view * width : (view + 1) * width]
        value = torch.einsum("bchw,fc->bfhw", features, weight)
        return self.attention(features) * value * places

    @torch.no_grad()
    def start(self, outputs: Tensor) -> None:
        """Give these outputs [outputs] to vectors of zeros."""
        self.bias.copy_(outputs)
