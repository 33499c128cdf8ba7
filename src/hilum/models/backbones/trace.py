"""One pass of a network without numbers: what is called and used, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


@dataclass(slots=True)
class Trace:
    """What one pass did; times count calls and uses in their order.

    Attributes:
        entered: times at which a module was called.
        left: time at which a module's last call ended; not there if the pass stopped inside.
        used: time at which a parameter was first used.
        outputs: what a module's last call gave, where that is a tensor; without numbers.
        result: what the pass gave, without numbers.
        parameters: stand-ins of the parameters, without numbers, that ``result`` was made from.
    """

    entered: dict[str, list[int]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    result: Any = None
    parameters: dict[str, Tensor] = field(default_factory=dict)

    def after(self, name: str) -> float:
        """The time at which the first module behind a module is called."""
        calls = (time for times in self.entered.values() for time in times)
        return min((time for time in calls if time > self.left[name]), default=inf)


class _Pass(nn.Module):
    """Makes a function of a network a module, as ``functional_call`` wants one."""

    def __init__(self, net: nn.Module, run: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.net = net
        self.run = run

    def forward(self, image: Tensor) -> Any:
        return self.run(image)


class _Uses(TorchFunctionMode):
    def __init__(self, names: dict[int, str], note: Callable[[str], object]) -> None:
        super().__init__()
        self.names = names
        self.note = note

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") != "__get__":  # reading a shape is no use
            for leaf in tree_leaves((args, kwargs)):
                if id(leaf) in self.names:
                    self.note(self.names[id(leaf)])
        return func(*args, **(kwargs or {}))


def trace(net: nn.Module, run: Callable[[Tensor], Any], size: tuple[int, int]) -> Trace:
    """Follow ``run`` on an image of a size, in evaluation mode, on the device without memory.

    Args:
        net: whose modules and parameters are followed.
        run: what is done with an image [1, 1, rows, columns]; calls ``net``.
        size: rows and columns.

    Returns:
        The trace; ``result`` still knows which parameters it was made from.
    """
    kept = Trace()
    clock = iter(range(10**9))
    kept.parameters = {
        name: torch.empty_like(p, device="meta").requires_grad_()
        for name, p in net.named_parameters()
    }
    buffers = {n: torch.empty_like(b, device="meta") for n, b in net.named_buffers()}
    state = {f"net.{n}": t for n, t in (kept.parameters | buffers).items()}
    names = {id(t): n for n, t in kept.parameters.items()}
    uses = _Uses(names, lambda name: kept.used.setdefault(name, next(clock)))

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: kept.entered.setdefault(name, []).append(next(clock))

    def leave(name: str) -> Callable[..., None]:
        def note(_module: nn.Module, _inputs: object, output: object) -> None:
            kept.left[name] = next(clock)
            if isinstance(output, Tensor):
                kept.outputs[name] = output

        return note

    handles = []
    for name, module in net.named_modules():
        handles.append(module.register_forward_pre_hook(enter(name)))
        handles.append(module.register_forward_hook(leave(name), prepend=True))
    image = torch.empty(1, 1, *size, device="meta")
    try:
        with evaluating(net), torch.enable_grad(), uses:
            kept.result = torch.func.functional_call(_Pass(net, run), state, (image,))
    finally:
        for handle in handles:
            handle.remove()
        _forget(net)
    return kept


def _forget(net: nn.Module) -> None:
    # Some attention (LeViT, TinyViT) keeps its biases by device in evaluation mode.
    for module in net.modules():
        kept = getattr(module, "attention_bias_cache", None)
        if isinstance(kept, dict):
            kept.pop("meta", None)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every module gets its own mode back."""
    modes = [(module, module.training) for module in net.modules()]
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
