"""What only the network itself can tell: units that are dead, the layer that broke."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

DYING = (nn.ReLU, nn.ReLU6, nn.Hardswish)
"""Activations that are exactly zero, with a gradient of zero, over a half-line."""


def dead_units(network: nn.Module, batch: Tensor) -> dict[str, float]:
    """Share of each layer's channels that are zero at every place of every image of a batch.

    Activations that are modules are seen (ReLU, ReLU6, Hardswish); calls of functions are not. A
    module that is used several times counts as "name", "name #2" and so on.

    Args:
        network: left as it was; computed in evaluation mode, without gradients. Not the result
            of ``torch.compile``, whose hooks do not run.
        batch: an input of the network; a dozen images or more, or many channels rest by chance.

    Returns:
        Layer → share in [0, 1], in the order of the forward pass; empty where nothing can die.
    """
    shares: dict[str, float] = {}
    calls: dict[str, int] = {}

    def look(name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        calls[name] = calls.get(name, 0) + 1
        label = name if calls[name] == 1 else f"{name} #{calls[name]}"
        channels = output.movedim(1 if output.ndim == 4 else -1, 0).flatten(1)
        shares[label] = float((channels == 0).all(1).float().mean())

    hooks = [
        module.register_forward_hook(partial(look, name))
        for name, module in network.named_modules()
        if isinstance(module, DYING)
    ]
    _forward(network, batch, hooks)
    return shares


def first_not_finite(network: nn.Module, batch: Tensor | None = None) -> str:
    """Where a network first holds or gives something that is no finite number.

    Args:
        network: left as it was.
        batch: an input, to look at what the layers give; None looks at weights and gradients only.

    Returns:
        Such as "input", "weight layer1.0.conv1.weight", "output of layer3.0.bn2" or, where all of
        those are finite, "gradient of head.bias", looked for from the loss backwards; "" where
        everything is finite.
    """
    if batch is not None and not torch.isfinite(batch).all():
        return "input"
    weights = list(network.named_parameters())
    for name, weight in weights:
        if not torch.isfinite(weight).all():
            return f"weight {name}"
    output = "" if batch is None else _broken_output(network, batch)
    if output:
        return f"output of {output}"
    for name, weight in reversed(weights):
        if weight.grad is not None and not torch.isfinite(weight.grad).all():
            return f"gradient of {name}"
    return ""


def _broken_output(network: nn.Module, batch: Tensor) -> str:
    broken: list[str] = []

    def look(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and not torch.isfinite(output).all():
            broken.append(name)

    hooks = [
        module.register_forward_hook(partial(look, name))
        for name, module in network.named_modules()
        if not list(module.children())
    ]
    _forward(network, batch, hooks)
    return broken[0] if broken else ""


def _forward(network: nn.Module, batch: Tensor, hooks: list[Any]) -> None:
    modes = {module: module.training for module in network.modules()}
    try:
        network.eval()
        with torch.no_grad():
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
