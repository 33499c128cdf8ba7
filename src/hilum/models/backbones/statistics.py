"""Statistics of batch normalisation, measured again without changing what the network gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models.backbones.backbone import Backbone
from hilum.models.backbones.trace import evaluating


def reestimate(backbone: Backbone, batches: Iterable[Tensor]) -> list[str]:
    """Measure mean and variance before each batch normalisation on images of one's own.

    Scale and offset are solved so that slope and offset of the evaluated network stay: it gives
    what it gave. Weights whose published statistics are estimates, as those of networks in which
    they had been joined with the convolutions, can then be trained with statistics of the batch.

    Args:
        backbone: changed in place.
        batches: of images [batch, 1, rows, columns], as in training.

    Returns:
        Names of the modules measured.

    Raises:
        RecipeError: it has no batch normalisation, or there is no batch.
    """
    norms = {
        name: module
        for name, module in backbone.net.named_modules()
        if isinstance(module, nn.BatchNorm2d) and module.affine and module.track_running_stats
    }
    if not norms:
        raise RecipeError(f"{backbone.name} has no batch normalisation to measure.")
    sums: dict[str, Tensor] = {}
    handles = [m.register_forward_pre_hook(_adder(sums, name)) for name, m in norms.items()]
    try:
        with evaluating(backbone), torch.no_grad():
            for images in batches:
                backbone(images)
    finally:
        for handle in handles:
            handle.remove()
    if not sums:
        raise RecipeError("No batch to measure statistics on.")
    for name, norm in norms.items():
        _solve(norm, *sums[name])
    return list(norms)


def _adder(sums: dict[str, Tensor], name: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
    def add(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        number = torch.full_like(values[:, 0], values.shape[1])
        new = torch.stack([number, values.sum(1), values.square().sum(1)])
        sums[name] = sums[name] + new if name in sums else new

    return add


@torch.no_grad()
def _solve(norm: nn.BatchNorm2d, number: Tensor, total: Tensor, squares: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = total / number
    variance = (squares / number - mean.square()).clamp(min=0)
    slope = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    offset = norm.bias.double() + (mean - norm.running_mean.double()) * slope
    norm.weight.copy_(slope * torch.sqrt(variance + norm.eps))
    norm.bias.copy_(offset)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
