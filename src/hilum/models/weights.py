"""Published weights: what they are, where they came from, and how to load them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from hilum.errors import RecipeError


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """Weights that somebody published.

    Attributes:
        backbone: timm name of the network.
        licence: SPDX identifier.
        origin: who published them, and where they are described.
        value_range: what grey 0 and 1 were in their training, when the three colours shared one
            mean and deviation.
        timm_options: keyword arguments that the timm builder needs to be the same network.
        adapt: changes a freshly built network where timm differs from the origin.
    """

    backbone: str
    licence: str
    origin: str
    value_range: tuple[float, float]
    timm_options: dict[str, str]
    adapt: Callable[[nn.Module], None]


def load_weights(network: nn.Module, file: Path) -> str:
    """Load a safetensors file into a network, exactly.

    A first convolution for three colours is summed over them for a network with one grey channel:
    the same result as showing the grey three times.

    Args:
        network: a backbone; changed in place.
        file: safetensors, any floating type; turned to float32.

    Returns:
        SHA-256 of the file.

    Raises:
        RecipeError: the file is missing, no safetensors, or its tensors do not fit.
    """
    if not file.is_file():
        raise RecipeError(f"No weights at {file.name}; say where they are with --weights DIR.")
    data = file.read_bytes()
    try:
        state = load_file(file)
    except SafetensorError as error:
        raise RecipeError(f"{file.name} is no safetensors file ({error}).") from error
    wanted = network.state_dict()
    for name, tensor in state.items():
        value = tensor.float() if tensor.is_floating_point() else tensor
        target = wanted.get(name)
        if target is not None and value.ndim == 4 and target.shape[1] == 1 < value.shape[1]:
            value = value.sum(1, keepdim=True)
        state[name] = value
    # Published files leave out the counters of batch normalisation, which nothing reads.
    state |= {n: t for n, t in wanted.items() if n.endswith(".num_batches_tracked")}
    missing = sorted(set(wanted) - set(state))
    extra = sorted(set(state) - set(wanted))
    shapes = sorted(n for n in state if n in wanted and state[n].shape != wanted[n].shape)
    if missing or extra or shapes:
        raise RecipeError(
            f"{file.name} does not fit the network: {len(missing)} tensors missing "
            f"{missing[:3]}, {len(extra)} unknown {extra[:3]}, {len(shapes)} of other shape "
            f"{shapes[:3]}."
        )
    with torch.no_grad():
        network.load_state_dict(state)
    return hashlib.sha256(data).hexdigest()
