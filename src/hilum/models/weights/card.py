"""What is known of weights that somebody published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from hilum.models.weights.levels import Levels


def as_built(_network: nn.Module) -> None:
    """The network is the origin's already."""


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """Weights that somebody published.

    Attributes:
        backbone: name of the network in :func:`hilum.models.backbones.build_backbone`.
        licence: SPDX identifier.
        origin: who published them, and where they are described.
        value_range: what grey 0 and 1 were in their training, before mean and deviation.
        mean: subtracted after that; one number, or one a colour.
        std: divided by after that.
        sha256: digests of the files that this card speaks of; another file with the same names
            of tensors is not known by it.
        timm_options: keyword arguments that the timm builder needs to be the same network.
        adapt: changes a freshly built network where timm differs from the origin.
    """

    backbone: str
    licence: str
    origin: str
    value_range: tuple[float, float]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    sha256: tuple[str, ...] = ()
    timm_options: dict[str, str] = field(default_factory=dict)
    adapt: Callable[[nn.Module], None] = as_built

    @property
    def levels(self) -> Levels:
        """What grey 0 and 1 were in each colour."""
        return Levels.of(self.value_range, self.mean, self.std)
