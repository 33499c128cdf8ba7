"""What every head that draws boxes offers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from hilum.models.detection.targets import Targets

PRIOR = 0.01
"""Scores before anything is learnt (Lin et al. 2017, Focal loss, section 4.1)."""


class BoxHead(nn.Module):
    """From maps of a backbone's stages to boxes.

    Attributes:
        strides: of the maps that it wants, the finest first, in pixels of the input.
        parts: names of its losses.
        width: channels of the map that :meth:`merged` gives first.
    """

    strides: tuple[int, ...]
    parts: tuple[str, ...]
    width: int

    def merged(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of one width [B, width, h, w] that see the whole picture, the finest first."""
        raise NotImplementedError

    def losses(self, maps: Sequence[Tensor], targets: Targets, size: tuple[int, int]) -> Tensor:
        """How wrong it is on each image: float32 [B, parts]; 0 where nobody annotated.

        Args:
            maps: from :meth:`merged`.
            targets: on the same device.
            size: rows and columns of the images.
        """
        raise NotImplementedError

    def candidates(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Boxes [B, kinds, n, 4] in pixels of the input, and their scores [B, kinds, n]."""
        raise NotImplementedError

    def start(self, boxes: Targets) -> None:
        """Begin with what the training rows' boxes are like, where that can be said."""


def bare(width: int) -> nn.Module:
    """What stands where torchvision expects a backbone: it has a width and nothing else."""
    found = nn.Identity()
    vars(found)["out_channels"] = width
    return found
