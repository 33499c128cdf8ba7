"""How large a part of a batch fits into memory, found before training begins."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.errors import RunError

SPARE = 0.8
"""Share of the free memory that training may take: other programs and fragments need the rest."""

BACKWARD = 1.5
"""The backward pass holds gradients of activations beside the activations. Peaks of whole steps on
a processor lay between 1.1 and 1.4 times what autograd saves (DenseNet121, ResNet50 at 224 px)."""

PASSING = 2
"""What the largest layer takes in and gives out is held so many times while it is computed; this
is most of what a network takes whose first layers are frozen."""

MOMENTS = 3
"""Gradient and the two moments of Adam, of every parameter that learns."""


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
    """Memory that is free: of the GPU, or of the machine and the control groups it runs in."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([_available(), *_left_in_groups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])


@dataclass(frozen=True, slots=True)
class Need:
    """Memory that learning takes beside the program and the weights.

    Attributes:
        image_bytes: of each image that is worked off at the same time.
        fixed_bytes: gradients, what an optimiser keeps, and what no image adds to.
    """

    image_bytes: int
    fixed_bytes: int

    def of(self, images: int) -> int:
        """Bytes for so many images at a time."""
        return self.fixed_bytes + images * self.image_bytes

    def largest(self, batch: int, room: int) -> int:
        """The largest part of a batch, of the form batch / 2ⁿ, that fits.

        Args:
            batch: wanted.
            room: bytes.

        Raises:
            RunError: not even one image fits.
        """
        fits = (room - self.fixed_bytes) // self.image_bytes
        if fits < 1:
            raise RunError(
                f"Not even one image fits into memory: it takes {self.image_bytes / 1e9:.2f} GB "
                f"beside {self.fixed_bytes / 1e9:.2f} GB for gradients and what the optimiser "
                f"keeps, and {max(0, room) / 1e9:.2f} GB may be taken. Choose a smaller network or "
                "input, freeze more of it, or free memory (fit.memory_gb says how much to take)."
            )
        part = batch
        while part > fits:
            part = (part + 1) // 2
        return part


def needed(network: nn.Module, forward: Callable[[int], Tensor]) -> Need:
    """What learning will take, from forward passes of two images and of four.

    Nothing is learnt; running means and variances of batch normalisation are put back.

    Args:
        network: that learns; its parameters that do.
        forward: images in a batch → a loss.
    """
    before = {name: value.clone() for name, value in network.named_buffers()}
    parameters = list(network.parameters())
    few, more = (saved_bytes(lambda n=n: forward(n), parameters) for n in (2, 4))
    passing = _passing(network, forward)
    for name, value in network.named_buffers():
        value.copy_(before[name])
    each = max(1, (more - few) // 2)
    once = max(0, few - 2 * each)
    learnt = sum(p.numel() * p.element_size() for p in parameters if p.requires_grad)
    return Need(max(round(BACKWARD * each), each + PASSING * passing), MOMENTS * learnt + once)


def _passing(network: nn.Module, forward: Callable[[int], Tensor]) -> int:
    """Bytes of an image that the largest layer takes in and gives out, kept or not."""
    most = 0

    def look(_module: nn.Module, taken: tuple[object, ...], given: object) -> None:
        nonlocal most
        both = [t for t in (*taken, given) if isinstance(t, Tensor)]
        most = max(most, sum(t.numel() * t.element_size() for t in both))

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [leaf.register_forward_hook(look) for leaf in leaves]
    try:
        with torch.no_grad():
            forward(2)
    finally:
        for hook in hooks:
            hook.remove()
    return most // 2


def room_bytes(device: torch.device, *, limit_gb: float, processes: int = 1) -> int:
    """Bytes that learning may take.

    Args:
        device: where.
        limit_gb: as the recipe says; 0 for what is free.
        processes: that share the memory of a computer; a GPU is one process's own.
    """
    if limit_gb:
        return int(limit_gb * 1e9)
    free = int(free_bytes(device) * SPARE)
    return free if device.type == "cuda" else free // processes


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


def _left_in_groups(said: Path, root: Path) -> list[int]:
    """What each control group that this process is in leaves, pages of files not counted.

    A group has a limit of its own, and so has each that it lies in; a container often sees its own
    group as the root.
    """
    try:
        lines = [line.split(":", 2) for line in said.read_text().splitlines()]
    except OSError:  # no Linux
        return []
    left: list[int] = []
    for _, controllers, path in lines:
        if controllers == "":
            base, limit, used, pages = root, "memory.max", "memory.current", _PAGES[0]
        elif "memory" in controllers.split(","):
            base, pages = root / "memory", _PAGES[1]
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        group = base / path.lstrip("/")
        for at in (group, *group.parents):
            if not at.is_relative_to(base):
                break
            top, now = _number(at / limit), _number(at / used)
            if top is not None and now is not None:
                left.append(max(0, top - now + _statistic(at / "memory.stat", pages)))
    return left


_PAGES = (("inactive_file", "active_file"), ("total_inactive_file", "total_active_file"))
"""Pages of files, which a group gives up before anything fails: in its version 2, and in 1."""


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such control group, or "max"
        return None


def _statistic(path: Path, names: Sequence[str]) -> int:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return 0
    return sum(int(line[1]) for line in lines if line[0] in names)
