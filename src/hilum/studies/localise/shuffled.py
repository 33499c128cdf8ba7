"""The network with its weights in disorder, from the end inwards."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor

from hilum.models.backbones import Backbone
from hilum.studies.localise.maps import Eye

STEPS = {
    "the head": 0.0,
    "the head and the last tenth": 0.1,
    "the head and the last half": 0.5,
    "all": 1.0,
}
"""Name → share of the backbone's tensors, from its end, whose values are shuffled."""


def shuffled(eye: Eye, seed: int) -> Iterator[tuple[str, Backbone, Tensor]]:
    """The network, further in disorder at every step.

    Each tensor keeps its values and loses their places, so that their spread stays as it was.

    Yields:
        What is shuffled, the backbone and the head's weights.

    Source:
        Adebayo et al. 2018, Sanity Checks for Saliency Maps, § 3.1: cascading randomisation.
    """
    for name, share in STEPS.items():
        chance = torch.Generator().manual_seed(seed)
        backbone = deepcopy(eye.backbone)
        weights = list(backbone.net.parameters())
        with torch.no_grad():
            for one in reversed(weights[len(weights) - round(share * len(weights)) :]):
                one.copy_(_disordered(one, chance))
        yield name, backbone, _disordered(eye.head, chance)


def _disordered(values: Tensor, chance: torch.Generator) -> Tensor:
    order = torch.randperm(values.numel(), generator=chance)
    return values.detach().flatten()[order].reshape(values.shape)
