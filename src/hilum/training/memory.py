"""How large a part of a batch fits into memory, found before training begins."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.errors import RunError

SPARE = 0.8
"""Share of the free memory that training may take: other programs and fragments need the rest."""


def saved_bytes(forward: Callable[[], Tensor], parameters: Sequence[Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass, parameters left out.

    Counted from what autograd saves, each storage once, so that the number is the same on every
    machine and needs no memory of its own measured.
    """
    own = {p.untyped_storage().data_ptr() for p in parameters}
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = forward()
    del loss
    return sum(seen.values())


def free_bytes(device: torch.device) -> int:
    """Memory that is free: of the GPU, or of the machine and the control group it runs in."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = [_available()]
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        top, now = _number(limit), _number(used)
        if top is not None and now is not None:
            found.append(max(0, top - now))
    return min(found)


def fitting(
    network: nn.Module,
    forward: Callable[[int], Tensor],
    batch: int,
    *,
    device: torch.device,
    limit_bytes: int,
) -> int:
    """The largest part of a batch, of the form batch / 2ⁿ, that fits into memory.

    Two forward passes, of two images and of four, tell what one more image costs; gradients and
    two moments an optimiser keeps come on top. Nothing is learnt.

    Args:
        network: that learns; its parameters that do.
        forward: images in a batch → a loss.
        batch: wanted.
        device: whose free memory counts.
        limit_bytes: memory that may be taken; 0 for what is free.

    Returns:
        Images that are worked off at a time, in [1, batch].

    Raises:
        RunError: not even one image fits.
    """
    parameters = list(network.parameters())
    few, more = (saved_bytes(lambda n=n: forward(n), parameters) for n in (2, 4))
    each = max(1, (more - few) // 2)
    once = max(0, few - 2 * each)
    learnt = sum(p.numel() * p.element_size() for p in parameters if p.requires_grad)
    room = limit_bytes or int(free_bytes(device) * SPARE)
    room -= 3 * learnt + once  # gradient and the two moments of Adam
    # The backward pass holds gradients of activations beside the activations.
    fits = int(room / (1.5 * each))
    if fits < 1:
        raise RunError(
            f"Not even one image fits into memory: it takes {1.5 * each / 1e9:.2f} GB beside "
            f"{(3 * learnt + once) / 1e9:.2f} GB for weights, and {max(0, room) / 1e9:.2f} GB are "
            "free. Choose a smaller network or input, freeze more of it, or free memory."
        )
    part = batch
    while part > fits:
        part = (part + 1) // 2
    return part


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    told = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in told or "not enough memory" in told or "out of memory" in told
    )


def resident_mb(device: torch.device) -> float:
    """Largest memory so far, in 10⁶ bytes: of this process, or on the GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if os.uname().sysname == "Darwin" else peak * 1024 / 1e6


def _available() -> int:
    told = Path("/proc/meminfo")
    if told.exists():
        for line in told.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return sys.maxsize  # macOS and Windows do not tell; there only a real shortage halves the parts


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such control group, or "max"
        return None
