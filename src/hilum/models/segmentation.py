"""A network that draws: maps of structures from the stages of a timm backbone.

The decoder is a feature pyramid (Lin et al. 2017): from the coarsest stage down, each stage is
brought to one width by a 1 × 1 convolution, the coarser sum is enlarged and added, and a
depthwise-separable 3 × 3 convolution smooths. Group normalisation (Wu & He 2018) keeps no
statistics of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.errors import RecipeError
from hilum.models import WEIGHTS
from hilum.models.weights import load_weights
from hilum.registry import unknown

GROUPS = 8
"""Channels are normalised in so many groups."""


class Segmenter(nn.Module):
    """Backbone → feature pyramid → one map of logits a structure, at half the input's size.

    Args:
        encoder: a timm network with ``forward_intermediates`` and ``feature_info``, one grey
            channel in.
        structures: number of maps.
        stages: how many of the encoder's stages are used, from the finest; later ones are cut off.
        width: channels of the pyramid, a multiple of 8.

    Raises:
        RecipeError: the encoder gives no maps, has fewer stages, or begins at another stride
            than 2.
    """

    def __init__(
        self, encoder: nn.Module, structures: int, *, stages: int = 4, width: int = 48
    ) -> None:
        super().__init__()
        channels = _channels(encoder, stages)
        if width % GROUPS:
            raise RecipeError(f"the decoder's width is a multiple of {GROUPS}, got {width}")
        self.stages = stages
        self.encoder = encoder
        self.lateral = nn.ModuleList(nn.Conv2d(n, width, 1) for n in channels)
        self.context = nn.ModuleList(
            _separable(width, dilation=step) for step in (1, 2, 4)
        )  # the coarsest map sees the whole chest
        self.smooth = nn.ModuleList(_separable(width) for _ in channels)
        self.head = nn.Conv2d(width, structures, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(cast("Tensor", self.head.bias), -1.0)  # most of a picture is background

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, structures, rows / 2, columns / 2] of images [B, 1, rows, columns].

        Rows and columns are multiples of the coarsest stage's stride.
        """
        encode = cast("Callable[..., list[Tensor]]", self.encoder.forward_intermediates)
        maps = encode(
            image, indices=list(range(self.stages)), intermediates_only=True, stop_early=True
        )
        down = self.lateral[-1](maps[-1])
        for block in self.context:
            down = down + block(down)
        down = down + down.mean((2, 3), keepdim=True)
        down = self.smooth[-1](down)
        for at in range(self.stages - 2, -1, -1):
            larger = functional.interpolate(
                down, size=maps[at].shape[2:], mode="bilinear", align_corners=False
            )
            down = self.smooth[at](larger + self.lateral[at](maps[at]))
        return self.head(down)

    def train(self, mode: bool = True) -> Segmenter:
        """Train or not; the encoder's batch normalisation keeps the statistics it came with."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def freeze_stages(network: Segmenter, count: int) -> None:
    """Stop the encoder's stem and its first blocks from learning: what they see is general.

    Args:
        network: changed in place.
        count: blocks of the encoder that keep their weights; 0 freezes nothing.
    """
    if not count:
        return
    kept = tuple(f"blocks.{at}." for at in range(count, 100))
    for name, parameter in network.encoder.named_parameters():
        if not name.startswith(kept):
            parameter.requires_grad = False


def build_encoder(name: str, weights: Path | None) -> tuple[nn.Module, str]:
    """A timm network with one grey channel, as published where its origin is known.

    Args:
        name: in timm.
        weights: a safetensors file; None leaves the network as it was initialised.

    Returns:
        The network, and the SHA-256 of the file ("" without one).

    Raises:
        RecipeError: timm knows no such network, or the weights do not fit.
    """
    if not timm.is_model(name):
        raise RecipeError(unknown("backbone", name, timm.list_models()))
    options: dict[str, Any] = {}
    card = WEIGHTS.resolve(name) if name in WEIGHTS else None
    if card:
        options = dict(card.timm_options)
    encoder = timm.create_model(name, pretrained=False, in_chans=1, num_classes=0, **options)
    if card:
        card.adapt(encoder)
    return encoder, load_weights(encoder, weights) if weights else ""


def _channels(encoder: nn.Module, stages: int) -> Sequence[int]:
    info = getattr(encoder, "feature_info", None)
    if info is None or not hasattr(encoder, "forward_intermediates"):
        raise RecipeError(
            f"{type(encoder).__name__} gives no maps of its stages; choose a convolutional network "
            f"of timm"
        )
    rows: list[dict[str, Any]] = list(getattr(info, "info", info))
    if not 2 <= stages <= len(rows):
        raise RecipeError(f"the encoder has {len(rows)} stages; 2 to so many can be used")
    if rows[0]["reduction"] != 2:
        raise RecipeError(
            f"the encoder begins at a stride of {rows[0]['reduction']}; 2 is needed for maps of "
            f"half the input's size"
        )
    prune = cast("Callable[..., object]", encoder.prune_intermediate_layers)
    prune(list(range(stages)), prune_norm=True, prune_head=True)
    return [int(row["num_chs"]) for row in rows[:stages]]


def _separable(width: int, *, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.GroupNorm(GROUPS, width),
        nn.ReLU(),
    )


def probabilities(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Probabilities [B, structures, rows, columns] of maps of logits, enlarged to a size."""
    larger = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return torch.sigmoid(larger)
