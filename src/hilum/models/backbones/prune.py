"""Remove from a network what its features do not depend on."""

from __future__ import annotations

from collections.abc import Set

import torch
from torch import Tensor, nn

from hilum.models.backbones.trace import Trace


def prune(net: nn.Module, seen: Trace, behind: Set[str] = frozenset()) -> frozenset[str]:
    """Remove every parameter on which the result of a pass does not depend.

    Args:
        net: changed in place; modules without a use become ``nn.Identity``.
        seen: the pass.
        behind: names of modules that are no longer called; they go as well.

    Returns:
        Names of parameters and buffers removed.
    """
    before = set(net.state_dict())
    needed = _needed(seen.result, seen.parameters)
    # A branch beside the end goes whole: an activation that is left of it might work in place.
    outputs = {n: t for n, t in seen.outputs.items() if n and t.requires_grad}
    beside = set(outputs) - _needed(seen.result, outputs)
    _prune(net, "", needed, behind | beside)
    return frozenset(before - set(net.state_dict()))


def _needed(result: Tensor, tensors: dict[str, Tensor]) -> set[str]:
    """Names of those on which a result depends."""
    if not tensors:
        return set()
    found = torch.autograd.grad(
        result.sum(), list(tensors.values()), allow_unused=True, retain_graph=True
    )
    return {name for name, gradient in zip(tensors, found, strict=True) if gradient is not None}


def _prune(module: nn.Module, path: str, needed: set[str], behind: Set[str]) -> None:
    for name, parameter in list(module.named_parameters(path, recurse=False)):
        if parameter is not None and name not in needed:
            module.register_parameter(name.rpartition(".")[2], None)
    for child_name, child in list(module.named_children()):
        child_path = f"{path}.{child_name}" if path else child_name
        inner = {f"{child_path}.{n}" for n, _ in child.named_parameters()}
        if needed & inner:
            _prune(child, child_path, needed, behind)
        elif inner or child_path in behind:
            module._modules[child_name] = nn.Identity()
