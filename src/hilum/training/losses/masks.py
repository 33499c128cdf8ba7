"""The loss of maps: tasks segmentation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hilum.training.losses.cells import wide


def dice_bce(
    logits: Tensor, targets: Tensor, mask: Tensor, *, dice: float = 0.5, smooth: float = 1.0
) -> Tensor:
    """Soft Dice and binary cross-entropy of each structure on each image.

    dice × (1 - (2 Σ p t + smooth) / (Σ p + Σ t + smooth)) + (1 - dice) × mean of the binary
    cross-entropy, sums and mean over the pixels of one image.

    Args:
        logits: [B, S, h, w], a map a structure.
        targets: [B, S, h, w], 0 to 1.
        mask: [B, S], 0 where a structure was not drawn on an image.
        dice: share of Dice.
        smooth: pixels added above and below the fraction: an empty mask met by nothing costs 0.

    Returns:
        [B, S].

    Source: Milletari et al. 2016, with p and t in the place of their squares.
    """
    there = mask > 0
    pixels = there[:, :, None, None]
    x = wide(logits)
    zero = x.new_zeros(())
    x, t = torch.where(pixels, x, zero), torch.where(pixels, targets.to(zero), zero)
    p = torch.sigmoid(x)
    overlap = (2 * (p * t).sum((2, 3)) + smooth) / (p.sum((2, 3)) + t.sum((2, 3)) + smooth)
    entropy = binary_cross_entropy_with_logits(x, t, reduction="none").mean((2, 3))
    return torch.where(there, dice * (1 - overlap) + (1 - dice) * entropy, 0)
